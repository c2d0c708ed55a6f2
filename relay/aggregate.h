/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches of identity operations: what waits for a proxy registry is looked over, and becomes one message
 * of kind registry in the outbox, which then goes its way like any other. A batch closes when it is
 * full, by number or by gas, or when its oldest member has waited long enough and no batch before it
 * still waits to be sent. Batches that the main registry has taken are answered the same way.
 */
#ifndef FERRY_RELAY_AGGREGATE_H
#define FERRY_RELAY_AGGREGATE_H

#include "relay/world.h"
#include "storage/db.h"

struct aggregate {
	struct world *world;
	struct world_chain *chain; /* with a proxy registry */
	struct db *db;
	struct rpc *rpc;
	struct lease lease;
};

/* Thread: its own, until world.stopping. Owns a connection to PostgreSQL and one to the nodes. */
void aggregate_run(void *aggregate);

#endif
