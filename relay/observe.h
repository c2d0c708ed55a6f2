/* SPDX-License-Identifier: Apache-2.0
 *
 * Follows one chain: every block once, in order, verified; what it says is applied in the
 * transaction that moves the cursor. A block whose parent is another than the one before it means a
 * reorganisation: rewind (reorg.c), then go on.
 */
#ifndef FERRY_RELAY_OBSERVE_H
#define FERRY_RELAY_OBSERVE_H

#include "relay/world.h"
#include "storage/cursor.h"
#include "storage/db.h"

struct observe {
	struct world *world;
	struct world_chain *chain;
	struct db *db;
	struct rpc *rpc;
	struct lease lease;
	bool positioned; /* `at` is the database's cursor */
	struct cursor_block at;
	int64_t unknown_block; /* the first with a fact about a packet that its source has not shown yet; 0: none */
};

/* Thread: its own, until world.stopping. Owns a connection to PostgreSQL and one to the nodes. */
void observe_run(void *observe);

/* Takes back what blocks above the last common one have shown. Moves o->at. In reorg.c. */
MUST_USE enum status observe_rewind(struct ctx *cx, struct observe *o);

#endif
