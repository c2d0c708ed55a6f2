/* SPDX-License-Identifier: Apache-2.0
 *
 * The relay: takes messages out of the outbox and through LayerZero. For each chain one thread
 * follows its blocks (observe), one sends to it (submit), one verifies and executes on it (deliver).
 * They share nothing but PostgreSQL; wake-ups between them only save time. Any number of relays
 * may run: leases decide who drives what.
 */
#ifndef FERRY_RELAY_RELAY_H
#define FERRY_RELAY_RELAY_H

#include "base/bytes.h"
#include "base/ctx.h"

enum { RELAY_CHAINS_MAX = 16, RELAY_COMMITTEE_MAX = 16 };

struct relay_key {
	const char *keystore;
	const char *password_file;
};

struct relay_chain {
	const char *name;
	int64_t eid;
	uint64_t chain_id;
	const char *const *urls;
	size_t urls_n;
	int64_t finality_blocks;
	uint64_t confirmations;
	int64_t deploy_block;
	uint64_t tip_max_gwei; /* however much more a node suggests */
	uint32_t dvn_vid;
	struct addr endpoint, receive_uln, dvn, messenger, batcher;
	struct addr proxy_registry, main_registry; /* zero: none on this chain */
	struct relay_key submit, deliver;
};

/* Strings are borrowed until relay_destroy. */
struct relay_config {
	const char *database_url;
	const struct relay_chain *chains;
	size_t chains_n;
	const struct relay_key *committee;
	size_t committee_n;
	unsigned quorum;
	size_t claim_items;  /* messages a round works on at most */
	int poll_ms;         /* how often a chain's head is asked for */
	const char *daily_wei_per_app; /* decimal */
	/* A batch of identity operations is closed when it has so many, or so much gas, or when its oldest has
	 * waited so long. */
	size_t batch_operations;
	uint64_t batch_gas;
	int64_t batch_age_ms;
};

struct relay;

/* Opens the keys. Blocks on the disk and on the keystores' key derivation.
 * Returns: ST_OK; what signer_open says of a key that cannot be opened. */
MUST_USE enum status relay_create(struct ctx *cx, const struct relay_config *config, struct relay **out);
/* Starts the threads. They wait for the database and for the nodes by themselves. */
void relay_start(struct relay *r);
/* Ends the threads (their rounds are finished first), gives the leases back. */
void relay_stop(struct relay *r);
void relay_destroy(struct relay *r);

#endif
