/* SPDX-License-Identifier: Apache-2.0
 *
 * Contract wallets (ERC-1271): does the author's contract agree with the signature? Only for those
 * whose signature is not their own key's. An account without code answers nothing, so its signature
 * is wrong: one eth_call decides, as the Messenger will on chain.
 */
#include "api/quote.h"
#include "api/validate.h"
#include "chain/calls.h"
#include "chain/tx.h"

enum { WALLET_GAS = 100000, WALLET_CALL_BYTES_MAX = 16 * 1024 };

static void wallet_call(struct arena *a, struct rpc_call *call, const struct send *s)
{
	struct buf data;
	buf_init(&data, a, WALLET_CALL_BYTES_MAX);
	calls_is_valid_signature(&data, &s->digest, s->row.signature);
	*call = (struct rpc_call){
		.to = s->row.author,
		.data = buf_bytes(&data),
		.gas = WALLET_GAS + tx_gas_intrinsic(buf_bytes(&data)),
	};
}

static void wallet_answer(struct api_call *call, struct send *s, enum status st,
			  const struct rpc_call *answer)
{
	if (st != ST_OK || answer->outcome == RPC_CALL_UNKNOWN)
		accept_wallet_answer(
			call, s, ST_CHAIN,
			"the signature is not the author's own key's, and whether the author "
			"is a contract that agrees cannot be asked at the moment");
	else if (answer->outcome == RPC_CALL_RETURNED &&
		 calls_is_valid_signature_answer(answer->out))
		accept_wallet_answer(call, s, ST_OK, "");
	else
		accept_wallet_answer(
			call, s, ST_INVALID,
			"the signature is not the author's over this message, and no contract "
			"of the author agrees with it");
}

/* Those of one chain, together. */
static void wallet_ask(struct quote_nodes *nodes, struct api_call *call,
		       const struct api_chain *chain, struct send **sends, size_t n)
{
	struct ctx cx;
	struct rpc *rpc;
	struct rpc_call *calls = arena_array(call->arena, n, sizeof *calls);
	ctx_init(&cx, call->arena, QUOTE_NODE_MS, call->cx.request_id);
	for (size_t i = 0; i < n; i++)
		wallet_call(call->arena, &calls[i], sends[i]);
	enum status st = quote_rpc(&cx, nodes, &rpc, chain);
	if (st == ST_OK)
		st = rpc_call_many(&cx, rpc, calls, n, &rpc_latest);
	for (size_t i = 0; i < n; i++)
		wallet_answer(call, sends[i], st, &calls[i]);
}

void wallet_check(struct quote_nodes *nodes, struct api_call *call)
{
	struct send **sends;
	size_t n = accept_wallets(call, &sends);
	struct send **of_chain = arena_array(call->arena, n, sizeof(struct send *));
	const struct api_config *config = &nodes->api->config;
	for (size_t c = 0; c < config->chains_n && n > 0; c++) {
		size_t count = 0;
		for (size_t i = 0; i < n; i++)
			if (sends[i]->src == &config->chains[c])
				of_chain[count++] = sends[i];
		if (count > 0)
			wallet_ask(nodes, call, &config->chains[c], of_chain, count);
	}
	accept_go_on(nodes->api, call);
}
