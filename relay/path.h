/* SPDX-License-Identifier: Apache-2.0
 *
 * What the destination says about paths and ordering keys before packets are executed or given up:
 * so that a packet gets the gas its place on the path costs, one that waits for an earlier message
 * of its key costs nothing, and nobody gives up what cannot be given up.
 */
#ifndef FERRY_RELAY_PATH_H
#define FERRY_RELAY_PATH_H

#include "relay/deliver.h"

/* Asks the chain where that is worth it: for packets that failed before, for those to be given up, for paths with a
 * gap. Sets errand.passed and errand.pass. Errands that must wait are dropped, and are due later.
 * Blocks on the node and on SQL. */
MUST_USE enum status path_look(struct ctx *cx, struct deliver *d, struct errand *errands, size_t *n);
/* The errands were claimed: their paths go on after them, most likely. */
void path_sent(struct deliver *d, const struct errand *errands, size_t n);

#endif
