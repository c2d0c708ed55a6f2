/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/world.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	ROUND_TIMEOUT_MS = 30000,
	ROUND_BYTES_MAX = 1024 * 1024 * 1024,
	ROUND_SLOW_US = 20000, /* worth a line when debugging */
	FAILURE_WAIT_MS_MIN = 100,
	FAILURE_WAIT_MS_MAX = 5000,
	FAILURE_LOG_MS = 10000, /* the same failure is logged that often at most */
};

struct world_chain *world_chain(struct world *w, int64_t eid)
{
	for (size_t i = 0; i < w->chains_n; i++)
		if (w->chains[i].config.eid == eid)
			return &w->chains[i];
	return NULL;
}

struct rpc *world_rpc_create(const struct relay_chain *chain)
{
	const struct rpc_config config = {
		.nodes = {.name = chain->name, .urls = chain->urls, .urls_count = chain->urls_n},
		.chain_id = chain->chain_id,
	};
	return rpc_create(&config);
}

bool world_is_submitter(const struct world_chain *c, const struct addr *a)
{
	return addr_equal(signer_account(c->submit), a);
}

void world_wake_all(struct world *w)
{
	for (size_t i = 0; i < w->chains_n; i++) {
		waker_wake(w->chains[i].observe_waker);
		waker_wake(w->chains[i].submit_waker);
		waker_wake(w->chains[i].deliver_waker);
		waker_wake(w->chains[i].aggregate_waker);
	}
	waker_wake(w->notify_waker);
}

/* A failure is logged when it is another than the last one, or was not logged for a while. */
struct failure_memory {
	char message[CTX_MESSAGE_BYTES];
	int64_t logged_ms;
	int wait_ms;
};

static int world_failed(const struct world_loop *loop, const struct ctx *cx,
			struct failure_memory *memory)
{
	bool again = cx->err.status == ST_BUSY || cx->err.status == ST_FENCED;
	int64_t now = clock_mono_ms();
	if (strcmp(memory->message, cx->err.message) != 0 ||
	    now - memory->logged_ms > FAILURE_LOG_MS) {
		log_failure(again ? LOG_DEBUG : LOG_WARN, loop->name, cx);
		memcpy(memory->message, cx->err.message, sizeof memory->message);
		memory->logged_ms = now;
	}
	if (cx->err.status == ST_BUSY)
		return 10;
	if (cx->err.status == ST_FENCED)
		return 500;
	memory->wait_ms *= 2;
	if (memory->wait_ms < FAILURE_WAIT_MS_MIN)
		memory->wait_ms = FAILURE_WAIT_MS_MIN;
	if (memory->wait_ms > FAILURE_WAIT_MS_MAX)
		memory->wait_ms = FAILURE_WAIT_MS_MAX;
	return memory->wait_ms;
}

void world_run(const struct world_loop *loop)
{
	struct arena *arena = arena_create(ROUND_BYTES_MAX);
	struct failure_memory memory = {.wait_ms = 0};
	while (!atomic_load(&loop->world->stopping)) {
		struct ctx cx;
		arena_reset(arena);
		ctx_init(&cx, arena, ROUND_TIMEOUT_MS, loop->name);
		int wait_ms = 1000;
		int64_t begun_us = clock_mono_us();
		enum status st = loop->round(&cx, loop->self, &wait_ms);
		int64_t us = clock_mono_us() - begun_us;
		if (us > ROUND_SLOW_US)
			log_event(LOG_DEBUG, "relay.round", "%s: %lld us, %zu KiB, %s", loop->name, (long long)us,
				  arena_bytes(arena) / 1024, status_name(st));
		if (st != ST_OK) {
			wait_ms = world_failed(loop, &cx, &memory);
			/* Wake-ups must not make it hammer what is down. */
			if (st != ST_BUSY && st != ST_FENCED && !atomic_load(&loop->world->stopping))
				clock_sleep_ms(wait_ms < 250 ? wait_ms : 250);
		} else {
			memory.wait_ms = 0;
		}
		arena_reset(arena);
		if (wait_ms != 0)
			waker_wait(loop->waker, wait_ms);
	}
	arena_destroy(arena);
}
