/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "api/validate.h"
#include "chain/account.h"
#include "chain/eip712.h"
#include "chain/signer.h"

enum { NOW_S = 1800000000, SRC = 40161, DST = 40245, CHAIN = 31337 };
typedef Ferry__V1__SendMessageRequest request;

static const char *const node = "http://127.0.0.1:1";
static struct api_chain chains[2];
static struct api_config config;
static const char *const fine_key = "sixteen-chars-at-least";

struct bench {
	struct arena *arena;
	struct ctx cx;
	struct send out;
	request in;
	Ferry__V1__SendOptions options;
	struct api_principal who;
	const char *key;
	struct signer *signer;
	uint8_t receiver[32], payload[20000], signature[80];
	char author[ACCOUNT_CAIP10_BYTES];
};

static void bench_open(struct bench *b)
{
	memset(b, 0, sizeof *b);
	for (int i = 0; i < 2; i++)
		chains[i] = (struct api_chain){.name = i ? "b" : "a", .eid = i ? DST : SRC,
					       .chain_id = CHAIN + (uint64_t)i, .currency = "ETH",
					       .max_message_bytes = 10000,
					       .messenger = {{0xaa, (uint8_t)i}}};
	config = (struct api_config){.chains = chains, .chains_n = 2, .publishable_keys = true};
	b->arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&b->cx, b->arena, CTX_DEADLINE_NONE, "test");
	ferry__v1__send_message_request__init(&b->in);
	ferry__v1__send_options__init(&b->options);
	memset(b->receiver + 12, 0x33, 20);
	b->in.kind = FERRY__V1__KIND__KIND_PUSH;
	b->in.src_eid = SRC;
	b->in.dst_eid = DST;
	b->in.receiver = (ProtobufCBinaryData){20, b->receiver + 12};
	b->in.payload = (ProtobufCBinaryData){5, b->payload};
	b->who = (struct api_principal){7, true};
	b->key = fine_key;
	uint8_t key[32] = {[31] = 5};
	ck_assert_int_eq(signer_create(&b->cx, &b->signer, key), ST_OK);
}

static void bench_close(struct bench *b)
{
	signer_destroy(b->signer);
	arena_destroy(b->arena);
}

static enum status bench_run(struct bench *b)
{
	ctx_error_clear(&b->cx);
	return validate_send(&b->cx, &b->out, &config, &b->who, &b->in, b->key, NOW_S);
}

static void bench_sign(struct bench *b, const char *nonce, const char *deadline)
{
	account_caip10_format(b->author, CHAIN, signer_account(b->signer));
	b->in.author = b->author;
	b->in.nonce = (char *)nonce;
	b->in.deadline = (char *)deadline;
	struct eip712_send s = {.dst_eid = DST, .payload = bytes_of(b->payload, b->in.payload.len),
				.gas_limit = u256_of_u64(200000)};
	memcpy(s.receiver.b, b->receiver, 32);
	enum status st = u256_parse(&s.nonce, nonce, strlen(nonce));
	st = st ? st : u256_parse(&s.deadline, deadline, strlen(deadline));
	ck_assert_int_eq(st, ST_OK);
	struct hash domain = eip712_domain(CHAIN, &chains[0].messenger);
	struct hash what = eip712_send_hash(&s), digest = eip712_digest(&domain, &what);
	signer_sign(b->signer, b->signature, &digest);
	b->in.signature = (ProtobufCBinaryData){65, b->signature};
}

#define refused(b, pointer_, code_)                                                                \
	do {                                                                                       \
		ck_assert_int_eq(bench_run(b), ST_INVALID);                                        \
		ck_assert_uint_ge((b)->cx.err.details_count, 1);                                   \
		ck_assert_str_eq((b)->cx.err.details[0].pointer, pointer_);                        \
		ck_assert_str_eq((b)->cx.err.details[0].code, code_);                              \
		ck_assert_str_eq((b)->cx.err.code, code_);                                         \
	} while (0)
#define accepted(b)                                                                                \
	ck_assert_msg(bench_run(b) == ST_OK, "%s: %s", (b)->cx.err.code, (b)->cx.err.message)

START_TEST(a_plain_message_gets_its_defaults)
{
	struct bench b;
	bench_open(&b);
	accepted(&b);
	ck_assert_int_eq(b.out.row.gas_limit, 200000);
	ck_assert_int_eq(b.out.row.execution, FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC);
	ck_assert_int_eq(b.out.row.submission, FERRY__V1__SUBMISSION__SUBMISSION_RELAYED);
	ck_assert_int_eq(b.out.row.ref.app_id, 7);
	ck_assert_mem_eq(b.out.row.receiver.b, b.receiver, 32);
	ck_assert(!b.out.row.has_ordering_key && !b.out.row.is_signed);
	ck_assert_ptr_null(b.out.row.client_ref);
	b.in.payload.len = 0;
	accepted(&b);
	ck_assert_ptr_nonnull(b.out.row.payload.p);
	bench_close(&b);
}
END_TEST

START_TEST(each_wrong_member_is_named)
{
	struct bench b;
	bench_open(&b);
	b.in.kind = FERRY__V1__KIND__KIND_UNSPECIFIED;
	refused(&b, "/kind", "REQUIRED");
	b.in.kind = (Ferry__V1__Kind)99;
	refused(&b, "/kind", "INVALID");
	b.in.kind = FERRY__V1__KIND__KIND_PUSH;
	b.in.src_eid = 0;
	refused(&b, "/src_eid", "REQUIRED");
	b.in.src_eid = 5;
	refused(&b, "/src_eid", "UNKNOWN_CHAIN");
	b.in.src_eid = DST;
	refused(&b, "/dst_eid", "SAME_CHAIN");
	b.in.src_eid = SRC;
	for (size_t n = 0; n <= 33; n++) {
		b.in.receiver = (ProtobufCBinaryData){n, b.receiver + (n > 20 ? 0 : 12)};
		if (n == 20 || n == 32)
			accepted(&b);
		else
			refused(&b, "/receiver", n ? "RECEIVER_INVALID" : "REQUIRED");
	}
	b.in.receiver = (ProtobufCBinaryData){32, b.receiver};
	b.receiver[11] = 1;
	refused(&b, "/receiver", "RECEIVER_INVALID");
	memset(b.receiver, 0, 32);
	refused(&b, "/receiver", "RECEIVER_INVALID");
	b.receiver[31] = 1;
	b.in.payload.len = 10000 - 174;
	accepted(&b);
	b.in.payload.len++;
	refused(&b, "/payload", "PAYLOAD_TOO_LARGE");
	b.in.payload.len = 1;
	b.in.submission = (Ferry__V1__Submission)9;
	refused(&b, "/submission", "INVALID");
	b.in.submission = FERRY__V1__SUBMISSION__SUBMISSION_UNSPECIFIED;
	b.in.execution = (Ferry__V1__Execution)9;
	refused(&b, "/execution", "INVALID");
	bench_close(&b);
}
END_TEST

START_TEST(what_is_not_built_says_so)
{
	struct bench b;
	bench_open(&b);
	for (int kind = 2; kind <= 5; kind++) {
		b.in.kind = (Ferry__V1__Kind)kind;
		ck_assert_int_eq(bench_run(&b), ST_NOT_IMPLEMENTED);
		ck_assert_str_eq(b.cx.err.code, "NOT_IMPLEMENTED");
	}
	b.in.kind = FERRY__V1__KIND__KIND_PUSH;
	b.in.submission = FERRY__V1__SUBMISSION__SUBMISSION_WALLET;
	ck_assert_int_eq(bench_run(&b), ST_NOT_IMPLEMENTED);
	bench_close(&b);
}
END_TEST

START_TEST(options_have_limits)
{
	static const struct {
		const char *gas, *code;
	} gases[] = {{"1", NULL},
		     {"1000000", NULL},
		     {"0", "GAS_LIMIT_TOO_LOW"},
		     {"1000001", "GAS_LIMIT_TOO_HIGH"},
		     {"99999999999999999999999999", "GAS_LIMIT_TOO_HIGH"},
		     {"-1", "INVALID"},
		     {"0x10", "INVALID"},
		     {"01", "INVALID"},
		     {"1e5", "INVALID"},
		     {" 5", "INVALID"},
		     {"5.0", "INVALID"}};
	struct bench b;
	bench_open(&b);
	b.in.options = &b.options;
	accepted(&b);
	for (size_t i = 0; i < sizeof gases / sizeof *gases; i++) {
		b.options.gas_limit = (char *)gases[i].gas;
		if (gases[i].code)
			refused(&b, "/options/gas_limit", gases[i].code);
		else
			accepted(&b);
	}
	b.options.gas_limit = (char *)"5";
	b.options.value = (char *)"0";
	accepted(&b);
	b.options.value = (char *)"1";
	refused(&b, "/options/value", "VALUE_NOT_SUPPORTED");
	b.options.value = (char *)"one";
	refused(&b, "/options/value", "INVALID");
	b.options.value = (char *)"";
	b.options.ordering_key = (ProtobufCBinaryData){31, b.payload};
	refused(&b, "/options/ordering_key", "ORDERING_KEY_INVALID");
	b.options.ordering_key.len = 32;
	accepted(&b);
	ck_assert(!b.out.row.has_ordering_key); /* zero is none */
	b.payload[3] = 1;
	accepted(&b);
	ck_assert(b.out.row.has_ordering_key);
	bench_close(&b);
}
END_TEST

START_TEST(texts_have_limits)
{
	char text[300];
	struct bench b;
	bench_open(&b);
	memset(text, 'a', sizeof text);
	text[128] = 0;
	b.in.client_ref = text;
	accepted(&b);
	text[128] = 'a';
	text[129] = 0;
	refused(&b, "/client_ref", "CLIENT_REF_INVALID");
	b.in.client_ref = (char *)"a b";
	refused(&b, "/client_ref", "CLIENT_REF_INVALID");
	b.in.client_ref = (char *)"a\nb";
	refused(&b, "/client_ref", "CLIENT_REF_INVALID");
	b.in.client_ref = (char *)"\xc2\x85";
	refused(&b, "/client_ref", "CLIENT_REF_INVALID");
	b.in.client_ref = (char *)"Bestellung-\xc3\xa4\xe2\x82\xac";
	accepted(&b);
	b.in.client_ref = (char *)"";

	b.key = NULL;
	refused(&b, "/idempotency_key", "IDEMPOTENCY_KEY_REQUIRED");
	b.key = "fifteen-chars-x";
	refused(&b, "/idempotency_key", "IDEMPOTENCY_KEY_INVALID");
	b.key = "sixteen chars-ok";
	refused(&b, "/idempotency_key", "IDEMPOTENCY_KEY_INVALID");
	b.key = "sixteen-chars-\xc3\xa4";
	refused(&b, "/idempotency_key", "IDEMPOTENCY_KEY_INVALID");
	memset(text, 'k', sizeof text);
	text[255] = 0;
	b.key = text;
	accepted(&b);
	text[255] = 'k';
	text[256] = 0;
	refused(&b, "/idempotency_key", "IDEMPOTENCY_KEY_INVALID");
	b.key = NULL;
	b.in.idempotency_key = (char *)fine_key;
	accepted(&b);
	b.key = "sixteen-chars-but-another";
	refused(&b, "/idempotency_key", "IDEMPOTENCY_KEY_INVALID");
	bench_close(&b);
}
END_TEST

START_TEST(a_signature_comes_whole)
{
	for (int missing = 0; missing < 15; missing++) {
		struct bench b;
		bench_open(&b);
		bench_sign(&b, "1", "1800000600");
		if (!(missing & 1))
			b.in.author = (char *)"";
		if (!(missing & 2))
			b.in.nonce = (char *)"";
		if (!(missing & 4))
			b.in.deadline = (char *)"";
		if (!(missing & 8))
			b.in.signature.len = 0;
		if (missing) {
			ck_assert_int_eq(bench_run(&b), ST_INVALID);
			ck_assert_str_eq(b.cx.err.code, "SIGNATURE_INCOMPLETE");
			ck_assert_uint_eq(b.cx.err.details_count,
					  4 - (size_t)__builtin_popcount((unsigned)missing));
		} else {
			accepted(&b);
		}
		bench_close(&b);
	}
}
END_TEST

START_TEST(a_signature_is_the_authors_over_exactly_this)
{
	struct bench b;
	bench_open(&b);
	bench_sign(&b, "0", "1800000600");
	accepted(&b);
	ck_assert(b.out.row.is_signed && !b.out.asks_wallet);
	ck_assert(!hash_is_zero(&b.out.row.request_id));
	unit_assert_addr_eq(b.out.row.author, *signer_account(b.signer));
	/* Every bit counts. */
	for (size_t bit = 0; bit < 65 * 8; bit += 7) {
		b.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refused(&b, "/signature", "SIGNATURE_INVALID");
		b.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	b.in.signature.len = 64;
	refused(&b, "/signature", "SIGNATURE_INVALID");
	b.in.signature.len = 65;
	b.signature[64] -= 27; /* 0 and 1 are another form of the same */
	refused(&b, "/signature", "SIGNATURE_INVALID");
	b.signature[64] += 27;
	b.payload[0] ^= 1;
	refused(&b, "/signature", "SIGNATURE_INVALID");
	b.payload[0] ^= 1;
	b.in.nonce = (char *)"1";
	refused(&b, "/signature", "SIGNATURE_INVALID");
	b.in.nonce = (char *)"0";
	chains[0].messenger.b[5] ^= 1;
	refused(&b, "/signature", "SIGNATURE_INVALID");
	chains[0].messenger.b[5] ^= 1;
	accepted(&b);
	/* With a node to ask, a contract may still agree. */
	chains[0].rpc = &node;
	chains[0].rpc_n = 1;
	b.payload[0] ^= 1;
	accepted(&b);
	ck_assert(b.out.asks_wallet);
	bench_close(&b);
}
END_TEST

START_TEST(the_high_half_of_s_is_refused)
{
	static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
					  0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
					  0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
	struct bench b;
	bench_open(&b);
	bench_sign(&b, "0", "1800000600");
	struct u256 s;
	ck_assert(u256_sub(&s, u256_of_be(order, 32), u256_of_be(b.signature + 32, 32)));
	u256_to_be(b.signature + 32, 32, s);
	b.signature[64] = (uint8_t)(55 - b.signature[64]); /* 27 <-> 28 */
	refused(&b, "/signature", "SIGNATURE_INVALID");
	bench_close(&b);
}
END_TEST

START_TEST(authors_nonces_and_deadlines_have_one_form)
{
	static const struct {
		const char *author, *code;
	} authors[] = {
		{"eip155:31338:0x3333333333333333333333333333333333333333",
		 "AUTHOR_CHAIN_MISMATCH"},
		{"eip155:31337:0x0000000000000000000000000000000000000000", "AUTHOR_INVALID"},
		{"0x3333333333333333333333333333333333333333", "AUTHOR_INVALID"},
		{"eip155:31337:0x33", "AUTHOR_INVALID"},
		{"eip155:031337:0x3333333333333333333333333333333333333333", "AUTHOR_INVALID"},
		{"eip155:31337:0x52908400098527886E0F7030069857D2E4169Ee7", "AUTHOR_INVALID"},
		{"did:pkh:eip155:31337:0x3333333333333333333333333333333333333333",
		 "AUTHOR_INVALID"},
	};
	static const struct {
		const char *deadline, *code;
	} deadlines[] = {
		{"1800000000", "DEADLINE_PASSED"},
		{"1", "DEADLINE_PASSED"},
		{"x", "DEADLINE_INVALID"},
		{"1800000600.5", "DEADLINE_INVALID"},
		{"1900000000", "DEADLINE_TOO_FAR"},
		{"115792089237316195423570985008687907853269984665640564039457584007913129639935",
		 "DEADLINE_TOO_FAR"}};
	struct bench b;
	bench_open(&b);
	bench_sign(&b,
		   "115792089237316195423570985008687907853269984665640564039457584007913129639935",
		   "1800000001");
	accepted(&b);
	for (size_t i = 0; i < sizeof authors / sizeof *authors; i++) {
		b.in.author = (char *)authors[i].author;
		refused(&b, "/author", authors[i].code);
	}
	bench_sign(&b, "3", "1800000001");
	b.in.nonce = (char *)"115792089237316195423570985008687907853269984665640564039457584007913"
			     "129639936";
	refused(&b, "/nonce", "NONCE_INVALID");
	b.in.nonce = (char *)"0x3";
	refused(&b, "/nonce", "NONCE_INVALID");
	b.in.nonce = (char *)"3";
	for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
		b.in.deadline = (char *)deadlines[i].deadline;
		refused(&b, "/deadline", deadlines[i].code);
	}
	bench_close(&b);
}
END_TEST

START_TEST(publishable_keys_send_signed_messages_where_that_is_allowed)
{
	struct bench b;
	bench_open(&b);
	b.who.secret = false;
	ck_assert_int_eq(bench_run(&b), ST_FORBIDDEN);
	ck_assert_str_eq(b.cx.err.code, "SIGNATURE_REQUIRED");
	bench_sign(&b, "1", "1800000600");
	accepted(&b);
	config.publishable_keys = false;
	ck_assert_int_eq(bench_run(&b), ST_FORBIDDEN);
	ck_assert_str_eq(b.cx.err.code, "PUBLISHABLE_KEY_NOT_ALLOWED");
	b.who.secret = true;
	accepted(&b);
	bench_close(&b);
}
END_TEST

START_TEST(several_wrong_members_are_told_at_once)
{
	struct bench b;
	bench_open(&b);
	b.in.dst_eid = 9;
	b.in.receiver.len = 3;
	b.in.client_ref = (char *)"\t";
	b.key = "short";
	ck_assert_int_eq(bench_run(&b), ST_INVALID);
	ck_assert_uint_eq(b.cx.err.details_count, 4);
	bench_close(&b);
}
END_TEST

START_TEST(an_unsigned_message_is_known_on_chain_by_its_id)
{
	struct bench b;
	bench_open(&b);
	accepted(&b);
	send_assign(&b.out);
	struct hash first = b.out.row.request_id;
	ck_assert(!hash_is_zero(&first));
	send_assign(&b.out);
	ck_assert(!hash_equal(&first, &b.out.row.request_id));
	bench_sign(&b, "1", "1800000600");
	accepted(&b);
	struct hash signed_id = b.out.row.request_id;
	send_assign(&b.out);
	unit_assert_hash_eq(signed_id, b.out.row.request_id);
	bench_close(&b);
}
END_TEST

START_TEST(what_differs_is_named_down_to_the_member)
{
	struct bench b;
	bench_open(&b);
	b.in.options = &b.options;
	accepted(&b);
	struct bytes first = b.out.row.request;
	struct hash fingerprint = b.out.row.fingerprint;
	b.key = "another-key-of-the-same-request";
	accepted(&b);
	unit_assert_hash_eq(fingerprint, b.out.row.fingerprint);
	b.options.gas_limit = (char *)"7";
	b.in.execution = FERRY__V1__EXECUTION__EXECUTION_MANUAL;
	accepted(&b);
	ck_assert(!hash_equal(&fingerprint, &b.out.row.fingerprint));
	validate_differences(&b.cx, first, b.out.row.request);
	ck_assert_uint_eq(b.cx.err.details_count, 2);
	ck_assert_str_eq(b.cx.err.details[0].pointer, "/options/gas_limit");
	ck_assert_str_eq(b.cx.err.details[1].pointer, "/execution");
	/* What is walked has only members the walk knows. */
	const ProtobufCMessageDescriptor *d = &ferry__v1__send_message_request__descriptor;
	for (unsigned i = 0; i < d->n_fields; i++)
		ck_assert_int_ne(d->fields[i].label, PROTOBUF_C_LABEL_REPEATED);
	bench_close(&b);
}
END_TEST

SUITE("api/validate", a_plain_message_gets_its_defaults, each_wrong_member_is_named,
      what_is_not_built_says_so, options_have_limits, texts_have_limits, a_signature_comes_whole,
      a_signature_is_the_authors_over_exactly_this, the_high_half_of_s_is_refused,
      authors_nonces_and_deadlines_have_one_form,
      publishable_keys_send_signed_messages_where_that_is_allowed,
      several_wrong_members_are_told_at_once, an_unsigned_message_is_known_on_chain_by_its_id,
      what_differs_is_named_down_to_the_member)
