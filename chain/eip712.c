/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/eip712.h"

#include <assert.h>

#include "chain/keccak.h"

static const char eip712_domain_type[] =
	"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
static const char eip712_send_type[] =
	"Send(uint32 dstEid,bytes32 receiver,bytes payload,uint128 gasLimit,uint128 value,"
	"bytes32 orderingKey,uint256 nonce,uint256 deadline)";

static struct hash eip712_text_hash(const char *s)
{
	return keccak256(s, strlen(s));
}

struct hash eip712_domain(uint64_t chain_id, const struct addr *messenger)
{
	struct hash words[] = {
		eip712_text_hash(eip712_domain_type), eip712_text_hash("Ferry"),
		eip712_text_hash("1"),                u256_to_hash(u256_of_u64(chain_id)),
		hash_of_addr(messenger),
	};
	return keccak256(words, sizeof words);
}

struct hash eip712_send_hash(const struct eip712_send *send)
{
	assert(u256_fits(send->gas_limit, 128));
	assert(u256_fits(send->value, 128));
	struct hash words[] = {
		eip712_text_hash(eip712_send_type),
		u256_to_hash(u256_of_u64(send->dst_eid)),
		send->receiver,
		keccak256_bytes(send->payload),
		u256_to_hash(send->gas_limit),
		u256_to_hash(send->value),
		send->ordering_key,
		u256_to_hash(send->nonce),
		u256_to_hash(send->deadline),
	};
	return keccak256(words, sizeof words);
}

struct hash eip712_digest(const struct hash *domain, const struct hash *struct_hash)
{
	uint8_t text[2 + 32 + 32] = {0x19, 0x01};
	memcpy(text + 2, domain->b, 32);
	memcpy(text + 34, struct_hash->b, 32);
	return keccak256(text, sizeof text);
}
