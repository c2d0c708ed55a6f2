/* SPDX-License-Identifier: Apache-2.0
 *
 * A lane: one account sending transactions on one chain, driven by one relay at a time. Nonces are
 * given in order, journalled with the signed bytes in the transaction that claims the messages,
 * broadcast only after its commit, and tended until a block has them.
 */
#ifndef FERRY_RELAY_LANE_H
#define FERRY_RELAY_LANE_H

#include "base/lock.h"
#include "relay/courier.h"
#include "relay/world.h"
#include "storage/journal.h"
#include "storage/outbox.h"

enum {
	LANE_TXS_MAX = 64,           /* in one claim */
	LANE_UNMINED_MAX = 256,      /* broadcast and not in a block yet */
	LANE_TX_GAS_MAX = 15000000,
};

struct lane {
	struct world *world;
	struct world_chain *chain;
	const struct signer *signer;
	const char *role; /* "submit" or "deliver" */
	struct waker *waker;
	struct db *db;
	struct rpc *rpc;
	struct lease lease;
	bool opened;        /* next_nonce is the database's */
	int64_t next_nonce;
	struct courier *courier;  /* NULL: the lane broadcasts by itself */
	/* The courier writes these two as well. */
	_Atomic int64_t halted; /* a number of ferry.v1.Reason, 0: runs */
	_Atomic int64_t tended_ms;
	size_t unmined;
	int64_t reorgs; /* of the world, when unmined transactions were last held against them */
	struct u256 max_fee, tip; /* of the next transaction */
	struct lock fee_lock;
	struct rpc_fee fee; /* guarded by fee_lock, as the next two */
	int64_t fee_ms;     /* when it was asked for; 0: never */
	int64_t fee_used_ms;
};

/* A transaction to be sent: everything but its nonce and fees. */
struct lane_tx {
	const char *purpose;
	struct addr to;
	struct bytes calldata;
	struct u256 value;
	uint64_t gas;
	struct outbox_item **items;
	size_t items_n;
};

/* Names the lease after the account and the chain. */
void lane_init(struct lane *l, struct world *world, struct world_chain *chain, const char *role);
/* After its threads have ended, the courier's too. Gives the lease back. */
void lane_fini(struct lane *l);
/* Opens what the lane owns, holds its lease, knows its nonce, tends what is not mined yet.
 * Returns: ST_OK: claims may be made (unless l->halted or l->unmined is at its maximum); else as usual. */
MUST_USE enum status lane_ready(struct ctx *cx, struct lane *l);
bool lane_is_open(const struct lane *l);
/* What the nodes suggest as a tip, at least 1 wei, at most what the configuration allows: a lie costs no more. */
struct u256 lane_tip(const struct lane *l, const struct rpc_fee *fee);

/* Asks for the chain's fee when the lane has used one lately. Thread: the courier's. Blocks on the nodes. */
void lane_refresh_fee(struct ctx *cx, struct lane *l, struct rpc *rpc);

/* Signs the transactions with the next nonces, and in one transaction: fences, locks the items (ST_BUSY when one
 * has changed), lets mark() change each (with the tx it goes with and that tx's place), writes the journal, saves
 * the items. Then broadcasts, or has its courier do so.
 * An item may be in several transactions; it is marked for the last one that holds it. What else must be true
 * if and only if the transactions are journalled, within() writes. Both may be NULL. */
typedef void (*lane_mark)(struct outbox_item *item, const struct lane_tx *tx,
			  const struct outbox_place *place, void *arg);
typedef enum status (*lane_within)(struct ctx *cx, const struct lane_tx *txs, size_t n, void *arg);
MUST_USE enum status lane_claim(struct ctx *cx, struct lane *l, struct lane_tx *txs, size_t n,
				lane_mark mark, lane_within within, void *arg);

#endif
