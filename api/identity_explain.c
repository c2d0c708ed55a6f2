/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an operation is and why, and how it ended, in words for its owner. Its batch is explained as the
 * message it is; what to do about it is said in other words, since the batch is nobody's but ours.
 */
#include "api/identity.h"

#include "api/json.h"

#define REASON(name) FERRY__V1__REASON__REASON_##name
#define OSTATE(name) FERRY__V1__OPERATION_STATE__OPERATION_STATE_##name

/* As the database names them; how a message that carries such an operation stands. */
static const struct {
	const char *name;
	enum message_state carried;
} states[] = {
	[OSTATE(ACCEPTED)] = {"ACCEPTED", STATE_ACCEPTED},
	[OSTATE(BATCHED)] = {"BATCHED", STATE_ACCEPTED},
	[OSTATE(SUBMITTED)] = {"SUBMITTED", STATE_SUBMITTED},
	[OSTATE(SENT)] = {"SENT", STATE_SENT},
	[OSTATE(VERIFYING)] = {"VERIFYING", STATE_VERIFYING},
	[OSTATE(VERIFIED)] = {"VERIFIED", STATE_VERIFIED},
	[OSTATE(COMMITTED)] = {"COMMITTED", STATE_COMMITTED},
	[OSTATE(FINAL)] = {"FINAL", STATE_DELIVERED},
	[OSTATE(REJECTED)] = {"REJECTED", STATE_DELIVERED},
	[OSTATE(FAILED)] = {"FAILED", STATE_FAILED},
	[OSTATE(EXPIRED)] = {"EXPIRED", STATE_EXPIRED},
};

static const struct {
	const char *name;
	const char *why;
	const char *sentences; /* why, and what can be done */
} refusals[] = {
#define REFUSED(name, why, what) {#name, why, why " " what},
#include "api/outcomes.def"
};

static const struct {
	Ferry__V1__Reason reason;
	Ferry__V1__Owner owner;
	const char *next_action;
} carried[] = {
#define CARRIED(name, owner, next_action) {REASON(name), FERRY__V1__OWNER__OWNER_##owner, next_action},
#include "api/outcomes.def"
};

Ferry__V1__OperationState identity_act_state(const struct identity_act *act)
{
	for (unsigned i = 1; i < sizeof states / sizeof *states; i++)
		if (strcmp(states[i].name, act->state) == 0)
			return (Ferry__V1__OperationState)i;
	return OSTATE(UNSPECIFIED);
}

bool identity_act_has_ended(const struct identity_act *act)
{
	return identity_act_state(act) >= OSTATE(FINAL);
}

/* -1: not a registry's reason. */
static int refusal_of(const struct identity_act *act)
{
	for (size_t i = 0; act->reason && i < sizeof refusals / sizeof *refusals; i++)
		if (strcmp(refusals[i].name, act->reason) == 0)
			return (int)i;
	return -1;
}

/* Why it waits although batches go: the registry would leave it out, or its last batch came to nothing. */
static const char *waiting_evidence(struct arena *a, const struct identity_act *act)
{
	int refusal = refusal_of(act);
	if (refusal < 0)
		return act->reason;
	return arena_printf(a, "The registry would refuse it at the moment (%s): %s It is asked again.",
			    refusals[refusal].name, refusals[refusal].why);
}

/* Without its batch: as a message in the same state that waits for the chain's lane. */
static Ferry__V1__Explanation *explain_alone(struct arena *a, const struct world_view *w,
					     const struct identity *d,
					     const struct identity_act *act, int64_t now_us)
{
	Ferry__V1__OperationState state = identity_act_state(act);
	const struct message as = {
		.ref = {d->ref.app_id, act->id},
		.state = states[state].carried,
		.execution = FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC,
		.src_eid = act->src_eid,
		.dst_eid = act->dst_eid,
		.evidence = waiting_evidence(a, act),
		.created_us = act->created_us,
		.updated_us = act->updated_us,
		.due_us = act->due_us,
		.is_open = true,
	};
	Ferry__V1__Explanation *e = explain(a, w, &as, now_us);
	if (e && state == OSTATE(ACCEPTED) && e->reason == REASON(WAITING_TO_SUBMIT))
		explain_as(e, REASON(WAITING_FOR_BATCH));
	return e;
}

/* It is final, and what was read of the operation a moment before is not yet. */
static Ferry__V1__Explanation *explain_settled(struct arena *a, const struct message *batch)
{
	Ferry__V1__Explanation *e = arena_alloc(a, sizeof *e);
	ferry__v1__explanation__init(e);
	explain_as(e, REASON(WAITING_FOR_DESTINATION_FINALITY));
	e->since = api_timestamp_new(a, batch->updated_us);
	return e;
}

Ferry__V1__Explanation *identity_explain(struct arena *a, const struct world_view *w,
					 const struct identity *d, const struct identity_act *act,
					 const struct message *batch, int64_t now_us)
{
	if (identity_act_has_ended(act))
		return NULL;
	Ferry__V1__Explanation *e = batch ? explain(a, w, batch, now_us)
					  : explain_alone(a, w, d, act, now_us);
	if (!e && batch)
		e = explain_settled(a, batch);
	for (size_t i = 0; e && i < sizeof carried / sizeof *carried; i++) {
		if (carried[i].reason != e->reason)
			continue;
		e->owner = carried[i].owner;
		e->next_action = (char *)carried[i].next_action;
	}
	return e;
}

const char *identity_outcome(const struct identity_act *act)
{
	int refusal = refusal_of(act);
	Ferry__V1__OperationState state = identity_act_state(act);
	if (state <= OSTATE(FINAL))
		return protobuf_c_empty_string;
	if (refusal >= 0)
		return refusals[refusal].sentences;
	if (state == OSTATE(EXPIRED))
		return "Its deadline passed before it was on the rollup. Ask for a new quote and sign "
		       "that.";
	return state == OSTATE(REJECTED)
		       ? "A registry refused it. Look at the identity; if the change is still wanted, ask "
			 "for a new quote."
		       : "It came to nothing on its way, and nothing of it holds. Ask for a new quote and "
			 "sign that.";
}
