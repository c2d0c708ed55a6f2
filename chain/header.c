/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/header.h"

#include <assert.h>

#include "chain/keccak.h"
#include "chain/rlp.h"

enum { HEADER_BYTES_MAX = 2048 + HEADER_EXTRA_BYTES_MAX };

static void header_put_hash(struct buf *b, const struct hash *h)
{
	rlp_put_bytes(b, bytes_of(h->b, sizeof h->b));
}

static void header_next_hash(struct rlp_reader *r, struct hash *h)
{
	rlp_next_fixed(r, h->b, sizeof h->b);
}

struct bytes header_encode(struct arena *a, const struct header *h)
{
	assert(h->extra.n <= HEADER_EXTRA_BYTES_MAX);
	struct buf b;
	buf_init(&b, a, HEADER_BYTES_MAX);
	size_t list = rlp_list_begin(&b);
	header_put_hash(&b, &h->parent_hash);
	header_put_hash(&b, &h->uncles_hash);
	rlp_put_bytes(&b, bytes_of(h->miner.b, sizeof h->miner.b));
	header_put_hash(&b, &h->state_root);
	header_put_hash(&b, &h->transactions_root);
	header_put_hash(&b, &h->receipts_root);
	rlp_put_bytes(&b, bytes_of(h->bloom, sizeof h->bloom));
	rlp_put_u256(&b, h->difficulty);
	rlp_put_u64(&b, h->number);
	rlp_put_u64(&b, h->gas_limit);
	rlp_put_u64(&b, h->gas_used);
	rlp_put_u64(&b, h->timestamp);
	rlp_put_bytes(&b, h->extra);
	header_put_hash(&b, &h->mix_hash);
	rlp_put_bytes(&b, bytes_of(h->nonce, sizeof h->nonce));
	if (h->fields >= HEADER_LONDON)
		rlp_put_u256(&b, h->base_fee);
	if (h->fields >= HEADER_SHANGHAI)
		header_put_hash(&b, &h->withdrawals_root);
	if (h->fields >= HEADER_CANCUN) {
		rlp_put_u64(&b, h->blob_gas_used);
		rlp_put_u64(&b, h->excess_blob_gas);
		header_put_hash(&b, &h->parent_beacon_root);
	}
	if (h->fields >= HEADER_PRAGUE)
		header_put_hash(&b, &h->requests_hash);
	rlp_list_end(&b, list);
	assert(!b.overflow);
	return buf_bytes(&b);
}

struct hash header_hash(struct arena *a, const struct header *h)
{
	return keccak256_bytes(header_encode(a, h));
}

/* The members that came with the forks, as many as there are. */
static void header_next_forks(struct rlp_reader *r, struct header *h)
{
	h->fields = HEADER_FRONTIER;
	if (!rlp_more(r))
		return;
	h->fields = HEADER_LONDON;
	h->base_fee = rlp_next_u256(r);
	if (!rlp_more(r))
		return;
	h->fields = HEADER_SHANGHAI;
	header_next_hash(r, &h->withdrawals_root);
	if (!rlp_more(r))
		return;
	h->fields = HEADER_CANCUN;
	h->blob_gas_used = rlp_next_u64(r);
	h->excess_blob_gas = rlp_next_u64(r);
	header_next_hash(r, &h->parent_beacon_root);
	if (!rlp_more(r))
		return;
	h->fields = HEADER_PRAGUE;
	header_next_hash(r, &h->requests_hash);
}

enum status header_decode(struct header *out, struct bytes rlp)
{
	struct header *h = out;
	*h = (struct header){.fields = HEADER_FRONTIER};
	struct rlp_reader r = rlp_read_list(rlp);
	header_next_hash(&r, &h->parent_hash);
	header_next_hash(&r, &h->uncles_hash);
	rlp_next_fixed(&r, h->miner.b, sizeof h->miner.b);
	header_next_hash(&r, &h->state_root);
	header_next_hash(&r, &h->transactions_root);
	header_next_hash(&r, &h->receipts_root);
	rlp_next_fixed(&r, h->bloom, sizeof h->bloom);
	h->difficulty = rlp_next_u256(&r);
	h->number = rlp_next_u64(&r);
	h->gas_limit = rlp_next_u64(&r);
	h->gas_used = rlp_next_u64(&r);
	h->timestamp = rlp_next_u64(&r);
	h->extra = rlp_next_bytes(&r, HEADER_EXTRA_BYTES_MAX);
	header_next_hash(&r, &h->mix_hash);
	rlp_next_fixed(&r, h->nonce, sizeof h->nonce);
	header_next_forks(&r, h);
	return rlp_done(&r);
}
