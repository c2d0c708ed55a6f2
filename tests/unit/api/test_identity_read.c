/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities as clients see them while their batch moves: states, explanations, proofs, batches,
 * DID documents, waiting, lists. The relay's part is played by SQL.
 */
#include "tests/unit/api/identity_desk.h"

#include <stdatomic.h>

#define TYPE(name) FERRY__V1__OPERATION_TYPE__OPERATION_TYPE_##name
#define OSTATE(name) FERRY__V1__OPERATION_STATE__OPERATION_STATE_##name
#define REASON(name) FERRY__V1__REASON__REASON_##name

static struct desk_call *get(struct desk *d, const char *id, const char *token)
{
	Ferry__V1__GetIdentityRequest *r = arena_alloc(d->arena, sizeof *r);
	ferry__v1__get_identity_request__init(r);
	r->id = (char *)id;
	return desk_do(d, API_GET_IDENTITY, &r->base, token, NULL);
}

static struct desk_call *by_id(struct desk *d, enum api_method_id method, const char *id,
			       const char *token)
{
	ProtobufCMessage *m = api_message_new(d->arena, api_methods[method].request);
	ck_ok(&d->cx, api_json_set(&d->cx, m, "id", id));
	return desk_do(d, method, m, token, NULL);
}

/* The root of the batch's leaves. */
static struct hash root_of(struct desk *d, const identity_reply *const *all, size_t n,
			   const struct hash *data)
{
	struct hash leaves[8];
	for (size_t i = 0; i < n; i++) {
		struct identity_reg reg = {.version = 1};
		uint64_t chain_id;
		memcpy(reg.subject.b, all[i]->subject.data, 32);
		ck_assert_int_eq(account_caip10_parse(&chain_id, &reg.owner, all[i]->owner,
						      strlen(all[i]->owner)),
				 ST_OK);
		reg.data_hash = data[i];
		leaves[i] = identity_leaf(&reg);
	}
	return identity_tree_root(d->arena, leaves, n);
}

static void is_state(struct desk *d, const char *id, Ferry__V1__OperationState state,
		     Ferry__V1__IdentityState of_identity, bool explained)
{
	struct desk_call *c = get(d, id, d->pk);
	identity_reply *v = desk_identity(c);
	ck_assert_int_eq(v->operations[0]->state, state);
	ck_assert_int_eq(v->state, of_identity);
	ck_assert_int_eq(v->operations[0]->explanation != NULL, explained);
	desk_free(c);
}

static void proof_leads_to(struct desk_call *c, const struct hash *root)
{
	Ferry__V1__IdentityProof *p = (Ferry__V1__IdentityProof *)c->call.reply;
	ck_assert_uint_eq(p->batch_number, 7);
	ck_assert_uint_eq(p->src_eid, DESK_DST);
	ck_assert_uint_eq(p->dst_eid, DESK_SRC);
	ck_assert_mem_eq(p->main_registry.data, desk_addr(0x50).b, 20);
	ck_assert_mem_eq(p->root.data, root->b, 32);
	struct identity_reg reg = {.version = p->reg->version};
	struct hash path[IDENTITY_PATH_MAX];
	memcpy(reg.subject.b, p->reg->subject.data, 32);
	memcpy(reg.owner.b, p->reg->owner.data, 20);
	memcpy(reg.data_hash.b, p->reg->data_hash.data, 32);
	for (size_t k = 0; k < p->n_path; k++)
		memcpy(path[k].b, p->path[k].data, 32);
	struct hash leaf = identity_leaf(&reg);
	struct hash led = identity_path_root(&leaf, path, p->n_path);
	unit_assert_hash_eq(led, *root);
}

START_TEST(an_identity_follows_its_batch_to_a_proof)
{
	enum { N = 3 };
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s[N];
	const char *ids[N];
	struct desk_call *calls[N];
	const identity_reply *views[N];
	struct hash data[N];
	for (int i = 0; i < N; i++) {
		s[i] = desk_signer(&d, (uint8_t)(i + 1));
		ids[i] = desk_new(&d, s[i]);
	}
	is_state(&d, ids[0], OSTATE(ACCEPTED), 1, true);
	struct desk_call *c = by_id(&d, API_GET_IDENTITY_PROOF, ids[0], d.pk);
	desk_is(c, ST_CONFLICT);
	desk_code(c, "NOT_FINAL");
	desk_free(c);
	const char *batch = desk_batch(&d);
	is_state(&d, ids[0], OSTATE(BATCHED), 1, true);
	for (int i = 0; i < N; i++) {
		calls[i] = get(&d, ids[i], d.sk);
		views[i] = desk_identity(calls[i]);
		memcpy(data[i].b, views[i]->operations[0]->data_hash.data, 32);
		ck_assert_str_eq(views[i]->operations[0]->batch_id,
				 arena_printf(d.arena, "bat_%s", batch));
	}
	struct hash root = root_of(&d, views, N, data);
	desk_batch_state(&d, batch, "SUBMITTED");
	is_state(&d, ids[0], OSTATE(SUBMITTED), 1, true);
	desk_batch_sent(&d, batch, &root, 7);
	desk_batch_state(&d, batch, "SENT");
	is_state(&d, ids[0], OSTATE(SENT), 1, true);
	desk_batch_state(&d, batch, "DELIVERED");
	is_state(&d, ids[0], OSTATE(COMMITTED), 1, true);
	c = by_id(&d, API_GET_IDENTITY_PROOF, ids[1], d.pk);
	desk_code(c, "NOT_FINAL"); /* not before its block is final */
	desk_free(c);
	desk_batch_final(&d, batch);
	is_state(&d, ids[0], OSTATE(FINAL), 2, false);
	for (int i = 0; i < N; i++) {
		c = by_id(&d, API_GET_IDENTITY_PROOF, ids[i], d.pk);
		desk_is(c, ST_OK);
		proof_leads_to(c, &root);
		struct bytes json = api_json_encode(d.arena, JSON_REST, c->call.reply);
		const char *text = arena_strndup(d.arena, (const char *)json.p, json.n);
		ck_assert_ptr_nonnull(strstr(text, "\"batch_number\":\"7\""));
		ck_assert_ptr_nonnull(strstr(text, "{\"reg\":{\"subject\":\"0x"));
		desk_free(c);
		c = by_id(&d, API_GET_IDENTITY_PROOF, ids[i], d.other_sk);
		desk_is(c, ST_NOT_FOUND);
		desk_free(c);
		desk_free(calls[i]);
		signer_destroy(s[i]);
	}
	/* Leaves that are not what the root says prove nothing. */
	desk_sql(&d, "UPDATE batch_leaf SET version = 2 WHERE index = 0");
	c = by_id(&d, API_GET_IDENTITY_PROOF, ids[2], d.pk);
	desk_is(c, ST_INTERNAL);
	desk_free(c);
	desk_close(&d);
}
END_TEST

START_TEST(a_batch_shows_its_leaves_and_whose_are_ours)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	desk_new(&d, s);
	desk_new(&d, s);
	const char *batch = desk_batch(&d), *id = arena_printf(d.arena, "bat_%s", batch);
	struct desk_call *c = by_id(&d, API_GET_BATCH, id, d.sk);
	desk_is(c, ST_OK);
	Ferry__V1__Batch *b = (Ferry__V1__Batch *)c->call.reply;
	ck_assert_uint_eq(b->n_members, 2);
	ck_assert_uint_eq(b->root.len, 0);
	ck_assert_str_eq(b->message->id, arena_printf(d.arena, "msg_%s", batch));
	desk_free(c);
	c = by_id(&d, API_GET_BATCH, id, d.other_sk);
	ck_assert_uint_eq(((Ferry__V1__Batch *)c->call.reply)->n_members, 0); /* not public yet */
	desk_free(c);
	desk_batch_sent(&d, batch, &(struct hash){{9}}, 3);
	desk_batch_state(&d, batch, "SENT");
	for (int i = 0; i < 2; i++) {
		c = by_id(&d, API_GET_BATCH, id, i ? d.other_sk : d.pk);
		b = (Ferry__V1__Batch *)c->call.reply;
		desk_is(c, ST_OK);
		ck_assert_uint_eq(b->number, 3);
		ck_assert_uint_eq(b->count, 2);
		ck_assert_uint_eq(b->n_members, 2);
		ck_assert_uint_eq(b->members[1]->index, 1);
		ck_assert_int_eq(b->members[1]->operation_id[0] == 0, i == 1);
		desk_free(c);
	}
	c = by_id(&d, API_GET_BATCH, "bat_1", d.sk);
	desk_is(c, ST_INVALID);
	desk_free(c);
	c = by_id(&d, API_GET_BATCH, "bat_00000000000000000000000000000000", d.sk);
	desk_is(c, ST_NOT_FOUND);
	desk_free(c);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(a_revoked_identity_proves_nothing_and_has_no_document)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	const char *id = desk_new(&d, s);
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(REVOKE), NULL, id));
	struct desk_call *c = desk_change(&d, API_REVOKE_IDENTITY, id, &q, s, NULL, d.sk);
	desk_is(c, ST_OK);
	desk_free(c);
	const char *batch = desk_batch(&d);
	desk_batch_sent(&d, batch, &(struct hash){{1}}, 1);
	desk_batch_final(&d, batch);
	c = get(&d, id, d.sk);
	ck_assert_int_eq(desk_identity(c)->state,
			 FERRY__V1__IDENTITY_STATE__IDENTITY_STATE_REVOKED);
	ck_assert_str_eq(desk_identity(c)->owner, "");
	ck_assert_str_eq(desk_identity(c)->did,
			 arena_printf(d.arena, "did:pkh:%s", desk_account(&d, s)));
	desk_free(c);
	c = by_id(&d, API_GET_IDENTITY_PROOF, id, d.sk);
	desk_code(c, "IDENTITY_REVOKED");
	desk_free(c);
	c = by_id(&d, API_GET_DID_DOCUMENT, id, d.sk);
	desk_is(c, ST_GONE);
	desk_free(c);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

/* The method's own vectors have this form and these members, for an account alone. */
START_TEST(the_document_is_that_of_did_pkh)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	quote_request *ask = desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL);
	ask->encryption_key = (ProtobufCBinaryData){32, arena_alloc(d.arena, 32)};
	memset(ask->encryption_key.data, 0xfb, 32);
	struct desk_quote q = desk_quoted(&d, ask);
	struct desk_call *c =
		desk_do(&d, API_REGISTER_IDENTITY, &desk_register(&d, &q, s)->base, d.sk, NULL);
	const char *id = arena_strdup(d.arena, desk_identity(c)->id);
	const char *key_id = arena_strdup(d.arena, desk_identity(c)->encryption_key_id);
	desk_free(c);
	char *did = arena_printf(d.arena, "did:pkh:%s", desk_account(&d, s));
	for (char *at = did; *at; at++)
		*at = (char)(*at >= 'A' && *at <= 'F' ? *at + 32 : *at);
	c = by_id(&d, API_GET_DID_DOCUMENT, did, d.pk);
	desk_is(c, ST_OK);
	struct bytes json = api_json_encode(d.arena, JSON_REST, c->call.reply);
	const char *want = arena_printf(
		d.arena,
		"{\"@context\":[\"https://www.w3.org/ns/did/v1\",{\"blockchainAccountId\":\"https://"
		"w3id.org/security#blockchainAccountId\",\"EcdsaSecp256k1RecoveryMethod2020\":\"https:"
		"//identity.foundation/EcdsaSecp256k1RecoverySignature2020#"
		"EcdsaSecp256k1RecoveryMethod2020\"}],\"id\":\"%s\",\"verificationMethod\":[{\"id\":"
		"\"%s#blockchainAccountId\",\"type\":\"EcdsaSecp256k1RecoveryMethod2020\","
		"\"controller\":\"%s\",\"blockchainAccountId\":\"%s\"}],\"authentication\":[\"%s#"
		"blockchainAccountId\"],\"assertionMethod\":[\"%s#blockchainAccountId\"],"
		"\"capabilityDelegation\":[\"%s#blockchainAccountId\"],\"capabilityInvocation\":[\"%s#"
		"blockchainAccountId\"]}",
		did, did, did, did + 8, did, did, did, did);
	json_t *is = json_loadb((const char *)json.p, json.n, 0, NULL);
	json_t *should = json_loads(want, 0, NULL);
	ck_assert_ptr_nonnull(should);
	ck_assert_msg(json_equal(is, should), "%.*s", (int)json.n, (const char *)json.p);
	json_decref(is);
	json_decref(should);
	desk_free(c);
	/* Once final: the encryption key, by its id. */
	const char *batch = desk_batch(&d);
	desk_batch_sent(&d, batch, &(struct hash){{1}}, 1);
	desk_batch_final(&d, batch);
	c = by_id(&d, API_GET_DID_DOCUMENT, id, d.pk);
	desk_is(c, ST_OK);
	json = api_json_encode(d.arena, JSON_REST, c->call.reply);
	const char *text = arena_strndup(d.arena, (const char *)json.p, json.n);
	ck_assert_ptr_nonnull(strstr(text, arena_printf(d.arena, "#%s\"]", key_id)));
	ck_assert_ptr_nonnull(strstr(text, "\"crv\":\"X25519\",\"x\":\"-_v7-_v7"));
	desk_free(c);
	c = by_id(&d, API_GET_DID_DOCUMENT, did, d.other_sk);
	desk_is(c, ST_NOT_FOUND);
	desk_free(c);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(a_wait_ends_at_the_first_change)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	const char *id = desk_new(&d, s);
	Ferry__V1__GetIdentityRequest r = FERRY__V1__GET_IDENTITY_REQUEST__INIT;
	r.id = (char *)id;
	r.if_none_match = (char *)"\"1\"";
	struct desk_call *c = desk_do(&d, API_GET_IDENTITY, &r.base, d.sk, NULL);
	desk_is(c, ST_OK);
	ck_assert(c->call.not_modified);
	desk_free(c);
	r.wait_ms = 200;
	int64_t begun = clock_mono_ms();
	c = desk_do(&d, API_GET_IDENTITY, &r.base, d.sk, NULL);
	ck_assert(c->call.not_modified);
	ck_assert_int_ge(clock_mono_ms() - begun, 150);
	desk_free(c);
	r.wait_ms = 10000;
	begun = clock_mono_ms();
	c = desk_begin(&d, API_GET_IDENTITY, &r.base, d.sk, NULL);
	clock_sleep_ms(100);
	const char *batch = desk_batch(&d);
	desk_end(c);
	ck_assert_int_eq(desk_identity(c)->operations[0]->state, OSTATE(BATCHED));
	ck_assert_int_lt(clock_mono_ms() - begun, 5000);
	desk_free(c);
	(void)batch;
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(lists_page_through_and_find_an_account)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *a = desk_signer(&d, 1), *b = desk_signer(&d, 2);
	for (int i = 0; i < 5; i++)
		desk_new(&d, i % 2 ? a : b);
	Ferry__V1__ListIdentitiesRequest r = FERRY__V1__LIST_IDENTITIES_REQUEST__INIT;
	struct desk_call *c = desk_do(&d, API_LIST_IDENTITIES, &r.base, d.pk, NULL);
	desk_is(c, ST_FORBIDDEN);
	desk_free(c);
	r.page_size = 2;
	size_t seen = 0, pages = 0;
	do {
		c = desk_do(&d, API_LIST_IDENTITIES, &r.base, d.sk, NULL);
		desk_is(c, ST_OK);
		Ferry__V1__ListIdentitiesResponse *l =
			(Ferry__V1__ListIdentitiesResponse *)c->call.reply;
		seen += l->n_identities;
		r.page_token = arena_strdup(d.arena, l->next_page_token);
		desk_free(c);
		pages++;
	} while (r.page_token[0]);
	ck_assert_uint_eq(seen, 5);
	ck_assert_uint_eq(pages, 3);
	r.account = desk_account(&d, a);
	c = desk_do(&d, API_LIST_IDENTITIES, &r.base, d.sk, NULL);
	ck_assert_uint_eq(((Ferry__V1__ListIdentitiesResponse *)c->call.reply)->n_identities, 2);
	desk_free(c);
	c = desk_do(&d, API_LIST_IDENTITIES, &r.base, d.other_sk, NULL);
	ck_assert_uint_eq(((Ferry__V1__ListIdentitiesResponse *)c->call.reply)->n_identities, 0);
	desk_free(c);
	r.page_token = (char *)"x";
	c = desk_do(&d, API_LIST_IDENTITIES, &r.base, d.sk, NULL);
	desk_code(c, "PAGE_TOKEN_INVALID");
	desk_free(c);
	signer_destroy(a);
	signer_destroy(b);
	desk_close(&d);
}
END_TEST

static void woken(void *arg)
{
	atomic_store((_Atomic bool *)arg, true);
}

/* The next event of a stream, or the status that ended it; waits. */
static enum status next_event(struct desk *d, struct api_stream *s, Ferry__V1__Event **out,
			      const char **cursor)
{
	for (;;) {
		_Atomic bool wake = false;
		struct ctx cx;
		ProtobufCMessage *m;
		ctx_init(&cx, d->arena, CTX_DEADLINE_NONE, "test");
		enum status st = api_stream_next(s, &cx, &m, cursor, woken, &wake);
		if (st != ST_BUSY) {
			if (st == ST_OK)
				*out = ((Ferry__V1__WatchEventsResponse *)m)->event;
			return st;
		}
		int64_t until = clock_mono_ms() + 10000;
		while (!atomic_load(&wake) && clock_mono_ms() < until)
			clock_sleep_ms(2);
		ck_assert_msg(atomic_load(&wake), "nothing came");
	}
}

static struct desk_call *watch(struct desk *d, const char *id, const char *cursor)
{
	Ferry__V1__WatchIdentityRequest *r = arena_alloc(d->arena, sizeof *r);
	ferry__v1__watch_identity_request__init(r);
	r->id = (char *)id;
	r->cursor = (char *)cursor;
	struct desk_call *c = desk_do(d, API_WATCH_IDENTITY, &r->base, d->pk, NULL);
	desk_is(c, ST_OK);
	return c;
}

START_TEST(watching_shows_every_operation_until_all_have_ended)
{
	static const char *const types[] = {"ACCEPTED", "BATCHED",  "SUBMITTED", "SENT",
					    "VERIFYING", "VERIFIED", "COMMITTED", "FINAL"};
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	const char *id = desk_new(&d, s), *other = desk_new(&d, s), *cursor = "", *middle = NULL;
	struct desk_call *c = watch(&d, id, "");
	Ferry__V1__Event *e = NULL;
	ck_assert_int_eq(next_event(&d, c->call.stream, &e, &cursor), ST_OK);
	ck_assert_str_eq(e->type, "ACCEPTED");
	ck_assert_str_eq(e->identity_id, id);
	ck_assert_str_eq(e->message_id, "");
	const char *batch = desk_batch(&d);
	desk_batch_sent(&d, batch, &(struct hash){{1}}, 1);
	desk_batch_final(&d, batch);
	for (int i = 1; i < 8; i++) {
		ck_assert_int_eq(next_event(&d, c->call.stream, &e, &cursor), ST_OK);
		ck_assert_str_eq(e->type, types[i]);
		ck_assert_str_eq(e->identity_id, id);
		ck_assert_uint_eq(e->seq, (uint64_t)i + 1);
		if (i == 3)
			middle = arena_strdup(d.arena, cursor);
	}
	ck_assert_int_eq(next_event(&d, c->call.stream, &e, &cursor), ST_GONE);
	api_stream_close(c->call.stream);
	desk_free(c);
	/* From a cursor: only what came after it. */
	c = watch(&d, id, middle);
	for (int i = 4; i < 8; i++) {
		ck_assert_int_eq(next_event(&d, c->call.stream, &e, &cursor), ST_OK);
		ck_assert_str_eq(e->type, types[i]);
	}
	ck_assert_int_eq(next_event(&d, c->call.stream, &e, &cursor), ST_GONE);
	api_stream_close(c->call.stream);
	desk_free(c);
	c = by_id(&d, API_LIST_IDENTITY_EVENTS, other, d.sk);
	desk_is(c, ST_OK);
	ck_assert_uint_eq(((Ferry__V1__ListIdentityEventsResponse *)c->call.reply)->n_events, 8);
	desk_free(c);
	/* The app's own feed has them too, named as what they are. */
	Ferry__V1__ListEventsRequest all = FERRY__V1__LIST_EVENTS_REQUEST__INIT;
	c = desk_do(&d, API_LIST_EVENTS, &all.base, d.sk, NULL);
	Ferry__V1__ListEventsResponse *l = (Ferry__V1__ListEventsResponse *)c->call.reply;
	ck_assert_uint_eq(l->n_events, 16);
	ck_assert_int_eq(strncmp(l->events[0]->operation_id, "idop_", 5), 0);
	struct desk_call *o = by_id(&d, API_GET_OPERATION, l->events[0]->operation_id, d.pk);
	desk_is(o, ST_OK);
	ck_assert_int_eq(((Ferry__V1__Operation *)o->call.reply)->state, OSTATE(FINAL));
	desk_free(o);
	o = by_id(&d, API_GET_OPERATION, l->events[0]->operation_id, d.other_sk);
	desk_is(o, ST_NOT_FOUND);
	desk_free(o);
	desk_free(c);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

PG_SUITE("api/identity_read", an_identity_follows_its_batch_to_a_proof,
	 a_batch_shows_its_leaves_and_whose_are_ours,
	 a_revoked_identity_proves_nothing_and_has_no_document, the_document_is_that_of_did_pkh,
	 a_wait_ends_at_the_first_change, lists_page_through_and_find_an_account,
	 watching_shows_every_operation_until_all_have_ended)
