/* SPDX-License-Identifier: Apache-2.0
 *
 * What the chain can be asked with: an identity's proof, and the batch it is in. Made from the
 * leaves as the source chain showed them, and checked against the root before it is given away.
 */
#include "api/identity.h"
#include "api/identity_plan.h"
#include "api/validate.h"
#include "api/view.h"
#include "api/work.h"
#include "base/clock.h"

/* Proof ---------------------------------------------------------------------------------------- */

static enum status proof_not_final(struct work *w, const struct identity *d)
{
	struct identity_batches batches;
	const struct identity_act *last = d->acts_n ? &d->acts[d->acts_n - 1] : NULL;
	if (!last || !d->is_open)
		return fail_code(w->cx, ST_CONFLICT, "NOT_FINAL",
				 "no operation of the identity became final%s%s",
				 last && last->reason ? ": " : "",
				 last && last->reason ? last->reason : "");
	TRY(identity_batches_read(w->cx, w->db, &batches, (struct identity *const *)&d, 1));
	for (size_t i = 0; i < d->acts_n; i++) {
		const Ferry__V1__Operation *op = identity_view_act(
			w->call->arena, w->world, d, &d->acts[i], &batches, clock_wall_us());
		if (op->explanation)
			return fail_code(w->cx, ST_CONFLICT, "NOT_FINAL",
					 "the identity is not final yet; %s is %s: %s", op->id,
					 d->acts[i].state, op->explanation->next_action);
	}
	return fail_code(w->cx, ST_CONFLICT, "NOT_FINAL", "the identity is not final yet");
}

struct proof {
	struct identity_lot lot;
	struct identity_reg reg;
	struct hash path[IDENTITY_PATH_MAX];
	size_t path_n;
	struct hash data_hash; /* of the batch */
};

static struct identity_reg reg_of(const struct identity_member *m)
{
	return (struct identity_reg){m->subject, m->owner, m->data_hash, (uint64_t)m->version};
}

/* ST_INTERNAL: what is stored does not prove it. */
static enum status proof_make(struct work *w, struct proof *out, const struct identity *d)
{
	const struct identity_act *act = d->final;
	struct identity_member *leaves;
	size_t n, at = (size_t)act->leaf_index;
	TRY(identity_lot(w->cx, w->db, &out->lot, &act->message));
	TRY(identity_leaves(w->cx, w->db, &leaves, &n, &act->message));
	if (!out->lot.found || act->leaf_index < 0 || at >= n || (int64_t)n != out->lot.count)
		return fail(w->cx, ST_INTERNAL, "the batch's leaves are not all here");
	struct hash *hashes = arena_array(w->cx->arena, n, sizeof *hashes);
	struct identity_reg *regs = arena_array(w->cx->arena, n, sizeof *regs);
	for (size_t i = 0; i < n; i++) {
		regs[i] = reg_of(&leaves[i]);
		hashes[i] = identity_leaf(&regs[i]);
	}
	out->reg = regs[at];
	out->data_hash = identity_regs_hash(regs, n);
	out->path_n = identity_tree_path(w->cx->arena, hashes, n, at, out->path);
	struct hash root = identity_path_root(&hashes[at], out->path, out->path_n);
	if (hash_equal(&root, &out->lot.root) && hash_equal(&out->reg.subject, &d->subject) &&
	    hash_equal(&out->reg.data_hash, &act->data_hash) &&
	    out->reg.version == (uint64_t)act->version)
		return ST_OK;
	return fail(w->cx, ST_INTERNAL, "the batch's leaves do not make its root");
}

static void proof_view(struct work *w, const struct proof *p, const struct identity_act *act)
{
	struct arena *a = w->call->arena;
	Ferry__V1__IdentityProof *out = arena_alloc(a, sizeof *out);
	ferry__v1__identity_proof__init(out);
	out->reg = arena_alloc(a, sizeof *out->reg);
	ferry__v1__identity_proof__reg__init(out->reg);
	out->reg->subject = view_bytes(a, p->reg.subject.b, 32);
	out->reg->owner = view_bytes(a, p->reg.owner.b, 20);
	out->reg->data_hash = view_bytes(a, p->reg.data_hash.b, 32);
	out->reg->version = p->reg.version;
	out->n_path = p->path_n;
	out->path = arena_array(a, p->path_n, sizeof *out->path);
	for (size_t i = 0; i < p->path_n; i++)
		out->path[i] = view_bytes(a, p->path[i].b, 32);
	out->root = view_bytes(a, p->lot.root.b, 32);
	out->batch_number = (uint64_t)p->lot.number;
	out->batch_id = view_id_new(a, "bat_", &act->message);
	out->src_eid = (uint32_t)p->lot.src_eid;
	out->dst_eid = (uint32_t)p->lot.dst_eid;
	const struct api_chain *dst = view_chain(&w->api->config, p->lot.dst_eid);
	if (dst)
		out->main_registry = view_bytes(a, dst->main_registry.b, 20);
	w->call->reply = &out->base;
}

/* Hands the call on to who asks a node for the rest. */
static enum status proof_bundle(struct work *w, const struct proof *p,
				const struct identity_act *act)
{
	struct message_ref ref = {.id = act->message};
	struct message *m;
	TRY(message_read(w->cx, w->db, &m, &ref, 1));
	const struct api_chain *chain = view_chain(&w->api->config, p->lot.dst_eid);
	if (!m || !m->dst.is_known || !chain)
		return fail(w->cx, ST_INTERNAL, "the block in which the batch arrived is not known");
	struct identity_bundle_ask *ask = arena_alloc(w->call->arena, sizeof *ask);
	*ask = (struct identity_bundle_ask){
		.bundle = {.reg = p->reg,
			   .path_n = p->path_n,
			   .root = p->lot.root,
			   .batch_number = (uint64_t)p->lot.number,
			   .src_eid = (uint32_t)p->lot.src_eid,
			   .dst_eid = (uint32_t)p->lot.dst_eid,
			   .main_registry = chain->main_registry},
		.chain = chain,
		.block_number = (uint64_t)m->dst.block_number,
		.block_hash = m->dst.block_hash,
		.prev_root = p->lot.prev_root,
		.data_hash = p->data_hash,
	};
	memcpy(ask->bundle.path, p->path, p->path_n * sizeof *p->path);
	w->is_parked = true;
	identity_bundle_begin(w->api, w->call, ask);
	return ST_OK;
}

enum status identity_proof(struct work *w)
{
	const Ferry__V1__GetIdentityProofRequest *in =
		(const Ferry__V1__GetIdentityProofRequest *)w->call->request;
	struct proof proof = {.path_n = 0};
	struct identity *d;
	TRY(identity_resolve(w->cx, w->db, &d, &w->call->who, in->id, "/id"));
	if (!d->final)
		return proof_not_final(w, d);
	if (d->final->kind == IDENTITY_REVOKE)
		return fail_code(w->cx, ST_CONFLICT, "IDENTITY_REVOKED",
				 "the identity is revoked: nothing proves it any more");
	TRY(proof_make(w, &proof, d));
	proof_view(w, &proof, d->final);
	return in->bundle ? proof_bundle(w, &proof, d->final) : ST_OK;
}

/* Batch ---------------------------------------------------------------------------------------- */

typedef Ferry__V1__Batch__Member member_view; /* protobuf-c's name, short */

static member_view *batch_member(struct arena *a, const struct identity_member *m,
				 const struct identity_member *own)
{
	member_view *out = arena_alloc(a, sizeof *out);
	ferry__v1__batch__member__init(out);
	out->index = m->index < 0 ? 0 : (uint32_t)m->index;
	if (own)
		out->operation_id = view_id_new(a, "idop_", &own->operation);
	out->subject = view_bytes(a, m->subject.b, 32);
	out->owner = view_bytes(a, m->owner.b, 20);
	out->data_hash = view_bytes(a, m->data_hash.b, 32);
	out->version = (uint64_t)m->version;
	return out;
}

static void batch_members(struct arena *a, Ferry__V1__Batch *out,
			  const struct identity_member *leaves, size_t leaves_n,
			  const struct identity_member *own, size_t own_n)
{
	size_t n = leaves_n ? leaves_n : own_n;
	out->n_members = n;
	out->members = arena_array(a, n, sizeof *out->members);
	for (size_t i = 0; i < n; i++) {
		const struct identity_member *mine = leaves_n ? NULL : &own[i];
		for (size_t k = 0; k < own_n && !mine; k++)
			if (own[k].index == leaves[i].index)
				mine = &own[k];
		out->members[i] = batch_member(a, leaves_n ? &leaves[i] : &own[i], mine);
	}
}

enum status identity_get_batch(struct work *w)
{
	const Ferry__V1__GetBatchRequest *in =
		(const Ferry__V1__GetBatchRequest *)w->call->request;
	struct arena *a = w->call->arena;
	struct message_ref ref = {.app_id = 0};
	struct identity_member *own, *leaves;
	struct identity_lot lot;
	struct message *m;
	size_t own_n, leaves_n;
	if (!identity_id_parse(&ref.id, in->id, "bat_")) {
		ctx_add_detail(w->cx, "/id", "ID_INVALID", "a batch is bat_ and 32 hex digits");
		return validate_end(w->cx);
	}
	TRY(message_read(w->cx, w->db, &m, &ref, 1));
	TRY(identity_lot(w->cx, w->db, &lot, &ref.id));
	if (!m || (m->kind != FERRY__V1__KIND__KIND_REGISTRY && !lot.found))
		return fail(w->cx, ST_NOT_FOUND, "there is no such batch");
	TRY(identity_lot_members(w->cx, w->db, &own, &own_n, &ref.id, w->call->who.app_id));
	TRY(identity_leaves(w->cx, w->db, &leaves, &leaves_n, &ref.id));
	Ferry__V1__Batch *out = arena_alloc(a, sizeof *out);
	ferry__v1__batch__init(out);
	out->id = view_id_new(a, "bat_", &ref.id);
	out->message = view_message(a, &w->api->config, w->world, m, clock_wall_us());
	out->state = out->message->state;
	out->src_eid = out->message->src_eid;
	out->dst_eid = out->message->dst_eid;
	if (lot.found) {
		out->number = (uint64_t)lot.number;
		out->prev_root = view_bytes(a, lot.prev_root.b, 32);
		out->root = view_bytes(a, lot.root.b, 32);
		out->count = (uint32_t)lot.count;
	}
	batch_members(a, out, leaves, leaves_n, own, own_n);
	w->call->reply = &out->base;
	return ST_OK;
}
