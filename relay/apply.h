/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts become changes of messages: the state machine's one home for what chains show. Pure: items
 * were loaded and locked by the caller, who saves them afterwards.
 */
#ifndef FERRY_RELAY_APPLY_H
#define FERRY_RELAY_APPLY_H

#include <uthash.h>

#include "relay/facts.h"
#include "relay/world.h"
#include "storage/journal.h"
#include "storage/outbox.h"

struct apply_entry {
	struct hash key;
	struct outbox_item *item;
	struct apply_entry *next; /* by_request: another message with the same request id */
	UT_hash_handle hh;
};

struct apply {
	struct arena *arena;
	struct world *world;
	const struct world_chain *chain; /* whose blocks these are */
	const struct journal_mined *mined; /* our own transactions in these blocks */
	size_t mined_n;
	struct apply_entry *by_guid, *by_request;
	/* Out: packets of our Messenger that belong to no message of ours, as items to observe. */
	struct outbox_item *observed;
	size_t observed_n;
	/* Out: a fact about a packet nobody knows, whose source must be worked through first. */
	const struct fact *unknown;
	int64_t unknown_src_eid;
};

void apply_init(struct apply *a, struct arena *arena, struct world *world,
		const struct world_chain *chain, const struct journal_mined *mined, size_t mined_n,
		struct outbox_item *items, size_t items_n, size_t facts_n);
void apply_fini(struct apply *a);
void apply_fact(struct apply *a, const struct fact *f);
/* Our own transaction, or NULL. */
const struct journal_mined *apply_own(const struct apply *a, const struct hash *tx_hash);

#endif
