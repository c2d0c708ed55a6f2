/* SPDX-License-Identifier: Apache-2.0
 *
 * rpc and block against a real node: what it tells is what we recompute.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "chain/block.h"
#include "chain/signer.h"
#include "tests/unit/unit.h"

enum { PORT_FIRST = 18300, PORT_COUNT = 100 };
static const char anvil[] =
	"contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";

struct block_anvil {
	pid_t pid;
	char url[64];
};

static bool block_anvil_start(struct block_anvil *a)
{
	char port[16];
	snprintf(port, sizeof port, "%d", PORT_FIRST + getpid() % PORT_COUNT);
	snprintf(a->url, sizeof a->url, "http://127.0.0.1:%s", port);
	a->pid = fork();
	if (a->pid != 0)
		return a->pid > 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(1);
	execl(anvil, anvil, "--port", port, "--block-time", "0.25", "--prune-history", "2000",
	      "--accounts", "1", (char *)NULL);
	_exit(127);
}

static void block_anvil_stop(const struct block_anvil *a)
{
	kill(a->pid, SIGTERM);
	waitpid(a->pid, NULL, 0);
}

/* Code that emits LOG2(topics 1, 2; 32 bytes of data) on every call, behind its constructor. */
static const char block_emitter[] = "0x600a600c600039600a6000f3"
				    "6002600160206000a200";

/* Sends transactions that make a contract, call it with success and fail; returns their hashes. */
static void block_anvil_fill(struct ctx *cx, struct rpc *rpc, struct rpc_send sends[4])
{
	uint8_t key[32];
	struct signer *signer = NULL;
	struct bytes code;
	ck_assert(hex_decode_fixed("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2"
				   "ff80", 66, key, 32));
	ck_assert_int_eq(signer_create(cx, &signer, key), ST_OK);
	ck_assert(hex_decode(cx->arena, block_emitter, sizeof block_emitter - 1, 100, &code));
	for (uint64_t i = 0; i < 4; i++) {
		struct tx tx = {.chain_id = 31337,
				.nonce = i,
				.max_fee = u256_of_u64(10000000000),
				.max_priority_fee = u256_of_u64(1000000000),
				.gas = i == 3 ? 21500 : 200000,
				.is_create = i == 0,
				.data = i == 0 ? code : bytes_of("", 0)};
		/* The contract of the development account's first transaction. */
		if (i > 0)
			ck_assert(hex_decode_fixed("0x5fbdb2315678afecb367f032d93f642f64180aa3", 42,
						   tx.to.b, 20));
		ck_assert_int_eq(signer_sign_tx(cx, signer, &sends[i].raw, &sends[i].hash, &tx),
				 ST_OK);
	}
	signer_destroy(signer);
	ck_assert_int_eq(rpc_send_many(cx, rpc, sends, 4), ST_OK);
	for (size_t i = 0; i < 4; i++)
		ck_assert_msg(sends[i].outcome == RPC_SEND_ACCEPTED, "%s", sends[i].message);
	ck_assert_int_eq(rpc_send_many(cx, rpc, sends, 4), ST_OK);
	for (size_t i = 0; i < 4; i++)
		ck_assert_msg(sends[i].outcome == RPC_SEND_KNOWN ||
				      sends[i].outcome == RPC_SEND_NONCE_TOO_LOW,
			      "%s", sends[i].message);
}

static void block_anvil_wait(struct ctx *cx, struct rpc *rpc)
{
	for (int i = 0; i < 500; i++) {
		if (rpc_check(cx, rpc) == ST_OK)
			return;
		clock_sleep_ms(20);
	}
	ck_abort_msg("the node does not start: %s", cx->err.message);
}

/* The four transactions as mined blocks tell them. */
static void block_anvil_compare(struct ctx *cx, struct rpc *rpc, const struct rpc_send sends[4])
{
	struct rpc_receipt_lookup lookups[4];
	uint64_t last = 0;
	for (int tries = 0; tries < 100; tries++) {
		for (size_t i = 0; i < 4; i++)
			lookups[i].tx_hash = sends[i].hash;
		ck_assert_int_eq(rpc_receipt_many(cx, rpc, lookups, 4), ST_OK);
		if (lookups[0].found && lookups[1].found && lookups[2].found && lookups[3].found)
			break;
		clock_sleep_ms(50);
	}
	for (size_t i = 0; i < 4; i++) {
		ck_assert(lookups[i].found);
		if (lookups[i].receipt.block_number > last)
			last = lookups[i].receipt.block_number;
	}
	struct block *blocks;
	size_t n;
	ck_assert_msg(block_fetch(cx, rpc, &blocks, &n, 0, last + 1000, BLOCK_WITH_TXS) == ST_OK,
		      "%s", cx->err.message);
	ck_assert_uint_gt(n, last);
	size_t seen = 0;
	for (size_t b = 0; b < n; b++) {
		for (size_t i = 0; i < blocks[b].receipts_n; i++, seen++) {
			const struct rpc_receipt *r = &blocks[b].receipts[i];
			unit_assert_hash_eq(r->tx_hash, sends[seen].hash);
			ck_assert_uint_eq(blocks[b].txs[i].nonce, seen);
			ck_assert_uint_eq(r->gas_used, lookups[seen].receipt.gas_used);
			ck_assert_int_eq(r->is_create, seen == 0);
			ck_assert_int_eq(addr_is_zero(&r->contract), seen != 0);
			ck_assert_int_eq(r->body.succeeded, seen != 3);
			ck_assert_uint_eq(r->body.logs_n, (seen == 1 || seen == 2));
			if (r->body.logs_n == 1)
				ck_assert_uint_eq(r->body.logs[0].data.n, 32);
		}
	}
	ck_assert_uint_eq(seen, 4);
	struct header header;
	struct hash hash;
	struct rpc_at at = rpc_at_hash(&blocks[last].hash);
	ck_assert_int_eq(rpc_header(cx, rpc, &header, &hash, &at), ST_OK);
	ck_assert_uint_eq(header.number, last);
	ck_assert_int_eq(block_fetch(cx, rpc, &blocks, &n, 1000000, 1000000, 0), ST_NOT_FOUND);
}

static void block_anvil_ask(struct ctx *cx, struct rpc *rpc)
{
	struct rpc_fee fee;
	struct u256 balance;
	struct bytes code;
	uint64_t nonce;
	struct addr account;
	struct rpc_call call = {.data = bytes_of("", 0)};
	struct hash unknown = {{1}};
	struct rpc_tx tx;
	bool found;
	ck_assert(hex_decode_fixed("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", 42,
				   account.b, 20));
	ck_assert(hex_decode_fixed("0x5fbdb2315678afecb367f032d93f642f64180aa3", 42,
				   call.to.b, 20));
	ck_assert_msg(rpc_fee(cx, rpc, &fee) == ST_OK, "%s", cx->err.message);
	ck_assert(!u256_is_zero(fee.base));
	ck_assert(!u256_is_zero(fee.tip));
	ck_assert_int_eq(rpc_balance(cx, rpc, &balance, &account, &rpc_latest), ST_OK);
	ck_assert(!u256_fits(balance, 64));
	ck_assert_int_eq(rpc_nonce(cx, rpc, &nonce, &account, &rpc_pending), ST_OK);
	ck_assert_uint_eq(nonce, 4);
	ck_assert_int_eq(rpc_code(cx, rpc, &code, &call.to, &rpc_latest), ST_OK);
	ck_assert_uint_eq(code.n, 10);
	ck_assert_int_eq(rpc_call(cx, rpc, &call, &rpc_latest), ST_OK);
	ck_assert_int_eq(call.outcome, RPC_CALL_RETURNED);
	call.gas = 21500;
	ck_assert_msg(rpc_call(cx, rpc, &call, &rpc_latest) == ST_OK, "%s", cx->err.message);
	ck_assert_int_eq(call.outcome, RPC_CALL_REVERTED);
	ck_assert_int_eq(rpc_tx_by_hash(cx, rpc, &tx, &found, &unknown), ST_OK);
	ck_assert(!found);
}

START_TEST(a_real_node_tells_what_we_recompute)
{
	struct block_anvil a;
	if (access(anvil, X_OK) != 0) {
		unit_skip("a_real_node_tells_what_we_recompute",
			  "no anvil: run npm ci in contracts/");
		return;
	}
	ck_assert(block_anvil_start(&a));
	const char *urls[] = {a.url};
	struct rpc_config config = {.nodes = {.name = "anvil", .urls = urls, .urls_count = 1},
				    .chain_id = 31337};
	struct rpc *rpc = rpc_create(&config);
	struct arena *arena = arena_create(UNIT_ARENA_BYTES);
	struct ctx cx;
	struct rpc_send sends[4];
	ctx_init(&cx, arena, 30000, "test");
	block_anvil_wait(&cx, rpc);
	block_anvil_fill(&cx, rpc, sends);
	block_anvil_compare(&cx, rpc, sends);
	block_anvil_ask(&cx, rpc);
	rpc_destroy(rpc);
	arena_destroy(arena);
	block_anvil_stop(&a);
}
END_TEST

UNIT_SUITE("chain/block_anvil", a_real_node_tells_what_we_recompute)
