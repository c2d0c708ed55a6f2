/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/committee.h"

#include "chain/dvn.h"

enum status committee_sign(struct ctx *cx, const struct world *world, const struct world_chain *chain,
			   const uint8_t *header, const struct hash *payload_hash,
			   uint64_t confirmations, uint64_t expiration,
			   struct calls_execute_param *out)
{
	struct buf call;
	buf_init(&call, cx->arena, CALLS_VERIFY_BYTES);
	calls_verify(&call, header, payload_hash, confirmations);
	struct hash hash = dvn_call_hash(chain->config.dvn_vid, &chain->config.receive_uln, expiration,
					 buf_bytes(&call));
	struct hash digest = dvn_digest(&hash);
	struct dvn_signature *sigs = arena_array(cx->arena, world->committee_n, sizeof *sigs);
	unsigned quorum = world->config.quorum;
	if (world->committee_n < quorum)
		return fail(cx, ST_PRECONDITION, "the committee has %zu keys, its quorum is %u",
			    world->committee_n, quorum);
	for (unsigned i = 0; i < quorum; i++) {
		sigs[i].signer = *signer_account(world->committee[i]);
		signer_sign(world->committee[i], sigs[i].rsv, &digest);
	}
	*out = (struct calls_execute_param){
		.vid = chain->config.dvn_vid,
		.target = chain->config.receive_uln,
		.call_data = buf_bytes(&call),
		.expiration = expiration,
	};
	if (dvn_signatures_join(cx->arena, &out->signatures, sigs, quorum, quorum) != ST_OK)
		return fail(cx, ST_PRECONDITION, "the committee's keys are not all different");
	return ST_OK;
}
