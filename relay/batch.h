/* SPDX-License-Identifier: Apache-2.0
 *
 * What blocks say of batches of identity operations: which leaves a batch has, which operations it left
 * out, which ones the main registry refused.
 */
#ifndef FERRY_RELAY_BATCH_H
#define FERRY_RELAY_BATCH_H

#include "relay/facts.h"
#include "storage/journal.h"

/* Inside the observer's transaction, after the messages are saved. mined: our own transactions in the blocks; only
 * they say what was left out, as anyone may use our request ids. Blocks on SQL. */
MUST_USE enum status batch_apply(struct ctx *cx, struct db *db, const struct facts *facts,
				 const struct journal_mined *mined, size_t mined_n);

#endif
