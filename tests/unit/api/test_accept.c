/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/desk.h"

#include "base/thread.h"

static const char *key_of(struct arena *a, const char *name)
{
	return arena_printf(a, "key-of-sixteen-or-more-%s", name);
}

static struct desk_call *send_one(struct desk *d, const char *payload, const char *key)
{
	return desk_do(d, API_SEND_MESSAGE, &desk_send(d->arena, payload)->base, d->sk,
		       key_of(d->arena, key));
}

START_TEST(an_accepted_message_is_durable_with_its_event_and_its_work)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	struct desk_call *c = send_one(&d, "hello", "a");
	message_reply *m = desk_message(c);
	ck_assert_int_eq(strncmp(m->id, "msg_", 4), 0);
	ck_assert_uint_eq(strlen(m->id), 36);
	ck_assert_int_eq(m->state, FERRY__V1__STATE__STATE_ACCEPTED);
	ck_assert(!m->author_signed);
	ck_assert_str_eq(m->author, "");
	ck_assert_uint_eq(m->request_id.len, 32);
	ck_assert_ptr_nonnull(m->explanation);
	ck_assert_ptr_nonnull(m->create_time);
	ck_assert_str_eq(m->options->gas_limit, "200000");
	ck_assert_str_eq(c->call.etag, "1");
	ck_assert_str_eq(c->call.location, arena_printf(d.arena, "/v1/messages/%s", m->id));
	ck_assert(!c->call.replayed);
	desk_free(c);
	ck_assert_int_eq(
		desk_count(&d, "SELECT count(*) FROM message JOIN event ON event.message_id = "
			       "message.id AND seq = 1 JOIN outbox ON outbox.id = message.id AND "
			       "stage = 1 AND outbox.num = message.num AND eid = 40161"),
		1);
	desk_close(&d);
}
END_TEST

START_TEST(the_same_request_again_is_replayed_and_shows_the_message_as_it_is_now)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	struct desk_call *a = send_one(&d, "hello", "a");
	desk_sql(&d, "UPDATE message SET state = 'SUBMITTED', version = 2");
	struct desk_call *b = send_one(&d, "hello", "a");
	ck_assert_str_eq(desk_message(a)->id, desk_message(b)->id);
	ck_assert(b->call.replayed);
	ck_assert_int_eq(desk_message(b)->state, FERRY__V1__STATE__STATE_SUBMITTED);
	ck_assert_str_eq(b->call.etag, "2");
	desk_free(a);
	desk_free(b);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM message"), 1);
	desk_close(&d);
}
END_TEST

START_TEST(defaults_and_other_ways_to_write_the_same_are_the_same_request)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	struct desk_call *a = send_one(&d, "hello", "a");
	send_request *r = desk_send(d.arena, "hello");
	Ferry__V1__SendOptions options = FERRY__V1__SEND_OPTIONS__INIT;
	options.gas_limit = (char *)"200000";
	options.value = (char *)"0";
	r->options = &options;
	r->submission = FERRY__V1__SUBMISSION__SUBMISSION_RELAYED;
	r->execution = FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC;
	uint8_t padded[32] = {0};
	memset(padded + 12, 0x22, 20);
	r->receiver.data = padded;
	r->receiver.len = 32;
	r->idempotency_key = (char *)key_of(d.arena, "a");
	struct desk_call *b = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, NULL);
	ck_assert_str_eq(desk_message(a)->id, desk_message(b)->id);
	ck_assert(b->call.replayed);
	desk_free(a);
	desk_free(b);
	desk_close(&d);
}
END_TEST

START_TEST(another_request_with_the_same_key_is_refused_naming_what_differs)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	desk_free(send_one(&d, "hello", "a"));
	send_request *r = desk_send(d.arena, "hallo");
	r->client_ref = (char *)"order-1";
	struct desk_call *c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key_of(d.arena, "a"));
	desk_is(c, ST_MISMATCH);
	desk_code(c, "IDEMPOTENCY_KEY_REUSED");
	ck_assert_uint_eq(c->call.cx.err.details_count, 2);
	ck_assert_str_eq(c->call.cx.err.details[0].pointer, "/payload");
	ck_assert_str_eq(c->call.cx.err.details[1].pointer, "/client_ref");
	desk_free(c);
	/* Another tenant's key is another key. */
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.other_sk, key_of(d.arena, "a"));
	desk_is(c, ST_OK);
	ck_assert(!c->call.replayed);
	desk_free(c);
	desk_close(&d);
}
END_TEST

enum { CROWD = 8, CROWD_ROUNDS = 40 };

struct crowd {
	struct desk *desk;
	struct desk_call *calls[CROWD_ROUNDS];
	struct arena *arena;
};

static void crowd_run(void *arg)
{
	struct crowd *c = arg;
	for (int i = 0; i < CROWD_ROUNDS; i++)
		c->calls[i] = desk_begin(c->desk, API_SEND_MESSAGE,
					 &desk_send(c->arena, "same")->base, c->desk->sk,
					 arena_printf(c->arena, "everybody-uses-key-%04d", i / 2));
}

START_TEST(duplicates_from_many_threads_at_once_make_one_message_each)
{
	struct desk d;
	struct crowd crowd[CROWD];
	struct thread *threads[CROWD];
	desk_open(&d);
	d.config.accept_threads = 4;
	desk_start(&d);
	for (int t = 0; t < CROWD; t++) {
		crowd[t] = (struct crowd){.desk = &d, .arena = arena_create(UNIT_ARENA_BYTES)};
		threads[t] = thread_start("crowd", crowd_run, &crowd[t]);
	}
	for (int t = 0; t < CROWD; t++)
		thread_join(threads[t]);
	int fresh[CROWD_ROUNDS / 2] = {0};
	const char *ids[CROWD_ROUNDS / 2] = {NULL};
	for (int t = 0; t < CROWD; t++) {
		for (int i = 0; i < CROWD_ROUNDS; i++) {
			struct desk_call *c = crowd[t].calls[i];
			desk_end(c);
			fresh[i / 2] += !c->call.replayed;
			if (!ids[i / 2])
				ids[i / 2] = arena_strdup(d.arena, desk_message(c)->id);
			ck_assert_str_eq(desk_message(c)->id, ids[i / 2]);
			desk_free(c);
		}
		arena_destroy(crowd[t].arena);
	}
	for (int i = 0; i < CROWD_ROUNDS / 2; i++)
		ck_assert_int_eq(fresh[i], 1);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM message"), CROWD_ROUNDS / 2);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM event"), CROWD_ROUNDS / 2);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM outbox"), CROWD_ROUNDS / 2);
	desk_close(&d);
}
END_TEST

static batch_request *batch_of(struct desk *d, size_t n)
{
	batch_request *b = arena_alloc(d->arena, sizeof *b);
	ferry__v1__batch_send_messages_request__init(b);
	b->n_messages = n;
	b->messages = arena_array(d->arena, n, sizeof *b->messages);
	for (size_t i = 0; i < n; i++) {
		b->messages[i] = desk_send(d->arena, "batch");
		b->messages[i]->idempotency_key =
			arena_printf(d->arena, "batch-key-number-%06zu", i);
	}
	return b;
}

START_TEST(a_batch_answers_each_item_in_order)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	batch_request *b = batch_of(&d, 1000);
	b->messages[3]->dst_eid = 77;
	b->messages[5]->idempotency_key = (char *)"";
	b->messages[7]->idempotency_key = b->messages[6]->idempotency_key; /* the same */
	b->messages[9]->idempotency_key = b->messages[8]->idempotency_key;
	b->messages[9]->client_ref = (char *)"other";			  /* another */
	struct desk_call *c = desk_do(&d, API_BATCH_SEND_MESSAGES, &b->base, d.sk, NULL);
	desk_is(c, ST_OK);
	batch_reply *r = (batch_reply *)c->call.reply;
	ck_assert_uint_eq(r->n_results, 1000);
	for (size_t i = 0; i < 1000; i++) {
		bool bad = i == 3 || i == 5 || i == 9;
		ck_assert_uint_eq(r->results[i]->index, i);
		ck_assert_int_eq(r->results[i]->outcome_case, bad ? 3 : 2);
	}
	ck_assert_str_eq(r->results[3]->problem->code, "UNKNOWN_CHAIN");
	ck_assert_uint_eq(r->results[3]->problem->status, 400);
	ck_assert_str_eq(r->results[5]->problem->code, "IDEMPOTENCY_KEY_REQUIRED");
	ck_assert_str_eq(r->results[6]->message->id, r->results[7]->message->id);
	ck_assert_str_eq(r->results[9]->problem->code, "IDEMPOTENCY_KEY_REUSED");
	ck_assert_str_eq(r->results[9]->problem->errors[0]->pointer, "/client_ref");
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM message"), 996);
	/* An item's key is a send's key. */
	struct desk_call *one = desk_do(&d, API_SEND_MESSAGE, &desk_send(d.arena, "batch")->base,
					d.sk, "batch-key-number-000000");
	ck_assert_str_eq(desk_message(one)->id, r->results[0]->message->id);
	ck_assert(one->call.replayed);
	desk_free(one);
	desk_free(c);
	b = batch_of(&d, 1001);
	c = desk_do(&d, API_BATCH_SEND_MESSAGES, &b->base, d.sk, NULL);
	desk_is(c, ST_TOO_LARGE);
	desk_free(c);
	b = batch_of(&d, 0);
	c = desk_do(&d, API_BATCH_SEND_MESSAGES, &b->base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(an_authors_nonce_is_taken_once_over_all_tenants)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	int64_t later = clock_wall_us() / 1000000 + 600;
	send_request *a = desk_send(d.arena, "one"), *b = desk_send(d.arena, "two");
	desk_sign(&d, d.arena, a, "5", later);
	desk_sign(&d, d.arena, b, "5", later);
	struct desk_call *c = desk_do(&d, API_SEND_MESSAGE, &a->base, d.pk, key_of(d.arena, "a"));
	ck_assert(desk_message(c)->author_signed);
	ck_assert_str_eq(desk_message(c)->author, a->author);
	desk_free(c);
	c = desk_do(&d, API_SEND_MESSAGE, &b->base, d.sk, key_of(d.arena, "b"));
	desk_is(c, ST_CONFLICT);
	desk_code(c, "AUTHOR_NONCE_USED");
	desk_free(c);
	c = desk_do(&d, API_SEND_MESSAGE, &b->base, d.other_sk, key_of(d.arena, "b"));
	desk_is(c, ST_CONFLICT);
	desk_free(c);
	c = desk_do(&d, API_SEND_MESSAGE, &a->base, d.sk, key_of(d.arena, "a"));
	desk_is(c, ST_OK);
	ck_assert(c->call.replayed);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(one_item_the_database_refuses_does_not_harm_the_others)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	desk_sql(&d, "ALTER TABLE message ADD CONSTRAINT no_poison CHECK (client_ref <> 'poison')");
	batch_request *b = batch_of(&d, 100);
	b->messages[41]->client_ref = (char *)"poison";
	struct desk_call *c = desk_do(&d, API_BATCH_SEND_MESSAGES, &b->base, d.sk, NULL);
	batch_reply *r = (batch_reply *)c->call.reply;
	desk_is(c, ST_OK);
	for (size_t i = 0; i < 100; i++)
		ck_assert_int_eq(r->results[i]->outcome_case, i == 41 ? 3 : 2);
	ck_assert_uint_eq(r->results[41]->problem->status, 400);
	desk_free(c);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM message"), 99);
	desk_close(&d);
}
END_TEST

/* The commit is on disk, the answer never comes: the server waits for a standby that there is not,
 * and is then told to end. */
START_TEST(a_commit_whose_answer_is_lost_is_answered_truthfully)
{
	struct desk d;
	struct db *root;
	desk_open(&d);
	desk_start(&d);
	desk_free(send_one(&d, "first", "first"));
	pg_ok(d.cx, db_open(&d.cx, desk_root_url(&d), "root", &root));
	pg_ok(d.cx,
	      db_script(&d.cx, root, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"));
	pg_ok(d.cx, db_script(&d.cx, root, "SELECT pg_reload_conf()"));
	clock_sleep_ms(200);
	struct desk_call *c = desk_begin(&d, API_SEND_MESSAGE, &desk_send(d.arena, "lost")->base,
					 d.sk, key_of(d.arena, "lost"));
	clock_sleep_ms(300);
	ck_assert(!c->is_done);
	pg_ok(d.cx, db_script(&d.cx, root, "ALTER SYSTEM RESET synchronous_standby_names"));
	pg_ok(d.cx, db_script(&d.cx, root, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
					   "WHERE application_name = 'ferry accept'"));
	pg_ok(d.cx, db_script(&d.cx, root, "SELECT pg_reload_conf()"));
	desk_end(c);
	desk_is(c, ST_OK);
	ck_assert(!c->call.replayed);
	ck_assert_int_eq(
		desk_count(&d, "SELECT count(*) FROM message WHERE idempotency_key LIKE '%lost'"),
		1);
	desk_free(c);
	db_close(root);
	desk_close(&d);
}
END_TEST

/* The connection dies before the commit: nothing was stored, and now is. */
START_TEST(a_connection_that_dies_under_load_loses_and_doubles_nothing)
{
	enum { N = 400 };
	struct desk d;
	struct db *root;
	struct desk_call *calls[N];
	desk_open(&d);
	desk_start(&d);
	pg_ok(d.cx, db_open(&d.cx, desk_root_url(&d), "root", &root));
	for (int i = 0; i < N; i++) {
		calls[i] = desk_begin(&d, API_SEND_MESSAGE, &desk_send(d.arena, "load")->base, d.sk,
				      arena_printf(d.arena, "under-load-number-%05d", i));
		if (i % 40 == 20)
			pg_ok(d.cx,
			      db_script(&d.cx, root,
					"SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
					"WHERE application_name = 'ferry accept'"));
		clock_sleep_ms(1);
	}
	for (int i = 0; i < N; i++) {
		desk_end(calls[i]);
		desk_is(calls[i], ST_OK);
		ck_assert(!calls[i]->call.replayed);
		desk_free(calls[i]);
	}
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM message"), N);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM outbox"), N);
	db_close(root);
	desk_close(&d);
}
END_TEST

/* Somebody holds the key in a transaction that does not end; the others must not wait for it. */
START_TEST(a_key_that_is_stored_elsewhere_is_waited_for_and_then_in_progress)
{
	struct desk d;
	struct db *holder;
	desk_open(&d);
	desk_start(&d);
	desk_free(send_one(&d, "held", "first"));
	pg_ok(d.cx, db_open(&d.cx, d.url, "holder", &holder));
	const char *hold = "SET idle_in_transaction_session_timeout = 0; BEGIN; "
			   "INSERT INTO message (app_id, id, kind, submission, execution, "
			   "src_eid, dst_eid, "
			   "receiver, payload, gas_limit, author_nonce, messenger, request_id, "
			   "idempotency_method, "
			   "idempotency_key, fingerprint, request) SELECT app_id, "
			   "gen_random_uuid(), kind, submission, "
			   "execution, src_eid, dst_eid, receiver, payload, gas_limit, 0, "
			   "messenger, request_id, "
			   "idempotency_method, 'key-of-sixteen-or-more-held', fingerprint, "
			   "request FROM message";
	pg_ok(d.cx, db_script(&d.cx, holder, hold));
	int64_t begun = clock_mono_ms();
	struct desk_call *held = desk_begin(&d, API_SEND_MESSAGE, &desk_send(d.arena, "held")->base,
					    d.sk, key_of(d.arena, "held"));
	struct desk_call *free_one = send_one(&d, "free", "free");
	desk_is(free_one, ST_OK);
	desk_free(free_one);
	desk_end(held);
	desk_is(held, ST_IN_PROGRESS);
	ck_assert_int_ge(clock_mono_ms() - begun, 4500);
	ck_assert_int_le(clock_mono_ms() - begun, 9000);
	desk_free(held);
	/* Once it is done there, it is replayed here. */
	held = desk_begin(&d, API_SEND_MESSAGE, &desk_send(d.arena, "held")->base, d.sk,
			  key_of(d.arena, "held"));
	clock_sleep_ms(300);
	pg_ok(d.cx, db_script(&d.cx, holder, "COMMIT"));
	desk_end(held);
	desk_is(held, ST_OK);
	ck_assert(held->call.replayed);
	desk_free(held);
	db_close(holder);
	desk_close(&d);
}
END_TEST

START_TEST(who_may_send_what)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	send_request *r = desk_send(d.arena, "x");
	const char *key = key_of(d.arena, "a");
	struct desk_call *c = desk_do(&d, API_SEND_MESSAGE, &r->base, NULL, key);
	desk_is(c, ST_UNAUTHENTICATED);
	desk_free(c);
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, "sk_nothing", key);
	desk_is(c, ST_UNAUTHENTICATED);
	desk_free(c);
	char wrong[APP_TOKEN_BYTES];
	memcpy(wrong, d.sk, sizeof wrong);
	wrong[APP_TOKEN_BYTES - 2] = wrong[APP_TOKEN_BYTES - 2] == '0' ? '1' : '0';
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, wrong, key);
	desk_is(c, ST_UNAUTHENTICATED);
	desk_free(c);
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.pk, key);
	desk_is(c, ST_FORBIDDEN);
	desk_code(c, "SIGNATURE_REQUIRED");
	desk_free(c);
	desk_sql(&d, arena_printf(d.arena,
				  "INSERT INTO app_spend VALUES (%lld, (now() AT TIME ZONE "
				  "'UTC')::date, 1000)",
				  (long long)d.app));
	clock_sleep_ms(1300);
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	desk_is(c, ST_RATE_LIMITED);
	desk_code(c, "DAILY_LIMIT_REACHED");
	desk_free(c);
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.other_sk, key);
	desk_is(c, ST_OK);
	desk_free(c);
	desk_sql(&d, "UPDATE api_key SET revoked_at = now()");
	int64_t begun = clock_mono_ms();
	do {
		clock_sleep_ms(200);
		c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.other_sk, key);
		enum status st = c->st;
		desk_free(c);
		if (st == ST_UNAUTHENTICATED)
			break;
	} while (clock_mono_ms() - begun < 6000);
	ck_assert_int_lt(clock_mono_ms() - begun, 6000);
	desk_close(&d);
}
END_TEST

START_TEST(without_a_database_the_answer_is_busy_and_may_be_sent_again)
{
	struct desk d;
	desk_open(&d);
	d.config.database_url = "postgresql:///nothing?host=/nowhere";
	desk_start(&d);
	struct desk_call *c = send_one(&d, "x", "a");
	desk_is(c, ST_DB);
	ck_assert(api_ready(d.api, &d.cx) == ST_DB);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(a_drain_answers_everything_and_refuses_what_comes_after)
{
	enum { N = 200 };
	struct desk d;
	struct desk_call *calls[N];
	desk_open(&d);
	desk_start(&d);
	for (int i = 0; i < N; i++)
		calls[i] = desk_begin(&d, API_SEND_MESSAGE, &desk_send(d.arena, "drain")->base,
				      d.sk, arena_printf(d.arena, "drained-number-%05d", i));
	api_drain(d.api);
	struct desk_call *late = send_one(&d, "late", "late");
	desk_is(late, ST_UNAVAILABLE);
	desk_free(late);
	for (int i = 0; i < N; i++) {
		ck_assert(calls[i]->is_done);
		desk_is(calls[i], ST_OK);
		desk_free(calls[i]);
	}
	desk_close(&d);
}
END_TEST

PG_SUITE("api/accept", an_accepted_message_is_durable_with_its_event_and_its_work,
	 the_same_request_again_is_replayed_and_shows_the_message_as_it_is_now,
	 defaults_and_other_ways_to_write_the_same_are_the_same_request,
	 another_request_with_the_same_key_is_refused_naming_what_differs,
	 duplicates_from_many_threads_at_once_make_one_message_each,
	 a_batch_answers_each_item_in_order, an_authors_nonce_is_taken_once_over_all_tenants,
	 one_item_the_database_refuses_does_not_harm_the_others,
	 a_commit_whose_answer_is_lost_is_answered_truthfully,
	 a_connection_that_dies_under_load_loses_and_doubles_nothing,
	 a_key_that_is_stored_elsewhere_is_waited_for_and_then_in_progress, who_may_send_what,
	 without_a_database_the_answer_is_busy_and_may_be_sent_again,
	 a_drain_answers_everything_and_refuses_what_comes_after)
