/* SPDX-License-Identifier: Apache-2.0
 *
 * The Merkle Patricia trie: roots of ordered lists (receipts, transactions), and proofs.
 */
#ifndef FERRY_CHAIN_MPT_H
#define FERRY_CHAIN_MPT_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

enum { MPT_PROOF_NODES_MAX = 65, MPT_VALUES_MAX = 1 << 20 };

/* keccak(0x80): the root of a trie without entries. */
extern const struct hash MPT_EMPTY_ROOT;

/* The root of the trie {rlp(i) -> values[i]}. No value is empty; n <= MPT_VALUES_MAX (asserted). */
struct hash mpt_root(struct arena *a, const struct bytes *values, size_t n);

/* The proof of values[index] in that trie, root first: *root, and how many nodes. index < n (asserted). */
size_t mpt_proof(struct arena *a, struct hash *root, struct bytes nodes[MPT_PROOF_NODES_MAX],
		 const struct bytes *values, size_t n, size_t index);

/* Follows a proof, root first, for a key that is already hashed where the trie hashes keys.
 *
 * Returns: ST_OK, *value in the nodes: the entry's bytes, or n == 0 when the trie proves that
 *          there is none; ST_INVALID when a node is not the one its parent names, is malformed,
 *          is missing, or is one too many.
 */
MUST_USE enum status mpt_prove(struct bytes *value, const struct hash *root, struct bytes key,
			       const struct bytes *nodes, size_t n);

/* The same in the trie of an ordered list. */
MUST_USE enum status mpt_prove_index(struct bytes *value, const struct hash *root, size_t index,
				     const struct bytes *nodes, size_t n);

struct mpt_account {
	uint64_t nonce;
	struct u256 balance;
	struct hash storage_root;
	struct hash code_hash;
};
/* eth_getProof's accountProof against a state root. Absent: ST_NOT_FOUND. */
MUST_USE enum status mpt_prove_account(struct mpt_account *out, const struct hash *state_root,
				       const struct addr *address, const struct bytes *nodes,
				       size_t n);
/* storageProof against the account's storage root. Absent means zero: ST_OK. */
MUST_USE enum status mpt_prove_storage(struct u256 *out, const struct hash *storage_root,
				       const struct hash *slot, const struct bytes *nodes,
				       size_t n);
/* The slot of mapping[key] when the mapping itself stands at `slot`. Nests. */
struct hash mpt_mapping_slot(const struct hash *key, const struct hash *slot);

#endif
