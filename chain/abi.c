/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/abi.h"

#include <assert.h>

void abi_put_selector(struct buf *b, uint32_t selector)
{
	uint8_t be[4];
	u256_to_be(be, sizeof be, u256_of_u64(selector));
	buf_put(b, be, sizeof be);
}

void abi_put_hash(struct buf *b, const struct hash *word)
{
	buf_put(b, word->b, sizeof word->b);
}

void abi_put_addr(struct buf *b, const struct addr *a)
{
	struct hash word = hash_of_addr(a);
	abi_put_hash(b, &word);
}

void abi_put_u256(struct buf *b, struct u256 v)
{
	struct hash word = u256_to_hash(v);
	abi_put_hash(b, &word);
}

void abi_put_u64(struct buf *b, uint64_t v)
{
	abi_put_u256(b, u256_of_u64(v));
}

void abi_put_bool(struct buf *b, bool v)
{
	abi_put_u64(b, v);
}

size_t abi_slot(struct buf *b)
{
	size_t slot = b->n;
	buf_extend(b, ABI_WORD);
	return slot;
}

void abi_tail(struct buf *b, size_t base, size_t slot)
{
	if (b->overflow)
		return;
	assert(base <= slot && slot + ABI_WORD <= b->n);
	u256_to_be(b->p + slot, ABI_WORD, u256_of_u64(b->n - base));
}

static size_t abi_padding(size_t n)
{
	return (ABI_WORD - n % ABI_WORD) % ABI_WORD;
}

void abi_put_bytes(struct buf *b, struct bytes data)
{
	abi_put_u64(b, data.n);
	buf_put(b, data.p, data.n);
	buf_extend(b, abi_padding(data.n));
}

size_t abi_bytes_size(size_t n)
{
	return ABI_WORD + n + abi_padding(n);
}

struct abi_reader abi_read(struct bytes in)
{
	return (struct abi_reader){.in = in};
}

enum status abi_done(const struct abi_reader *r)
{
	return r->bad ? ST_INVALID : ST_OK;
}

struct hash abi_next_hash(struct abi_reader *r)
{
	struct hash word = {{0}};
	if (r->bad || r->in.n - r->at < ABI_WORD) {
		r->bad = true;
		return word;
	}
	memcpy(word.b, r->in.p + r->at, ABI_WORD);
	r->at += ABI_WORD;
	return word;
}

struct u256 abi_next_u256(struct abi_reader *r)
{
	struct hash word = abi_next_hash(r);
	return u256_of_hash(&word);
}

/* A number below 2^bits; zero when it is not. */
static uint64_t abi_next_bits(struct abi_reader *r, unsigned bits)
{
	struct u256 v = abi_next_u256(r);
	if (u256_fits(v, bits))
		return v.limb[0];
	r->bad = true;
	return 0;
}

uint64_t abi_next_u64(struct abi_reader *r)
{
	return abi_next_bits(r, 64);
}

uint32_t abi_next_u32(struct abi_reader *r)
{
	return (uint32_t)abi_next_bits(r, 32);
}

bool abi_next_bool(struct abi_reader *r)
{
	return abi_next_bits(r, 1) != 0;
}

uint32_t abi_next_bytes4(struct abi_reader *r)
{
	struct hash word = abi_next_hash(r);
	for (size_t i = 4; i < sizeof word.b; i++)
		r->bad |= word.b[i] != 0;
	return r->bad ? 0 : (uint32_t)u256_of_be(word.b, 4).limb[0];
}

struct addr abi_next_addr(struct abi_reader *r)
{
	struct hash word = abi_next_hash(r);
	if (u256_fits(u256_of_hash(&word), 160))
		return addr_of_hash(&word);
	r->bad = true;
	return (struct addr){{0}};
}

/* What an offset word points at, to the end of the input. */
static struct bytes abi_next_tail(struct abi_reader *r)
{
	uint64_t offset = abi_next_u64(r);
	if (r->bad || offset % ABI_WORD != 0 || offset > r->in.n) {
		r->bad = true;
		return (struct bytes){NULL, 0};
	}
	return (struct bytes){r->in.p + offset, r->in.n - (size_t)offset};
}

struct bytes abi_next_bytes(struct abi_reader *r, size_t max)
{
	struct abi_reader tail = abi_read(abi_next_tail(r));
	uint64_t n = abi_next_u64(&tail);
	if (r->bad || tail.bad || n > max || n > tail.in.n - tail.at) {
		r->bad = true;
		return (struct bytes){NULL, 0};
	}
	struct bytes data = {tail.in.p + tail.at, (size_t)n};
	size_t padding = abi_padding(data.n);
	if (padding > tail.in.n - tail.at - data.n)
		r->bad = true;
	for (size_t i = 0; !r->bad && i < padding; i++)
		if (data.p[data.n + i] != 0)
			r->bad = true;
	return r->bad ? (struct bytes){NULL, 0} : data;
}

struct abi_reader abi_next_tuple(struct abi_reader *r)
{
	struct abi_reader inner = abi_read(abi_next_tail(r));
	inner.bad = r->bad;
	return inner;
}

struct abi_reader abi_next_array(struct abi_reader *r, size_t max, size_t *n)
{
	struct abi_reader tail = abi_next_tuple(r);
	uint64_t count = abi_next_u64(&tail);
	*n = 0;
	/* An element has one head word at least: a count above that is a lie, whatever max says. */
	if (tail.bad || count > max || count > (tail.in.n - tail.at) / ABI_WORD) {
		r->bad = true;
		return (struct abi_reader){.bad = true};
	}
	*n = (size_t)count;
	return abi_read((struct bytes){tail.in.p + tail.at, tail.in.n - tail.at});
}

void abi_close(struct abi_reader *outer, const struct abi_reader *inner)
{
	if (inner->bad)
		outer->bad = true;
}
