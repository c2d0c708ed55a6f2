/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/rlp.h"

#include <assert.h>

struct rlp_reader rlp_read(struct bytes in)
{
	return (struct rlp_reader){.p = in.p, .end = in.n ? in.p + in.n : in.p};
}

bool rlp_more(const struct rlp_reader *r)
{
	return !r->bad && r->p != r->end;
}

enum status rlp_done(const struct rlp_reader *r)
{
	return !r->bad && r->p == r->end ? ST_OK : ST_INVALID;
}

static struct rlp_item rlp_fail(struct rlp_reader *r)
{
	r->bad = true;
	return (struct rlp_item){.is_list = false};
}

/* The length after a long header; false unless it is minimal and above 55. */
static bool rlp_long_length(size_t *out, const uint8_t *p, size_t length_bytes, size_t left)
{
	if (length_bytes > left || length_bytes > 4 || p[0] == 0)
		return false;
	size_t n = 0;
	for (size_t i = 0; i < length_bytes; i++)
		n = n << 8 | p[i];
	*out = n;
	return n > 55;
}

struct rlp_item rlp_next(struct rlp_reader *r)
{
	if (!rlp_more(r))
		return rlp_fail(r);
	const uint8_t *start = r->p;
	size_t left = (size_t)(r->end - start);
	uint8_t first = start[0];
	bool is_list = first >= 0xc0;
	size_t header = 1;
	size_t n;
	if (first < 0x80) {
		header = 0;
		n = 1;
	} else {
		n = (size_t)first - (is_list ? 0xc0 : 0x80);
		if (n > 55) {
			size_t length_bytes = n - 55;
			if (!rlp_long_length(&n, start + 1, length_bytes, left - 1))
				return rlp_fail(r);
			header += length_bytes;
		}
	}
	if (n > left - header)
		return rlp_fail(r);
	if (first == 0x81 && start[1] < 0x80)
		return rlp_fail(r);
	r->p = start + header + n;
	return (struct rlp_item){
		.is_list = is_list,
		.body = {start + header, n},
		.whole = {start, header + n},
	};
}

struct bytes rlp_next_bytes(struct rlp_reader *r, size_t max)
{
	struct rlp_item item = rlp_next(r);
	if (!r->bad && !item.is_list && item.body.n <= max)
		return item.body;
	r->bad = true;
	return (struct bytes){NULL, 0};
}

void rlp_next_fixed(struct rlp_reader *r, uint8_t *out, size_t n)
{
	struct bytes s = rlp_next_bytes(r, n);
	if (s.n != n)
		r->bad = true;
	if (r->bad)
		memset(out, 0, n);
	else if (n)
		memcpy(out, s.p, n);
}

struct u256 rlp_next_u256(struct rlp_reader *r)
{
	struct bytes s = rlp_next_bytes(r, 32);
	if (s.n > 0 && s.p[0] == 0)
		r->bad = true;
	return u256_of_be(s.p, r->bad ? 0 : s.n);
}

uint64_t rlp_next_u64(struct rlp_reader *r)
{
	struct u256 v = rlp_next_u256(r);
	if (!u256_fits(v, 64))
		r->bad = true;
	return r->bad ? 0 : v.limb[0];
}

struct rlp_reader rlp_next_list(struct rlp_reader *r)
{
	struct rlp_item item = rlp_next(r);
	if (!item.is_list)
		r->bad = true;
	struct rlp_reader inner = rlp_read(r->bad ? (struct bytes){NULL, 0} : item.body);
	inner.bad = r->bad;
	return inner;
}

void rlp_close(struct rlp_reader *outer, const struct rlp_reader *inner)
{
	if (rlp_done(inner) != ST_OK)
		outer->bad = true;
}

struct rlp_reader rlp_read_list(struct bytes in)
{
	struct rlp_reader outer = rlp_read(in);
	struct rlp_reader inner = rlp_next_list(&outer);
	if (rlp_done(&outer) != ST_OK)
		inner.bad = true;
	return inner;
}

static size_t rlp_length_bytes(size_t n)
{
	size_t bytes = 0;
	for (; n > 0; n >>= 8)
		bytes++;
	return bytes;
}

size_t rlp_header_bytes(size_t n)
{
	return n <= 55 ? 1 : 1 + rlp_length_bytes(n);
}

/* Writes the header of a body of n bytes; base is 0x80 or 0xc0. */
static void rlp_write_header(uint8_t *out, size_t n, uint8_t base)
{
	if (n <= 55) {
		out[0] = (uint8_t)(base + n);
		return;
	}
	size_t length_bytes = rlp_length_bytes(n);
	out[0] = (uint8_t)(base + 55 + length_bytes);
	for (size_t i = 0; i < length_bytes; i++)
		out[1 + i] = (uint8_t)(n >> (8 * (length_bytes - 1 - i)));
}

void rlp_put_bytes(struct buf *b, struct bytes s)
{
	if (s.n == 1 && s.p[0] < 0x80) {
		buf_put(b, s.p, 1);
		return;
	}
	uint8_t *header = buf_extend(b, rlp_header_bytes(s.n));
	if (header)
		rlp_write_header(header, s.n, 0x80);
	buf_put(b, s.p, s.n);
}

void rlp_put_u256(struct buf *b, struct u256 v)
{
	struct hash word = u256_to_hash(v);
	size_t zeros = 0;
	while (zeros < sizeof word.b && word.b[zeros] == 0)
		zeros++;
	rlp_put_bytes(b, (struct bytes){word.b + zeros, sizeof word.b - zeros});
}

void rlp_put_u64(struct buf *b, uint64_t v)
{
	rlp_put_u256(b, u256_of_u64(v));
}

size_t rlp_list_begin(struct buf *b)
{
	return b->n;
}

void rlp_list_end(struct buf *b, size_t mark)
{
	assert(mark <= b->n);
	size_t n = b->n - mark;
	size_t header = rlp_header_bytes(n);
	if (!buf_extend(b, header))
		return;
	if (n)
		memmove(b->p + mark + header, b->p + mark, n);
	rlp_write_header(b->p + mark, n, 0xc0);
}
