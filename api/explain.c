/* SPDX-License-Identifier: Apache-2.0 */
#include "api/explain.h"

#include <assert.h>

#include "api/json.h"
#include "base/clock.h"

#define REASON(name) FERRY__V1__REASON__REASON_##name

enum { EXPLAIN_STATUS_HELD = FERRY__V1__LAYERZERO_STATUS__LAYERZERO_STATUS_BLOCKED };

const char *const world_stage_names[WORLD_STAGES] = {"SEND", "VERIFY", "EXECUTE", "TOTAL"};

static const struct {
	Ferry__V1__Owner owner;
	const char *next_action;
} reasons[] = {
#define X(name, owner, next_action) [REASON(name)] = {FERRY__V1__OWNER__OWNER_##owner, next_action},
#include "api/reasons.def"
#undef X
};
enum { REASONS_COUNT = sizeof reasons / sizeof *reasons };

#define LZ(name) FERRY__V1__LAYERZERO_STATUS__LAYERZERO_STATUS_##name
static const struct {
	Ferry__V1__LayerzeroStatus shown;
	int waits_for; /* what the state itself says, when nothing else is known */
} states[STATE_COUNT] = {
	[STATE_ACCEPTED] = {LZ(UNSPECIFIED), REASON(WAITING_TO_SUBMIT)},
	[STATE_AWAITING_WALLET] = {LZ(UNSPECIFIED), REASON(WAITING_FOR_SOURCE_BLOCK)},
	[STATE_SUBMITTED] = {LZ(CONFIRMING), REASON(WAITING_FOR_SOURCE_BLOCK)},
	[STATE_SENT] = {LZ(CONFIRMING), REASON(WAITING_FOR_SOURCE_FINALITY)},
	[STATE_VERIFYING] = {LZ(INFLIGHT), REASON(WAITING_FOR_VERIFIERS)},
	[STATE_VERIFIED] = {LZ(INFLIGHT), REASON(WAITING_FOR_COMMIT)},
	[STATE_COMMITTED] = {LZ(INFLIGHT), REASON(WAITING_FOR_EXECUTION)},
	[STATE_EXECUTION_FAILED] = {LZ(PAYLOAD_STORED), REASON(RECEIVER_REVERTED)},
	[STATE_DELIVERED] = {LZ(DELIVERED), REASON(WAITING_FOR_DESTINATION_FINALITY)},
	[STATE_CLEARED] = {LZ(APPLICATION_CLEARED), REASON(WAITING_FOR_DESTINATION_FINALITY)},
	[STATE_SKIPPED] = {LZ(APPLICATION_SKIPPED), REASON(WAITING_FOR_DESTINATION_FINALITY)},
	[STATE_BURNED] = {LZ(APPLICATION_BURNED), REASON(WAITING_FOR_DESTINATION_FINALITY)},
	[STATE_FAILED] = {LZ(FAILED), 0},
	[STATE_CANCELLED] = {LZ(FAILED), 0},
	[STATE_EXPIRED] = {LZ(FAILED), 0},
};

const struct world_chain_view *world_chain_of(const struct world_view *w, uint32_t eid)
{
	for (size_t i = 0; i < w->chains_n; i++)
		if (w->chains[i].eid == eid)
			return &w->chains[i];
	return NULL;
}

const struct world_lane *world_lane_of(const struct world_view *w, uint32_t src, uint32_t dst)
{
	for (size_t i = 0; i < w->lanes_n; i++)
		if (w->lanes[i].src_eid == src && w->lanes[i].dst_eid == dst)
			return &w->lanes[i];
	return NULL;
}

bool world_is_over_limit(const struct world_view *w, int64_t app_id)
{
	for (size_t i = 0; i < w->apps_over_limit_n; i++)
		if (w->apps_over_limit[i] == app_id)
			return true;
	return false;
}

Ferry__V1__LayerzeroStatus explain_layerzero_status(const struct message *m)
{
	assert((unsigned)m->state < STATE_COUNT);
	if (m->hold_reason && !message_is_final(m->state, m->dst.is_final))
		return (Ferry__V1__LayerzeroStatus)EXPLAIN_STATUS_HELD;
	return states[m->state].shown;
}

/* Does our account send the next transaction, or do we only look? */
static bool stage_sends(enum outbox_stage stage)
{
	return stage == STAGE_SUBMIT || stage == STAGE_ATTEST || stage == STAGE_EXECUTE;
}

/* What stops the next step: nobody drives it, the chain's nodes fail, our account is halted. */
static int stage_reason(const struct world_view *w, const struct message *m, const char **evidence)
{
	enum outbox_stage stage = state_stage(m->state);
	bool at_source = stage == STAGE_SUBMIT || stage == STAGE_TRACK || stage == STAGE_FINALITY;
	bool sends = stage_sends(stage);
	const struct world_chain_view *c =
		world_chain_of(w, (uint32_t)(at_source ? m->src_eid : m->dst_eid));
	if (!c || w->taken_us == 0)
		return 0;
	const struct world_problem *lane = at_source ? &c->submit : &c->deliver;
	bool is_driven = at_source ? c->submits : c->delivers;
	if (!c->observes || (sends && !is_driven))
		return REASON(RELAY_NOT_RUNNING);
	if (c->chain.reason) {
		*evidence = c->chain.detail;
		return c->chain.reason;
	}
	/* What is signed and no node takes is not on its way. */
	bool unsent = stage == STAGE_TRACK && (lane->reason == REASON(SIGNER_OUT_OF_FUNDS) ||
					       lane->reason == REASON(TRANSACTION_REFUSED));
	if (!lane->reason || (!sends && !unsent))
		return 0;
	*evidence = lane->detail;
	return lane->reason;
}

static bool is_left_to_others(const struct message *m)
{
	return m->state == STATE_COMMITTED && m->due_us == INT64_MAX &&
	       m->execution != FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC;
}

int explain_reason(const struct world_view *w, const struct message *m, int64_t now_us,
		   const char **evidence)
{
	(void)now_us;
	*evidence = "";
	if (message_is_final(m->state, m->dst.is_final))
		return 0;
	if (m->reason > 0 && m->reason < REASONS_COUNT) {
		*evidence = m->evidence ? m->evidence : "";
		return (int)m->reason;
	}
	int reason = stage_reason(w, m, evidence);
	if (reason)
		return reason;
	*evidence = m->evidence ? m->evidence : "";
	if (m->state == STATE_ACCEPTED && world_is_over_limit(w, m->ref.app_id))
		return REASON(DAILY_LIMIT_REACHED);
	if (is_left_to_others(m))
		return REASON(WAITING_FOR_EXECUTOR);
	if (m->state == STATE_EXECUTION_FAILED && m->due_us == INT64_MAX)
		return REASON(ATTEMPTS_EXHAUSTED);
	return states[m->state].waits_for;
}

/* What of the lane's usual times is still to come. */
static Ferry__V1__Eta *explain_eta(struct arena *a, const struct world_view *w,
				   const struct message *m, int64_t now_us)
{
	const struct world_lane *lane = world_lane_of(w, (uint32_t)m->src_eid,
						      (uint32_t)m->dst_eid);
	const struct world_latency *total = lane ? &lane->latency[WORLD_STAGES - 1] : NULL;
	if (!total || total->count == 0 || state_is_done(m->state) ||
	    m->state == STATE_EXECUTION_FAILED)
		return NULL;
	double gone = (double)(now_us - m->created_us) / 1e6;
	Ferry__V1__Eta *eta = arena_alloc(a, sizeof *eta);
	ferry__v1__eta__init(eta);
	eta->p50_s = total->p50 > gone ? total->p50 - gone : 0;
	eta->p90_s = total->p90 > gone ? total->p90 - gone : 0;
	return eta;
}

void explain_as(Ferry__V1__Explanation *e, Ferry__V1__Reason reason)
{
	e->reason = reason;
	e->owner = reasons[reason].owner;
	e->next_action = (char *)reasons[reason].next_action;
}

Ferry__V1__Explanation *explain(struct arena *a, const struct world_view *w,
				const struct message *m, int64_t now_us)
{
	const char *evidence;
	int reason = explain_reason(w, m, now_us, &evidence);
	if (reason == 0)
		return NULL;
	Ferry__V1__Explanation *e = arena_alloc(a, sizeof *e);
	ferry__v1__explanation__init(e);
	e->reason = (Ferry__V1__Reason)reason;
	e->owner = reasons[reason].owner;
	e->next_action = (char *)reasons[reason].next_action;
	e->since = api_timestamp_new(a, m->updated_us);
	if (m->due_us > now_us && m->due_us != INT64_MAX)
		e->next_attempt_time = api_timestamp_new(a, m->due_us);
	e->eta = explain_eta(a, w, m, now_us);
	e->evidence = arena_strdup(a, evidence);
	return e;
}
