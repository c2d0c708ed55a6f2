/* SPDX-License-Identifier: Apache-2.0
 *
 * What the committee has put its name to. Written, and committed, before it signs: for one place on
 * a path (dst_eid, src_eid, sender, receiver, nonce) one payload, for ever, unless the attestation
 * was taken back on chain after a reorganisation. Runs inside a transaction that began with lease_fence.
 */
#ifndef FERRY_STORAGE_ATTESTATION_H
#define FERRY_STORAGE_ATTESTATION_H

#include "storage/db.h"

struct attestation {
	int64_t src_eid, dst_eid;
	struct hash sender, receiver;
	int64_t nonce;
	struct hash payload_hash, guid;
	int64_t src_block;
	struct hash src_block_hash;
};

/* Writes them down, and says for each whether it may be signed: the place is free or holds this very payload,
 * and the source block is still the one the observer has at its number.
 * Out: allowed[i]. */
MUST_USE enum status attestation_record(struct ctx *cx, struct db *db, const struct attestation *a,
					bool *allowed, size_t n);
/* Packets of dropped source blocks (storage/cursor.h notes which) that were attested and did not come again: to be
 * taken back on chain. At most 100. */
MUST_USE enum status attestation_dropped(struct ctx *cx, struct db *db, struct attestation **out, size_t *n,
					 int64_t dst_eid);
/* Marks them taken back (guids). */
MUST_USE enum status attestation_retract(struct ctx *cx, struct db *db, int64_t dst_eid,
					 const struct bytes *guids, size_t n);

#endif
