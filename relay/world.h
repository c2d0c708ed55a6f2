/* SPDX-License-Identifier: Apache-2.0
 *
 * What the relay's threads know in common: configuration, keys, and how to wake each other.
 */
#ifndef FERRY_RELAY_WORLD_H
#define FERRY_RELAY_WORLD_H

#include <stdatomic.h>

#include "base/waker.h"
#include "chain/rpc.h"
#include "chain/signer.h"
#include "relay/relay.h"
#include "storage/lease.h"

struct world_chain {
	struct relay_chain config;
	struct signer *submit, *deliver;
	struct waker *observe_waker, *submit_waker, *deliver_waker, *aggregate_waker;
	/* Written by observe, read by the others; 0: not known yet. */
	_Atomic int64_t block_time_s; /* of the newest block worked through */
	_Atomic int64_t final_time_s; /* of the newest final block */
	_Atomic int64_t failures;     /* executions that failed here so far */
};

struct world {
	struct relay_config config;
	struct world_chain chains[RELAY_CHAINS_MAX];
	size_t chains_n;
	struct signer *committee[RELAY_COMMITTEE_MAX];
	size_t committee_n;
	char holder[LEASE_HOLDER_BYTES];
	_Atomic int64_t reorgs;      /* seen so far, on any chain */
	struct waker *notify_waker; /* tells serve that there are events */
	_Atomic bool stopping;
};

/* NULL when the eid is not configured. */
struct world_chain *world_chain(struct world *w, int64_t eid);
struct rpc *world_rpc_create(const struct relay_chain *chain);
/* Is it one of the accounts that submit on this chain? */
bool world_is_submitter(const struct world_chain *c, const struct addr *a);
void world_wake_all(struct world *w);

/* A thread's round, again and again: fresh memory and deadline, the log line when it fails, the wait after it. */
struct world_loop {
	struct world *world;
	const char *name; /* "observe.identity" */
	struct waker *waker;
	/* One round. *wait_ms is 1000 at first: how long to wait for a wake-up afterwards; 0: go on at once. */
	enum status (*round)(struct ctx *cx, void *self, int *wait_ms);
	void *self;
};
void world_run(const struct world_loop *loop);

#endif
