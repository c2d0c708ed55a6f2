/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte strings: borrowed spans, growing buffers with a maximum, the two fixed sizes everything
 * here is made of (20 and 32 bytes), and hex.
 */
#ifndef FERRY_BASE_BYTES_H
#define FERRY_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

/* A span somebody else owns. p may be NULL when n is 0. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

struct addr { uint8_t b[20]; }; /* an account or contract of an EVM chain */
struct hash { uint8_t b[32]; }; /* keccak output, bytes32, big-endian word */

static inline struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){p, n};
}
bool bytes_equal(struct bytes a, struct bytes b);
bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_is_zero(const struct addr *a);
bool hash_equal(const struct hash *a, const struct hash *b);
bool hash_is_zero(const struct hash *h);
/* The address in the low 20 bytes of a word, and back (left-padded). */
struct addr addr_of_hash(const struct hash *word);
struct hash hash_of_addr(const struct addr *a);

/* A buffer in an arena that grows up to `max`. Reaching it sets `overflow` and drops the write:
 * check once, at the end. */
struct buf {
	struct arena *arena;
	uint8_t *p;
	size_t n;
	size_t room;
	size_t max;
	bool overflow;
};
void buf_init(struct buf *b, struct arena *a, size_t max);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends n bytes that the caller writes and returns where they are; NULL when over the maximum. */
uint8_t *buf_room(struct buf *b, size_t n);
/* Room for n bytes more: what is appended next is not copied while it fits. Over the maximum: as if written. */
void buf_reserve(struct buf *b, size_t n);
/* As buf_room, the bytes zero. */
uint8_t *buf_extend(struct buf *b, size_t n);
struct bytes buf_bytes(const struct buf *b);
/* The text so far, NUL-terminated, in the arena. */
const char *buf_text(struct buf *b);

/* Lower-case, with 0x. */
char *hex_encode(struct arena *a, const void *p, size_t n);
/* Writes 2n digits, no 0x, no NUL. */
void hex_digits(char *out, const void *p, size_t n);
/* 0x and an even number of digits, upper or lower; at most n_max bytes. false: not that. */
bool hex_decode(struct arena *a, const char *s, size_t s_len, size_t n_max, struct bytes *out);
/* Exactly n bytes: 0x and 2n digits. */
bool hex_decode_fixed(const char *s, size_t s_len, uint8_t *out, size_t n);

#endif
