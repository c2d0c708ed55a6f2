/* SPDX-License-Identifier: Apache-2.0
 *
 * What an author signs: EIP-712, domain {name "Ferry", version "1", chainId, verifyingContract =
 * the source Messenger}, type
 *   Send(uint32 dstEid,bytes32 receiver,bytes payload,uint128 gasLimit,uint128 value,
 *        bytes32 orderingKey,uint256 nonce,uint256 deadline)
 */
#ifndef FERRY_CHAIN_EIP712_H
#define FERRY_CHAIN_EIP712_H

#include "base/bytes.h"
#include "chain/u256.h"

struct eip712_send {
	uint32_t dst_eid;
	struct hash receiver;
	struct bytes payload;
	struct u256 gas_limit; /* fits 128 bits, as value does (asserted) */
	struct u256 value;
	struct hash ordering_key;
	struct u256 nonce;
	struct u256 deadline; /* seconds since 1970 */
};

struct hash eip712_domain(uint64_t chain_id, const struct addr *messenger);
/* The struct hash: also the requestId of a signed item. */
struct hash eip712_send_hash(const struct eip712_send *send);
/* keccak(0x19 0x01 | domain | struct hash): what the signature is over. */
struct hash eip712_digest(const struct hash *domain, const struct hash *struct_hash);

#endif
