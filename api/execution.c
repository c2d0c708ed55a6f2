/* SPDX-License-Identifier: Apache-2.0
 *
 * GetExecution: the calls with which anyone may take a verified packet to its receiver.
 */
#include "api/read.h"
#include "api/view.h"
#include "api/work.h"
#include "chain/calls.h"
#include "chain/packet.h"
#include "chain/tx.h"
#include "ferry/v1/message_service.pb-c.h"

enum {
	EXECUTION_COMMIT_GAS = 250000,   /* as Batcher.COMMIT_GAS */
	EXECUTION_OVERHEAD_GAS = 100000, /* as Messenger.RECEIVE_OVERHEAD */
	EXECUTION_CALL_BYTES_MAX = 256 * 1024,
};

typedef Ferry__V1__GetExecutionResponse__Call execution_call; /* protobuf-c's name, short */

static execution_call *execution_call_make(struct work *w, const char *step, const struct addr *to,
					   struct buf *data, uint64_t gas, const char *value)
{
	struct arena *a = w->call->arena;
	struct bytes bytes = buf_bytes(data);
	uint64_t limit = gas + gas / 63 + tx_gas_intrinsic(bytes);
	uint64_t floor = tx_gas_floor(bytes);
	execution_call *c = arena_alloc(a, sizeof *c);
	ferry__v1__get_execution_response__call__init(c);
	c->step = arena_strdup(a, step);
	c->to = view_bytes(a, to->b, sizeof to->b);
	c->data = view_bytes(a, bytes.p, bytes.n);
	c->gas_limit = arena_printf(a, "%llu", (unsigned long long)(limit > floor ? limit : floor));
	c->value = arena_strdup(a, value);
	return c;
}

static enum status execution_packet(struct work *w, struct packet *p, struct bytes *raw,
				    const struct message *m)
{
	if (m->state != STATE_VERIFIED && m->state != STATE_COMMITTED &&
	    m->state != STATE_EXECUTION_FAILED)
		return fail_code(w->cx, ST_PRECONDITION, "STATE_NOT_ALLOWED",
				 "the message is %s: anyone can execute it once it is VERIFIED",
				 state_name(m->state));
	TRY(message_packet(w->cx, w->db, raw, &m->ref));
	if (packet_decode(p, *raw) != ST_OK)
		return fail(w->cx, ST_INTERNAL, "the packet of the message is not known");
	return ST_OK;
}

enum status execution_get(struct work *w)
{
	const Ferry__V1__GetExecutionRequest *in =
		(const Ferry__V1__GetExecutionRequest *)w->call->request;
	struct arena *a = w->call->arena;
	struct message *m;
	struct packet p;
	struct bytes raw;
	TRY(read_message(w->cx, w->db, &m, &w->call->who, in->id));
	TRY(execution_packet(w, &p, &raw, m));
	const struct api_chain *dst = view_chain(&w->api->config, m->dst_eid);
	if (!dst)
		return fail(w->cx, ST_NOT_FOUND,
			    "the destination chain is not configured any more");
	Ferry__V1__GetExecutionResponse *r = arena_alloc(a, sizeof *r);
	ferry__v1__get_execution_response__init(r);
	r->eid = dst->eid;
	r->chain_id = dst->chain_id;
	r->calls = arena_array(a, 2, sizeof *r->calls);
	struct buf data;
	if (m->state == STATE_VERIFIED) {
		struct hash payload_hash = packet_payload_hash(&p);
		buf_init(&data, a, EXECUTION_CALL_BYTES_MAX);
		calls_commit_verification(&data, raw.p, &payload_hash);
		r->calls[r->n_calls++] = execution_call_make(w, "COMMIT", &dst->receive_uln, &data,
							     EXECUTION_COMMIT_GAS, "0");
	}
	buf_init(&data, a, EXECUTION_CALL_BYTES_MAX);
	calls_lz_receive(&data, &p);
	uint64_t gas = (uint64_t)m->gas_limit;
	r->calls[r->n_calls++] = execution_call_make(w, "RECEIVE", &dst->endpoint, &data,
						     gas + gas / 63 + EXECUTION_OVERHEAD_GAS,
						     m->value);
	if (data.overflow)
		return fail(w->cx, ST_INTERNAL, "the packet is too large to be shown");
	w->call->reply = &r->base;
	return ST_OK;
}
