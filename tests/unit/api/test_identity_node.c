/* SPDX-License-Identifier: Apache-2.0
 *
 * What only the rollup's node can say of an operation: the fee, what the proxy registry has seen,
 * and whether a contract wallet agrees. With a node that answers, refuses, or is silent.
 */
#define _GNU_SOURCE
#include "tests/unit/api/identity_desk.h"
#include "tests/unit/chain/fake_node.h"

#include "chain/calls.h"
#include "chain/erc6492.h"
#include "chain/registry.h"

#define TYPE(name) FERRY__V1__OPERATION_TYPE__OPERATION_TYPE_##name

static _Atomic unsigned seen_version;
static _Atomic bool is_revoked, wallet_agrees, registry_missing;
static _Atomic int wallets_asked, fees_asked, registries_asked;
static _Atomic uint32_t registry_says; /* of a signature */

static json_t *chain_answer(struct fake_node *n, const char *method, const json_t *params)
{
	(void)n;
	char text[3 * 64 + 3], selector[11];
	const json_t *call = json_array_get(params, 0);
	const char *data = json_string_value(json_object_get(call, "data"));
	if (!data)
		data = json_string_value(json_object_get(call, "input"));
	if (strcmp(method, "eth_call") != 0 || !data)
		return fake_error(-32601, "no such method", NULL);
	snprintf(selector, sizeof selector, "%.10s", data);
	uint32_t what = (uint32_t)strtoul(selector, NULL, 16);
	if (what == calls_selector(CALLS_IS_VALID_SIGNATURE)) {
		wallets_asked++;
		return fake_result_text(wallet_agrees ? "0x1626ba7e0000000000000000000000000000000"
							"0000000000000000000000000"
						      : "0x");
	}
	if (registry_missing)
		return fake_result_text("0x");
	if (what == registry_selector(REGISTRY_CHECK_SIGNATURE)) {
		const char *gas = json_string_value(json_object_get(call, "gas"));
		registries_asked++;
		ck_assert(gas && strtoull(gas, NULL, 16) > REGISTRY_OPERATION_GAS + REGISTRY_DEPLOY_GAS);
		snprintf(text, sizeof text, "0x%08x%056x", (unsigned)registry_says, 0);
		return fake_result_text(text);
	}
	if (what == registry_selector(REGISTRY_QUOTE)) {
		fees_asked++;
		snprintf(text, sizeof text, "0x%064x", 4711);
		return fake_result_text(text);
	}
	if (what == registry_selector(REGISTRY_STATE_OF)) {
		snprintf(text, sizeof text, "0x%064x%064x%064x", 0, seen_version, is_revoked);
		return fake_result_text(text);
	}
	return fake_error(-32000, "execution reverted", json_string("0x"));
}

static void desk_with_node(struct desk *d, struct fake_node *n, const char **url)
{
	identity_desk_open(d);
	fake_node_of(n, chain_answer, url, &d->chains[1].rpc, &d->chains[1].rpc_n);
	seen_version = 0;
	is_revoked = wallet_agrees = registry_missing = false;
	wallets_asked = fees_asked = registries_asked = 0;
	registry_says = 0;
	desk_start(d);
}

START_TEST(the_fee_is_the_registrys_and_holds_nothing_up)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	quote_request *ask =
		desk_ask(&d, TYPE(REGISTER), desk_account(&d, d.author), NULL);
	for (int i = 0; i < 2; i++) {
		struct desk_call *c = desk_do(&d, API_CREATE_QUOTE, &ask->base, d.pk, NULL);
		desk_is(c, ST_OK);
		ck_assert_str_eq(((quote_reply *)c->call.reply)->fee->native, "4711");
		desk_free(c);
	}
	ck_assert_int_eq(fees_asked, 1);
	ask->apply = FERRY__V1__APPLY__APPLY_EAGER; /* another fee, not known yet */
	registry_missing = true;
	struct desk_call *c = desk_do(&d, API_CREATE_QUOTE, &ask->base, d.pk, NULL);
	desk_is(c, ST_OK);
	ck_assert_ptr_null(((quote_reply *)c->call.reply)->fee);
	desk_free(c);
	n.manner = FAKE_SILENT;
	int64_t begun = clock_mono_ms();
	c = desk_do(&d, API_CREATE_QUOTE, &ask->base, d.pk, NULL);
	desk_is(c, ST_OK);
	ck_assert_int_lt(clock_mono_ms() - begun, 2500);
	desk_free(c);
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

START_TEST(versions_go_past_what_the_registry_has_seen)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	const char *id = desk_new(&d, d.author);
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(UPDATE), NULL, id));
	ck_assert_str_eq(quote_member(&q, "version"), "2");
	seen_version = 6;
	q = desk_quoted(&d, desk_ask(&d, TYPE(UPDATE), NULL, id));
	ck_assert_str_eq(quote_member(&q, "version"), "7");
	struct desk_call *c = desk_change(&d, API_UPDATE_IDENTITY, id, &q, d.author, NULL, d.sk);
	ck_assert_uint_eq(desk_identity(c)->version, 7);
	desk_free(c);
	is_revoked = true;
	c = desk_do(&d, API_CREATE_QUOTE, &desk_ask(&d, TYPE(UPDATE), NULL, id)->base, d.sk, NULL);
	desk_is(c, ST_CONFLICT);
	desk_code(c, "IDENTITY_REVOKED");
	desk_free(c);
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

START_TEST(a_contract_wallet_registers_when_it_agrees)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	const char *wallet = "eip155:31338:0x4444444444444444444444444444444444444444";
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(REGISTER), wallet, NULL));
	Ferry__V1__RegisterIdentityRequest *r = desk_register(&d, &q, d.author);
	r->signature.len = 40; /* whatever the wallet wants */
	struct desk_call *c = desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL);
	desk_is(c, ST_INVALID);
	desk_code(c, "SIGNATURE_MISMATCH");
	ck_assert_str_eq(c->call.cx.err.details[0].pointer, "/signature");
	desk_free(c);
	n.manner = FAKE_CLOSE;
	c = desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL);
	desk_is(c, ST_CHAIN);
	desk_free(c);
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM operation"), 0);
	n.manner = FAKE_PLAIN;
	wallet_agrees = true;
	for (int i = 0; i < 2; i++) {
		c = desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL);
		ck_assert_str_eq(desk_identity(c)->accounts[0], wallet);
		ck_assert_int_eq(c->call.replayed, i);
		desk_free(c);
	}
	/* A replay asks nobody, nor does an account's own key. */
	int asked = wallets_asked;
	c = desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL);
	desk_is(c, ST_OK);
	desk_free(c);
	desk_new(&d, d.author);
	ck_assert_int_eq(wallets_asked, asked);
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

static ProtobufCBinaryData wrapped(struct desk *d, size_t data, size_t signature)
{
	struct erc6492 s = {.factory = {{7}},
			    .data = bytes_of(arena_alloc(d->arena, data + 1), data),
			    .signature = bytes_of(arena_alloc(d->arena, signature + 1), signature)};
	struct buf b;
	buf_init(&b, d->arena, 16384);
	erc6492_encode(&b, &s);
	return (ProtobufCBinaryData){b.n, b.p};
}

static void refused(struct desk_call *c, enum status st, const char *code, const char *pointer)
{
	desk_is(c, st);
	desk_code(c, code);
	if (pointer)
		ck_assert_str_eq(c->call.cx.err.details[0].pointer, pointer);
	desk_free(c);
}

START_TEST(a_wallet_to_come_registers_when_the_registry_would_take_it)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	const char *wallet = "eip155:31338:0x4444444444444444444444444444444444444444";
	struct desk_quote q = desk_quoted(&d, desk_ask(&d, TYPE(REGISTER), wallet, NULL));
	Ferry__V1__RegisterIdentityRequest *r = desk_register(&d, &q, d.author);
#define SENT() desk_do(&d, API_REGISTER_IDENTITY, &r->base, d.sk, NULL)
	/* Too long, or cut: nobody is asked. */
	r->signature = wrapped(&d, 8192 - ERC6492_BYTES_MIN, 32);
	refused(SENT(), ST_INVALID, "SIGNATURE_INVALID", "/signature");
	r->signature = wrapped(&d, 100, 65);
	r->signature.data += 32;
	r->signature.len -= 32;
	refused(SENT(), ST_INVALID, "SIGNATURE_INVALID", "/signature");
	ck_assert_int_eq(registries_asked, 0);
	r->signature = wrapped(&d, 8192 - ERC6492_BYTES_MIN - 96, 65);
	ck_assert_uint_eq(r->signature.len, 8192);
	registry_says = 0x5cd5d233; /* BadSignature() */
	refused(SENT(), ST_INVALID, "SIGNATURE_MISMATCH", "/signature");
	registry_says = 0xab38b507; /* NoWallet() */
	refused(SENT(), ST_INVALID, "WALLET_NOT_DEPLOYABLE", "/signature");
	registry_says = 0x4a48966d; /* LowGas(): the node's doing, not the signature's */
	refused(SENT(), ST_CHAIN, "CHAIN", NULL);
	registry_says = 0;
	registry_missing = true;
	refused(SENT(), ST_CHAIN, "CHAIN", NULL);
	registry_missing = false;
	n.manner = FAKE_CLOSE;
	refused(SENT(), ST_CHAIN, "CHAIN", NULL);
	n.manner = FAKE_PLAIN;
	ck_assert_int_eq(desk_count(&d, "SELECT count(*) FROM operation"), 0);
	struct desk_call *c = SENT();
	ck_assert_str_eq(desk_identity(c)->accounts[0], wallet);
	desk_free(c);
	ck_assert_int_eq(wallets_asked, 0);
	ck_assert_int_eq(desk_count(&d, "SELECT length(signature) FROM operation"), 8192);
#undef SENT
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

START_TEST(a_wallet_to_come_consents_like_another)
{
	struct desk d;
	struct fake_node n;
	const char *url;
	desk_with_node(&d, &n, &url);
	const char *id = desk_new(&d, d.author);
	quote_request *ask = desk_ask(&d, TYPE(LINK), NULL, id);
	ask->new_account = (char *)"eip155:31338:0x4444444444444444444444444444444444444444";
	struct desk_quote q = desk_quoted(&d, ask);
	Ferry__V1__LinkIdentityRequest r;
	ferry__v1__link_identity_request__init(&r);
	r.id = (char *)id;
	r.quote_id = (char *)q.id;
	r.signature = desk_signed(&d, d.author, &q.digest);
	r.consent = wrapped(&d, 200, 65);
	registry_says = 0xab38b507;
	refused(desk_do(&d, API_LINK_IDENTITY, &r.base, d.sk, NULL), ST_INVALID, "WALLET_NOT_DEPLOYABLE", "/consent");
	registry_says = 0;
	struct desk_call *c = desk_do(&d, API_LINK_IDENTITY, &r.base, d.sk, NULL);
	ck_assert_uint_eq(desk_identity(c)->n_accounts, 2);
	desk_free(c);
	desk_close(&d);
	fake_node_stop(&n);
}
END_TEST

PG_SUITE("api/identity_node", the_fee_is_the_registrys_and_holds_nothing_up,
	 versions_go_past_what_the_registry_has_seen, a_contract_wallet_registers_when_it_agrees,
	 a_wallet_to_come_registers_when_the_registry_would_take_it, a_wallet_to_come_consents_like_another)
