/* SPDX-License-Identifier: Apache-2.0
 *
 * A desk with registries: the second chain has the proxy, the first the main registry. Quotes are
 * signed as their owners would, and operations moved by hand, as the relay moves them.
 */
#ifndef FERRY_TESTS_UNIT_API_IDENTITY_DESK_H
#define FERRY_TESTS_UNIT_API_IDENTITY_DESK_H

#include "tests/unit/api/desk.h"

#include "api/json.h"
#include "chain/identity.h"
#include "ferry/v1/identity_service.pb-c.h"

enum { DESK_ROLLUP = DESK_CHAIN_ID + 1 };

typedef Ferry__V1__CreateQuoteRequest quote_request;
typedef Ferry__V1__Quote quote_reply;
typedef Ferry__V1__Identity identity_reply;
typedef Ferry__V1__OperationType operation_type;

static inline void identity_desk_open(struct desk *d)
{
	desk_open(d);
	d->chains[0].main_registry = desk_addr(0x50);
	d->chains[1].proxy_registry = desk_addr(0x51);
}

static inline struct signer *desk_signer(struct desk *d, uint8_t n)
{
	struct signer *s;
	uint8_t key[32] = {[0] = 1, [31] = n};
	pg_ok(d->cx, signer_create(&d->cx, &s, key));
	return s;
}

static inline char *desk_account_on(struct desk *d, uint64_t chain_id, const struct signer *s)
{
	char *out = arena_alloc(d->arena, ACCOUNT_CAIP10_BYTES);
	account_caip10_format(out, chain_id, signer_account(s));
	return out;
}

static inline char *desk_account(struct desk *d, const struct signer *s)
{
	return desk_account_on(d, DESK_ROLLUP, s);
}

static inline quote_request *desk_ask(struct desk *d, operation_type what, const char *account,
				      const char *identity)
{
	quote_request *r = arena_alloc(d->arena, sizeof *r);
	ferry__v1__create_quote_request__init(r);
	r->kind = FERRY__V1__KIND__KIND_REGISTRY;
	r->operation = what;
	if (account)
		r->account = arena_strdup(d->arena, account);
	if (identity)
		r->identity = arena_strdup(d->arena, identity);
	return r;
}

/* The quote; in the desk's arena as far as it is looked at. */
struct desk_quote {
	const char *id;
	json_t *typed;
	struct hash digest;
};

static inline const char *quote_member(const struct desk_quote *q, const char *name)
{
	json_t *v = json_object_get(json_object_get(q->typed, "message"), name);
	ck_assert_msg(json_is_string(v), "no text %s", name);
	return json_string_value(v);
}

static inline void quote_fixed(const struct desk_quote *q, const char *name, uint8_t *out, size_t n)
{
	const char *s = quote_member(q, name);
	ck_assert(hex_decode_fixed(s, strlen(s), out, n));
}

/* What a wallet would sign, from the typed data alone. */
static inline struct hash quote_digest(const struct desk_quote *q)
{
	struct identity_operation op = {.kind = IDENTITY_REGISTER};
	json_t *message = json_object_get(q->typed, "message");
	json_t *domain = json_object_get(q->typed, "domain");
	struct addr contract;
	const char *to = json_string_value(json_object_get(domain, "verifyingContract"));
	ck_assert(hex_decode_fixed(to, strlen(to), contract.b, 20));
	ck_assert(identity_kind_parse(&op.kind, quote_member(q, "operation")));
	op.version = strtoull(quote_member(q, "version"), NULL, 10);
	op.eager = json_is_true(json_object_get(message, "eager"));
	op.home_chain_id = strtoull(quote_member(q, "homeChainId"), NULL, 10);
	op.deadline = strtoull(quote_member(q, "deadline"), NULL, 10);
	quote_fixed(q, "firstOwner", op.first_owner.b, 20);
	quote_fixed(q, "salt", op.salt.b, 32);
	quote_fixed(q, "owner", op.owner.b, 20);
	quote_fixed(q, "account", op.account.b, 20);
	quote_fixed(q, "recovery", op.recovery.b, 20);
	quote_fixed(q, "dataHash", op.data_hash.b, 32);
	return identity_digest(
		(uint64_t)json_number_value(json_object_get(domain, "chainId")), &contract,
		(uint32_t)json_number_value(json_object_get(message, "mainEid")), &op);
}

static inline struct desk_quote desk_quoted(struct desk *d, quote_request *r)
{
	struct desk_call *c = desk_do(d, API_CREATE_QUOTE, &r->base, d->sk, NULL);
	desk_is(c, ST_OK);
	quote_reply *q = (quote_reply *)c->call.reply;
	struct desk_quote out = {.id = arena_strdup(d->arena, q->quote_id)};
	out.typed = api_json_of_struct(d->arena, q->typed_data);
	out.digest = quote_digest(&out);
	desk_free(c);
	return out;
}

static inline ProtobufCBinaryData desk_signed(struct desk *d, const struct signer *s,
					      const struct hash *digest)
{
	ProtobufCBinaryData out = {65, arena_alloc(d->arena, 65)};
	signer_sign(s, out.data, digest);
	return out;
}

static inline Ferry__V1__RegisterIdentityRequest *desk_register(struct desk *d,
								const struct desk_quote *q,
								const struct signer *s)
{
	Ferry__V1__RegisterIdentityRequest *r = arena_alloc(d->arena, sizeof *r);
	ferry__v1__register_identity_request__init(r);
	r->quote_id = (char *)q->id;
	r->signature = desk_signed(d, s, &q->digest);
	return r;
}

static inline identity_reply *desk_identity(struct desk_call *c)
{
	desk_is(c, ST_OK);
	ck_assert_ptr_nonnull(c->call.reply);
	return (identity_reply *)c->call.reply;
}

/* Registers; gives the identity's id. */
static inline const char *desk_new(struct desk *d, const struct signer *owner)
{
	struct desk_quote q = desk_quoted(
		d, desk_ask(d, FERRY__V1__OPERATION_TYPE__OPERATION_TYPE_REGISTER,
			    desk_account(d, owner), NULL));
	struct desk_call *c = desk_do(d, API_REGISTER_IDENTITY,
				      &desk_register(d, &q, owner)->base, d->sk, NULL);
	const char *id = arena_strdup(d->arena, desk_identity(c)->id);
	desk_free(c);
	return id;
}

/* update, link, rotate, revoke: their requests have the same members. */
static inline struct desk_call *desk_change(struct desk *d, enum api_method_id method,
					    const char *id, const struct desk_quote *q,
					    const struct signer *s, const struct signer *consents,
					    const char *token)
{
	ProtobufCBinaryData signature = desk_signed(d, s, &q->digest), consent = {0, NULL};
	if (consents)
		consent = desk_signed(d, consents, &q->digest);
#define CHANGE(type, name)                                                                         \
	{                                                                                          \
		Ferry__V1__##type *r = arena_alloc(d->arena, sizeof *r);                           \
		ferry__v1__##name##__init(r);                                                      \
		r->id = (char *)id;                                                                \
		r->quote_id = (char *)q->id;                                                       \
		r->signature = signature;                                                          \
		r->consent = consent;                                                              \
		return desk_do(d, method, &r->base, token, NULL);                                  \
	}
	if (method == API_UPDATE_IDENTITY)
		CHANGE(UpdateIdentityRequest, update_identity_request)
	if (method == API_LINK_IDENTITY)
		CHANGE(LinkIdentityRequest, link_identity_request)
	if (method == API_ROTATE_IDENTITY)
		CHANGE(RotateIdentityRequest, rotate_identity_request)
	CHANGE(RevokeIdentityRequest, revoke_identity_request)
#undef CHANGE
}

/* A batch message of tenant 0 that all waiting operations join, as the relay makes one. */
static inline const char *desk_batch(struct desk *d)
{
	struct uuid id;
	uuid_v7(id.b);
	const char *hex = hex_encode(d->arena, id.b, 16) + 2;
	desk_sql(d, arena_printf(
			    d->arena,
			    "INSERT INTO message (app_id, id, num, kind, submission, execution, "
			    "src_eid, dst_eid, receiver, payload, gas_limit, messenger, "
			    "request_id, author_nonce, idempotency_method, idempotency_key, "
			    "fingerprint, request) SELECT 0, '%s', nextval('message_num'), 4, 1, 1, "
			    "%d, %d, decode(repeat('50', 32), 'hex'), ''::bytea, 100000, "
			    "decode(repeat('51', 20), 'hex'), decode(repeat('%.2s', 32), 'hex'), 0, "
			    "9, '%s', decode(repeat('00', 32), 'hex'), ''::bytea;"
			    "INSERT INTO event (app_id, message_id, seq, type, to_state) VALUES "
			    "(0, '%s', 1, 'ACCEPTED', 'ACCEPTED');"
			    "UPDATE operation SET message_id = '%s', place = 0 WHERE state = "
			    "'ACCEPTED'; SELECT operation_sync('%s')",
			    hex, DESK_DST, DESK_SRC, hex + 30, hex, hex, hex, hex));
	return hex;
}

/* Moves the batch's message on to a state, step by step; the database's triggers move its
 * operations. */
static inline void desk_batch_state(struct desk *d, const char *batch, const char *state)
{
	static const char *const steps[] = {"SUBMITTED", "SENT",      "VERIFYING",
					    "VERIFIED",  "COMMITTED", "DELIVERED"};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		desk_sql(d, arena_printf(d->arena,
					 "UPDATE message SET state = '%s', version = version + 1 "
					 "WHERE id = '%s' AND state < '%s'",
					 steps[i], batch, steps[i]));
		if (strcmp(steps[i], state) == 0)
			break;
	}
	desk_sql(d, "NOTIFY ferry_event");
}

/* The batch is on the rollup: its leaves are those of its operations, in their order. */
static inline void desk_batch_sent(struct desk *d, const char *batch, const struct hash *root,
				   int number)
{
	desk_batch_state(d, batch, "SUBMITTED");
	desk_sql(d, arena_printf(
			    d->arena,
			    "INSERT INTO batch (message_id, src_eid, dst_eid, number, prev_root, "
			    "root, count) SELECT '%s', %d, %d, %d, decode(repeat('00', 32), 'hex'), "
			    "'\\x%s', count(*) FROM operation WHERE message_id = '%s';"
			    "UPDATE operation o SET leaf_index = k.n - 1 FROM (SELECT id, "
			    "row_number() OVER (ORDER BY num) AS n FROM operation WHERE message_id = "
			    "'%s') k WHERE k.id = o.id;"
			    "INSERT INTO batch_leaf SELECT '%s', o.leaf_index, i.subject, "
			    "o.leaf_owner, o.data_hash, o.version FROM operation o JOIN identity i ON "
			    "i.app_id = o.app_id AND i.id = o.identity_id WHERE o.message_id = '%s'",
			    batch, DESK_DST, DESK_SRC, number,
			    hex_encode(d->arena, root->b, 32) + 2, batch, batch, batch, batch));
}

static inline void desk_batch_final(struct desk *d, const char *batch)
{
	desk_batch_state(d, batch, "DELIVERED");
	desk_sql(d, arena_printf(d->arena, "UPDATE message SET dst_final = true WHERE id = '%s'",
				 batch));
	desk_sql(d, "NOTIFY ferry_event");
}

#endif
