/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox as the relay sees it: messages that are not final, what is to be done for each, and
 * the one way to change them. Load items (their rows are then locked until the transaction ends),
 * change them in memory with outbox_move and friends, save them all at once: one UPDATE, one
 * INSERT of the events, one UPDATE of the outbox rows. The database checks every step.
 *
 * All functions run inside a transaction that began with lease_fence, and block on SQL.
 */
#ifndef FERRY_STORAGE_OUTBOX_H
#define FERRY_STORAGE_OUTBOX_H

#include "storage/db.h"
#include "storage/state.h"

enum { OUTBOX_EVENTS_MAX = 10000 }; /* of one item in one round */
/* due_us: never by itself, only when asked. */
#define OUTBOX_NEVER INT64_MAX

/* Where on a chain something was seen; tx_hash.b all zero: nowhere. */
struct outbox_place {
	struct hash tx_hash;
	int64_t block;
	struct hash block_hash;
	int64_t log_index;
};

/* One event of an item. */
struct outbox_event {
	const char *type;
	enum message_state from, to; /* both STATE_COUNT: not a move */
	int64_t chain_eid;           /* 0: none */
	struct outbox_place place;
	int64_t gas_used;            /* 0: unknown */
	const char *fee;             /* decimal, NULL: unknown */
	int64_t attempt;             /* 0: none */
	const char *reason;          /* NULL: none */
};

enum outbox_skip { OUTBOX_SKIP_NONE = 0, OUTBOX_SKIP_AGAIN = 1, OUTBOX_SKIP_NONCE = 2, OUTBOX_SKIP_LATE = 3 };

struct outbox_item {
	/* What it is: never changes. */
	int64_t app_id;
	struct uuid id;
	int64_t num;
	int64_t kind, execution; /* numbers of ferry.v1 */
	int64_t src_eid, dst_eid;
	struct hash receiver;
	struct bytes payload;
	int64_t gas_limit;
	const char *value;       /* decimal */
	struct hash ordering_key; /* zero: none */
	bool is_signed;
	struct addr author;      /* signed only */
	const char *author_nonce; /* decimal; unsigned: num */
	const char *deadline;    /* decimal, NULL: none */
	struct bytes signature;
	struct hash request_id;
	struct hash chain_app_id; /* of its app */
	struct addr messenger;    /* the contract that sends it: a Messenger, or a registry */
	int64_t source_gas;       /* of a registry's whole transaction; else 0 */

	/* Where it is. */
	int64_t version; /* as loaded */
	enum message_state state;
	struct addr submitter; /* zero: not bound yet */
	bool has_guid;
	struct hash guid;
	int64_t nonce;
	struct bytes packet; /* raw, empty before SENT */
	struct outbox_place src, dst;
	bool src_final, dst_final;
	int64_t verify_required, verify_have;
	int64_t reason;       /* of ferry.v1.Reason */
	const char *evidence; /* NULL: none */
	int64_t attempts;
	int64_t retry_gas;    /* 0: not asked */
	const char *act;      /* "SKIP" or NULL */

	/* What is to be done (the outbox row). */
	int64_t out_eid, out_num, out_block;
	int64_t due_us;       /* 0: at once; OUTBOX_NEVER */
	bool is_carried;      /* by the journal row (out_eid, signer, tx_nonce) */
	struct addr signer;
	int64_t tx_nonce;
	enum outbox_skip skip;
	int64_t tries; /* our transactions that left it where it was, since its last move */
	bool is_open; /* has an outbox row: is not final */

	/* What changes: filled by the functions below. */
	bool changed;
	enum message_state state_loaded;
	bool guid_dropped; /* former_guid joins former_guids */
	struct hash former_guid;
	const char *fee_added; /* decimal, NULL: nothing */
	int64_t gas_added;
	struct arena *arena;
	struct outbox_event *events;
	size_t events_n, events_room;
};

/* Selections: all in the order (app_id, id) of locking unless said otherwise, at most `max`. */

/* Due items of a stage on a chain that no transaction carries, in order of `num`. Not locked: the claim
 * locks them by id, and takes those whose version is still the same. */
MUST_USE enum status outbox_due(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
				int64_t eid, enum outbox_stage stage, size_t max);
/* Items by (app, id), locked. */
MUST_USE enum status outbox_by_id(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
				  const int64_t *apps, const struct uuid *ids, size_t ids_n);
/* Names of the messages that wait to be sent with one of the request ids, and of those with one of the guids, final
 * ones too. Not locked. */
struct outbox_names {
	int64_t *apps;
	struct uuid *ids;
	size_t n;
};
MUST_USE enum status outbox_names_by_keys(struct ctx *cx, struct db *db, struct outbox_names *out,
					  const struct bytes *request_ids, size_t request_ids_n,
					  const struct bytes *guids, size_t guids_n);
/* Of these, the ones that still wait for their source transaction. Not locked. */
MUST_USE enum status outbox_names_tracked(struct ctx *cx, struct db *db, struct outbox_names *out,
					  const int64_t *apps, const struct uuid *ids, size_t n);

/* Items of stage FINALITY (or CONFIRM) on a chain whose block is at or below `block`, locked. */
MUST_USE enum status outbox_final(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
				  int64_t eid, enum outbox_stage stage, int64_t block, size_t max);
/* Items with an event on the chain above `block`, locked; (*before)[i]: the state of items[i] before its first
 * move there that no earlier reorganisation took back, its present state when there is none. */
MUST_USE enum status outbox_above(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
				  enum message_state **before, int64_t eid, int64_t block);

/* Changes ------------------------------------------------------------------------------------------ */

/* Appends an event that is no move. */
struct outbox_event *outbox_note(struct outbox_item *item, const char *type);
/* Moves the item one legal step and appends its event (type = the new state's name). The outbox row
 * follows: stage, eid, num, block, due at once, not carried. Asserts that the step is legal.
 * Returns the event, for its place, reason and the like. */
struct outbox_event *outbox_move(struct outbox_item *item, enum message_state to);
/* Moves it along the shortest legal way; every step gets `place` and `reason`. Asserts that there is one. */
void outbox_move_along(struct outbox_item *item, enum message_state to, int64_t chain_eid,
		       const struct outbox_place *place, const char *reason);
/* The item was changed in another way: its rows are written too. */
void outbox_touch(struct outbox_item *item);
/* Writes all changed items. ST_BUSY when one changed behind a lock (cannot happen by design): roll back. */
MUST_USE enum status outbox_save(struct ctx *cx, struct db *db, struct outbox_item *const *items,
				 size_t n);
/* A new number, and so a new bitmap nonce, for a locked unsigned item: its own was used by another one, which a
 * restored backup does not know. */
MUST_USE enum status outbox_renumber(struct ctx *cx, struct db *db, struct outbox_item *item);
/* Makes a message of tenant 0 for a packet that somebody else sent, in state SENT with its event; a packet that
 * is known already is left alone. */
MUST_USE enum status outbox_observe(struct ctx *cx, struct db *db, const struct outbox_item *item);

#endif
