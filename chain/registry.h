/* SPDX-License-Identifier: Apache-2.0
 *
 * Calldata for ProxyRegistry and MainRegistry, and what their views answer. As chain/calls.h: builders
 * append to a struct buf and the *_bytes function says exactly how much:
 *   bytes of submit = REGISTRY_SUBMIT_BYTES + sum of registry_operation_bytes(op)
 */
#ifndef FERRY_CHAIN_REGISTRY_H
#define FERRY_CHAIN_REGISTRY_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/identity.h"
#include "chain/u256.h"

enum registry_method {
#define X(name, selector, signature) REGISTRY_##name,
#include "chain/registry.def"
#undef X
	REGISTRY_COUNT
};
uint32_t registry_selector(enum registry_method m);
/* "quote(uint256)" */
const char *registry_signature(enum registry_method m);

enum {
	REGISTRY_SUBMIT_BYTES = 4 + 3 * 32 + 32,
	REGISTRY_SUBMIT_OPERATIONS_MAX = 4 * IDENTITY_OPERATIONS_MAX, /* with skipped ones */
	/* ProxyRegistry's OPERATION_GAS, OPERATION_GAS_PER_BYTE, DEPLOY_GAS. */
	REGISTRY_OPERATION_GAS = 400000,
	REGISTRY_OPERATION_GAS_PER_BYTE = 40,
	REGISTRY_DEPLOY_GAS = 1500000,
};

/* --- ProxyRegistry ------------------------------------------------------------------------ */

/* take: at most so many queued operations join, after ops. */
void registry_submit(struct buf *b, const struct identity_operation *ops, size_t n, uint64_t take,
		     const struct hash *request_id);
size_t registry_operation_bytes(const struct identity_operation *op);
/* Reads the calldata of submit back, strictly. Out: *ops, *n in the arena; spans point into data.
 * ST_NOT_FOUND: another method. ST_INVALID: not well formed, more than n_max operations, or a
 * number that struct identity_operation cannot hold. */
MUST_USE enum status registry_decode_submit(struct arena *a, struct identity_operation **ops,
					    size_t *n, uint64_t *take, struct hash *request_id,
					    struct bytes data, size_t n_max);
/* Answers bytes4[]: registry_decode_check. */
void registry_check(struct buf *b, const struct identity_operation *ops, size_t n);
/* reasons[i]: 0 = fine, else the selector of a custom error. ST_INVALID: not exactly n of them. */
MUST_USE enum status registry_decode_check(uint32_t *reasons, size_t n, struct bytes answer);
/* Would an account's signature be taken? It is asked with registry_check_signature_gas at least:
 * the wallet of one that is wrapped (chain/erc6492.h) may have to be made first. */
void registry_check_signature(struct buf *b, const struct addr *account, const struct hash *digest,
			      struct bytes signature);
uint64_t registry_check_signature_gas(struct bytes signature);
/* Out: 0, or the selector of BadSignature, NoWallet, LowGas. */
MUST_USE enum status registry_decode_check_signature(uint32_t *reason, struct bytes answer);
/* The fee of a batch with `written` members that are written on arrival. */
void registry_quote(struct buf *b, uint64_t written);
void registry_hash_operation(struct buf *b, const struct identity_operation *op);
/* Answers (bytes32 root, uint32 accepted, uint32 rejected, bool known). */
void registry_answer_of(struct buf *b, uint64_t number);
/* Answers (address owner, uint64 version, bool revoked). */
void registry_state_of(struct buf *b, const struct hash *subject);

/* --- MainRegistry ------------------------------------------------------------------------- */

void registry_answer(struct buf *b, uint32_t src_eid, uint64_t up_to, const struct hash *request_id);
void registry_quote_answer(struct buf *b, uint32_t src_eid, uint64_t up_to);
void registry_is_member(struct buf *b, const struct identity_reg *reg, uint32_t src_eid,
			uint64_t batch, const struct hash *path, size_t path_n);
void registry_claim(struct buf *b, const struct identity_reg *reg, uint32_t src_eid, uint64_t batch,
		    const struct hash *path, size_t path_n);
/* Answers bytes32. */
void registry_root_of(struct buf *b, uint32_t src_eid, uint64_t batch);
/* Answers (address owner, bytes32 dataHash, uint64 version, bool revoked). */
void registry_identity_of(struct buf *b, const struct hash *subject);

#endif
