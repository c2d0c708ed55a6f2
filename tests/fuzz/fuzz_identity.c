/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between the registries, calldata of submit, answers of check: the first byte chooses.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/identity.h"
#include "chain/registry.h"

static void submit_round_trip(struct arena *a, struct bytes in)
{
	struct identity_operation *ops;
	struct identity_operation *again;
	size_t n;
	size_t m;
	uint64_t take;
	struct hash request_id;
	if (registry_decode_submit(a, &ops, &n, &take, &request_id, in,
				   REGISTRY_SUBMIT_OPERATIONS_MAX) != ST_OK)
		return;
	size_t bytes = REGISTRY_SUBMIT_BYTES;
	for (size_t i = 0; i < n; i++) {
		fuzz_check(fuzz_inside(ops[i].signature, in.p, in.n));
		fuzz_check(fuzz_inside(ops[i].consent, in.p, in.n));
		bytes += registry_operation_bytes(&ops[i]);
	}
	if (bytes > FUZZ_ARENA_BYTES / 8) /* tails may be shared in the input */
		return;
	struct buf b;
	buf_init(&b, a, bytes);
	registry_submit(&b, ops, n, take, &request_id);
	fuzz_check(!b.overflow && b.n == bytes);
	fuzz_check(registry_decode_submit(a, &again, &m, &take, &request_id, buf_bytes(&b), n) ==
		   ST_OK);
	fuzz_check(n == m);
	for (size_t i = 0; i < n; i++) {
		struct hash x = identity_operation_hash(&ops[i], 7);
		struct hash y = identity_operation_hash(&again[i], 7);
		fuzz_check(hash_equal(&x, &y));
		fuzz_check(bytes_equal(ops[i].signature, again[i].signature));
		fuzz_check(bytes_equal(ops[i].consent, again[i].consent));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct bytes in = {data + 1, size - 1};
	struct identity_batch batch;
	struct identity_answer answer;
	uint32_t reasons[16];
	switch (data[0] % 4) {
	case 0:
		if (identity_batch_decode(a, &batch, in) == ST_OK)
			fuzz_check(bytes_equal(identity_batch_encode(a, &batch), in));
		break;
	case 1:
		if (identity_answer_decode(a, &answer, in) == ST_OK)
			fuzz_check(bytes_equal(identity_answer_encode(a, &answer), in));
		break;
	case 2:
		submit_round_trip(a, in);
		break;
	default:
		if (registry_decode_check(reasons, data[0] >> 4, in) == ST_OK)
			fuzz_check(in.n >= 32 + 32 * (size_t)(data[0] >> 4));
		break;
	}
	arena_destroy(a);
	return 0;
}
