/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "api/explain.h"
#include "base/clock.h"

#define R(name) FERRY__V1__REASON__REASON_##name
#define LZ(name) FERRY__V1__LAYERZERO_STATUS__LAYERZERO_STATUS_##name

static struct world_chain_view chains[2];
static struct world_lane lanes[1];
static struct world_view world;
static int64_t poor_app = 9;

static void world_open(void)
{
	for (int i = 0; i < 2; i++)
		chains[i] = (struct world_chain_view){.eid = i ? 2 : 1,
						      .observes = true,
						      .submits = true,
						      .delivers = true,
						      .is_followed = true,
						      .chain.detail = "",
						      .submit.detail = "",
						      .deliver.detail = ""};
	lanes[0] = (struct world_lane){.src_eid = 1, .dst_eid = 2};
	lanes[0].latency[3] = (struct world_latency){10, 20, 30, 5};
	world = (struct world_view){.taken_us = 1,
				    .chains = chains,
				    .chains_n = 2,
				    .lanes = lanes,
				    .lanes_n = 1,
				    .apps_over_limit = &poor_app,
				    .apps_over_limit_n = 1};
}

static struct message message_in(enum message_state state)
{
	return (struct message){.ref.app_id = 1, .state = state, .src_eid = 1, .dst_eid = 2,
				.execution = FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC,
				.value = "0", .fee = "0", .due_us = INT64_MIN,
				.created_us = 1000000, .updated_us = 2000000};
}

static int reason_of(const struct message *m)
{
	const char *evidence;
	return explain_reason(&world, m, 3000000, &evidence);
}

START_TEST(every_state_has_a_reason_until_it_is_final)
{
	static const int waits[STATE_COUNT] = {
		[STATE_ACCEPTED] = R(WAITING_TO_SUBMIT),
		[STATE_AWAITING_WALLET] = R(WAITING_FOR_SOURCE_BLOCK),
		[STATE_SUBMITTED] = R(WAITING_FOR_SOURCE_BLOCK),
		[STATE_SENT] = R(WAITING_FOR_SOURCE_FINALITY),
		[STATE_VERIFYING] = R(WAITING_FOR_VERIFIERS),
		[STATE_VERIFIED] = R(WAITING_FOR_COMMIT),
		[STATE_COMMITTED] = R(WAITING_FOR_EXECUTION),
		[STATE_EXECUTION_FAILED] = R(RECEIVER_REVERTED),
		[STATE_DELIVERED] = R(WAITING_FOR_DESTINATION_FINALITY),
		[STATE_CLEARED] = R(WAITING_FOR_DESTINATION_FINALITY),
		[STATE_SKIPPED] = R(WAITING_FOR_DESTINATION_FINALITY),
		[STATE_BURNED] = R(WAITING_FOR_DESTINATION_FINALITY),
	};
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	world_open();
	for (int s = 0; s < STATE_COUNT; s++) {
		struct message m = message_in((enum message_state)s);
		ck_assert_int_eq(reason_of(&m), waits[s]);
		Ferry__V1__Explanation *e = explain(a, &world, &m, 3000000);
		ck_assert_int_eq(e != NULL, waits[s] != 0);
		if (e) {
			ck_assert_int_ne(e->owner, 0);
			ck_assert_uint_gt(strlen(e->next_action), 10);
		}
		m.dst.is_final = true;
		if (s >= STATE_DELIVERED)
			ck_assert_ptr_null(explain(a, &world, &m, 3000000));
	}
	arena_destroy(a);
}
END_TEST

START_TEST(every_reason_of_the_contract_is_in_the_table)
{
	static const char *const named[] = {
#define X(name, ...) "REASON_" #name,
#include "api/reasons.def"
#undef X
	};
	ck_assert_uint_eq(sizeof named / sizeof *named, ferry__v1__reason__descriptor.n_values);
	for (unsigned i = 0; i < ferry__v1__reason__descriptor.n_values; i++) {
		ck_assert_str_eq(named[i], ferry__v1__reason__descriptor.values[i].name);
		ck_assert_int_eq(ferry__v1__reason__descriptor.values[i].value, (int)i);
	}
	/* The states of the database are those of the contract. */
	for (int s = 0; s < STATE_COUNT; s++) {
		const ProtobufCEnumValue *v =
			protobuf_c_enum_descriptor_get_value(&ferry__v1__state__descriptor, s + 1);
		ck_assert_ptr_nonnull(v);
		ck_assert_str_eq(v->name + strlen("STATE_"), state_name((enum message_state)s));
	}
}
END_TEST

START_TEST(what_stops_the_chain_that_must_act_comes_first)
{
	world_open();
	struct message accepted = message_in(STATE_ACCEPTED), sent = message_in(STATE_SENT);
	struct message verified = message_in(STATE_VERIFIED), done = message_in(STATE_DELIVERED);
	chains[0].submit = (struct world_problem){R(SIGNER_OUT_OF_FUNDS), "0 wei"};
	ck_assert_int_eq(reason_of(&accepted), R(SIGNER_OUT_OF_FUNDS));
	ck_assert_int_eq(reason_of(&sent), R(WAITING_FOR_SOURCE_FINALITY));
	ck_assert_int_eq(reason_of(&verified), R(WAITING_FOR_COMMIT));
	chains[1].deliver = (struct world_problem){R(JOURNAL_BEHIND_CHAIN), ""};
	ck_assert_int_eq(reason_of(&verified), R(JOURNAL_BEHIND_CHAIN));
	ck_assert_int_eq(reason_of(&done), R(WAITING_FOR_DESTINATION_FINALITY));
	chains[1].chain = (struct world_problem){R(CHAIN_DISPUTED), "two heads"};
	const char *evidence;
	ck_assert_int_eq(explain_reason(&world, &done, 0, &evidence), R(CHAIN_DISPUTED));
	ck_assert_str_eq(evidence, "two heads");
	chains[0].submits = false;
	ck_assert_int_eq(reason_of(&accepted), R(RELAY_NOT_RUNNING));
	ck_assert_int_eq(reason_of(&sent), R(WAITING_FOR_SOURCE_FINALITY));
	chains[0].observes = false;
	ck_assert_int_eq(reason_of(&sent), R(RELAY_NOT_RUNNING));
	/* Nothing is known yet: nothing is claimed. */
	world.taken_us = 0;
	ck_assert_int_eq(reason_of(&accepted), R(WAITING_TO_SUBMIT));
}
END_TEST

START_TEST(what_the_relay_noted_stands)
{
	world_open();
	struct message m = message_in(STATE_EXECUTION_FAILED);
	m.reason = R(RECEIVER_OUT_OF_GAS);
	m.evidence = "used 200000 of 200000";
	const char *evidence;
	ck_assert_int_eq(explain_reason(&world, &m, 0, &evidence), R(RECEIVER_OUT_OF_GAS));
	ck_assert_str_eq(evidence, "used 200000 of 200000");
	m.reason = 4711; /* of a newer relay */
	ck_assert_int_eq(reason_of(&m), R(RECEIVER_REVERTED));
}
END_TEST

START_TEST(what_only_people_can_do_is_said)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	world_open();
	struct message m = message_in(STATE_COMMITTED);
	m.execution = FERRY__V1__EXECUTION__EXECUTION_MANUAL;
	ck_assert_int_eq(reason_of(&m), R(WAITING_FOR_EXECUTION));
	m.due_us = INT64_MAX;
	ck_assert_int_eq(reason_of(&m), R(WAITING_FOR_EXECUTOR));
	ck_assert_int_eq(explain(a, &world, &m, 0)->owner, FERRY__V1__OWNER__OWNER_YOU);
	m = message_in(STATE_EXECUTION_FAILED);
	m.due_us = INT64_MAX;
	ck_assert_int_eq(reason_of(&m), R(ATTEMPTS_EXHAUSTED));
	m.due_us = 9000000;
	ck_assert_int_eq(reason_of(&m), R(RECEIVER_REVERTED));
	ck_assert_int_eq(explain(a, &world, &m, 3000000)->next_attempt_time->seconds, 9);
	m = message_in(STATE_ACCEPTED);
	m.ref.app_id = poor_app;
	ck_assert_int_eq(reason_of(&m), R(DAILY_LIMIT_REACHED));
	Ferry__V1__Explanation *e = explain(a, &world, &m, 3000000);
	ck_assert(e->eta->p50_s > 7.9 && e->eta->p50_s < 8.1); /* two of ten seconds are over */
	ck_assert_ptr_null(e->next_attempt_time);
	arena_destroy(a);
}
END_TEST

START_TEST(layerzero_shows_blocked_while_held)
{
	struct message m = message_in(STATE_VERIFIED);
	ck_assert_int_eq(explain_layerzero_status(&m), LZ(INFLIGHT));
	m.hold_reason = "policy";
	ck_assert_int_eq(explain_layerzero_status(&m), LZ(BLOCKED));
	m.state = STATE_DELIVERED;
	m.dst.is_final = true;
	ck_assert_int_eq(explain_layerzero_status(&m), LZ(DELIVERED));
	m = message_in(STATE_EXECUTION_FAILED);
	ck_assert_int_eq(explain_layerzero_status(&m), LZ(PAYLOAD_STORED));
	m = message_in(STATE_ACCEPTED);
	ck_assert_int_eq(explain_layerzero_status(&m), LZ(UNSPECIFIED));
	m = message_in(STATE_SKIPPED);
	ck_assert_int_eq(explain_layerzero_status(&m), LZ(APPLICATION_SKIPPED));
}
END_TEST

SUITE("api/explain", every_state_has_a_reason_until_it_is_final,
      every_reason_of_the_contract_is_in_the_table, what_stops_the_chain_that_must_act_comes_first,
      what_the_relay_noted_stands, what_only_people_can_do_is_said,
      layerzero_shows_blocked_while_held)
