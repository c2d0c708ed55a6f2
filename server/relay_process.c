/* SPDX-License-Identifier: Apache-2.0 */
#include "server/relay_process.h"

#include <malloc.h>

#include "base/log.h"
#include "chain/signer.h"
#include "relay/relay.h"
#include "server/process.h"

enum { RELAY_PROCESS_WAIT_MS = 60 * 1000 };

static struct relay_key relay_process_key(const struct config_key *key)
{
	return (struct relay_key){key->keystore, key->password_file};
}

static void relay_process_chain(struct relay_chain *out, const struct config_chain *c)
{
	*out = (struct relay_chain){
		.name = c->name,
		.eid = (int64_t)c->eid,
		.chain_id = c->chain_id,
		.urls = c->rpc.v,
		.urls_n = c->rpc.n,
		.finality_blocks = (int64_t)c->finality_blocks,
		.confirmations = c->confirmations,
		.deploy_block = (int64_t)c->deploy_block,
		.tip_max_gwei = c->tip_max_gwei,
		.dvn_vid = (uint32_t)c->dvn_vid,
		.endpoint = c->contracts.endpoint,
		.receive_uln = c->contracts.receive_uln,
		.dvn = c->contracts.dvn,
		.messenger = c->contracts.messenger,
		.batcher = c->contracts.batcher,
		.proxy_registry = c->contracts.proxy_registry,
		.main_registry = c->contracts.main_registry,
		.submit = relay_process_key(&c->signers.submit),
		.deliver = relay_process_key(&c->signers.deliver),
	};
}

struct relay_config relay_process_config(struct arena *a, const struct config_root *file)
{
	struct relay_chain *chains = arena_array(a, file->chains.n, sizeof *chains);
	for (size_t i = 0; i < file->chains.n; i++)
		relay_process_chain(&chains[i], &file->chains.v[i]);
	size_t committee_n = file->committee.signers.n;
	struct relay_key *committee = arena_array(a, committee_n, sizeof *committee);
	for (size_t i = 0; i < committee_n; i++)
		committee[i] = relay_process_key(&file->committee.signers.v[i]);
	return (struct relay_config){
		.database_url = file->database_url,
		.chains = chains,
		.chains_n = file->chains.n,
		.committee = committee,
		.committee_n = committee_n,
		.quorum = (unsigned)file->committee.quorum,
		.claim_items = (size_t)file->relay.claim_items,
		.poll_ms = (int)file->relay.poll_ms,
		.daily_wei_per_app = file->daily_wei_per_app,
		.batch_operations = (size_t)file->relay.batch_operations,
		.batch_gas = file->relay.batch_gas,
		.batch_age_ms = (int64_t)file->relay.batch_age_ms,
	};
}

enum status relay_process_run(struct ctx *cx, const struct config *config)
{
	process_begin(config, "relay");
	/* Threads work through megabytes in turn: with a heap for each, all heaps would keep their largest round. */
	mallopt(M_ARENA_MAX, 1);
	TRY(signer_protect_process(cx));
	struct db *db;
	TRY(process_database(cx, config, "relay start", &db));
	db_close(db);

	struct relay_config relay_config = relay_process_config(cx->arena, &config->file);
	struct relay *relay;
	TRY(relay_create(cx, &relay_config, &relay));
	relay_start(relay);
	log_event(LOG_INFO, "relay.started", "Relaying between %zu chains.", relay_config.chains_n);
	while (!process_wait(RELAY_PROCESS_WAIT_MS))
		continue;

	process_end_begin();
	log_event(LOG_INFO, "relay.ending", "Told to end: finishing the rounds under way.");
	relay_stop(relay);
	relay_destroy(relay);
	log_event(LOG_INFO, "relay.ended", "Ended in order.");
	return ST_OK;
}
