/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
#include "relay/tend.h"
#include "ferry/v1/types.pb-c.h"
#include "tests/unit/chain/fake_node.h"
#include "tests/unit/relay/logs.h"
#include "tests/unit/storage/rig.h"

/* A node that says one thing to whoever sends; what it took; its base fee. */
struct pool {
	char _Atomic refuses; /* 0: takes it; f: fee too low; m: no money; r: another reason */
	atomic_int sends;
	const char *_Atomic base_fee;
	const char *_Atomic tip;
};

static json_t *pool_answer(struct fake_node *n, const char *method, const json_t *params)
{
	struct pool *p = n->arg;
	(void)params;
	if (strcmp(method, "eth_sendRawTransaction") == 0) {
		p->sends++;
		if (p->refuses == 'f')
			return fake_error(-32000, "max fee per gas less than block base fee", NULL);
		if (p->refuses == 'm')
			return fake_error(-32000, "insufficient funds for gas * price + value", NULL);
		if (p->refuses == 'r')
			return fake_error(-32000, "the moon is wrong", NULL);
		return fake_error(-32000, "already known", NULL);
	}
	if (strcmp(method, "eth_getBlockByNumber") == 0)
		return fake_result(json_pack("{s:s}", "baseFeePerGas", p->base_fee));
	if (strcmp(method, "eth_maxPriorityFeePerGas") == 0)
		return fake_result_text(p->tip);
	return fake_error(-32601, "no such method", NULL);
}

struct bench {
	struct rig r;
	struct world *world;
	struct pool pool;
	struct fake_node node;
	const char *url;
	struct lane lane;
};

static struct bench *bench_begin(void)
{
	struct bench *b = calloc(1, sizeof *b);
	rig_begin(&b->r);
	b->world = logs_world(&b->r.cx);
	lease_self(b->world->holder);
	b->pool.base_fee = "0x3b9aca00";
	b->pool.tip = "0x1";
	b->node.answer = pool_answer;
	b->node.arg = &b->pool;
	fake_node_start(&b->node);
	b->url = b->node.http.url;
	struct world_chain *c = &b->world->chains[0];
	c->config.urls = &b->url;
	c->config.urls_n = 1;
	lane_init(&b->lane, b->world, c, "submit");
	b->lane.db = rig_open(&b->r, "lane");
	b->lane.rpc = world_rpc_create(&c->config);
	pg_ok(b->r.cx, lease_take(&b->r.cx, b->lane.db, &b->lane.lease));
	struct journal_lane row;
	pg_ok(b->r.cx, journal_lane_open(&b->r.cx, b->lane.db, &row, c->config.eid,
					 signer_account(b->lane.signer), "submit", 0));
	return b;
}

static void bench_end(struct bench *b)
{
	lane_fini(&b->lane);
	fake_node_stop(&b->node);
	logs_world_end(b->world);
	rig_end(&b->r);
	free(b);
}

/* One transaction, given its nonce and sent. */
static void claim(struct bench *b)
{
	struct lane_tx t = {.purpose = "FILL", .calldata = bytes_of("x", 1), .gas = 21000};
	enum status st = lane_claim(&b->r.cx, &b->lane, &t, 1, NULL, NULL, NULL);
	ck_assert_msg(st == ST_OK || st == ST_CHAIN_REJECTED, "%s", b->r.cx.err.message);
}

static void tend(struct bench *b)
{
	b->lane.tended_ms = 0;
	pg_ok(b->r.cx, tend_unmined(&b->r.cx, &b->lane));
}

/* It waited between journal and node while the base fee grew: every node refuses it, and it holds all later nonces
 * up. */
START_TEST(what_no_node_takes_for_its_fee_is_raised)
{
	struct bench *b = bench_begin();
	b->pool.refuses = 'f';
	claim(b);
	rig_true(&b->r, "(SELECT state = 'SIGNED' FROM journal)");
	b->pool.base_fee = "0x174876e800"; /* 100 gwei */
	tend(b);
	rig_true(&b->r, "(SELECT count(*) = 2 AND max(max_fee) > 100000000000 FROM journal_tx)");
	b->pool.refuses = 0;
	tend(b);
	rig_true(&b->r, "(SELECT state = 'BROADCAST' FROM journal)");
	rig_true(&b->r, "(SELECT count(*) = 2 FROM journal_tx)");
	bench_end(b);
}
END_TEST

/* When all raises are used up the fee still follows the chain, and only then. */
START_TEST(a_fee_no_block_can_take_is_raised_beyond_the_last_raise)
{
	struct bench *b = bench_begin();
	claim(b);
	rig_sql(&b->r, "UPDATE journal_tx SET attempt = 10, signed_at = now() - interval '1 hour'");
	rig_sql(&b->r, "INSERT INTO chain_cursor (eid, number, hash, head) VALUES (%d, 0, '', 0)", LOGS_SRC);
	tend(b);
	rig_true(&b->r, "(SELECT count(*) = 1 FROM journal_tx)");
	b->pool.base_fee = "0x174876e800";
	tend(b);
	rig_true(&b->r, "(SELECT count(*) = 2 AND max(max_fee) > 100000000000 FROM journal_tx)");
	bench_end(b);
}
END_TEST

/* The one that showed that money was missing was mined after all: nothing is left to show that there is some again. */
START_TEST(a_lane_without_money_goes_on_when_nothing_is_open)
{
	struct bench *b = bench_begin();
	b->pool.refuses = 'm';
	claim(b);
	ck_assert_int_eq(b->lane.halted, FERRY__V1__REASON__REASON_SIGNER_OUT_OF_FUNDS);
	tend(b);
	rig_true(&b->r, "(SELECT halted = %d FROM lane)", FERRY__V1__REASON__REASON_SIGNER_OUT_OF_FUNDS);
	rig_sql(&b->r, "UPDATE journal SET state = 'MINED'");
	tend(b);
	ck_assert(lane_is_open(&b->lane));
	rig_true(&b->r, "(SELECT halted = 0 FROM lane)");
	bench_end(b);
}
END_TEST

START_TEST(a_transaction_no_node_takes_is_said_with_its_lane_and_offered_again)
{
	struct bench *b = bench_begin();
	b->pool.refuses = 'r';
	claim(b);
	ck_assert(!lane_is_open(&b->lane));
	rig_true(&b->r, "(SELECT halted = %d AND detail LIKE 'nonce 0 is refused: %%the moon is wrong' FROM lane)",
		 FERRY__V1__REASON__REASON_TRANSACTION_REFUSED);
	int sends = b->pool.sends;
	tend(b);
	ck_assert_int_gt(b->pool.sends, sends);
	b->pool.refuses = 0;
	tend(b);
	ck_assert(lane_is_open(&b->lane));
	rig_true(&b->r, "(SELECT halted = 0 FROM lane)");
	bench_end(b);
}
END_TEST

/* A node may lie about what others tip. */
START_TEST(an_absurd_tip_is_not_paid)
{
	struct bench *b = bench_begin();
	b->lane.chain->config.tip_max_gwei = 2;
	b->pool.tip = "0xde0b6b3a7640000"; /* an ether a gas */
	claim(b);
	rig_true(&b->r, "(SELECT tip = 2000000000 AND max_fee < 10000000000 FROM journal_tx)");
	rig_sql(&b->r, "UPDATE journal_tx SET signed_at = now() - interval '1 hour'");
	rig_sql(&b->r, "INSERT INTO chain_cursor (eid, number, hash, head) VALUES (%d, 0, '', 0)", LOGS_SRC);
	tend(b);
	rig_true(&b->r, "(SELECT count(*) = 2 AND max(tip) < 2300000000 FROM journal_tx)");
	bench_end(b);
}
END_TEST

PG_SUITE("relay/tend", a_transaction_no_node_takes_is_said_with_its_lane_and_offered_again,
	 an_absurd_tip_is_not_paid, what_no_node_takes_for_its_fee_is_raised,
	 a_fee_no_block_can_take_is_raised_beyond_the_last_raise, a_lane_without_money_goes_on_when_nothing_is_open)
