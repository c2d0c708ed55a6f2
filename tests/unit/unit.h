/* SPDX-License-Identifier: Apache-2.0
 *
 * A unit test is one file: START_TEST(...) ... END_TEST, then UNIT_SUITE("folder/file", tests...).
 * Tests run from the project's root. CK_VERBOSITY=verbose lists each; CK_FORK=no keeps them in one
 * process for a debugger.
 */
#ifndef FERRY_TESTS_UNIT_UNIT_H
#define FERRY_TESTS_UNIT_UNIT_H

#include <check.h>
#include <stdio.h>

#include "base/bytes.h"

enum { UNIT_TIMEOUT_S = 60, UNIT_ARENA_BYTES = 256 * 1024 * 1024 };

/* Returns the number of failures, at most 100, for main. */
static inline int unit_run(const char *name, const TTest *const *tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	tcase_set_timeout(tcase, UNIT_TIMEOUT_S);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 100 ? 100 : failed;
}

#define UNIT_SUITE(name, ...)                                                                      \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = {__VA_ARGS__};                                        \
		return unit_run((name), tests, sizeof tests / sizeof *tests);                      \
	}

/* Says so where everybody sees it; the test then returns. */
static inline void unit_skip(const char *what, const char *why)
{
	printf("SKIP: %s: %s\n", what, why);
	fflush(stdout);
}

/* Bytes against a hex text, the difference readable. */
#define unit_assert_hex(arena, bytes, hex)                                                         \
	do {                                                                                       \
		struct bytes unit_b_ = (bytes);                                                    \
		ck_assert_str_eq(hex_encode((arena), unit_b_.p, unit_b_.n), (hex));                \
	} while (0)

#define unit_assert_hash_eq(a, b) ck_assert_mem_eq((a).b, (b).b, 32)
#define unit_assert_addr_eq(a, b) ck_assert_mem_eq((a).b, (b).b, 20)

#endif
