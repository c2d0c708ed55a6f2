/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of a tenant from one chain to another in memory, what the chains say about them, and what
 * relay/apply.c makes of it.
 */
#ifndef FERRY_TESTS_UNIT_RELAY_SCENE_H
#define FERRY_TESTS_UNIT_RELAY_SCENE_H

#include "base/clock.h"
#include "chain/keccak.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/apply.h"
#include "tests/unit/relay/logs.h"

#define REASON(name) FERRY__V1__REASON__REASON_##name

enum { ITEMS = 4 };

/* Messages of a tenant from the first chain to the second, and what the chains say about them. */
struct scene {
	struct ctx *cx;
	struct arena *a;
	struct world *world;
	struct world_chain *src, *dst;
	struct messenger_message messages[ITEMS];
	struct packet packets[ITEMS];
	struct outbox_item items[ITEMS];
	size_t items_n;
	struct journal_mined mined[ITEMS];
	size_t mined_n;
	struct logs_block block;
	struct apply apply;
};

static inline void item_make(struct scene *s, size_t i)
{
	struct messenger_message *m = &s->messages[i];
	*m = (struct messenger_message){
		.author = *signer_account(s->src->submit),
		.app_id = logs_hash(2, 1),
		.request_id = logs_hash(3, i),
		.receiver = logs_hash(4, i),
		.gas_limit = u256_of_u64(200000),
		.payload = bytes_of("hello", 5),
	};
	s->packets[i] = logs_packet(s->a, false, 7 + i, m);
	s->items[i] = (struct outbox_item){
		.app_id = 1,
		.id = {{(uint8_t)(i + 1)}},
		.num = 100 + (int64_t)i,
		.kind = FERRY__V1__KIND__KIND_PUSH,
		.execution = FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC,
		.src_eid = LOGS_SRC,
		.dst_eid = LOGS_DST,
		.receiver = m->receiver,
		.payload = m->payload,
		.gas_limit = 200000,
		.value = "0",
		.request_id = m->request_id,
		.chain_app_id = m->app_id,
		.version = 1,
		.is_open = true,
		.out_eid = LOGS_SRC,
		.arena = s->a,
	};
}

static inline void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	s->cx = unit_ctx();
	s->a = s->cx->arena;
	s->world = logs_world(s->cx);
	s->src = &s->world->chains[0];
	s->dst = &s->world->chains[1];
	s->items_n = ITEMS;
	for (size_t i = 0; i < ITEMS; i++)
		item_make(s, i);
	s->block.number = 50;
}

static inline void scene_end(struct scene *s)
{
	logs_world_end(s->world);
	unit_ctx_end(s->cx);
}

/* As if the item had come so far. */
static inline struct outbox_item *at_state(struct scene *s, size_t i, enum message_state state)
{
	struct outbox_item *it = &s->items[i];
	it->state = state;
	if (state_stage(state) >= STAGE_FINALITY) {
		it->has_guid = true;
		it->guid = s->packets[i].guid;
		it->nonce = (int64_t)s->packets[i].nonce;
		it->packet = packet_encode(s->a, &s->packets[i]);
		it->src = (struct outbox_place){logs_hash(5, 90), 40, logs_hash(1, 40), 1};
		it->verify_required = 1;
	}
	return it;
}

/* Our own transaction, carrying the item. */
static inline void own_tx(struct scene *s, struct outbox_item *it, struct hash hash, const char *purpose)
{
	struct journal_mined *m = &s->mined[s->mined_n++];
	*m = (struct journal_mined){
		.tx_hash = hash,
		.signer = logs_addr(0x33, 1),
		.nonce = 1000 + (int64_t)s->mined_n,
		.purpose = purpose,
		.value = "1000000",
		.items_n = 1,
		.items_app = &it->app_id,
		.items_id = &it->id,
	};
	it->is_carried = true;
	it->signer = m->signer;
	it->tx_nonce = m->nonce;
}

/* Works the collected block through and begins a new one. */
static inline void work(struct scene *s, const struct world_chain *chain)
{
	struct facts facts;
	struct block b = logs_block(s->a, &s->block);
	facts_of_blocks(s->a, &facts, &chain->config, &b, 1);
	apply_init(&s->apply, s->a, s->world, chain, s->mined, s->mined_n, s->items, s->items_n,
		   facts.n);
	for (size_t i = 0; i < facts.n && !s->apply.unknown; i++)
		apply_fact(&s->apply, &facts.v[i]);
	apply_fini(&s->apply);
	s->block = (struct logs_block){.number = s->block.number + 1};
}

static inline void emit(struct scene *s, struct hash tx, struct log_entry log)
{
	logs_add(logs_tx(&s->block, tx), log);
}

static inline void sent(struct scene *s, struct hash tx, const struct packet *p)
{
	emit(s, tx, logs_packet_sent(s->a, &s->src->config.endpoint, p));
}

static inline void on_path(struct scene *s, enum events_kind kind, const struct packet *p)
{
	const struct addr *e = &s->dst->config.endpoint;
	bool origin = kind == EVENTS_PACKET_VERIFIED || kind == EVENTS_PACKET_DELIVERED;
	emit(s, logs_hash(5, 70), origin ? logs_inbound(s->a, e, kind, p) : logs_position(s->a, e, kind, p));
}

static inline void attested(struct scene *s, const struct packet *p, uint64_t confirmations)
{
	emit(s, logs_hash(5, 71),
	     logs_payload_verified(s->a, &s->dst->config.receive_uln, &s->dst->config.dvn, p, confirmations));
}

static inline void delivered(struct scene *s, struct hash tx, size_t i)
{
	struct logs_tx *t = logs_tx(&s->block, tx);
	logs_add(t, logs_inbound(s->a, &s->dst->config.endpoint, EVENTS_PACKET_DELIVERED, &s->packets[i]));
	logs_add(t, logs_received(s->a, &s->dst->config.messenger, &s->packets[i].guid,
				  &s->messages[i].request_id));
}

static inline void alert(struct scene *s, struct hash tx, size_t i, const char *error)
{
	emit(s, tx,
	     logs_alert(s->a, &s->dst->config.endpoint, &s->dst->config.batcher, &s->packets[i],
			error ? logs_revert(s->a, error) : bytes_of("", 0)));
}

/* The types of an item's events, one text. */
static inline const char *story(struct scene *s, const struct outbox_item *it)
{
	struct buf b;
	buf_init(&b, s->a, 4096);
	for (size_t i = 0; i < it->events_n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", it->events[i].type);
	return buf_text(&b);
}

#endif
