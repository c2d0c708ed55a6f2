/* SPDX-License-Identifier: Apache-2.0
 *
 * What every unit test starts with: libcheck, and a main() made of a list of tests.
 *
 *	START_TEST(a_queue_gives_back_what_was_pushed) { ... } END_TEST
 *	SUITE("base/queue", a_queue_gives_back_what_was_pushed, ...)
 *
 * Tests run from the project's root. A test has 60 seconds and a process of its own (CK_FORK=no:
 * not). CK_VERBOSITY=verbose lists each.
 */
#ifndef FERRY_UNIT_H
#define FERRY_UNIT_H

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#undef fail /* check's old name for ck_abort; ours is in base/ctx.h */

#include "base/bytes.h"
#include "base/ctx.h"

enum { UNIT_TIMEOUT_S = 60, UNIT_ARENA_BYTES = 256 * 1024 * 1024 };

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
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE(name, ...)                                                                           \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const unit_tests[] = {__VA_ARGS__};                                   \
		return unit_run((name), unit_tests, sizeof unit_tests / sizeof unit_tests[0]);     \
	}

#define UNIT_SUITE SUITE

/* Says so where everybody sees it; the test then returns. */
static inline void unit_skip(const char *what, const char *why)
{
	printf("SKIP: %s: %s\n", what, why);
	fflush(stdout);
}

/* A context with an arena of its own and no deadline; both end with the process. */
static inline struct ctx *unit_ctx(void)
{
	struct ctx *cx = calloc(1, sizeof *cx);
	ck_assert_ptr_nonnull(cx);
	ctx_init(cx, arena_create(UNIT_ARENA_BYTES), CTX_DEADLINE_NONE, "unit");
	return cx;
}
static inline void unit_ctx_end(struct ctx *cx)
{
	arena_destroy(cx->arena);
	free(cx);
}

/* Does f() abort? Tried in a child that says nothing and leaves no core. */
static inline bool unit_aborts(void (*f)(void))
{
	fflush(NULL);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		const struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		f();
		_exit(0);
	}
	int how = 0;
	while (waitpid(pid, &how, 0) < 0)
		continue;
	return WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT;
}

/* Bytes against a hex text, the difference readable. */
#define unit_assert_hex(arena, span, hex)                                                          \
	do {                                                                                       \
		struct bytes unit_b_ = (span);                                                     \
		ck_assert_str_eq(hex_encode((arena), unit_b_.p, unit_b_.n), (hex));                \
	} while (0)

#define unit_assert_hash_eq(x, y) ck_assert_mem_eq((x).b, (y).b, 32)
#define unit_assert_addr_eq(x, y) ck_assert_mem_eq((x).b, (y).b, 20)

/* ST_OK, or fails with the sentence of cx. */
#define ck_ok(cx, expr)                                                                            \
	do {                                                                                       \
		enum status unit_st_ = (expr);                                                     \
		ck_assert_msg(unit_st_ == ST_OK, "%s: %s (%s:%d)", status_name(unit_st_),          \
			      (cx)->err.message, (cx)->err.file, (cx)->err.line);                  \
	} while (0)

/* Fails as said: this status, and these words in the sentence. */
#define ck_fails(cx, expr, st, words)                                                              \
	do {                                                                                       \
		ctx_error_clear(cx);                                                               \
		enum status unit_st_ = (expr);                                                     \
		ck_assert_str_eq(status_name(unit_st_), status_name(st));                          \
		ck_assert_msg(strstr((cx)->err.message, (words)), "'%s' is not in '%s'", (words),  \
			      (cx)->err.message);                                                  \
	} while (0)

#endif
