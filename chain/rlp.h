/* SPDX-License-Identifier: Apache-2.0
 *
 * RLP, canonical only: a length that is longer than needed, a single byte below 0x80 that is
 * wrapped, a number with a leading zero are all refused, as are bytes past the end.
 *
 * A reader remembers that something was wrong and gives zeros from then on, so that a decoder is
 * a list of reads and one question at the end (rlp_done). Nothing is copied: spans point into the
 * input.
 */
#ifndef FERRY_CHAIN_RLP_H
#define FERRY_CHAIN_RLP_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

struct rlp_reader {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

struct rlp_item {
	bool is_list;
	struct bytes body;  /* the string, or the items of the list */
	struct bytes whole; /* with its header */
};

/* Items one after another, as they stand in `in`. */
struct rlp_reader rlp_read(struct bytes in);
/* The items of the one list that `in` consists of. */
struct rlp_reader rlp_read_list(struct bytes in);
/* True while there is another item and nothing was wrong. */
bool rlp_more(const struct rlp_reader *r);
/* ST_OK when everything was read and well formed, else ST_INVALID. */
MUST_USE enum status rlp_done(const struct rlp_reader *r);

struct rlp_item rlp_next(struct rlp_reader *r);
/* A string of at most max bytes. */
struct bytes rlp_next_bytes(struct rlp_reader *r, size_t max);
/* A string of exactly n bytes. */
void rlp_next_fixed(struct rlp_reader *r, uint8_t *out, size_t n);
uint64_t rlp_next_u64(struct rlp_reader *r);
struct u256 rlp_next_u256(struct rlp_reader *r);
/* A list; read it, then rlp_close(outer, &inner) carries its error outwards. */
struct rlp_reader rlp_next_list(struct rlp_reader *r);
void rlp_close(struct rlp_reader *outer, const struct rlp_reader *inner);

void rlp_put_bytes(struct buf *b, struct bytes s);
void rlp_put_u64(struct buf *b, uint64_t v);
void rlp_put_u256(struct buf *b, struct u256 v);
/* A list around what is written between the two: mark = begin; put...; end(b, mark). They nest. */
size_t rlp_list_begin(struct buf *b);
void rlp_list_end(struct buf *b, size_t mark);
/* Bytes of the header of a list, or of a string longer than one byte, with a body of n bytes. */
size_t rlp_header_bytes(size_t n);

#endif
