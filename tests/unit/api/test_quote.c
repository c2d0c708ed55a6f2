/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of nodes: quotes and contract wallets, with a node that answers, lies, or is
 * silent.
 */
#define _GNU_SOURCE
#include "tests/unit/api/desk.h"
#include "tests/unit/chain/fake_node.h"

#include "api/json.h"
#include "chain/calls.h"

/* What the chain holds. */
static _Atomic unsigned bits_used;     /* the low bits of the author's first nonce word */
static _Atomic bool wallet_agrees;
static _Atomic int quotes_asked, wallets_asked, nonces_asked;

static json_t *word_of(unsigned v)
{
	char text[67];
	snprintf(text, sizeof text, "0x%064x", v);
	return fake_result_text(text);
}

static json_t *chain_answer(struct fake_node *n, const char *method, const json_t *params)
{
	(void)n;
	const char *data = "";
	json_t *call = json_array_get(params, 0);
	if (json_is_object(call)) {
		data = json_string_value(json_object_get(call, "data"));
		if (!data)
			data = json_string_value(json_object_get(call, "input"));
	}
	if (strcmp(method, "eth_call") != 0 || !data)
		return fake_error(-32601, "no such method", NULL);
	char selector[11];
	snprintf(selector, sizeof selector, "%.10s", data);
	uint32_t what = (uint32_t)strtoul(selector, NULL, 16);
	if (what == calls_selector(CALLS_QUOTE)) {
		quotes_asked++;
		return word_of(12345);
	}
	if (what == calls_selector(CALLS_NONCE_BITMAP)) {
		nonces_asked++;
		return word_of(bits_used);
	}
	if (what == calls_selector(CALLS_IS_VALID_SIGNATURE)) {
		wallets_asked++;
		return fake_result_text(
			wallet_agrees ? "0x1626ba7e00000000000000000000000000000000000000000000"
					"000000000000"
				      : "0x");
	}
	return fake_error(-32000, "execution reverted", json_string("0x"));
}

static void desk_with_node(struct desk *d, struct fake_node *n, const char **url)
{
	desk_open(d);
	fake_node_of(n, chain_answer, url, &d->chains[0].rpc, &d->chains[0].rpc_n);
	bits_used = 0;
	wallet_agrees = false;
	quotes_asked = wallets_asked = nonces_asked = 0;
	desk_start(d);
}

static Ferry__V1__CreateQuoteRequest quote_request(struct desk *d, bool author)
{
	Ferry__V1__CreateQuoteRequest r = FERRY__V1__CREATE_QUOTE_REQUEST__INIT;
	send_request *s = desk_send(d->arena, "hello");
	char text[ACCOUNT_CAIP10_BYTES];
	r.kind = s->kind;
	r.src_eid = s->src_eid;
	r.dst_eid = s->dst_eid;
	r.receiver = s->receiver;
	r.payload = s->payload;
	if (author) {
		account_caip10_format(text, DESK_CHAIN_ID, signer_account(d->author));
		r.author = arena_strdup(d->arena, text);
	}
	return r;
}

static const char *typed(struct desk *d, const Ferry__V1__Quote *q, const char *member)
{
	json_t *root = api_json_of_struct(d->arena, q->typed_data);
	json_t *v = json_object_get(json_object_get(root, "message"), member);
	return json_is_string(v) ? json_string_value(v) : "?";
}

START_TEST(a_quote_tells_the_fee_and_what_to_sign)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	Ferry__V1__CreateQuoteRequest r = quote_request(&d, true);
	const char *nonces[] = {"0", "1", "2"};
	for (int i = 0; i < 3; i++) {
		struct desk_call *c = desk_do(&d, API_CREATE_QUOTE, &r.base, d.pk, NULL);
		desk_is(c, ST_OK);
		Ferry__V1__Quote *q = (Ferry__V1__Quote *)c->call.reply;
		ck_assert_str_eq(q->fee->native, "12345");
		ck_assert_str_eq(q->fee->currency, "ETH");
		ck_assert_int_eq(strncmp(q->quote_id, "qte_", 4), 0);
		ck_assert_str_eq(typed(&d, q, "nonce"), nonces[i]); /* dense */
		ck_assert_str_eq(typed(&d, q, "payload"), "0x68656c6c6f");
		ck_assert_str_eq(typed(&d, q, "gasLimit"), "200000");
		ck_assert_int_eq(atoll(typed(&d, q, "deadline")), q->expire_time->seconds);
		desk_free(c);
	}
	ck_assert_int_eq(quotes_asked, 1); /* the fee of a moment ago holds */
	/* What the quote says can be sent as it is. */
	struct desk_call *c = desk_do(&d, API_CREATE_QUOTE, &r.base, d.pk, NULL);
	const char *nonce = typed(&d, (Ferry__V1__Quote *)c->call.reply, "nonce");
	send_request *s = desk_send(d.arena, "hello");
	desk_sign(&d, d.arena, s, nonce,
		  atoll(typed(&d, (Ferry__V1__Quote *)c->call.reply, "deadline")));
	struct desk_call *sent =
		desk_do(&d, API_SEND_MESSAGE, &s->base, d.pk, "key-of-sixteen-or-more");
	desk_is(sent, ST_OK);
	ck_assert_int_eq(wallets_asked, 0); /* an account's own key never asks a node */
	desk_free(sent);
	desk_free(c);
	r.author = (char *)"";
	c = desk_do(&d, API_CREATE_QUOTE, &r.base, d.sk, NULL);
	desk_is(c, ST_OK);
	ck_assert_ptr_null(((Ferry__V1__Quote *)c->call.reply)->typed_data);
	desk_free(c);
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

START_TEST(nonces_that_are_used_are_not_offered)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	int64_t later = clock_wall_us() / 1000000 + 600;
	bits_used = 0x3b; /* 0, 1, 3, 4, 5 */
	send_request *s = desk_send(d.arena, "takes two");
	desk_sign(&d, d.arena, s, "2", later);
	struct desk_call *c =
		desk_do(&d, API_SEND_MESSAGE, &s->base, d.sk, "key-of-sixteen-or-more");
	desk_is(c, ST_OK);
	desk_free(c);
	Ferry__V1__CreateQuoteRequest r = quote_request(&d, true);
	const char *nonces[] = {"6", "7"};
	for (int i = 0; i < 2; i++) {
		c = desk_do(&d, API_CREATE_QUOTE, &r.base, d.sk, NULL);
		desk_is(c, ST_OK);
		ck_assert_str_eq(typed(&d, (Ferry__V1__Quote *)c->call.reply, "nonce"), nonces[i]);
		desk_free(c);
	}
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

START_TEST(a_quote_without_a_node_fails_in_time)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	Ferry__V1__CreateQuoteRequest r = quote_request(&d, false);
	const enum fake_manner manners[] = {FAKE_SILENT, FAKE_CLOSE, FAKE_TRUNCATED};
	for (size_t i = 0; i < 3; i++) {
		n.manner = manners[i];
		int64_t begun = clock_mono_ms();
		struct desk_call *c = desk_do(&d, API_CREATE_QUOTE, &r.base, d.sk, NULL);
		ck_assert(c->st == ST_CHAIN || c->st == ST_DEADLINE);
		ck_assert_int_lt(clock_mono_ms() - begun, 3000);
		desk_free(c);
	}
	r.dst_eid = 5;
	struct desk_call *c = desk_do(&d, API_CREATE_QUOTE, &r.base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_free(c);
	r = quote_request(&d, false);
	r.src_eid = DESK_DST; /* has no node */
	r.dst_eid = DESK_SRC;
	c = desk_do(&d, API_CREATE_QUOTE, &r.base, d.sk, NULL);
	desk_is(c, ST_UNAVAILABLE);
	desk_free(c);
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

START_TEST(a_contract_wallet_is_asked_and_only_it)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	int64_t later = clock_wall_us() / 1000000 + 600;
	send_request *s = desk_send(d.arena, "hello");
	desk_sign(&d, d.arena, s, "1", later);
	s->author = (char *)"eip155:31337:0x4444444444444444444444444444444444444444";
	struct desk_call *c =
		desk_do(&d, API_SEND_MESSAGE, &s->base, d.sk, "key-of-sixteen-or-more");
	desk_is(c, ST_INVALID);
	desk_code(c, "SIGNATURE_INVALID");
	ck_assert_str_eq(c->call.cx.err.details[0].pointer, "/signature");
	desk_free(c);
	wallet_agrees = true;
	c = desk_do(&d, API_SEND_MESSAGE, &s->base, d.sk, "key-of-sixteen-or-more");
	desk_is(c, ST_OK);
	ck_assert(desk_message(c)->author_signed);
	desk_free(c);
	ck_assert_int_eq(wallets_asked, 2);
	/* In a batch, those of accounts do not depend on the node. */
	batch_request b = FERRY__V1__BATCH_SEND_MESSAGES_REQUEST__INIT;
	send_request *items[3];
	for (int i = 0; i < 3; i++) {
		items[i] = desk_send(d.arena, "batch");
		desk_sign(&d, d.arena, items[i], arena_printf(d.arena, "%d", 10 + i), later);
		items[i]->idempotency_key = arena_printf(d.arena, "batch-key-number-%06d", i);
	}
	items[1]->author = s->author;
	b.messages = items;
	b.n_messages = 3;
	n.manner = FAKE_CLOSE;
	c = desk_do(&d, API_BATCH_SEND_MESSAGES, &b.base, d.sk, NULL);
	desk_is(c, ST_OK);
	batch_reply *r = (batch_reply *)c->call.reply;
	ck_assert_int_eq(r->results[0]->outcome_case, 2);
	ck_assert_int_eq(r->results[1]->outcome_case, 3);
	ck_assert_uint_eq(r->results[1]->problem->status, 503);
	ck_assert(r->results[1]->problem->retryable);
	ck_assert_int_eq(r->results[2]->outcome_case, 2);
	desk_free(c);
	n.manner = FAKE_PLAIN;
	c = desk_do(&d, API_BATCH_SEND_MESSAGES, &b.base, d.sk, NULL);
	r = (batch_reply *)c->call.reply;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(r->results[i]->outcome_case, 2);
	desk_free(c);
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

PG_SUITE("api/quote", a_quote_tells_the_fee_and_what_to_sign, nonces_that_are_used_are_not_offered,
	 a_quote_without_a_node_fails_in_time, a_contract_wallet_is_asked_and_only_it)
