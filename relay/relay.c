/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/relay.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "relay/aggregate.h"
#include "relay/deliver.h"
#include "relay/observe.h"
#include "relay/submit.h"

enum { NOTIFY_GAP_MS = 5, LISTEN_WAIT_MS = 500, RELAY_THREADS_MAX = 6 * RELAY_CHAINS_MAX + 2 };

struct relay {
	struct world world;
	struct observe observe[RELAY_CHAINS_MAX];
	struct submit submit[RELAY_CHAINS_MAX];
	struct deliver deliver[RELAY_CHAINS_MAX];
	struct aggregate aggregate[RELAY_CHAINS_MAX];
	struct thread *threads[RELAY_THREADS_MAX];
	size_t threads_n;
};

static enum status open_keys(struct ctx *cx, struct world *w)
{
	for (size_t i = 0; i < w->chains_n; i++) {
		struct world_chain *c = &w->chains[i];
		TRY(signer_open(cx, &c->submit, c->config.submit.keystore, c->config.submit.password_file));
		TRY(signer_open(cx, &c->deliver, c->config.deliver.keystore, c->config.deliver.password_file));
	}
	for (size_t i = 0; i < w->config.committee_n; i++, w->committee_n++)
		TRY(signer_open(cx, &w->committee[i], w->config.committee[i].keystore,
				w->config.committee[i].password_file));
	return ST_OK;
}

enum status relay_create(struct ctx *cx, const struct relay_config *config, struct relay **out)
{
	assert(config->chains_n <= RELAY_CHAINS_MAX && config->committee_n <= RELAY_COMMITTEE_MAX);
	struct relay *r = calloc(1, sizeof *r);
	assert(r);
	struct world *w = &r->world;
	w->config = *config;
	w->chains_n = config->chains_n;
	w->notify_waker = waker_create();
	lease_self(w->holder);
	for (size_t i = 0; i < w->chains_n; i++) {
		struct world_chain *c = &w->chains[i];
		c->config = config->chains[i];
		c->observe_waker = waker_create();
		c->submit_waker = waker_create();
		c->deliver_waker = waker_create();
		c->aggregate_waker = waker_create();
	}
	enum status st = open_keys(cx, w);
	if (st != ST_OK) {
		relay_destroy(r);
		return st;
	}
	*out = r;
	return ST_OK;
}

void relay_destroy(struct relay *r)
{
	if (!r)
		return;
	struct world *w = &r->world;
	for (size_t i = 0; i < w->chains_n; i++) {
		struct world_chain *c = &w->chains[i];
		signer_destroy(c->submit);
		signer_destroy(c->deliver);
		waker_destroy(c->observe_waker);
		waker_destroy(c->submit_waker);
		waker_destroy(c->deliver_waker);
		waker_destroy(c->aggregate_waker);
	}
	for (size_t i = 0; i < w->committee_n; i++)
		signer_destroy(w->committee[i]);
	waker_destroy(w->notify_waker);
	free(r);
}

/* Accepted messages: serve says so after its commits. */
static void listen_run(void *arg)
{
	struct relay *r = arg;
	struct arena *arena = arena_create(16 * 1024 * 1024);
	struct db *db = NULL;
	while (!atomic_load(&r->world.stopping)) {
		struct ctx cx;
		bool notified = false;
		arena_reset(arena);
		ctx_init(&cx, arena, 5000, "listen");
		enum status st = ST_OK;
		if (!db) {
			st = db_open(&cx, r->world.config.database_url, "listen", &db);
			if (st == ST_OK)
				st = db_listen(&cx, db, "ferry_outbox");
		}
		if (st == ST_OK)
			st = db_wait(&cx, db, LISTEN_WAIT_MS, &notified);
		if (st != ST_OK) {
			db_close(db);
			db = NULL;
			clock_sleep_ms(200); /* the lanes say why in the log */
		}
		if (notified) {
			for (size_t i = 0; i < r->world.chains_n; i++) {
				waker_wake(r->world.chains[i].submit_waker);
				waker_wake(r->world.chains[i].deliver_waker);
				waker_wake(r->world.chains[i].aggregate_waker);
			}
		}
	}
	db_close(db);
	arena_destroy(arena);
}

/* Tells serve that there are events: after the commits, and not more often than it is worth. */
static void notify_run(void *arg)
{
	struct relay *r = arg;
	struct arena *arena = arena_create(16 * 1024 * 1024);
	struct db *db = NULL;
	while (!atomic_load(&r->world.stopping)) {
		if (!waker_wait(r->world.notify_waker, 1000))
			continue;
		struct ctx cx;
		arena_reset(arena);
		ctx_init(&cx, arena, 2000, "notify");
		enum status st = db ? ST_OK : db_open(&cx, r->world.config.database_url, "notify", &db);
		if (st == ST_OK)
			st = db_notify(&cx, db, "ferry_event");
		clock_sleep_ms(st == ST_OK ? NOTIFY_GAP_MS : 200);
	}
	db_close(db);
	arena_destroy(arena);
}

static void relay_thread(struct relay *r, const char *what, const struct world_chain *c,
			 void (*run)(void *), void *arg)
{
	char name[32];
	snprintf(name, sizeof name, "%s.%s", what, c ? c->config.name : "all");
	assert(r->threads_n < RELAY_THREADS_MAX);
	r->threads[r->threads_n++] = thread_start(name, run, arg);
}

void relay_start(struct relay *r)
{
	struct world *w = &r->world;
	relay_thread(r, "listen", NULL, listen_run, r);
	relay_thread(r, "notify", NULL, notify_run, r);
	for (size_t i = 0; i < w->chains_n; i++) {
		struct world_chain *c = &w->chains[i];
		r->observe[i] = (struct observe){.world = w, .chain = c};
		submit_init(&r->submit[i], w, c);
		lane_init(&r->deliver[i].lane, w, c, "deliver");
		relay_thread(r, "observe", c, observe_run, &r->observe[i]);
		r->deliver[i].lane.courier = courier_create(&r->deliver[i].lane, NULL, NULL);
		relay_thread(r, "submit", c, submit_run, &r->submit[i]);
		relay_thread(r, "deliver", c, deliver_run, &r->deliver[i]);
		relay_thread(r, "courier", c, courier_run, r->submit[i].lane.courier);
		relay_thread(r, "courier", c, courier_run, r->deliver[i].lane.courier);
		if (addr_is_zero(&c->config.proxy_registry))
			continue;
		r->aggregate[i] = (struct aggregate){.world = w, .chain = c};
		relay_thread(r, "aggregate", c, aggregate_run, &r->aggregate[i]);
	}
	log_event(LOG_INFO, "relay.started", "%zu chains, as %s", w->chains_n, w->holder);
}

void relay_stop(struct relay *r)
{
	atomic_store(&r->world.stopping, true);
	world_wake_all(&r->world);
	for (size_t i = 0; i < r->threads_n; i++)
		thread_join(r->threads[i]);
	r->threads_n = 0;
	for (size_t i = 0; i < r->world.chains_n; i++) {
		submit_fini(&r->submit[i]);
		lane_fini(&r->deliver[i].lane);
	}
}
