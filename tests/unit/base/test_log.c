/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/json.h"
#include "base/log.h"

/* Standard error goes to a file while the lines are written; gives them back. */
static FILE *caught;
static int kept;
static void catch_begin(void)
{
	fflush(stderr);
	caught = tmpfile();
	kept = dup(STDERR_FILENO);
	dup2(fileno(caught), STDERR_FILENO);
}
static size_t catch_end(char *out, size_t n)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(caught);
	size_t got = fread(out, 1, n - 1, caught);
	out[got] = '\0';
	fclose(caught);
	return got;
}

/* The one line, as JSON. */
static json_t *parse_line(struct ctx *cx, const char *text)
{
	size_t n = strlen(text);
	ck_assert_uint_gt(n, 0);
	ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
	json_t *root;
	ck_ok(cx, json_parse(cx, &root, bytes_of(text, n - 1), 64 * 1024, 4));
	return root;
}

static const char *member(const json_t *line, const char *name)
{
	const char *text = json_string_value(json_object_get(line, name));
	ck_assert_msg(text, "the line has no %s", name);
	return text;
}

START_TEST(a_line_is_one_json_object)
{
	struct ctx *cx = unit_ctx();
	static char text[8192];
	log_init(LOG_INFO, "serve");
	catch_begin();
	log_event(LOG_WARN, "outbox.accepted", "took %d \"quoted\" \\ and\nbroken", 3);
	catch_end(text, sizeof text);
	json_t *line = parse_line(cx, text);
	ck_assert_str_eq(member(line, "level"), "warn");
	ck_assert_str_eq(member(line, "role"), "serve");
	ck_assert_str_eq(member(line, "event"), "outbox.accepted");
	ck_assert_str_eq(member(line, "message"), "took 3 \"quoted\" \\ and\nbroken");
	ck_assert_uint_eq(strlen(member(line, "time")), 27);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(lines_below_the_level_are_dropped)
{
	static char text[8192];
	log_init(LOG_WARN, "relay");
	catch_begin();
	log_event(LOG_INFO, "a", "b");
	log_event(LOG_DEBUG, "a", "b");
	ck_assert_uint_eq(catch_end(text, sizeof text), 0);
}
END_TEST

START_TEST(whatever_is_in_a_value_stays_in_it)
{
	struct ctx *cx = unit_ctx();
	static char text[16384];
	char hostile[256];
	for (int i = 0; i < 255; i++)
		hostile[i] = (char)(i + 1);
	hostile[255] = '\0';
	log_init(LOG_INFO, "x");
	catch_begin();
	log_event(LOG_INFO, "e", "%s", hostile);
	catch_end(text, sizeof text);
	for (const char *c = text; *c; c++)
		ck_assert(*c == '\n' || ((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f));
	parse_line(cx, text);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(a_long_value_is_cut_and_the_line_stays_whole)
{
	struct ctx *cx = unit_ctx();
	static char text[16384];
	static char worst[5000];
	memset(worst, 1, sizeof worst - 1); /* each becomes six characters */
	log_init(LOG_INFO, "x");
	catch_begin();
	log_event(LOG_INFO, "e", "%s", worst);
	ck_assert_uint_le(catch_end(text, sizeof text), 4097);
	parse_line(cx, text);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(a_failure_says_where_it_was_born)
{
	struct ctx *cx = unit_ctx();
	static char text[8192];
	log_init(LOG_INFO, "serve");
	(void)fail(cx, ST_DB, "the database is away");
	catch_begin();
	log_failure(LOG_ERROR, "http.request", cx);
	catch_end(text, sizeof text);
	json_t *line = parse_line(cx, text);
	ck_assert_str_eq(member(line, "status"), "DB");
	ck_assert_str_eq(member(line, "message"), "the database is away");
	ck_assert_str_eq(member(line, "request_id"), "unit");
	ck_assert_ptr_nonnull(strstr(member(line, "where"), "test_log.c:"));
	unit_ctx_end(cx);
}
END_TEST

SUITE("base/log", a_line_is_one_json_object, lines_below_the_level_are_dropped,
      whatever_is_in_a_value_stays_in_it, a_long_value_is_cut_and_the_line_stays_whole,
      a_failure_says_where_it_was_born)
