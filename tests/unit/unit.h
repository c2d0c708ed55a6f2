/* SPDX-License-Identifier: Apache-2.0
 *
 * What every unit test starts with: libcheck, and a main() made of a list of tests.
 *
 *	START_TEST(a_queue_gives_back_what_was_pushed) { ... } END_TEST
 *	SUITE("base/queue", a_queue_gives_back_what_was_pushed, ...)
 *
 * A test has 20 seconds and a process of its own (CK_FORK=no: not).
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

#include "base/ctx.h"

enum { UNIT_TIMEOUT_S = 20, UNIT_ARENA_BYTES = 64 * 1024 * 1024 };

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
