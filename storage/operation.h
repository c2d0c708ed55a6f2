/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on identities as the relay sees them: those that wait for a batch, what the chains say of
 * batches, and the answers that are due. Their states follow their batch's message in the database
 * (migrations). Clients' side: storage/identity.h.
 *
 * Writers run inside a transaction that began with lease_fence. All block on SQL.
 */
#ifndef FERRY_STORAGE_OPERATION_H
#define FERRY_STORAGE_OPERATION_H

#include "storage/db.h"

/* One that waits for a batch. */
struct operation {
	int64_t app_id;
	struct uuid id;
	int64_t num;
	int64_t kind; /* 1 register, 2 update, 3 link, 4 rotate, 5 revoke */
	int64_t version;
	int64_t dst_eid;
	bool eager;
	int64_t home_chain_id;
	struct addr first_owner;
	struct hash salt;
	struct addr owner, account, recovery; /* zero: none */
	struct hash data_hash;
	int64_t deadline; /* seconds since 1970 */
	struct bytes signature, consent;
	int64_t attempts;
	int64_t age_ms;   /* since it was accepted */
	bool has_earlier; /* an earlier operation of its identity is not on the chain yet */
};

/* Due ones of a proxy registry's chain in the order of acceptance, without those of apps that have spent more than
 * `ceiling` (decimal wei) today. Not locked: operation_batch takes those that still wait. */
MUST_USE enum status operation_waiting(struct ctx *cx, struct db *db, struct operation **out, size_t *n,
				       int64_t src_eid, const char *ceiling, size_t max);

/* What to make of one that cannot join a batch now. */
struct operation_aside {
	int64_t app_id;
	struct uuid id;
	const char *state; /* REJECTED, FAILED, EXPIRED; NULL: tried again after wait_ms */
	const char *reason;
	int64_t wait_ms;
};
MUST_USE enum status operation_set_aside(struct ctx *cx, struct db *db, const struct operation_aside *v, size_t n);

/* A batch, or an answer: a message of tenant 0 that the submit lane sends. */
struct operation_message {
	struct uuid id;
	int64_t src_eid, dst_eid;
	struct addr registry; /* called on src_eid */
	struct hash receiver; /* on dst_eid */
	struct bytes calldata;
	int64_t source_gas, gas_limit;
	struct hash request_id;
};
/* Stores the message and lets the operations join it, in their places.
 * Returns: ST_BUSY when one of them does not wait any more: roll back. */
MUST_USE enum status operation_batch(struct ctx *cx, struct db *db, const struct operation_message *m,
				     const struct operation *ops, size_t n);
/* Is a batch of this chain still to be sent? What waits joins the next one meanwhile. */
MUST_USE enum status operation_is_batching(struct ctx *cx, struct db *db, bool *out, int64_t src_eid);

/* The source chain --------------------------------------------------------------------------- */

struct operation_leaf {
	struct hash subject;
	struct addr owner;
	struct hash data_hash;
	int64_t version;
};
/* A batch is on its chain: its message (by guid and transaction) gets its leaves, and every operation that
 * stands in one joins it, whoever sent it. Nothing happens when no message is known by that guid. */
MUST_USE enum status operation_batch_seen(struct ctx *cx, struct db *db, const struct hash *guid,
					  const struct hash *tx_hash, int64_t number,
					  const struct hash *prev_root, const struct hash *root,
					  const struct operation_leaf *leaves, size_t n);
/* Our batch left the member at `place` out. */
MUST_USE enum status operation_skipped(struct ctx *cx, struct db *db, const struct hash *request_id,
				       int64_t place, const char *why);

/* The main chain ----------------------------------------------------------------------------- */

/* The batch arrived; the members at these indices were refused for these reasons (1 revoked, 2 stale,
 * 3 not the owner). */
MUST_USE enum status operation_batch_accepted(struct ctx *cx, struct db *db, int64_t src_eid, int64_t number,
					      const int64_t *index, const int64_t *reason, size_t n);

/* Answers that the proxy registry of src_eid has not been sent yet. */
struct operation_unanswered {
	int64_t up_to;    /* the last batch of an unbroken row that arrived for good */
	int64_t count;    /* 0: none */
	int64_t rejected; /* members of theirs that were refused */
};
MUST_USE enum status operation_unanswered(struct ctx *cx, struct db *db, struct operation_unanswered *out,
					  int64_t src_eid, int64_t max);
/* Stores the answering message for them. */
MUST_USE enum status operation_answer(struct ctx *cx, struct db *db, const struct operation_message *m,
				      int64_t proxy_eid, int64_t up_to);

#endif
