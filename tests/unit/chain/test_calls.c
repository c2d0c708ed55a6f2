/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/calls.h"

#include "chain/keccak.h"
#include "tests/unit/chain/vectors.h"

static struct arena *a;
static const json_t *v;
static struct buf b;

static void setup(void)
{
	a = arena_create(UNIT_ARENA_BYTES);
	v = vectors_get(vectors_load(a, "chain"), "calls");
	buf_init(&b, a, 1 << 20);
}

/* What was built since the last time is what viem made of the same. */
static void assert_built(const char *name)
{
	ck_assert(!b.overflow);
	struct bytes want = vectors_get_bytes(a, vectors_get(v, "data"), name);
	ck_assert_msg(bytes_equal(buf_bytes(&b), want), "%s:\n%s\n%s", name,
		      hex_encode(a, b.p, b.n), hex_encode(a, want.p, want.n));
	b.n = 0;
}

static struct calls_item item_of(const json_t *row)
{
	return (struct calls_item){
		.dst_eid = (uint32_t)vectors_get_u64(row, "dstEid"),
		.receiver = vectors_get_hash(row, "receiver"),
		.payload = vectors_get_bytes(a, row, "payload"),
		.gas_limit = vectors_get_u256(row, "gasLimit"),
		.value = vectors_get_u256(row, "value"),
		.ordering_key = vectors_get_hash(row, "orderingKey"),
		.author = vectors_get_addr(row, "author"),
		.nonce = vectors_get_u256(row, "nonce"),
		.deadline = vectors_get_u256(row, "deadline"),
		.signature = vectors_get_bytes(a, row, "signature"),
		.app_id = vectors_get_hash(row, "appId"),
		.request_id = vectors_get_hash(row, "requestId"),
		.fee = vectors_get_u256(row, "fee"),
	};
}

enum { ITEMS = 7 };

static void items_of(struct calls_item items[ITEMS])
{
	for (size_t i = 0; i < ITEMS; i++)
		items[i] = item_of(json_array_get(vectors_get(v, "items"), i));
}

START_TEST(selectors_are_the_hash_of_their_signature)
{
	setup();
	for (enum calls_method m = 0; m < CALLS_COUNT; m++) {
		const char *signature = calls_signature(m);
		struct hash h = keccak256(signature, strlen(signature));
		ck_assert_msg(u256_of_be(h.b, 4).limb[0] == calls_selector(m), "%s", signature);
	}
	ck_assert_str_eq(calls_name(a, CALLS_CANCEL_NONCE), "cancelNonce");
	arena_destroy(a);
}
END_TEST

START_TEST(messenger_calls)
{
	setup();
	struct calls_item items[ITEMS];
	items_of(items);
	size_t bytes = CALLS_ARRAY_BYTES;
	for (size_t i = 0; i < ITEMS; i++)
		bytes += calls_item_bytes(&items[i]);
	calls_send_many(&b, items, ITEMS);
	ck_assert_uint_eq(b.n, bytes);
	assert_built("sendMany");
	calls_send_many(&b, NULL, 0);
	ck_assert_uint_eq(b.n, CALLS_ARRAY_BYTES);
	assert_built("sendNone");
	calls_quote(&b, &items[3]);
	assert_built("quote");
	calls_hash_item(&b, &items[4]);
	assert_built("hashItem");
	struct u256 nonce = vectors_get_u256(v, "nonce");
	struct addr author = vectors_get_addr(v, "author");
	calls_cancel_nonce(&b, nonce);
	assert_built("cancelNonce");
	struct u256 word = u256_div_u64(nonce, 256, NULL);
	calls_nonce_bitmap(&b, &author, word);
	assert_built("nonceBitmap");
	calls_nonce_used(&b, &author, nonce);
	assert_built("nonceUsed");
	arena_destroy(a);
}
END_TEST

START_TEST(send_many_reads_back)
{
	setup();
	struct calls_item items[ITEMS];
	items_of(items);
	calls_send_many(&b, items, ITEMS);
	struct calls_item *got;
	size_t n;
	struct bytes data = buf_bytes(&b);
	ck_assert_int_eq(calls_decode_send_many(a, &got, &n, data, ITEMS), ST_OK);
	ck_assert_uint_eq(n, ITEMS);
	struct buf again;
	buf_init(&again, a, 1 << 20);
	calls_send_many(&again, got, n);
	ck_assert(bytes_equal(buf_bytes(&again), data));
	ck_assert_int_eq(calls_decode_send_many(a, &got, &n, data, ITEMS - 1), ST_INVALID);
	for (size_t cut = 4; cut < data.n; cut++)
		ck_assert_int_eq(calls_decode_send_many(a, &got, &n, bytes_of(data.p, cut), ITEMS),
				 ST_INVALID);
	for (size_t cut = 0; cut < 4; cut++)
		ck_assert_int_eq(calls_decode_send_many(a, &got, &n, bytes_of(data.p, cut), ITEMS),
				 ST_NOT_FOUND);
	b.p[0] ^= 1;
	ck_assert_int_eq(calls_decode_send_many(a, &got, &n, data, ITEMS), ST_NOT_FOUND);
	arena_destroy(a);
}
END_TEST

START_TEST(batcher_and_dvn_calls)
{
	setup();
	struct calls_delivery deliveries[3];
	struct calls_execute_param params[3];
	size_t delivery_bytes = CALLS_ARRAY_BYTES;
	size_t param_bytes = CALLS_ARRAY_BYTES;
	for (size_t i = 0; i < 3; i++) {
		const json_t *row = json_array_get(vectors_get(v, "deliveries"), i);
		deliveries[i] = (struct calls_delivery){
			.packet = vectors_get_bytes(a, row, "packet"),
			.gas_limit = vectors_get_u256(row, "gasLimit"),
			.value = vectors_get_u256(row, "value"),
			.ops = (uint8_t)vectors_get_u64(row, "ops"),
		};
		delivery_bytes += calls_delivery_bytes(&deliveries[i]);
		row = json_array_get(vectors_get(v, "params"), i);
		params[i] = (struct calls_execute_param){
			.vid = (uint32_t)vectors_get_u64(row, "vid"),
			.target = vectors_get_addr(row, "target"),
			.call_data = vectors_get_bytes(a, row, "callData"),
			.expiration = vectors_get_u64(row, "expiration"),
			.signatures = vectors_get_bytes(a, row, "signatures"),
		};
		param_bytes += calls_execute_param_bytes(&params[i]);
	}
	calls_deliver(&b, deliveries, 3);
	ck_assert_uint_eq(b.n, delivery_bytes);
	assert_built("deliver");
	calls_execute(&b, params, 3);
	ck_assert_uint_eq(b.n, param_bytes);
	assert_built("execute");
	arena_destroy(a);
}
END_TEST

START_TEST(endpoint_and_library_calls)
{
	setup();
	struct packet p;
	ck_assert_int_eq(packet_decode(&p, vectors_get_bytes(a, vectors_get(v, "packet"), "raw")),
			 ST_OK);
	struct hash payload_hash = packet_payload_hash(&p);
	struct hash header_hash = packet_header_hash(&p);
	struct addr dvn = vectors_get_addr(v, "dvn");
	uint8_t header[PACKET_HEADER_BYTES];
	packet_header(header, &p);
	calls_verify(&b, header, &payload_hash, vectors_get_u64(v, "confirmations"));
	ck_assert_uint_eq(b.n, CALLS_VERIFY_BYTES);
	assert_built("verify");
	calls_commit_verification(&b, header, &payload_hash);
	assert_built("commitVerification");
	calls_hash_lookup(&b, &header_hash, &payload_hash, &dvn);
	assert_built("hashLookup");
	calls_lz_receive(&b, &p);
	assert_built("lzReceive");
	calls_inbound_payload_hash(&b, &p);
	assert_built("inboundPayloadHash");
	calls_lazy_inbound_nonce(&b, &p);
	assert_built("lazyInboundNonce");
	calls_inbound_nonce(&b, &p);
	assert_built("inboundNonce");
	calls_outbound_nonce(&b, &p);
	assert_built("outboundNonce");
	calls_clear(&b, &p);
	assert_built("clear");
	calls_skip(&b, &p);
	assert_built("skip");
	calls_nilify(&b, &p, &payload_hash);
	assert_built("nilify");
	calls_burn(&b, &p, &payload_hash);
	assert_built("burn");
	arena_destroy(a);
}
END_TEST

START_TEST(the_contracts_made_the_same)
{
	setup();
	const json_t *lz = vectors_load(a, "layerzero");
	struct packet p;
	ck_assert_int_eq(packet_decode(&p, vectors_get_bytes(a, vectors_get(lz, "packet"), "raw")),
			 ST_OK);
	struct hash payload_hash = packet_payload_hash(&p);
	uint8_t header[PACKET_HEADER_BYTES];
	packet_header(header, &p);
	calls_verify(&b, header, &payload_hash, 1);
	unit_assert_hex(a, buf_bytes(&b), vectors_text(vectors_get2(lz, "dvn", "callData")));
	b.n = 0;
	calls_commit_verification(&b, header, &payload_hash);
	unit_assert_hex(a, buf_bytes(&b),
			vectors_text(vectors_get2(lz, "calls", "commitVerification")));
	b.n = 0;
	calls_lz_receive(&b, &p);
	unit_assert_hex(a, buf_bytes(&b), vectors_text(vectors_get2(lz, "calls", "lzReceive")));
	arena_destroy(a);
}
END_TEST

START_TEST(a_wallet_says_yes_in_one_way_only)
{
	setup();
	struct hash digest = vectors_get_hash(v, "digest");
	calls_is_valid_signature(&b, &digest, vectors_get_bytes(a, v, "signature"));
	assert_built("isValidSignature");
	uint8_t answer[64] = {0x16, 0x26, 0xba, 0x7e};
	for (size_t n = 0; n < 32; n++)
		ck_assert(!calls_is_valid_signature_answer(bytes_of(answer, n)));
	ck_assert(calls_is_valid_signature_answer(bytes_of(answer, 32)));
	ck_assert(calls_is_valid_signature_answer(bytes_of(answer, 64)));
	for (size_t bit = 0; bit < 256; bit++) {
		answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!calls_is_valid_signature_answer(bytes_of(answer, 32)));
		answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	arena_destroy(a);
}
END_TEST

SUITE("chain/calls", selectors_are_the_hash_of_their_signature, messenger_calls,
      send_many_reads_back, batcher_and_dvn_calls, endpoint_and_library_calls,
      the_contracts_made_the_same, a_wallet_says_yes_in_one_way_only)
