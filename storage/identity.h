/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities as clients see them: what a quote prepared, accepting signed operations, reading. The
 * relay moves operations through storage/operation.h. Every function blocks on SQL; results live in
 * the cx's arena.
 */
#ifndef FERRY_STORAGE_IDENTITY_H
#define FERRY_STORAGE_IDENTITY_H

#include "storage/event.h"

enum { IDENTITY_ACCEPT_MAX = 1024, IDENTITY_LEAVES_MAX = 4096 };

/* Quotes --------------------------------------------------------------------------------------- */

/* Keeps what a quote prepared for `seconds`. Out: *expire_us. */
MUST_USE enum status identity_offer_insert(struct ctx *cx, struct db *db, int64_t *expire_us,
					   const struct message_ref *ref, struct bytes body,
					   int64_t seconds);

struct identity_offer {
	bool found;
	struct bytes body;
	bool is_expired;
	bool is_used;
	struct uuid operation; /* used: for this, with the next ones */
	struct uuid identity;
	struct hash fingerprint;
};
/* out[i] of the quote refs[i]. */
MUST_USE enum status identity_offers(struct ctx *cx, struct db *db, struct identity_offer *out,
				     const struct message_ref *refs, size_t n);

/* Accepting ------------------------------------------------------------------------------------ */

/* A signed operation. Kinds are those of the contract: 1 register 2 update 3 link 4 rotate 5
 * revoke. */
struct identity_new {
	int64_t app_id;
	struct uuid quote, id, identity;
	struct uuid base; /* the operation it was prepared on; not for register */
	struct hash fingerprint;
	int64_t kind, version, src_eid, dst_eid;
	struct addr registry;
	bool eager;
	struct addr owner;
	bool has_account, has_recovery;
	struct addr account, recovery;
	struct hash data_hash;
	int64_t deadline;
	struct bytes signature, consent;
	struct addr leaf_owner;
	bool has_document, has_key;
	struct hash document, key;
	const char *accounts; /* a line each */
	struct hash subject;  /* of the identity, as the next three */
	int64_t home_chain_id;
	struct addr first_owner;
	struct hash salt;
	int64_t proven_chain_id; /* of proven */
	bool has_proven;
	struct addr proven;      /* an account that finds the identity from now on */
};
/* Stores those whose quote is free and holds, whose version is not taken, and whose base is still
 * the newest; each with its event, its alias and its identity. They are durable when this returns
 * ST_OK.
 *
 * Out: stored[i].
 * Returns: ST_OK; ST_INVALID when the data of some item is refused (none is stored); ST_BUSY, ST_DB
 *          as db_exec: with db_sqlstate() "" it is unknown whether they are stored; ask
 *          identity_offers. */
MUST_USE enum status identity_accept(struct ctx *cx, struct db *db, bool *stored,
				     const struct identity_new *const *items, size_t n);

/* Reading -------------------------------------------------------------------------------------- */

/* An operation as it is. */
struct identity_act {
	struct uuid id;
	int64_t kind;
	const char *state; /* ACCEPTED … */
	int64_t seq, version, src_eid, dst_eid;
	bool eager;
	struct addr owner, leaf_owner;
	bool has_account, has_recovery, has_document, has_key;
	struct addr account, recovery;
	struct hash document, key, data_hash;
	const char *accounts; /* a line each */
	bool has_message;
	struct uuid message; /* its batch's, of tenant 0 */
	int64_t leaf_index;  /* -1: none */
	const char *reason;  /* NULL: none */
	int64_t due_us, created_us, updated_us;
	bool is_recent; /* of the newest asked for; else only head, final or recovery */
};
struct identity {
	struct message_ref ref;
	struct hash subject, salt;
	int64_t home_eid, home_chain_id;
	struct addr first_owner;
	int64_t version; /* grows with every event */
	bool is_open;    /* some operation has not ended */
	int64_t created_us, updated_us;
	struct identity_act *acts; /* in the order of acceptance */
	size_t acts_n;
	const struct identity_act *head;     /* newest that was not refused; NULL: all were */
	const struct identity_act *final;    /* newest that is FINAL; NULL: none */
	const struct identity_act *recovery; /* newest that says who may recover; NULL: none */
};
/* out[i] is NULL where there is none. acts_max: how many of its newest operations. */
MUST_USE enum status identity_read(struct ctx *cx, struct db *db, struct identity **out,
				   const struct message_ref *refs, size_t n, size_t acts_max);
/* The newest identity of an account; ST_OK with *found = false. */
MUST_USE enum status identity_find(struct ctx *cx, struct db *db, struct uuid *out, bool *found,
				   int64_t app_id, int64_t chain_id, const struct addr *account);
/* Is a key the one to seal to? The identity is named by its id, its subject or an account that finds it. */
struct identity_key_ask {
	struct message_ref ref; /* no id when by_subject or by_account */
	bool by_subject, by_account;
	struct hash subject;
	int64_t chain_id;
	struct addr account;
	uint8_t key_id[8];      /* the first bytes of the key's SHA-256 */
};
struct identity_key {
	bool found;            /* the identity is there */
	bool is_revoked;       /* or was asked to be, and not in vain so far */
	bool has_final;        /* as the newest FINAL operation has it, with the next one */
	struct hash final;
	int64_t final_version; /* 0: nothing is FINAL yet */
	int64_t version;       /* newest operation, none that was refused, with the key asked for; 0: none */
};
/* out[i] of asks[i]. */
MUST_USE enum status identity_keys(struct ctx *cx, struct db *db, struct identity_key *out,
				   const struct identity_key_ask *const *asks, size_t n);
/* Ids before `before`, the newest first; of one account when it is not NULL. */
MUST_USE enum status identity_scan(struct ctx *cx, struct db *db, struct uuid **ids, size_t *n,
				   const struct message_ref *before, size_t limit,
				   int64_t chain_id, const struct addr *account);
/* Whose operation it is; ST_OK with *found = false. */
MUST_USE enum status identity_of_operation(struct ctx *cx, struct db *db, struct uuid *out,
					   bool *found, const struct message_ref *operation);

/* A batch as the source chain shows it. */
struct identity_lot {
	bool found;
	int64_t src_eid, dst_eid, number, count;
	struct hash prev_root, root;
};
struct identity_member {
	int64_t index; /* in the tree; -1: not there yet */
	bool is_own;
	struct uuid operation; /* own */
	struct hash subject, data_hash;
	struct addr owner;
	int64_t version;
};
MUST_USE enum status identity_lot(struct ctx *cx, struct db *db, struct identity_lot *out,
				  const struct uuid *message);
/* All leaves in their order. */
MUST_USE enum status identity_leaves(struct ctx *cx, struct db *db, struct identity_member **out,
				     size_t *n, const struct uuid *message);
/* The app's own operations in the batch. */
MUST_USE enum status identity_lot_members(struct ctx *cx, struct db *db,
					  struct identity_member **out, size_t *n,
					  const struct uuid *message, int64_t app_id);

/* Events of an identity's operations, in the order of the app's feed. */
MUST_USE enum status identity_events(struct ctx *cx, struct db *db, struct event **out, size_t *n,
				     const struct message_ref *identity,
				     struct event_position after, size_t limit);
struct identity_progress {
	bool found;
	int64_t version; /* as identity.version */
	bool is_open;    /* some operation has not ended */
	bool is_told;    /* no event is after the position, not even one that feeds do not show yet */
};
MUST_USE enum status identity_progress(struct ctx *cx, struct db *db, struct identity_progress *out,
				       const struct message_ref *identity,
				       struct event_position after);

#endif
