/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <ctype.h>

START_TEST(every_row_is_whole)
{
	for (int i = 0; i < STATUS_COUNT; i++) {
		enum status st = (enum status)i;
		const char *name = status_name(st);
		for (const char *c = name; *c; c++)
			ck_assert_msg(isupper((unsigned char)*c) || *c == '_', "%s", name);
		size_t n = strlen(status_title(st));
		ck_assert_msg(n > 0 && status_title(st)[n - 1] != '.', "%s", name);
		ck_assert_msg(status_grpc(st) >= 0 && status_grpc(st) <= 16, "%s", name);
		ck_assert_msg((status_grpc(st) == 0) == (st == ST_OK), "%s", name);
		ck_assert_msg(st == ST_OK || (status_http(st) >= 400 && status_http(st) <= 599), "%s",
			      name);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(status_name((enum status)j), name);
	}
	ck_assert_int_eq(ST_OK, 0);
}
END_TEST

START_TEST(what_may_be_sent_again_says_so_in_both_protocols)
{
	for (int i = 0; i < STATUS_COUNT; i++) {
		enum status st = (enum status)i;
		if (!status_is_retryable(st))
			continue;
		/* UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED, DEADLINE_EXCEEDED */
		int grpc = status_grpc(st);
		ck_assert_msg(grpc == 14 || grpc == 8 || grpc == 10 || grpc == 4, "%s", status_name(st));
		int http = status_http(st);
		ck_assert_msg(http >= 500 || http == 429 || http == 409, "%s", status_name(st));
	}
}
END_TEST

START_TEST(a_failure_is_told_once_with_its_place)
{
	struct ctx *cx = unit_ctx();
	ck_assert(fail(cx, ST_NOT_FOUND, "no %s", "message") == ST_NOT_FOUND);
	ck_assert_str_eq(cx->err.message, "no message");
	ck_assert_str_eq(cx->err.code, "NOT_FOUND");
	ck_assert(fail_code(cx, ST_INVALID, "BAD_NONCE", "%s", "x") == ST_INVALID);
	ck_assert_str_eq(cx->err.code, "BAD_NONCE");
	for (int i = 0; i < CTX_DETAILS_MAX + 5; i++)
		ctx_add_detail(cx, "/a", "X", "number %d", i);
	ck_assert_uint_eq(cx->err.details_count, CTX_DETAILS_MAX);
	char long_text[1000];
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	(void)fail(cx, ST_INTERNAL, "%s", long_text);
	ck_assert_uint_eq(strlen(cx->err.message), CTX_MESSAGE_BYTES - 1);
	ctx_error_clear(cx);
	ck_assert_str_eq(cx->err.message, "");
	unit_ctx_end(cx);
}
END_TEST

SUITE("base/status", every_row_is_whole, what_may_be_sent_again_says_so_in_both_protocols,
      a_failure_is_told_once_with_its_place)
