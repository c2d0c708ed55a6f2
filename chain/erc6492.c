/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/erc6492.h"

#include "chain/abi.h"

/* 0x64926492… */
static uint8_t magic_byte(size_t i)
{
	return i % 2 ? 0x92 : 0x64;
}

bool erc6492_is(struct bytes signature)
{
	if (signature.n < ERC6492_MAGIC_BYTES)
		return false;
	const uint8_t *tail = signature.p + signature.n - ERC6492_MAGIC_BYTES;
	for (size_t i = 0; i < ERC6492_MAGIC_BYTES; i++)
		if (tail[i] != magic_byte(i))
			return false;
	return true;
}

enum status erc6492_decode(struct erc6492 *out, struct bytes signature)
{
	memset(out, 0, sizeof *out);
	if (!erc6492_is(signature))
		return ST_INVALID;
	struct bytes body = bytes_of(signature.p, signature.n - ERC6492_MAGIC_BYTES);
	struct abi_reader r = abi_read(body);
	out->factory = abi_next_addr(&r);
	out->data = abi_next_bytes(&r, body.n);
	out->signature = abi_next_bytes(&r, body.n);
	return abi_done(&r);
}

void erc6492_encode(struct buf *b, const struct erc6492 *s)
{
	size_t base = b->n;
	abi_put_addr(b, &s->factory);
	size_t data = abi_slot(b);
	size_t signature = abi_slot(b);
	abi_tail(b, base, data);
	abi_put_bytes(b, s->data);
	abi_tail(b, base, signature);
	abi_put_bytes(b, s->signature);
	for (size_t i = 0; i < ERC6492_MAGIC_BYTES; i++)
		buf_put(b, &(uint8_t){magic_byte(i)}, 1);
}
