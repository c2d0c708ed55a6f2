/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML document as a tree, for the configuration. Only what a configuration needs: maps with
 * plain keys, lists and texts. Anchors, aliases, tags, merge keys, several documents and keys given
 * twice are refused with the line they stand on. Nothing is guessed: `yes` is a text.
 */
#ifndef FERRY_SERVER_YAMLDOC_H
#define FERRY_SERVER_YAMLDOC_H

#include "base/bytes.h"
#include "base/ctx.h"

enum {
	YAMLDOC_BYTES_MAX = 256 * 1024,
	YAMLDOC_DEPTH_MAX = 8,
	YAMLDOC_NODES_MAX = 5000,
	YAMLDOC_KEY_BYTES_MAX = 64,
};

enum yamldoc_kind { YAMLDOC_TEXT, YAMLDOC_LIST, YAMLDOC_MAP };

struct yamldoc_node {
	enum yamldoc_kind kind;
	int line;         /* from 1 */
	const char *key;  /* in a map, else NULL */
	const char *text; /* TEXT: NUL-terminated, without a NUL inside */
	bool quoted;      /* TEXT: written with quotes or as a block */
	size_t count;     /* LIST, MAP */
	struct yamldoc_node *first;
	struct yamldoc_node *next; /* of the same list or map */
};

/* Out: the root, in cx's arena; an empty document is a MAP without members.
 * Returns: ST_OK; ST_TOO_LARGE; ST_INVALID: the sentence starts with "<name>:<line>: ". */
MUST_USE enum status yamldoc_parse(struct ctx *cx, const struct yamldoc_node **out,
				   struct bytes text, const char *name);
/* The member of a map, NULL when it is not there. */
const struct yamldoc_node *yamldoc_member(const struct yamldoc_node *map, const char *key);
/* "a text", "a list", "a map". */
const char *yamldoc_kind_name(enum yamldoc_kind kind);

#endif
