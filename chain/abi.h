/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract ABI. Writing is into a struct buf: words go to the head in order; for a dynamic
 * member reserve its offset word with abi_slot and, when the head is complete, write its tail
 * after abi_tail. `base` is where offsets count from: buf->n after the selector, or after the
 * length word of an array of dynamic tuples.
 *
 * Reading is strict: words that do not fit their type, offsets that are not multiples of 32, tails
 * that pass the end and padding that is not zero are refused. A reader remembers that something was
 * wrong and gives zeros from then on; ask abi_done at the end. Spans point into the input.
 */
#ifndef FERRY_CHAIN_ABI_H
#define FERRY_CHAIN_ABI_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

enum { ABI_WORD = 32 };

void abi_put_selector(struct buf *b, uint32_t selector);
void abi_put_hash(struct buf *b, const struct hash *word);
void abi_put_addr(struct buf *b, const struct addr *a);
void abi_put_u64(struct buf *b, uint64_t v);
void abi_put_u256(struct buf *b, struct u256 v);
void abi_put_bool(struct buf *b, bool v);
/* Reserves an offset word; returns where it is. */
size_t abi_slot(struct buf *b);
/* Points the slot at what is written next. */
void abi_tail(struct buf *b, size_t base, size_t slot);
/* Length word, data, padding. */
void abi_put_bytes(struct buf *b, struct bytes data);
/* What abi_put_bytes appends for n bytes. */
size_t abi_bytes_size(size_t n);

struct abi_reader {
	struct bytes in;
	size_t at;
	bool bad;
};

/* Reads a sequence of head words; offsets count from the start of `in`. */
struct abi_reader abi_read(struct bytes in);
/* Some member was wrong, or missing. */
MUST_USE enum status abi_done(const struct abi_reader *r);
struct hash abi_next_hash(struct abi_reader *r);
struct addr abi_next_addr(struct abi_reader *r);
uint64_t abi_next_u64(struct abi_reader *r);
uint32_t abi_next_u32(struct abi_reader *r);
struct u256 abi_next_u256(struct abi_reader *r);
bool abi_next_bool(struct abi_reader *r);
/* A bytes4, as a number: an error's selector. */
uint32_t abi_next_bytes4(struct abi_reader *r);
/* A `bytes` or `string` of at most max bytes, by its offset word. */
struct bytes abi_next_bytes(struct abi_reader *r, size_t max);
/* A dynamic tuple by its offset word; abi_close carries its error outwards. */
struct abi_reader abi_next_tuple(struct abi_reader *r);
/* An array by its offset word, at most max elements, each with at least one head word: *n elements
 * follow in the reader (heads of static elements, or offset words that count from there). */
struct abi_reader abi_next_array(struct abi_reader *r, size_t max, size_t *n);
void abi_close(struct abi_reader *outer, const struct abi_reader *inner);

#endif
