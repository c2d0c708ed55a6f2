/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/keccak.h"

#include <endian.h>
#include <nettle/sha3.h>

_Static_assert(sizeof(struct sha3_state) == 200, "lanes are nettle's state");

static void keccak_absorb(struct sha3_state *state, const uint8_t *block)
{
	for (size_t i = 0; i < KECCAK_RATE / 8; i++) {
		uint64_t lane;
		memcpy(&lane, block + 8 * i, 8);
		state->a[i] ^= le64toh(lane);
	}
	nettle_sha3_permute(state);
}

/* Pads what is left and takes the hash out. */
static struct hash keccak_finish(struct sha3_state *state, const uint8_t *rest, size_t n)
{
	uint8_t block[KECCAK_RATE] = {0};
	if (n)
		memcpy(block, rest, n);
	block[n] = 0x01;
	block[KECCAK_RATE - 1] |= 0x80;
	keccak_absorb(state, block);
	struct hash h;
	for (size_t i = 0; i < sizeof h.b / 8; i++) {
		uint64_t lane = htole64(state->a[i]);
		memcpy(h.b + 8 * i, &lane, 8);
	}
	return h;
}

struct hash keccak256(const void *p, size_t n)
{
	struct sha3_state state = {{0}};
	const uint8_t *at = p;
	for (; n >= KECCAK_RATE; at += KECCAK_RATE, n -= KECCAK_RATE)
		keccak_absorb(&state, at);
	return keccak_finish(&state, at, n);
}

void keccak_init(struct keccak *k)
{
	*k = (struct keccak){.used = 0};
}

void keccak_update(struct keccak *k, const void *p, size_t n)
{
	const uint8_t *at = p;
	struct sha3_state state;
	memcpy(&state, k->lanes, sizeof state);
	while (n > 0) {
		size_t take = KECCAK_RATE - k->used < n ? KECCAK_RATE - k->used : n;
		memcpy(k->block + k->used, at, take);
		k->used += take;
		at += take;
		n -= take;
		if (k->used == KECCAK_RATE) {
			keccak_absorb(&state, k->block);
			k->used = 0;
		}
	}
	memcpy(k->lanes, &state, sizeof state);
}

struct hash keccak_final(struct keccak *k)
{
	struct sha3_state state;
	memcpy(&state, k->lanes, sizeof state);
	return keccak_finish(&state, k->block, k->used);
}
