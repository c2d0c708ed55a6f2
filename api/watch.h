/* SPDX-License-Identifier: Apache-2.0
 *
 * Events as they happen. One thread follows the feeds of those apps somebody watches, reads each
 * event once and hands it to all who wait for it: streams, and GetMessage calls that wait for a
 * change. What a stream has not taken yet is bounded; a stream that lags is caught up from the
 * database later, so nothing is lost and nothing comes twice.
 */
#ifndef FERRY_API_WATCH_H
#define FERRY_API_WATCH_H

#include "api/handler.h"
#include "storage/event.h"

struct watch;
struct watch *watch_create(struct api *api);
/* All streams must be closed, or are freed when their owners close them. */
void watch_destroy(struct watch *w);
/* Ends streams and waits; later ones end at once. Any thread. */
void watch_stop(struct watch *w);
void watch_wake(struct watch *w);

/* Opens a stream on a message, after the event `after_seq`. ST_BUSY: too many streams. */
MUST_USE enum status watch_message(struct watch *w, struct ctx *cx, struct api_stream **out,
				   const struct message_ref *ref, int64_t after_seq);
/* On an app's feed, after a position. scope_app: whose tokens its cursors are. */
MUST_USE enum status watch_feed(struct watch *w, struct ctx *cx, struct api_stream **out,
				int64_t app_id, struct event_position after);
/* On an identity's operations, in the feed's order, until all of them have ended. */
MUST_USE enum status watch_identity(struct watch *w, struct ctx *cx, struct api_stream **out,
				    const struct message_ref *identity,
				    struct event_position after);
/* As watch_wait, for an identity; version: as identity.version. */
void watch_wait_identity(struct watch *w, struct api_call *call, const struct message_ref *identity,
			 int64_t version, int64_t until_ms);
/* Hands the call to read_again at the message's first event after `version`, or at `until_ms`. */
void watch_wait(struct watch *w, struct api_call *call, const struct message_ref *ref,
		int64_t version, int64_t until_ms);

#endif
