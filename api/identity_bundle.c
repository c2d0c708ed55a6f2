/* SPDX-License-Identifier: Apache-2.0
 *
 * Proof bundles: the block in which a batch arrived is fetched from the main registry's chain, from
 * every node that is configured, and the bundle is checked as its reader will before it is given away.
 */
#include "api/identity.h"

#include <inttypes.h>

#include "api/view.h"
#include "base/clock.h"
#include "base/log.h"
#include "chain/bundle_fetch.h"

enum {
	BUNDLE_NODE_MS = 5000,
	BUNDLE_ANSWER_BYTES_MAX = 8 * 1024 * 1024, /* a block's receipts in JSON */
	/* What is given away: the receipt of a batch that others filled with logs may be larger. */
	BUNDLE_PROOF_BYTES_MAX = 512 * 1024,
};

void identity_bundle_begin(struct api *api, struct api_call *call,
			   struct identity_bundle_ask *ask)
{
	call->work = ask;
	handler_push(api, QUEUE_BUNDLE, call, call);
}

/* The block ------------------------------------------------------------------------------------ */

/* What went wrong at the nodes, in words for the client: theirs are for the log. */
static enum status bundle_blame(struct ctx *cx, const struct identity_bundle_ask *ask,
				enum status st, bool is_elsewhere)
{
	unsigned long long block = ask->block_number;
	if (st == ST_CANCELLED)
		return fail(cx, ST_UNAVAILABLE, "the service is stopping: ask again");
	if (st == ST_TOO_LARGE)
		return fail_code(cx, ST_PRECONDITION, "BUNDLE_TOO_LARGE",
				 "the transaction that brought the batch has too many other logs for a "
				 "bundle from here: make it with ferry identity bundle --block %llu",
				 block);
	if (is_elsewhere || st == ST_CHAIN_DISPUTED)
		return fail_code(cx, ST_CHAIN_DISPUTED,
				 is_elsewhere ? "BATCH_NOT_IN_BLOCK" : "CHAIN_DISPUTED",
				 "the nodes of %s do not show the batch in block %llu as it was "
				 "recorded: make the bundle with a node of your own",
				 ask->chain->name, block);
	if (st == ST_NOT_FOUND || st == ST_CHAIN_REJECTED)
		return fail_code(cx, ST_UNAVAILABLE, "BLOCK_NOT_AVAILABLE",
				 "the nodes of %s do not give block %llu any more: make the bundle with "
				 "ferry identity bundle --block %llu and a node that has it",
				 ask->chain->name, block, block);
	return fail(cx, ST_CHAIN,
		    "the nodes of %s do not give block %llu at the moment: try again",
		    ask->chain->name, block);
}

static enum status bundle_block(struct quote_nodes *nodes, struct arena *arena,
				struct api_call *call, struct identity_bundle_ask *ask)
{
	struct ctx cx;
	struct rpc *rpc;
	struct bundle_evidence *e = &ask->bundle.evidence;
	if (ask->chain->rpc_n == 0)
		return fail_code(&call->cx, ST_UNAVAILABLE, "NODE_NOT_CONFIGURED",
				 "no node of %s is configured here: make the bundle with ferry identity "
				 "bundle --block %" PRIu64, ask->chain->name, ask->block_number);
	ctx_init(&cx, arena, ctx_left_ms(&call->cx, BUNDLE_NODE_MS), call->cx.request_id);
	TRY(quote_rpc(&call->cx, nodes, &rpc, ask->chain));
	enum status st = bundle_fetch(&cx, rpc, &ask->bundle, ask->block_number, &ask->prev_root,
				      &ask->data_hash);
	bool is_elsewhere = st == ST_NOT_FOUND && strcmp(cx.err.code, "BATCH_NOT_IN_BLOCK") == 0;
	size_t bytes = 0;
	for (size_t i = 0; st == ST_OK && i < e->nodes_n; i++)
		bytes += e->nodes[i].n;
	if (st == ST_OK && bytes > BUNDLE_PROOF_BYTES_MAX)
		st = fail(&cx, ST_TOO_LARGE, "the receipt's proof has %zu bytes", bytes);
	if (st == ST_OK && !hash_equal(&e->block_hash, &ask->block_hash))
		st = fail(&cx, ST_CHAIN_DISPUTED, "block %" PRIu64 " has another hash than when the "
			  "batch arrived in it", ask->block_number);
	if (st == ST_OK)
		return ST_OK;
	log_failure(LOG_WARN, "bundle.failed", &cx);
	return bundle_blame(&call->cx, ask, st, is_elsewhere);
}

/* The answer ----------------------------------------------------------------------------------- */

static Ferry__V1__ProofBundle__Evidence *evidence_view(struct arena *a,
						       const struct bundle_evidence *e)
{
	Ferry__V1__ProofBundle__Evidence *out = arena_alloc(a, sizeof *out);
	ferry__v1__proof_bundle__evidence__init(out);
	out->block_hash = view_bytes(a, e->block_hash.b, 32);
	out->block_number = e->block_number;
	out->header = view_bytes(a, e->header.p, e->header.n);
	out->tx_index = (uint32_t)e->tx_index;
	out->log_index = e->log_index;
	out->count = e->count;
	out->request_id = view_bytes(a, e->request_id.b, 32);
	out->prev_root = view_bytes(a, e->prev_root.b, 32);
	out->data_hash = view_bytes(a, e->data_hash.b, 32);
	out->n_receipt_proof = e->nodes_n;
	out->receipt_proof = arena_array(a, e->nodes_n, sizeof *out->receipt_proof);
	for (size_t i = 0; i < e->nodes_n; i++)
		out->receipt_proof[i] = view_bytes(a, e->nodes[i].p, e->nodes[i].n);
	return out;
}

/* The proof's members are in the reply already, and are the bundle's. */
static void bundle_view(struct api_call *call, const struct bundle *bundle)
{
	Ferry__V1__IdentityProof *proof = (Ferry__V1__IdentityProof *)call->reply;
	Ferry__V1__ProofBundle *out = arena_alloc(call->arena, sizeof *out);
	ferry__v1__proof_bundle__init(out);
	out->reg = proof->reg;
	out->n_path = proof->n_path;
	out->path = proof->path;
	out->root = proof->root;
	out->batch_number = proof->batch_number;
	out->src_eid = proof->src_eid;
	out->dst_eid = proof->dst_eid;
	out->main_registry = proof->main_registry;
	out->evidence = evidence_view(call->arena, &bundle->evidence);
	proof->more_case = FERRY__V1__IDENTITY_PROOF__MORE_BUNDLE;
	proof->bundle = out;
}

static enum status bundle_answer(struct quote_nodes *nodes, struct arena *arena,
				 struct api_call *call)
{
	struct identity_bundle_ask *ask = call->work;
	struct bundle_step steps[BUNDLE_STEPS_MAX];
	size_t n;
	TRY(bundle_block(nodes, arena, call, ask));
	if (!bundle_check(arena, &ask->bundle, &ask->block_hash, &ask->chain->main_registry, steps,
			  &n))
		return fail_code(&call->cx, ST_CONFLICT, "BUNDLE_DOES_NOT_HOLD", "%s",
				 steps[n - 1].text);
	bundle_view(call, &ask->bundle);
	return ST_OK;
}

void identity_bundle_run(void *arg)
{
	struct quote_nodes nodes = {.api = arg,
				    .timeout_ms = BUNDLE_NODE_MS,
				    .answer_bytes_max = BUNDLE_ANSWER_BYTES_MAX};
	struct arena *arena = arena_create(HANDLER_ARENA_BYTES);
	void *item;
	while (queue_pop(nodes.api->queues[QUEUE_BUNDLE], &item, 1, -1) > 0) {
		struct api_call *call = item;
		if (handler_is_alive(call))
			handler_finish(call, bundle_answer(&nodes, arena, call));
		arena_reset(arena);
	}
	quote_nodes_close(&nodes);
	arena_destroy(arena);
}
