/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/jws.h"
#include "http_ask.h"

static struct jws_signer *signer;

static void setup(void)
{
	static const uint8_t seed[JWS_SEED_BYTES] = {7};
	struct http_config config = base;
	signer = jws_signer_create(seed);
	config.receipts = signer;
	setup_with(&config);
}

static void teardown(void)
{
	rig_stop(rig);
	jws_signer_destroy(signer);
}

#define WANTED "Prefer: ferry-receipt\r\n"

START_TEST(a_message_has_a_receipt_when_it_is_wanted)
{
	static const char body[] = "{\"client_ref\":\"r\"}";
	struct ctx *cx = unit_ctx();
	setup();
	struct raw_reply r = ask("POST", "/v1/messages", JSON KEY, body);
	check_status(&r, 202);
	ck_assert_str_eq(raw_header(&r, "Ferry-Receipt"), "");
	r = ask("POST", "/v1/messages", JSON KEY WANTED "Origin: https://app.example\r\n", body);
	check_status(&r, 202);
	const char *text = arena_strdup(cx->arena, raw_header(&r, "Ferry-Receipt"));
	ck_assert(strstr(raw_header(&r, "Access-Control-Expose-Headers"), "Ferry-Receipt"));

	struct raw_reply page = ask("GET", "/.well-known/jwks.json", "", NULL);
	check_status(&page, 200);
	ck_assert_str_eq(raw_header(&page, "Content-Type"), "application/jwk-set+json");
	struct jws_key *keys;
	size_t n;
	struct bytes payload;
	const struct jws_key *by;
	json_t *root;
	ck_ok(cx, jws_keys_read(cx, &keys, &n, bytes_of(page.body, strlen(page.body))));
	ck_ok(cx, jws_verify(cx, &payload, &by, text, strlen(text), "ferry-receipt", keys, n));
	ck_ok(cx, json_parse(cx, &root, payload, 4096, 4));
	struct hash h = digest_sha256(body, strlen(body));
	const char *hex = hex_encode(cx->arena, h.b, sizeof h.b) + 2;
	ck_assert_uint_eq(json_object_size(root), 4);
	ck_assert_str_eq(json_string_value(json_object_get(root, "request_sha256")), hex);
	ck_assert_str_eq(json_string_value(json_object_get(root, "sub")),
			 "msg_00000000000000000000000000000001");
	ck_assert_str_eq(json_string_value(json_object_get(root, "accepted_at")),
			 "2025-11-21T14:30:07.045Z");
	ck_assert_str_eq(json_string_value(json_object_get(root, "app")), "0");
	/* The same request: the same receipt. */
	struct raw_reply again = ask("POST", "/v1/messages", JSON KEY WANTED, body);
	ck_assert_str_eq(raw_header(&again, "Ferry-Receipt"), text);
	teardown();
	unit_ctx_end(cx);
}
END_TEST

START_TEST(what_was_not_accepted_has_none)
{
	setup();
	struct raw_reply r = ask("POST", "/v1/messages", JSON WANTED, "{}");
	check_status(&r, 400);
	ck_assert_str_eq(raw_header(&r, "Ferry-Receipt"), "");
	r = ask("GET", "/v1/messages/msg_1", WANTED, NULL);
	check_status(&r, 200);
	ck_assert_str_eq(raw_header(&r, "Ferry-Receipt"), "");
	teardown();
}
END_TEST

/* The payload of a receipt, unverified: its middle part. */
static const json_t *claims_of(struct ctx *cx, const char *text)
{
	struct jws_key key = jws_signer_key(signer);
	struct bytes payload;
	const struct jws_key *by;
	json_t *root;
	ck_ok(cx, jws_verify(cx, &payload, &by, text, strlen(text), "ferry-receipt", &key, 1));
	ck_ok(cx, json_parse(cx, &root, payload, 4096, 4));
	return root;
}

START_TEST(an_operation_has_the_receipt_of_its_own_request)
{
	struct ctx *cx = unit_ctx();
	setup();
	/* Another operation of the identity was accepted in the meantime. */
	struct raw_reply r = ask("POST", "/v1/identities", JSON KEY, "{}");
	check_status(&r, 202);
	const json_t *claims = claims_of(cx, raw_header(&r, "Ferry-Receipt"));
	ck_assert_uint_eq(json_object_size(claims), 5);
	ck_assert_str_eq(json_string_value(json_object_get(claims, "sub")), "idop_2");
	ck_assert_str_eq(json_string_value(json_object_get(claims, "identity")), "idn_1");
	ck_assert_str_eq(json_string_value(json_object_get(claims, "accepted_at")),
			 "2025-11-21T14:30:08.000Z");
	/* One that is not shown any more: when it was accepted is not known here. */
	r = ask("POST", "/v1/identities", JSON KEY, "{\"quote_id\":\"idop_9\"}");
	check_status(&r, 202);
	ck_assert_str_eq(raw_header(&r, "Ferry-Receipt"), "");
	teardown();
	unit_ctx_end(cx);
}
END_TEST

START_TEST(a_preference_is_a_whole_word)
{
	static const struct {
		const char *prefer;
		bool wanted;
	} rows[] = {
		{"respond-async, ferry-receipt", true}, {"FERRY-RECEIPT;x=1", true},
		{"wait=10, Ferry-Receipt , x", true},	{"no-ferry-receipt", false},
		{"x=ferry-receipt", false},		{"ferry-receipts", false},
		{"x;ferry-receipt", false},
	};
	setup();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char head[256];
		snprintf(head, sizeof head, JSON KEY "Prefer: %s\r\n", rows[i].prefer);
		struct raw_reply r = ask("POST", "/v1/messages", head, "{}");
		check_status(&r, 202);
		ck_assert_msg((raw_header(&r, "Ferry-Receipt")[0] != 0) == rows[i].wanted, "%s",
			      rows[i].prefer);
	}
	teardown();
}
END_TEST

START_TEST(without_a_key_there_are_none)
{
	setup_with(&base);
	struct raw_reply r = ask("POST", "/v1/messages", JSON KEY WANTED, "{}");
	check_status(&r, 202);
	ck_assert_str_eq(raw_header(&r, "Ferry-Receipt"), "");
	r = ask("GET", "/.well-known/jwks.json", "", NULL);
	check_status(&r, 200);
	ck_assert_str_eq(r.body, "{\"keys\":[]}\n");
	rig_stop(rig);
}
END_TEST

SUITE("server/http_receipt", a_message_has_a_receipt_when_it_is_wanted,
      what_was_not_accepted_has_none, an_operation_has_the_receipt_of_its_own_request,
      a_preference_is_a_whole_word, without_a_key_there_are_none)
