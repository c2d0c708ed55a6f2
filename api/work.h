/* SPDX-License-Identifier: Apache-2.0
 *
 * Methods that are served one by one: each is a function of a call and a connection.
 */
#ifndef FERRY_API_WORK_H
#define FERRY_API_WORK_H

#include "api/handler.h"

struct work {
	struct api *api;
	struct api_call *call;
	struct ctx *cx; /* the thread's, with the call's deadline: rows live here, replies in
			   call->arena */
	struct db *db;
	const struct world_view *world;
	bool is_parked; /* the call waits elsewhere and may be gone already */
};

/* list.c */
MUST_USE enum status list_messages(struct work *w);
/* events.c */
MUST_USE enum status events_of_message(struct work *w);
MUST_USE enum status events_of_app(struct work *w);
MUST_USE enum status events_watch_message(struct work *w);
MUST_USE enum status events_watch_app(struct work *w);
/* A cursor of the app's feed. ST_INVALID for what is no cursor at all; ST_GONE for one that is not,
 * or no longer, of this feed. */
struct event_position;
MUST_USE enum status events_cursor(struct work *w, struct event_position *out, const char *text,
				   const char *pointer);
/* act.c */
MUST_USE enum status act_cancel(struct work *w);
MUST_USE enum status act_retry(struct work *w);
MUST_USE enum status act_execute(struct work *w);
MUST_USE enum status act_skip(struct work *w);
/* execution.c */
MUST_USE enum status execution_get(struct work *w);
/* lanes.c */
MUST_USE enum status lanes_chains(struct work *w);
MUST_USE enum status lanes_list(struct work *w);

/* The page size that holds: 50 when not given, at most 200; a detail when negative. */
size_t work_page_size(struct ctx *cx, int32_t given);

#endif
