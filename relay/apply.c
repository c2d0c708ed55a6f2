/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/apply.h"

#include <assert.h>

#include "base/clock.h"
#include "base/metric.h"
#include "chain/options.h"
#include "chain/revert.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/retry.h"

/* A packet that came again in another block: let it settle before the next try. */
enum { SOON_MS = 200, EARLIER_MS = 1000 };

static void apply_index(struct apply *a, struct apply_entry **table, const struct hash *key,
			struct outbox_item *item)
{
	struct apply_entry *e = arena_alloc(a->arena, sizeof *e);
	e->key = *key;
	e->item = item;
	struct apply_entry *old = NULL;
	HASH_REPLACE(hh, *table, key, sizeof e->key, e, old);
	(void)old; /* the arena's */
}

/* A request id names the words, not who signed them: authors who say the same share it. */
static void apply_index_request(struct apply *a, struct outbox_item *item)
{
	struct apply_entry *e = arena_alloc(a->arena, sizeof *e), *first;
	e->key = item->request_id;
	e->item = item;
	HASH_FIND(hh, a->by_request, &e->key, sizeof e->key, first);
	if (first) {
		e->next = first->next;
		first->next = e;
	} else {
		HASH_ADD(hh, a->by_request, key, sizeof e->key, e);
	}
}

static struct outbox_item *apply_find(struct apply_entry *table, const struct hash *key)
{
	struct apply_entry *e;
	HASH_FIND(hh, table, key, sizeof *key, e);
	return e ? e->item : NULL;
}

void apply_init(struct apply *a, struct arena *arena, struct world *world,
		const struct world_chain *chain, const struct journal_mined *mined, size_t mined_n,
		struct outbox_item *items, size_t items_n, size_t facts_n)
{
	*a = (struct apply){
		.arena = arena,
		.world = world,
		.chain = chain,
		.mined = mined,
		.mined_n = mined_n,
		.observed = arena_array(arena, facts_n ? facts_n : 1, sizeof *a->observed),
	};
	for (size_t i = 0; i < items_n; i++) {
		apply_index_request(a, &items[i]);
		if (!items[i].has_guid)
			continue;
		/* After a reorganisation another packet may have the place of one that vanished. */
		struct outbox_item *known = apply_find(a->by_guid, &items[i].guid);
		if (!known || items[i].reason != FERRY__V1__REASON__REASON_SOURCE_REORGED)
			apply_index(a, &a->by_guid, &items[i].guid, &items[i]);
	}
}

void apply_fini(struct apply *a)
{
	HASH_CLEAR(hh, a->by_guid);
	HASH_CLEAR(hh, a->by_request);
}

const struct journal_mined *apply_own(const struct apply *a, const struct hash *tx_hash)
{
	for (size_t i = 0; i < a->mined_n; i++)
		if (hash_equal(&a->mined[i].tx_hash, tx_hash))
			return &a->mined[i];
	return NULL;
}

/* Our transaction that the fact is in, if it was made for this item. In others a stranger's code may have run: a
 * receiver's, or the factory of a wallet. What it does to other items is a stranger's doing. */
static const struct journal_mined *apply_own_of(const struct apply *a, const struct fact *f,
						const struct outbox_item *it)
{
	const struct journal_mined *own = apply_own(a, &f->tx_hash);
	for (size_t i = 0; own && i < own->items_n; i++)
		if (own->items_app[i] == it->app_id && memcmp(own->items_id[i].b, it->id.b, sizeof it->id.b) == 0)
			return own;
	return NULL;
}

static struct outbox_place fact_place(const struct fact *f)
{
	return (struct outbox_place){
		.tx_hash = f->tx_hash,
		.block = f->block,
		.block_hash = f->block_hash,
		.log_index = f->log_index,
	};
}

static const char *u256_text(struct arena *a, struct u256 v)
{
	char text[U256_DECIMAL_BYTES];
	u256_format(text, v);
	return arena_strdup(a, text);
}

/* A message's part of what its transaction cost. */
static void apply_cost(struct apply *a, struct outbox_item *it, struct outbox_event *e,
		       const struct fact *f, const struct journal_mined *own)
{
	if (!own || own->items_n == 0)
		return;
	struct u256 cost, value;
	e->gas_used = (int64_t)(f->tx_gas_used / own->items_n);
	if (!u256_mul_u64(&cost, f->tx_gas_price, (uint64_t)e->gas_used))
		return;
	if (u256_parse(&value, own->value, strlen(own->value)) == ST_OK &&
	    u256_add(&value, u256_div_u64(value, own->items_n, NULL), cost))
		cost = value;
	e->fee = u256_text(a->arena, cost);
	it->gas_added += e->gas_used;
	/* What is paid on the destination is in another currency: it stays in the events. */
	if (f->event.kind == EVENTS_PACKET_SENT)
		it->fee_added = e->fee;
}

static void event_at(const struct apply *a, struct outbox_event *e, const struct fact *f)
{
	e->chain_eid = a->chain->config.eid;
	e->place = fact_place(f);
}

/* The source --------------------------------------------------------------------------------------- */

/* Is this packet the message? The request id of an unsigned item is anybody's to write, so all that
 * makes the message is compared. */
static bool packet_is_of(const struct apply *a, const struct outbox_item *it, const struct fact *f)
{
	const struct messenger_message *m = &f->message;
	const struct packet *p = &f->event.packet_sent.packet;
	if (f->app == OAPP_REGISTRY) /* an answer has no submitter: whoever asked for it, it says the same */
		return it->kind == FERRY__V1__KIND__KIND_REGISTRY && it->src_eid == a->chain->config.eid &&
		       it->dst_eid == p->dst_eid &&
		       (addr_is_zero(&m->author) || world_is_submitter(a->chain, &m->author));
	if (it->src_eid != a->chain->config.eid || it->dst_eid != p->dst_eid ||
	    it->is_signed != m->is_signed || it->kind != FERRY__V1__KIND__KIND_PUSH)
		return false;
	if (!hash_equal(&it->receiver, &m->receiver) || !bytes_equal(it->payload, m->payload) ||
	    !hash_equal(&it->ordering_key, &m->ordering_key))
		return false;
	if (m->is_signed)
		return addr_equal(&it->author, &m->author);
	if (!hash_equal(&it->chain_app_id, &m->app_id))
		return false;
	return addr_is_zero(&it->submitter) ? world_is_submitter(a->chain, &m->author) :
					      addr_equal(&it->submitter, &m->author);
}

static bool state_is_before_sent(enum message_state s)
{
	return s == STATE_ACCEPTED || s == STATE_AWAITING_WALLET || s == STATE_SUBMITTED;
}

/* The message that waits for this packet, or NULL. */
static struct outbox_item *apply_awaited(const struct apply *a, const struct fact *f)
{
	struct apply_entry *e;
	HASH_FIND(hh, a->by_request, &f->request_id, sizeof f->request_id, e);
	for (; e; e = e->next)
		if (state_is_before_sent(e->item->state) && packet_is_of(a, e->item, f))
			return e->item;
	return NULL;
}

static void apply_observe(struct apply *a, const struct fact *f)
{
	const struct packet *p = &f->event.packet_sent.packet;
	struct outbox_item *it = &a->observed[a->observed_n];
	struct options options;
	if (!world_chain(a->world, p->dst_eid))
		return; /* a chain we do not serve */
	if (options_decode(&options, f->event.packet_sent.options) != ST_OK)
		memset(&options, 0, sizeof options);
	uint64_t gas = u256_to_u64_clamped(f->message.gas_limit);
	*it = (struct outbox_item){
		.src_eid = p->src_eid,
		.dst_eid = p->dst_eid,
		.receiver = f->message.receiver,
		.payload = f->message.payload.n ? f->message.payload : bytes_of("", 0),
		.gas_limit = gas > INT64_MAX ? INT64_MAX : (int64_t)gas,
		.value = u256_text(a->arena, options.value),
		.ordering_key = f->message.ordering_key,
		.author = f->message.author,
		.messenger = oapp_addr(&a->chain->config, f->app),
		.request_id = f->request_id,
		.guid = f->guid,
		.nonce = (int64_t)p->nonce,
		.packet = f->event.packet_sent.raw,
		.src = fact_place(f),
		.verify_required = 1,
	};
	a->observed_n++;
}

static void apply_sent(struct apply *a, const struct fact *f)
{
	struct outbox_item *known = apply_find(a->by_guid, &f->guid);
	/* A guid names a place on the path: after a reorganisation another packet may have it. */
	if (known && !bytes_equal(known->packet, f->event.packet_sent.raw))
		known = NULL;
	if (known) {
		if (known->is_open && known->reason == FERRY__V1__REASON__REASON_SOURCE_REORGED) {
			known->reason = 0;
			known->evidence = NULL;
			known->due_us = 0;
			known->src = fact_place(f);
			event_at(a, outbox_note(known, "SENT_AGAIN"), f);
			return;
		}
		/* Seen before; after a reorganisation it may have come again in another block. */
		if (known->is_open && known->src.block != f->block && !known->src_final) {
			known->src = fact_place(f);
			known->out_block = state_stage(known->state) == STAGE_FINALITY ? f->block :
											 known->out_block;
			struct outbox_event *e = outbox_note(known, "SENT_AGAIN");
			event_at(a, e, f);
		}
		return;
	}
	struct outbox_item *it = apply_awaited(a, f);
	if (!it) {
		apply_observe(a, f);
		return;
	}
	const struct journal_mined *own = apply_own_of(a, f, it);
	if (it->state == STATE_ACCEPTED)
		event_at(a, outbox_move(it, STATE_SUBMITTED), f);
	if (!own)
		event_at(a, outbox_note(it, "SENT_BY_OTHER"), f);
	it->has_guid = true;
	it->guid = f->guid;
	it->nonce = (int64_t)f->event.packet_sent.packet.nonce;
	it->packet = f->event.packet_sent.raw;
	it->src = fact_place(f);
	it->verify_required = 1;
	it->verify_have = 0;
	if (!f->message.is_signed && f->app == OAPP_MESSENGER)
		it->submitter = f->message.author;
	struct outbox_event *e = outbox_move(it, STATE_SENT);
	event_at(a, e, f);
	apply_cost(a, it, e, f, own);
	apply_index(a, &a->by_guid, &it->guid, it);
}

/* The message that our transaction holds at the item's place, if it has the item's request id. */
static struct outbox_item *apply_left_out(const struct apply *a, const struct journal_mined *own,
					  const struct fact *f)
{
	struct apply_entry *e;
	uint64_t at = f->event.skipped.index;
	HASH_FIND(hh, a->by_request, &f->request_id, sizeof f->request_id, e);
	for (; e && at < own->items_n; e = e->next)
		if (e->item->app_id == own->items_app[at] &&
		    memcmp(e->item->id.b, own->items_id[at].b, sizeof e->item->id.b) == 0)
			return e->item;
	return NULL;
}

/* The Messenger left an item out. What follows is decided when the block is final. */
static void apply_skipped(struct apply *a, const struct fact *f)
{
	const struct journal_mined *own = apply_own(a, &f->tx_hash);
	struct outbox_item *it = own ? apply_left_out(a, own, f) : NULL;
	/* A batch is left out by its registry, and never by what else may say so in its transaction. */
	if (it && (it->kind == FERRY__V1__KIND__KIND_REGISTRY) != (f->app == OAPP_REGISTRY))
		return;
	if (!it || it->state != STATE_SUBMITTED || !it->is_carried || it->tx_nonce != own->nonce ||
	    !addr_equal(&it->signer, &own->signer))
		return;
	struct bytes reason = f->event.skipped.reason;
	const char *name = revert_name(a->arena, reason);
	it->skip = OUTBOX_SKIP_AGAIN;
	if (name && strcmp(name, "NonceUsed") == 0)
		it->skip = OUTBOX_SKIP_NONCE;
	if (it->kind == FERRY__V1__KIND__KIND_REGISTRY) /* nothing was left of it: its operations know why */
		it->skip = OUTBOX_SKIP_NONCE;
	if (name && strcmp(name, "Expired") == 0)
		it->skip = OUTBOX_SKIP_LATE;
	it->evidence = revert_describe(a->arena, reason);
	struct outbox_event *e = outbox_note(it, "NOT_SENT");
	event_at(a, e, f);
	e->reason = it->evidence;
}

/* The destination ---------------------------------------------------------------------------------- */

/* The message a destination fact is about. When the source has not shown it yet, the fact must wait. */
static struct outbox_item *apply_subject(struct apply *a, const struct fact *f, int64_t src_eid,
					 const struct hash *sender, const struct hash *receiver)
{
	struct outbox_item *it = apply_find(a->by_guid, &f->guid);
	if (it)
		return it->is_open ? it : NULL;
	const struct world_chain *src = world_chain(a->world, src_eid);
	enum oapp app = oapp_of_word(&a->chain->config, receiver);
	if (src && app != OAPP_COUNT && oapp_of_word(&src->config, sender) == app) {
		a->unknown = f;
		a->unknown_src_eid = src_eid;
	}
	return NULL;
}

static struct outbox_item *apply_on_path(struct apply *a, const struct fact *f,
					 const struct events_path *path)
{
	struct hash receiver = hash_of_addr(&path->receiver);
	return apply_subject(a, f, path->src_eid, &path->sender, &receiver);
}

/* Is it this item's packet? A guid names a place of the path, not a payload: when it is not, the source has taken this
 * packet back and sent another from there, and we have not seen that yet. */
static bool item_has_payload(const struct outbox_item *it, const struct hash *payload_hash)
{
	struct packet p;
	if (packet_decode(&p, it->packet) != ST_OK)
		return false;
	struct hash own = packet_payload_hash(&p);
	return hash_equal(&own, payload_hash);
}

static void apply_wait(struct apply *a, const struct fact *f, int64_t src_eid)
{
	a->unknown = f;
	a->unknown_src_eid = src_eid;
}

static void apply_verified(struct apply *a, const struct fact *f)
{
	const struct events_payload_verified *v = &f->event.payload_verified;
	struct outbox_item *it = apply_subject(a, f, v->header.src_eid, &v->header.sender,
					       &v->header.receiver);
	bool enough = u256_cmp(v->confirmations, u256_of_u64(a->chain->config.confirmations)) >= 0;
	if (!it)
		return;
	if (!item_has_payload(it, &v->payload_hash)) {
		if (enough) /* else: what stood there before is taken back */
			apply_wait(a, f, it->src_eid);
		return;
	}
	const struct journal_mined *own = apply_own_of(a, f, it);
	if (!enough && it->state == STATE_VERIFIED) {
		it->verify_have = 0;
		struct outbox_event *e = outbox_move(it, STATE_VERIFYING);
		event_at(a, e, f);
		e->reason = "the verifier took its attestation back";
	} else if (enough && (it->state == STATE_VERIFYING || it->state == STATE_SENT)) {
		struct outbox_place place = fact_place(f);
		it->verify_have = it->verify_required;
		outbox_move_along(it, STATE_VERIFIED, a->chain->config.eid, &place, NULL);
		apply_cost(a, it, &it->events[it->events_n - 1], f, own);
	}
}

static void apply_committed(struct apply *a, const struct fact *f)
{
	struct outbox_item *it = apply_on_path(a, f, &f->event.packet_verified.path);
	if (!it || it->state == STATE_COMMITTED || it->state == STATE_EXECUTION_FAILED ||
	    state_is_done(it->state))
		return;
	if (!item_has_payload(it, &f->event.packet_verified.payload_hash)) {
		apply_wait(a, f, it->src_eid);
		return;
	}
	struct outbox_place place = fact_place(f);
	it->verify_have = it->verify_required;
	outbox_move_along(it, STATE_COMMITTED, a->chain->config.eid, &place, NULL);
	if (it->act)
		return;
	if (strcmp(it->value, "0") != 0) {
		it->reason = FERRY__V1__REASON__REASON_VALUE_NOT_PAID;
		it->due_us = OUTBOX_NEVER;
	} else if (it->execution != FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC) {
		it->reason = FERRY__V1__REASON__REASON_WAITING_FOR_EXECUTOR;
		it->due_us = OUTBOX_NEVER; /* until it is asked for */
	}
}

/* The packet left the path: executed, or given up by its owner. */
static void apply_done(struct apply *a, const struct fact *f, const struct events_path *path,
		       enum message_state to)
{
	struct outbox_item *it = apply_on_path(a, f, path);
	if (!it || state_is_done(it->state))
		return;
	struct outbox_place place = fact_place(f);
	it->dst = place;
	it->act = NULL;
	outbox_move_along(it, to, a->chain->config.eid, &place, NULL);
	struct outbox_event *e = &it->events[it->events_n - 1];
	apply_cost(a, it, e, f, apply_own_of(a, f, it));
	e->attempt = to == STATE_DELIVERED ? ++it->attempts : 0;
}

static void apply_alert(struct apply *a, const struct fact *f)
{
	const struct events_lz_receive_alert *alert = &f->event.lz_receive_alert;
	struct outbox_item *it = apply_on_path(a, f, &alert->path);
	const struct journal_mined *own = it ? apply_own_of(a, f, it) : NULL;
	/* Anyone may call the Batcher, with too little gas too: only our own attempts count. */
	if (!own || (it->state != STATE_COMMITTED && it->state != STATE_EXECUTION_FAILED))
		return;
	struct retry_cause cause = retry_cause_of(a->arena, alert->reason);
	if (!cause.is_failure)
		return; /* it is freed with its transaction and tried again */
	it->attempts++;
	world_chain(a->world, a->chain->config.eid)->failures++;
	struct outbox_event *e = it->state == STATE_COMMITTED ? outbox_move(it, STATE_EXECUTION_FAILED) :
								outbox_note(it, "EXECUTION_FAILED");
	event_at(a, e, f);
	apply_cost(a, it, e, f, own);
	e->attempt = it->attempts;
	e->reason = cause.text;
	it->reason = cause.reason;
	it->evidence = cause.text;
	it->is_carried = false;
	int64_t delay = cause.reason == FERRY__V1__REASON__REASON_WAITING_FOR_EARLIER_MESSAGE ?
				EARLIER_MS :
				retry_delay_ms(it->attempts);
	if (it->act)
		delay = 0; /* it is given up: no receiver is waited for */
	if (delay < 0)
		it->reason = FERRY__V1__REASON__REASON_ATTEMPTS_EXHAUSTED;
	it->due_us = delay < 0 ? OUTBOX_NEVER : clock_wall_us() + delay * 1000;
	it->retry_gas = 0;
}

static void apply_nilified(struct apply *a, const struct fact *f)
{
	struct outbox_item *it = apply_on_path(a, f, &f->event.packet_nilified.path);
	if (!it || !state_can_move(it->state, STATE_VERIFYING))
		return;
	it->verify_have = 0;
	event_at(a, outbox_move(it, STATE_VERIFYING), f);
	/* Its owner did not want it to pass: nobody attests again without being asked. */
	it->reason = FERRY__V1__REASON__REASON_NILIFIED;
	it->due_us = OUTBOX_NEVER;
}

static void apply_commit_failed(struct apply *a, const struct fact *f)
{
	struct outbox_item *it = apply_find(a->by_guid, &f->guid);
	if (!it || !it->is_open || !apply_own_of(a, f, it))
		return;
	it->evidence = arena_printf(a->arena, "commit failed: %s",
				    revert_describe(a->arena, f->event.commit_failed.reason));
	it->due_us = clock_wall_us() + SOON_MS * 1000;
	outbox_touch(it);
}

void apply_fact(struct apply *a, const struct fact *f)
{
	switch (f->event.kind) {
	case EVENTS_PACKET_SENT:
		apply_sent(a, f);
		return;
	case EVENTS_SKIPPED:
		apply_skipped(a, f);
		return;
	case EVENTS_PAYLOAD_VERIFIED:
		apply_verified(a, f);
		return;
	case EVENTS_PACKET_VERIFIED:
		apply_committed(a, f);
		return;
	case EVENTS_PACKET_DELIVERED:
		apply_done(a, f, &f->event.packet_delivered.path,
			   f->received ? STATE_DELIVERED : STATE_CLEARED);
		return;
	case EVENTS_INBOUND_NONCE_SKIPPED:
		apply_done(a, f, &f->event.inbound_nonce_skipped.path, STATE_SKIPPED);
		return;
	case EVENTS_PACKET_BURNT:
		apply_done(a, f, &f->event.packet_burnt.path, STATE_BURNED);
		return;
	case EVENTS_PACKET_NILIFIED:
		apply_nilified(a, f);
		return;
	case EVENTS_LZ_RECEIVE_ALERT:
		apply_alert(a, f);
		return;
	case EVENTS_COMMIT_FAILED:
		apply_commit_failed(a, f);
		return;
	case EVENTS_RECEIVED:
	case EVENTS_SENT:
	case EVENTS_NONCE_CANCELLED:
	case EVENTS_EXECUTE_FAILED:
	case EVENTS_VERIFY_SIGNATURES_FAILED:
	case EVENTS_STOPPED:
	case EVENTS_OPERATION_SKIPPED:
	case EVENTS_BATCH:
	case EVENTS_BATCH_ACCEPTED:
	case EVENTS_REJECTED:
	case EVENTS_RECORDED:
	case EVENTS_ANSWERED:
	case EVENTS_ENQUEUED:
	case EVENTS_BATCH_PASSED:
	case EVENTS_COUNT:
		return;
	}
}
