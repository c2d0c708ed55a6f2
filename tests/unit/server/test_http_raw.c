/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "http_rig.h"

/* What a client may not send. Every one must get an error and a closed connection, and nothing of
 * what follows it may be taken for a second request. */
struct bad {
	const char *what;
	const char *text;
	size_t n;
	int status; /* 0: any answer of 4xx or 5xx, or none; what counts is the close */
};

#define BAD(what, text, status) {what, text, sizeof text - 1, status}
#define H "Host: test\r\n"
#define NEXT "GET /livez HTTP/1.1\r\nHost: smuggled\r\n\r\n"
#define J "Content-Type: application/json\r\nIdempotency-Key: 0123456789abcdef\r\n"
#define POST "POST /v1/messages HTTP/1.1\r\n" H J
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct bad bad[] = {
	BAD("length beside chunked",
	    POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" "0\r\n\r\n"
	    NEXT, 400),
	BAD("chunked beside length",
	    POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" "0\r\n\r\n"
	    NEXT, 400),
	BAD("two lengths", POST "Content-Length: 2\r\nContent-Length: 44\r\n\r\n{}" NEXT, 400),
	BAD("two equal lengths", POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" NEXT, 400),
	BAD("a list of lengths", POST "Content-Length: 2, 2\r\n\r\n{}" NEXT, 400),
	BAD("length -1", POST "Content-Length: -1\r\n\r\n" NEXT, 400),
	BAD("length +5", POST "Content-Length: +5\r\n\r\n{}   " NEXT, 400),
	BAD("length 0x5", POST "Content-Length: 0x5\r\n\r\n{}   " NEXT, 400),
	BAD("length 5a", POST "Content-Length: 5a\r\n\r\n{}   " NEXT, 400),
	BAD("length empty", POST "Content-Length: \r\n\r\n{}" NEXT, 400),
	BAD("length with a blank inside", POST "Content-Length: 1 0\r\n\r\n{}" NEXT, 400),
	BAD("length beyond 64 bits",
	    POST "Content-Length: 99999999999999999999999\r\n\r\n" NEXT, 413),
	BAD("length of 2^63", POST "Content-Length: 9223372036854775808\r\n\r\n" NEXT, 400),
	BAD("length of 2^62", POST "Content-Length: 4611686018427387904\r\n\r\n" NEXT, 413),
	BAD("two Transfer-Encodings",
	    POST "Transfer-Encoding: chunked\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT, 400),
	BAD("identity", POST "Transfer-Encoding: identity\r\n\r\n" NEXT, 400),
	BAD("gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" NEXT, 400),
	BAD("xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" NEXT, 400),
	BAD("chunked with a vertical tab",
	    POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n" NEXT, 400),
	BAD("chunked, folded", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" NEXT, 400),
	BAD("chunked in HTTP/1.0",
	    "POST /v1/messages HTTP/1.0\r\n" H J
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT, 400),
	BAD("blank before the colon", POST "Content-Length : 2\r\n\r\n{}" NEXT, 400),
	BAD("tab before the colon", POST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" NEXT, 400),
	BAD("no colon", "GET /livez HTTP/1.1\r\n" H "NoColonHere\r\n\r\n" NEXT, 400),
	BAD("empty name", "GET /livez HTTP/1.1\r\n" H ": value\r\n\r\n" NEXT, 400),
	BAD("a name with a slash", "GET /livez HTTP/1.1\r\n" H "X/Y: 1\r\n\r\n" NEXT, 400),
	BAD("a name beyond ASCII", "GET /livez HTTP/1.1\r\n" H "X\xc3\xa4: 1\r\n\r\n" NEXT, 400),
	BAD("a folded line", "GET /livez HTTP/1.1\r\n" H "X-A: 1\r\n 2\r\n\r\n" NEXT, 400),
	BAD("a folded line with a tab",
	    "GET /livez HTTP/1.1\r\n" H "X-A: 1\r\n\tTransfer-Encoding: chunked\r\n\r\n"
	    NEXT, 400),
	BAD("a folded first line", "GET /livez HTTP/1.1\r\n " H "\r\n" NEXT, 400),
	BAD("NUL in a value", "GET /livez HTTP/1.1\r\n" H "X-A: a\0b\r\n\r\n" NEXT, 400),
	BAD("NUL at a value's start", "GET /livez HTTP/1.1\r\n" H "X-A: \0b\r\n\r\n" NEXT, 400),
	BAD("NUL at a value's end", "GET /livez HTTP/1.1\r\n" H "X-A: b\0\r\n\r\n" NEXT, 400),
	BAD("NUL in the last value", "GET /livez HTTP/1.1\r\nHost: te\0st\r\n\r\n" NEXT, 400),
	BAD("NUL in a name", "GET /livez HTTP/1.1\r\n" H "X\0A: b\r\n\r\n" NEXT, 400),
	BAD("NUL in the target", "GET /live\0z HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("NUL hidden against bare LF",
	    "GET /livez HTTP/1.1\r\n" H "X-A: a\0\r\nX-B: b\n\r\n" NEXT, 400),
	BAD("control byte in a value",
	    "GET /livez HTTP/1.1\r\n" H "X-A: a\x01" "b\r\n\r\n" NEXT, 400),
	BAD("DEL in a value", "GET /livez HTTP/1.1\r\n" H "X-A: a\x7f\r\n\r\n" NEXT, 400),
	BAD("bare CR in a value", "GET /livez HTTP/1.1\r\n" H "X-A: a\rb\r\n\r\n" NEXT, 400),
	BAD("bare LF after the request line", "GET /livez HTTP/1.1\n" H "\r\n" NEXT, 400),
	BAD("bare LF after a header", "GET /livez HTTP/1.1\r\nHost: test\n\r\n" NEXT, 400),
	BAD("bare LF at the end", "GET /livez HTTP/1.1\r\nHost: test\r\n\n" NEXT, 400),
	BAD("bare LF everywhere", "GET /livez HTTP/1.1\nHost: test\n\n" NEXT, 400),
	BAD("no Host", "GET /livez HTTP/1.1\r\n\r\n" NEXT, 400),
	BAD("two Hosts", "GET /livez HTTP/1.1\r\n" H "Host: other\r\n\r\n" NEXT, 400),
	BAD("two equal Hosts", "GET /livez HTTP/1.1\r\n" H H "\r\n" NEXT, 400),
	BAD("Host with a slash", "GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n" NEXT, 400),
	BAD("Host with a blank", "GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n" NEXT, 400),
	BAD("Host with an at", "GET /livez HTTP/1.1\r\nHost: a@b\r\n\r\n" NEXT, 400),
	BAD("two Authorizations",
	    "GET /v1/chains HTTP/1.1\r\n" H "Authorization: Bearer sk_a\r\n"
	    "Authorization: Bearer sk_b\r\n\r\n" NEXT, 400),
	BAD("two idempotency keys",
	    POST "Idempotency-Key: fedcba9876543210\r\n" "Content-Length: 2\r\n\r\n{}"
	    NEXT, 400),
	BAD("two blanks in the request line", "GET  /livez HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("two blanks before the version", "GET /livez  HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("a blank after the version", "GET /livez HTTP/1.1 \r\n" H "\r\n" NEXT, 400),
	BAD("a blank in the target", "GET /li vez HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("a tab in the target", "GET /li\tvez HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("raw bytes in the target", "GET /\xff HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("a fragment", "GET /livez#x HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("a target without a slash", "GET livez HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("an authority as the target", "CONNECT a:1 HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("a method that is no token", "G@T /livez HTTP/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("version 9.9", "GET /livez HTTP/9.9\r\n" H "\r\n" NEXT, 505),
	BAD("version 0.9", "GET /livez\r\n\r\n" NEXT, 400),
	BAD("version in lower case", "GET /livez http/1.1\r\n" H "\r\n" NEXT, 400),
	BAD("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
	BAD("TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 0),
	BAD("garbage", "\r\n\r\n\xff\xfe\xfd\r\n\r\n", 0),
	BAD("a chunk size that is no number", CHUNKED "zz\r\n{}\r\n0\r\n\r\n" NEXT, 400),
	BAD("a chunk size with a sign", CHUNKED "+2\r\n{}\r\n0\r\n\r\n" NEXT, 400),
	BAD("a negative chunk size", CHUNKED "-2\r\n{}\r\n0\r\n\r\n" NEXT, 400),
	BAD("a chunk size with 0x", CHUNKED "0x2\r\n{}\r\n0\r\n\r\n" NEXT, 400),
	BAD("a chunk size with a blank", CHUNKED "2 \r\n{}\r\n0\r\n\r\n" NEXT, 400),
	BAD("a chunk size beyond 64 bits",
	    CHUNKED "fffffffffffffffff\r\n{}\r\n0\r\n\r\n" NEXT, 413),
	BAD("a chunk longer than it says", CHUNKED "2\r\n{}{}\r\n0\r\n\r\n" NEXT, 400),
	BAD("an empty chunk size", CHUNKED "\r\n{}\r\n0\r\n\r\n" NEXT, 400),
};

static int port_of(const struct rig *rig)
{
	return http_port(rig->http, false);
}

static const struct http_config quick = {
	.header_ms = 600, .body_ms = 900, .keepalive_ms = 900, .stall_ms = 500, .reply_ms = 1500,
};

START_TEST(what_two_servers_could_read_differently_is_refused)
{
	struct rig *rig = rig_start(&quick);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct raw_reply r =
			raw_exchange(port_of(rig), bad[i].text, bad[i].n, 3000);
		ck_assert_msg(r.closed, "%s: not closed: %s", bad[i].what, r.text);
		/* libmicrohttpd 0.9.75 writes the head of its own refusal of a Content-Length
		 * twice. Whatever it writes, the request behind must not be answered. */
		int most = strstr(r.text, "wrong value for <b>Content-Length") ||
			   strstr(r.text, "too large value for <b>Content-Length") ? 2 : 1;
		ck_assert_msg(r.answers <= most, "%s: %d answers: %s", bad[i].what, r.answers,
			      r.text);
		ck_assert_msg(!strstr(r.text, "200 OK"), "%s: %s", bad[i].what, r.text);
		if (bad[i].status)
			ck_assert_msg(r.status == bad[i].status, "%s: %d, not %d: %s", bad[i].what,
				      r.status, bad[i].status, r.text);
		else
			ck_assert_msg(r.status == 0 || r.status >= 400, "%s: %s", bad[i].what,
				      r.text);
	}
	ck_assert_uint_eq(atomic_load(&rig->calls), 0);
	struct raw_reply r = raw_request(port_of(rig), "GET", "/livez", "", NULL);
	ck_assert_int_eq(r.status, 200);
	rig_stop(rig);
}
END_TEST

enum { TOGETHER = 160 };

/* Sends n texts on as many connections at once, half-closes them, and reads what comes back. */
static void exchange_all(int port, char *const *texts, const size_t *lengths, size_t n,
			 struct raw_reply *out)
{
	int fds[TOGETHER];
	for (size_t i = 0; i < n; i++) {
		fds[i] = raw_connect(port);
		raw_send(fds[i], texts[i], lengths[i]);
		shutdown(fds[i], SHUT_WR);
	}
	for (size_t i = 0; i < n; i++) {
		out[i] = raw_read(fds[i], 3000);
		close(fds[i]);
	}
}

/* Nothing may hang, crash or be answered well but the whole. */
START_TEST(a_request_cut_anywhere_is_no_request)
{
	static char text[] = POST "Content-Length: 2\r\n\r\n{}";
	enum { ALL = sizeof text - 1 };
	char *texts[ALL];
	size_t lengths[ALL];
	struct raw_reply replies[ALL];
	ck_assert_int_le(ALL, TOGETHER);
	struct rig *rig = rig_start(&quick);
	for (size_t n = 0; n < ALL; n++) {
		texts[n] = text;
		lengths[n] = n;
	}
	exchange_all(port_of(rig), texts, lengths, ALL, replies);
	for (size_t n = 0; n < ALL; n++) {
		const struct raw_reply *r = &replies[n];
		ck_assert_msg(r->closed, "%zu bytes: %s", n, r->text);
		ck_assert_msg(r->status == 0 || r->status >= 400, "%zu bytes: %s", n, r->text);
	}
	ck_assert_uint_eq(atomic_load(&rig->calls), 0);
	rig_stop(rig);
}
END_TEST

/* A head with one byte replaced, many times. */
START_TEST(a_mutated_head_never_breaks_the_server)
{
	static const char text[] = "GET /v1/messages/msg_1?wait=1ms HTTP/1.1\r\nHost: test\r\n"
				   "Connection: close\r\nAccept: application/json\r\n"
				   "If-None-Match: \"1\"\r\n\r\n";
	static char copies[TOGETHER][sizeof text];
	char *texts[TOGETHER];
	size_t lengths[TOGETHER];
	struct raw_reply replies[TOGETHER];
	struct rig *rig = rig_start(&quick);
	unsigned seed = 7;
	for (int round = 0; round < 9; round++) {
		for (size_t i = 0; i < TOGETHER; i++) {
			texts[i] = memcpy(copies[i], text, sizeof text);
			lengths[i] = sizeof text - 1;
			seed = seed * 1103515245 + 12345;
			size_t at = (seed >> 8) % lengths[i];
			seed = seed * 1103515245 + 12345;
			texts[i][at] = (char)(seed >> 16);
		}
		exchange_all(port_of(rig), texts, lengths, TOGETHER, replies);
		for (size_t i = 0; i < TOGETHER; i++) {
			ck_assert_msg(replies[i].closed, "%s: %s", texts[i], replies[i].text);
			ck_assert_int_le(replies[i].answers, 1);
		}
	}
	rig_stop(rig);
}
END_TEST

static char *big_request(const char *start, size_t fill, const char *end, size_t *n)
{
	*n = strlen(start) + fill + strlen(end);
	char *text = rig_keep(malloc(*n + 1));

	memcpy(text, start, strlen(start));
	memset(text + strlen(start), 'a', fill);
	memcpy(text + strlen(start) + fill, end, strlen(end) + 1);
	return text;
}

static void check_big(struct rig *rig, const char *start, size_t fill, const char *end, int status)
{
	size_t n;
	char *text = big_request(start, fill, end, &n);
	struct raw_reply r = raw_exchange(port_of(rig), text, n, 3000);
	ck_assert_msg(r.status == status, "%s…%zu: %d: %.300s", start, fill, r.status, r.text);
	ck_assert_msg(r.closed, "%s…%zu: not closed", start, fill);
	ck_assert_msg(!r.reset, "%s…%zu: reset", start, fill);
}

START_TEST(what_is_too_long_is_told_so)
{
	struct rig *rig = rig_start(&quick);
	check_big(rig, "GET /", 5000, " HTTP/1.1\r\n" H "\r\n", 414);
	check_big(rig, "GET /", 200000, " HTTP/1.1\r\n" H "\r\n", 414);
	check_big(rig, "GET /livez?", 5000, " HTTP/1.1\r\n" H "\r\n", 414);
	check_big(rig, "GET /livez HTTP/1.1\r\n" H "X-A: ", 17000, "\r\n\r\n", 431);
	check_big(rig, "GET /livez HTTP/1.1\r\n" H "X-A: ", 900000, "\r\n\r\n", 431);
	check_big(rig, "GET /livez HTTP/1.1\r\n" H, 900000, ": a\r\n\r\n", 431);
	char many[4000] = "GET /livez HTTP/1.1\r\n" H;
	for (int i = 0; i < 100; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "X-%d: 1\r\n", i);
	check_big(rig, many, 0, "\r\n", 431);
	/* Just within: answered, and nothing is closed. */
	size_t n;
	char *text = big_request("GET /livez HTTP/1.1\r\n" H "Connection: close\r\nX-A: ", 15000,
				 "\r\n\r\n", &n);
	struct raw_reply r = raw_exchange(port_of(rig), text, n, 3000);
	ck_assert_int_eq(r.status, 200);
	rig_stop(rig);
}
END_TEST

START_TEST(a_body_that_is_too_large_is_refused_and_the_client_can_read_why)
{
	struct rig *rig = rig_start(&quick);
	struct {
		size_t body;
		int status;
	} cases[] = {{64 * 1024, 400}, {64 * 1024 + 1, 413}, {300000, 413}, {3000000, 413}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char head[300];
		snprintf(head, sizeof head, POST "Content-Length: %zu\r\n\r\n", cases[i].body);
		size_t n;
		char *text = big_request(head, cases[i].body, "", &n);
		struct raw_reply r = raw_exchange(port_of(rig), text, n, 400);
		ck_assert_msg(r.status == cases[i].status, "%zu: %d %s", cases[i].body, r.status,
			      r.text);
		ck_assert_int_eq(r.answers, 1);
		ck_assert(!r.reset);
		ck_assert_ptr_nonnull(strstr(r.text, "application/problem+json"));
		/* The same in chunks, where no length announces it. */
		snprintf(head, sizeof head, CHUNKED "%zx\r\n", cases[i].body);
		text = big_request(head, cases[i].body, "\r\n0\r\n\r\n", &n);
		r = raw_exchange(port_of(rig), text, n, 400);
		/* Far beyond the limit the connection is simply broken off. */
		bool ok = r.status == cases[i].status || (cases[i].body == 3000000 && r.closed);
		ck_assert_msg(ok, "chunked %zu: %d %s", cases[i].body, r.status, r.text);
	}
	ck_assert_uint_eq(atomic_load(&rig->calls), 0);
	rig_stop(rig);
}
END_TEST

/* Closing at once would reset the connection under a client that still sends, and many clients
 * then never show the answer. */
START_TEST(a_refused_client_may_finish_sending)
{
	struct rig *rig = rig_start(&quick);
	size_t n;
	char *text = big_request("GET /", 40000, "", &n);
	int fd = raw_connect(port_of(rig));
	raw_send(fd, text, n);
	struct raw_reply r = raw_read(fd, 1000);
	ck_assert_int_eq(r.status, 414);
	ck_assert(r.closed && !r.reset);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(send(fd, text, 1000, MSG_NOSIGNAL), 1000);
		clock_sleep_ms(50);
	}
	close(fd);
	rig_stop(rig);
}
END_TEST

START_TEST(who_waits_for_100_continue_is_refused_before_sending)
{
	struct rig *rig = rig_start(&quick);
	static const char large[] =
		POST "Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n";
	struct raw_reply r = raw_exchange(port_of(rig), large, sizeof large - 1, 3000);
	ck_assert_int_eq(r.status, 413);
	ck_assert(r.closed);
	static const char good[] = POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
	int fd = raw_connect(port_of(rig));
	raw_send(fd, good, sizeof good - 1);
	r = raw_read(fd, 200);
	ck_assert_int_eq(r.status, 100);
	raw_send(fd, "{}", 2);
	r = raw_read(fd, 300);
	ck_assert_int_eq(r.status, 202);
	close(fd);
	rig_stop(rig);
}
END_TEST

/* How long the server lets a client go on that sends a byte every 40 ms. */
static int64_t drip(int port, const char *start, char byte, int64_t limit_ms)
{
	int fd = raw_connect(port);
	int64_t begun = clock_mono_ms();
	raw_send(fd, start, strlen(start));
	while (clock_mono_ms() - begun < limit_ms) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 40) > 0) {
			char buf[512];
			if (recv(fd, buf, sizeof buf, 0) <= 0)
				break;
		}
		if (send(fd, &byte, 1, MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
	return clock_mono_ms() - begun;
}

START_TEST(a_drip_is_cut_by_the_total_time_not_by_silence)
{
	struct rig *rig = rig_start(&quick);
	int port = port_of(rig);
	ck_assert_int_lt(drip(port, "", 'G', 5000), 1500);
	ck_assert_int_lt(drip(port, "GET /livez HTTP/1.1\r\nX-A: ", 'a', 5000), 1500);
	ck_assert_int_lt(drip(port, POST "Content-Length: 60000\r\n\r\n", ' ', 5000), 2000);
	ck_assert_int_lt(drip(port, POST "Content-Length: 90000\r\n\r\n", ' ', 5000), 2000);
	ck_assert_int_lt(drip(port, CHUNKED "ffff\r\n", ' ', 5000), 2000);
	ck_assert_int_lt(drip(port, CHUNKED "1;", 'a', 5000), 2000);
	ck_assert_int_lt(drip(port, CHUNKED "0\r\nX: ", 'a', 5000), 2000);
	/* Also the head of a connection's second request. */
	ck_assert_int_lt(drip(port,
			      "GET /livez HTTP/1.1\r\n" H "\r\nGET /livez HTTP/1.1\r\nX: ",
			      'a', 5000),
			 2500);
	/* And one that was good ends by its idle time. */
	ck_assert_int_lt(drip(port, "GET /livez HTTP/1.1\r\n" H "\r\n", '\r', 5000), 2500);
	struct http_stats stats;
	http_stats_read(rig->http, &stats);
	ck_assert_uint_ge(stats.cut_in_all, 8);
	rig_stop(rig);
}
END_TEST

START_TEST(a_client_that_does_not_read_its_answer_is_cut)
{
	struct rig *rig = rig_start(&quick);
	int fd = raw_connect(port_of(rig));
	int small = 2048;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	static const char text[] = "GET /v1/messages?page_size=20000 HTTP/1.1\r\n" H "\r\n";
	raw_send(fd, text, sizeof text - 1);
	struct http_stats stats = {0};
	for (int i = 0; i < 80 && stats.cut_in_all == 0; i++) {
		clock_sleep_ms(50);
		http_stats_read(rig->http, &stats);
	}
	ck_assert_uint_ge(stats.cut_in_all, 1);
	close(fd);
	rig_stop(rig);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	struct rig *rig = rig_start(&quick);
	static const char text[] = "GET /v1/messages/msg_a HTTP/1.1\r\n" H "\r\n" POST
				   "Content-Length: 18\r\n\r\n{\"client_ref\":\"b\"}"
				   "GET /v1/messages/inline HTTP/1.1\r\n" H "\r\n"
				   "GET /v1/messages/msg_c HTTP/1.1\r\n" H
				   "Connection: close\r\n\r\n";
	struct raw_reply r = raw_exchange(port_of(rig), text, sizeof text - 1, 3000);
	ck_assert_int_eq(r.answers, 4);
	const char *a = strstr(r.text, "msg_a");
	const char *b = strstr(r.text, "\"client_ref\":\"b\"");
	const char *c = strstr(r.text, "\"id\":\"inline\"");
	const char *d = strstr(r.text, "msg_c");
	ck_assert_msg(a && b && c && d && a < b && b < c && c < d, "%s", r.text);
	ck_assert(r.closed);
	rig_stop(rig);
}
END_TEST

START_TEST(clients_that_leave_early_do_no_harm)
{
	struct rig *rig = rig_start(&quick);
	for (int i = 0; i < 300; i++) {
		static const char text[] = "GET /v1/messages/msg_a?wait=3ms HTTP/1.1\r\n" H "\r\n";
		int fd = raw_connect(port_of(rig));
		raw_send(fd, text, i % 3 == 0 ? sizeof text / 2 : sizeof text - 1);
		if (i % 2) {
			struct linger reset = {1, 0};
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		}
		close(fd);
	}
	struct raw_reply r = raw_request(port_of(rig), "GET", "/livez", "", NULL);
	ck_assert_int_eq(r.status, 200);
	rig_stop(rig);
}
END_TEST

static void wait_for_connections(struct rig *rig, uint64_t most, int within_ms)
{
	struct http_stats stats;
	for (int i = 0; i < within_ms / 20; i++) {
		http_stats_read(rig->http, &stats);
		if (stats.connections <= most)
			return;
		clock_sleep_ms(20);
	}
	ck_abort_msg("%llu connections are still open", (unsigned long long)stats.connections);
}

START_TEST(two_thousand_idle_connections_do_not_stop_others)
{
	struct rlimit files = {8192, 8192};
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max < 8192 ? files.rlim_max : 8192;
	setrlimit(RLIMIT_NOFILE, &files);
	struct http_config config = quick;
	config.connections_max = 1500;
	config.connections_per_ip = 1500;
	struct rig *rig = rig_start(&config);
	static int idle[2000];
	for (int i = 0; i < 2000; i++)
		idle[i] = raw_connect(port_of(rig));
	/* The table is full; the idle ones are cut within their header time, then all is well. */
	struct raw_reply r = raw_request(port_of(rig), "GET", "/livez", "", NULL);
	ck_assert_int_eq(r.status, 200);
	wait_for_connections(rig, 10, 30000);
	for (int i = 0; i < 2000; i++)
		if (idle[i] >= 0)
			close(idle[i]);
	r = raw_request(port_of(rig), "GET", "/livez", "", NULL);
	ck_assert_int_eq(r.status, 200);
	rig_stop(rig);
}
END_TEST

/* A round of the library is 128 events; when it brought no more and no fewer, the library waits for one more
 * before it looks at any. */
START_TEST(a_full_round_of_events_waits_for_no_other)
{
	enum { ROUND = 128 };
	static const char stall[] = "GET /v1/messages/inline?wait=500ms HTTP/1.1\r\n" H "\r\n";
	static const char ask[] = "GET /livez HTTP/1.1\r\nConnection: close\r\n" H "\r\n";
	struct http_config config = quick;
	config.threads = 1;
	config.header_ms = config.keepalive_ms = 30000;
	struct rig *rig = rig_start(&config);
	struct http_stats stats = {0};
	int fds[ROUND];
	for (int i = 0; i < ROUND; i++)
		fds[i] = raw_connect(port_of(rig));
	for (int i = 0; i < 500 && stats.connections < ROUND; i++) {
		clock_sleep_ms(10);
		http_stats_read(rig->http, &stats);
	}
	int busy = raw_connect(port_of(rig)); /* keeps the one thread, so that the others are one round */
	raw_send(busy, stall, sizeof stall - 1);
	clock_sleep_ms(200);
	for (int i = 0; i < ROUND; i++)
		raw_send(fds[i], ask, sizeof ask - 1);
	for (int i = 0; i < ROUND; i++) {
		struct raw_reply r = raw_read(fds[i], 5000);
		ck_assert_msg(r.status == 200, "%d: status %d", i, r.status);
		close(fds[i]);
	}
	close(busy);
	rig_stop(rig);
}
END_TEST

START_TEST(one_address_cannot_take_all_connections)
{
	struct http_config config = quick;
	config.connections_per_ip = 20;
	config.header_ms = 1500;
	struct rig *rig = rig_start(&config);
	int fds[60];
	for (int i = 0; i < 60; i++)
		fds[i] = raw_connect(port_of(rig));
	clock_sleep_ms(200);
	struct http_stats stats;
	http_stats_read(rig->http, &stats);
	ck_assert_uint_le(stats.connections, 20);
	for (int i = 0; i < 60; i++)
		close(fds[i]);
	rig_stop(rig);
}
END_TEST

START_TEST(without_descriptors_it_waits_and_comes_back)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = 256;
	setrlimit(RLIMIT_NOFILE, &files);
	struct rig *rig = rig_start(&quick);
	/* The client shares the process and its limit: both ends of each connection count. */
	int fds[300];
	int n = 0;
	while (n < 300 && (fds[n] = raw_connect(port_of(rig))) >= 0)
		n++;
	clock_sleep_ms(100);
	for (int i = 0; i < n; i++)
		close(fds[i]);
	wait_for_connections(rig, 10, 30000);
	struct raw_reply r = raw_request(port_of(rig), "GET", "/livez", "", NULL);
	ck_assert_int_eq(r.status, 200);
	rig_stop(rig);
}
END_TEST

SUITE("server/http_raw", what_two_servers_could_read_differently_is_refused,
      a_request_cut_anywhere_is_no_request, a_mutated_head_never_breaks_the_server,
      what_is_too_long_is_told_so,
      a_body_that_is_too_large_is_refused_and_the_client_can_read_why,
      a_refused_client_may_finish_sending, who_waits_for_100_continue_is_refused_before_sending,
      a_drip_is_cut_by_the_total_time_not_by_silence,
      a_client_that_does_not_read_its_answer_is_cut, pipelined_requests_are_answered_in_order,
      clients_that_leave_early_do_no_harm, two_thousand_idle_connections_do_not_stop_others,
      a_full_round_of_events_waits_for_no_other,
      one_address_cannot_take_all_connections, without_descriptors_it_waits_and_comes_back)
