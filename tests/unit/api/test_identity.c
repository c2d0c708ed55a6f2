/* SPDX-License-Identifier: Apache-2.0
 *
 * Registering identities and changing them: what is refused, hostile first; what is stored, once.
 */
#include "tests/unit/api/identity_desk.h"

#include "chain/u256.h"

#define TYPE(name) FERRY__V1__OPERATION_TYPE__OPERATION_TYPE_##name
#define OSTATE(name) FERRY__V1__OPERATION_STATE__OPERATION_STATE_##name

static void assert_error(struct desk_call *c, enum status st, const char *code, const char *pointer)
{
	desk_is(c, st);
	desk_code(c, code);
	if (pointer) {
		ck_assert_uint_gt(c->call.cx.err.details_count, 0);
		ck_assert_str_eq(c->call.cx.err.details[0].pointer, pointer);
	}
	desk_free(c);
}

static void refused_quote(struct desk *d, quote_request *r, enum status st, const char *code,
			  const char *pointer)
{
	assert_error(desk_do(d, API_CREATE_QUOTE, &r->base, d->sk, NULL), st, code, pointer);
}

START_TEST(a_quote_names_each_member_that_is_wrong)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	char *account = desk_account(&d, s);
	refused_quote(&d, desk_ask(&d, 0, account, NULL), ST_INVALID, "REQUIRED", "/operation");
	refused_quote(&d, desk_ask(&d, 9, account, NULL), ST_INVALID, "INVALID", "/operation");
	refused_quote(&d, desk_ask(&d, TYPE(REGISTER), NULL, NULL), ST_INVALID, "REQUIRED",
		      "/account");
	refused_quote(&d, desk_ask(&d, TYPE(REGISTER), desk_account_on(&d, 5, s), NULL), ST_INVALID,
		      "ACCOUNT_CHAIN_MISMATCH", "/account");
	refused_quote(&d, desk_ask(&d, TYPE(REGISTER), desk_account_on(&d, DESK_CHAIN_ID, s), NULL),
		      ST_INVALID, "ACCOUNT_CHAIN_MISMATCH", "/account");
	refused_quote(&d, desk_ask(&d, TYPE(REGISTER), "0x12", NULL), ST_INVALID, "ACCOUNT_INVALID",
		      "/account");
	char *flipped = arena_strdup(d.arena, account);
	for (char *at = flipped + strlen(flipped) - 1;; at--)
		if (*at >= 'a' && *at <= 'f') {
			*at = (char)(*at - 'a' + 'A');
			break;
		}
	refused_quote(&d, desk_ask(&d, TYPE(REGISTER), flipped, NULL), ST_INVALID,
		      "ACCOUNT_CHECKSUM", "/account");
	refused_quote(&d, desk_ask(&d, TYPE(REGISTER), account, "idn_1"), ST_INVALID,
		      "UNEXPECTED_MEMBER", "/identity");
	refused_quote(&d, desk_ask(&d, TYPE(UPDATE), account, NULL), ST_INVALID, "REQUIRED",
		      "/identity");
	refused_quote(&d, desk_ask(&d, TYPE(UPDATE), account, "idn_1"), ST_INVALID, "ID_INVALID",
		      "/identity");
	refused_quote(&d, desk_ask(&d, TYPE(UPDATE), account,
				   "idn_00000000000000000000000000000000"),
		      ST_NOT_FOUND, "NOT_FOUND", NULL);
	quote_request *r = desk_ask(&d, TYPE(REGISTER), account, NULL);
	r->document_hash = (ProtobufCBinaryData){3, (uint8_t *)"abc"};
	refused_quote(&d, r, ST_INVALID, "INVALID", "/document_hash");
	r = desk_ask(&d, TYPE(REGISTER), account, NULL);
	r->new_account = account;
	refused_quote(&d, r, ST_INVALID, "UNEXPECTED_MEMBER", "/new_account");
	r = desk_ask(&d, TYPE(REGISTER), account, NULL);
	r->payload = (ProtobufCBinaryData){3, (uint8_t *)"abc"};
	refused_quote(&d, r, ST_INVALID, "UNEXPECTED_MEMBER", "/payload");
	r = desk_ask(&d, TYPE(REGISTER), account, NULL);
	r->recovery_account = account;
	refused_quote(&d, r, ST_INVALID, "ACCOUNT_INVALID", "/recovery_account");
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM identity_quote"), 0);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(keys_that_everybody_can_decrypt_for_are_refused)
{
	static const char *const low_order[] = {
		"0x0000000000000000000000000000000000000000000000000000000000000000",
		"0x0100000000000000000000000000000000000000000000000000000000000000",
		"0xe0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"0x5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"0xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0xedffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0xeeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	char *account = desk_account(&d, s);
	const char *id = desk_new(&d, s);
	for (size_t i = 0; i < 2 * sizeof low_order / sizeof *low_order; i++) {
		uint8_t key[32];
		const char *text = low_order[i / 2];
		ck_assert(hex_decode_fixed(text, strlen(text), key, sizeof key));
		key[31] |= i % 2 ? 0x80 : 0; /* a bit that X25519 does not look at */
		quote_request *r = desk_ask(&d, TYPE(REGISTER), account, NULL);
		r->encryption_key = (ProtobufCBinaryData){sizeof key, key};
		refused_quote(&d, r, ST_INVALID, "ENCRYPTION_KEY_LOW_ORDER", "/encryption_key");
		r = desk_ask(&d, TYPE(UPDATE), NULL, id);
		r->encryption_key = (ProtobufCBinaryData){sizeof key, key};
		if (i > 0)
			refused_quote(&d, r, ST_INVALID, "ENCRYPTION_KEY_LOW_ORDER",
				      "/encryption_key");
		else /* zeros remove the key */
			desk_quoted(&d, r);
	}
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(without_registries_the_quote_says_so)
{
	struct desk d;
	desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	refused_quote(&d, desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL),
		      ST_NOT_IMPLEMENTED, "NO_REGISTRY", NULL);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(a_retry_names_its_own_operation_whatever_came_after)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL));
	Ferry__V1__RegisterIdentityRequest *r = desk_register(&d, &q, s);
	struct desk_call *c = desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL);
	const char *id = arena_strdup(d.arena, desk_identity(c)->id);
	const char *made = arena_strdup(d.arena, c->call.accepted);
	desk_free(c);
	quote_request *ask = desk_ask(&d, TYPE(UPDATE), NULL, id);
	ask->document_hash = (ProtobufCBinaryData){32, arena_alloc(d.arena, 32)};
	memset(ask->document_hash.data, 0x44, 32);
	struct desk_quote more = desk_quoted(&d, ask);
	c = desk_change(&d, API_UPDATE_IDENTITY, id, &more, s, NULL, d.sk);
	ck_assert_str_eq(c->call.accepted, desk_identity(c)->operations[1]->id);
	desk_free(c);
	c = desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL);
	ck_assert_uint_eq(desk_identity(c)->n_operations, 2);
	ck_assert(c->call.replayed);
	ck_assert_str_eq(c->call.accepted, made);
	ck_assert_str_eq(c->call.accepted, desk_identity(c)->operations[0]->id);
	desk_free(c);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(a_registration_is_stored_once_and_answered_the_same_again)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL));
	Ferry__V1__RegisterIdentityRequest *r = desk_register(&d, &q, s);
	const char *first = NULL;
	for (int i = 0; i < 3; i++) {
		struct desk_call *c = desk_do(&d, API_REGISTER_IDENTITY, &r->base,
					      i == 1 ? d.pk : d.sk, NULL);
		identity_reply *v = desk_identity(c);
		ck_assert_int_eq(c->call.replayed, i > 0);
		ck_assert_str_eq(c->call.etag, "1");
		if (!first)
			first = arena_strdup(d.arena, v->id);
		ck_assert_str_eq(v->id, first);
		ck_assert_int_eq(strncmp(v->id, "idn_", 4), 0);
		ck_assert_int_eq(v->state, FERRY__V1__IDENTITY_STATE__IDENTITY_STATE_PENDING);
		ck_assert_uint_eq(v->n_accounts, 1);
		ck_assert_str_eq(v->accounts[0], desk_account(&d, s));
		ck_assert_str_eq(v->did, arena_printf(d.arena, "did:pkh:%s", desk_account(&d, s)));
		ck_assert_uint_eq(v->n_operations, 1);
		const Ferry__V1__Operation *op = v->operations[0];
		ck_assert_int_eq(op->type, TYPE(REGISTER));
		ck_assert_int_eq(op->state, OSTATE(ACCEPTED));
		ck_assert_uint_eq(op->version, 1);
		ck_assert_str_eq(op->batch_id, "");
		ck_assert_ptr_nonnull(op->explanation);
		ck_assert_str_eq(c->call.accepted, op->id);
		struct hash subject, salt;
		memcpy(salt.b, v->salt.data, 32);
		subject = identity_subject(DESK_ROLLUP, signer_account(s), &salt);
		ck_assert_mem_eq(v->subject.data, subject.b, 32);
		desk_free(c);
	}
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM operation"), 1);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM event"), 1);
	r->signature.data[5] ^= 1; /* another request with a used quote */
	assert_error(desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL), ST_CONFLICT,
		     "QUOTE_USED", "/signature");
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(many_at_once_are_each_stored_once)
{
	enum { MANY = 60 };
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	struct desk_call *calls[2 * MANY];
	for (int i = 0; i < MANY; i++) {
		struct desk_quote q = desk_quoted(
			&d, desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL));
		Ferry__V1__RegisterIdentityRequest *r = desk_register(&d, &q, s);
		for (int k = 0; k < 2; k++)
			calls[2 * i + k] = desk_begin(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL);
	}
	for (int i = 0; i < MANY; i++) {
		desk_end(calls[2 * i]);
		desk_end(calls[2 * i + 1]);
		ck_assert_str_eq(desk_identity(calls[2 * i])->id,
				 desk_identity(calls[2 * i + 1])->id);
		desk_free(calls[2 * i]);
		desk_free(calls[2 * i + 1]);
	}
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM operation"), MANY);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM identity"), MANY);
	ck_assert_int_eq(
		desk_count(&d, "SELECT count(*) FROM identity_quote WHERE operation_id IS NOT NULL"),
		MANY);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

/* n - s, the other v: the same signature in its other form. */
static void make_high(uint8_t *signature)
{
	struct hash n;
	const char *order = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
	ck_assert(hex_decode_fixed(order, 66, n.b, 32));
	struct u256 left;
	ck_assert(u256_sub(&left, u256_of_be(n.b, 32), u256_of_be(signature + 32, 32)));
	struct hash flipped = u256_to_hash(left);
	memcpy(signature + 32, flipped.b, 32);
	signature[64] = signature[64] == 27 ? 28 : 27;
}

START_TEST(signatures_that_are_not_the_owners_are_refused_by_name)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1), *other = desk_signer(&d, 2);
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL));
	struct desk_quote q2 = desk_quoted(&d, desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL));
	Ferry__V1__RegisterIdentityRequest *r = desk_register(&d, &q, other);
#define REFUSED(st, code, pointer)                                                                 \
	assert_error(desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL), st, code, pointer)
	REFUSED(ST_INVALID, "SIGNATURE_MISMATCH", "/signature");
	r->signature = desk_signed(&d, s, &q2.digest); /* of another quote */
	REFUSED(ST_INVALID, "SIGNATURE_MISMATCH", "/signature");
	r = desk_register(&d, &q, s);
	make_high(r->signature.data);
	REFUSED(ST_INVALID, "SIGNATURE_HIGH_S", "/signature");
	r = desk_register(&d, &q, s);
	r->signature.data[64] -= 27;
	REFUSED(ST_INVALID, "SIGNATURE_INVALID", "/signature");
	r->signature.len = 0;
	REFUSED(ST_INVALID, "REQUIRED", "/signature");
	r->signature = (ProtobufCBinaryData){64, r->signature.data};
	REFUSED(ST_INVALID, "SIGNATURE_MISMATCH", "/signature");
	uint8_t wrapped[96] = {1};
	for (int i = 64; i < 96; i++)
		wrapped[i] = i % 2 ? 0x92 : 0x64;
	r->signature = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	REFUSED(ST_INVALID, "SIGNATURE_INVALID", "/signature");
	r->signature = (ProtobufCBinaryData){5000, arena_alloc(d.arena, 5000)};
	REFUSED(ST_INVALID, "SIGNATURE_INVALID", "/signature");
	r = desk_register(&d, &q, s);
	r->consent = r->signature;
	REFUSED(ST_INVALID, "CONSENT_UNEXPECTED", "/consent");
	r = desk_register(&d, &q, s);
	r->quote_id = (char *)"qte_00000000000000000000000000000000";
	REFUSED(ST_NOT_FOUND, "QUOTE_NOT_FOUND", NULL);
	r->quote_id = (char *)"msg_1";
	REFUSED(ST_INVALID, "ID_INVALID", "/quote_id");
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM operation"), 0);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM identity"), 0);
	/* The same quote still does. */
	r = desk_register(&d, &q, s);
	struct desk_call *c = desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL);
	desk_is(c, ST_OK);
	desk_free(c);
	signer_destroy(s);
	signer_destroy(other);
	desk_close(&d);
}
END_TEST

START_TEST(quotes_end_and_belong_to_one_tenant_and_one_operation)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL));
	Ferry__V1__RegisterIdentityRequest *r = desk_register(&d, &q, s);
	assert_error(desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.other_sk, NULL), ST_NOT_FOUND,
		     "QUOTE_NOT_FOUND", NULL);
	desk_sql(&d, "UPDATE identity_quote SET expire_at = now() - interval '1 s'");
	assert_error(desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL), ST_CONFLICT,
		     "QUOTE_EXPIRED", NULL);
	const char *id = desk_new(&d, s);
	struct desk_quote update = desk_quoted(&d, desk_ask(&d, TYPE(UPDATE), NULL, id));
	r = desk_register(&d, &update, s);
	assert_error(desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL), ST_INVALID,
		     "QUOTE_MISMATCH", "/quote_id");
	assert_error(desk_change(&d, API_REVOKE_IDENTITY, id, &update, s, NULL, d.sk), ST_INVALID,
		     "QUOTE_MISMATCH", "/quote_id");
	const char *second = desk_new(&d, s);
	assert_error(desk_change(&d, API_UPDATE_IDENTITY, second, &update, s, NULL, d.sk),
		     ST_INVALID, "QUOTE_MISMATCH", "/quote_id");
	/* The account's did finds the newest of its identities: the second. */
	assert_error(desk_change(&d, API_UPDATE_IDENTITY,
				 arena_printf(d.arena, "did:pkh:%s", desk_account(&d, s)), &update,
				 s, NULL, d.sk),
		     ST_INVALID, "QUOTE_MISMATCH", "/quote_id");
	assert_error(desk_change(&d, API_UPDATE_IDENTITY, id, &update, s, NULL, d.other_sk),
		     ST_NOT_FOUND, "QUOTE_NOT_FOUND", NULL);
	struct desk_call *c = desk_change(&d, API_UPDATE_IDENTITY, id, &update, s, NULL, d.pk);
	desk_is(c, ST_OK);
	desk_free(c);
	refused_quote(&d, desk_ask(&d, TYPE(UPDATE), desk_account(&d, d.author), id), ST_INVALID,
		      "ACCOUNT_NOT_OWNER", "/account");
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(publishable_keys_register_only_where_that_is_allowed)
{
	struct desk d;
	identity_desk_open(&d);
	d.config.publishable_keys = false;
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL));
	Ferry__V1__RegisterIdentityRequest *r = desk_register(&d, &q, s);
	assert_error(desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.pk, NULL), ST_FORBIDDEN,
		     "PUBLISHABLE_KEY_NOT_ALLOWED", NULL);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(a_version_is_taken_once)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1);
	const char *id = desk_new(&d, s);
	quote_request *ask = desk_ask(&d, TYPE(UPDATE), NULL, id);
	ask->document_hash = (ProtobufCBinaryData){32, arena_alloc(d.arena, 32)};
	memset(ask->document_hash.data, 7, 32);
	struct desk_quote a = desk_quoted(&d, ask), b = desk_quoted(&d, ask);
	ck_assert_str_eq(quote_member(&a, "version"), "2");
	ck_assert_str_eq(quote_member(&b, "version"), "2");
	struct desk_call *c = desk_change(&d, API_UPDATE_IDENTITY, id, &a, s, NULL, d.sk);
	identity_reply *v = desk_identity(c);
	ck_assert_uint_eq(v->n_operations, 2);
	ck_assert_uint_eq(v->version, 2);
	ck_assert_uint_eq(v->document_hash.len, 32);
	desk_free(c);
	assert_error(desk_change(&d, API_UPDATE_IDENTITY, id, &b, s, NULL, d.sk), ST_CONFLICT,
		     "VERSION_TAKEN", NULL);
	struct desk_quote revoke = desk_quoted(&d, desk_ask(&d, TYPE(REVOKE), NULL, id));
	struct desk_quote late = desk_quoted(&d, ask);
	c = desk_change(&d, API_REVOKE_IDENTITY, id, &revoke, s, NULL, d.sk);
	ck_assert_uint_eq(desk_identity(c)->n_accounts, 0);
	desk_free(c);
	assert_error(desk_change(&d, API_UPDATE_IDENTITY, id, &late, s, NULL, d.sk), ST_CONFLICT,
		     "IDENTITY_REVOKED", NULL);
	refused_quote(&d, ask, ST_CONFLICT, "IDENTITY_REVOKED", NULL);
	signer_destroy(s);
	desk_close(&d);
}
END_TEST

START_TEST(an_account_joins_by_its_own_consent)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1), *linked = desk_signer(&d, 2), *next = desk_signer(&d, 3);
	const char *id = desk_new(&d, s);
	quote_request *ask = desk_ask(&d, TYPE(LINK), NULL, id);
	refused_quote(&d, ask, ST_INVALID, "REQUIRED", "/new_account");
	ask->new_account = desk_account_on(&d, 77, linked);
	refused_quote(&d, ask, ST_INVALID, "ACCOUNT_CHAIN_MISMATCH", "/new_account");
	ask->new_account = desk_account(&d, s);
	refused_quote(&d, ask, ST_INVALID, "ACCOUNT_INVALID", "/new_account");
	ask->new_account = desk_account(&d, linked);
	struct desk_quote q = desk_quoted(&d, ask);
	assert_error(desk_change(&d, API_LINK_IDENTITY, id, &q, s, NULL, d.sk), ST_INVALID,
		     "REQUIRED", "/consent");
	assert_error(desk_change(&d, API_LINK_IDENTITY, id, &q, s, s, d.sk), ST_INVALID,
		     "SIGNATURE_MISMATCH", "/consent");
	assert_error(desk_change(&d, API_LINK_IDENTITY, id, &q, linked, linked, d.sk), ST_INVALID,
		     "SIGNATURE_MISMATCH", "/signature");
	struct desk_call *c = desk_change(&d, API_LINK_IDENTITY, id, &q, s, linked, d.sk);
	ck_assert_uint_eq(desk_identity(c)->n_accounts, 2);
	ck_assert_str_eq(desk_identity(c)->accounts[1], desk_account(&d, linked));
	desk_free(c);
	refused_quote(&d, ask, ST_INVALID, "ACCOUNT_LINKED", "/new_account");
	/* The linked account's did finds it, in either case of its letters. */
	Ferry__V1__GetIdentityRequest get = FERRY__V1__GET_IDENTITY_REQUEST__INIT;
	get.id = arena_printf(d.arena, "did:pkh:%s", desk_account(&d, linked));
	for (int i = 0; i < 2; i++) {
		c = desk_do(&d, API_GET_IDENTITY, &get.base, d.pk, NULL);
		ck_assert_str_eq(desk_identity(c)->id, id);
		desk_free(c);
		for (char *at = strstr(get.id, "0x"); *at; at++)
			*at = (char)(*at >= 'A' && *at <= 'F' ? *at + 32 : *at);
	}
	c = desk_do(&d, API_GET_IDENTITY, &get.base, d.other_sk, NULL);
	desk_is(c, ST_NOT_FOUND);
	desk_free(c);
	ask = desk_ask(&d, TYPE(ROTATE), NULL, id);
	ask->new_account = desk_account(&d, next);
	q = desk_quoted(&d, ask);
	c = desk_change(&d, API_ROTATE_IDENTITY, id, &q, s, next, d.sk);
	ck_assert_str_eq(desk_identity(c)->owner, desk_account(&d, next));
	ck_assert_uint_eq(desk_identity(c)->n_accounts, 2);
	desk_free(c);
	/* The old owner's key is worth nothing now. */
	q = desk_quoted(&d, desk_ask(&d, TYPE(REVOKE), NULL, id));
	assert_error(desk_change(&d, API_REVOKE_IDENTITY, id, &q, s, NULL, d.sk), ST_INVALID,
		     "SIGNATURE_MISMATCH", "/signature");
	signer_destroy(s);
	signer_destroy(linked);
	signer_destroy(next);
	desk_close(&d);
}
END_TEST

START_TEST(a_recovery_account_may_rotate_and_nothing_else)
{
	struct desk d;
	identity_desk_open(&d);
	desk_start(&d);
	struct signer *s = desk_signer(&d, 1), *keeper = desk_signer(&d, 2), *next = desk_signer(&d, 3);
	quote_request *ask = desk_ask(&d, TYPE(REGISTER), desk_account(&d, s), NULL);
	ask->recovery_account = desk_account(&d, keeper);
	struct desk_quote q = desk_quoted(&d, ask);
	struct desk_call *c =
		desk_do(&d, API_REGISTER_IDENTITY, &desk_register(&d, &q, s)->base, d.sk, NULL);
	const char *id = arena_strdup(d.arena, desk_identity(c)->id);
	ck_assert_str_eq(desk_identity(c)->recovery_account, desk_account(&d, keeper));
	desk_free(c);
	refused_quote(&d, desk_ask(&d, TYPE(REVOKE), desk_account(&d, keeper), id), ST_INVALID,
		      "ACCOUNT_NOT_OWNER", "/account");
	/* An update without a word of it keeps it. */
	q = desk_quoted(&d, desk_ask(&d, TYPE(UPDATE), NULL, id));
	assert_error(desk_change(&d, API_UPDATE_IDENTITY, id, &q, keeper, NULL, d.sk), ST_INVALID,
		     "SIGNATURE_MISMATCH", "/signature");
	c = desk_change(&d, API_UPDATE_IDENTITY, id, &q, s, NULL, d.sk);
	ck_assert_str_eq(desk_identity(c)->recovery_account, desk_account(&d, keeper));
	desk_free(c);
	ask = desk_ask(&d, TYPE(ROTATE), desk_account(&d, keeper), id);
	ask->new_account = desk_account(&d, next);
	q = desk_quoted(&d, ask);
	ck_assert_str_eq(quote_member(&q, "version"), "3");
	c = desk_change(&d, API_ROTATE_IDENTITY, id, &q, keeper, next, d.sk);
	ck_assert_str_eq(desk_identity(c)->owner, desk_account(&d, next));
	desk_free(c);
	signer_destroy(s);
	signer_destroy(keeper);
	signer_destroy(next);
	desk_close(&d);
}
END_TEST

PG_SUITE("api/identity", a_quote_names_each_member_that_is_wrong,
      keys_that_everybody_can_decrypt_for_are_refused, without_registries_the_quote_says_so,
      a_registration_is_stored_once_and_answered_the_same_again,
      a_retry_names_its_own_operation_whatever_came_after, many_at_once_are_each_stored_once,
      signatures_that_are_not_the_owners_are_refused_by_name,
      quotes_end_and_belong_to_one_tenant_and_one_operation,
      publishable_keys_register_only_where_that_is_allowed, a_version_is_taken_once,
      an_account_joins_by_its_own_consent, a_recovery_account_may_rotate_and_nothing_else)
