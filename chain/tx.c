/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/tx.h"

#include <assert.h>

#include "chain/keccak.h"
#include "chain/rlp.h"
#include "chain/secp.h"

enum { TX_TYPE = 2, TX_OVERHEAD_BYTES = 512 };

/* 0x02 | rlp [members, signature when there is one] */
static struct bytes tx_serialize(struct arena *a, const struct tx *tx,
				 const struct tx_signature *sig)
{
	struct buf b;
	buf_init(&b, a, tx->data.n + tx->access_list.n + TX_OVERHEAD_BYTES);
	buf_putc(&b, TX_TYPE);
	size_t list = rlp_list_begin(&b);
	rlp_put_u64(&b, tx->chain_id);
	rlp_put_u64(&b, tx->nonce);
	rlp_put_u256(&b, tx->max_priority_fee);
	rlp_put_u256(&b, tx->max_fee);
	rlp_put_u64(&b, tx->gas);
	rlp_put_bytes(&b, bytes_of(tx->to.b, tx->is_create ? 0 : sizeof tx->to.b));
	rlp_put_u256(&b, tx->value);
	rlp_put_bytes(&b, tx->data);
	size_t access = rlp_list_begin(&b);
	buf_put(&b, tx->access_list.p, tx->access_list.n);
	rlp_list_end(&b, access);
	if (sig) {
		assert(sig->y_parity <= 1);
		rlp_put_u64(&b, sig->y_parity);
		rlp_put_u256(&b, u256_of_hash(&sig->r));
		rlp_put_u256(&b, u256_of_hash(&sig->s));
	}
	rlp_list_end(&b, list);
	assert(!b.overflow);
	return buf_bytes(&b);
}

struct hash tx_signing_hash(struct arena *a, const struct tx *tx)
{
	return keccak256_bytes(tx_serialize(a, tx, NULL));
}

enum status tx_encode(struct arena *a, struct bytes *raw, struct hash *hash, const struct tx *tx,
		      const struct tx_signature *sig)
{
	if (tx->data.n > TX_RAW_BYTES_MAX || tx->access_list.n > TX_RAW_BYTES_MAX)
		return ST_TOO_LARGE;
	struct bytes out = tx_serialize(a, tx, sig);
	if (out.n > TX_RAW_BYTES_MAX)
		return ST_TOO_LARGE;
	*raw = out;
	*hash = keccak256_bytes(out);
	return ST_OK;
}

/* [[address, [key, ...]], ...]: the items as they stand. */
static struct bytes tx_next_access_list(struct rlp_reader *r)
{
	struct rlp_reader list = rlp_next_list(r);
	struct bytes items = {list.p, (size_t)(list.end - list.p)};
	while (rlp_more(&list)) {
		struct rlp_reader entry = rlp_next_list(&list);
		uint8_t address[20];
		rlp_next_fixed(&entry, address, sizeof address);
		struct rlp_reader keys = rlp_next_list(&entry);
		while (rlp_more(&keys)) {
			uint8_t key[32];
			rlp_next_fixed(&keys, key, sizeof key);
		}
		rlp_close(&entry, &keys);
		rlp_close(&list, &entry);
	}
	rlp_close(r, &list);
	return items;
}

enum status tx_decode(struct tx *tx, struct tx_signature *sig, struct bytes raw)
{
	if (raw.n < 1 || raw.n > TX_RAW_BYTES_MAX || raw.p[0] != TX_TYPE)
		return ST_INVALID;
	struct rlp_reader r = rlp_read_list((struct bytes){raw.p + 1, raw.n - 1});
	*tx = (struct tx){.is_create = false};
	tx->chain_id = rlp_next_u64(&r);
	tx->nonce = rlp_next_u64(&r);
	tx->max_priority_fee = rlp_next_u256(&r);
	tx->max_fee = rlp_next_u256(&r);
	tx->gas = rlp_next_u64(&r);
	struct bytes to = rlp_next_bytes(&r, sizeof tx->to.b);
	tx->is_create = to.n == 0;
	if (to.n == sizeof tx->to.b)
		memcpy(tx->to.b, to.p, to.n);
	else if (to.n != 0)
		return ST_INVALID;
	tx->value = rlp_next_u256(&r);
	tx->data = rlp_next_bytes(&r, TX_RAW_BYTES_MAX);
	tx->access_list = tx_next_access_list(&r);
	uint64_t y_parity = rlp_next_u64(&r);
	struct u256 sig_r = rlp_next_u256(&r);
	struct u256 sig_s = rlp_next_u256(&r);
	if (y_parity > 1)
		return ST_INVALID;
	*sig = (struct tx_signature){
		.r = u256_to_hash(sig_r),
		.s = u256_to_hash(sig_s),
		.y_parity = (uint8_t)y_parity,
	};
	return rlp_done(&r);
}

enum status tx_sender(struct arena *a, struct addr *from, const struct tx *tx,
		      const struct tx_signature *sig)
{
	uint8_t rsv[SECP_SIGNATURE_BYTES];
	memcpy(rsv, sig->r.b, 32);
	memcpy(rsv + 32, sig->s.b, 32);
	rsv[64] = (uint8_t)(27 + sig->y_parity);
	struct hash digest = tx_signing_hash(a, tx);
	return secp_recover(from, &digest, rsv);
}

/* EIP-7623's tokens: one a zero byte, four any other. */
static uint64_t tx_tokens(struct bytes data)
{
	uint64_t tokens = 0;
	for (size_t i = 0; i < data.n; i++)
		tokens += data.p[i] ? 4 : 1;
	return tokens;
}

uint64_t tx_gas_intrinsic(struct bytes data)
{
	return 21000 + 4 * tx_tokens(data);
}

uint64_t tx_gas_floor(struct bytes data)
{
	return 21000 + 10 * tx_tokens(data);
}
