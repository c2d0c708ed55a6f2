/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/tend.h"

#include "base/clock.h"
#include "base/log.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/resolve.h"
#include "storage/cursor.h"

/* What keeps the account from sending is shown with its lane; reason 0, the first success, clears it. */
static enum status tend_trouble(struct ctx *cx, struct lane *l, struct db *db, int64_t reason, const char *detail)
{
	if (l->halted == reason || l->halted == FERRY__V1__REASON__REASON_JOURNAL_BEHIND_CHAIN)
		return ST_OK;
	l->halted = reason;
	if (reason)
		log_event(LOG_ERROR, "relay.lane_halted", "%s: %s", l->lease.name, detail);
	return journal_lane_halt(cx, db, l->chain->config.eid, signer_account(l->signer), reason,
				 detail);
}

enum status tend_broadcast(struct ctx *cx, struct lane *l, struct db *db, struct rpc *rpc,
			   struct rpc_send *sends, size_t n, int64_t first)
{
	int64_t *taken = arena_array(cx->arena, n, sizeof *taken);
	size_t taken_n = 0;
	int64_t trouble = 0;
	const char *detail = NULL;
	enum status st = rpc_send_many(cx, rpc, sends, n);
	for (size_t i = 0; i < n; i++) {
		switch (sends[i].outcome) {
		case RPC_SEND_ACCEPTED:
		case RPC_SEND_KNOWN:
		case RPC_SEND_NONCE_TOO_LOW: /* a block has one of this nonce: ours, as observe will see */
			taken[taken_n++] = first + (int64_t)i;
			break;
		case RPC_SEND_NO_FUNDS:
			trouble = FERRY__V1__REASON__REASON_SIGNER_OUT_OF_FUNDS;
			detail = sends[i].message;
			break;
		case RPC_SEND_REFUSED:
			trouble = FERRY__V1__REASON__REASON_TRANSACTION_REFUSED;
			detail = arena_printf(cx->arena, "nonce %lld is refused: %s",
					      (long long)(first + (int64_t)i), sends[i].message);
			break;
		case RPC_SEND_UNDERPRICED: /* the pool holds another form of it */
			taken[taken_n++] = first + (int64_t)i;
			break;
		case RPC_SEND_FEE_TOO_LOW:
		case RPC_SEND_NONCE_GAP:
		case RPC_SEND_POOL_FULL:
		case RPC_SEND_UNKNOWN:
			log_event(LOG_WARN, "relay.broadcast", "%s nonce %lld: %s %s", l->lease.name,
				  (long long)(first + (int64_t)i), rpc_send_name(sends[i].outcome),
				  sends[i].message ? sends[i].message : "");
			break;
		}
	}
	if (taken_n)
		TRY(journal_broadcast(cx, db, l->chain->config.eid, signer_account(l->signer), taken,
				      taken_n));
	if (trouble || taken_n)
		TRY(tend_trouble(cx, l, db, trouble, detail));
	if (st != ST_OK || taken_n < n)
		l->tended_ms = 0;
	return st;
}

/* Raising ------------------------------------------------------------------------------------------ */

/* Old + 12.5 %, the pools' least step, and no less than what the next block asks for. */
static struct u256 raised(struct u256 old, struct u256 now)
{
	struct u256 up;
	if (!u256_mul_bps(&up, old, 11250) || !u256_add(&up, up, u256_of_u64(1)))
		return old;
	return u256_cmp(up, now) > 0 ? up : now;
}

static enum status tend_note_raise(struct ctx *cx, struct lane *l, const struct journal_open *o,
				   const struct hash *hash)
{
	struct outbox_item *items;
	size_t n;
	TRY(outbox_by_id(cx, l->db, &items, &n, o->items_app, o->items_id, o->items_n));
	struct outbox_item **changed = arena_array(cx->arena, n ? n : 1, sizeof *changed);
	for (size_t i = 0; i < n; i++) {
		changed[i] = &items[i];
		if (!items[i].is_open || !items[i].is_carried || items[i].tx_nonce != o->nonce)
			continue;
		struct outbox_event *e = outbox_note(&items[i], "FEE_RAISED");
		e->chain_eid = l->chain->config.eid;
		e->place.tx_hash = *hash;
		e->attempt = o->attempt + 1;
		items[i].reason = FERRY__V1__REASON__REASON_TRANSACTION_STUCK;
	}
	return outbox_save(cx, l->db, changed, n);
}

/* Signs the same calldata with the same nonce again, dearer; journals it; sends it. */
static enum status tend_raise(struct ctx *cx, struct lane *l, const struct journal_open *o)
{
	struct rpc_fee fee;
	struct u256 max_fee, tip, value, base2;
	TRY(rpc_fee(cx, l->rpc, &fee));
	/* Enough was tried, unless no block could take it at all. */
	if (o->attempt >= TEND_RAISES_MAX && u256_parse(&max_fee, o->max_fee, strlen(o->max_fee)) == ST_OK &&
	    u256_cmp(max_fee, fee.base_next) >= 0)
		return ST_OK;
	if (u256_parse(&max_fee, o->max_fee, strlen(o->max_fee)) != ST_OK ||
	    u256_parse(&tip, o->tip, strlen(o->tip)) != ST_OK ||
	    u256_parse(&value, o->value, strlen(o->value)) != ST_OK ||
	    !u256_mul_u64(&base2, fee.base_next, 2) || !u256_add(&base2, base2, lane_tip(l, &fee)))
		return fail(cx, ST_INTERNAL, "the journal's fees cannot be read");
	struct tx tx = {
		.chain_id = l->chain->config.chain_id,
		.nonce = (uint64_t)o->nonce,
		.max_priority_fee = raised(tip, lane_tip(l, &fee)),
		.max_fee = raised(max_fee, base2),
		.gas = (uint64_t)o->gas_limit,
		.to = o->to,
		.value = value,
		.data = o->calldata,
	};
	struct rpc_send send = {0};
	struct hash hash;
	char max_text[U256_DECIMAL_BYTES], tip_text[U256_DECIMAL_BYTES];
	TRY(signer_sign_tx(cx, l->signer, &send.raw, &hash, &tx));
	u256_format(max_text, tx.max_fee);
	u256_format(tip_text, tx.max_priority_fee);
	TRY(tx_begin(cx, l->db));
	TRY(lease_fence(cx, l->db, &l->lease));
	TRY(journal_bump(cx, l->db, l->chain->config.eid, signer_account(l->signer), o->nonce, send.raw,
			 &hash, max_text, tip_text));
	TRY(tend_note_raise(cx, l, o, &hash));
	TRY(tx_commit(cx, l->db));
	log_event(LOG_WARN, "relay.fee_raised", "%s nonce %lld: no block took it for %lld ms, max fee now %s",
		  l->lease.name, (long long)o->nonce, (long long)o->broadcast_age_ms, max_text);
	return tend_broadcast(cx, l, l->db, l->rpc, &send, 1, o->nonce);
}

/* Replaced ----------------------------------------------------------------------------------------- */

/* A nonce that a final block consumed, and not by a transaction of the journal: somebody else used
 * the key. Its messages take a new nonce. */
static enum status tend_replaced(struct ctx *cx, struct lane *l, const struct journal_open *lowest)
{
	struct cursor_block at;
	uint64_t used;
	int64_t eid = l->chain->config.eid;
	enum status st = cursor_read(cx, l->db, eid, &at);
	if (st == ST_NOT_FOUND || at.number <= l->chain->config.finality_blocks)
		return ST_OK;
	TRY(st);
	int64_t final_number = at.number - l->chain->config.finality_blocks, final_time_s;
	TRY(cursor_block_time(cx, l->db, eid, final_number, &final_time_s));
	struct rpc_at final = rpc_at_number((uint64_t)final_number);
	TRY(rpc_nonce(cx, l->rpc, &used, signer_account(l->signer), &final));
	if ((int64_t)used <= lowest->nonce)
		return ST_OK;
	struct journal_mined *rows;
	size_t n;
	TRY(tx_begin(cx, l->db));
	TRY(lease_fence(cx, l->db, &l->lease));
	TRY(journal_replace(cx, l->db, &rows, &n, eid, signer_account(l->signer), (int64_t)used));
	TRY(resolve_unsent(cx, l->db, l->chain, rows, n, final_time_s));
	TRY(resolve_freed(cx, l->db, rows, n));
	TRY(tx_commit(cx, l->db));
	if (n)
		log_event(LOG_ERROR, "relay.replaced",
			  "%s: %zu nonces below %llu were used by transactions that are not in the journal",
			  l->lease.name, n, (unsigned long long)used);
	return ST_OK;
}

static enum status tend_rows(struct ctx *cx, struct lane *l, const struct journal_open *open, size_t n)
{
	struct rpc_send *sends = arena_array(cx->arena, n, sizeof *sends);
	bool cheap = false; /* no node wants the lowest one: it was signed long ago */
	for (size_t i = 0; i < n;) { /* runs of nonces that follow each other */
		size_t run = 0;
		while (i + run < n && open[i + run].nonce == open[i].nonce + (int64_t)run &&
		       (!open[i + run].was_broadcast || open[i + run].broadcast_age_ms > TEND_AGAIN_MS)) {
			sends[run].raw = open[i + run].raw;
			run++;
		}
		if (run)
			TRY(tend_broadcast(cx, l, l->db, l->rpc, sends, run, open[i].nonce));
		if (i == 0 && run)
			cheap = sends[0].outcome == RPC_SEND_FEE_TOO_LOW;
		i += run ? run : 1;
	}
	if (cheap)
		return tend_raise(cx, l, &open[0]);
	if (!open[0].was_broadcast || open[0].broadcast_age_ms <= TEND_RAISE_MS)
		return ST_OK;
	TRY(tend_replaced(cx, l, &open[0]));
	return tend_raise(cx, l, &open[0]);
}

/* What is signed for a packet that its source took back must not be mined, if that can still be had: an empty
 * transaction of the same nonce goes against it. */
static enum status tend_hollow(struct ctx *cx, struct lane *l)
{
	int64_t reorgs = atomic_load(&l->world->reorgs), eid = l->chain->config.eid;
	const struct addr *account = signer_account(l->signer);
	struct journal_open *open;
	size_t hollow, n;
	if (reorgs == l->reorgs || strcmp(l->role, "deliver") != 0)
		return ST_OK;
	TRY(tx_begin(cx, l->db));
	TRY(lease_fence(cx, l->db, &l->lease));
	TRY(journal_hollow(cx, l->db, &hollow, eid, account));
	TRY(tx_commit(cx, l->db));
	if (hollow)
		TRY(journal_unmined(cx, l->db, &open, &n, eid, account, LANE_UNMINED_MAX, 0));
	for (size_t i = 0; hollow && i < n; i++)
		if (open[i].calldata.n == 0)
			TRY(tend_raise(cx, l, &open[i]));
	l->reorgs = reorgs;
	return ST_OK;
}

enum status tend_unmined(struct ctx *cx, struct lane *l)
{
	TRY(tend_hollow(cx, l));
	/* What the courier still holds is not late. */
	if (courier_is_busy(l->courier) || (l->tended_ms && clock_mono_ms() - l->tended_ms < TEND_EVERY_MS))
		return ST_OK;
	struct journal_open *open;
	size_t n;
	int64_t eid = l->chain->config.eid;
	const struct addr *account = signer_account(l->signer);
	l->tended_ms = clock_mono_ms();
	TRY(journal_unmined_count(cx, l->db, &l->unmined, eid, account));
	if (l->unmined == 0) /* nothing left to broadcast that could show that there is money again */
		return tend_trouble(cx, l, l->db, 0, NULL);
	TRY(journal_unmined(cx, l->db, &open, &n, eid, account, TEND_ROWS_MAX, TEND_AGAIN_MS));
	return n ? tend_rows(cx, l, open, n) : ST_OK;
}
