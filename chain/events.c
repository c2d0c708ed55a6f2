/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/events.h"

#include <assert.h>

#include "chain/abi.h"

/* A constant of four big-endian words as bytes. */
#define EVENTS_WORD(w)                                                                             \
	(uint8_t)((w) >> 56), (uint8_t)((w) >> 48 & 255), (uint8_t)((w) >> 40 & 255),              \
		(uint8_t)((w) >> 32 & 255), (uint8_t)((w) >> 24 & 255),                            \
		(uint8_t)((w) >> 16 & 255), (uint8_t)((w) >> 8 & 255), (uint8_t)((w) & 255)

/* Readers of the data: they fill *e, whose kind is set, from r and the topics. */
typedef void events_reader(struct events_event *e, struct abi_reader *r,
			   const struct log_entry *log);
#define X(NAME, name, topics, signature, ...) static events_reader events_read_##name;
#include "chain/events.def"
#undef X

static const struct events_row {
	struct hash topic;
	unsigned topics_n;
	const char *signature;
	events_reader *read;
} events_rows[EVENTS_COUNT] = {
#define X(NAME, name, topics, signature, a, b, c, d)                                               \
	[EVENTS_##NAME] = {{{EVENTS_WORD(a), EVENTS_WORD(b), EVENTS_WORD(c), EVENTS_WORD(d)}},     \
			   topics,                                                                 \
			   signature,                                                              \
			   events_read_##name},
#include "chain/events.def"
#undef X
};

const struct hash *events_topic(enum events_kind kind)
{
	assert(kind < EVENTS_COUNT);
	return &events_rows[kind].topic;
}

const char *events_signature(enum events_kind kind)
{
	assert(kind < EVENTS_COUNT);
	return events_rows[kind].signature;
}

enum status events_decode(struct events_event *out, const struct log_entry *log)
{
	assert(log->topics_n <= 4);
	if (log->topics_n == 0)
		return ST_NOT_FOUND;
	enum events_kind kind = 0;
	while (kind < EVENTS_COUNT && !hash_equal(&events_rows[kind].topic, &log->topics[0]))
		kind++;
	if (kind == EVENTS_COUNT)
		return ST_NOT_FOUND;
	if (log->topics_n != events_rows[kind].topics_n || log->data.n % ABI_WORD != 0)
		return ST_INVALID;
	*out = (struct events_event){.kind = kind};
	struct abi_reader r = abi_read(log->data);
	events_rows[kind].read(out, &r, log);
	return abi_done(&r);
}

/* An indexed address. */
static struct addr events_topic_addr(struct abi_reader *r, const struct hash *topic)
{
	struct abi_reader word = abi_read(bytes_of(topic->b, sizeof topic->b));
	struct addr a = abi_next_addr(&word);
	abi_close(r, &word);
	return a;
}

/* An indexed number below 2^64. */
static uint64_t events_topic_u64(struct abi_reader *r, const struct hash *topic)
{
	struct abi_reader word = abi_read(bytes_of(topic->b, sizeof topic->b));
	uint64_t v = abi_next_u64(&word);
	abi_close(r, &word);
	return v;
}

static uint32_t events_topic_u32(struct abi_reader *r, const struct hash *topic)
{
	struct abi_reader word = abi_read(bytes_of(topic->b, sizeof topic->b));
	uint32_t v = abi_next_u32(&word);
	abi_close(r, &word);
	return v;
}

static uint8_t events_next_u8(struct abi_reader *r)
{
	uint64_t v = abi_next_u64(r);
	r->bad |= v > UINT8_MAX;
	return r->bad ? 0 : (uint8_t)v;
}

/* Origin (srcEid, sender, nonce). */
static void events_next_origin(struct abi_reader *r, struct events_path *path)
{
	path->src_eid = abi_next_u32(r);
	path->sender = abi_next_hash(r);
	path->nonce = abi_next_u64(r);
}

/* srcEid, sender, receiver, nonce: the order of the channel's own events. */
static void events_next_position(struct abi_reader *r, struct events_path *path)
{
	path->src_eid = abi_next_u32(r);
	path->sender = abi_next_hash(r);
	path->receiver = abi_next_addr(r);
	path->nonce = abi_next_u64(r);
}

#define EVENTS_READER(name)                                                                        \
	static void events_read_##name(struct events_event *e, struct abi_reader *r,               \
				       const struct log_entry *log)

EVENTS_READER(packet_sent)
{
	(void)log;
	struct events_packet_sent *o = &e->packet_sent;
	o->raw = abi_next_bytes(r, EVENTS_BYTES_MAX);
	o->options = abi_next_bytes(r, EVENTS_BYTES_MAX);
	o->send_library = abi_next_addr(r);
	if (packet_decode(&o->packet, o->raw) != ST_OK)
		r->bad = true;
}

EVENTS_READER(packet_verified)
{
	(void)log;
	events_next_origin(r, &e->packet_verified.path);
	e->packet_verified.path.receiver = abi_next_addr(r);
	e->packet_verified.payload_hash = abi_next_hash(r);
}

EVENTS_READER(packet_delivered)
{
	(void)log;
	events_next_origin(r, &e->packet_delivered.path);
	e->packet_delivered.path.receiver = abi_next_addr(r);
}

EVENTS_READER(lz_receive_alert)
{
	struct events_lz_receive_alert *o = &e->lz_receive_alert;
	o->path.receiver = events_topic_addr(r, &log->topics[1]);
	o->executor = events_topic_addr(r, &log->topics[2]);
	events_next_origin(r, &o->path);
	o->guid = abi_next_hash(r);
	o->gas = abi_next_u256(r);
	o->value = abi_next_u256(r);
	o->message = abi_next_bytes(r, EVENTS_BYTES_MAX);
	o->extra_data = abi_next_bytes(r, EVENTS_BYTES_MAX);
	o->reason = abi_next_bytes(r, EVENTS_BYTES_MAX);
}

EVENTS_READER(inbound_nonce_skipped)
{
	(void)log;
	events_next_position(r, &e->inbound_nonce_skipped.path);
}

EVENTS_READER(packet_nilified)
{
	(void)log;
	events_next_position(r, &e->packet_nilified.path);
	e->packet_nilified.payload_hash = abi_next_hash(r);
}

EVENTS_READER(packet_burnt)
{
	(void)log;
	events_next_position(r, &e->packet_burnt.path);
	e->packet_burnt.payload_hash = abi_next_hash(r);
}

EVENTS_READER(payload_verified)
{
	(void)log;
	struct events_payload_verified *o = &e->payload_verified;
	o->dvn = abi_next_addr(r);
	struct bytes header = abi_next_bytes(r, PACKET_HEADER_BYTES);
	o->confirmations = abi_next_u256(r);
	o->payload_hash = abi_next_hash(r);
	if (packet_decode_header(&o->header, header) != ST_OK)
		r->bad = true;
	else
		memcpy(o->header_raw, header.p, sizeof o->header_raw);
}

EVENTS_READER(execute_failed)
{
	(void)log;
	e->execute_failed.index = abi_next_u64(r);
	e->execute_failed.data = abi_next_bytes(r, EVENTS_BYTES_MAX);
}

EVENTS_READER(verify_signatures_failed)
{
	(void)log;
	e->verify_signatures_failed.index = abi_next_u64(r);
}

EVENTS_READER(sent)
{
	e->sent.request_id = log->topics[1];
	e->sent.guid = abi_next_hash(r);
}

EVENTS_READER(skipped)
{
	(void)log;
	e->skipped.index = abi_next_u64(r);
	e->skipped.request_id = abi_next_hash(r);
	e->skipped.reason = abi_next_bytes(r, EVENTS_BYTES_MAX);
}

EVENTS_READER(received)
{
	(void)log;
	e->received.guid = abi_next_hash(r);
	e->received.request_id = abi_next_hash(r);
}

EVENTS_READER(nonce_cancelled)
{
	e->nonce_cancelled.author = events_topic_addr(r, &log->topics[1]);
	e->nonce_cancelled.nonce = abi_next_u256(r);
}

EVENTS_READER(commit_failed)
{
	(void)log;
	e->commit_failed.index = abi_next_u64(r);
	e->commit_failed.guid = abi_next_hash(r);
	e->commit_failed.reason = abi_next_bytes(r, EVENTS_BYTES_MAX);
}

EVENTS_READER(stopped)
{
	(void)log;
	e->stopped.index = abi_next_u64(r);
}

EVENTS_READER(operation_skipped)
{
	struct events_operation_skipped *o = &e->operation_skipped;
	o->request_id = log->topics[1];
	o->index = abi_next_u64(r);
	o->subject = abi_next_hash(r);
	o->reason = abi_next_bytes4(r);
}

static struct identity_reg events_next_reg(struct abi_reader *r)
{
	return (struct identity_reg){
		.subject = abi_next_hash(r),
		.owner = abi_next_addr(r),
		.data_hash = abi_next_hash(r),
		.version = abi_next_u64(r),
	};
}

enum { EVENTS_REG_BYTES = 4 * ABI_WORD };

EVENTS_READER(batch)
{
	struct events_batch *o = &e->batch;
	o->number = events_topic_u64(r, &log->topics[1]);
	o->request_id = log->topics[2];
	o->guid = abi_next_hash(r);
	o->prev_root = abi_next_hash(r);
	o->root = abi_next_hash(r);
	size_t n;
	struct abi_reader leaves = abi_next_array(r, IDENTITY_OPERATIONS_MAX, &n);
	for (size_t i = 0; i < n; i++)
		(void)events_next_reg(&leaves);
	abi_close(r, &leaves);
	if (r->bad)
		return;
	o->leaves = bytes_of(leaves.in.p, n * EVENTS_REG_BYTES);
	o->leaves_n = n;
}

struct identity_reg events_batch_leaf(const struct events_batch *batch, size_t index)
{
	assert(index < batch->leaves_n);
	const uint8_t *p = batch->leaves.p + index * EVENTS_REG_BYTES;
	struct abi_reader r = abi_read(bytes_of(p, EVENTS_REG_BYTES));
	return events_next_reg(&r);
}

EVENTS_READER(answered)
{
	struct events_answered *o = &e->answered;
	o->number = events_topic_u64(r, &log->topics[1]);
	o->root = abi_next_hash(r);
	o->accepted = abi_next_u32(r);
	size_t n;
	struct abi_reader rejected = abi_next_array(r, IDENTITY_OPERATIONS_MAX, &n);
	for (size_t i = 0; i < n; i++)
		(void)abi_next_u32(&rejected);
	abi_close(r, &rejected);
	if (r->bad)
		return;
	o->rejected = bytes_of(rejected.in.p, n * ABI_WORD);
	o->rejected_n = n;
}

uint32_t events_answered_index(const struct events_answered *answered, size_t i)
{
	assert(i < answered->rejected_n);
	struct abi_reader r = abi_read(bytes_of(answered->rejected.p + i * ABI_WORD, ABI_WORD));
	return abi_next_u32(&r);
}

EVENTS_READER(batch_accepted)
{
	struct events_batch_accepted *o = &e->batch_accepted;
	o->src_eid = events_topic_u32(r, &log->topics[1]);
	o->batch = events_topic_u64(r, &log->topics[2]);
	o->root = abi_next_hash(r);
	o->count = abi_next_u32(r);
	o->rejected = abi_next_u32(r);
}

EVENTS_READER(rejected)
{
	struct events_rejected *o = &e->rejected;
	o->src_eid = events_topic_u32(r, &log->topics[1]);
	o->batch = events_topic_u64(r, &log->topics[2]);
	o->index = abi_next_u32(r);
	o->subject = abi_next_hash(r);
	o->reason = events_next_u8(r);
}

EVENTS_READER(recorded)
{
	struct events_recorded *o = &e->recorded;
	o->subject = log->topics[1];
	o->kind = events_next_u8(r);
	o->src_eid = abi_next_u32(r);
	o->batch = abi_next_u64(r);
	o->ref = abi_next_hash(r);
}

EVENTS_READER(enqueued)
{
	struct events_enqueued *o = &e->enqueued;
	o->position = events_topic_u64(r, &log->topics[1]);
	o->subject = log->topics[2];
	o->owner = abi_next_addr(r);
	o->kind = events_next_u8(r);
	o->version = abi_next_u64(r);
	o->data_hash = abi_next_hash(r);
	o->eager = abi_next_bool(r);
}

EVENTS_READER(batch_passed)
{
	struct events_batch_passed *o = &e->batch_passed;
	o->src_eid = events_topic_u32(r, &log->topics[1]);
	o->batch = events_topic_u64(r, &log->topics[2]);
	o->root = abi_next_hash(r);
}
