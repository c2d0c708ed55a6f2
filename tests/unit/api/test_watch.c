/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: nothing lost, nothing twice, in order, however slow the client and whatever dies.
 */
#include "tests/unit/api/desk.h"

#include <stdatomic.h>

#include "base/thread.h"

/* A client of one stream. */
struct client {
	struct desk *d;
	struct api_stream *s;
	struct arena *arena;
	struct lock lock;
	bool woken;
	int64_t last_seq;
	char cursor[64];
};

static void client_wake(void *arg)
{
	struct client *c = arg;
	lock_take(&c->lock);
	c->woken = true;
	lock_give(&c->lock);
	lock_tell(&c->lock);
}

static struct client client_open(struct desk *d, enum api_method_id id, ProtobufCMessage *request)
{
	struct client c = {.d = d, .arena = arena_create(UNIT_ARENA_BYTES)};
	struct desk_call *call = desk_do(d, id, request, d->sk, NULL);
	desk_is(call, ST_OK);
	c.s = call->call.stream;
	ck_assert_ptr_nonnull(c.s);
	desk_free(call);
	lock_init(&c.lock);
	return c;
}

static void client_close(struct client *c)
{
	api_stream_close(c->s);
	lock_fini(&c->lock);
	arena_destroy(c->arena);
}

/* The next event: ST_OK, or how the stream ended; ST_BUSY when nothing came in time. */
static enum status client_next(struct client *c, ProtobufCMessage **msg, int wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	for (;;) {
		struct ctx cx;
		const char *cursor = NULL;
		ctx_init(&cx, c->arena, CTX_DEADLINE_NONE, "client");
		c->woken = false;
		enum status st = api_stream_next(c->s, &cx, msg, &cursor, client_wake, c);
		if (st == ST_OK)
			snprintf(c->cursor, sizeof c->cursor, "%s", cursor);
		if (st != ST_BUSY)
			return st;
		lock_take(&c->lock);
		while (!c->woken && clock_mono_ms() < until)
			lock_wait(&c->lock, 20);
		bool woken = c->woken;
		lock_give(&c->lock);
		if (!woken)
			return ST_BUSY;
	}
}

static Ferry__V1__Event *client_event(struct client *c, int wait_ms)
{
	ProtobufCMessage *msg = NULL;
	enum status st = client_next(c, &msg, wait_ms);
	ck_assert_msg(st == ST_OK, "no event: %s", status_name(st));
	return (Ferry__V1__Event *)msg;
}

static const char *make_message(struct desk *d, const char *name)
{
	struct desk_call *c = desk_do(d, API_SEND_MESSAGE, &desk_send(d->arena, name)->base, d->sk,
				      arena_printf(d->arena, "key-of-sixteen-or-more-%s", name));
	const char *id = arena_strdup(d->arena, desk_message(c)->id);
	desk_free(c);
	return id;
}

/* One more event for every message. */
#define MORE                                                                                       \
	"BEGIN; UPDATE message SET version = version + 1; INSERT INTO event (app_id, message_id, " \
	"seq, type) SELECT app_id, id, version, 'FEE_RAISED' FROM message; COMMIT; NOTIFY "        \
	"ferry_event"

START_TEST(a_watched_message_shows_all_its_events_then_ends)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__WatchMessageRequest r = FERRY__V1__WATCH_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	struct client c = client_open(&d, API_WATCH_MESSAGE, &r.base);
	Ferry__V1__Event *e = client_event(&c, 2000);
	ck_assert_uint_eq(e->seq, 1);
	ck_assert_str_eq(e->type, "ACCEPTED");
	ck_assert_str_eq(e->message_id, r.id);
	ck_assert_str_eq(c.cursor, "1");
	ck_assert_int_eq(strncmp(e->id, "evt_", 4), 0);
	for (uint64_t seq = 2; seq < 20; seq++) {
		desk_sql(&d, MORE);
		e = client_event(&c, 2000);
		ck_assert_uint_eq(e->seq, seq);
	}
	ProtobufCMessage *msg;
	ck_assert_int_eq(client_next(&c, &msg, 100), ST_BUSY);
	Ferry__V1__CancelMessageRequest cancel = FERRY__V1__CANCEL_MESSAGE_REQUEST__INIT;
	cancel.id = r.id;
	desk_free(desk_do(&d, API_CANCEL_MESSAGE, &cancel.base, d.sk, NULL));
	e = client_event(&c, 2000);
	ck_assert_str_eq(e->type, "CANCELLED");
	ck_assert_int_eq(e->from, FERRY__V1__STATE__STATE_ACCEPTED);
	ck_assert_int_eq(client_next(&c, &msg, 2000), ST_GONE);
	ck_assert_int_eq(client_next(&c, &msg, 2000), ST_GONE);
	client_close(&c);
	/* From the middle, and from the end. */
	r.after_seq = 10;
	c = client_open(&d, API_WATCH_MESSAGE, &r.base);
	for (uint64_t seq = 11; seq <= 20; seq++)
		ck_assert_uint_eq(client_event(&c, 2000)->seq, seq);
	ck_assert_int_eq(client_next(&c, &msg, 2000), ST_GONE);
	client_close(&c);
	r.after_seq = 20;
	c = client_open(&d, API_WATCH_MESSAGE, &r.base);
	ck_assert_int_eq(client_next(&c, &msg, 2000), ST_GONE);
	client_close(&c);
	r.after_seq = 21;
	struct desk_call *call = desk_do(&d, API_WATCH_MESSAGE, &r.base, d.sk, NULL);
	desk_is(call, ST_GONE);
	desk_code(call, "CURSOR_LOST");
	desk_free(call);
	desk_close(&d);
}
END_TEST

START_TEST(a_delivered_message_is_watched_until_it_is_final)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__WatchMessageRequest r = FERRY__V1__WATCH_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	desk_sql(&d, "ALTER TABLE message DISABLE TRIGGER USER; UPDATE message SET state = "
		     "'DELIVERED', version = 2; "
		     "INSERT INTO event (app_id, message_id, seq, type, from_state, to_state) "
		     "SELECT app_id, id, 2, "
		     "'DELIVERED', 'COMMITTED', 'DELIVERED' FROM message");
	struct client c = client_open(&d, API_WATCH_MESSAGE, &r.base);
	ProtobufCMessage *msg;
	client_event(&c, 2000);
	client_event(&c, 2000);
	ck_assert_int_eq(client_next(&c, &msg, 300), ST_BUSY);
	desk_sql(&d, "BEGIN; UPDATE message SET dst_final = true, version = 3; INSERT INTO event "
		     "(app_id, message_id, "
		     "seq, type) SELECT app_id, id, 3, 'FINAL' FROM message; COMMIT; NOTIFY "
		     "ferry_event");
	ck_assert_str_eq(client_event(&c, 2000)->type, "FINAL");
	ck_assert_int_eq(client_next(&c, &msg, 2000), ST_GONE);
	client_close(&c);
	desk_close(&d);
}
END_TEST

/* Without any notification the hub still looks by itself. */
START_TEST(a_lost_notification_costs_a_moment_only)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__WatchMessageRequest r = FERRY__V1__WATCH_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	struct client c = client_open(&d, API_WATCH_MESSAGE, &r.base);
	client_event(&c, 2000);
	desk_sql(&d, "BEGIN; UPDATE message SET version = 2; INSERT INTO event (app_id, "
		     "message_id, seq, type) SELECT "
		     "app_id, id, 2, 'X' FROM message; COMMIT");
	ck_assert_uint_eq(client_event(&c, 1000)->seq, 2);
	client_close(&c);
	desk_close(&d);
}
END_TEST

static Ferry__V1__WatchEventsResponse *feed_event(struct client *c, int wait_ms)
{
	ProtobufCMessage *msg = NULL;
	enum status st = client_next(c, &msg, wait_ms);
	ck_assert_msg(st == ST_OK, "no event: %s", status_name(st));
	return (Ferry__V1__WatchEventsResponse *)msg;
}

START_TEST(a_feed_goes_on_from_its_cursor_whichever_way_it_was_read)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	for (int i = 0; i < 5; i++)
		make_message(&d, arena_printf(d.arena, "m%d", i));
	Ferry__V1__ListEventsRequest l = FERRY__V1__LIST_EVENTS_REQUEST__INIT;
	l.page_size = 2;
	struct desk_call *call = desk_do(&d, API_LIST_EVENTS, &l.base, d.sk, NULL);
	desk_is(call, ST_OK);
	Ferry__V1__ListEventsResponse *page = (Ferry__V1__ListEventsResponse *)call->call.reply;
	ck_assert_uint_eq(page->n_events, 2);
	const char *second = arena_strdup(d.arena, page->events[1]->id);
	Ferry__V1__WatchEventsRequest w = FERRY__V1__WATCH_EVENTS_REQUEST__INIT;
	w.cursor = arena_strdup(d.arena, page->next_page_token);
	desk_free(call);
	struct client c = client_open(&d, API_WATCH_EVENTS, &w.base);
	for (int i = 2; i < 5; i++) {
		Ferry__V1__WatchEventsResponse *e = feed_event(&c, 2000);
		ck_assert_str_ne(e->event->id, second);
		ck_assert_str_eq(e->cursor, c.cursor);
	}
	ProtobufCMessage *msg;
	ck_assert_int_eq(client_next(&c, &msg, 200), ST_BUSY);
	make_message(&d, "six");
	ck_assert_str_eq(feed_event(&c, 2000)->event->type, "ACCEPTED");
	/* The stream's cursor is a page token too. */
	l.page_token = c.cursor;
	l.page_size = 100;
	call = desk_do(&d, API_LIST_EVENTS, &l.base, d.sk, NULL);
	page = (Ferry__V1__ListEventsResponse *)call->call.reply;
	ck_assert_uint_eq(page->n_events, 0);
	ck_assert_str_eq(page->next_page_token, c.cursor);
	desk_free(call);
	client_close(&c);
	/* From now on: nothing old. */
	w.cursor = (char *)"";
	c = client_open(&d, API_WATCH_EVENTS, &w.base);
	ck_assert_int_eq(client_next(&c, &msg, 200), ST_BUSY);
	make_message(&d, "seven");
	feed_event(&c, 2000);
	ck_assert_int_eq(client_next(&c, &msg, 200), ST_BUSY);
	client_close(&c);
	desk_close(&d);
}
END_TEST

START_TEST(cursors_that_cannot_be_honoured_say_so)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	make_message(&d, "one");
	Ferry__V1__ListEventsRequest l = FERRY__V1__LIST_EVENTS_REQUEST__INIT;
	struct desk_call *call = desk_do(&d, API_LIST_EVENTS, &l.base, d.sk, NULL);
	char *cursor = arena_strdup(
		d.arena, ((Ferry__V1__ListEventsResponse *)call->call.reply)->next_page_token);
	desk_free(call);
	Ferry__V1__WatchEventsRequest w = FERRY__V1__WATCH_EVENTS_REQUEST__INIT;
	w.cursor = cursor;
	call = desk_do(&d, API_WATCH_EVENTS, &w.base, d.other_sk, NULL);
	desk_is(call, ST_GONE);
	desk_code(call, "CURSOR_LOST");
	desk_free(call);
	cursor[10] ^= 1;
	call = desk_do(&d, API_WATCH_EVENTS, &w.base, d.sk, NULL);
	desk_is(call, ST_GONE);
	desk_free(call);
	w.cursor = (char *)"17";
	call = desk_do(&d, API_WATCH_EVENTS, &w.base, d.sk, NULL);
	desk_is(call, ST_INVALID);
	desk_free(call);
	l.page_token = cursor;
	call = desk_do(&d, API_LIST_EVENTS, &l.base, d.sk, NULL);
	desk_is(call, ST_GONE);
	desk_free(call);
	desk_close(&d);
}
END_TEST

/* A transaction that began earlier and commits later: its event comes in its place, and none is
 * lost. */
START_TEST(a_late_commit_is_not_passed_over)
{
	struct desk d;
	struct db *slow;
	desk_open(&d);
	desk_start(&d);
	make_message(&d, "one");
	Ferry__V1__ListEventsRequest l = FERRY__V1__LIST_EVENTS_REQUEST__INIT;
	struct desk_call *call = desk_do(&d, API_LIST_EVENTS, &l.base, d.sk, NULL);
	Ferry__V1__WatchEventsRequest w = FERRY__V1__WATCH_EVENTS_REQUEST__INIT;
	w.cursor = arena_strdup(
		d.arena, ((Ferry__V1__ListEventsResponse *)call->call.reply)->next_page_token);
	desk_free(call);
	struct client c = client_open(&d, API_WATCH_EVENTS, &w.base);
	pg_ok(d.cx, db_open(&d.cx, d.url, "slow", &slow));
	pg_ok(d.cx,
	      db_script(
		      &d.cx, slow,
		      "BEGIN; INSERT INTO event (app_id, message_id, seq, type) SELECT app_id, id, "
		      "version + 1, 'LATE' FROM message; UPDATE message SET version = 2"));
	make_message(&d, "two");
	ProtobufCMessage *msg;
	ck_assert_int_eq(client_next(&c, &msg, 400),
			 ST_BUSY); /* waits behind the open transaction */
	pg_ok(d.cx, db_script(&d.cx, slow, "COMMIT; NOTIFY ferry_event"));
	ck_assert_str_eq(feed_event(&c, 2000)->event->type, "LATE");
	ck_assert_str_eq(feed_event(&c, 2000)->event->type, "ACCEPTED");
	client_close(&c);
	db_close(slow);
	desk_close(&d);
}
END_TEST

/* Hundreds of events before the client takes the first; the watching thread's connection dies too.
 */
START_TEST(a_slow_client_gets_everything_once_in_order)
{
	enum { EVENTS = 500 };
	struct desk d;
	struct db *root;
	desk_open(&d);
	desk_start(&d);
	pg_ok(d.cx, db_open(&d.cx, desk_root_url(&d), "root", &root));
	Ferry__V1__WatchMessageRequest r = FERRY__V1__WATCH_MESSAGE_REQUEST__INIT;
	Ferry__V1__WatchEventsRequest w = FERRY__V1__WATCH_EVENTS_REQUEST__INIT;
	struct client feed = client_open(&d, API_WATCH_EVENTS, &w.base);
	r.id = (char *)make_message(&d, "one");
	struct client c = client_open(&d, API_WATCH_MESSAGE, &r.base);
	for (int i = 0; i < EVENTS; i++) {
		desk_sql(&d, MORE);
		if (i % 100 == 50)
			pg_ok(d.cx,
			      db_script(&d.cx, root,
					"SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
					"WHERE application_name = 'ferry watch'"));
	}
	for (uint64_t seq = 1; seq <= EVENTS + 1; seq++) {
		ck_assert_uint_eq(client_event(&c, 3000)->seq, seq);
		ck_assert_uint_eq(feed_event(&feed, 3000)->event->seq, seq);
	}
	ProtobufCMessage *msg;
	ck_assert_int_eq(client_next(&c, &msg, 400), ST_BUSY);
	ck_assert_int_eq(client_next(&feed, &msg, 100), ST_BUSY);
	client_close(&feed);
	client_close(&c);
	db_close(root);
	desk_close(&d);
}
END_TEST

/* Streams that come and go while events pour. */
struct churn {
	struct desk *d;
	const char *id;
	_Atomic bool stop;
	_Atomic int rounds;
};

static void churn_run(void *arg)
{
	struct churn *churn = arg;
	while (!atomic_load(&churn->stop)) {
		Ferry__V1__WatchMessageRequest r = FERRY__V1__WATCH_MESSAGE_REQUEST__INIT;
		r.id = (char *)churn->id;
		r.after_seq = random_u64() % 2;
		struct client c = client_open(churn->d, API_WATCH_MESSAGE, &r.base);
		uint64_t seq = r.after_seq;
		int takes = (int)(random_u64() % 20);
		for (int i = 0; i < takes; i++) {
			ProtobufCMessage *msg;
			enum status st = client_next(&c, &msg, 20);
			if (st != ST_OK)
				break;
			if (((Ferry__V1__Event *)msg)->seq != ++seq)
				abort();
		}
		client_close(&c);
		atomic_fetch_add(&churn->rounds, 1);
	}
}

START_TEST(streams_come_and_go_while_events_pour)
{
	enum { THREADS = 4 };
	struct desk d;
	struct thread *threads[THREADS];
	desk_open(&d);
	desk_start(&d);
	struct churn churn = {.d = &d, .id = make_message(&d, "one")};
	for (int i = 0; i < THREADS; i++)
		threads[i] = thread_start("churn", churn_run, &churn);
	int64_t until = clock_mono_ms() + 3000;
	while (clock_mono_ms() < until)
		desk_sql(&d, MORE);
	atomic_store(&churn.stop, true);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	ck_assert_int_gt(atomic_load(&churn.rounds), 50);
	desk_close(&d);
}
END_TEST

START_TEST(thousands_watch_and_each_gets_each_event)
{
	enum { N = 2000, EVENTS = 20 };
	struct desk d;
	desk_open(&d);
	d.config.streams_max = N;
	desk_start(&d);
	struct client *clients = calloc(N, sizeof *clients);
	Ferry__V1__WatchEventsRequest w = FERRY__V1__WATCH_EVENTS_REQUEST__INIT;
	Ferry__V1__WatchMessageRequest r = FERRY__V1__WATCH_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	r.after_seq = 1;
	for (int i = 0; i < N; i++)
		clients[i] = i % 2 ? client_open(&d, API_WATCH_EVENTS, &w.base)
				   : client_open(&d, API_WATCH_MESSAGE, &r.base);
	struct desk_call *one_more = desk_do(&d, API_WATCH_EVENTS, &w.base, d.sk, NULL);
	desk_is(one_more, ST_BUSY);
	desk_free(one_more);
	clock_sleep_ms(500);
	for (int e = 0; e < EVENTS; e++)
		desk_sql(&d, MORE);
	for (int i = 0; i < N; i++) {
		ProtobufCMessage *msg;
		uint64_t seq = 0;
		do {
			ck_assert_int_eq(client_next(&clients[i], &msg, 5000), ST_OK);
			Ferry__V1__Event *e = i % 2 ? ((Ferry__V1__WatchEventsResponse *)msg)->event
						    : (Ferry__V1__Event *)msg;
			ck_assert(seq == 0 || e->seq == seq + 1);
			seq = e->seq;
		} while (seq < EVENTS + 1);
		client_close(&clients[i]);
	}
	free(clients);
	desk_close(&d);
}
END_TEST

START_TEST(a_drain_ends_streams)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__WatchEventsRequest w = FERRY__V1__WATCH_EVENTS_REQUEST__INIT;
	struct client c = client_open(&d, API_WATCH_EVENTS, &w.base);
	ProtobufCMessage *msg;
	ck_assert_int_eq(client_next(&c, &msg, 100), ST_BUSY);
	api_drain(d.api);
	ck_assert_int_eq(client_next(&c, &msg, 2000), ST_UNAVAILABLE);
	client_close(&c);
	desk_close(&d);
}
END_TEST

PG_SUITE("api/watch", a_watched_message_shows_all_its_events_then_ends,
	 a_delivered_message_is_watched_until_it_is_final, a_lost_notification_costs_a_moment_only,
	 a_feed_goes_on_from_its_cursor_whichever_way_it_was_read,
	 cursors_that_cannot_be_honoured_say_so, a_late_commit_is_not_passed_over,
	 a_slow_client_gets_everything_once_in_order, streams_come_and_go_while_events_pour,
	 thousands_watch_and_each_gets_each_event, a_drain_ends_streams)
