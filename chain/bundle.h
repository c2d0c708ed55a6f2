/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof of a registration that needs nobody's word but a block hash of the main registry's chain:
 *
 *   reg -> leaf -> path -> root -> BatchAccepted in a receipt -> receiptsRoot -> header -> block hash
 *
 * As a text: the JSON of GET /v1/identities/{id}/proof with the member `evidence` (docs/PROOFS.md). Pure;
 * bundle_fetch.h makes the evidence from a node.
 */
#ifndef FERRY_CHAIN_BUNDLE_H
#define FERRY_CHAIN_BUNDLE_H

#include "base/bytes.h"
#include "base/ctx.h"
#include "chain/identity.h"
#include "chain/mpt.h"

enum {
	BUNDLE_TEXT_BYTES_MAX = 8 * 1024 * 1024,
	BUNDLE_NODE_BYTES_MAX = 3 * 1024 * 1024, /* a receipt with all its logs is in the last one */
	BUNDLE_HEADER_BYTES_MAX = 8 * 1024,
	BUNDLE_STEPS_MAX = 12,
};

/* What shows that the main registry took a batch. */
struct bundle_evidence {
	uint64_t block_number;
	struct hash block_hash;
	struct bytes header; /* RLP */
	uint64_t tx_index;
	struct bytes nodes[MPT_PROOF_NODES_MAX]; /* of the receipt in receiptsRoot, the root first */
	size_t nodes_n;
	uint32_t log_index; /* of BatchAccepted, in the receipt */
	/* Of the batch's message; the first two are in the receipt, too. */
	uint32_t count;
	struct hash request_id;
	struct hash prev_root;
	struct hash data_hash;
};

struct bundle {
	struct identity_reg reg;
	struct hash path[IDENTITY_PATH_MAX];
	size_t path_n;
	struct hash root;
	uint64_t batch_number;
	uint32_t src_eid;
	uint32_t dst_eid;
	struct addr main_registry;
	bool has_evidence;
	struct bundle_evidence evidence;
};

/* Reads the JSON; members that are not known are passed over. ST_INVALID says which is wrong. Spans are in
 * the cx's arena. */
MUST_USE enum status bundle_read(struct ctx *cx, struct bundle *out, struct bytes text);
/* The member `evidence` alone, an object, in the arena: for what answers with the rest already. */
struct bytes bundle_evidence_text(struct arena *a, const struct bundle_evidence *evidence);
/* The whole text. */
struct bytes bundle_text(struct arena *a, const struct bundle *bundle);

/* One step of the check, said in a sentence. */
struct bundle_step {
	bool holds;
	const char *text;
};
/* Checks everything against a block hash that the caller trusts; steps end with the first that does not
 * hold. main_registry: NULL when the caller takes the bundle's. Returns whether all hold. */
bool bundle_check(struct arena *a, const struct bundle *bundle, const struct hash *block_hash,
		  const struct addr *main_registry, struct bundle_step steps[BUNDLE_STEPS_MAX],
		  size_t *n);

#endif
