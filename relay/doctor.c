/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/doctor.h"

#include "chain/rpc.h"
#include "ferry/v1/types.pb-c.h"
#include "storage/cursor.h"
#include "storage/journal.h"

static const struct relay_chain *doctor_chain(const struct relay_config *config, int64_t eid)
{
	for (size_t i = 0; i < config->chains_n; i++)
		if (config->chains[i].eid == eid)
			return &config->chains[i];
	return NULL;
}

static void doctor_rpc_release(void *rpc)
{
	rpc_destroy(rpc);
}

/* Has the observer worked through all blocks that used nonces of this account up to now? */
static enum status doctor_is_worked_through(struct ctx *cx, struct rpc *rpc, struct db *db,
					    const struct journal_lane *lane, uint64_t used, bool *yes)
{
	struct cursor_block at;
	uint64_t seen = 0;
	*yes = false;
	enum status st = cursor_read(cx, db, lane->eid, &at);
	if (st == ST_NOT_FOUND)
		return ST_OK;
	TRY(st);
	struct rpc_at then = rpc_at_number((uint64_t)at.number);
	TRY(rpc_nonce(cx, rpc, &seen, &lane->signer, &then));
	*yes = seen >= used;
	return ST_OK;
}

static enum status doctor_lane(struct ctx *cx, const struct relay_config *config, struct db *db,
			       const struct journal_lane *lane, FILE *out, bool *healed)
{
	const struct relay_chain *chain = doctor_chain(config, lane->eid);
	const char *account = hex_encode(cx->arena, lane->signer.b, 20);
	uint64_t used, pending;
	bool yes;
	*healed = true;
	if (!chain) {
		fprintf(out, "%s on %lld: the chain is not configured; left alone\n", account,
			(long long)lane->eid);
		return ST_OK;
	}
	const struct rpc_config rpc_config = {
		.nodes = {.name = chain->name, .urls = chain->urls, .urls_count = chain->urls_n},
		.chain_id = chain->chain_id,
	};
	struct rpc *rpc = rpc_create(&rpc_config);
	arena_defer(cx->arena, doctor_rpc_release, rpc);
	TRY(rpc_nonce(cx, rpc, &used, &lane->signer, &rpc_latest));
	TRY(rpc_nonce(cx, rpc, &pending, &lane->signer, &rpc_pending));
	if ((int64_t)used <= lane->next_nonce &&
	    lane->halted != FERRY__V1__REASON__REASON_JOURNAL_BEHIND_CHAIN) {
		fprintf(out, "%s on %s: journal %lld, chain %llu: in order\n", account, chain->name,
			(long long)lane->next_nonce, (unsigned long long)used);
		return ST_OK;
	}
	*healed = false;
	if (pending > used) {
		fprintf(out,
			"%s on %s: %llu transactions of the lost journal still wait for a block; run this "
			"again after it\n",
			account, chain->name, (unsigned long long)(pending - used));
		return ST_OK;
	}
	TRY(doctor_is_worked_through(cx, rpc, db, lane, used, &yes));
	if (!yes) {
		fprintf(out,
			"%s on %s: the relay has not worked through all blocks with its transactions; let one "
			"run and call again\n",
			account, chain->name);
		return ST_OK;
	}
	TRY(tx_begin(cx, db));
	TRY(journal_adopt(cx, db, lane->eid, &lane->signer, lane->next_nonce, (int64_t)used));
	TRY(tx_commit(cx, db));
	*healed = true;
	fprintf(out,
		"%s on %s: nonces %lld to %llu were given by a lost part of the journal; their messages are "
		"mapped by request id; the lane goes on at %llu\n",
		account, chain->name, (long long)lane->next_nonce, (unsigned long long)used - 1,
		(unsigned long long)used);
	return ST_OK;
}

enum status doctor_nonces(struct ctx *cx, const struct relay_config *config, struct db *db, FILE *out)
{
	struct journal_lane *lanes;
	size_t n, halted = 0;
	TRY(journal_lanes(cx, db, &lanes, &n));
	for (size_t i = 0; i < n; i++) {
		bool healed;
		TRY(doctor_lane(cx, config, db, &lanes[i], out, &healed));
		halted += !healed;
	}
	if (halted)
		return fail(cx, ST_PRECONDITION, "%zu of %zu lanes stay halted", halted, n);
	return ST_OK;
}
