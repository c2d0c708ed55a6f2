/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/clock.h"

START_TEST(times_are_written_as_rfc_3339_says)
{
	static const struct {
		int64_t us;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000000Z"},
		{1, "1970-01-01T00:00:00.000001Z"},
		{-1, "1969-12-31T23:59:59.999999Z"},
		{INT64_C(951782400) * 1000000, "2000-02-29T00:00:00.000000Z"},
		{INT64_C(4107542400) * 1000000, "2100-03-01T00:00:00.000000Z"},
		{INT64_C(253402300799) * 1000000 + 999999, "9999-12-31T23:59:59.999999Z"},
		{INT64_MAX, "9999-12-31T23:59:59.999999Z"},
		{INT64_MIN, "0001-01-01T00:00:00.000000Z"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[CLOCK_RFC3339_BYTES];
		clock_rfc3339(text, rows[i].us);
		ck_assert_str_eq(text, rows[i].text);
	}
}
END_TEST

START_TEST(time_goes_on)
{
	int64_t ms = clock_mono_ms();
	int64_t us = clock_mono_us();
	clock_sleep_ms(20);
	ck_assert_int_ge(clock_mono_ms() - ms, 20);
	ck_assert_int_ge(clock_mono_us() - us, 20000);
	ck_assert_int_gt(clock_wall_us(), INT64_C(1700000000) * 1000000);
}
END_TEST

START_TEST(a_uuid_is_of_version_7_and_grows_with_time)
{
	uint8_t a[16];
	uint8_t b[16];
	int64_t before = clock_wall_us() / 1000;
	uuid_v7(a);
	clock_sleep_ms(2);
	uuid_v7(b);
	ck_assert_uint_eq(a[6] >> 4, 7);
	ck_assert_uint_eq(a[8] >> 6, 2);
	ck_assert_int_lt(memcmp(a, b, 6), 0);
	ck_assert_mem_ne(a + 8, b + 8, 8);
	int64_t ms = 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | a[i];
	ck_assert_int_ge(ms, before);
	ck_assert_int_le(ms, before + 1000);
}
END_TEST

START_TEST(random_bytes_differ)
{
	uint8_t a[64] = {0};
	uint8_t b[64] = {0};
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	ck_assert_mem_ne(a, b, sizeof a);
	ck_assert(random_u64() != random_u64());
	random_bytes(a, 0);
}
END_TEST

SUITE("base/clock", times_are_written_as_rfc_3339_says, time_goes_on,
      a_uuid_is_of_version_7_and_grows_with_time, random_bytes_differ)
