/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells the relay that there is work and the watchers that there is news, by NOTIFY on a connection
 * of its own: never in a writer's transaction, where it would serialise the commits. However often
 * it is rung, it goes out once at a time and not more often than the gaps below.
 */
#include <assert.h>
#include <stdlib.h>

#include "api/handler.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"

enum { BELL_OUTBOX_GAP_US = 1000, BELL_EVENT_GAP_US = 10000, BELL_SQL_MS = 3000 };

struct bell {
	struct lock lock;
	bool outbox;  /* guarded by lock */
	bool event;   /* guarded by lock */
	bool stopped; /* guarded by lock */
};

struct bell *bell_create(void)
{
	struct bell *b = calloc(1, sizeof *b);
	assert(b);
	lock_init(&b->lock);
	return b;
}

void bell_destroy(struct bell *b)
{
	if (!b)
		return;
	lock_fini(&b->lock);
	free(b);
}

void bell_ring(struct bell *b, bool outbox)
{
	lock_take(&b->lock);
	bool first = !b->outbox && !b->event;
	b->outbox |= outbox;
	b->event = true;
	lock_give(&b->lock);
	if (first)
		lock_tell(&b->lock);
}

void bell_stop(struct bell *b)
{
	lock_take(&b->lock);
	b->stopped = true;
	lock_give(&b->lock);
	lock_tell(&b->lock);
}

/* Waits for something to do. false: the end, and nothing is left. */
static bool bell_wait(struct bell *b, bool *outbox, bool *event, bool event_is_due)
{
	lock_take(&b->lock);
	while (!b->outbox && !(b->event && event_is_due) && !b->stopped) {
		lock_wait(&b->lock, b->event ? BELL_EVENT_GAP_US / 1000 : -1);
		event_is_due = true;
	}
	*outbox = b->outbox;
	*event = b->event && (event_is_due || b->stopped);
	b->outbox = false;
	if (*event)
		b->event = false;
	bool more = *outbox || *event;
	lock_give(&b->lock);
	return more;
}

static void bell_send(struct api *api, struct arena *arena, struct db **db, bool outbox, bool event)
{
	struct ctx cx;
	ctx_init(&cx, arena, BELL_SQL_MS, "bell");
	enum status st = handler_db(api, &cx, db, "bell");
	if (st == ST_OK && outbox)
		st = db_notify(&cx, *db, "ferry_outbox");
	if (st == ST_OK && event)
		st = db_notify(&cx, *db, "ferry_event");
	if (st != ST_OK) {
		log_failure(LOG_WARN, "bell.notify", &cx); /* everybody polls too */
		clock_sleep_ms(HANDLER_RECONNECT_MS);
	}
	arena_reset(arena);
}

void bell_run(void *arg)
{
	struct api *api = arg;
	struct arena *arena = arena_create(HANDLER_ARENA_BYTES);
	struct db *db = NULL;
	bool outbox, event;
	int64_t sent_us = 0, event_us = 0;
	while (bell_wait(api->bell, &outbox, &event,
			 clock_mono_us() - event_us >= BELL_EVENT_GAP_US)) {
		int64_t now = clock_mono_us();
		if (now - sent_us < BELL_OUTBOX_GAP_US)
			clock_sleep_ms(1);
		bell_send(api, arena, &db, outbox, event);
		sent_us = clock_mono_us();
		if (event)
			event_us = sent_us;
	}
	db_close(db);
	arena_destroy(arena);
}
