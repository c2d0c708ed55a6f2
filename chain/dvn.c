/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/dvn.h"

#include <stdlib.h>

#include "chain/keccak.h"

struct hash dvn_call_hash(uint32_t vid, const struct addr *target, uint64_t expiration,
			  struct bytes call_data)
{
	uint8_t head[4 + 20 + 32];
	u256_to_be(head, 4, u256_of_u64(vid));
	memcpy(head + 4, target->b, 20);
	u256_to_be(head + 24, 32, u256_of_u64(expiration));
	struct keccak k;
	keccak_init(&k);
	keccak_update(&k, head, sizeof head);
	keccak_update(&k, call_data.p, call_data.n);
	return keccak_final(&k);
}

struct hash dvn_digest(const struct hash *call_hash)
{
	static const char prefix[] = "\x19" "Ethereum Signed Message:\n32";
	uint8_t text[sizeof prefix - 1 + 32];
	memcpy(text, prefix, sizeof prefix - 1);
	memcpy(text + sizeof prefix - 1, call_hash->b, 32);
	return keccak256(text, sizeof text);
}

static int dvn_signature_cmp(const void *a, const void *b)
{
	const struct dvn_signature *x = a;
	const struct dvn_signature *y = b;
	return memcmp(x->signer.b, y->signer.b, sizeof x->signer.b);
}

enum status dvn_signatures_join(struct arena *a, struct bytes *out, struct dvn_signature *sigs,
				size_t n, unsigned quorum)
{
	if (n > 1)
		qsort(sigs, n, sizeof *sigs, dvn_signature_cmp);
	uint8_t *joined = arena_array(a, quorum, SECP_SIGNATURE_BYTES);
	unsigned taken = 0;
	for (size_t i = 0; i < n && taken < quorum; i++) {
		if (i > 0 && addr_equal(&sigs[i].signer, &sigs[i - 1].signer))
			continue;
		memcpy(joined + taken * SECP_SIGNATURE_BYTES, sigs[i].rsv, SECP_SIGNATURE_BYTES);
		taken++;
	}
	if (taken < quorum)
		return ST_PRECONDITION;
	*out = (struct bytes){joined, (size_t)quorum * SECP_SIGNATURE_BYTES};
	return ST_OK;
}
