/* SPDX-License-Identifier: Apache-2.0
 *
 * The context of one request or one round of a worker: its memory, its deadline, its id, and
 * what went wrong. First argument of everything that does I/O; pure functions take an arena.
 */
#ifndef FERRY_BASE_CTX_H
#define FERRY_BASE_CTX_H

#include "base/arena.h"
#include "base/status.h"

enum { CTX_DETAILS_MAX = 16, CTX_MESSAGE_BYTES = 256, CTX_CODE_BYTES = 48 };

/* One member of the request that is wrong. Strings live in the ctx's arena. */
struct ctx_detail {
	const char *pointer; /* JSON pointer, "/options/gas_limit" */
	const char *code;    /* UPPER_SNAKE */
	const char *detail;  /* a sentence */
};

struct ctx_error {
	enum status status;
	char code[CTX_CODE_BYTES]; /* UPPER_SNAKE; status_name() unless fail_code named one */
	char message[CTX_MESSAGE_BYTES];
	const char *file;
	int line;
	struct ctx_detail details[CTX_DETAILS_MAX];
	size_t details_count; /* further ones are dropped */
	unsigned retry_after_s; /* 0: not said */
};

struct ctx {
	struct arena *arena;
	int64_t deadline_ms;   /* clock_mono_ms(); INT64_MAX = none */
	const char *request_id; /* printable, never NULL */
	struct ctx_error err;
};

enum { CTX_DEADLINE_NONE = -1 };
/* `timeout_ms` counts from now; CTX_DEADLINE_NONE = none. request_id is borrowed. */
void ctx_init(struct ctx *cx, struct arena *arena, int64_t timeout_ms, const char *request_id);
/* Milliseconds left, at least 0, at most `max_ms`. */
int ctx_left_ms(const struct ctx *cx, int max_ms);
void ctx_error_clear(struct ctx *cx);
/* Adds one wrong member; the call's status is given by the fail() that follows. Formats into the arena. */
void ctx_add_detail(struct ctx *cx, const char *pointer, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Says what went wrong, where it is known, and returns `st`:
 *   return fail(cx, ST_CHAIN, "eth_chainId at %s: %s", url, why);
 * fail_code names the `code` a client reads. The sentence says what to do. */
#define fail(cx, st, ...) fail_at((cx), (st), NULL, __FILE__, __LINE__, __VA_ARGS__)
#define fail_code(cx, st, code, ...) fail_at((cx), (st), (code), __FILE__, __LINE__, __VA_ARGS__)
enum status fail_at(struct ctx *cx, enum status st, const char *code, const char *file, int line,
		    const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* The one macro that returns: passes a failure up. */
#define TRY(expr)                                                                                  \
	do {                                                                                       \
		enum status try_st_ = (expr);                                                      \
		if (try_st_ != ST_OK)                                                              \
			return try_st_;                                                            \
	} while (0)

#endif
