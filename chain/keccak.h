/* SPDX-License-Identifier: Apache-2.0
 *
 * Keccak-256 as Ethereum uses it (padding 0x01, not SHA-3's 0x06), over nettle's permutation.
 */
#ifndef FERRY_CHAIN_KECCAK_H
#define FERRY_CHAIN_KECCAK_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum { KECCAK_RATE = 136 };

struct hash keccak256(const void *p, size_t n);
static inline struct hash keccak256_bytes(struct bytes b)
{
	return keccak256(b.p, b.n);
}

/* The same in pieces: init, update any number of times, final once. */
struct keccak {
	uint64_t lanes[25];
	uint8_t block[KECCAK_RATE];
	size_t used;
};
void keccak_init(struct keccak *k);
void keccak_update(struct keccak *k, const void *p, size_t n);
struct hash keccak_final(struct keccak *k);

#endif
