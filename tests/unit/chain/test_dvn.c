/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/dvn.h"

#include "chain/calls.h"
#include "tests/unit/chain/vectors.h"

START_TEST(agrees_with_the_contract)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "layerzero"), "dvn");
	struct addr target = vectors_get_addr(v, "target");
	struct bytes call_data = vectors_get_bytes(a, v, "callData");
	uint32_t vid = (uint32_t)vectors_get_u64(v, "vid");
	uint64_t expiration = vectors_get_u64(v, "expiration");
	struct hash h = dvn_call_hash(vid, &target, expiration, call_data);
	unit_assert_hex(a, bytes_of(h.b, 32), vectors_text(vectors_get(v, "hashCallData")));
	struct hash digest = dvn_digest(&h);
	unit_assert_hex(a, bytes_of(digest.b, 32),
			vectors_text(vectors_get(v, "ethSignedDigest")));
	struct dvn_signature sigs[3];
	size_t n = 0;
	size_t i;
	const json_t *row;
	json_array_foreach(vectors_get(v, "signers"), i, row) {
		sigs[n].signer = vectors_get_addr(row, "address");
		vectors_fixed(sigs[n].rsv, 65, vectors_get(row, "signature"));
		struct addr got;
		ck_assert_int_eq(secp_recover(&got, &digest, sigs[n].rsv), ST_OK);
		unit_assert_addr_eq(got, sigs[n].signer);
		n++;
	}
	ck_assert_uint_eq(n, 2);
	struct dvn_signature swapped[] = {sigs[1], sigs[0]};
	struct bytes joined;
	ck_assert_int_eq(dvn_signatures_join(a, &joined, swapped, 2, 2), ST_OK);
	unit_assert_hex(a, joined, vectors_text(vectors_get(v, "signatures")));
	struct calls_execute_param param = {vid, target, call_data, expiration, joined};
	struct buf b;
	buf_init(&b, a, 4096);
	calls_execute(&b, &param, 1);
	unit_assert_hex(a, buf_bytes(&b), vectors_text(vectors_get(v, "executeCalldata")));
	arena_destroy(a);
}
END_TEST

START_TEST(exactly_a_quorum_of_different_signers_ascending)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct dvn_signature sigs[] = {
		{.signer = {{9}}, .rsv = {9}}, {.signer = {{3}}, .rsv = {3}},
		{.signer = {{3}}, .rsv = {3}}, {.signer = {{0xff}}, .rsv = {0xff}},
	};
	struct bytes joined;
	ck_assert_int_eq(dvn_signatures_join(a, &joined, sigs, 4, 2), ST_OK);
	ck_assert_uint_eq(joined.n, 130);
	ck_assert_uint_eq(joined.p[0], 3);
	ck_assert_uint_eq(joined.p[65], 9);
	ck_assert_int_eq(dvn_signatures_join(a, &joined, sigs, 4, 3), ST_OK);
	ck_assert_uint_eq(joined.p[130], 0xff);
	ck_assert_int_eq(dvn_signatures_join(a, &joined, sigs, 4, 4), ST_PRECONDITION);
	ck_assert_int_eq(dvn_signatures_join(a, &joined, sigs, 1, 2), ST_PRECONDITION);
	ck_assert_int_eq(dvn_signatures_join(a, &joined, NULL, 0, 1), ST_PRECONDITION);
	arena_destroy(a);
}
END_TEST

SUITE("chain/dvn", agrees_with_the_contract, exactly_a_quorum_of_different_signers_ascending)
