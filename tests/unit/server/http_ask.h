/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the transport of http_rig.h, one request a connection, and checking what it says.
 */
#ifndef FERRY_UNIT_HTTP_ASK_H
#define FERRY_UNIT_HTTP_ASK_H

#include "http_rig.h"

#define KEY "Idempotency-Key: 0123456789abcdef\r\n"
#define JSON "Content-Type: application/json\r\n"
#define SSE "Accept: text/event-stream\r\n"

static const char *const origins[] = {"https://app.example", "https://other.example"};
static const struct http_config base = {
	.origins = origins, .origins_count = 2, .heartbeat_ms = 300, .stall_ms = 700,
	.watchers_max = 8,
};

static struct rig *rig;
static int port;

static inline void setup_with(const struct http_config *config)
{
	rig = rig_start(config);
	port = http_port(rig->http, false);
}

/* One request; its text is printed when a check on it fails. */
static inline struct raw_reply ask(const char *verb, const char *target, const char *headers,
			    const char *body)
{
	return raw_request(port, verb, target, headers, body);
}

static inline void check_has(const struct raw_reply *r, const char *words)
{
	ck_assert_msg(strstr(r->text, words), "no '%s' in: %s", words, r->text);
}

static inline void check_status(const struct raw_reply *r, int status)
{
	ck_assert_msg(r->status == status, "%d, not %d: %s", r->status, status, r->text);
	ck_assert_msg(r->answers == 1, "%d answers: %s", r->answers, r->text);
}

static inline void check_problem(const struct raw_reply *r, int status, const char *code)
{
	check_status(r, status);
	ck_assert_str_eq(raw_header(r, "Content-Type"), "application/problem+json");
	char member[128];
	snprintf(member, sizeof member, "\"code\":\"%s\"", code);
	check_has(r, member);
	check_has(r, "\"request_id\":\"req_");
	check_has(r, "\"instance\":\"/");
}

#endif
