/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdalign.h>

enum { SMALL_BYTES = 64 * 1024 };

START_TEST(memory_is_zeroed_aligned_and_apart)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	uint8_t *before = NULL;
	for (size_t n = 0; n < 5000; n += 7) {
		uint8_t *p = arena_alloc(a, n);
		ck_assert_uint_eq((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xff, n);
		ck_assert(n == 0 || p != before);
		before = n ? p : before;
	}
	arena_destroy(a);
}
END_TEST

START_TEST(a_reset_arena_gives_zeroed_memory_again)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			uint8_t *p = arena_alloc(a, 1000);
			for (int j = 0; j < 1000; j++)
				ck_assert_uint_eq(p[j], 0);
			memset(p, 0xaa, 1000);
		}
		arena_reset(a);
		ck_assert_uint_le(arena_bytes(a), 16 * 1024);
	}
	arena_destroy(a);
}
END_TEST

static int released[4];
static int released_n;
static void release(void *p)
{
	released[released_n++] = *(int *)p;
}

START_TEST(what_is_deferred_is_released_once_last_in_first_out)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	int *v = arena_array(a, 3, sizeof *v);
	for (int i = 0; i < 3; i++) {
		v[i] = i;
		arena_defer(a, release, &v[i]);
	}
	arena_reset(a);
	ck_assert_int_eq(released_n, 3);
	ck_assert_int_eq(released[0], 2);
	ck_assert_int_eq(released[2], 0);
	arena_reset(a);
	arena_destroy(a);
	ck_assert_int_eq(released_n, 3);
}
END_TEST

START_TEST(texts_are_copied_and_ended)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	char long_text[40000];
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	ck_assert_str_eq(arena_strdup(a, ""), "");
	ck_assert_str_eq(arena_strdup(a, long_text), long_text);
	ck_assert_str_eq(arena_strndup(a, "abcdef", 3), "abc");
	ck_assert_str_eq(arena_printf(a, "%s-%d", "n", 7), "n-7");
	ck_assert_str_eq(arena_printf(a, "%s", long_text), long_text);
	ck_assert_mem_eq(arena_copy(a, "\0\1\2", 3), "\0\1\2", 3);
	arena_destroy(a);
}
END_TEST

static void take_too_much(void)
{
	struct arena *a = arena_create(SMALL_BYTES);
	for (;;)
		arena_alloc(a, 1000);
}
static void take_all_at_once(void)
{
	arena_alloc(arena_create(SMALL_BYTES), SIZE_MAX);
}
static void take_almost_all(void)
{
	arena_alloc(arena_create(SMALL_BYTES), SIZE_MAX - 15);
}
static void take_an_array_that_overflows(void)
{
	arena_array(arena_create(SMALL_BYTES), SIZE_MAX / 2, 3);
}
static void take_within_the_limit(void)
{
	struct arena *a = arena_create(SMALL_BYTES);
	arena_alloc(a, SMALL_BYTES);
	arena_destroy(a);
}

START_TEST(the_limit_aborts_and_sizes_do_not_wrap)
{
	ck_assert(!unit_aborts(take_within_the_limit));
	ck_assert(unit_aborts(take_too_much));
	ck_assert(unit_aborts(take_all_at_once));
	ck_assert(unit_aborts(take_almost_all));
	ck_assert(unit_aborts(take_an_array_that_overflows));
}
END_TEST

START_TEST(destroying_nothing_is_fine)
{
	arena_destroy(NULL);
}
END_TEST

SUITE("base/arena", memory_is_zeroed_aligned_and_apart, a_reset_arena_gives_zeroed_memory_again,
      what_is_deferred_is_released_once_last_in_first_out, texts_are_copied_and_ended,
      the_limit_aborts_and_sizes_do_not_wrap, destroying_nothing_is_fine)
