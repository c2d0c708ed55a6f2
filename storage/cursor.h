/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a chain has been worked through, and the hashes by which a reorganisation is seen.
 * Writes run inside a transaction that began with lease_fence. All block on SQL.
 */
#ifndef FERRY_STORAGE_CURSOR_H
#define FERRY_STORAGE_CURSOR_H

#include "storage/db.h"

enum { CURSOR_BLOCKS_KEPT = 2048 };

struct cursor_block {
	int64_t number;
	struct hash hash;
	int64_t time_s;
};

/* ST_NOT_FOUND: the chain was never looked at. */
MUST_USE enum status cursor_read(struct ctx *cx, struct db *db, int64_t eid, struct cursor_block *at);
/* Notes blocks as worked through, the last being the new position; head: what the node says. */
MUST_USE enum status cursor_advance(struct ctx *cx, struct db *db, int64_t eid,
				    const struct cursor_block *blocks, size_t n, int64_t head);
/* The kept hash of a block. ST_NOT_FOUND when it is not kept. */
MUST_USE enum status cursor_block_hash(struct ctx *cx, struct db *db, int64_t eid, int64_t number,
				       struct hash *out);
/* The time of a kept block; 0 when it is not kept. */
MUST_USE enum status cursor_block_time(struct ctx *cx, struct db *db, int64_t eid, int64_t number,
				       int64_t *time_s);
/* Forgets the blocks above `to`, which becomes the position. */
MUST_USE enum status cursor_rewind(struct ctx *cx, struct db *db, int64_t eid,
				   const struct cursor_block *to);
/* Why the chain is not followed now: a number of ferry.v1.Reason, 0 = it is. Outside transactions too. */
MUST_USE enum status cursor_problem(struct ctx *cx, struct db *db, int64_t eid, int64_t reason,
				    const char *detail);

#endif
