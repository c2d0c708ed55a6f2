/* SPDX-License-Identifier: Apache-2.0
 *
 * The nonce ledger: one row a (chain, signer, nonce), written before anything is broadcast, and
 * every transaction ever signed for it. Only committed rows are broadcast; only a nonce that was
 * never signed may be released. All functions block on SQL; those that write run inside a
 * transaction that began with lease_fence.
 */
#ifndef FERRY_STORAGE_JOURNAL_H
#define FERRY_STORAGE_JOURNAL_H

#include "storage/db.h"

enum { JOURNAL_OPEN_MAX = 512 };

/* A (chain, signer) lane. halted: a number of ferry.v1.Reason, 0 = runs. */
struct journal_lane {
	int64_t eid;
	struct addr signer;
	const char *role;
	int64_t next_nonce;
	int64_t halted;
};
/* Makes the lane's row when there is none, beginning at `first_nonce`, and reads it. */
MUST_USE enum status journal_lane_open(struct ctx *cx, struct db *db, struct journal_lane *lane,
				       int64_t eid, const struct addr *signer, const char *role,
				       int64_t first_nonce);
/* reason 0: goes on. Not inside a transaction of its own necessarily. */
MUST_USE enum status journal_lane_halt(struct ctx *cx, struct db *db, int64_t eid,
				       const struct addr *signer, int64_t reason, const char *detail);

/* A transaction to be journalled: signed, not broadcast. */
struct journal_entry {
	int64_t eid;
	struct addr signer;
	int64_t nonce;
	const char *purpose; /* SUBMIT VERIFY DELIVER ACT FILL */
	struct addr to;
	struct bytes calldata;
	const char *value; /* decimal */
	int64_t gas_limit;
	const int64_t *items_app;
	const struct uuid *items_id;
	size_t items_n;
	struct bytes raw;
	struct hash hash;
	const char *max_fee, *tip; /* decimal wei a gas */
};
/* Inserts the entries, whose nonces follow each other from lane's next_nonce on, and moves next_nonce past them.
 * ST_FENCED when next_nonce in the database is another than entries[0].nonce. */
MUST_USE enum status journal_insert(struct ctx *cx, struct db *db, const struct journal_entry *entries,
				    size_t n);
/* One more signed transaction for a nonce: the same calldata, higher fees. */
MUST_USE enum status journal_bump(struct ctx *cx, struct db *db, int64_t eid, const struct addr *signer,
				  int64_t nonce, struct bytes raw, const struct hash *hash,
				  const char *max_fee, const char *tip);
/* Verifications and deliveries that no block has yet and that hold a packet which its source took back: their journal
 * rows say nothing any more, so that a bump replaces them by an empty transaction. Says how many. */
MUST_USE enum status journal_hollow(struct ctx *cx, struct db *db, size_t *n, int64_t eid,
				    const struct addr *signer);
MUST_USE enum status journal_broadcast(struct ctx *cx, struct db *db, int64_t eid,
				       const struct addr *signer, const int64_t *nonces, size_t n);

/* A nonce whose transaction is not final, with its newest raw form. */
struct journal_open {
	int64_t nonce;
	bool was_broadcast;
	int64_t broadcast_age_ms; /* since its newest transaction was signed */
	int64_t attempt;          /* of the newest: 0, 1, … */
	const char *purpose;
	struct addr to;
	struct bytes calldata;
	const char *value;
	int64_t gas_limit;
	struct bytes raw;
	struct hash hash;
	const char *max_fee, *tip;
	size_t items_n;
	int64_t *items_app;
	struct uuid *items_id;
};
/* Nonces that no block has yet and that need attention, in order: never broadcast, or signed more than
 * `older_ms` ago. */
MUST_USE enum status journal_unmined(struct ctx *cx, struct db *db, struct journal_open **out, size_t *n,
				     int64_t eid, const struct addr *signer, size_t max,
				     int64_t older_ms);
MUST_USE enum status journal_unmined_count(struct ctx *cx, struct db *db, size_t *n, int64_t eid,
					   const struct addr *signer);

/* What a block says about one of our transactions. */
struct journal_receipt {
	struct hash tx_hash;
	int64_t block;
	struct hash block_hash;
	bool succeeded;
	int64_t gas_used;
	const char *fee; /* decimal wei: gas_used * price */
};
/* The journal rows the hashes belong to, marked MINED. */
struct journal_mined {
	struct hash tx_hash;
	struct addr signer;
	int64_t nonce;
	int64_t attempt;
	const char *purpose;
	const char *value;
	size_t items_n;
	int64_t *items_app;
	struct uuid *items_id;
};
MUST_USE enum status journal_mine(struct ctx *cx, struct db *db, struct journal_mined **out, size_t *n,
				  int64_t eid, const struct journal_receipt *receipts, size_t receipts_n);
/* Rows mined at or below `block` become FINAL. Out: the SUBMIT ones, whose messages have an answer now. */
MUST_USE enum status journal_finalize(struct ctx *cx, struct db *db, struct journal_mined **out, size_t *n,
				      int64_t eid, int64_t block);
/* The journal rows of transactions, mined or not: only tx_hash, signer and nonce are set. */
MUST_USE enum status journal_by_tx(struct ctx *cx, struct db *db, struct journal_mined **out, size_t *n,
				   int64_t eid, const struct bytes *hashes, size_t hashes_n);
/* Rows mined above `block` are open again: their block is gone. Returns how many. */
MUST_USE enum status journal_unmine(struct ctx *cx, struct db *db, size_t *n, int64_t eid, int64_t block);
/* Open rows below `nonce` that no block has: another transaction took their nonce. They become REPLACED. */
MUST_USE enum status journal_replace(struct ctx *cx, struct db *db, struct journal_mined **out, size_t *n,
				     int64_t eid, const struct addr *signer, int64_t below);
/* Nonces [first, next) were given by a part of the journal that is lost: they are noted as FINAL, next_nonce
 * becomes `next`, the lane goes on. Messages are numbered far past those of the lost part. */
MUST_USE enum status journal_adopt(struct ctx *cx, struct db *db, int64_t eid, const struct addr *signer,
				   int64_t first, int64_t next);
/* All lanes of the database. */
MUST_USE enum status journal_lanes(struct ctx *cx, struct db *db, struct journal_lane **out, size_t *n);
/* Adds to what an app has spent today, and says the new sum. */
MUST_USE enum status journal_spend(struct ctx *cx, struct db *db, const int64_t *apps,
				   const char *const *wei, size_t n);
/* Apps whose spending of today has reached `ceiling` (decimal wei). */
MUST_USE enum status journal_overspent(struct ctx *cx, struct db *db, int64_t **apps, size_t *n,
				       const char *ceiling);

#endif
