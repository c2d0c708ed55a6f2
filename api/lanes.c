/* SPDX-License-Identifier: Apache-2.0
 *
 * ListChains and ListLanes: the survey, as clients see it.
 */
#include "api/json.h"
#include "api/view.h"
#include "api/work.h"
#include "chain/messenger.h"
#include "ferry/v1/operator_service.pb-c.h"

static const char *reason_name(int reason)
{
	const ProtobufCEnumValue *v =
		protobuf_c_enum_descriptor_get_value(&ferry__v1__reason__descriptor, reason);
	enum { PREFIX = sizeof "REASON_" - 1 };
	return v ? v->name + PREFIX : "UNKNOWN";
}

static char *problem_text(struct arena *a, const struct world_problem *p)
{
	const char *name = reason_name(p->reason);
	return p->detail[0] ? arena_printf(a, "%s: %s", name, p->detail) : arena_strdup(a, name);
}

/* What stops a chain: "" when nothing does. */
static char *chain_detail(struct arena *a, const struct world_chain_view *c)
{
	if (!c)
		return (char *)"not known yet";
	if (!c->observes)
		return (char *)"RELAY_NOT_RUNNING";
	if (!c->is_followed)
		return (char *)"the relay has not begun to follow it";
	return c->chain.reason ? problem_text(a, &c->chain) : (char *)"";
}

enum status lanes_chains(struct work *w)
{
	struct arena *a = w->call->arena;
	const struct api_config *config = &w->api->config;
	Ferry__V1__ListChainsResponse *r = arena_alloc(a, sizeof *r);
	ferry__v1__list_chains_response__init(r);
	r->chains = arena_array(a, config->chains_n, sizeof *r->chains);
	for (size_t i = 0; i < config->chains_n; i++) {
		const struct api_chain *c = &config->chains[i];
		const struct world_chain_view *now = world_chain_of(w->world, c->eid);
		Ferry__V1__Chain *out = arena_alloc(a, sizeof *out);
		ferry__v1__chain__init(out);
		out->name = arena_strdup(a, c->name);
		out->eid = c->eid;
		out->chain_id = c->chain_id;
		out->caip2 = arena_printf(a, "eip155:%llu", (unsigned long long)c->chain_id);
		out->finality_blocks = c->finality_blocks;
		out->currency = arena_strdup(a, c->currency);
		out->endpoint = view_bytes(a, c->endpoint.b, sizeof c->endpoint.b);
		out->messenger = view_bytes(a, c->messenger.b, sizeof c->messenger.b);
		out->block_number = now ? (uint64_t)now->number : 0;
		if (now && now->block_time_us)
			out->block_time = api_timestamp_new(a, now->block_time_us);
		out->detail = chain_detail(a, now);
		out->healthy = out->detail[0] == 0;
		r->chains[r->n_chains++] = out;
	}
	w->call->reply = &r->base;
	return ST_OK;
}

static char *lane_detail(struct arena *a, const struct world_chain_view *src,
			 const struct world_chain_view *dst)
{
	char *detail = chain_detail(a, src);
	if (detail[0])
		return arena_printf(a, "source: %s", detail);
	detail = chain_detail(a, dst);
	if (detail[0])
		return arena_printf(a, "destination: %s", detail);
	if (!src->submits)
		return (char *)"source: RELAY_NOT_RUNNING";
	if (!dst->delivers)
		return (char *)"destination: RELAY_NOT_RUNNING";
	if (src->submit.reason)
		return arena_printf(a, "source: %s", problem_text(a, &src->submit));
	if (dst->deliver.reason)
		return arena_printf(a, "destination: %s", problem_text(a, &dst->deliver));
	return (char *)"";
}

static void lane_latency(struct arena *a, Ferry__V1__Lane *out, const struct world_lane *l)
{
	out->latency = arena_array(a, WORLD_STAGES, sizeof *out->latency);
	for (int s = 0; s < WORLD_STAGES; s++) {
		const struct world_latency *from = &l->latency[s];
		if (from->count == 0)
			continue;
		Ferry__V1__StageLatency *to = arena_alloc(a, sizeof *to);
		ferry__v1__stage_latency__init(to);
		to->stage = (char *)world_stage_names[s];
		to->p50_s = from->p50;
		to->p90_s = from->p90;
		to->p99_s = from->p99;
		to->count = (uint64_t)from->count;
		out->latency[out->n_latency++] = to;
	}
}

static Ferry__V1__Lane *lane_view(struct work *w, const struct api_chain *src,
				  const struct api_chain *dst)
{
	struct arena *a = w->call->arena;
	const struct world_lane *l = world_lane_of(w->world, src->eid, dst->eid);
	Ferry__V1__Lane *out = arena_alloc(a, sizeof *out);
	ferry__v1__lane__init(out);
	out->id = arena_printf(a, "%u-%u", src->eid, dst->eid);
	out->src_eid = src->eid;
	out->dst_eid = dst->eid;
	out->detail = lane_detail(a, world_chain_of(w->world, src->eid),
				  world_chain_of(w->world, dst->eid));
	out->healthy = out->detail[0] == 0;
	out->max_payload_bytes = src->max_message_bytes > MESSENGER_HEADER_BYTES
					 ? src->max_message_bytes - MESSENGER_HEADER_BYTES
					 : 0;
	if (!l)
		return out;
	out->backlog = (uint64_t)l->backlog;
	if (l->oldest_us)
		out->oldest_time = api_timestamp_new(a, l->oldest_us);
	out->verification_required = (uint32_t)l->verify_required;
	lane_latency(a, out, l);
	return out;
}

enum status lanes_list(struct work *w)
{
	const struct api_config *config = &w->api->config;
	struct arena *a = w->call->arena;
	size_t n = config->chains_n;
	Ferry__V1__ListLanesResponse *r = arena_alloc(a, sizeof *r);
	ferry__v1__list_lanes_response__init(r);
	r->lanes = arena_array(a, n * n, sizeof *r->lanes);
	for (size_t s = 0; s < n; s++)
		for (size_t d = 0; d < n; d++)
			if (s != d)
				r->lanes[r->n_lanes++] =
					lane_view(w, &config->chains[s], &config->chains[d]);
	w->call->reply = &r->base;
	return ST_OK;
}
