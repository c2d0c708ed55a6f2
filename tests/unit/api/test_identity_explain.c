/* SPDX-License-Identifier: Apache-2.0
 *
 * Every operation says where it is, who must act and what happens next, whatever became of its batch;
 * and one that came to nothing says why, and what its owner can do.
 */
#include "tests/unit/unit.h"

#include "api/identity.h"
#include "base/clock.h"

#define OSTATE(name) FERRY__V1__OPERATION_STATE__OPERATION_STATE_##name
#define REASON(name) FERRY__V1__REASON__REASON_##name

static const char *const waiting[] = {"ACCEPTED", "BATCHED",  "SUBMITTED", "SENT",
				      "VERIFYING", "VERIFIED", "COMMITTED"};
enum { WAITING_N = sizeof waiting / sizeof *waiting };

static struct world_chain_view chains[2];
static int64_t poor_app = 9;
static struct world_view world;
static struct identity identity = {.ref.app_id = 1};

static void world_open(void)
{
	for (int i = 0; i < 2; i++)
		chains[i] = (struct world_chain_view){
			.eid = (uint32_t)i + 1, .observes = true, .submits = true,
			.delivers = true, .is_followed = true,
			.chain.detail = "", .submit.detail = "", .deliver.detail = ""};
	world = (struct world_view){.taken_us = 1, .chains = chains, .chains_n = 2,
				    .apps_over_limit = &poor_app, .apps_over_limit_n = 1};
	identity.ref.app_id = 1;
}

static struct identity_act act_in(const char *state)
{
	return (struct identity_act){.kind = IDENTITY_UPDATE, .state = state, .version = 2,
				     .src_eid = 1, .dst_eid = 2, .has_message = true,
				     .created_us = 1000000, .updated_us = 2000000};
}

/* The states of the batch's message in which an operation is in a state. */
static struct message batch_in(enum message_state state)
{
	return (struct message){.state = state, .src_eid = 1, .dst_eid = 2,
				.execution = FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC,
				.value = "0", .fee = "0", .due_us = INT64_MIN,
				.created_us = 1000000, .updated_us = 2000000};
}

/* A whole sentence: a capital, a full stop, and nothing that only a message's owner could do. */
static void assert_sentence(const char *s, const char *about)
{
	ck_assert_msg(s && strlen(s) > 20, "%s: '%s'", about, s);
	ck_assert_msg(s[0] >= 'A' && s[0] <= 'Z' && s[strlen(s) - 1] == '.', "%s: '%s'", about, s);
	ck_assert_msg(!strstr(s, ":retry") && !strstr(s, ":execute") && !strstr(s, "/execution") &&
			      !strstr(s, "receiver") && !strstr(s, "ordering key"),
		      "%s: '%s'", about, s);
}

static void assert_explained(const Ferry__V1__Explanation *e, const char *about)
{
	ck_assert_msg(e != NULL, "%s: nothing", about);
	ck_assert_msg(e->owner != FERRY__V1__OWNER__OWNER_UNSPECIFIED, "%s: nobody", about);
	ck_assert_msg(e->since != NULL, "%s: never", about);
	assert_sentence(e->next_action, about);
	bool is_ours = e->owner != FERRY__V1__OWNER__OWNER_YOU;
	ck_assert_msg(is_ours || e->reason == REASON(DAILY_LIMIT_REACHED), "%s: %s", about,
		      e->next_action);
}

START_TEST(every_state_and_every_reason_have_a_sentence)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	world_open();
	unsigned reasons = ferry__v1__reason__descriptor.n_values;
	for (unsigned s = 0; s < WAITING_N; s++) {
		struct identity_act act = act_in(waiting[s]);
		assert_explained(identity_explain(a, &world, &identity, &act, NULL, 3000000),
				 waiting[s]);
		for (int m = 0; m < STATE_COUNT; m++) {
			for (unsigned r = 0; r < reasons; r++) {
				struct message batch = batch_in((enum message_state)m);
				const char *about = arena_printf(
					a, "%s, batch %s, %s", waiting[s],
					state_name((enum message_state)m),
					ferry__v1__reason__descriptor.values[r].name);
				batch.reason = r;
				Ferry__V1__Explanation *e = identity_explain(
					a, &world, &identity, &act, &batch, 3000000);
				assert_explained(e, about);
				if (r && !message_is_final(batch.state, false))
					ck_assert_msg(e->reason == (Ferry__V1__Reason)r, "%s", about);
			}
			/* Read a moment later, it is final already. */
			struct message batch = batch_in((enum message_state)m);
			batch.dst.is_final = true;
			assert_explained(identity_explain(a, &world, &identity, &act, &batch,
							  3000000), waiting[s]);
		}
		arena_reset(a);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(each_state_waits_for_what_it_waits_for)
{
	static const Ferry__V1__Reason reasons[WAITING_N] = {
		REASON(WAITING_FOR_BATCH),	   REASON(WAITING_TO_SUBMIT),
		REASON(WAITING_FOR_SOURCE_BLOCK),  REASON(WAITING_FOR_SOURCE_FINALITY),
		REASON(WAITING_FOR_VERIFIERS),	   REASON(WAITING_FOR_COMMIT),
		REASON(WAITING_FOR_EXECUTION)};
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	world_open();
	for (unsigned s = 0; s < WAITING_N; s++) {
		struct identity_act act = act_in(waiting[s]);
		Ferry__V1__Explanation *e =
			identity_explain(a, &world, &identity, &act, NULL, 3000000);
		ck_assert_int_eq(e->reason, reasons[s]);
	}
	/* What stops the chain comes first; the app's own limit is the app's. */
	struct identity_act act = act_in("ACCEPTED");
	chains[0].submits = false;
	Ferry__V1__Explanation *e = identity_explain(a, &world, &identity, &act, NULL, 3000000);
	ck_assert_int_eq(e->reason, REASON(RELAY_NOT_RUNNING));
	ck_assert_ptr_nonnull(strstr(e->next_action, "operation waits safely"));
	chains[0].submits = true;
	identity.ref.app_id = poor_app;
	e = identity_explain(a, &world, &identity, &act, NULL, 3000000);
	ck_assert_int_eq(e->reason, REASON(DAILY_LIMIT_REACHED));
	ck_assert_int_eq(e->owner, FERRY__V1__OWNER__OWNER_YOU);
	/* Refused for now: the evidence says so in words. */
	identity.ref.app_id = 1;
	act.reason = "NotRegistered";
	e = identity_explain(a, &world, &identity, &act, NULL, 3000000);
	ck_assert_int_eq(e->reason, REASON(WAITING_FOR_BATCH));
	ck_assert_ptr_nonnull(strstr(e->evidence, "would refuse it at the moment (NotRegistered)"));
	act.reason = "the batch ended as EXPIRED";
	e = identity_explain(a, &world, &identity, &act, NULL, 3000000);
	ck_assert_str_eq(e->evidence, act.reason);
	arena_destroy(a);
}
END_TEST

START_TEST(what_came_to_nothing_says_why_and_what_to_do)
{
	/* Every word that ProxyRegistry.check, submit and MainRegistry have for a refusal. */
	static const char *const refusals[] = {
		"AlreadyRegistered", "BadAccount", "BadConsent",   "BadData",	    "BadKind",
		"BadOwner",	     "BadRecovery", "BadSignature", "BadVersion",    "Expired",
		"IsRevoked",	     "NotRegistered", "StaleVersion", "WrongChain", "REVOKED",
		"STALE_VERSION",     "NOT_OWNER",   "0x12345678",  "the batch ended as SKIPPED", NULL};
	static const char *const ended[] = {"REJECTED", "FAILED", "EXPIRED"};
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	world_open();
	struct message batch = batch_in(STATE_DELIVERED);
	const char *unknown[3];
	for (int s = 0; s < 3; s++) {
		struct identity_act act = act_in(ended[s]);
		unknown[s] = identity_outcome(&act);
		assert_sentence(unknown[s], ended[s]);
		for (int r = 0; refusals[r]; r++) {
			act.reason = refusals[r];
			assert_sentence(identity_outcome(&act), refusals[r]);
			bool is_known = strcmp(identity_outcome(&act), unknown[s]) != 0;
			bool is_same = s == 2 && strcmp(act.reason, "Expired") == 0;
			ck_assert_msg(is_known == (r < 17 && !is_same), "%s", refusals[r]);
		}
		ck_assert_ptr_null(identity_explain(a, &world, &identity, &act, &batch, 0));
	}
	ck_assert_str_ne(unknown[0], unknown[1]);
	ck_assert_str_ne(unknown[1], unknown[2]);
	for (unsigned s = 0; s < WAITING_N; s++) {
		struct identity_act act = act_in(waiting[s]);
		act.reason = "Expired";
		ck_assert_str_eq(identity_outcome(&act), "");
	}
	struct identity_act act = act_in("FINAL");
	ck_assert_str_eq(identity_outcome(&act), "");
	ck_assert_ptr_null(identity_explain(a, &world, &identity, &act, NULL, 0));
	arena_destroy(a);
}
END_TEST

SUITE("api/identity_explain", every_state_and_every_reason_have_a_sentence,
      each_state_waits_for_what_it_waits_for, what_came_to_nothing_says_why_and_what_to_do)
