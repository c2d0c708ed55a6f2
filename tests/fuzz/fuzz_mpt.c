/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs whose hashes are made to fit, so that the walk goes deep into hostile nodes; and roots of
 * lists, where every value must be provable in a trie of its own.
 *
 * Input: byte 0 the length of the key, the key, then nodes: each a length byte pair and its bytes.
 * In a node, 32 bytes of 0xee are replaced by the hash of the node after it.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/keccak.h"
#include "chain/mpt.h"

static size_t read_nodes(struct arena *a, struct bytes *nodes, struct bytes in)
{
	size_t n = 0;
	while (in.n >= 2 && n < MPT_PROOF_NODES_MAX + 1) {
		size_t length = (size_t)in.p[0] << 8 | in.p[1];
		length = length < in.n - 2 ? length : in.n - 2;
		nodes[n].p = arena_copy(a, in.p + 2, length);
		nodes[n++].n = length;
		in.p += 2 + length;
		in.n -= 2 + length;
	}
	return n;
}

static void link_nodes(struct bytes *nodes, size_t n)
{
	static const uint8_t mark[32] = {
		0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
		0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
		0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
	};
	for (size_t i = n; i-- > 1;) {
		struct hash h = keccak256_bytes(nodes[i]);
		uint8_t *parent = (uint8_t *)(uintptr_t)nodes[i - 1].p;
		for (size_t at = 0; at + 32 <= nodes[i - 1].n; at++)
			if (memcmp(parent + at, mark, 32) == 0)
				memcpy(parent + at, h.b, 32);
	}
}

static void prove(struct arena *a, struct bytes key, struct bytes in)
{
	struct bytes *nodes = arena_array(a, MPT_PROOF_NODES_MAX + 1, sizeof *nodes);
	size_t n = read_nodes(a, nodes, in);
	link_nodes(nodes, n);
	struct hash root = n ? keccak256_bytes(nodes[0]) : MPT_EMPTY_ROOT;
	struct bytes value;
	if (mpt_prove(&value, &root, key, nodes, n) == ST_OK && value.n > 0) {
		bool inside = false;
		for (size_t i = 0; i < n; i++)
			inside |= fuzz_inside(value, nodes[i].p, nodes[i].n);
		fuzz_check(inside);
	}
}

static void root_of_list(struct arena *a, struct bytes in)
{
	enum { VALUES_MAX = 2000 };
	struct bytes *values = arena_array(a, VALUES_MAX, sizeof *values);
	size_t n = 0;
	for (size_t at = 0; at < in.n && n < VALUES_MAX; n++) {
		size_t length = 1 + in.p[at] % 80;
		length = length < in.n - at ? length : in.n - at;
		values[n] = bytes_of(in.p + at, length);
		at += length;
	}
	struct hash root = mpt_root(a, values, n);
	struct hash again = mpt_root(a, values, n);
	fuzz_check(hash_equal(&root, &again));
	fuzz_check((n == 0) == hash_equal(&root, &MPT_EMPTY_ROOT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	size_t key_n = data[0];
	if (key_n > 32)
		root_of_list(a, bytes_of(data + 1, size - 1));
	else if (size > key_n)
		prove(a, bytes_of(data + 1, key_n), bytes_of(data + 1 + key_n, size - 1 - key_n));
	arena_destroy(a);
	return 0;
}
