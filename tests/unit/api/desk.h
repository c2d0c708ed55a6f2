/* SPDX-License-Identifier: Apache-2.0
 *
 * A desk to test the handlers from: a private database, two tenants with their keys, an api that
 * runs, and calls that are waited for.
 */
#ifndef FERRY_TESTS_UNIT_API_DESK_H
#define FERRY_TESTS_UNIT_API_DESK_H

#include "tests/unit/pg.h"

#include "api/config.h"
#include "base/lock.h"
#include "chain/account.h"
#include "chain/eip712.h"
#include "chain/signer.h"
#include "ferry/v1/message_service.pb-c.h"
#include "ferry/v1/operator_service.pb-c.h"
#include "ferry/v1/quote_service.pb-c.h"
#include "storage/app.h"
#include "storage/message.h"

typedef Ferry__V1__SendMessageRequest send_request;
typedef Ferry__V1__Message message_reply;
typedef Ferry__V1__BatchSendMessagesRequest batch_request;
typedef Ferry__V1__BatchSendMessagesResponse batch_reply;

enum { DESK_SRC = 40161, DESK_DST = 40245, DESK_CHAIN_ID = 31337, DESK_WAIT_MS = 20000 };

struct desk {
	struct arena *arena;
	struct ctx cx;
	const char *url;
	struct db *db;
	struct api_chain chains[2];
	struct api_config config;
	struct api *api;
	int64_t app, other_app;
	char sk[APP_TOKEN_BYTES], pk[APP_TOKEN_BYTES], other_sk[APP_TOKEN_BYTES];
	struct signer *author;
};

static inline struct addr desk_addr(uint8_t last)
{
	struct addr a = {{0x11}};
	a.b[19] = last;
	return a;
}

static inline void desk_open(struct desk *d)
{
	memset(d, 0, sizeof *d);
	d->arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&d->cx, d->arena, CTX_DEADLINE_NONE, "test");
	d->url = pg_database(&d->cx);
	pg_ok(d->cx, db_open(&d->cx, d->url, "test", &d->db));
	pg_ok(d->cx, app_create(&d->cx, d->db, &d->app, "shop"));
	pg_ok(d->cx, app_create(&d->cx, d->db, &d->other_app, "rival"));
	pg_ok(d->cx, app_key_add(&d->cx, d->db, d->sk, d->app, true));
	pg_ok(d->cx, app_key_add(&d->cx, d->db, d->pk, d->app, false));
	pg_ok(d->cx, app_key_add(&d->cx, d->db, d->other_sk, d->other_app, true));
	for (int i = 0; i < 2; i++)
		d->chains[i] = (struct api_chain){
			.name = i ? "rollup" : "identity",
			.eid = i ? DESK_DST : DESK_SRC,
			.chain_id = DESK_CHAIN_ID + (uint64_t)i,
			.currency = "ETH",
			.finality_blocks = 1,
			.max_message_bytes = 10000,
			.endpoint = desk_addr(1),
			.messenger = desk_addr(2),
			.receive_uln = desk_addr(3),
			.batcher = desk_addr(4),
		};
	d->config = (struct api_config){
		.database_url = d->url,
		.chains = d->chains,
		.chains_n = 2,
		.publishable_keys = true,
		.daily_wei_per_app = "1000",
		.page_token_key = {7},
	};
	uint8_t key[32] = {[31] = 9};
	pg_ok(d->cx, signer_create(&d->cx, &d->author, key));
}

static inline void desk_start(struct desk *d)
{
	d->api = api_create(&d->cx, &d->config);
	ck_assert_msg(d->api != NULL, "%s", d->cx.err.message);
	api_start(d->api);
}

static inline void desk_close(struct desk *d)
{
	api_drain(d->api);
	api_destroy(d->api);
	signer_destroy(d->author);
	arena_destroy(d->arena);
	db_close(d->db);
}

static inline void desk_sql(struct desk *d, const char *sql)
{
	pg_ok(d->cx, db_script(&d->cx, d->db, sql));
}

/* A URL of the same database for the superuser. */
static inline const char *desk_root_url(struct desk *d)
{
	const char *at = strstr(d->url, "user=ferry");
	ck_assert(at != NULL);
	return arena_printf(d->arena, "%.*suser=postgres", (int)(at - d->url), d->url);
}

/* A call on its way. */
struct desk_call {
	struct api_call call;
	struct lock lock;
	bool is_done;
	enum status st;
};

static inline void desk_done(struct api_call *call, enum status st)
{
	struct desk_call *c = call->transport;
	lock_take(&c->lock);
	c->st = st;
	c->is_done = true;
	lock_tell(&c->lock); /* with the lock held: the waiter frees it */
	lock_give(&c->lock);
}

static inline struct desk_call *desk_begin(struct desk *d, enum api_method_id id,
					   ProtobufCMessage *request, const char *token,
					   const char *key)
{
	struct desk_call *c = calloc(1, sizeof *c);
	lock_init(&c->lock);
	c->call.arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&c->call.cx, c->call.arena, DESK_WAIT_MS, "req_test");
	c->call.method = &api_methods[id];
	c->call.request = request;
	c->call.authorization = token ? arena_printf(c->call.arena, "Bearer %s", token) : NULL;
	c->call.idempotency_key = key;
	c->call.done = desk_done;
	c->call.transport = c;
	api_submit(d->api, &c->call);
	return c;
}

static inline enum status desk_end(struct desk_call *c)
{
	int64_t until = clock_mono_ms() + 2 * DESK_WAIT_MS;
	lock_take(&c->lock);
	while (!c->is_done && clock_mono_ms() < until)
		lock_wait(&c->lock, 1000);
	lock_give(&c->lock);
	ck_assert_msg(c->is_done, "%s was never answered", c->call.method->rpc);
	return c->st;
}

static inline void desk_free(struct desk_call *c)
{
	lock_fini(&c->lock);
	arena_destroy(c->call.arena);
	free(c);
}

static inline struct desk_call *desk_do(struct desk *d, enum api_method_id id,
					ProtobufCMessage *request, const char *token,
					const char *key)
{
	struct desk_call *c = desk_begin(d, id, request, token, key);
	desk_end(c);
	return c;
}

#define desk_is(c, want)                                                                           \
	ck_assert_msg((c)->st == (want), "%s answered %s (%s: %s)", (c)->call.method->rpc,         \
		      status_name((c)->st), (c)->call.cx.err.code, (c)->call.cx.err.message)
#define desk_code(c, want)                                                                         \
	ck_assert_msg(strcmp((c)->call.cx.err.code, (want)) == 0, "code %s (%s)",                  \
		      (c)->call.cx.err.code, (c)->call.cx.err.message)

/* A request that is accepted; `payload` makes it a different one. */
static inline send_request *desk_send(struct arena *a, const char *payload)
{
	send_request *r = arena_alloc(a, sizeof *r);
	ferry__v1__send_message_request__init(r);
	r->kind = FERRY__V1__KIND__KIND_PUSH;
	r->src_eid = DESK_SRC;
	r->dst_eid = DESK_DST;
	r->receiver.len = 20;
	r->receiver.data = arena_alloc(a, 20);
	memset(r->receiver.data, 0x22, 20);
	r->payload.len = strlen(payload);
	r->payload.data = (uint8_t *)arena_strdup(a, payload);
	return r;
}

/* Signs it as the desk's author would. */
static inline void desk_sign(struct desk *d, struct arena *a, send_request *r, const char *nonce,
			     int64_t deadline)
{
	char author[ACCOUNT_CAIP10_BYTES];
	account_caip10_format(author, DESK_CHAIN_ID, signer_account(d->author));
	r->author = arena_strdup(a, author);
	r->nonce = arena_strdup(a, nonce);
	r->deadline = arena_printf(a, "%lld", (long long)deadline);
	struct eip712_send s = {.dst_eid = r->dst_eid,
				.payload = bytes_of(r->payload.data, r->payload.len),
				.gas_limit = u256_of_u64(200000),
				.deadline = u256_of_u64((uint64_t)deadline)};
	memcpy(s.receiver.b + 12, r->receiver.data, 20);
	ck_assert_int_eq(u256_parse(&s.nonce, nonce, strlen(nonce)), ST_OK);
	struct hash domain = eip712_domain(DESK_CHAIN_ID, &d->chains[0].messenger);
	struct hash what = eip712_send_hash(&s), digest = eip712_digest(&domain, &what);
	r->signature.len = 65;
	r->signature.data = arena_alloc(a, 65);
	signer_sign(d->author, r->signature.data, &digest);
}

static inline message_reply *desk_message(struct desk_call *c)
{
	desk_is(c, ST_OK);
	return (message_reply *)c->call.reply;
}

/* How many rows a query counts. */
static inline int64_t desk_count(struct desk *d, const char *what)
{
	/* No statement of ours counts rows of tests: a view made for it does. */
	desk_sql(d, arena_printf(d->arena,
				 "DELETE FROM lane "
				 "WHERE role = 'desk'; INSERT INTO lane (eid, signer, role, "
				 "next_nonce, halted) "
				 "SELECT (%s), decode(repeat('ee', 20), 'hex'), 'desk', 0, 0",
				 what));
	struct rows rows;
	int64_t n = -1;
	pg_ok(d->cx, db_exec0(&d->cx, d->db, SQL_OVERVIEW_LANES, &rows));
	for (int i = 0; i < rows.count; i++)
		if (strcmp(row_text(&rows, i, "role"), "desk") == 0)
			n = row_i64(&rows, i, "eid");
	desk_sql(d, "DELETE FROM lane WHERE role = 'desk'");
	return n;
}

#endif
