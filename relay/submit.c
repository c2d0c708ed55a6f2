/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/submit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"
#include "chain/calls.h"
#include "chain/eip712.h"
#include "chain/registry.h"
#include "chain/revert.h"
#include "ferry/v1/types.pb-c.h"

enum {
	/* Contract constants ITEM_GAS, ITEM_GAS_PER_BYTE and ITEM_GAS_SKIP of Messenger: what must be left before
	 * an item. */
	ITEM_GAS = 420000,
	ITEM_GAS_PER_BYTE = 40,
	ITEM_GAS_SKIP = 5000,
	ITEM_GAS_EXPECTED = 140000, /* what an item uses on a path in use, with room */
	SUBMIT_ITEMS_MAX = 100,
	FEE_KEPT_MS = 3000,
	FEE_STALE_MS = 10000, /* with a courier, who refreshes them */
	POSTPONE_MS = 5000,
	POSTPONE_MANY_MS = 60000,    /* when they fill a round: or those behind them would never be looked at */
	FEE_BITS_MAX = 96,           /* no endpoint asks for more; the journal could not hold the sum */
	DEADLINE_MARGIN_S = 30, /* nearer to its deadline an item is not sent any more */
};

/* Fees ---------------------------------------------------------------------------------------------- */

static bool is_registry(const struct outbox_item *it)
{
	return it->kind == FERRY__V1__KIND__KIND_REGISTRY;
}

static struct submit_fee_key fee_key(const struct outbox_item *it)
{
	struct hash none;
	memset(&none, 0, sizeof none);
	return (struct submit_fee_key){
		.kind = it->kind,
		.dst_eid = it->dst_eid,
		.payload_bytes = it->payload.n,
		.gas_limit = it->gas_limit,
		.request_id = is_registry(it) ? it->request_id : none,
	};
}

static bool fee_is_of(const struct submit_fee_key *k, const struct outbox_item *it)
{
	struct submit_fee_key of = fee_key(it);
	return k->kind == of.kind && k->dst_eid == of.dst_eid && k->payload_bytes == of.payload_bytes &&
	       k->gas_limit == of.gas_limit && hash_equal(&k->request_id, &of.request_id);
}

/* A copy of what is known. false: ask. */
static bool fee_find(struct submit *s, const struct outbox_item *it, struct submit_fee *out)
{
	int64_t now = clock_mono_ms(), kept = s->lane.courier ? FEE_STALE_MS : FEE_KEPT_MS;
	bool found = false;
	lock_take(&s->fees_lock);
	for (size_t i = 0; i < SUBMIT_FEES_KEPT && !found; i++) {
		struct submit_fee *f = &s->fees[i];
		found = f->asked_ms && now - f->asked_ms < kept && fee_is_of(&f->key, it);
		if (found) {
			f->used_ms = now;
			*out = *f;
		}
	}
	lock_give(&s->fees_lock);
	return found;
}

static struct calls_item item_call(const struct outbox_item *it)
{
	struct calls_item c = {
		.dst_eid = (uint32_t)it->dst_eid,
		.receiver = it->receiver,
		.payload = it->payload,
		.gas_limit = u256_of_u64((uint64_t)it->gas_limit),
		.ordering_key = it->ordering_key,
	};
	/* The database's decimals: they were checked when the message was accepted. */
	enum status st = u256_parse(&c.value, it->value, strlen(it->value));
	if (st == ST_OK)
		st = u256_parse(&c.nonce, it->author_nonce, strlen(it->author_nonce));
	if (st == ST_OK && it->deadline && it->is_signed)
		st = u256_parse(&c.deadline, it->deadline, strlen(it->deadline));
	(void)st;
	if (it->is_signed) {
		c.author = it->author;
		c.signature = it->signature;
	} else {
		c.app_id = it->chain_app_id;
		c.request_id = it->request_id;
	}
	return c;
}

/* What a node answered, into a slot. */
static void fee_read(struct ctx *cx, struct submit_fee *f, const struct rpc_call *call)
{
	bool returned = call->outcome == RPC_CALL_RETURNED && call->out.n == 32;
	f->asked_ms = clock_mono_ms();
	f->wei = returned ? u256_of_be(call->out.p, 32) : u256_of_u64(0);
	f->refused = !returned || !u256_fits(f->wei, FEE_BITS_MAX);
	if (returned && f->refused)
		snprintf(f->why, sizeof f->why, "the contract asks for an absurd fee");
	else if (f->refused)
		snprintf(f->why, sizeof f->why, "the contract gives no fee: %s",
			 call->outcome == RPC_CALL_REVERTED ? revert_describe(cx->arena, call->out) :
							      call->message);
}

static void fee_keep(struct ctx *cx, struct submit *s, const struct outbox_item *it,
		     const struct rpc_call *call)
{
	struct submit_fee f = {
		.key = fee_key(it),
		.used_ms = clock_mono_ms(),
		.to = call->to,
	};
	uint8_t *question = malloc(call->data.n);
	assert(question);
	memcpy(question, call->data.p, call->data.n);
	f.question = bytes_of(question, call->data.n);
	fee_read(cx, &f, call);
	lock_take(&s->fees_lock);
	size_t slot = s->fees_next++ % SUBMIT_FEES_KEPT;
	for (size_t i = 0; i < SUBMIT_FEES_KEPT; i++)
		if (s->fees[i].asked_ms && fee_is_of(&s->fees[i].key, it))
			slot = i;
	free((void *)(uintptr_t)s->fees[slot].question.p);
	s->fees[slot] = f;
	lock_give(&s->fees_lock);
}

/* The courier's part: fees that are in use are asked for again before they are too old. */
static void submit_refresh(struct ctx *cx, struct rpc *rpc, void *arg)
{
	struct submit *s = arg;
	struct rpc_call *calls = arena_array(cx->arena, SUBMIT_FEES_KEPT, sizeof *calls);
	size_t *slots = arena_array(cx->arena, SUBMIT_FEES_KEPT, sizeof *slots), n = 0;
	int64_t now = clock_mono_ms();
	lock_take(&s->fees_lock);
	for (size_t i = 0; i < SUBMIT_FEES_KEPT; i++) {
		const struct submit_fee *f = &s->fees[i];
		if (!f->asked_ms || now - f->used_ms > FEE_STALE_MS || now - f->asked_ms < FEE_KEPT_MS / 2)
			continue;
		slots[n] = i;
		calls[n++] = (struct rpc_call){
			.to = f->to,
			.data = bytes_of(arena_copy(cx->arena, f->question.p, f->question.n), f->question.n),
			.from = *signer_account(s->lane.signer),
		};
	}
	lock_give(&s->fees_lock);
	if (n == 0 || rpc_call_many(cx, rpc, calls, n, &rpc_latest) != ST_OK)
		return; /* the lane asks itself when they are too old, and says why it fails */
	lock_take(&s->fees_lock);
	for (size_t i = 0; i < n; i++) {
		struct submit_fee *f = &s->fees[slots[i]];
		if (addr_equal(&f->to, &calls[i].to) && bytes_equal(f->question, calls[i].data))
			fee_read(cx, f, &calls[i]);
	}
	lock_give(&s->fees_lock);
}

/* The call that says what this one's fee is. */
static void fee_question(struct ctx *cx, struct buf *b, const struct outbox_item *it)
{
	struct identity_operation *ops;
	struct hash request_id;
	uint64_t take, written = 0;
	size_t n;
	if (!is_registry(it)) {
		struct calls_item call = item_call(it);
		calls_quote(b, &call);
		return;
	}
	if (registry_decode_submit(cx->arena, &ops, &n, &take, &request_id, it->payload,
				   REGISTRY_SUBMIT_OPERATIONS_MAX) != ST_OK) {
		/* answer(src_eid, up_to, request_id): two words behind the selector. */
		assert(it->payload.n == 4 + 3 * 32);
		registry_quote_answer(b, (uint32_t)u256_to_u64_clamped(u256_of_be(it->payload.p + 4, 32)),
				      u256_to_u64_clamped(u256_of_be(it->payload.p + 36, 32)));
		return;
	}
	for (size_t i = 0; i < n; i++)
		written += ops[i].eager || ops[i].kind == IDENTITY_ROTATE || ops[i].kind == IDENTITY_REVOKE;
	registry_quote(b, written < IDENTITY_WRITTEN_MAX ? written : IDENTITY_WRITTEN_MAX);
}

/* Asks for the fees that are not known, all in one batch. */
static enum status submit_fees(struct ctx *cx, struct submit *s, struct outbox_item *items, size_t n)
{
	struct rpc_call *calls = arena_array(cx->arena, SUBMIT_FEES_KEPT, sizeof *calls);
	struct outbox_item **asked = arena_array(cx->arena, SUBMIT_FEES_KEPT, sizeof *asked);
	struct submit_fee_key *keys = arena_array(cx->arena, SUBMIT_FEES_KEPT, sizeof *keys);
	size_t asked_n = 0;
	for (size_t i = 0; i < n && asked_n < SUBMIT_FEES_KEPT / 2; i++) {
		struct submit_fee fee;
		bool known = fee_find(s, &items[i], &fee);
		for (size_t k = 0; !known && k < asked_n; k++)
			known = fee_is_of(&keys[k], &items[i]);
		if (known)
			continue;
		struct buf b;
		buf_init(&b, cx->arena, TX_CLOSE_BYTES);
		fee_question(cx, &b, &items[i]);
		calls[asked_n] = (struct rpc_call){
			.to = items[i].messenger,
			.data = buf_bytes(&b),
			.from = *signer_account(s->lane.signer),
		};
		keys[asked_n] = fee_key(&items[i]);
		asked[asked_n++] = &items[i];
	}
	if (asked_n == 0)
		return ST_OK;
	TRY(rpc_call_many(cx, s->lane.rpc, calls, asked_n, &rpc_latest));
	for (size_t i = 0; i < asked_n; i++)
		fee_keep(cx, s, asked[i], &calls[i]);
	return ST_OK;
}

/* Messages that must wait ---------------------------------------------------------------------------- */

struct waiting {
	struct outbox_item *item;
	const char *why;
	int reason;
	bool expired;
};

static bool is_overspent(const struct outbox_item *it, const int64_t *apps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (apps[i] == it->app_id)
			return true;
	return false;
}

static int64_t seconds_left(const struct outbox_item *it, int64_t chain_time_s)
{
	struct u256 deadline;
	if (!it->deadline || chain_time_s == 0 ||
	    u256_parse(&deadline, it->deadline, strlen(it->deadline)) != ST_OK)
		return INT64_MAX;
	uint64_t at = u256_to_u64_clamped(deadline);
	return at > INT64_MAX ? INT64_MAX : (int64_t)at - chain_time_s;
}

/* Why an item cannot go now; false when it can. */
static bool must_wait(struct ctx *cx, struct submit *s, struct outbox_item *it, const int64_t *overspent,
		      size_t overspent_n, struct waiting *w)
{
	int64_t left = seconds_left(it, atomic_load(&s->lane.chain->block_time_s));
	struct submit_fee fee;
	bool known = fee_find(s, it, &fee);
	*w = (struct waiting){.item = it};
	if (left < DEADLINE_MARGIN_S) {
		/* It may have been broadcast before, so its end is a final block's to say. */
		w->expired = seconds_left(it, atomic_load(&s->lane.chain->final_time_s)) < 0;
		w->why = "its deadline is too near to be met";
	} else if (!it->is_signed && !addr_is_zero(&it->submitter) &&
		   !addr_equal(&it->submitter, signer_account(s->lane.signer))) {
		/* Its nonce is of that account's bitmap: from another it could be sent twice. */
		w->why = "it was given to another submitting account, which no relay drives";
	} else if (!is_registry(it) && is_overspent(it, overspent, overspent_n)) {
		w->reason = FERRY__V1__REASON__REASON_DAILY_LIMIT_REACHED;
		w->why = "the app has spent what it may spend today (daily_wei_per_app)";
	} else if (known && fee.refused) {
		w->why = arena_strdup(cx->arena, fee.why);
	}
	return w->why != NULL;
}

static enum status postpone(struct ctx *cx, struct submit *s, const struct waiting *waiting, size_t n)
{
	int64_t *apps = arena_array(cx->arena, n, sizeof *apps);
	struct uuid *ids = arena_array(cx->arena, n, sizeof *ids);
	for (size_t i = 0; i < n; i++) {
		apps[i] = waiting[i].item->app_id;
		ids[i] = waiting[i].item->id;
	}
	struct outbox_item *items;
	size_t items_n;
	bool many = 2 * n > s->lane.world->config.claim_items;
	int64_t due_us = clock_wall_us() + (many ? POSTPONE_MANY_MS : POSTPONE_MS) * 1000;
	TRY(tx_begin(cx, s->lane.db));
	TRY(lease_fence(cx, s->lane.db, &s->lane.lease));
	TRY(outbox_by_id(cx, s->lane.db, &items, &items_n, apps, ids, n));
	struct outbox_item **changed = arena_array(cx->arena, items_n ? items_n : 1, sizeof *changed);
	for (size_t i = 0; i < items_n; i++) {
		struct outbox_item *it = changed[i] = &items[i];
		for (size_t k = 0; k < n; k++) {
			const struct waiting *w = &waiting[k];
			if (w->item->app_id != it->app_id || memcmp(w->item->id.b, it->id.b, 16) != 0 ||
			    it->state != STATE_ACCEPTED)
				continue;
			it->reason = w->reason;
			it->evidence = w->why;
			it->due_us = due_us;
			if (w->expired)
				outbox_move(it, STATE_EXPIRED)->reason =
					"a final block of the source chain is past the deadline";
			outbox_touch(it);
		}
	}
	TRY(outbox_save(cx, s->lane.db, changed, items_n));
	return tx_commit(cx, s->lane.db);
}

/* Transactions --------------------------------------------------------------------------------------- */

/* A contract wallet may answer yes now and no later: its items never share a transaction. An author whose
 * signature recovers to himself is no wallet, or need not be asked as one. */
static bool author_is_wallet(const struct submit *s, const struct outbox_item *it)
{
	if (!it->is_signed)
		return false;
	if (it->signature.n != SECP_SIGNATURE_BYTES)
		return true;
	struct addr signer;
	struct hash domain = eip712_domain(s->lane.chain->config.chain_id, &s->lane.chain->config.messenger);
	struct hash digest = eip712_digest(&domain, &it->request_id);
	return secp_recover(&signer, &digest, it->signature.p) != ST_OK || !addr_equal(&signer, &it->author);
}

struct batch {
	struct calls_item calls[SUBMIT_ITEMS_MAX];
	struct outbox_item *items[SUBMIT_ITEMS_MAX];
	size_t n;
	size_t bytes;
	uint64_t gas;
	struct u256 value;
	bool alone;
};

static bool batch_has_room(const struct batch *b, const struct calls_item *call, bool alone)
{
	if (b->n == 0)
		return true;
	return !b->alone && !alone && b->n < SUBMIT_ITEMS_MAX &&
	       b->bytes + calls_item_bytes(call) <= TX_CLOSE_BYTES &&
	       b->gas + ITEM_GAS_EXPECTED + (uint64_t)call->payload.n * ITEM_GAS_PER_BYTE <= LANE_TX_GAS_MAX;
}

static void batch_add(struct batch *b, const struct calls_item *call, struct outbox_item *it, bool alone)
{
	if (b->n == 0) {
		b->bytes = CALLS_ARRAY_BYTES;
		b->gas = 60000 + ITEM_GAS + ITEM_GAS_SKIP * SUBMIT_ITEMS_MAX;
		memset(&b->value, 0, sizeof b->value);
	}
	b->calls[b->n] = *call;
	b->items[b->n++] = it;
	b->bytes += calls_item_bytes(call);
	b->gas += ITEM_GAS_EXPECTED + (uint64_t)call->payload.n * ITEM_GAS_PER_BYTE;
	b->alone = alone;
	bool fits = u256_add(&b->value, b->value, call->fee);
	(void)fits; /* a hundred fees of FEE_BITS_MAX */
}

static void batch_close(struct ctx *cx, struct submit *s, struct batch *b, struct lane_tx *t)
{
	struct buf data;
	buf_init(&data, cx->arena, TX_RAW_BYTES_MAX);
	calls_send_many(&data, b->calls, b->n);
	*t = (struct lane_tx){
		.purpose = "SUBMIT",
		.to = s->lane.chain->config.messenger,
		.calldata = buf_bytes(&data),
		.value = b->value,
		.gas = b->gas < LANE_TX_GAS_MAX ? b->gas : LANE_TX_GAS_MAX,
		.items = arena_copy(cx->arena, b->items, b->n * sizeof b->items[0]),
		.items_n = b->n,
	};
	b->n = 0;
	b->alone = false;
}

/* A registry's call goes as it was stored. */
static void registry_close(struct ctx *cx, struct outbox_item *it, struct u256 wei, struct lane_tx *t)
{
	*t = (struct lane_tx){
		.purpose = "SUBMIT",
		.to = it->messenger,
		.calldata = it->payload,
		.value = wei,
		.gas = (uint64_t)it->source_gas < LANE_TX_GAS_MAX ? (uint64_t)it->source_gas : LANE_TX_GAS_MAX,
		.items = arena_copy(cx->arena, &it, sizeof(struct outbox_item *)),
		.items_n = 1,
	};
}

static void submit_mark(struct outbox_item *it, const struct lane_tx *t, const struct outbox_place *place,
			void *arg)
{
	struct submit *s = arg;
	(void)t;
	struct outbox_event *e = outbox_move(it, STATE_SUBMITTED);
	e->chain_eid = s->lane.chain->config.eid;
	e->place = *place;
	if (!it->is_signed && !is_registry(it))
		it->submitter = *signer_account(s->lane.signer);
}

/* What the apps' messages will cost, in the transaction's own bookkeeping. */
static enum status submit_spend(struct ctx *cx, const struct lane_tx *txs, size_t n, void *arg)
{
	struct submit *s = arg;
	size_t total = 0, count = 0;
	for (size_t i = 0; i < n; i++)
		total += txs[i].items_n;
	int64_t *apps = arena_array(cx->arena, total, sizeof *apps);
	const char **wei = arena_array(cx->arena, total, sizeof *wei);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < txs[i].items_n; k++) {
			if (is_registry(txs[i].items[k]))
				continue; /* its members' apps paid when the batch was closed */
			struct submit_fee fee;
			char text[U256_DECIMAL_BYTES];
			bool known = fee_find(s, txs[i].items[k], &fee);
			u256_format(text, known ? fee.wei : u256_of_u64(0));
			apps[count] = txs[i].items[k]->app_id;
			wei[count++] = arena_strdup(cx->arena, text);
		}
	return count ? journal_spend(cx, s->lane.db, apps, wei, count) : ST_OK;
}

/* Builds transactions of the items that can go; the others are postponed. */
static enum status submit_build(struct ctx *cx, struct submit *s, struct outbox_item *items, size_t n,
				struct lane_tx *txs, size_t *txs_n)
{
	int64_t *overspent;
	size_t overspent_n, waiting_n = 0;
	struct waiting *waiting = arena_array(cx->arena, n, sizeof *waiting);
	struct batch *b = arena_alloc(cx->arena, sizeof *b);
	TRY(journal_overspent(cx, s->lane.db, &overspent, &overspent_n, s->lane.world->config.daily_wei_per_app));
	*txs_n = 0;
	for (size_t i = 0; i < n && *txs_n < LANE_TXS_MAX - 1; i++) {
		struct outbox_item *it = &items[i];
		if (must_wait(cx, s, it, overspent, overspent_n, &waiting[waiting_n])) {
			waiting_n++;
			continue;
		}
		struct submit_fee fee;
		if (!fee_find(s, it, &fee))
			continue; /* asked for in the next round */
		if (is_registry(it)) {
			registry_close(cx, it, fee.wei, &txs[(*txs_n)++]);
			continue;
		}
		struct calls_item call = item_call(it);
		call.fee = fee.wei;
		bool alone = author_is_wallet(s, it);
		if (!batch_has_room(b, &call, alone))
			batch_close(cx, s, b, &txs[(*txs_n)++]);
		batch_add(b, &call, it, alone);
	}
	if (b->n)
		batch_close(cx, s, b, &txs[(*txs_n)++]);
	return waiting_n ? postpone(cx, s, waiting, waiting_n) : ST_OK;
}

static enum status submit_round(struct ctx *cx, void *self, int *wait_ms)
{
	struct submit *s = self;
	struct outbox_item *items;
	size_t n, txs_n;
	TRY(lane_ready(cx, &s->lane));
	if (!lane_is_open(&s->lane))
		return ST_OK;
	size_t max = s->lane.world->config.claim_items;
	TRY(outbox_due(cx, s->lane.db, &items, &n, s->lane.chain->config.eid, STAGE_SUBMIT, max));
	if (n == 0)
		return ST_OK;
	struct lane_tx *txs = arena_array(cx->arena, LANE_TXS_MAX, sizeof *txs);
	TRY(submit_fees(cx, s, items, n));
	TRY(submit_build(cx, s, items, n, txs, &txs_n));
	if (txs_n) {
		TRY(lane_claim(cx, &s->lane, txs, txs_n, submit_mark, submit_spend, s));
		waker_wake(s->lane.world->notify_waker);
	}
	*wait_ms = 0;
	return ST_OK;
}

void submit_run(void *arg)
{
	struct submit *s = arg;
	const struct world_loop loop = {
		.world = s->lane.world,
		.name = s->lane.lease.name,
		.waker = s->lane.waker,
		.round = submit_round,
		.self = s,
	};
	world_run(&loop);
}

void submit_init(struct submit *s, struct world *world, struct world_chain *chain)
{
	*s = (struct submit){0};
	lock_init(&s->fees_lock);
	lane_init(&s->lane, world, chain, "submit");
	s->lane.courier = courier_create(&s->lane, submit_refresh, s);
}

void submit_fini(struct submit *s)
{
	lane_fini(&s->lane);
	for (size_t i = 0; i < SUBMIT_FEES_KEPT; i++)
		free((void *)(uintptr_t)s->fees[i].question.p);
	lock_fini(&s->fees_lock);
}
