/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/courier.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/queue.h"
#include "relay/tend.h"

enum { COURIER_DEPTH = LANE_UNMINED_MAX, COURIER_OFFER_MAX = 8, COURIER_TIMEOUT_MS = 30000, COURIER_REFRESH_MS = 400 };

struct parcel {
	int64_t nonce;
	size_t n;
	uint8_t raw[];
};

struct courier {
	struct lane *lane;
	struct queue *parcels;
	_Atomic size_t under_way; /* pushed, and not offered yet */
	courier_refresh refresh;
	void *arg;
	struct db *db;
	struct rpc *rpc;
	int64_t refreshed_ms;
};

struct courier *courier_create(struct lane *lane, courier_refresh refresh, void *arg)
{
	struct courier *c = calloc(1, sizeof *c);
	assert(c);
	c->lane = lane;
	c->refresh = refresh;
	c->arg = arg;
	c->parcels = queue_create(COURIER_DEPTH);
	return c;
}

void courier_destroy(struct courier *c)
{
	void *parcel;
	if (!c)
		return;
	while (queue_pop(c->parcels, &parcel, 1, 0) > 0)
		free(parcel);
	queue_destroy(c->parcels);
	free(c);
}

bool courier_send(struct courier *c, int64_t nonce, struct bytes raw)
{
	if (!c)
		return false;
	struct parcel *p = malloc(sizeof *p + raw.n);
	assert(p);
	p->nonce = nonce;
	p->n = raw.n;
	memcpy(p->raw, raw.p, raw.n);
	c->under_way++;
	if (queue_push(c->parcels, p) == ST_OK)
		return true;
	c->under_way--;
	free(p);
	return false;
}

bool courier_is_busy(const struct courier *c)
{
	return c && atomic_load(&c->under_way) > 0;
}

static enum status courier_ready(struct ctx *cx, struct courier *c)
{
	if (!c->rpc)
		c->rpc = world_rpc_create(&c->lane->chain->config);
	if (!c->db)
		TRY(db_open(cx, c->lane->world->config.database_url, c->lane->lease.name, &c->db));
	return ST_OK;
}

/* Offers them in runs of nonces that follow each other. */
static void courier_offer(struct ctx *cx, struct courier *c, struct parcel *const *parcels, size_t n)
{
	struct rpc_send *sends = arena_array(cx->arena, n, sizeof *sends);
	enum status st = courier_ready(cx, c);
	for (size_t i = 0; i < n && st == ST_OK;) {
		size_t run = 0;
		for (; i + run < n && parcels[i + run]->nonce == parcels[i]->nonce + (int64_t)run; run++)
			sends[run] = (struct rpc_send){.raw = bytes_of(parcels[i + run]->raw, parcels[i + run]->n)};
		st = tend_broadcast(cx, c->lane, c->db, c->rpc, sends, run, parcels[i]->nonce);
		i += run;
	}
	if (st != ST_OK)
		c->lane->tended_ms = 0; /* the lane offers them again, and says why it fails */
	if (st == ST_DB) {
		db_close(c->db);
		c->db = NULL;
	}
}

static void courier_fees(struct ctx *cx, struct courier *c)
{
	if (clock_mono_ms() - c->refreshed_ms < COURIER_REFRESH_MS || courier_ready(cx, c) != ST_OK)
		return;
	c->refreshed_ms = clock_mono_ms();
	lane_refresh_fee(cx, c->lane, c->rpc);
	if (c->refresh)
		c->refresh(cx, c->rpc, c->arg);
}

void courier_run(void *arg)
{
	struct courier *c = arg;
	struct arena *arena = arena_create(256 * 1024 * 1024);
	while (!atomic_load(&c->lane->world->stopping)) {
		struct parcel *parcels[COURIER_OFFER_MAX];
		struct ctx cx;
		size_t n = queue_pop(c->parcels, (void **)parcels, COURIER_OFFER_MAX, COURIER_REFRESH_MS / 2);
		arena_reset(arena);
		ctx_init(&cx, arena, COURIER_TIMEOUT_MS, c->lane->lease.name);
		if (n)
			courier_offer(&cx, c, parcels, n);
		for (size_t i = 0; i < n; i++)
			free(parcels[i]);
		c->under_way -= n;
		courier_fees(&cx, c);
	}
	arena_destroy(arena);
	db_close(c->db);
	rpc_destroy(c->rpc);
}
