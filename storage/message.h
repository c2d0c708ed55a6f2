/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as clients see them: accepting, reading, listing, and what a person may ask for.
 * The relay changes them through storage/outbox.h. Every function blocks on SQL; results live in
 * the cx's arena.
 */
#ifndef FERRY_STORAGE_MESSAGE_H
#define FERRY_STORAGE_MESSAGE_H

#include "storage/db.h"
#include "storage/state.h"

/* Numbers of idempotency_method: a column, so they never change. Items of a batch are sends. */
enum message_method { MESSAGE_METHOD_SEND = 1, MESSAGE_METHOD_OBSERVED = 2 };
enum { MESSAGE_INSERT_MAX = 4096, MESSAGE_READ_MAX = 4096 };

struct message_ref {
	int64_t app_id;
	struct uuid id;
};

/* One message to accept. Texts are valid UTF-8 without NUL. */
struct message_new {
	struct message_ref ref;
	int64_t arrival; /* grows; what is stored together is numbered, and sent, in this order */
	int64_t kind, submission, execution; /* numbers of ferry.v1 */
	int64_t src_eid, dst_eid;
	struct hash receiver;
	struct bytes payload;
	int64_t gas_limit;
	bool has_ordering_key;
	struct hash ordering_key;
	bool is_signed;
	struct addr author;       /* signed only, as the next three */
	const char *author_nonce; /* decimal */
	const char *deadline;     /* decimal */
	struct bytes signature;
	struct addr messenger;
	struct hash request_id;
	const char *client_ref;   /* NULL: none */
	const char *recipient;    /* whom the payload is sealed to; NULL: nobody said */
	enum message_method method;
	const char *key;          /* of idempotency */
	struct hash fingerprint;
	struct bytes request;     /* canonical protobuf */
};

/* Stores those whose key and author nonce are not taken, each with its event and outbox row; all of
 * them durable when this returns ST_OK. Sort the items by (app, key) and give no key twice, else
 * concurrent groups may deadlock.
 *
 * Out: inserted[i]; *created_us, the same for all.
 * Returns: ST_OK; ST_INVALID when the data of some item is refused (none is stored); ST_BUSY, ST_DB
 *          as db_exec: with db_sqlstate() "" it is unknown whether they are stored.
 */
MUST_USE enum status message_insert(struct ctx *cx, struct db *db, bool *inserted,
				    int64_t *created_us, const struct message_new *const *items,
				    size_t n);

struct message_keyed {
	bool found;
	struct message_ref ref;
	struct hash fingerprint;
	struct bytes request;
};
/* What is stored under (app, method, key) of each item: out[i]. */
MUST_USE enum status message_by_keys(struct ctx *cx, struct db *db, struct message_keyed *out,
				     const struct message_new *const *items, size_t n);

/* A message and its outbox row. */
struct message {
	struct message_ref ref;
	int64_t version;
	enum message_state state;
	int64_t kind, submission, execution;
	int64_t src_eid, dst_eid;
	struct hash receiver;
	struct bytes payload;
	int64_t gas_limit;
	const char *value; /* decimal */
	bool has_ordering_key;
	struct hash ordering_key;
	bool is_signed;
	bool has_author; /* signed: who signed; else: the submitter, once it is known */
	struct addr author;
	struct hash request_id;
	const char *client_ref; /* NULL: none */
	const char *recipient;  /* NULL: none; else the payload is an envelope */
	bool has_guid;
	struct hash guid;
	struct bytes *former_guids;
	size_t former_guids_n;
	int64_t nonce; /* 0: none yet */
	struct message_place {
		bool is_known;
		struct hash tx_hash;
		int64_t block_number;
		struct hash block_hash;
		bool is_final;
	} src, dst;
	int64_t verify_required, verify_have;
	const char *fee; /* decimal */
	int64_t gas_used;
	int64_t reason; /* of ferry.v1.Reason; 0: none noted */
	const char *evidence; /* NULL: none */
	int64_t attempts;
	const char *act;         /* "SKIP" or NULL */
	const char *hold_reason; /* NULL: not held */
	const char *hold_by;
	int64_t hold_since_us, hold_until_us; /* 0: not given */
	int64_t created_us, updated_us;

	bool is_open;    /* has an outbox row: */
	int64_t due_us;  /* INT64_MIN: at once; INT64_MAX: only when asked */
	bool is_carried; /* by a transaction */
};
/* FAILED, CANCELLED, EXPIRED, or past the destination's finality. Pure. */
bool message_is_final(enum message_state state, bool dst_final);

/* out[i] is NULL where there is no such message. n <= MESSAGE_READ_MAX. */
MUST_USE enum status message_read(struct ctx *cx, struct db *db, struct message **out,
				  const struct message_ref *refs, size_t n);

struct message_guid {
	size_t index; /* in guids */
	struct message_ref ref;
	bool is_former;
};
/* Which messages have or had these guids; several may. */
MUST_USE enum status message_by_guids(struct ctx *cx, struct db *db, struct message_guid **found,
				      size_t *found_n, const struct hash *guids, size_t n);

/* What a list shows: zero, NULL and empty members say nothing. */
struct message_filter {
	const char *state; /* name */
	int64_t kind, src_eid, dst_eid;
	struct bytes author, receiver, source_tx;
	const char *client_ref;
};
/* Ids of an app's messages before `before` (exclusive), the newest first. Looks at no more than
 * `scan_max` messages.
 * Out: *ids, *n <= limit; *scanned_all: there is nothing older; else *last is where to go on. */
MUST_USE enum status message_scan(struct ctx *cx, struct db *db, struct uuid **ids, size_t *n,
				  struct uuid *last, bool *scanned_all,
				  const struct message_filter *filter,
				  const struct message_ref *before, size_t limit, size_t scan_max);

/* ACCEPTED and not claimed → CANCELLED. *done = false when it is neither. */
MUST_USE enum status message_cancel(struct ctx *cx, struct db *db, bool *done,
				    const struct message_ref *ref);

/* What a person asks the relay to do with a message that is on its way. */
struct message_ask {
	const char *type;         /* of the event */
	const char *const *states; /* names it must be in */
	size_t states_n;
	bool is_carried_too;      /* also while a transaction carries it */
	int64_t retry_gas;        /* 0: as before */
	const char *act;          /* NULL: none */
	const char *reason;       /* NULL: none */
};
/* Notes it, makes the message due now and writes an event. *done = false when it is in no such
 * state. */
MUST_USE enum status message_ask(struct ctx *cx, struct db *db, bool *done,
				 const struct message_ref *ref, const struct message_ask *ask);

/* The packet of a message, empty before it is sent; in the arena. ST_NOT_FOUND: no such message. */
MUST_USE enum status message_packet(struct ctx *cx, struct db *db, struct bytes *packet,
				    const struct message_ref *ref);

/* Takes the next nonce to offer to an author, at least `at_least`; one that a stored message has is
 * passed over. */
MUST_USE enum status message_author_nonce(struct ctx *cx, struct db *db, const char **nonce,
					  int64_t src_eid, const struct addr *messenger,
					  const struct addr *author, const char *at_least);

#endif
