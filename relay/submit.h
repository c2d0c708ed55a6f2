/* SPDX-License-Identifier: Apache-2.0
 *
 * The source side: takes accepted messages, many into one Messenger.sendMany; a batch of identity operations, or an
 * answer to some, alone.
 */
#ifndef FERRY_RELAY_SUBMIT_H
#define FERRY_RELAY_SUBMIT_H

#include "relay/lane.h"

enum { SUBMIT_FEES_KEPT = 64 };

/* What a fee depends on: a message's path, size and gas. Each call of a registry has its own. */
struct submit_fee_key {
	int64_t kind;
	int64_t dst_eid;
	size_t payload_bytes;
	int64_t gas_limit;
	struct hash request_id; /* zero: any */
};

/* What the endpoint asks for such a message, for a few seconds. */
struct submit_fee {
	struct submit_fee_key key;
	struct u256 wei;
	bool refused;        /* the quote reverted: */
	char why[160];
	int64_t asked_ms;    /* clock_mono_ms, as the next; 0: an empty slot */
	int64_t used_ms;
	struct addr to;      /* who is asked */
	struct bytes question; /* calldata, malloc'd */
};

struct submit {
	struct lane lane;
	struct lock fees_lock;
	struct submit_fee fees[SUBMIT_FEES_KEPT]; /* guarded by fees_lock: the courier keeps them fresh */
	size_t fees_next;
};

void submit_init(struct submit *s, struct world *world, struct world_chain *chain);
/* After its threads have ended. */
void submit_fini(struct submit *s);
/* Thread: its own, until world.stopping. */
void submit_run(void *submit);

#endif
