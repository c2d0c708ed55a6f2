/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a message is where it is, who must act and when: concluded from its row and from what is
 * known of the lanes and chains. Pure. The list of reasons is reasons.def.
 */
#ifndef FERRY_API_EXPLAIN_H
#define FERRY_API_EXPLAIN_H

#include "api/config.h"
#include "ferry/v1/types.pb-c.h"
#include "storage/message.h"

/* Something that stops a chain or an account on it. */
struct world_problem {
	int reason;        /* ferry.v1.Reason; 0: none */
	const char *detail; /* "" when there is none */
};
/* What the relay says of one chain. */
struct world_chain_view {
	uint32_t eid;
	bool observes, submits, delivers; /* a relay does so now: it holds the lease */
	bool is_followed;  /* has a cursor */
	int64_t number;
	int64_t block_time_us;
	struct world_problem chain, submit, deliver;
};
enum { WORLD_STAGES = 4 };
struct world_latency {
	double p50, p90, p99;
	int64_t count;
};
/* One direction. */
struct world_lane {
	uint32_t src_eid, dst_eid;
	int64_t backlog, oldest_us;
	int64_t verify_required;
	struct world_latency latency[WORLD_STAGES]; /* SEND VERIFY EXECUTE TOTAL */
};
extern const char *const world_stage_names[WORLD_STAGES];

/* A picture of everything, some seconds old at most; never changes once made. */
struct world_view {
	int64_t taken_us; /* 0: nothing is known yet */
	struct world_chain_view *chains;
	size_t chains_n;
	struct world_lane *lanes;
	size_t lanes_n;
	int64_t *apps_over_limit;
	size_t apps_over_limit_n;
};
const struct world_chain_view *world_chain_of(const struct world_view *w, uint32_t eid);
const struct world_lane *world_lane_of(const struct world_view *w, uint32_t src, uint32_t dst);
bool world_is_over_limit(const struct world_view *w, int64_t app_id);

/* NULL once the message is final. In the arena. */
Ferry__V1__Explanation *explain(struct arena *a, const struct world_view *w,
				const struct message *m, int64_t now_us);
/* The same with another reason, which has an owner and a next action of its own. */
void explain_as(Ferry__V1__Explanation *e, Ferry__V1__Reason reason);
/* The reason alone: explain's first part. 0 once final. */
int explain_reason(const struct world_view *w, const struct message *m, int64_t now_us,
		   const char **evidence);
/* What LayerZero's tools would show: BLOCKED while held. */
Ferry__V1__LayerzeroStatus explain_layerzero_status(const struct message *m);

#endif
