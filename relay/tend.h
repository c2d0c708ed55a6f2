/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions between journal and block: broadcast, broadcast again, fees raised, replaced.
 */
#ifndef FERRY_RELAY_TEND_H
#define FERRY_RELAY_TEND_H

#include "relay/lane.h"

enum {
	TEND_EVERY_MS = 1000,
	TEND_AGAIN_MS = 4000,  /* broadcast again when no block has it after this */
	TEND_RAISE_MS = 12000, /* fee raised when no block has its newest form after this */
	TEND_RAISES_MAX = 10,
	TEND_ROWS_MAX = 16,    /* looked at at once, the lowest nonces: those above wait for them anyway */
};

/* Looks after what no block has yet, at most once a second. Sets l->unmined. */
MUST_USE enum status tend_unmined(struct ctx *cx, struct lane *l);
/* Sends signed transactions with the nonces from `first` on, and notes those that a node took.
 * What no node took stays SIGNED in the journal: it is sent again. Thread: the lane's or its courier's, with
 * connections of its own. */
MUST_USE enum status tend_broadcast(struct ctx *cx, struct lane *l, struct db *db, struct rpc *rpc,
				    struct rpc_send *sends, size_t n, int64_t first);

#endif
