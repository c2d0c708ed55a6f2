/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends whose payload is said to be sealed to an identity.
 */
#include "tests/unit/api/identity_desk.h"

#include "api/validate.h"
#include "chain/envelope.h"

#define TYPE(name) FERRY__V1__OPERATION_TYPE__OPERATION_TYPE_##name
static const char *const no_one = "idn_0199f0c1a2b37c4d8e5f60718293a4b5";

/* The n-th key of a receiver. */
static struct hash key_of(uint8_t n)
{
	struct hpke_secret secret = {{[8] = n}}; /* the lowest bits of the first byte say nothing */
	return hpke_public(&secret);
}

static const char *key_name(struct arena *a, uint8_t n)
{
	uint8_t id[ENVELOPE_KEY_ID_BYTES];
	char *out = arena_alloc(a, ENVELOPE_KEY_NAME_BYTES);
	struct hash key = key_of(n);
	envelope_key_id(id, &key);
	envelope_key_name(out, id);
	return out;
}

static void say(struct arena *a, send_request *r, const char *recipient, const char *key_id)
{
	r->payload_encryption = arena_alloc(a, sizeof *r->payload_encryption);
	ferry__v1__payload_encryption__init(r->payload_encryption);
	r->payload_encryption->recipient = arena_strdup(a, recipient);
	r->payload_encryption->key_id = arena_strdup(a, key_id);
}

/* Sealed to the n-th key, and said so. */
static send_request *sealed(struct desk *d, const char *recipient, uint8_t n)
{
	send_request *r = desk_send(d->arena, "");
	struct envelope_path path = {.src_eid = DESK_SRC, .dst_eid = DESK_DST};
	struct hash key = key_of(n);
	struct bytes out;
	memcpy(path.receiver.b + 12, r->receiver.data, 20);
	pg_ok(d->cx, envelope_seal(&d->cx, &out, &path, &key, bytes_of("secret", 6)));
	r->payload = (ProtobufCBinaryData){out.n, (uint8_t *)arena_copy(d->arena, out.p, out.n)};
	say(d->arena, r, recipient, key_name(d->arena, n));
	return r;
}

static const char *fresh_key(struct desk *d)
{
	static int count;
	return arena_printf(d->arena, "key-of-a-sealed-message-%04d", ++count);
}

static void refused(struct desk *d, send_request *r, enum status st, const char *code,
		    const char *pointer)
{
	struct desk_call *c = desk_do(d, API_SEND_MESSAGE, &r->base, d->sk, fresh_key(d));
	desk_is(c, st);
	desk_code(c, code);
	ck_assert_uint_eq(c->call.cx.err.details_count, 1);
	ck_assert_str_eq(c->call.cx.err.details[0].code, code);
	ck_assert_str_eq(c->call.cx.err.details[0].pointer, pointer);
	desk_free(c);
}

static void accepted(struct desk *d, send_request *r)
{
	struct desk_call *c = desk_do(d, API_SEND_MESSAGE, &r->base, d->sk, fresh_key(d));
	desk_is(c, ST_OK);
	desk_free(c);
}

static void set_key(quote_request *r, struct arena *a, uint8_t n)
{
	struct hash key = key_of(n);
	r->encryption_key = (ProtobufCBinaryData){32, (uint8_t *)arena_copy(a, key.b, 32)};
	if (n == 0)
		memset(r->encryption_key.data, 0, 32); /* takes it away */
}

/* An identity with the n-th key, accepted. Out: its subject, when not NULL. */
static const char *identity_named(struct desk *d, const struct signer *owner, uint8_t n,
				  const char **subject)
{
	quote_request *ask = desk_ask(d, TYPE(REGISTER), desk_account(d, owner), NULL);
	set_key(ask, d->arena, n);
	struct desk_quote q = desk_quoted(d, ask);
	struct desk_call *c = desk_do(d, API_REGISTER_IDENTITY, &desk_register(d, &q, owner)->base,
				      d->sk, NULL);
	const identity_reply *identity = desk_identity(c);
	const char *id = arena_strdup(d->arena, identity->id);
	if (subject)
		*subject = hex_encode(d->arena, identity->subject.data, identity->subject.len);
	desk_free(c);
	return id;
}

static const char *identity_with(struct desk *d, const struct signer *owner, uint8_t n)
{
	return identity_named(d, owner, n, NULL);
}

static void change(struct desk *d, const char *id, const struct signer *owner, operation_type what,
		   uint8_t n)
{
	quote_request *ask = desk_ask(d, what, NULL, id);
	if (what == TYPE(UPDATE))
		set_key(ask, d->arena, n);
	struct desk_quote q = desk_quoted(d, ask);
	enum api_method_id method = what == TYPE(UPDATE) ? API_UPDATE_IDENTITY
							 : API_REVOKE_IDENTITY;
	struct desk_call *c = desk_change(d, method, id, &q, owner, NULL, d->sk);
	desk_is(c, ST_OK);
	desk_free(c);
}

/* All that was accepted becomes FINAL. */
static void settle(struct desk *d)
{
	static int number;
	struct hash root = {{(uint8_t)++number}};
	const char *batch = desk_batch(d);
	desk_batch_sent(d, batch, &root, number);
	desk_batch_final(d, batch);
}

static void rig_open(struct desk *d, struct signer **owner)
{
	identity_desk_open(d);
	desk_start(d);
	*owner = desk_signer(d, 1);
}

static void rig_close(struct desk *d, struct signer *owner)
{
	signer_destroy(owner);
	desk_close(d);
}

static int64_t messages(struct desk *d)
{
	return desk_count(d, "SELECT count(*) FROM message WHERE app_id <> 0");
}

START_TEST(what_is_no_envelope_is_refused_without_asking)
{
	struct desk d;
	struct signer *owner;
	identity_desk_open(&d);
	owner = desk_signer(&d, 1);
	d.config.database_url = "postgresql:///nothing?host=/nowhere";
	desk_start(&d);
	const char *account = arena_printf(d.arena, "did:pkh:%s", desk_account(&d, owner));
	struct send_case {
		const char *recipient, *key_id, *code, *pointer;
		int cut, version;
	} cases[] = {
		{no_one, NULL, "PAYLOAD_NOT_SEALED", "/payload", 1 + 6, 1},
		{no_one, NULL, "PAYLOAD_NOT_SEALED", "/payload", 1000, 1},
		{no_one, NULL, "PAYLOAD_NOT_SEALED", "/payload", 0, 0},
		{no_one, NULL, "PAYLOAD_NOT_SEALED", "/payload", 0, 2},
		{no_one, key_name(d.arena, 2), "PAYLOAD_NOT_SEALED", "/payload", 0, 1},
		{no_one, "x25519-", "PAYLOAD_NOT_SEALED", "/payload", 0, 1},
		{no_one, "", "REQUIRED", "/payload_encryption/key_id", 0, 1},
		{"", NULL, "REQUIRED", "/payload_encryption/recipient", 0, 1},
		{"msg_1", NULL, "ID_INVALID", "/payload_encryption/recipient", 0, 1},
		{"0x12", NULL, "ID_INVALID", "/payload_encryption/recipient", 0, 1},
		{account + 8, NULL, "ID_INVALID", "/payload_encryption/recipient", 0, 1},
		{"did:pkh:eip155:1:0x12", NULL, "ACCOUNT_INVALID", "/payload_encryption/recipient", 0, 1},
		{"did:pkh:eip155:1:0x52908400098527886E0F7030069857D2E4169Ee7", NULL,
		 "ACCOUNT_CHECKSUM", "/payload_encryption/recipient", 0, 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct send_case *k = &cases[i];
		struct ctx cx;
		struct send out;
		ctx_init(&cx, d.arena, CTX_DEADLINE_NONE, "test");
		send_request *r = sealed(&d, k->recipient, 1);
		if (k->key_id)
			r->payload_encryption->key_id = (char *)k->key_id;
		r->payload.data[0] = (uint8_t)k->version;
		r->payload.len -= (size_t)k->cut < r->payload.len ? (size_t)k->cut : r->payload.len;
		struct api_principal who = {d.app, true};
		ck_assert_int_eq(validate_send(&cx, &out, &d.config, &who, r, fresh_key(&d), 0),
				 ST_INVALID);
		ck_assert_str_eq(cx.err.code, k->code);
		ck_assert_str_eq(cx.err.details[0].pointer, k->pointer);
		ck_assert_uint_eq(cx.err.details_count, 1);
		if (k->cut || k->version != 1)
			ck_assert(strstr(cx.err.details[0].detail, "no envelope") != NULL);
	}
	/* An envelope around nothing is one. And a plain payload needs no answer of anybody. */
	send_request *none = sealed(&d, no_one, 1);
	none->payload.len = ENVELOPE_OVERHEAD_BYTES;
	struct send out;
	struct api_principal who = {d.app, true};
	pg_ok(d.cx, validate_send(&d.cx, &out, &d.config, &who, none, fresh_key(&d), 0));
	ck_assert_ptr_nonnull(out.recipient);
	pg_ok(d.cx, validate_send(&d.cx, &out, &d.config, &who, desk_send(d.arena, "x"),
				  fresh_key(&d), 0));
	ck_assert_ptr_null(out.recipient);
	ck_assert_ptr_null(out.row.recipient);
	rig_close(&d, owner);
}
END_TEST

START_TEST(only_the_current_key_of_a_known_identity_is_sealed_to)
{
	struct desk d;
	struct signer *owner;
	rig_open(&d, &owner);
	const char *recipient = "/payload_encryption/recipient", *key = "/payload_encryption/key_id";
	refused(&d, sealed(&d, no_one, 1), ST_INVALID, "RECIPIENT_UNKNOWN", recipient);
	refused(&d, sealed(&d, "did:pkh:eip155:31338:0x52908400098527886e0f7030069857d2e4169ee7", 1),
		ST_INVALID, "RECIPIENT_UNKNOWN", recipient);
	const char *id = identity_with(&d, owner, 1);
	const char *did = arena_printf(d.arena, "did:pkh:%s", desk_account(&d, owner));
	refused(&d, sealed(&d, id, 1), ST_CONFLICT, "ENCRYPTION_KEY_NOT_FINAL", key);
	refused(&d, sealed(&d, id, 2), ST_INVALID, "ENCRYPTION_KEY_UNKNOWN", key);
	settle(&d);
	ck_assert_int_eq(messages(&d), 0);
	accepted(&d, sealed(&d, id, 1));
	accepted(&d, sealed(&d, did, 1));
	/* On another chain it is somebody else's account. */
	refused(&d, sealed(&d, arena_printf(d.arena, "did:pkh:%s", desk_account_on(&d, 1, owner)), 1),
		ST_INVALID, "RECIPIENT_UNKNOWN", recipient);
	/* Another tenant sees nothing of it. */
	struct desk_call *c = desk_do(&d, API_SEND_MESSAGE, &sealed(&d, id, 1)->base, d.other_sk,
				      fresh_key(&d));
	desk_is(c, ST_INVALID);
	desk_code(c, "RECIPIENT_UNKNOWN");
	desk_free(c);
	/* While an update is under way the old key holds, and the new one not yet. */
	change(&d, id, owner, TYPE(UPDATE), 2);
	accepted(&d, sealed(&d, id, 1));
	refused(&d, sealed(&d, id, 2), ST_CONFLICT, "ENCRYPTION_KEY_NOT_FINAL", key);
	settle(&d);
	refused(&d, sealed(&d, id, 1), ST_CONFLICT, "ENCRYPTION_KEY_ROTATED", key);
	refused(&d, sealed(&d, did, 1), ST_CONFLICT, "ENCRYPTION_KEY_ROTATED", key);
	accepted(&d, sealed(&d, id, 2));
	/* An update that is refused changes nothing, and its key was never one. */
	change(&d, id, owner, TYPE(UPDATE), 3);
	desk_sql(&d, "UPDATE operation SET state = 'REJECTED', seq = seq + 1 WHERE state = 'ACCEPTED'");
	refused(&d, sealed(&d, id, 3), ST_INVALID, "ENCRYPTION_KEY_UNKNOWN", key);
	accepted(&d, sealed(&d, id, 2));
	/* A key may come back. */
	change(&d, id, owner, TYPE(UPDATE), 1);
	refused(&d, sealed(&d, id, 1), ST_CONFLICT, "ENCRYPTION_KEY_NOT_FINAL", key);
	settle(&d);
	accepted(&d, sealed(&d, id, 1));
	refused(&d, sealed(&d, id, 2), ST_CONFLICT, "ENCRYPTION_KEY_ROTATED", key);
	/* Or go without another. */
	change(&d, id, owner, TYPE(UPDATE), 0);
	settle(&d);
	refused(&d, sealed(&d, id, 1), ST_CONFLICT, "ENCRYPTION_KEY_ROTATED", key);
	ck_assert_int_eq(messages(&d), 6);
	rig_close(&d, owner);
}
END_TEST

/* The subject names the same identity; only to its own tenant, and in one form. */
START_TEST(a_subject_is_a_name_too)
{
	struct desk d;
	struct signer *owner;
	rig_open(&d, &owner);
	const char *recipient = "/payload_encryption/recipient", *subject;
	identity_named(&d, owner, 1, &subject);
	settle(&d);
	char *upper = arena_strdup(d.arena, subject), *wrong = arena_strdup(d.arena, subject);
	for (char *at = upper + 2; *at; at++)
		*at = *at >= 'a' && *at <= 'f' ? (char)(*at - 32) : *at;
	wrong[65] = wrong[65] == '0' ? '1' : '0';
	const char *key = fresh_key(&d);
	send_request *r = sealed(&d, upper, 1);
	struct desk_call *c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	ck_assert_str_eq(desk_message(c)->payload_encryption->recipient, subject);
	desk_free(c);
	r->payload_encryption->recipient = (char *)subject;
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	desk_is(c, ST_OK);
	ck_assert(c->call.replayed);
	desk_free(c);
	refused(&d, sealed(&d, wrong, 1), ST_INVALID, "RECIPIENT_UNKNOWN", recipient);
	refused(&d, sealed(&d, subject, 2), ST_INVALID, "ENCRYPTION_KEY_UNKNOWN",
		"/payload_encryption/key_id");
	c = desk_do(&d, API_SEND_MESSAGE, &sealed(&d, subject, 1)->base, d.other_sk, fresh_key(&d));
	desk_is(c, ST_INVALID);
	desk_code(c, "RECIPIENT_UNKNOWN");
	desk_free(c);
	ck_assert_int_eq(messages(&d), 1);
	rig_close(&d, owner);
}
END_TEST

START_TEST(nothing_is_sealed_to_who_is_revoked)
{
	struct desk d;
	struct signer *owner;
	rig_open(&d, &owner);
	const char *recipient = "/payload_encryption/recipient";
	const char *id = identity_with(&d, owner, 1);
	settle(&d);
	accepted(&d, sealed(&d, id, 1));
	change(&d, id, owner, TYPE(REVOKE), 0);
	refused(&d, sealed(&d, id, 1), ST_CONFLICT, "RECIPIENT_REVOKED", recipient);
	desk_sql(&d, "UPDATE operation SET state = 'EXPIRED', seq = seq + 1 WHERE state = 'ACCEPTED'");
	accepted(&d, sealed(&d, id, 1));
	change(&d, id, owner, TYPE(REVOKE), 0);
	settle(&d);
	refused(&d, sealed(&d, id, 1), ST_CONFLICT, "RECIPIENT_REVOKED", recipient);
	refused(&d, sealed(&d, id, 2), ST_CONFLICT, "RECIPIENT_REVOKED", recipient);
	ck_assert_int_eq(messages(&d), 2);
	rig_close(&d, owner);
}
END_TEST

START_TEST(what_was_said_is_shown_and_part_of_the_request)
{
	struct desk d;
	struct signer *owner;
	rig_open(&d, &owner);
	const char *id = identity_with(&d, owner, 1);
	settle(&d);
	const char *account = desk_account(&d, owner), *key = fresh_key(&d);
	const char *did = arena_printf(d.arena, "did:pkh:%s", account);
	send_request *r = sealed(&d, did, 1);
	struct desk_call *c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	message_reply *m = desk_message(c);
	ck_assert_str_eq(m->payload_encryption->recipient, did);
	ck_assert_str_eq(m->payload_encryption->key_id, key_name(d.arena, 1));
	Ferry__V1__GetMessageRequest get = FERRY__V1__GET_MESSAGE_REQUEST__INIT;
	get.id = arena_strdup(d.arena, m->id);
	desk_free(c);
	c = desk_do(&d, API_GET_MESSAGE, &get.base, d.sk, NULL);
	ck_assert_str_eq(desk_message(c)->payload_encryption->recipient, did);
	ck_assert_str_eq(desk_message(c)->payload_encryption->key_id, key_name(d.arena, 1));
	desk_free(c);
	/* The same account in lower case is the same request; the identity's id is another. */
	char *lower = arena_strdup(d.arena, did);
	for (char *at = strstr(lower, ":0x"); *at; at++)
		*at = *at >= 'A' && *at <= 'F' ? (char)(*at + 32) : *at;
	r->payload_encryption->recipient = lower;
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	ck_assert_str_eq(desk_message(c)->id, get.id);
	ck_assert(c->call.replayed);
	desk_free(c);
	r->payload_encryption->recipient = (char *)id;
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	desk_is(c, ST_MISMATCH);
	ck_assert_str_eq(c->call.cx.err.details[0].pointer, "/payload_encryption/recipient");
	desk_free(c);
	r->payload_encryption = NULL;
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	desk_is(c, ST_MISMATCH);
	ck_assert_str_eq(c->call.cx.err.details[0].pointer, "/payload_encryption");
	desk_free(c);
	/* Without a word of it an envelope is a payload like any other. */
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, fresh_key(&d));
	ck_assert_ptr_null(desk_message(c)->payload_encryption);
	desk_free(c);
	/* Asked again after its key was given up, the first answer holds; a mismatch stays one. */
	change(&d, id, owner, TYPE(UPDATE), 2);
	settle(&d);
	say(d.arena, r, did, key_name(d.arena, 1));
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	ck_assert_str_eq(desk_message(c)->id, get.id);
	ck_assert(c->call.replayed);
	desk_free(c);
	r->payload_encryption->recipient = (char *)id;
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.sk, key);
	desk_is(c, ST_MISMATCH);
	desk_free(c);
	refused(&d, r, ST_CONFLICT, "ENCRYPTION_KEY_ROTATED", "/payload_encryption/key_id");
	ck_assert_int_eq(messages(&d), 2);
	rig_close(&d, owner);
}
END_TEST

START_TEST(in_a_batch_each_item_is_looked_at_by_itself)
{
	struct desk d;
	struct signer *owner;
	rig_open(&d, &owner);
	const char *id = identity_with(&d, owner, 1);
	const char *did = arena_printf(d.arena, "did:pkh:%s", desk_account(&d, owner));
	settle(&d);
	send_request *items[] = {
		sealed(&d, id, 1),	    desk_send(d.arena, "plain"), sealed(&d, id, 2),
		sealed(&d, no_one, 1),	    sealed(&d, did, 1),		 sealed(&d, id, 1),
		sealed(&d, "nobody", 1),    sealed(&d, id, 1),
	};
	enum { N = sizeof items / sizeof *items };
	static const char *const codes[N] = {
		NULL, NULL, "ENCRYPTION_KEY_UNKNOWN", "RECIPIENT_UNKNOWN", NULL,
		"PAYLOAD_NOT_SEALED", "ID_INVALID", NULL};
	items[5]->payload.len = ENVELOPE_OVERHEAD_BYTES - 1;
	desk_sign(&d, d.arena, items[7], "3", clock_wall_us() / 1000000 + 600);
	batch_request b = FERRY__V1__BATCH_SEND_MESSAGES_REQUEST__INIT;
	b.messages = items;
	b.n_messages = N;
	for (int i = 0; i < N; i++)
		items[i]->idempotency_key = (char *)fresh_key(&d);
	for (int round = 0; round < 2; round++) {
		struct desk_call *c = desk_do(&d, API_BATCH_SEND_MESSAGES, &b.base, d.sk, NULL);
		desk_is(c, ST_OK);
		batch_reply *reply = (batch_reply *)c->call.reply;
		for (int i = 0; i < N; i++) {
			ck_assert_int_eq(reply->results[i]->outcome_case, codes[i] ? 3 : 2);
			if (codes[i])
				ck_assert_str_eq(reply->results[i]->problem->code, codes[i]);
			else
				ck_assert((reply->results[i]->message->payload_encryption != NULL) ==
					  (i != 1));
		}
		ck_assert_str_eq(reply->results[3]->problem->errors[0]->pointer,
				 "/payload_encryption/recipient");
		ck_assert(reply->results[7]->message->author_signed);
		desk_free(c);
		ck_assert_int_eq(messages(&d), 4);
		change(&d, id, owner, TYPE(UPDATE), 3); /* the second round is a replay all the same */
		settle(&d);
	}
	rig_close(&d, owner);
}
END_TEST

START_TEST(a_publishable_key_seals_what_it_signs)
{
	struct desk d;
	struct signer *owner;
	rig_open(&d, &owner);
	const char *id = identity_with(&d, owner, 1);
	settle(&d);
	int64_t later = clock_wall_us() / 1000000 + 600;
	send_request *r = sealed(&d, id, 1), *wrong = sealed(&d, id, 2);
	desk_sign(&d, d.arena, r, "1", later);
	desk_sign(&d, d.arena, wrong, "2", later);
	struct desk_call *c = desk_do(&d, API_SEND_MESSAGE, &wrong->base, d.pk, fresh_key(&d));
	desk_is(c, ST_INVALID);
	desk_code(c, "ENCRYPTION_KEY_UNKNOWN");
	desk_free(c);
	c = desk_do(&d, API_SEND_MESSAGE, &r->base, d.pk, fresh_key(&d));
	ck_assert(desk_message(c)->author_signed);
	ck_assert_str_eq(desk_message(c)->payload_encryption->recipient, id);
	desk_free(c);
	ck_assert_int_eq(messages(&d), 1);
	rig_close(&d, owner);
}
END_TEST

/* Nobody can be asked: nothing that is said to be sealed is taken, the rest is. */
START_TEST(it_fails_closed)
{
	struct desk d;
	struct signer *owner;
	identity_desk_open(&d);
	d.config.check_threads = 1; /* the one whose connection is lost */
	desk_start(&d);
	owner = desk_signer(&d, 1);
	const char *id = identity_with(&d, owner, 1);
	settle(&d);
	accepted(&d, sealed(&d, id, 1)); /* the connection is there */
	struct db *root;
	pg_ok(d.cx, db_open(&d.cx, desk_root_url(&d), "root", &root));
	pg_ok(d.cx, db_script(&d.cx, root,
			      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
			      "WHERE application_name = 'ferry check'"));
	accepted(&d, sealed(&d, id, 1)); /* a lost one is opened again */
	desk_sql(&d, "ALTER TABLE operation RENAME COLUMN encryption_key TO gone");
	send_request *items[] = {sealed(&d, id, 1), desk_send(d.arena, "plain")};
	batch_request b = FERRY__V1__BATCH_SEND_MESSAGES_REQUEST__INIT;
	b.messages = items;
	b.n_messages = 2;
	for (int i = 0; i < 2; i++)
		items[i]->idempotency_key = (char *)fresh_key(&d);
	struct desk_call *c = desk_do(&d, API_BATCH_SEND_MESSAGES, &b.base, d.sk, NULL);
	desk_is(c, ST_OK);
	batch_reply *reply = (batch_reply *)c->call.reply;
	ck_assert_uint_eq(reply->results[0]->problem->status, 503);
	ck_assert(reply->results[0]->problem->retryable);
	ck_assert_int_eq(reply->results[1]->outcome_case, 2);
	desk_free(c);
	c = desk_do(&d, API_SEND_MESSAGE, &sealed(&d, id, 1)->base, d.sk, fresh_key(&d));
	desk_is(c, ST_DB);
	ck_assert_int_gt(c->call.cx.err.retry_after_s, 0);
	ck_assert(!strstr(c->call.cx.err.message, "column")); /* what the database says is for the log */
	desk_free(c);
	/* Locked: it is not waited for long. */
	desk_sql(&d, "ALTER TABLE operation RENAME COLUMN gone TO encryption_key");
	pg_ok(d.cx, db_script(&d.cx, root, "BEGIN; LOCK TABLE operation"));
	int64_t begun = clock_mono_ms();
	c = desk_do(&d, API_SEND_MESSAGE, &sealed(&d, id, 1)->base, d.sk, fresh_key(&d));
	desk_is(c, ST_DB);
	ck_assert_int_lt(clock_mono_ms() - begun, 5000);
	desk_free(c);
	pg_ok(d.cx, db_script(&d.cx, root, "ROLLBACK"));
	accepted(&d, sealed(&d, id, 1));
	ck_assert_int_eq(messages(&d), 4);
	db_close(root);
	rig_close(&d, owner);
}
END_TEST

PG_SUITE("api/recipient", what_is_no_envelope_is_refused_without_asking,
	 only_the_current_key_of_a_known_identity_is_sealed_to, a_subject_is_a_name_too,
	 nothing_is_sealed_to_who_is_revoked, what_was_said_is_shown_and_part_of_the_request,
	 in_a_batch_each_item_is_looked_at_by_itself, a_publishable_key_seals_what_it_signs,
	 it_fails_closed)
