/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as clients see them: ids, messages, events. Everything is copied into the arena. Pure.
 */
#ifndef FERRY_API_VIEW_H
#define FERRY_API_VIEW_H

#include "api/explain.h"
#include "storage/event.h"

enum { VIEW_ID_BYTES = 4 + 32 + 1 };

/* "msg_<32 hex>" */
void view_message_id(char out[VIEW_ID_BYTES], const struct uuid *id);
/* "idn_…": any prefix, in the arena. */
char *view_id_new(struct arena *a, const char *prefix, const struct uuid *id);
/* "qte_…" and the like: four characters, then a fresh UUIDv7. */
void view_fresh_id(char out[VIEW_ID_BYTES], const char prefix[4]);

/* What a client named: msg_… or 0x… (a guid). */
struct view_name {
	bool is_guid;
	struct uuid id;
	struct hash guid;
};
/* ST_INVALID with a detail at /id. */
MUST_USE enum status view_parse_name(struct ctx *cx, struct view_name *out, const char *text);

const struct api_chain *view_chain(const struct api_config *config, int64_t eid);
Ferry__V1__Message *view_message(struct arena *a, const struct api_config *config,
				 const struct world_view *w, const struct message *m,
				 int64_t now_us);
Ferry__V1__Event *view_event(struct arena *a, const struct event *e);
/* The strong tag of a message's version, without quotes. */
const char *view_etag(struct arena *a, int64_t version);
/* Is the tag in an If-None-Match list? Quotes and W/ do not matter; "*" is always in. */
bool view_etag_matches(const char *list, const char *etag);

ProtobufCBinaryData view_bytes(struct arena *a, const void *p, size_t n);

#endif
