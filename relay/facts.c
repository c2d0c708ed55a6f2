/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/facts.h"

#include <assert.h>

#include "chain/identity.h"
#include "chain/options.h"

/* Who must have emitted an event for it to mean anything. NULL: one of our OApps, or nobody. */
static const struct addr *fact_emitter(const struct relay_chain *c, enum events_kind kind)
{
	switch (kind) {
	case EVENTS_PACKET_SENT:
	case EVENTS_PACKET_VERIFIED:
	case EVENTS_PACKET_DELIVERED:
	case EVENTS_LZ_RECEIVE_ALERT:
	case EVENTS_INBOUND_NONCE_SKIPPED:
	case EVENTS_PACKET_NILIFIED:
	case EVENTS_PACKET_BURNT:
		return &c->endpoint;
	case EVENTS_PAYLOAD_VERIFIED:
		return &c->receive_uln;
	case EVENTS_COMMIT_FAILED:
		return &c->batcher;
	case EVENTS_OPERATION_SKIPPED:
	case EVENTS_BATCH:
		return &c->proxy_registry;
	case EVENTS_BATCH_ACCEPTED:
	case EVENTS_REJECTED:
		return &c->main_registry;
	case EVENTS_SKIPPED:
	case EVENTS_RECEIVED:
	case EVENTS_RECORDED:
	case EVENTS_ANSWERED:
	case EVENTS_ENQUEUED:
	case EVENTS_BATCH_PASSED:
	case EVENTS_EXECUTE_FAILED:
	case EVENTS_VERIFY_SIGNATURES_FAILED:
	case EVENTS_SENT:
	case EVENTS_NONCE_CANCELLED:
	case EVENTS_STOPPED:
	case EVENTS_COUNT:
		return NULL;
	}
	return NULL;
}

static bool fact_is_emitted(const struct relay_chain *c, enum events_kind kind, const struct addr *by)
{
	if (kind == EVENTS_SKIPPED)
		return oapp_of(c, by) != OAPP_COUNT;
	const struct addr *emitter = fact_emitter(c, kind);
	return emitter && !addr_is_zero(emitter) && addr_equal(emitter, by);
}

static struct hash path_guid(const struct relay_chain *c, const struct events_path *path)
{
	const struct packet p = {
		.nonce = path->nonce,
		.src_eid = path->src_eid,
		.sender = path->sender,
		.dst_eid = (uint32_t)c->eid,
		.receiver = hash_of_addr(&path->receiver),
	};
	return packet_guid(&p);
}

/* A batch of operations, or an answer to some. */
static bool fact_of_registry(struct arena *a, struct fact *f)
{
	const struct packet *p = &f->event.packet_sent.packet;
	struct identity_batch batch;
	struct identity_answer answer;
	struct options options;
	f->message = (struct messenger_message){.receiver = p->receiver, .payload = p->message};
	if (options_decode(&options, f->event.packet_sent.options) == ST_OK)
		f->message.gas_limit = options.gas;
	if (identity_batch_decode(a, &batch, p->message) == ST_OK) {
		f->message.author = batch.submitter;
		f->message.request_id = batch.request_id;
		return true;
	}
	if (identity_answer_decode(a, &answer, p->message) != ST_OK)
		return false;
	f->message.request_id = answer.request_id;
	return true;
}

/* A packet that one of our OApps sent, with a message as it writes them. */
static bool fact_of_packet(struct arena *a, struct fact *f, const struct relay_chain *c)
{
	const struct packet *p = &f->event.packet_sent.packet;
	f->app = oapp_of_word(c, &p->sender);
	if (p->src_eid != c->eid || f->app == OAPP_COUNT || p->nonce > INT64_MAX)
		return false;
	if (f->app == OAPP_REGISTRY ? !fact_of_registry(a, f) : messenger_decode(&f->message, p->message) != ST_OK)
		return false;
	f->guid = p->guid;
	f->request_id = f->message.request_id;
	return true;
}

/* Fills what the fact is about. false: it is about nothing of ours. */
static bool fact_subject(struct arena *a, struct fact *f, const struct relay_chain *c)
{
	switch (f->event.kind) {
	case EVENTS_PACKET_SENT:
		return fact_of_packet(a, f, c);
	case EVENTS_PACKET_VERIFIED:
		f->guid = path_guid(c, &f->event.packet_verified.path);
		return true;
	case EVENTS_PACKET_DELIVERED:
		f->guid = path_guid(c, &f->event.packet_delivered.path);
		return true;
	case EVENTS_LZ_RECEIVE_ALERT:
		f->guid = path_guid(c, &f->event.lz_receive_alert.path);
		return addr_equal(&f->event.lz_receive_alert.executor, &c->batcher);
	case EVENTS_INBOUND_NONCE_SKIPPED:
		f->guid = path_guid(c, &f->event.inbound_nonce_skipped.path);
		return true;
	case EVENTS_PACKET_NILIFIED:
		f->guid = path_guid(c, &f->event.packet_nilified.path);
		return true;
	case EVENTS_PACKET_BURNT:
		f->guid = path_guid(c, &f->event.packet_burnt.path);
		return true;
	case EVENTS_PAYLOAD_VERIFIED:
		f->guid = packet_guid(&f->event.payload_verified.header);
		return addr_equal(&f->event.payload_verified.dvn, &c->dvn);
	case EVENTS_SKIPPED:
		f->request_id = f->event.skipped.request_id;
		return true;
	case EVENTS_COMMIT_FAILED:
		f->guid = f->event.commit_failed.guid;
		return true;
	case EVENTS_OPERATION_SKIPPED: /* relay/batch.h reads these */
	case EVENTS_BATCH:
	case EVENTS_BATCH_ACCEPTED:
	case EVENTS_REJECTED:
		return true;
	case EVENTS_RECEIVED:
	case EVENTS_RECORDED:
	case EVENTS_ANSWERED:
	case EVENTS_ENQUEUED:
	case EVENTS_BATCH_PASSED:
	case EVENTS_EXECUTE_FAILED:
	case EVENTS_VERIFY_SIGNATURES_FAILED:
	case EVENTS_SENT:
	case EVENTS_NONCE_CANCELLED:
	case EVENTS_STOPPED:
	case EVENTS_COUNT:
		return false;
	}
	return false;
}

/* Received(guid, requestId) follows PacketDelivered or goes before it, in the same transaction. */
static bool receipt_has_received(const struct rpc_receipt *r, const struct addr *receiver,
				 const struct hash *guid)
{
	for (size_t i = 0; i < r->body.logs_n; i++) {
		const struct log_entry *log = &r->body.logs[i];
		struct events_event e;
		if (!addr_equal(&log->address, receiver) || log->topics_n == 0 ||
		    !hash_equal(&log->topics[0], events_topic(EVENTS_RECEIVED)))
			continue;
		if (events_decode(&e, log) == ST_OK && hash_equal(&e.received.guid, guid))
			return true;
	}
	return false;
}

static bool fact_of_log(struct arena *a, struct fact *f, const struct relay_chain *c, const struct block *b,
			const struct rpc_receipt *r, const struct log_entry *log)
{
	if (events_decode(&f->event, log) != ST_OK)
		return false;
	if (!fact_is_emitted(c, f->event.kind, &log->address))
		return false;
	memset(&f->guid, 0, sizeof f->guid);
	memset(&f->request_id, 0, sizeof f->request_id);
	f->app = oapp_of(c, &log->address);
	if (!fact_subject(a, f, c))
		return false;
	f->received = f->event.kind == EVENTS_PACKET_DELIVERED &&
		      receipt_has_received(r, &f->event.packet_delivered.path.receiver, &f->guid);
	f->tx_hash = r->tx_hash;
	f->block = (int64_t)b->number;
	f->block_hash = b->hash;
	f->log_index = log->log_index;
	f->tx_gas_used = r->gas_used;
	f->tx_gas_price = r->gas_price;
	return true;
}

void facts_of_blocks(struct arena *a, struct facts *out, const struct relay_chain *chain,
		     const struct block *blocks, size_t n)
{
	size_t logs = 0;
	for (size_t b = 0; b < n; b++)
		for (size_t r = 0; r < blocks[b].receipts_n; r++)
			logs += blocks[b].receipts[r].body.logs_n;
	out->n = 0;
	out->v = arena_array(a, logs ? logs : 1, sizeof *out->v);
	for (size_t b = 0; b < n; b++)
		for (size_t r = 0; r < blocks[b].receipts_n; r++) {
			const struct rpc_receipt *receipt = &blocks[b].receipts[r];
			for (size_t l = 0; l < receipt->body.logs_n; l++)
				if (fact_of_log(a, &out->v[out->n], chain, &blocks[b], receipt,
						&receipt->body.logs[l]))
					out->n++;
		}
}
