/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened to messages, and to operations of identities, whose events have the operation's id
 * where a message's have the message's. Two orders: seq within one of them, gapless from 1; and
 * (xid, id) within an app, read only below the oldest transaction still running, so that nothing
 * that commits late is passed over. Every function blocks on SQL; results live in the cx's arena.
 */
#ifndef FERRY_STORAGE_EVENT_H
#define FERRY_STORAGE_EVENT_H

#include "storage/db.h"
#include "storage/message.h"

struct event_position {
	int64_t xid;
	int64_t id;
};

struct event {
	struct message_ref ref;
	int64_t seq;
	struct event_position at;
	const char *type;
	enum message_state from, to; /* STATE_COUNT: none */
	int64_t time_us;
	int64_t chain_eid; /* 0: none, as the next ones */
	struct bytes tx_hash;
	int64_t block_number;
	struct bytes block_hash;
	int64_t log_index;
	int64_t gas_used;
	const char *fee;    /* NULL: none */
	int64_t attempt;
	const char *reason; /* NULL: none */
	bool is_of_identity; /* ref.id is an operation's: */
	struct uuid identity;
};

/* Rows with the columns of the statements in event.sql. */
void event_rows(struct ctx *cx, const struct rows *r, struct event **out, size_t *n);

/* Events of one message after `after_seq`, the oldest first, at most `limit`. */
MUST_USE enum status event_list(struct ctx *cx, struct db *db, struct event **out, size_t *n,
				const struct message_ref *ref, int64_t after_seq, size_t limit);
/* Events of one app after a position, at most `limit`. */
MUST_USE enum status event_feed(struct ctx *cx, struct db *db, struct event **out, size_t *n,
				int64_t app_id, struct event_position after, size_t limit);
/* Where feeds are now: everything before it is settled, everything after it is to come. *end: no
 * position of this database is behind it. */
MUST_USE enum status event_now(struct ctx *cx, struct db *db, struct event_position *now,
			       struct event_position *end);

/* How far the feed of an app was followed. */
struct event_follow {
	int64_t app_id;
	struct event_position after;
};
/* What is new in several apps, in order within each app; at most `limit` of each. */
MUST_USE enum status event_follow(struct ctx *cx, struct db *db, struct event **out, size_t *n,
				  const struct event_follow *apps, size_t apps_n, size_t limit);

/* One message of several: what it is asked for, and what came. */
struct event_catch_up {
	struct message_ref ref; /* in */
	int64_t after_seq;      /* in */
	bool found;             /* the message exists */
	int64_t version;        /* seq of its last event */
	bool is_final;
	struct event *events;   /* the oldest first */
	size_t events_n;
};
MUST_USE enum status event_catch_up(struct ctx *cx, struct db *db, struct event_catch_up *asks,
				    size_t n, size_t limit);

#endif
