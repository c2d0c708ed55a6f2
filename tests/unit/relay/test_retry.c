/* SPDX-License-Identifier: Apache-2.0 */
#include "ferry/v1/types.pb-c.h"
#include "relay/retry.h"
#include "tests/unit/relay/logs.h"

#define REASON(name) FERRY__V1__REASON__REASON_##name

START_TEST(the_delay_doubles_up_to_ten_minutes_and_ends)
{
	ck_assert_int_eq(retry_delay_ms(1), 2000);
	ck_assert_int_eq(retry_delay_ms(2), 4000);
	ck_assert_int_eq(retry_delay_ms(9), 512000);
	ck_assert_int_eq(retry_delay_ms(10), 600000);
	ck_assert_int_eq(retry_delay_ms(RETRY_ATTEMPTS_MAX - 1), 600000);
	ck_assert_int_eq(retry_delay_ms(RETRY_ATTEMPTS_MAX), -1);
	ck_assert_int_eq(retry_delay_ms(INT64_MAX), -1);
	ck_assert_int_eq(retry_delay_ms(0), 2000);
	for (int64_t i = 2; i < RETRY_ATTEMPTS_MAX; i++)
		ck_assert_int_ge(retry_delay_ms(i), retry_delay_ms(i - 1));
}
END_TEST

START_TEST(causes_have_their_reasons)
{
	static const struct {
		const char *error;
		int reason;
		bool is_failure;
	} rows[] = {
		{"LZ_InvalidNonce(uint64)", 0, false},
		{"LZ_PayloadHashNotFound(bytes32,bytes32)", 0, false},
		{"OutOfOrder(uint64,uint64)", REASON(WAITING_FOR_EARLIER_MESSAGE), true},
		{"NoReceiver(address)", REASON(RECEIVER_MISSING), true},
		{"InsufficientGas(uint256,uint256)", REASON(WAITING_FOR_EXECUTION), true},
		{"BadMessage()", REASON(RECEIVER_REVERTED), true},
		{"SomethingOfTheReceiver(uint256)", REASON(RECEIVER_REVERTED), true},
	};
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct retry_cause c = retry_cause_of(a, logs_revert(a, rows[i].error));
		ck_assert_msg(c.reason == rows[i].reason, "%s: %d", rows[i].error, c.reason);
		ck_assert_int_eq(c.is_failure, rows[i].is_failure);
		ck_assert_ptr_nonnull(c.text);
	}
	struct retry_cause c = retry_cause_of(a, bytes_of(NULL, 0));
	ck_assert_int_eq(c.reason, REASON(RECEIVER_OUT_OF_GAS));
	ck_assert(c.is_failure);
	arena_destroy(a);
}
END_TEST

/* Whatever a receiver returns: a failure with a text, never anything read beyond its end. */
START_TEST(any_revert_data_is_a_failure_with_a_text)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	uint64_t seed = 1;
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)i % 200;
		uint8_t *data = malloc(n + 1);
		for (size_t k = 0; k < n; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			data[k] = (uint8_t)(seed >> 56);
		}
		if (n >= 4 && i % 3 == 0)
			memcpy(data, "\x08\xc3\x79\xa0", 4); /* Error(string) */
		struct retry_cause c = retry_cause_of(a, bytes_of(data, n));
		free(data);
		ck_assert(c.is_failure);
		ck_assert_uint_gt(strlen(c.text), 0);
	}
	arena_destroy(a);
}
END_TEST

SUITE("relay/retry", the_delay_doubles_up_to_ten_minutes_and_ends, causes_have_their_reasons,
      any_revert_data_is_a_failure_with_a_text)
