/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading, listing and acting, through the whole of the handlers.
 */
#include "tests/unit/api/desk.h"

#include "chain/packet.h"

static struct desk_call *get_message(struct desk *d, const char *id, const char *token)
{
	Ferry__V1__GetMessageRequest r = FERRY__V1__GET_MESSAGE_REQUEST__INIT;
	r.id = (char *)id;
	return desk_do(d, API_GET_MESSAGE, &r.base, token, NULL);
}

static const char *make_message(struct desk *d, const char *name)
{
	struct desk_call *c = desk_do(d, API_SEND_MESSAGE, &desk_send(d->arena, name)->base, d->sk,
				      arena_printf(d->arena, "key-of-sixteen-or-more-%s", name));
	const char *id = arena_strdup(d->arena, desk_message(c)->id);
	desk_free(c);
	return id;
}

/* Puts a message where the relay would, past the checks that only the relay satisfies. */
static void put_state(struct desk *d, const char *state, int stage, const char *more)
{
	desk_sql(d, "ALTER TABLE message DISABLE TRIGGER USER");
	desk_sql(d, arena_printf(d->arena, "UPDATE message SET state = '%s'%s", state, more));
	desk_sql(d, arena_printf(d->arena, "UPDATE outbox SET stage = %d, signer = NULL", stage));
	desk_sql(d, "ALTER TABLE message ENABLE TRIGGER USER");
}

#define GUID "0xabababababababababababababababababababababababababababababababab"
#define GUID_SQL "decode(repeat('ab', 32), 'hex')"

START_TEST(a_message_is_read_by_id_and_by_guid_and_by_a_former_guid)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	const char *id = make_message(&d, "one");
	desk_sql(&d, "UPDATE message SET guid = " GUID_SQL
		     ", former_guids = ARRAY[decode(repeat('cd', 32), "
		     "'hex')], src_tx = decode(repeat('01', 32), 'hex'), src_block = 5, "
		     "src_block_hash = "
		     "decode(repeat('02', 32), 'hex'), nonce = 3, fee = 12, gas_used = 9");
	const char *names[] = {
		id, GUID, "0xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"};
	for (int i = 0; i < 3; i++) {
		struct desk_call *c = get_message(&d, names[i], i ? d.pk : d.sk);
		message_reply *m = desk_message(c);
		ck_assert_str_eq(m->id, id);
		ck_assert_uint_eq(m->guid.len, 32);
		ck_assert_uint_eq(m->n_former_guids, 1);
		ck_assert_uint_eq(m->source->block_number, 5);
		ck_assert(!m->source->final);
		ck_assert_ptr_null(m->destination);
		ck_assert_uint_eq(m->nonce, 3);
		ck_assert_str_eq(m->fee->native, "12");
		ck_assert_str_eq(m->fee->gas_used, "9");
		ck_assert_uint_eq(m->payload.len, 3);
		ck_assert_ptr_nonnull(m->explanation);
		desk_free(c);
	}
	static const char *const wrong[] = {"",
					    "msg_",
					    "msg_0123",
					    "0x00",
					    "msg_0123456789ABCDEF0123456789abcdef",
					    "idn_0123456789abcdef0123456789abcdef"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct desk_call *c = get_message(&d, wrong[i], d.sk);
		desk_is(c, ST_INVALID);
		desk_free(c);
	}
	struct desk_call *c = get_message(&d, "msg_0123456789abcdef0123456789abcdef", d.sk);
	desk_is(c, ST_NOT_FOUND);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(what_the_client_has_is_not_sent_again)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__GetMessageRequest r = FERRY__V1__GET_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	static const struct {
		const char *tags;
		bool same;
	} cases[] = {{"1", true},  {"\"1\"", true},  {"W/\"1\"", true}, {"\"7\", \"1\"", true},
		     {"*", true},  {"\"2\"", false}, {"\"11\"", false}, {"", false},
		     {"\"", false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r.if_none_match = (char *)cases[i].tags;
		struct desk_call *c = desk_do(&d, API_GET_MESSAGE, &r.base, d.sk, NULL);
		desk_is(c, ST_OK);
		ck_assert_str_eq(c->call.etag, "1");
		ck_assert_int_eq(c->call.not_modified, cases[i].same);
		ck_assert_int_eq(c->call.reply == NULL, cases[i].same);
		desk_free(c);
	}
	desk_close(&d);
}
END_TEST

START_TEST(a_get_that_waits_is_answered_by_the_change)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__GetMessageRequest r = FERRY__V1__GET_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	r.wait_ms = 10000;
	/* What differs is answered at once. */
	r.if_none_match = (char *)"\"9\"";
	struct desk_call *c = desk_do(&d, API_GET_MESSAGE, &r.base, d.sk, NULL);
	desk_is(c, ST_OK);
	desk_free(c);
	/* A change that comes. */
	for (int known = 0; known < 2; known++) {
		r.if_none_match = (char *)(known ? "\"2\"" : "");
		c = desk_begin(&d, API_GET_MESSAGE, &r.base, d.sk, NULL);
		clock_sleep_ms(150);
		ck_assert(!c->is_done);
		int64_t begun = clock_mono_ms();
		desk_sql(&d, arena_printf(d.arena, "BEGIN; UPDATE message SET version = version + "
						   "1; INSERT INTO event "
						   "(app_id, message_id, seq, type) SELECT app_id, "
						   "id, version, 'FEE_RAISED' FROM message; "
						   "COMMIT; NOTIFY ferry_event"));
		desk_end(c);
		desk_is(c, ST_OK);
		ck_assert_int_lt(clock_mono_ms() - begun, 200);
		ck_assert_str_eq(c->call.etag, known ? "3" : "2");
		ck_assert(!c->call.not_modified);
		desk_free(c);
	}
	/* Nothing comes. */
	r.wait_ms = 300;
	r.if_none_match = (char *)"\"3\"";
	int64_t begun = clock_mono_ms();
	c = desk_do(&d, API_GET_MESSAGE, &r.base, d.sk, NULL);
	desk_is(c, ST_OK);
	ck_assert(c->call.not_modified);
	ck_assert_int_ge(clock_mono_ms() - begun, 290);
	ck_assert_int_lt(clock_mono_ms() - begun, 1000);
	desk_free(c);
	/* A final one does not change. */
	put_state(&d, "CANCELLED", 1, "");
	r.wait_ms = 10000;
	begun = clock_mono_ms();
	c = desk_do(&d, API_GET_MESSAGE, &r.base, d.sk, NULL);
	desk_is(c, ST_OK);
	ck_assert_int_lt(clock_mono_ms() - begun, 1000);
	desk_free(c);
	/* The drain does not wait for those who wait. */
	put_state(&d, "ACCEPTED", 1, "");
	c = desk_begin(&d, API_GET_MESSAGE, &r.base, d.sk, NULL);
	clock_sleep_ms(100);
	begun = clock_mono_ms();
	api_drain(d.api);
	ck_assert_int_lt(clock_mono_ms() - begun, 2000);
	ck_assert(c->is_done);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(a_tenant_sees_nothing_of_another)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	const char *id = make_message(&d, "one");
	desk_sql(&d, "UPDATE message SET guid = " GUID_SQL);
	const char *names[] = {id, GUID};
	for (int n = 0; n < 2; n++) {
		Ferry__V1__GetMessageRequest get = FERRY__V1__GET_MESSAGE_REQUEST__INIT;
		Ferry__V1__ListMessageEventsRequest events =
			FERRY__V1__LIST_MESSAGE_EVENTS_REQUEST__INIT;
		Ferry__V1__WatchMessageRequest watch = FERRY__V1__WATCH_MESSAGE_REQUEST__INIT;
		Ferry__V1__ExecuteMessageRequest execute = FERRY__V1__EXECUTE_MESSAGE_REQUEST__INIT;
		Ferry__V1__RetryMessageRequest retry = FERRY__V1__RETRY_MESSAGE_REQUEST__INIT;
		Ferry__V1__CancelMessageRequest cancel = FERRY__V1__CANCEL_MESSAGE_REQUEST__INIT;
		Ferry__V1__SkipMessageRequest skip = FERRY__V1__SKIP_MESSAGE_REQUEST__INIT;
		Ferry__V1__GetExecutionRequest execution = FERRY__V1__GET_EXECUTION_REQUEST__INIT;
		get.id = events.id = watch.id = execute.id = retry.id = cancel.id = skip.id =
			execution.id = (char *)names[n];
		skip.reason = (char *)"because";
		const struct {
			enum api_method_id id;
			ProtobufCMessage *request;
			bool pk; /* may a publishable key call it */
		} all[] = {
			{API_GET_MESSAGE, &get.base, true},
			{API_LIST_MESSAGE_EVENTS, &events.base, true},
			{API_WATCH_MESSAGE, &watch.base, true},
			{API_EXECUTE_MESSAGE, &execute.base, false},
			{API_RETRY_MESSAGE, &retry.base, false},
			{API_CANCEL_MESSAGE, &cancel.base, false},
			{API_SKIP_MESSAGE, &skip.base, false},
			{API_GET_EXECUTION, &execution.base, true},
		};
		for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
			struct desk_call *c =
				desk_do(&d, all[i].id, all[i].request, d.other_sk, NULL);
			desk_is(c, ST_NOT_FOUND);
			ck_assert_ptr_null(c->call.stream);
			desk_free(c);
			c = desk_do(&d, all[i].id, all[i].request, NULL, NULL);
			desk_is(c, ST_UNAUTHENTICATED);
			desk_free(c);
			c = desk_do(&d, all[i].id, all[i].request, d.pk, NULL);
			ck_assert_int_eq(c->st == ST_FORBIDDEN, !all[i].pk);
			if (c->call.stream)
				api_stream_close(c->call.stream);
			desk_free(c);
		}
	}
	Ferry__V1__ListMessagesRequest list = FERRY__V1__LIST_MESSAGES_REQUEST__INIT;
	struct desk_call *c = desk_do(&d, API_LIST_MESSAGES, &list.base, d.other_sk, NULL);
	desk_is(c, ST_OK);
	ck_assert_uint_eq(((Ferry__V1__ListMessagesResponse *)c->call.reply)->n_messages, 0);
	desk_free(c);
	c = desk_do(&d, API_LIST_MESSAGES, &list.base, d.pk, NULL);
	desk_is(c, ST_FORBIDDEN);
	desk_free(c);
	list.guid = (ProtobufCBinaryData){32, (uint8_t[32]){0}};
	memset(list.guid.data, 0xab, 32);
	c = desk_do(&d, API_LIST_MESSAGES, &list.base, d.other_sk, NULL);
	ck_assert_uint_eq(((Ferry__V1__ListMessagesResponse *)c->call.reply)->n_messages, 0);
	desk_free(c);
	Ferry__V1__ListEventsRequest feed = FERRY__V1__LIST_EVENTS_REQUEST__INIT;
	c = desk_do(&d, API_LIST_EVENTS, &feed.base, d.other_sk, NULL);
	ck_assert_uint_eq(((Ferry__V1__ListEventsResponse *)c->call.reply)->n_events, 0);
	desk_free(c);
	ck_assert_int_eq(desk_count(&d, "SELECT version FROM message"), 1);
	desk_close(&d);
}
END_TEST

START_TEST(packets_of_nobody_are_readable_by_guid_and_not_to_be_acted_on)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	const char *id = make_message(&d, "one");
	desk_sql(&d, "UPDATE event SET app_id = 0; UPDATE outbox SET app_id = 0; "
		     "UPDATE message SET app_id = 0, guid = " GUID_SQL);
	struct desk_call *c = get_message(&d, GUID, d.other_sk);
	desk_is(c, ST_OK);
	desk_free(c);
	c = get_message(&d, GUID, d.pk);
	desk_is(c, ST_OK);
	desk_free(c);
	c = get_message(&d, id, d.sk);
	desk_is(c, ST_NOT_FOUND);
	desk_free(c);
	Ferry__V1__CancelMessageRequest r = FERRY__V1__CANCEL_MESSAGE_REQUEST__INIT;
	r.id = (char *)GUID;
	c = desk_do(&d, API_CANCEL_MESSAGE, &r.base, d.sk, NULL);
	desk_is(c, ST_FORBIDDEN);
	desk_free(c);
	desk_close(&d);
}
END_TEST

static Ferry__V1__ListMessagesResponse *list(struct desk *d, Ferry__V1__ListMessagesRequest *r,
					     struct desk_call **c)
{
	*c = desk_do(d, API_LIST_MESSAGES, &r->base, d->sk, NULL);
	desk_is(*c, ST_OK);
	return (Ferry__V1__ListMessagesResponse *)(*c)->call.reply;
}

START_TEST(pages_show_each_message_once_the_newest_first)
{
	enum { N = 25 };
	const char *ids[N];
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	for (int i = 0; i < N; i++) {
		ids[i] = make_message(&d, arena_printf(d.arena, "m%d", i));
		clock_sleep_ms(2);
	}
	Ferry__V1__ListMessagesRequest r = FERRY__V1__LIST_MESSAGES_REQUEST__INIT;
	int seen = 0, pages = 0;
	r.page_size = 10;
	do {
		struct desk_call *c;
		Ferry__V1__ListMessagesResponse *page = list(&d, &r, &c);
		for (size_t i = 0; i < page->n_messages; i++)
			ck_assert_str_eq(page->messages[i]->id, ids[N - 1 - seen++]);
		r.page_token = arena_strdup(d.arena, page->next_page_token);
		pages++;
		make_message(&d,
			     arena_printf(d.arena, "later%d", pages)); /* does not move the pages */
		desk_free(c);
	} while (r.page_token[0]);
	ck_assert_int_eq(seen, N);
	ck_assert_int_eq(pages, 3);
	desk_close(&d);
}
END_TEST

START_TEST(filters_select)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	for (int i = 0; i < 6; i++)
		make_message(&d, arena_printf(d.arena, "m%d", i));
	const char *last = make_message(&d, "last");
	desk_sql(&d, "UPDATE message SET client_ref = 'ref-' || num % 2, src_tx = CASE WHEN num % "
		     "2 = 0 THEN "
		     "decode(repeat('07', 32), 'hex') END");
	desk_sql(&d, "UPDATE message SET state = 'SUBMITTED', version = 2, guid = " GUID_SQL
		     " WHERE payload = 'last'");
	struct desk_call *c;
	Ferry__V1__ListMessagesRequest r = FERRY__V1__LIST_MESSAGES_REQUEST__INIT;
	r.client_ref = (char *)"ref-0";
	size_t even = list(&d, &r, &c)->n_messages;
	desk_free(c);
	r.client_ref = (char *)"ref-1";
	ck_assert_uint_eq(even + list(&d, &r, &c)->n_messages, 7);
	desk_free(c);
	r.client_ref = (char *)"";
	r.state = FERRY__V1__STATE__STATE_SUBMITTED;
	Ferry__V1__ListMessagesResponse *page = list(&d, &r, &c);
	ck_assert_uint_eq(page->n_messages, 1);
	ck_assert_str_eq(page->messages[0]->id, last);
	ck_assert_str_eq(page->next_page_token, "");
	desk_free(c);
	r.state = FERRY__V1__STATE__STATE_UNSPECIFIED;
	uint8_t tx[32], guid[32];
	memset(tx, 7, 32);
	memset(guid, 0xab, 32);
	r.source_tx = (ProtobufCBinaryData){32, tx};
	ck_assert_uint_eq(list(&d, &r, &c)->n_messages, even);
	desk_free(c);
	r.source_tx.len = 0;
	r.guid = (ProtobufCBinaryData){32, guid};
	ck_assert_uint_eq(list(&d, &r, &c)->n_messages, 1);
	desk_free(c);
	r.dst_eid = DESK_SRC;
	ck_assert_uint_eq(list(&d, &r, &c)->n_messages, 0);
	desk_free(c);
	r.guid.len = 0;
	r.dst_eid = DESK_DST;
	r.page_size = 2;
	page = list(&d, &r, &c);
	ck_assert_uint_eq(page->n_messages, 2);
	r.page_token = arena_strdup(d.arena, page->next_page_token);
	desk_free(c);
	ck_assert_uint_eq(list(&d, &r, &c)->n_messages, 2);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(tokens_hold_for_their_filter_and_app)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	for (int i = 0; i < 7; i++)
		make_message(&d, arena_printf(d.arena, "m%d", i));
	struct desk_call *c;
	Ferry__V1__ListMessagesRequest r = FERRY__V1__LIST_MESSAGES_REQUEST__INIT;
	r.dst_eid = DESK_DST;
	r.page_size = 2;
	r.page_token = arena_strdup(d.arena, list(&d, &r, &c)->next_page_token);
	desk_free(c);
	/* Another filter, another app, a touched token. */
	r.dst_eid = 0;
	c = desk_do(&d, API_LIST_MESSAGES, &r.base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_code(c, "PAGE_TOKEN_INVALID");
	desk_free(c);
	r.dst_eid = DESK_DST;
	c = desk_do(&d, API_LIST_MESSAGES, &r.base, d.other_sk, NULL);
	desk_is(c, ST_INVALID);
	desk_free(c);
	r.page_token[20] ^= 1;
	c = desk_do(&d, API_LIST_MESSAGES, &r.base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_free(c);
	r.page_token = (char *)"";
	r.page_size = -1;
	c = desk_do(&d, API_LIST_MESSAGES, &r.base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_free(c);
	r.page_size = 100000;
	ck_assert_uint_eq(list(&d, &r, &c)->n_messages, 7);
	desk_free(c);
	r.state = (Ferry__V1__State)99;
	c = desk_do(&d, API_LIST_MESSAGES, &r.base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(only_what_is_not_claimed_can_be_cancelled)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__CancelMessageRequest r = FERRY__V1__CANCEL_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	desk_sql(&d, "UPDATE outbox SET signer = decode(repeat('01', 20), 'hex'), tx_nonce = 1");
	struct desk_call *c = desk_do(&d, API_CANCEL_MESSAGE, &r.base, d.sk, NULL);
	desk_is(c, ST_PRECONDITION);
	desk_code(c, "STATE_NOT_ALLOWED");
	ck_assert_ptr_nonnull(strstr(c->call.cx.err.message, "ACCEPTED"));
	desk_free(c);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM outbox"), 1);
	desk_sql(&d, "UPDATE outbox SET signer = NULL");
	for (int i = 0; i < 2; i++) { /* again is the same */
		c = desk_do(&d, API_CANCEL_MESSAGE, &r.base, d.sk, NULL);
		ck_assert_int_eq(desk_message(c)->state, FERRY__V1__STATE__STATE_CANCELLED);
		ck_assert_int_eq(desk_message(c)->layerzero_status,
				 FERRY__V1__LAYERZERO_STATUS__LAYERZERO_STATUS_FAILED);
		ck_assert_ptr_null(desk_message(c)->explanation);
		desk_free(c);
	}
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM outbox"), 0);
	ck_assert_int_eq(
		desk_count(&d, "SELECT count(*) FROM event WHERE seq = 2 AND type = 'CANCELLED'"),
		1);
	desk_close(&d);
}
END_TEST

/* The relay holds the message's row while it claims it; a cancel that comes then must lose. */
START_TEST(a_cancel_that_meets_a_claim_loses)
{
	struct desk d;
	struct db *relay;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__CancelMessageRequest r = FERRY__V1__CANCEL_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	pg_ok(d.cx, db_open(&d.cx, d.url, "relay", &relay));
	pg_ok(d.cx, db_script(&d.cx, relay, "BEGIN; SELECT 1 FROM message FOR NO KEY UPDATE"));
	struct desk_call *c = desk_begin(&d, API_CANCEL_MESSAGE, &r.base, d.sk, NULL);
	clock_sleep_ms(200);
	ck_assert(!c->is_done);
	pg_ok(d.cx, db_script(&d.cx, relay, "UPDATE message SET state = 'SUBMITTED', version = 2; "
					    "UPDATE outbox SET stage = 2; COMMIT"));
	desk_end(c);
	desk_is(c, ST_PRECONDITION);
	desk_free(c);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM outbox"), 1);
	db_close(relay);
	desk_close(&d);
}
END_TEST

START_TEST(failed_executions_are_retried_and_others_not)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__RetryMessageRequest r = FERRY__V1__RETRY_MESSAGE_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	struct desk_call *c = desk_do(&d, API_RETRY_MESSAGE, &r.base, d.sk, NULL);
	desk_is(c, ST_PRECONDITION);
	desk_free(c);
	put_state(&d, "EXECUTION_FAILED", 5, "");
	desk_sql(&d, "UPDATE outbox SET due_at = 'infinity'");
	r.gas_limit = (char *)"100";
	c = desk_do(&d, API_RETRY_MESSAGE, &r.base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_free(c);
	r.gas_limit = (char *)"300000";
	c = desk_do(&d, API_RETRY_MESSAGE, &r.base, d.sk, NULL);
	desk_is(c, ST_OK);
	ck_assert_str_eq(c->call.etag, "2");
	desk_free(c);
	ck_assert_int_eq(
		desk_count(&d, "SELECT count(*) FROM message JOIN outbox USING (app_id, id) WHERE "
			       "retry_gas = 300000 AND due_at <= now()"),
		1);
	ck_assert_int_eq(
		desk_count(&d,
			   "SELECT count(*) FROM event WHERE seq = 2 AND type = 'RETRY_REQUESTED'"),
		1);
	desk_close(&d);
}
END_TEST

START_TEST(execute_and_skip_are_noted_for_the_relay)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__ExecuteMessageRequest e = FERRY__V1__EXECUTE_MESSAGE_REQUEST__INIT;
	Ferry__V1__SkipMessageRequest s = FERRY__V1__SKIP_MESSAGE_REQUEST__INIT;
	e.id = s.id = (char *)make_message(&d, "one");
	s.reason = (char *)"wrong receiver";
	struct desk_call *c = desk_do(&d, API_SKIP_MESSAGE, &s.base, d.sk, NULL);
	desk_is(c, ST_PRECONDITION);
	desk_free(c);
	put_state(&d, "COMMITTED", 5, ", execution = 3");
	desk_sql(&d, "UPDATE outbox SET due_at = 'infinity'");
	c = get_message(&d, e.id, d.sk);
	ck_assert_int_eq(desk_message(c)->explanation->reason,
			 FERRY__V1__REASON__REASON_RELAY_NOT_RUNNING);
	desk_free(c);
	c = desk_do(&d, API_EXECUTE_MESSAGE, &e.base, d.sk, NULL);
	desk_is(c, ST_OK);
	desk_free(c);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM outbox WHERE due_at <= now()"), 1);
	s.reason = (char *)"";
	c = desk_do(&d, API_SKIP_MESSAGE, &s.base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_free(c);
	s.reason = (char *)"wrong receiver";
	for (int i = 0; i < 2; i++) {
		c = desk_do(&d, API_SKIP_MESSAGE, &s.base, d.sk, NULL);
		desk_is(c, ST_OK);
		desk_free(c);
	}
	ck_assert_int_eq(
		desk_count(&d,
			   "SELECT count(*) FROM message WHERE act = 'SKIP' AND version = 3 AND "
			   "act_reason = 'wrong receiver'"),
		1);
	desk_close(&d);
}
END_TEST

START_TEST(anyone_gets_the_calls_that_execute)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	Ferry__V1__GetExecutionRequest r = FERRY__V1__GET_EXECUTION_REQUEST__INIT;
	r.id = (char *)make_message(&d, "one");
	struct desk_call *c = desk_do(&d, API_GET_EXECUTION, &r.base, d.pk, NULL);
	desk_is(c, ST_PRECONDITION);
	desk_free(c);
	struct packet p = {.nonce = 1,
			   .src_eid = DESK_SRC,
			   .dst_eid = DESK_DST,
			   .message = bytes_of("hello", 5)};
	p.guid = packet_guid(&p);
	struct bytes raw = packet_encode(d.arena, &p);
	put_state(&d, "VERIFIED", 5, arena_printf(d.arena, ", packet = decode('%s', 'hex')",
						  hex_encode(d.arena, raw.p, raw.n) + 2));
	c = desk_do(&d, API_GET_EXECUTION, &r.base, d.pk, NULL);
	desk_is(c, ST_OK);
	Ferry__V1__GetExecutionResponse *x = (Ferry__V1__GetExecutionResponse *)c->call.reply;
	ck_assert_uint_eq(x->eid, DESK_DST);
	ck_assert_uint_eq(x->chain_id, DESK_CHAIN_ID + 1);
	ck_assert_uint_eq(x->n_calls, 2);
	ck_assert_str_eq(x->calls[0]->step, "COMMIT");
	ck_assert_mem_eq(x->calls[0]->to.data, d.chains[1].receive_uln.b, 20);
	ck_assert_mem_eq(x->calls[0]->data.data, "\x08\x94\xed\xf1", 4);
	ck_assert_str_eq(x->calls[1]->step, "RECEIVE");
	ck_assert_mem_eq(x->calls[1]->to.data, d.chains[1].endpoint.b, 20);
	ck_assert_mem_eq(x->calls[1]->data.data, "\x0c\x0c\x38\x9e", 4);
	ck_assert_int_gt(atoi(x->calls[1]->gas_limit), 300000);
	desk_free(c);
	put_state(&d, "COMMITTED", 5, "");
	c = desk_do(&d, API_GET_EXECUTION, &r.base, d.pk, NULL);
	desk_is(c, ST_OK);
	ck_assert_uint_eq(((Ferry__V1__GetExecutionResponse *)c->call.reply)->n_calls, 1);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(chains_and_lanes_show_what_the_relay_wrote)
{
	struct desk d;
	desk_open(&d);
	desk_sql(&d, "INSERT INTO lease (name, epoch, holder, until) VALUES ('lane.40161.0x' || "
		     "repeat('02', 20), 1, "
		     "'x', now() + interval '1 hour'), ('lane.40245.0x' || repeat('01', 20), 1, "
		     "'x', now() + interval "
		     "'1 hour'), ('observe.identity', 1, 'x', now() + interval '1 hour'), "
		     "('observe.rollup', 1, 'x', now() "
		     "+ interval '1 hour'); INSERT INTO lane (eid, signer, role, next_nonce) "
		     "VALUES (40161, "
		     "decode(repeat('02', 20), 'hex'), 'submit', 0); "
		     "INSERT INTO chain_cursor (eid, number, hash, head, block_time) VALUES "
		     "(40161, 7, '', 8, now()), (40245, 9, '', 9, now()); "
		     "INSERT INTO lane (eid, signer, role, next_nonce, halted, detail) VALUES "
		     "(40245, decode(repeat('01', 20), 'hex'), 'deliver', 0, 5, '0 wei left')");
	desk_start(&d);
	make_message(&d, "one");
	clock_sleep_ms(400);
	Ferry__V1__ListChainsRequest chains = FERRY__V1__LIST_CHAINS_REQUEST__INIT;
	struct desk_call *c = desk_do(&d, API_LIST_CHAINS, &chains.base, d.pk, NULL);
	desk_is(c, ST_OK);
	Ferry__V1__ListChainsResponse *r = (Ferry__V1__ListChainsResponse *)c->call.reply;
	ck_assert_uint_eq(r->n_chains, 2);
	ck_assert_str_eq(r->chains[0]->caip2, "eip155:31337");
	ck_assert_str_eq(r->chains[0]->detail, "");
	ck_assert(r->chains[0]->healthy);
	ck_assert_uint_eq(r->chains[1]->block_number, 9);
	desk_free(c);
	Ferry__V1__ListLanesRequest lanes = FERRY__V1__LIST_LANES_REQUEST__INIT;
	c = desk_do(&d, API_LIST_LANES, &lanes.base, d.sk, NULL);
	desk_is(c, ST_OK);
	Ferry__V1__ListLanesResponse *l = (Ferry__V1__ListLanesResponse *)c->call.reply;
	ck_assert_uint_eq(l->n_lanes, 2);
	ck_assert_str_eq(l->lanes[0]->id, "40161-40245");
	ck_assert(!l->lanes[0]->healthy);
	ck_assert_str_eq(l->lanes[0]->detail, "destination: SIGNER_OUT_OF_FUNDS: 0 wei left");
	ck_assert_str_eq(l->lanes[1]->detail, "source: RELAY_NOT_RUNNING");
	ck_assert_uint_eq(l->lanes[0]->max_payload_bytes, 10000 - 174);
	desk_free(c);
	pg_ok(d.cx, api_ready(d.api, &d.cx));
	desk_close(&d);
}
END_TEST

PG_SUITE("api/work", a_message_is_read_by_id_and_by_guid_and_by_a_former_guid,
	 what_the_client_has_is_not_sent_again, a_get_that_waits_is_answered_by_the_change,
	 a_tenant_sees_nothing_of_another,
	 packets_of_nobody_are_readable_by_guid_and_not_to_be_acted_on,
	 pages_show_each_message_once_the_newest_first,
	 filters_select,
	 tokens_hold_for_their_filter_and_app, only_what_is_not_claimed_can_be_cancelled,
	 a_cancel_that_meets_a_claim_loses, failed_executions_are_retried_and_others_not,
	 execute_and_skip_are_noted_for_the_relay, anyone_gets_the_calls_that_execute,
	 chains_and_lanes_show_what_the_relay_wrote)
