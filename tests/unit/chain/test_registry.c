/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/registry.h"

#include "chain/keccak.h"
#include "chain/revert.h"
#include "tests/unit/chain/identities.h"

enum { OPERATIONS = 15 };

static struct arena *a;
static const json_t *v; /* calls */
static struct identity_operation ops[OPERATIONS];
static struct identity_reg reg;
static struct buf b;

static void setup(void)
{
	a = arena_create(UNIT_ARENA_BYTES);
	const json_t *root = vectors_load(a, "identity");
	const json_t *rows = vectors_get(root, "operations");
	ck_assert_uint_eq(json_array_size(rows), OPERATIONS);
	v = vectors_get(root, "calls");
	for (size_t i = 0; i < OPERATIONS; i++)
		ops[i] = identities_operation(a, json_array_get(rows, i));
	reg = identities_reg(vectors_get(json_array_get(rows, 3), "reg"));
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

START_TEST(selectors_are_the_hash_of_their_signature)
{
	for (enum registry_method m = 0; m < REGISTRY_COUNT; m++) {
		const char *signature = registry_signature(m);
		struct hash h = keccak256(signature, strlen(signature));
		ck_assert_msg(u256_of_be(h.b, 4).limb[0] == registry_selector(m), "%s", signature);
	}
}
END_TEST

START_TEST(proxy_calls)
{
	setup();
	struct hash request_id = vectors_get_hash(v, "requestId");
	uint64_t take = vectors_get_u64(v, "take");
	size_t bytes = REGISTRY_SUBMIT_BYTES;
	for (size_t i = 0; i < OPERATIONS; i++)
		bytes += registry_operation_bytes(&ops[i]);
	registry_submit(&b, ops, OPERATIONS, take, &request_id);
	ck_assert_uint_eq(b.n, bytes);
	assert_built("submit");
	registry_submit(&b, NULL, 0, take, &request_id);
	ck_assert_uint_eq(b.n, REGISTRY_SUBMIT_BYTES);
	assert_built("submitNone");
	registry_check(&b, ops, OPERATIONS);
	assert_built("check");
	const json_t *wallet = vectors_get(v, "wallet");
	struct addr account = vectors_get_addr(wallet, "account");
	struct hash digest = vectors_get_hash(wallet, "digest");
	registry_check_signature(&b, &account, &digest, vectors_get_bytes(a, wallet, "signature"));
	assert_built("checkSignature");
	registry_quote(&b, vectors_get_u64(v, "written"));
	assert_built("quote");
	registry_hash_operation(&b, &ops[2]);
	assert_built("hashOperation");
	registry_answer_of(&b, vectors_get_u64(v, "batch"));
	assert_built("answerOf");
	registry_state_of(&b, &reg.subject);
	assert_built("stateOf");
	arena_destroy(a);
}
END_TEST

START_TEST(main_calls)
{
	setup();
	struct hash request_id = vectors_get_hash(v, "requestId");
	uint32_t src_eid = (uint32_t)vectors_get_u64(v, "srcEid");
	uint64_t batch = vectors_get_u64(v, "batch");
	struct hash path[3];
	for (size_t i = 0; i < 3; i++)
		path[i] = vectors_hash(json_array_get(vectors_get(v, "path"), i));
	registry_answer(&b, src_eid, batch, &request_id);
	assert_built("answer");
	registry_quote_answer(&b, src_eid, batch);
	assert_built("quoteAnswer");
	registry_is_member(&b, &reg, src_eid, batch, path, 3);
	assert_built("isMember");
	registry_is_member(&b, &reg, src_eid, batch, NULL, 0);
	assert_built("isMemberAlone");
	registry_claim(&b, &reg, src_eid, batch, path, 3);
	assert_built("claim");
	registry_root_of(&b, src_eid, batch);
	assert_built("rootOf");
	registry_identity_of(&b, &reg.subject);
	assert_built("identityOf");
	arena_destroy(a);
}
END_TEST

START_TEST(submit_reads_back)
{
	setup();
	struct hash request_id = vectors_get_hash(v, "requestId");
	registry_submit(&b, ops, OPERATIONS, 17, &request_id);
	struct bytes data = buf_bytes(&b);
	struct identity_operation *got;
	size_t n;
	uint64_t take;
	struct hash id;
	ck_assert_int_eq(registry_decode_submit(a, &got, &n, &take, &id, data, OPERATIONS), ST_OK);
	ck_assert_uint_eq(n, OPERATIONS);
	ck_assert_uint_eq(take, 17);
	unit_assert_hash_eq(id, request_id);
	struct buf again;
	buf_init(&again, a, 1 << 20);
	registry_submit(&again, got, n, take, &id);
	ck_assert(bytes_equal(buf_bytes(&again), data));
	ck_assert_int_eq(registry_decode_submit(a, &got, &n, &take, &id, data, OPERATIONS - 1),
			 ST_INVALID);
	for (size_t cut = 0; cut < data.n; cut++) {
		struct arena *small = arena_create(UNIT_ARENA_BYTES);
		ck_assert_int_eq(registry_decode_submit(small, &got, &n, &take, &id,
							bytes_of(data.p, cut), OPERATIONS),
				 cut < 4 ? ST_NOT_FOUND : ST_INVALID);
		arena_destroy(small);
	}
	b.p[0] ^= 1;
	ck_assert_int_eq(registry_decode_submit(a, &got, &n, &take, &id, data, OPERATIONS),
			 ST_NOT_FOUND);
	arena_destroy(a);
}
END_TEST

START_TEST(one_reason_and_nothing_else)
{
	setup();
	uint8_t word[33] = {0xab, 0x38, 0xb5, 0x07};
	uint32_t reason;
	ck_assert_int_eq(registry_decode_check_signature(&reason, bytes_of(word, 32)), ST_OK);
	ck_assert_str_eq(revert_name(a, bytes_of(word, 4)), "NoWallet");
	ck_assert_uint_eq(reason, 0xab38b507);
	for (size_t n = 0; n <= sizeof word; n++)
		if (n != 32)
			ck_assert_int_eq(registry_decode_check_signature(&reason, bytes_of(word, n)),
					 ST_INVALID);
	word[4] = 1;
	ck_assert_int_eq(registry_decode_check_signature(&reason, bytes_of(word, 32)), ST_INVALID);
	memset(word, 0, sizeof word);
	ck_assert_int_eq(registry_decode_check_signature(&reason, bytes_of(word, 32)), ST_OK);
	ck_assert_uint_eq(reason, 0);
	struct bytes wrapped = vectors_get_bytes(a, vectors_get(v, "wallet"), "signature");
	uint64_t gas = registry_check_signature_gas(wrapped);
	ck_assert_uint_ge(gas, REGISTRY_OPERATION_GAS + REGISTRY_DEPLOY_GAS + 40 * wrapped.n);
	wrapped.n--;
	ck_assert_uint_lt(registry_check_signature_gas(wrapped), gas - REGISTRY_DEPLOY_GAS);
	arena_destroy(a);
}
END_TEST

START_TEST(numbers_that_an_operation_cannot_hold_are_refused)
{
	/* Offsets of words in the first element: kind, version, home chain id, deadline. */
	static const size_t words[] = {0, 1, 3, 10};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		setup();
		struct hash request_id = {{1}};
		registry_submit(&b, ops, 1, 0, &request_id);
		b.p[REGISTRY_SUBMIT_BYTES + 32 + words[i] * 32 + 8] = 1;
		struct identity_operation *got;
		size_t n;
		uint64_t take;
		struct hash id;
		ck_assert_int_eq(registry_decode_submit(a, &got, &n, &take, &id, buf_bytes(&b), 9),
				 ST_INVALID);
		arena_destroy(a);
	}
	setup();
	struct identity_operation op = ops[0];
	struct hash request_id = {{1}};
	op.kind = (enum identity_kind)6;
	registry_submit(&b, &op, 1, 0, &request_id);
	struct identity_operation *got;
	size_t n;
	uint64_t take;
	ck_assert_int_eq(registry_decode_submit(a, &got, &n, &take, &request_id, buf_bytes(&b), 9),
			 ST_INVALID);
	arena_destroy(a);
}
END_TEST

START_TEST(reasons_are_read_strictly)
{
	setup();
	struct bytes answer = vectors_get_bytes(a, v, "answer");
	uint32_t reasons[4];
	ck_assert_int_eq(registry_decode_check(reasons, 3, answer), ST_OK);
	ck_assert_uint_eq(reasons[0], 0);
	ck_assert_uint_eq(reasons[1], 0x5cd5d233);
	ck_assert_uint_eq(reasons[2], 0xffffffff);
	ck_assert_int_eq(registry_decode_check(reasons, 2, answer), ST_INVALID);
	ck_assert_int_eq(registry_decode_check(reasons, 4, answer), ST_INVALID);
	for (size_t n = 0; n < answer.n; n++)
		ck_assert_int_eq(registry_decode_check(reasons, 3, bytes_of(answer.p, n)),
				 ST_INVALID);
	uint8_t *bent = arena_copy(a, answer.p, answer.n);
	bent[answer.n - 1] = 1; /* behind the fourth byte */
	ck_assert_int_eq(registry_decode_check(reasons, 3, bytes_of(bent, answer.n)), ST_INVALID);
	arena_destroy(a);
}
END_TEST

SUITE("chain/registry", selectors_are_the_hash_of_their_signature, proxy_calls, main_calls,
      one_reason_and_nothing_else, submit_reads_back, numbers_that_an_operation_cannot_hold_are_refused,
      reasons_are_read_strictly)
