/* SPDX-License-Identifier: Apache-2.0
 *
 * The committee: k of n keys put their name to a packet, for DVN.execute. Nothing is signed that was
 * not written down first (storage/attestation.h); the caller sees to that.
 */
#ifndef FERRY_RELAY_COMMITTEE_H
#define FERRY_RELAY_COMMITTEE_H

#include "chain/calls.h"
#include "relay/world.h"

/* One ReceiveUln302.verify(header, payload_hash, confirmations) for the chain's DVN, signed by the quorum.
 * Does not block. ST_PRECONDITION when there are fewer keys than the quorum. */
MUST_USE enum status committee_sign(struct ctx *cx, const struct world *world,
				    const struct world_chain *chain, const uint8_t *header,
				    const struct hash *payload_hash, uint64_t confirmations,
				    uint64_t expiration, struct calls_execute_param *out);

#endif
