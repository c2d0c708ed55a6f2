/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool addr_is_zero(const struct addr *a)
{
	static const struct addr zero;
	return addr_equal(a, &zero);
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool hash_is_zero(const struct hash *h)
{
	static const struct hash zero;
	return hash_equal(h, &zero);
}

struct addr addr_of_hash(const struct hash *word)
{
	struct addr a;
	memcpy(a.b, word->b + 12, sizeof a.b);
	return a;
}

struct hash hash_of_addr(const struct addr *a)
{
	struct hash word = {{0}};
	memcpy(word.b + 12, a->b, sizeof a->b);
	return word;
}

void buf_init(struct buf *b, struct arena *a, size_t max)
{
	*b = (struct buf){.arena = a, .max = max};
}

uint8_t *buf_room(struct buf *b, size_t n)
{
	if (b->overflow || n > b->max || b->n > b->max - n) {
		b->overflow = true;
		return NULL;
	}
	if (b->n + n > b->room) {
		size_t room = b->room * 2 > b->n + n ? b->room * 2 : b->n + n;
		if (room < 64)
			room = 64;
		uint8_t *p = arena_alloc(b->arena, room);
		if (b->n)
			memcpy(p, b->p, b->n);
		b->p = p;
		b->room = room;
	}
	uint8_t *at = b->p + b->n;
	b->n += n;
	return at;
}

void buf_reserve(struct buf *b, size_t n)
{
	size_t had = b->n;
	if (buf_room(b, n))
		b->n = had;
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
	uint8_t *at = buf_room(b, n);
	if (at && n) /* an empty buffer has no memory yet */
		memset(at, 0, n);
	return at;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *at = buf_room(b, n);
	if (at && n)
		memcpy(at, p, n);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	char small[512];
	va_list ap;
	va_start(ap, fmt);
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n < sizeof small)
		buf_put(b, small, (size_t)n);
	else
		buf_put(b, arena_vprintf(b->arena, fmt, again), (size_t)n);
	va_end(again);
}

struct bytes buf_bytes(const struct buf *b)
{
	return (struct bytes){b->p, b->n};
}

const char *buf_text(struct buf *b)
{
	return arena_strndup(b->arena, b->p ? (const char *)b->p : "", b->n);
}

void hex_digits(char *out, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
}

char *hex_encode(struct arena *a, const void *p, size_t n)
{
	char *s = arena_alloc(a, 2 * n + 3);
	s[0] = '0';
	s[1] = 'x';
	hex_digits(s + 2, p, n);
	return s;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode_fixed(const char *s, size_t s_len, uint8_t *out, size_t n)
{
	if (s_len != 2 * n + 2 || s[0] != '0' || s[1] != 'x')
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(s[2 + 2 * i]);
		int lo = hex_value(s[3 + 2 * i]);
		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

bool hex_decode(struct arena *a, const char *s, size_t s_len, size_t n_max, struct bytes *out)
{
	if (s_len < 2 || s_len % 2 != 0 || (s_len - 2) / 2 > n_max)
		return false;
	size_t n = (s_len - 2) / 2;
	uint8_t *p = arena_alloc(a, n);
	if (!hex_decode_fixed(s, s_len, p, n))
		return false;
	*out = (struct bytes){p, n};
	return true;
}
