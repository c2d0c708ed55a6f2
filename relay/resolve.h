/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of messages whose source transaction is final and did not send them.
 */
#ifndef FERRY_RELAY_RESOLVE_H
#define FERRY_RELAY_RESOLVE_H

#include "relay/world.h"
#include "storage/journal.h"
#include "storage/outbox.h"

/* Messages that rows of the journal (final now, or replaced by another's transaction) still carry as SUBMITTED:
 * sent again, EXPIRED when a final block is past their deadline, FAILED when their nonce is used by
 * something else. Inside the caller's transaction. Blocks on SQL. */
MUST_USE enum status resolve_unsent(struct ctx *cx, struct db *db, const struct world_chain *chain,
				    const struct journal_mined *rows, size_t n, int64_t final_time_s);
/* A transaction of ours that carried the item was mined, and left it where it was: the batch had no gas left for it, or
 * the chain refuses. It is free again, from the second time on only after a while. Pure: the caller saves it. */
void resolve_left(struct arena *a, struct outbox_item *it);
/* Messages that replaced rows of another purpose than SUBMIT still carry are free: those transactions will never
 * be mined. Inside the caller's transaction. Blocks on SQL. */
MUST_USE enum status resolve_freed(struct ctx *cx, struct db *db, const struct journal_mined *rows, size_t n);

#endif
