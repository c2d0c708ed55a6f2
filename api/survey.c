/* SPDX-License-Identifier: Apache-2.0
 *
 * The picture of lanes and chains, taken again every second (what is halted) and every few seconds
 * (backlog and latencies, which cost more), and shared by all who explain messages.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/handler.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "storage/app.h"
#include "storage/overview.h"

enum {
	SURVEY_MS = 1000,
	SURVEY_SQL_MS = 10000,
	SURVEY_SLOW_MS = 5000,
	SURVEY_SLOW_SHARE =
		20, /* backlog and latencies take at most 1 part in so many of the time */
};

/* A view, its memory, and how many hold it. */
struct survey_view {
	struct world_view world; /* first: what is handed out */
	struct arena *arena;
	int holders; /* guarded by the survey's lock */
};

struct survey {
	struct lock lock;
	struct survey_view *now; /* guarded by lock */
	int64_t answered_ms;     /* guarded by lock; 0: never */
};

static struct survey_view *view_create(void)
{
	struct arena *arena = arena_create(HANDLER_ARENA_BYTES);
	struct survey_view *v = arena_alloc(arena, sizeof *v);
	v->arena = arena;
	v->holders = 1;
	return v;
}

struct survey *survey_create(void)
{
	struct survey *s = calloc(1, sizeof *s);
	assert(s);
	lock_init(&s->lock);
	s->now = view_create();
	return s;
}

void survey_destroy(struct survey *s)
{
	if (!s)
		return;
	assert(s->now->holders == 1);
	arena_destroy(s->now->arena);
	lock_fini(&s->lock);
	free(s);
}

const struct world_view *survey_take(struct survey *s)
{
	lock_take(&s->lock);
	struct survey_view *v = s->now;
	v->holders++;
	lock_give(&s->lock);
	return &v->world;
}

void survey_give(struct survey *s, const struct world_view *w)
{
	struct survey_view *v = (struct survey_view *)w;
	lock_take(&s->lock);
	bool last = --v->holders == 0;
	lock_give(&s->lock);
	if (last)
		arena_destroy(v->arena);
}

int64_t survey_age_ms(struct survey *s)
{
	lock_take(&s->lock);
	int64_t at = s->answered_ms;
	lock_give(&s->lock);
	return at ? clock_mono_ms() - at : INT64_MAX;
}

static void survey_show(struct survey *s, struct survey_view *v)
{
	lock_take(&s->lock);
	struct survey_view *old = s->now;
	s->now = v;
	s->answered_ms = clock_mono_ms();
	bool last = --old->holders == 0;
	lock_give(&s->lock);
	if (last)
		arena_destroy(old->arena);
}

static struct world_problem problem_make(struct arena *a, int64_t reason, const char *detail)
{
	return (struct world_problem){(int)reason, arena_strdup(a, detail ? detail : "")};
}

/* What the relays wrote of their chains. */
struct survey_facts {
	struct overview_cursor *cursors;
	struct overview_lane *lanes;
	struct overview_lease *leases;
	size_t cursors_n, lanes_n, leases_n;
};

static void survey_lane(struct arena *a, struct world_chain_view *chain,
			const struct overview_lane *lane)
{
	bool submits = strcmp(lane->role, "submit") == 0;
	*(submits ? &chain->submits : &chain->delivers) |= lane->is_driven;
	if (lane->halted)
		*(submits ? &chain->submit : &chain->deliver) =
			problem_make(a, lane->halted, lane->detail);
}

static void survey_chain(struct arena *a, struct world_chain_view *chain,
			 const struct survey_facts *f, const struct api_chain *of)
{
	const char *observer = arena_printf(a, "observe.%s", of->name);
	chain->eid = of->eid;
	for (size_t i = 0; i < f->leases_n; i++)
		chain->observes |= strcmp(f->leases[i].name, observer) == 0;
	for (size_t i = 0; i < f->lanes_n; i++)
		if (f->lanes[i].eid == chain->eid)
			survey_lane(a, chain, &f->lanes[i]);
	for (size_t i = 0; i < f->cursors_n; i++) {
		if (f->cursors[i].eid != chain->eid)
			continue;
		chain->is_followed = true;
		chain->number = f->cursors[i].number;
		chain->block_time_us = f->cursors[i].block_time_us;
		chain->chain = problem_make(a, f->cursors[i].problem, f->cursors[i].detail);
	}
}

static enum status survey_chains(struct ctx *cx, struct db *db, struct survey_view *v,
				 const struct api_config *config)
{
	struct survey_facts f;
	struct world_view *w = &v->world;
	TRY(overview_cursors(cx, db, &f.cursors, &f.cursors_n));
	TRY(overview_lanes(cx, db, &f.lanes, &f.lanes_n));
	TRY(overview_leases(cx, db, &f.leases, &f.leases_n));
	w->chains_n = config->chains_n;
	w->chains = arena_array(v->arena, w->chains_n, sizeof *w->chains);
	for (size_t i = 0; i < w->chains_n; i++)
		survey_chain(v->arena, &w->chains[i], &f, &config->chains[i]);
	return ST_OK;
}

static struct world_lane *lane_at(struct world_view *w, int64_t src, int64_t dst)
{
	for (size_t i = 0; i < w->lanes_n; i++)
		if (w->lanes[i].src_eid == src && w->lanes[i].dst_eid == dst)
			return &w->lanes[i];
	return NULL;
}

static void lanes_alloc(struct survey_view *v, const struct api_config *config)
{
	struct world_view *w = &v->world;
	size_t n = config->chains_n;
	w->lanes = arena_array(v->arena, n * n, sizeof *w->lanes);
	for (size_t s = 0; s < n; s++) {
		for (size_t d = 0; d < n; d++) {
			if (s == d)
				continue;
			w->lanes[w->lanes_n].src_eid = config->chains[s].eid;
			w->lanes[w->lanes_n++].dst_eid = config->chains[d].eid;
		}
	}
}

static enum status survey_lanes(struct ctx *cx, struct db *db, struct survey_view *v)
{
	struct overview_backlog *backlogs;
	struct overview_latency *latencies;
	size_t backlogs_n, latencies_n;
	TRY(overview_backlogs(cx, db, &backlogs, &backlogs_n));
	TRY(overview_latencies(cx, db, &latencies, &latencies_n));
	for (size_t i = 0; i < backlogs_n; i++) {
		struct world_lane *l = lane_at(&v->world, backlogs[i].src_eid, backlogs[i].dst_eid);
		if (!l)
			continue;
		l->backlog = backlogs[i].count;
		l->oldest_us = backlogs[i].oldest_us;
	}
	for (size_t i = 0; i < latencies_n; i++) {
		const struct overview_latency *from = &latencies[i];
		struct world_lane *l = lane_at(&v->world, from->src_eid, from->dst_eid);
		for (int s = 0; l && s < WORLD_STAGES; s++) {
			if (strcmp(world_stage_names[s], from->stage) != 0)
				continue;
			l->verify_required = from->verify_required;
			l->latency[s] = (struct world_latency){from->p50, from->p90, from->p99,
							       from->count};
		}
	}
	return ST_OK;
}

static enum status survey_apps(struct ctx *cx, struct db *db, struct survey_view *v,
			       const struct api_config *config)
{
	int64_t *apps;
	if (!config->daily_wei_per_app)
		return ST_OK;
	TRY(app_over_limit(cx, db, &apps, &v->world.apps_over_limit_n, config->daily_wei_per_app));
	v->world.apps_over_limit =
		arena_copy(v->arena, apps, v->world.apps_over_limit_n * sizeof *apps);
	return ST_OK;
}

/* When the costly part is due, and what it showed last. */
struct survey_round {
	struct db *db;
	int64_t slow_due_ms;
};

static enum status survey_look(struct ctx *cx, struct api *api, struct survey_round *round,
			       struct survey_view *v)
{
	TRY(handler_db(api, cx, &round->db, "survey"));
	TRY(survey_chains(cx, round->db, v, &api->config));
	TRY(survey_apps(cx, round->db, v, &api->config));
	lanes_alloc(v, &api->config);
	int64_t begun = clock_mono_ms();
	if (begun < round->slow_due_ms) {
		const struct world_view *old = survey_take(api->survey);
		if (old->lanes_n == v->world.lanes_n && old->lanes_n)
			memcpy(v->world.lanes, old->lanes, old->lanes_n * sizeof *old->lanes);
		survey_give(api->survey, old);
	} else {
		TRY(survey_lanes(cx, round->db, v));
		int64_t rest = (clock_mono_ms() - begun) * SURVEY_SLOW_SHARE;
		round->slow_due_ms = begun + (rest > SURVEY_SLOW_MS ? rest : SURVEY_SLOW_MS);
	}
	v->world.taken_us = clock_wall_us();
	return ST_OK;
}

void survey_run(void *arg)
{
	enum { STEP_MS = 50 };
	struct api *api = arg;
	struct arena *arena = arena_create(HANDLER_ARENA_BYTES);
	struct survey_round round = {0};
	while (!atomic_load(&api->is_stopping)) {
		struct ctx cx;
		ctx_init(&cx, arena, SURVEY_SQL_MS, "survey");
		struct survey_view *v = view_create();
		if (survey_look(&cx, api, &round, v) == ST_OK) {
			survey_show(api->survey, v);
		} else {
			log_failure(LOG_WARN, "survey.look", &cx);
			arena_destroy(v->arena);
		}
		arena_reset(arena);
		for (int ms = 0; ms < SURVEY_MS && !atomic_load(&api->is_stopping); ms += STEP_MS)
			clock_sleep_ms(STEP_MS);
	}
	db_close(round.db);
	arena_destroy(arena);
}
