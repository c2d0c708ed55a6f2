/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON that somebody else wrote. A text is parsed once, with a size, a depth and no member
 * twice; the values live as long as the cx's arena. The typed readers take a value (NULL when the
 * member is missing) and the words that name it in the sentence, and refuse everything that is not
 * exactly the form expected: all fail with ST_INVALID.
 */
#ifndef FERRY_BASE_JSON_H
#define FERRY_BASE_JSON_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/ctx.h"

enum { JSON_DEPTH_MAX = 32 };

/* Out: the root, released with the cx's arena; json_incref it to keep it longer.
 * ST_TOO_LARGE above bytes_max; ST_INVALID for what is not one JSON text of at most depth_max. */
MUST_USE enum status json_parse(struct ctx *cx, json_t **out, struct bytes text, size_t bytes_max,
				unsigned depth_max);

/* The member of an object; ST_INVALID when `object` is none, or the member missing or of another
 * type. */
MUST_USE enum status json_read_member(struct ctx *cx, json_t **out, const json_t *object,
				      const char *name, json_type type);
/* A text without control characters of at most bytes_max; borrowed from the value. */
MUST_USE enum status json_read_text(struct ctx *cx, const char **out, const json_t *v,
				    const char *what, size_t bytes_max);

/* "0x1f": no leading zeros, no sign, fits. As Ethereum's JSON-RPC writes quantities. */
MUST_USE enum status json_read_u64(struct ctx *cx, uint64_t *out, const json_t *v,
				   const char *what);
/* The same up to 256 bits, big-endian. */
MUST_USE enum status json_read_u256(struct ctx *cx, uint8_t out[32], const json_t *v,
				    const char *what);
/* "0x00ff": whole bytes, at most bytes_max, into the cx's arena. */
MUST_USE enum status json_read_data(struct ctx *cx, struct bytes *out, const json_t *v,
				    const char *what, size_t bytes_max);
/* Exactly n bytes. */
MUST_USE enum status json_read_fixed(struct ctx *cx, uint8_t *out, size_t n, const json_t *v,
				     const char *what);
MUST_USE enum status json_read_hash(struct ctx *cx, struct hash *out, const json_t *v,
				    const char *what);
MUST_USE enum status json_read_addr(struct ctx *cx, struct addr *out, const json_t *v,
				    const char *what);

#endif
