/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/messenger.h"

#include <assert.h>

#include "chain/keccak.h"

enum {
	MESSENGER_SIGNED = 1,
	MESSENGER_AUTHOR_AT = 2,
	MESSENGER_APP_ID_AT = 22,
	MESSENGER_REQUEST_ID_AT = 54,
	MESSENGER_RECEIVER_AT = 86,
	MESSENGER_GAS_LIMIT_AT = 118,
	MESSENGER_ORDERING_KEY_AT = 134,
	MESSENGER_SEQ_AT = 166,
};

enum status messenger_decode(struct messenger_message *out, struct bytes raw)
{
	if (raw.n < MESSENGER_HEADER_BYTES || raw.p[0] != MESSENGER_VERSION ||
	    raw.p[1] > MESSENGER_SIGNED)
		return ST_INVALID;
	const uint8_t *p = raw.p;
	*out = (struct messenger_message){
		.is_signed = p[1] == MESSENGER_SIGNED,
		.gas_limit = u256_of_be(p + MESSENGER_GAS_LIMIT_AT, 16),
		.seq = u256_of_be(p + MESSENGER_SEQ_AT, 8).limb[0],
		.payload = {p + MESSENGER_HEADER_BYTES, raw.n - MESSENGER_HEADER_BYTES},
	};
	memcpy(out->author.b, p + MESSENGER_AUTHOR_AT, 20);
	memcpy(out->app_id.b, p + MESSENGER_APP_ID_AT, 32);
	memcpy(out->request_id.b, p + MESSENGER_REQUEST_ID_AT, 32);
	memcpy(out->receiver.b, p + MESSENGER_RECEIVER_AT, 32);
	memcpy(out->ordering_key.b, p + MESSENGER_ORDERING_KEY_AT, 32);
	if (out->is_signed && !hash_is_zero(&out->app_id))
		return ST_INVALID;
	if ((out->seq == 0) != hash_is_zero(&out->ordering_key))
		return ST_INVALID;
	return ST_OK;
}

struct bytes messenger_encode(struct arena *a, const struct messenger_message *m)
{
	assert(u256_fits(m->gas_limit, 128));
	size_t n = MESSENGER_HEADER_BYTES + m->payload.n;
	uint8_t *p = arena_alloc(a, n);
	p[0] = MESSENGER_VERSION;
	p[1] = m->is_signed ? MESSENGER_SIGNED : 0;
	memcpy(p + MESSENGER_AUTHOR_AT, m->author.b, 20);
	memcpy(p + MESSENGER_APP_ID_AT, m->app_id.b, 32);
	memcpy(p + MESSENGER_REQUEST_ID_AT, m->request_id.b, 32);
	memcpy(p + MESSENGER_RECEIVER_AT, m->receiver.b, 32);
	u256_to_be(p + MESSENGER_GAS_LIMIT_AT, 16, m->gas_limit);
	memcpy(p + MESSENGER_ORDERING_KEY_AT, m->ordering_key.b, 32);
	u256_to_be(p + MESSENGER_SEQ_AT, 8, u256_of_u64(m->seq));
	if (m->payload.n)
		memcpy(p + MESSENGER_HEADER_BYTES, m->payload.p, m->payload.n);
	return (struct bytes){p, n};
}

struct hash messenger_sequence_key(const struct messenger_message *m)
{
	struct hash words[4] = {{{0}}, hash_of_addr(&m->author), m->app_id, m->ordering_key};
	words[0].b[31] = m->is_signed;
	return keccak256(words, sizeof words);
}
