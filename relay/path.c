/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/path.h"

#include <assert.h>

#include "base/clock.h"
#include "chain/abi.h"
#include "chain/calls.h"
#include "chain/revert.h"
#include "ferry/v1/types.pb-c.h"

enum {
	PATH_ASKED_MAX = 256,  /* errands a round that the chain is asked about; the rest have the next one */
	PATH_AGAIN_MS = 1000,  /* an earlier message of the key: it may be delivered any moment */
	PATH_REFUSED_MS = 30000, /* giving up is refused: a person must do something first */
};

/* What the chain is asked about one errand. NULL: not asked. */
struct question {
	struct rpc_call *lazy, *key, *clear;
};

struct look {
	struct rpc_call *calls;
	size_t calls_n;
	struct question *asked; /* beside the errands */
	struct outbox_item **late;
	const char **why;
	int64_t *wait_ms;
	size_t late_n;
};

/* The last nonce of the errand's path that was sent to be executed. */
static uint64_t *path_received(struct deliver *d, const struct errand *e)
{
	const struct world *w = d->lane.world;
	size_t i = 0;
	while (i + 1 < w->chains_n && w->chains[i].config.eid != e->packet.src_eid)
		i++; /* errands are of configured chains only */
	return &d->received[i][e->app];
}

static struct rpc_call *path_ask(struct look *l, const struct deliver *d, const struct addr *to,
				 const struct buf *data)
{
	struct rpc_call *c = &l->calls[l->calls_n++];
	*c = (struct rpc_call){.to = *to, .data = buf_bytes(data), .from = *signer_account(d->lane.signer)};
	return c;
}

/* What is worth asking about an errand whose path's first unknown nonce is `next`. */
static void path_question(struct ctx *cx, const struct deliver *d, struct look *l, struct errand *e,
			  struct question *q, struct rpc_call **lazy, uint64_t next)
{
	const struct relay_chain *c = &d->lane.chain->config;
	struct buf b;
	bool again = e->item->attempts > 0;
	if ((e->ops & CALLS_RECEIVE) && !*lazy && (again || e->packet.nonce != next)) {
		buf_init(&b, cx->arena, 256);
		calls_lazy_inbound_nonce(&b, &e->packet);
		*lazy = path_ask(l, d, &c->endpoint, &b);
	}
	q->lazy = *lazy;
	if (e->clear) {
		buf_init(&b, cx->arena, TX_RAW_BYTES_MAX);
		calls_clear(&b, &e->packet);
		q->clear = path_ask(l, d, &c->endpoint, &b);
	}
	bool executes = e->clear || (e->ops & CALLS_RECEIVE);
	if (e->key.seq && executes && (again || e->clear)) {
		buf_init(&b, cx->arena, 256);
		calls_last_received(&b, e->packet.src_eid, &e->key.hash);
		q->key = path_ask(l, d, &c->messenger, &b);
	}
}

static bool answer_u64(const struct rpc_call *call, uint64_t *out)
{
	if (!call || call->outcome != RPC_CALL_RETURNED || call->out.n != 32)
		return false;
	*out = u256_to_u64_clamped(u256_of_be(call->out.p, 32));
	return true;
}

static void path_wait(struct look *l, struct errand *e, const char *why, int64_t ms)
{
	l->late[l->late_n] = e->item;
	l->why[l->late_n] = why;
	l->wait_ms[l->late_n++] = ms;
}

/* Is it the errand's turn within its key? Those of this round before it count, as they go before it. */
static bool key_is_next(const struct errand *errands, const struct question *asked, size_t i)
{
	const struct errand *e = &errands[i];
	uint64_t next;
	if (!answer_u64(asked[i].key, &next))
		return true; /* not asked */
	next++;
	for (size_t k = 0; !e->clear && k < i && next < e->key.seq; k++)
		if ((errands[k].ops & CALLS_RECEIVE) && errands[k].key.seq == next &&
		    errands[k].packet.src_eid == e->packet.src_eid &&
		    hash_equal(&errands[k].key.hash, &e->key.hash))
			next++;
	return e->key.seq <= next;
}

/* false: not in this round. */
static bool path_judge(struct ctx *cx, struct deliver *d, struct look *l, struct errand *errands, size_t i)
{
	struct errand *e = &errands[i];
	const struct question *q = &l->asked[i];
	uint64_t lazy;
	e->passed = *path_received(d, e);
	if (answer_u64(q->lazy, &lazy))
		e->passed = lazy;
	if (!key_is_next(errands, l->asked, i)) {
		path_wait(l, e, NULL, PATH_AGAIN_MS);
		e->ops &= (uint8_t)~CALLS_RECEIVE;
		e->clear = false;
		return e->ops != 0;
	}
	if (q->clear && q->clear->outcome != RPC_CALL_RETURNED) {
		const char *why = q->clear->outcome == RPC_CALL_REVERTED ?
					  revert_describe(cx->arena, q->clear->out) :
					  q->clear->message;
		path_wait(l, e, arena_printf(cx->arena, "it cannot be skipped now: %s", why), PATH_REFUSED_MS);
		return false;
	}
	/* A number the key is past already needs no passing. */
	uint64_t last = 0;
	e->pass = e->clear && answer_u64(q->key, &last) && e->key.seq == last + 1;
	return true;
}

/* They are due later; the message says why. */
static enum status path_postpone(struct ctx *cx, struct deliver *d, const struct look *l)
{
	if (l->late_n == 0)
		return ST_OK;
	int64_t *apps = arena_array(cx->arena, l->late_n, sizeof *apps);
	struct uuid *ids = arena_array(cx->arena, l->late_n, sizeof *ids);
	for (size_t i = 0; i < l->late_n; i++) {
		apps[i] = l->late[i]->app_id;
		ids[i] = l->late[i]->id;
	}
	struct outbox_item *items;
	size_t n;
	TRY(tx_begin(cx, d->lane.db));
	TRY(lease_fence(cx, d->lane.db, &d->lane.lease));
	TRY(outbox_by_id(cx, d->lane.db, &items, &n, apps, ids, l->late_n));
	struct outbox_item **changed = arena_array(cx->arena, n ? n : 1, sizeof *changed);
	for (size_t i = 0; i < n; i++) {
		struct outbox_item *it = changed[i] = &items[i];
		for (size_t k = 0; k < l->late_n; k++) {
			if (l->late[k]->app_id != it->app_id || l->late[k]->version != it->version ||
			    memcmp(l->late[k]->id.b, it->id.b, 16) != 0)
				continue;
			if (!l->why[k])
				it->reason = FERRY__V1__REASON__REASON_WAITING_FOR_EARLIER_MESSAGE;
			it->evidence = l->why[k] ? l->why[k] : it->evidence;
			it->due_us = clock_wall_us() + l->wait_ms[k] * 1000;
			outbox_touch(it);
		}
	}
	TRY(outbox_save(cx, d->lane.db, changed, n));
	return tx_commit(cx, d->lane.db);
}

static enum status path_ask_all(struct ctx *cx, struct deliver *d, struct look *l, struct errand *errands,
				size_t *n)
{
	struct rpc_call *lazy = NULL;
	uint64_t next = 0;
	size_t i = 0;
	l->calls = arena_array(cx->arena, 3 * (*n + 1), sizeof *l->calls);
	for (; i < *n && l->calls_n < PATH_ASKED_MAX; i++) {
		struct errand *e = &errands[i];
		if (i == 0 || !errand_same_path(&errands[i - 1], e)) {
			lazy = NULL;
			next = *path_received(d, e) + 1;
		}
		path_question(cx, d, l, e, &l->asked[i], &lazy, next);
		if ((e->ops & CALLS_RECEIVE) && e->item->attempts == 0)
			next = e->packet.nonce + 1;
	}
	*n = i; /* the rest are due in the next round */
	return l->calls_n ? rpc_call_many(cx, d->lane.rpc, l->calls, l->calls_n, &rpc_latest) : ST_OK;
}

enum status path_look(struct ctx *cx, struct deliver *d, struct errand *errands, size_t *n)
{
	size_t room = *n + 1, kept = 0;
	struct look l = {
		.asked = arena_array(cx->arena, room, sizeof *l.asked),
		.late = arena_array(cx->arena, room, sizeof *l.late),
		.why = arena_array(cx->arena, room, sizeof *l.why),
		.wait_ms = arena_array(cx->arena, room, sizeof *l.wait_ms),
	};
	int64_t failures = atomic_load(&d->lane.chain->failures);
	if (failures != d->failures) /* what was sent was not all executed */
		memset(d->received, 0, sizeof d->received);
	d->failures = failures;
	TRY(path_ask_all(cx, d, &l, errands, n));
	bool *stays = arena_array(cx->arena, room, sizeof *stays);
	for (size_t i = 0; i < *n; i++)
		stays[i] = path_judge(cx, d, &l, errands, i);
	for (size_t i = 0; i < *n; i++)
		if (stays[i])
			errands[kept++] = errands[i];
	*n = kept;
	return path_postpone(cx, d, &l);
}

void path_sent(struct deliver *d, const struct errand *errands, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t *received = path_received(d, &errands[i]);
		if ((errands[i].ops & CALLS_RECEIVE) && errands[i].item->attempts == 0 &&
		    errands[i].packet.nonce > *received)
			*received = errands[i].packet.nonce;
	}
}
