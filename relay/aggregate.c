/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/aggregate.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/erc6492.h"
#include "chain/keccak.h"
#include "chain/registry.h"
#include "chain/revert.h"
#include "chain/secp.h"
#include "chain/tx.h"
#include "relay/oapp.h"
#include "storage/cursor.h"
#include "storage/journal.h"
#include "storage/operation.h"

enum {
	/* ProxyRegistry's BATCH_GAS, OPERATION_GAS_EACH, RECEIVE_GAS, WRITE_GAS; others are in chain/registry.h. */
	BATCH_GAS = 600000,
	OPERATION_GAS_SKIP = 4000,
	RECEIVE_GAS = 200000,
	WRITE_GAS = 70000,
	/* MainRegistry's ANSWER_GAS, ANSWER_GAS_BATCH, ANSWER_GAS_REJECTED. */
	ANSWER_GAS = 100000,
	ANSWER_GAS_BATCH = 60000,
	ANSWER_GAS_REJECTED = 1000,
	/* What one uses, with room: signed with a key, or a wallet that is asked. */
	KEY_GAS_EXPECTED = 50000,
	CONSENT_GAS_EXPECTED = 12000,
	WALLET_GAS_EXPECTED = 125000,
	WRITTEN_GAS_EXPECTED = 6000,
	ANSWER_SOURCE_GAS = 500000, /* sending an answer, and more for each batch */
	ANSWER_SOURCE_GAS_BATCH = 30000,
	AGGREGATE_POLL_MS = 200,
	AGGREGATE_WAIT_MS = 1000, /* until one that cannot go now is looked at again */
};

/* Opens what the thread owns, as far as it is not open yet. */
static enum status aggregate_ready(struct ctx *cx, struct aggregate *g)
{
	if (!g->rpc)
		g->rpc = world_rpc_create(&g->chain->config);
	if (!g->db)
		TRY(db_open(cx, g->world->config.database_url, g->lease.name, &g->db));
	if (g->lease.epoch == 0) {
		TRY(lease_take(cx, g->db, &g->lease));
		TRY(rpc_check(cx, g->rpc));
		log_event(LOG_INFO, "relay.aggregate", "batches identity operations of %s", g->chain->config.name);
	}
	return lease_keep(cx, g->db, &g->lease);
}

static struct world_chain *main_chain(const struct aggregate *g)
{
	for (size_t i = 0; i < g->world->chains_n; i++)
		if (!addr_is_zero(&g->world->chains[i].config.main_registry))
			return &g->world->chains[i];
	return NULL;
}

static struct identity_operation operation_call(const struct operation *o)
{
	return (struct identity_operation){
		.kind = (enum identity_kind)o->kind,
		.version = (uint64_t)o->version,
		.eager = o->eager,
		.home_chain_id = (uint64_t)o->home_chain_id,
		.first_owner = o->first_owner,
		.salt = o->salt,
		.owner = o->owner,
		.account = o->account,
		.recovery = o->recovery,
		.data_hash = o->data_hash,
		.deadline = (uint64_t)o->deadline,
		.signature = o->signature,
		.consent = o->consent,
	};
}

/* Looking them over -------------------------------------------------------------------------------- */

struct look {
	const struct operation *ops;
	struct identity_operation *calls;
	uint32_t *reasons; /* of the last check: 0, or the selector of an error */
	size_t n;
};

static enum status look_check(struct ctx *cx, struct aggregate *g, struct look *l, int64_t block)
{
	struct buf data;
	struct rpc_at at = rpc_at_number((uint64_t)block);
	buf_init(&data, cx->arena, TX_RAW_BYTES_MAX);
	registry_check(&data, l->calls, l->n);
	struct rpc_call call = {.to = g->chain->config.proxy_registry, .data = buf_bytes(&data)};
	TRY(rpc_call(cx, g->rpc, &call, &at));
	if (call.outcome != RPC_CALL_RETURNED || registry_decode_check(l->reasons, l->n, call.out) != ST_OK)
		return fail(cx, ST_CHAIN_REJECTED, "the proxy registry of %s does not say which operations it would "
			    "take: %s",
			    g->chain->config.name,
			    call.outcome == RPC_CALL_REVERTED ? revert_describe(cx->arena, call.out)
							  : "not its answer");
	return ST_OK;
}

static const char *reason_name(struct ctx *cx, uint32_t reason)
{
	uint8_t selector[4] = {(uint8_t)(reason >> 24), (uint8_t)(reason >> 16), (uint8_t)(reason >> 8),
			       (uint8_t)reason};
	const char *name = revert_name(cx->arena, bytes_of(selector, sizeof selector));
	return name ? name : arena_printf(cx->arena, "0x%08x", reason);
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

/* The next batch may have room for it. */
static bool is_room(const char *name)
{
	static const char *const list[] = {"TooManyWritten", "BatchFull", "LowGas", NULL};
	return is_one_of(name, list);
}

static const char *end_state(const char *name)
{
	static const char *const rejected[] = {"StaleVersion", "AlreadyRegistered", "IsRevoked", NULL};
	if (strcmp(name, "Expired") == 0)
		return "EXPIRED";
	return is_one_of(name, rejected) ? "REJECTED" : "FAILED";
}

/* One the registry refuses ends when a final block refuses it too, and nothing that is on its way could change that. */
static struct operation_aside aside_of(struct ctx *cx, const struct operation *o, uint32_t now, uint32_t final)
{
	const char *name = reason_name(cx, final ? final : now);
	struct operation_aside a = {.app_id = o->app_id, .id = o->id, .reason = name, .wait_ms = AGGREGATE_WAIT_MS};
	if (final && final == now && !o->has_earlier)
		a.state = end_state(name);
	return a;
}

/* Splits off those that the registry would leave out, and says why they wait or end. Both blocks were worked through
 * by the observer before the operations were read: one of them that is on the chain is known to be. */
static enum status aggregate_sift(struct ctx *cx, struct aggregate *g, struct look *l, int64_t block)
{
	size_t kept = 0, refused = 0;
	struct look out = {
		.calls = arena_array(cx->arena, l->n, sizeof *out.calls),
		.reasons = arena_array(cx->arena, l->n, sizeof *out.reasons),
	};
	struct operation *ops = arena_array(cx->arena, l->n, sizeof *ops);
	struct operation *left = arena_array(cx->arena, l->n, sizeof *left);
	uint32_t *now = arena_array(cx->arena, l->n, sizeof *now);
	TRY(look_check(cx, g, l, block));
	for (size_t i = 0; i < l->n; i++) {
		if (l->reasons[i] == 0) {
			ops[kept] = l->ops[i];
			l->calls[kept++] = l->calls[i];
		} else if (!is_room(reason_name(cx, l->reasons[i]))) {
			now[refused] = l->reasons[i];
			left[refused] = l->ops[i];
			out.calls[refused++] = l->calls[i];
		}
	}
	if (kept + refused == 0) /* LowGas, even for the first */
		return fail(cx, ST_CHAIN_REJECTED, "the node of %s gives an eth_call less gas than an operation may "
			    "need", g->chain->config.name);
	l->ops = ops;
	l->n = kept;
	if (refused == 0)
		return ST_OK;
	out.ops = left;
	out.n = refused;
	int64_t final = block - g->chain->config.finality_blocks;
	TRY(look_check(cx, g, &out, final > 0 ? final : 0));
	struct operation_aside *aside = arena_array(cx->arena, refused, sizeof *aside);
	for (size_t i = 0; i < refused; i++)
		aside[i] = aside_of(cx, &left[i], now[i], out.reasons[i]);
	TRY(tx_begin(cx, g->db));
	TRY(lease_fence(cx, g->db, &g->lease));
	TRY(operation_set_aside(cx, g->db, aside, refused));
	TRY(tx_commit(cx, g->db));
	waker_wake(g->world->notify_waker);
	return ST_OK;
}

/* Closing a batch ---------------------------------------------------------------------------------- */

static bool is_written(const struct identity_operation *o)
{
	return o->eager || o->kind == IDENTITY_ROTATE || o->kind == IDENTITY_REVOKE;
}

static bool is_signed_by(const struct hash *digest, struct bytes signature, const struct addr *who)
{
	struct addr signer;
	return signature.n == SECP_SIGNATURE_BYTES && secp_recover(&signer, digest, signature.p) == ST_OK &&
	       addr_equal(&signer, who);
}

static uint64_t operation_gas(const struct aggregate *g, const struct identity_operation *o, uint32_t main_eid)
{
	struct hash digest = identity_digest(g->chain->config.chain_id, &g->chain->config.proxy_registry, main_eid, o);
	bool by_key = is_signed_by(&digest, o->signature, &o->owner);
	bool consent_by_key = is_signed_by(&digest, o->consent, &o->account);
	uint64_t gas = OPERATION_GAS_SKIP + registry_operation_bytes(o) * REGISTRY_OPERATION_GAS_PER_BYTE;
	gas += by_key ? KEY_GAS_EXPECTED : KEY_GAS_EXPECTED + WALLET_GAS_EXPECTED;
	if (o->consent.n)
		gas += consent_by_key ? CONSENT_GAS_EXPECTED : WALLET_GAS_EXPECTED;
	/* Whether the wallet is there by then is not asked: the registry wants this much left in any case. */
	gas += (erc6492_is(o->signature) + erc6492_is(o->consent)) * (uint64_t)REGISTRY_DEPLOY_GAS;
	return gas + (is_written(o) ? WRITTEN_GAS_EXPECTED : 0);
}

struct batch_plan {
	size_t n;       /* the first so many operations */
	size_t written;
	uint64_t gas;   /* of the source transaction */
	uint64_t *each; /* of it, each one's own */
	bool is_full;   /* there is no room for the next one, or for any */
};

enum { BATCH_GAS_BASE = BATCH_GAS + REGISTRY_OPERATION_GAS };

static struct batch_plan plan_batch(struct arena *a, const struct aggregate *g, const struct identity_operation *ops,
				    size_t n, uint32_t main_eid)
{
	const struct relay_config *config = &g->world->config;
	struct batch_plan p = {.gas = BATCH_GAS_BASE, .each = arena_array(a, n, sizeof *p.each)};
	size_t bytes = REGISTRY_SUBMIT_BYTES;
	for (; p.n < n; p.n++) {
		uint64_t gas = operation_gas(g, &ops[p.n], main_eid);
		bytes += registry_operation_bytes(&ops[p.n]);
		bool fits = p.gas + gas <= config->batch_gas && bytes <= TX_CLOSE_BYTES;
		bool too_many = is_written(&ops[p.n]) && p.written == IDENTITY_WRITTEN_MAX;
		if (p.n > 0 && (!fits || too_many)) {
			p.is_full = true;
			break;
		}
		p.gas += gas;
		p.each[p.n] = gas;
		p.written += is_written(&ops[p.n]);
	}
	p.is_full |= p.n >= config->batch_operations;
	return p;
}

static struct hash request_of(const struct uuid *id)
{
	return keccak256(id->b, sizeof id->b);
}

/* What each member's app pays, decimal wei: its own gas at the fee of the day, and a part of what all share. */
static enum status batch_shares(struct ctx *cx, struct aggregate *g, const struct batch_plan *plan,
				const char **shares)
{
	struct rpc_fee fee;
	struct u256 price, wei;
	char text[U256_DECIMAL_BYTES];
	TRY(rpc_fee(cx, g->rpc, &fee));
	bool is_sane = u256_add(&price, fee.base_next, fee.tip);
	for (size_t i = 0; i < plan->n; i++) {
		uint64_t gas = plan->each[i] + BATCH_GAS_BASE / plan->n;
		if (!is_sane || !u256_mul_u64(&wei, price, gas) || !u256_fits(wei, 120))
			return fail(cx, ST_CHAIN_DISPUTED, "%s says an absurd fee", g->chain->config.name);
		u256_format(text, wei);
		shares[i] = arena_strdup(cx->arena, text);
	}
	return ST_OK;
}

static enum status batch_spend(struct ctx *cx, struct aggregate *g, const struct operation *ops,
			       size_t n, const char *const *shares)
{
	int64_t *apps = arena_array(cx->arena, n, sizeof *apps);
	for (size_t i = 0; i < n; i++)
		apps[i] = ops[i].app_id;
	return journal_spend(cx, g->db, apps, shares, n);
}

static enum status aggregate_close(struct ctx *cx, struct aggregate *g, const struct operation *ops,
				   const struct identity_operation *calls, const struct batch_plan *plan,
				   const struct world_chain *to)
{
	struct buf data;
	const char **shares = arena_array(cx->arena, plan->n, sizeof *shares);
	struct operation_message m = {
		.src_eid = g->chain->config.eid,
		.dst_eid = to->config.eid,
		.registry = g->chain->config.proxy_registry,
		.receiver = hash_of_addr(&to->config.main_registry),
		.gas_limit = RECEIVE_GAS + (int64_t)plan->written * WRITE_GAS,
	};
	uuid_v7(m.id.b);
	m.request_id = request_of(&m.id);
	buf_init(&data, cx->arena, TX_RAW_BYTES_MAX);
	registry_submit(&data, calls, plan->n, 0, &m.request_id);
	m.calldata = buf_bytes(&data);
	m.source_gas = (int64_t)(plan->gas + tx_gas_intrinsic(m.calldata));
	TRY(batch_shares(cx, g, plan, shares));
	TRY(tx_begin(cx, g->db));
	TRY(lease_fence(cx, g->db, &g->lease));
	TRY(batch_spend(cx, g, ops, plan->n, shares));
	TRY(operation_batch(cx, g->db, &m, ops, plan->n));
	TRY(tx_commit(cx, g->db));
	waker_wake(g->chain->submit_waker);
	waker_wake(g->world->notify_waker);
	return ST_OK;
}

static enum status aggregate_batch(struct ctx *cx, struct aggregate *g, const struct world_chain *to, bool *more)
{
	struct operation *ops;
	size_t n, max = g->world->config.batch_operations;
	struct cursor_block at;
	bool is_batching;
	enum status st = cursor_read(cx, g->db, g->chain->config.eid, &at);
	if (st == ST_NOT_FOUND)
		return ST_OK; /* nobody has looked at the chain yet */
	TRY(st);
	TRY(operation_waiting(cx, g->db, &ops, &n, g->chain->config.eid, g->world->config.daily_wei_per_app, max));
	if (n == 0)
		return ST_OK;
	TRY(operation_is_batching(cx, g->db, &is_batching, g->chain->config.eid));
	bool is_old = ops[0].age_ms >= g->world->config.batch_age_ms && !is_batching;
	if (n < max && !is_old)
		return ST_OK;
	struct look l = {
		.ops = ops,
		.calls = arena_array(cx->arena, n, sizeof *l.calls),
		.reasons = arena_array(cx->arena, n, sizeof *l.reasons),
		.n = n,
	};
	for (size_t i = 0; i < n; i++)
		l.calls[i] = operation_call(&ops[i]);
	TRY(aggregate_sift(cx, g, &l, at.number));
	*more = l.n < n; /* those behind them */
	if (l.n == 0)
		return ST_OK;
	struct batch_plan plan = plan_batch(cx->arena, g, l.calls, l.n, (uint32_t)to->config.eid);
	if (!plan.is_full && !is_old)
		return ST_OK;
	*more = true;
	return aggregate_close(cx, g, l.ops, l.calls, &plan, to);
}

/* Answering ---------------------------------------------------------------------------------------- */

static enum status aggregate_answer(struct ctx *cx, struct aggregate *g, struct world_chain *from)
{
	struct operation_unanswered due;
	struct buf data;
	TRY(operation_unanswered(cx, g->db, &due, g->chain->config.eid, IDENTITY_ANSWERS_MAX));
	if (due.count == 0)
		return ST_OK;
	struct operation_message m = {
		.src_eid = from->config.eid,
		.dst_eid = g->chain->config.eid,
		.registry = from->config.main_registry,
		.receiver = hash_of_addr(&g->chain->config.proxy_registry),
		.source_gas = ANSWER_SOURCE_GAS + due.count * ANSWER_SOURCE_GAS_BATCH +
			      due.rejected * ANSWER_GAS_REJECTED,
		.gas_limit = ANSWER_GAS + due.count * ANSWER_GAS_BATCH + due.rejected * ANSWER_GAS_REJECTED,
	};
	uuid_v7(m.id.b);
	m.request_id = request_of(&m.id);
	buf_init(&data, cx->arena, 256);
	registry_answer(&data, (uint32_t)g->chain->config.eid, (uint64_t)due.up_to, &m.request_id);
	m.calldata = buf_bytes(&data);
	TRY(tx_begin(cx, g->db));
	TRY(lease_fence(cx, g->db, &g->lease));
	TRY(operation_answer(cx, g->db, &m, g->chain->config.eid, due.up_to));
	TRY(tx_commit(cx, g->db));
	waker_wake(from->submit_waker);
	return ST_OK;
}

/* The round ---------------------------------------------------------------------------------------- */

static enum status aggregate_round(struct ctx *cx, void *self, int *wait_ms)
{
	struct aggregate *g = self;
	struct world_chain *to = main_chain(g);
	bool more = false;
	TRY(aggregate_ready(cx, g));
	TRY(aggregate_batch(cx, g, to, &more));
	TRY(aggregate_answer(cx, g, to));
	*wait_ms = more ? 0 : AGGREGATE_POLL_MS;
	return ST_OK;
}

void aggregate_run(void *arg)
{
	struct aggregate *g = arg;
	struct arena *arena = arena_create(1024 * 1024);
	char name[LEASE_NAME_BYTES];
	snprintf(name, sizeof name, "aggregate.%s", g->chain->config.name);
	lease_init(&g->lease, name, g->world->holder);
	const struct world_loop loop = {
		.world = g->world,
		.name = g->lease.name,
		.waker = g->chain->aggregate_waker,
		.round = aggregate_round,
		.self = g,
	};
	world_run(&loop);
	struct ctx cx;
	ctx_init(&cx, arena, 2000, name);
	if (g->db)
		lease_release(&cx, g->db, &g->lease);
	arena_destroy(arena);
	db_close(g->db);
	rpc_destroy(g->rpc);
}
