/* SPDX-License-Identifier: Apache-2.0
 *
 * What the committee signs for DVN.execute, and how signatures are handed to it.
 */
#ifndef FERRY_CHAIN_DVN_H
#define FERRY_CHAIN_DVN_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/secp.h"
#include "chain/u256.h"

struct dvn_signature {
	struct addr signer;
	uint8_t rsv[SECP_SIGNATURE_BYTES];
};

/* keccak(vid u32 | target | expiration u256 | callData). Neither chain id nor DVN address is in it:
 * one vid a DVN, or signatures replay. */
struct hash dvn_call_hash(uint32_t vid, const struct addr *target, uint64_t expiration,
			  struct bytes call_data);
/* keccak("\x19Ethereum Signed Message:\n32" | call hash): what each signer signs. */
struct hash dvn_digest(const struct hash *call_hash);
/* Exactly `quorum` signatures one after another, ascending by signer, as the contract demands.
 * Sorts sigs in place; of more than enough the lowest signers are taken.
 *
 * Returns: ST_OK; ST_PRECONDITION with fewer than quorum different signers.
 */
MUST_USE enum status dvn_signatures_join(struct arena *a, struct bytes *out,
					 struct dvn_signature *sigs, size_t n, unsigned quorum);

#endif
