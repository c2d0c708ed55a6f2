/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs as the contracts emit them, for tests of the relay: two chains that know each other, packets
 * of their Messengers, and every event that is a fact. Transactions are collected into receipts,
 * receipts into blocks.
 */
#ifndef FERRY_TESTS_UNIT_RELAY_LOGS_H
#define FERRY_TESTS_UNIT_RELAY_LOGS_H

#include "chain/abi.h"
#include "chain/keccak.h"
#include "chain/options.h"
#include "relay/facts.h"
#include "relay/world.h"
#include "tests/unit/unit.h"

enum { LOGS_SRC = 40161, LOGS_DST = 40245, LOGS_BYTES_MAX = 64 * 1024, LOGS_TX_MAX = 64, LOGS_BLOCK_MAX = 64 };

static inline struct addr logs_addr(uint8_t first, uint8_t last)
{
	struct addr a = {{first}};
	a.b[19] = last;
	return a;
}

static inline struct hash logs_hash(uint64_t kind, uint64_t n)
{
	uint64_t in[] = {kind, n};
	return keccak256(in, sizeof in);
}

static inline struct relay_chain logs_chain(bool dst)
{
	uint8_t first = dst ? 0xdd : 0x55;
	return (struct relay_chain){
		.name = dst ? "rollup" : "identity",
		.eid = dst ? LOGS_DST : LOGS_SRC,
		.chain_id = dst ? 31338 : 31337,
		.finality_blocks = 2,
		.tip_max_gwei = 50,
		.confirmations = 1,
		.endpoint = logs_addr(first, 1),
		.receive_uln = logs_addr(first, 2),
		.dvn = logs_addr(first, 3),
		.messenger = logs_addr(first, 4),
		.batcher = logs_addr(first, 5),
	};
}

/* A world of the two, with an account a role on each chain. */
static inline struct world *logs_world(struct ctx *cx)
{
	struct world *w = calloc(1, sizeof *w);
	w->chains_n = 2;
	for (int i = 0; i < 2; i++) {
		struct world_chain *c = &w->chains[i];
		uint8_t key[32] = {0};
		c->config = logs_chain(i == 1);
		key[31] = (uint8_t)(10 + i);
		ck_ok(cx, signer_create(cx, &c->submit, key));
		key[31] = (uint8_t)(20 + i);
		ck_ok(cx, signer_create(cx, &c->deliver, key));
		c->observe_waker = waker_create();
		c->submit_waker = waker_create();
		c->deliver_waker = waker_create();
		c->aggregate_waker = waker_create();
	}
	w->notify_waker = waker_create();
	return w;
}

static inline void logs_world_end(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		signer_destroy(w->chains[i].submit);
		signer_destroy(w->chains[i].deliver);
		waker_destroy(w->chains[i].observe_waker);
		waker_destroy(w->chains[i].submit_waker);
		waker_destroy(w->chains[i].deliver_waker);
		waker_destroy(w->chains[i].aggregate_waker);
	}
	waker_destroy(w->notify_waker);
	free(w);
}

/* A packet of one Messenger to the other. */
static inline struct packet logs_packet(struct arena *a, bool back, uint64_t nonce,
					const struct messenger_message *m)
{
	struct relay_chain src = logs_chain(back), dst = logs_chain(!back);
	struct packet p = {
		.nonce = nonce,
		.src_eid = (uint32_t)src.eid,
		.sender = hash_of_addr(&src.messenger),
		.dst_eid = (uint32_t)dst.eid,
		.receiver = hash_of_addr(&dst.messenger),
		.message = messenger_encode(a, m),
	};
	p.guid = packet_guid(&p);
	return p;
}

/* Logs -------------------------------------------------------------------------------------------- */

struct logs_data {
	struct buf b;
	struct log_entry log;
};

static inline struct logs_data logs_begin(struct arena *a, const struct addr *emitter,
					  enum events_kind kind)
{
	struct logs_data d = {.log = {.address = *emitter, .topics_n = 1}};
	d.log.topics[0] = *events_topic(kind);
	buf_init(&d.b, a, LOGS_BYTES_MAX);
	return d;
}

static inline struct log_entry logs_end(struct logs_data *d)
{
	ck_assert(!d->b.overflow);
	d->log.data = buf_bytes(&d->b);
	return d->log;
}

static inline struct log_entry logs_packet_sent(struct arena *a, const struct addr *emitter,
						const struct packet *p)
{
	struct logs_data d = logs_begin(a, emitter, EVENTS_PACKET_SENT);
	uint8_t options[OPTIONS_LZ_RECEIVE_BYTES_MAX];
	size_t n = options_lz_receive(options, u256_of_u64(300000), u256_of_u64(0));
	struct addr library = logs_addr(0x11, 1);
	size_t raw = abi_slot(&d.b), opt = abi_slot(&d.b);
	abi_put_addr(&d.b, &library);
	abi_tail(&d.b, 0, raw);
	abi_put_bytes(&d.b, packet_encode(a, p));
	abi_tail(&d.b, 0, opt);
	abi_put_bytes(&d.b, bytes_of(options, n));
	return logs_end(&d);
}

static inline void logs_put_origin(struct buf *b, const struct packet *p)
{
	abi_put_u64(b, p->src_eid);
	abi_put_hash(b, &p->sender);
	abi_put_u64(b, p->nonce);
}

static inline void logs_put_receiver(struct buf *b, const struct packet *p)
{
	struct addr receiver = addr_of_hash(&p->receiver);
	abi_put_addr(b, &receiver);
}

/* PacketVerified, PacketDelivered: Origin, receiver, and for the first the payload's hash. */
static inline struct log_entry logs_inbound(struct arena *a, const struct addr *emitter,
					    enum events_kind kind, const struct packet *p)
{
	struct logs_data d = logs_begin(a, emitter, kind);
	struct hash payload = packet_payload_hash(p);
	logs_put_origin(&d.b, p);
	logs_put_receiver(&d.b, p);
	if (kind == EVENTS_PACKET_VERIFIED)
		abi_put_hash(&d.b, &payload);
	return logs_end(&d);
}

/* InboundNonceSkipped, PacketNilified, PacketBurnt. */
static inline struct log_entry logs_position(struct arena *a, const struct addr *emitter,
					     enum events_kind kind, const struct packet *p)
{
	struct logs_data d = logs_begin(a, emitter, kind);
	struct hash payload = packet_payload_hash(p);
	abi_put_u64(&d.b, p->src_eid);
	abi_put_hash(&d.b, &p->sender);
	logs_put_receiver(&d.b, p);
	abi_put_u64(&d.b, p->nonce);
	if (kind != EVENTS_INBOUND_NONCE_SKIPPED)
		abi_put_hash(&d.b, &payload);
	return logs_end(&d);
}

static inline struct log_entry logs_payload_verified(struct arena *a, const struct addr *emitter,
						     const struct addr *dvn, const struct packet *p,
						     uint64_t confirmations)
{
	struct logs_data d = logs_begin(a, emitter, EVENTS_PAYLOAD_VERIFIED);
	uint8_t header[PACKET_HEADER_BYTES];
	struct hash payload = packet_payload_hash(p);
	packet_header(header, p);
	abi_put_addr(&d.b, dvn);
	size_t slot = abi_slot(&d.b);
	abi_put_u64(&d.b, confirmations);
	abi_put_hash(&d.b, &payload);
	abi_tail(&d.b, 0, slot);
	abi_put_bytes(&d.b, bytes_of(header, sizeof header));
	return logs_end(&d);
}

static inline struct log_entry logs_alert(struct arena *a, const struct addr *emitter,
					  const struct addr *executor, const struct packet *p,
					  struct bytes reason)
{
	struct logs_data d = logs_begin(a, emitter, EVENTS_LZ_RECEIVE_ALERT);
	struct addr receiver = addr_of_hash(&p->receiver);
	d.log.topics_n = 3;
	d.log.topics[1] = hash_of_addr(&receiver);
	d.log.topics[2] = hash_of_addr(executor);
	logs_put_origin(&d.b, p);
	abi_put_hash(&d.b, &p->guid);
	abi_put_u64(&d.b, 300000);
	abi_put_u64(&d.b, 0);
	size_t message = abi_slot(&d.b), extra = abi_slot(&d.b), why = abi_slot(&d.b);
	abi_tail(&d.b, 0, message);
	abi_put_bytes(&d.b, p->message);
	abi_tail(&d.b, 0, extra);
	abi_put_bytes(&d.b, bytes_of("", 0));
	abi_tail(&d.b, 0, why);
	abi_put_bytes(&d.b, reason);
	return logs_end(&d);
}

/* Skipped(index, requestId, reason), CommitFailed(index, guid, reason). */
static inline struct log_entry logs_reason(struct arena *a, const struct addr *emitter,
					   enum events_kind kind, const struct hash *about,
					   struct bytes reason)
{
	struct logs_data d = logs_begin(a, emitter, kind);
	abi_put_u64(&d.b, 0);
	abi_put_hash(&d.b, about);
	size_t slot = abi_slot(&d.b);
	abi_tail(&d.b, 0, slot);
	abi_put_bytes(&d.b, reason);
	return logs_end(&d);
}

static inline struct log_entry logs_received(struct arena *a, const struct addr *emitter,
					     const struct hash *guid, const struct hash *request_id)
{
	struct logs_data d = logs_begin(a, emitter, EVENTS_RECEIVED);
	abi_put_hash(&d.b, guid);
	abi_put_hash(&d.b, request_id);
	return logs_end(&d);
}

/* The revert data of a custom error without its arguments' meaning: selector and zeros. */
static inline struct bytes logs_revert(struct arena *a, const char *signature)
{
	struct hash h = keccak256(signature, strlen(signature));
	uint8_t *out = arena_alloc(a, 4 + 64);
	memcpy(out, h.b, 4);
	size_t words = 0;
	for (const char *c = strchr(signature, '('); *c && c[1] != ')'; c++)
		words += *c == '(' || *c == ',';
	return bytes_of(out, 4 + 32 * words);
}

/* Transactions and blocks -------------------------------------------------------------------------- */

struct logs_tx {
	struct hash hash;
	struct addr from;
	struct log_entry logs[LOGS_TX_MAX];
	size_t logs_n;
};

struct logs_block {
	uint64_t number;
	struct logs_tx txs[LOGS_BLOCK_MAX];
	size_t n;
};

static inline struct logs_tx *logs_tx(struct logs_block *b, struct hash hash)
{
	ck_assert_uint_lt(b->n, LOGS_BLOCK_MAX);
	struct logs_tx *t = &b->txs[b->n++];
	*t = (struct logs_tx){.hash = hash, .from = logs_addr(0xee, 1)};
	return t;
}

static inline void logs_add(struct logs_tx *t, struct log_entry log)
{
	ck_assert_uint_lt(t->logs_n, LOGS_TX_MAX);
	t->logs[t->logs_n++] = log;
}

/* As block_fetch gives it. */
static inline struct block logs_block(struct arena *a, const struct logs_block *b)
{
	struct rpc_receipt *receipts = arena_array(a, b->n, sizeof *receipts);
	uint32_t index = 0;
	for (size_t i = 0; i < b->n; i++) {
		struct log_entry *logs = arena_copy(a, b->txs[i].logs, b->txs[i].logs_n * sizeof *logs);
		for (size_t k = 0; k < b->txs[i].logs_n; k++)
			logs[k].log_index = index++;
		receipts[i] = (struct rpc_receipt){
			.tx_hash = b->txs[i].hash,
			.from = b->txs[i].from,
			.block_number = b->number,
			.tx_index = i,
			.gas_used = 100000,
			.gas_price = u256_of_u64(7),
			.body = {.type = 2, .succeeded = true, .logs = logs, .logs_n = b->txs[i].logs_n},
		};
	}
	return (struct block){
		.number = b->number,
		.hash = logs_hash(1, b->number),
		.timestamp = 1700000000 + b->number,
		.receipts = receipts,
		.receipts_n = b->n,
	};
}

#endif
