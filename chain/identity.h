/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities as the contracts see them: the subject, what an owner signs, the leaves of a batch and
 * their tree, and the two messages between a ProxyRegistry and the MainRegistry. Pure.
 *
 *   subject = keccak(abi.encode("ferry-identity", homeChainId, firstOwner, salt))
 *   leaf    = keccak(keccak(abi.encode(subject, owner, dataHash, version)))
 *   node    = keccak(smaller | larger); a node without a neighbour moves up unchanged
 */
#ifndef FERRY_CHAIN_IDENTITY_H
#define FERRY_CHAIN_IDENTITY_H

#include "base/bytes.h"
#include "base/status.h"

enum identity_kind {
	IDENTITY_REGISTER = 1,
	IDENTITY_UPDATE,
	IDENTITY_LINK,
	IDENTITY_ROTATE,
	IDENTITY_REVOKE,
};
enum {
	IDENTITY_OPERATIONS_MAX = 500, /* of one batch */
	IDENTITY_WRITTEN_MAX = 50,     /* of those, written to state on arrival */
	IDENTITY_ANSWERS_MAX = 32,     /* batches one answer speaks of */
	IDENTITY_PATH_MAX = 32,
	IDENTITY_SIGNATURE_BYTES_MAX = 8 * 1024, /* an ERC-1271 signature may be long */
};
/* "register"; kind is one of the five (asserted). */
const char *identity_kind_name(enum identity_kind kind);
/* false: no such kind. */
bool identity_kind_parse(enum identity_kind *out, const char *name);

/* ProxyRegistry.Operation. What a kind does not use is zero or empty. */
struct identity_operation {
	enum identity_kind kind;
	uint64_t version;
	bool eager;
	uint64_t home_chain_id;
	struct addr first_owner;
	struct hash salt;
	struct addr owner;    /* before the operation */
	struct addr account;  /* link: the account linked; rotate: the new owner */
	struct addr recovery; /* register, update */
	struct hash data_hash;
	uint64_t deadline; /* seconds since 1970 */
	struct bytes signature;
	struct bytes consent;
};

/* One registration as a batch and the MainRegistry hold it. */
struct identity_reg {
	struct hash subject;
	struct addr owner;
	struct hash data_hash;
	uint64_t version;
};

struct hash identity_subject(uint64_t home_chain_id, const struct addr *first_owner,
			     const struct hash *salt);
struct hash identity_operation_subject(const struct identity_operation *op);
/* What the operation leaves behind: rotate: the new owner; revoke: owner and data hash zero. */
struct identity_reg identity_operation_reg(const struct identity_operation *op);

/* EIP-712, type Operation(...), the domain being the proxy's chain and the ProxyRegistry. */
struct hash identity_operation_hash(const struct identity_operation *op, uint32_t main_eid);
struct hash identity_digest(uint64_t proxy_chain_id, const struct addr *proxy_registry,
			    uint32_t main_eid, const struct identity_operation *op);

/* keccak(abi.encode(document, encryption key, accounts)) */
struct hash identity_data_hash(const struct hash *document_hash, const struct hash *encryption_key,
			       const struct hash *accounts_hash);
/* Of CAIP-10 texts in the order proven. */
struct hash identity_accounts_hash(const char *const *accounts, size_t n);
enum { IDENTITY_KEY_ID_BYTES = 24 };
/* "x25519-" and the first 16 hex digits of the key's SHA-256, NUL-terminated. */
void identity_key_id(char out[IDENTITY_KEY_ID_BYTES], const struct hash *encryption_key);

/* --- The tree ----------------------------------------------------------------------------- */

struct hash identity_leaf(const struct identity_reg *reg);
/* n is not 0 (asserted). */
struct hash identity_tree_root(struct arena *a, const struct hash *leaves, size_t n);
/* The neighbours from the leaf up; returns how many. index < n (asserted). */
size_t identity_tree_path(struct arena *a, const struct hash *leaves, size_t n, size_t index,
			  struct hash path[IDENTITY_PATH_MAX]);
/* The root that a leaf and its path lead to. */
struct hash identity_path_root(const struct hash *leaf, const struct hash *path, size_t n);
/* keccak(abi.encode(Leaf[])): the dataHash of a batch. */
struct hash identity_regs_hash(const struct identity_reg *regs, size_t n);

/* --- Messages ----------------------------------------------------------------------------- */

/* A member that is written to state on arrival. */
struct identity_written {
	uint32_t index;
	enum identity_kind kind;
	uint64_t version;
	struct hash subject;
	struct addr first_owner;
	struct addr owner;     /* before */
	struct addr new_owner; /* after; revoke: zero */
	struct hash data_hash;
};
/* Proxy to main. */
struct identity_batch {
	uint64_t number;
	struct addr submitter;
	struct hash request_id;
	struct hash prev_root;
	struct hash root;
	uint32_t count;
	struct hash data_hash;
	const struct identity_written *written; /* index ascending */
	size_t written_n;
};
/* written in the arena. ST_INVALID: another version or type, a length that does not fit, a count of
 * 0 or above IDENTITY_OPERATIONS_MAX, indices that do not ascend or pass the count, unknown kinds. */
MUST_USE enum status identity_batch_decode(struct arena *a, struct identity_batch *out,
					   struct bytes raw);
struct bytes identity_batch_encode(struct arena *a, const struct identity_batch *batch);

/* What became of one batch. */
struct identity_answered {
	uint64_t number;
	struct hash root;
	uint32_t accepted;
	const uint32_t *rejected; /* indices, ascending */
	size_t rejected_n;
};
/* Main to proxy. */
struct identity_answer {
	struct hash request_id;
	const struct identity_answered *batches; /* number ascending */
	size_t batches_n;
};
/* As identity_batch_decode. */
MUST_USE enum status identity_answer_decode(struct arena *a, struct identity_answer *out,
					    struct bytes raw);
struct bytes identity_answer_encode(struct arena *a, const struct identity_answer *answer);

#endif
