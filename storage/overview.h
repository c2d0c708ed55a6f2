/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of chains and lanes as the relay left it, for people: who is halted and why, how far
 * chains are followed, how much waits, how long things take. Every function blocks on SQL; results
 * live in the cx's arena.
 */
#ifndef FERRY_STORAGE_OVERVIEW_H
#define FERRY_STORAGE_OVERVIEW_H

#include "storage/db.h"

struct overview_cursor {
	int64_t eid;
	int64_t number;
	int64_t block_time_us; /* 0: unknown */
	int64_t updated_us;
	int64_t problem;    /* of ferry.v1.Reason; 0: none */
	const char *detail; /* NULL: none */
};
struct overview_lane {
	int64_t eid;
	const char *role;
	int64_t halted;     /* of ferry.v1.Reason; 0: it runs */
	const char *detail; /* NULL: none */
	int64_t since_us;
	bool is_driven;     /* a relay holds its lease, "lane.<eid>.0x<signer>" */
};
struct overview_lease {
	const char *name; /* of a lease that somebody holds now: "observe.<chain>" and others */
};
struct overview_backlog {
	int64_t src_eid, dst_eid;
	int64_t count;
	int64_t oldest_us;
};
/* Seconds; stage is SEND, VERIFY, EXECUTE or TOTAL. */
struct overview_latency {
	int64_t src_eid, dst_eid;
	const char *stage;
	double p50, p90, p99;
	int64_t count;
	int64_t verify_required;
};

MUST_USE enum status overview_cursors(struct ctx *cx, struct db *db, struct overview_cursor **out,
				      size_t *n);
MUST_USE enum status overview_lanes(struct ctx *cx, struct db *db, struct overview_lane **out,
				    size_t *n);
MUST_USE enum status overview_leases(struct ctx *cx, struct db *db, struct overview_lease **out,
				     size_t *n);
/* Messages that are not delivered yet. Reads the whole outbox: ask seldom. */
MUST_USE enum status overview_backlogs(struct ctx *cx, struct db *db,
				       struct overview_backlog **out, size_t *n);
/* Of the last deliveries within an hour, at most some thousands. Ask seldom. */
MUST_USE enum status overview_latencies(struct ctx *cx, struct db *db,
					struct overview_latency **out, size_t *n);

#endif
