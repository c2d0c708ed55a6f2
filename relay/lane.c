/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/lane.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/tend.h"

enum {
	FEE_KEPT_MS = 1000,
	FEE_STALE_MS = 5000, /* with a courier, who refreshes it: older than this it is asked for all the same */
	WEI_PER_GWEI = 1000000000,
};

void lane_init(struct lane *l, struct world *world, struct world_chain *chain, const char *role)
{
	bool submit = strcmp(role, "submit") == 0;
	*l = (struct lane){
		.world = world,
		.chain = chain,
		.signer = submit ? chain->submit : chain->deliver,
		.role = role,
		.waker = submit ? chain->submit_waker : chain->deliver_waker,
	};
	char name[LEASE_NAME_BYTES], account[2 * 20 + 1] = {0};
	hex_digits(account, signer_account(l->signer)->b, 20);
	snprintf(name, sizeof name, "lane.%lld.0x%s", (long long)chain->config.eid, account);
	lease_init(&l->lease, name, world->holder);
	lock_init(&l->fee_lock);
}

void lane_fini(struct lane *l)
{
	struct arena *arena = arena_create(1024 * 1024);
	struct ctx cx;
	ctx_init(&cx, arena, 2000, l->lease.name);
	if (l->db)
		lease_release(&cx, l->db, &l->lease);
	arena_destroy(arena);
	db_close(l->db);
	rpc_destroy(l->rpc);
	lock_fini(&l->fee_lock);
	courier_destroy(l->courier);
}

bool lane_is_open(const struct lane *l)
{
	return l->halted == 0 && l->unmined < LANE_UNMINED_MAX;
}

/* The journal's next nonce, held against the chain's. */
static enum status lane_open(struct ctx *cx, struct lane *l)
{
	uint64_t chain_nonce;
	struct journal_lane row;
	const struct addr *account = signer_account(l->signer);
	int64_t eid = l->chain->config.eid;
	TRY(rpc_nonce(cx, l->rpc, &chain_nonce, account, &rpc_latest));
	if (chain_nonce > INT64_MAX / 2)
		return fail(cx, ST_CHAIN_DISPUTED, "%s says an absurd nonce", l->chain->config.name);
	TRY(journal_lane_open(cx, l->db, &row, eid, account, l->role, (int64_t)chain_nonce));
	l->next_nonce = row.next_nonce;
	l->halted = row.halted;
	if ((int64_t)chain_nonce > row.next_nonce) {
		const char *detail = arena_printf(
			cx->arena,
			"the chain has used nonces up to %llu, the journal knows them up to %lld: run "
			"'ferryd nonce doctor'",
			(unsigned long long)chain_nonce, (long long)row.next_nonce);
		if (l->halted != FERRY__V1__REASON__REASON_JOURNAL_BEHIND_CHAIN)
			log_event(LOG_ERROR, "relay.journal_behind_chain", "%s: %s", l->lease.name, detail);
		l->halted = FERRY__V1__REASON__REASON_JOURNAL_BEHIND_CHAIN;
		TRY(journal_lane_halt(cx, l->db, eid, account, l->halted, detail));
	}
	l->opened = true;
	l->tended_ms = 0;
	return ST_OK;
}

enum status lane_ready(struct ctx *cx, struct lane *l)
{
	if (!l->rpc)
		l->rpc = world_rpc_create(&l->chain->config);
	if (!l->db)
		TRY(db_open(cx, l->world->config.database_url, l->lease.name, &l->db));
	if (l->lease.epoch == 0) {
		l->opened = false;
		l->reorgs = -1;
		TRY(lease_take(cx, l->db, &l->lease));
		TRY(rpc_check(cx, l->rpc));
		log_event(LOG_INFO, "relay.lane", "drives %s (%s)", l->lease.name, l->role);
	}
	TRY(lease_keep(cx, l->db, &l->lease));
	if (!l->opened || l->halted)
		TRY(lane_open(cx, l));
	return tend_unmined(cx, l);
}

/* Signing ------------------------------------------------------------------------------------------ */

struct u256 lane_tip(const struct lane *l, const struct rpc_fee *fee)
{
	struct u256 most;
	if (u256_is_zero(fee->tip))
		return u256_of_u64(1);
	if (u256_mul_u64(&most, u256_of_u64(WEI_PER_GWEI), l->chain->config.tip_max_gwei) &&
	    u256_cmp(fee->tip, most) > 0)
		return most;
	return fee->tip;
}

static void lane_keep_fee(struct lane *l, const struct rpc_fee *fee)
{
	lock_take(&l->fee_lock);
	l->fee = *fee;
	l->fee_ms = clock_mono_ms();
	lock_give(&l->fee_lock);
}

void lane_refresh_fee(struct ctx *cx, struct lane *l, struct rpc *rpc)
{
	struct rpc_fee fee;
	int64_t now = clock_mono_ms();
	lock_take(&l->fee_lock);
	bool wanted = now - l->fee_used_ms < FEE_STALE_MS && now - l->fee_ms > FEE_KEPT_MS / 2;
	lock_give(&l->fee_lock);
	if (wanted && rpc_fee(cx, rpc, &fee) == ST_OK) /* else: the lane asks, and says why it fails */
		lane_keep_fee(l, &fee);
}

static enum status lane_ask_fee(struct ctx *cx, struct lane *l, struct rpc_fee *fee)
{
	int64_t now = clock_mono_ms(), kept = l->courier ? FEE_STALE_MS : FEE_KEPT_MS;
	lock_take(&l->fee_lock);
	bool known = l->fee_ms && now - l->fee_ms < kept;
	*fee = l->fee;
	l->fee_used_ms = now;
	lock_give(&l->fee_lock);
	if (known)
		return ST_OK;
	TRY(rpc_fee(cx, l->rpc, fee));
	lane_keep_fee(l, fee);
	return ST_OK;
}

/* Twice the next base fee: enough for six full blocks in a row before a bump is needed. */
static enum status lane_fee(struct ctx *cx, struct lane *l)
{
	struct rpc_fee fee;
	TRY(lane_ask_fee(cx, l, &fee));
	l->tip = lane_tip(l, &fee);
	if (!u256_mul_u64(&l->max_fee, fee.base_next, 2) || !u256_add(&l->max_fee, l->max_fee, l->tip) ||
	    !u256_fits(l->max_fee, 96))
		return fail(cx, ST_CHAIN_DISPUTED, "%s says an absurd base fee", l->chain->config.name);
	return ST_OK;
}

static const char *lane_decimal(struct ctx *cx, struct u256 v)
{
	char text[U256_DECIMAL_BYTES];
	u256_format(text, v);
	return arena_strdup(cx->arena, text);
}

static enum status lane_sign(struct ctx *cx, struct lane *l, const struct lane_tx *t, int64_t nonce,
			     struct journal_entry *e)
{
	const struct tx tx = {
		.chain_id = l->chain->config.chain_id,
		.nonce = (uint64_t)nonce,
		.max_priority_fee = l->tip,
		.max_fee = l->max_fee,
		.gas = t->gas,
		.to = t->to,
		.value = t->value,
		.data = t->calldata,
	};
	*e = (struct journal_entry){
		.eid = l->chain->config.eid,
		.signer = *signer_account(l->signer),
		.nonce = nonce,
		.purpose = t->purpose,
		.to = t->to,
		.calldata = t->calldata,
		.value = lane_decimal(cx, t->value),
		.gas_limit = (int64_t)t->gas,
		.items_n = t->items_n,
		.max_fee = lane_decimal(cx, l->max_fee),
		.tip = lane_decimal(cx, l->tip),
	};
	int64_t *apps = arena_array(cx->arena, t->items_n ? t->items_n : 1, sizeof *apps);
	struct uuid *ids = arena_array(cx->arena, t->items_n ? t->items_n : 1, sizeof *ids);
	for (size_t i = 0; i < t->items_n; i++) {
		apps[i] = t->items[i]->app_id;
		ids[i] = t->items[i]->id;
	}
	e->items_app = apps;
	e->items_id = ids;
	return signer_sign_tx(cx, l->signer, &e->raw, &e->hash, &tx);
}

/* Claiming ----------------------------------------------------------------------------------------- */

static int item_order(const void *a, const void *b)
{
	const struct outbox_item *x = *(struct outbox_item *const *)a, *y = *(struct outbox_item *const *)b;
	if (x->app_id != y->app_id)
		return x->app_id < y->app_id ? -1 : 1;
	return memcmp(x->id.b, y->id.b, sizeof x->id.b);
}

struct lane_claimed {
	struct outbox_item **items; /* locked, in item_order */
	size_t n;
};

/* Locks the items of all transactions; they must be as they were when the transactions were built. */
static enum status lane_lock(struct ctx *cx, struct lane *l, const struct lane_tx *txs, size_t n,
			     struct lane_claimed *out)
{
	size_t total = 0, count = 0;
	for (size_t i = 0; i < n; i++)
		total += txs[i].items_n;
	struct outbox_item **wanted = arena_array(cx->arena, total ? total : 1, sizeof *wanted);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < txs[i].items_n; k++)
			wanted[count++] = txs[i].items[k];
	qsort(wanted, count, sizeof *wanted, item_order);
	size_t unique = 0;
	for (size_t i = 0; i < count; i++)
		if (unique == 0 || item_order(&wanted[unique - 1], &wanted[i]) != 0)
			wanted[unique++] = wanted[i];
	int64_t *apps = arena_array(cx->arena, unique ? unique : 1, sizeof *apps);
	struct uuid *ids = arena_array(cx->arena, unique ? unique : 1, sizeof *ids);
	for (size_t i = 0; i < unique; i++) {
		apps[i] = wanted[i]->app_id;
		ids[i] = wanted[i]->id;
	}
	struct outbox_item *items;
	TRY(outbox_by_id(cx, l->db, &items, &out->n, apps, ids, unique));
	out->items = arena_array(cx->arena, out->n ? out->n : 1, sizeof *out->items);
	for (size_t i = 0; i < out->n; i++)
		out->items[i] = &items[i];
	if (out->n != unique)
		return fail(cx, ST_BUSY, "a message vanished while it was claimed");
	qsort(out->items, out->n, sizeof *out->items, item_order);
	for (size_t i = 0; i < unique; i++)
		if (out->items[i]->version != wanted[i]->version || out->items[i]->is_carried)
			return fail(cx, ST_BUSY, "a message changed while it was claimed");
	return ST_OK;
}

static void lane_mark_items(const struct lane_tx *txs, const struct journal_entry *entries, size_t n,
			    const struct lane_claimed *claimed, lane_mark mark, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		const struct outbox_place place = {.tx_hash = entries[i].hash};
		for (size_t k = 0; k < txs[i].items_n; k++) {
			struct outbox_item *key = txs[i].items[k];
			struct outbox_item **found = bsearch(&key, claimed->items, claimed->n,
							     sizeof *claimed->items, item_order);
			assert(found);
			if (mark)
				mark(*found, &txs[i], &place, arg);
			(*found)->is_carried = true;
			(*found)->signer = entries[i].signer;
			(*found)->tx_nonce = entries[i].nonce;
			outbox_touch(*found);
		}
	}
}

static enum status lane_broadcast(struct ctx *cx, struct lane *l, const struct journal_entry *entries, size_t n)
{
	size_t sent = 0;
	while (sent < n && courier_send(l->courier, entries[sent].nonce, entries[sent].raw))
		sent++;
	if (sent == n)
		return ST_OK;
	struct rpc_send *sends = arena_array(cx->arena, n, sizeof *sends);
	for (size_t i = sent; i < n; i++)
		sends[i - sent].raw = entries[i].raw;
	return tend_broadcast(cx, l, l->db, l->rpc, sends, n - sent, entries[sent].nonce);
}

enum status lane_claim(struct ctx *cx, struct lane *l, struct lane_tx *txs, size_t n, lane_mark mark,
		       lane_within within, void *arg)
{
	assert(n > 0 && n <= LANE_TXS_MAX);
	struct journal_entry *entries = arena_array(cx->arena, n, sizeof *entries);
	struct lane_claimed claimed;
	TRY(lane_fee(cx, l));
	for (size_t i = 0; i < n; i++)
		TRY(lane_sign(cx, l, &txs[i], l->next_nonce + (int64_t)i, &entries[i]));
	TRY(tx_begin(cx, l->db));
	TRY(lease_fence(cx, l->db, &l->lease));
	TRY(lane_lock(cx, l, txs, n, &claimed));
	lane_mark_items(txs, entries, n, &claimed, mark, arg);
	l->opened = false; /* until the commit is known */
	TRY(journal_insert(cx, l->db, entries, n));
	TRY(outbox_save(cx, l->db, claimed.items, claimed.n));
	if (within)
		TRY(within(cx, txs, n, arg));
	TRY(tx_commit(cx, l->db));
	l->opened = true;
	l->next_nonce += (int64_t)n;
	l->unmined += n;
	return lane_broadcast(cx, l, entries, n);
}
