/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/resolve.h"

#include <stdlib.h>

#include "base/clock.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/retry.h"

enum {
	RESEND_WAIT_MS = 1000,
	LEFT_TRIES = 2, /* the first may have been out of gas */
};

static bool deadline_is_past(const struct outbox_item *it, int64_t final_time_s)
{
	if (!it->deadline)
		return false;
	struct u256 deadline;
	if (u256_parse(&deadline, it->deadline, strlen(it->deadline)) != ST_OK)
		return false;
	return u256_cmp(deadline, u256_of_u64((uint64_t)final_time_s)) < 0;
}

/* The item's own nonce was consumed, and no packet with its request id came: something else used it. */
static void resolve_one(struct outbox_item *it, int64_t final_time_s)
{
	const char *why = it->evidence;
	struct outbox_event *e;
	if (it->skip == OUTBOX_SKIP_NONCE && it->kind == FERRY__V1__KIND__KIND_REGISTRY) {
		e = outbox_move(it, STATE_FAILED);
		e->reason = why;
		return;
	}
	if (it->skip == OUTBOX_SKIP_NONCE && it->is_signed) {
		e = outbox_move(it, STATE_FAILED);
		e->reason = "the author's nonce is used or cancelled on the source chain";
		return;
	}
	if (deadline_is_past(it, final_time_s)) {
		e = outbox_move(it, STATE_EXPIRED);
		e->reason = "a final block of the source chain is past the deadline";
		return;
	}
	e = outbox_move(it, STATE_ACCEPTED);
	e->reason = why ? why : "the transaction was mined without it";
	it->due_us = clock_wall_us() + RESEND_WAIT_MS * 1000;
	it->evidence = why;
}

enum status resolve_unsent(struct ctx *cx, struct db *db, const struct world_chain *chain,
			   const struct journal_mined *rows, size_t n, int64_t final_time_s)
{
	size_t total = 0, count = 0;
	for (size_t i = 0; i < n; i++)
		total += strcmp(rows[i].purpose, "SUBMIT") == 0 ? rows[i].items_n : 0;
	if (total == 0)
		return ST_OK;
	int64_t *apps = arena_array(cx->arena, total, sizeof *apps);
	struct uuid *ids = arena_array(cx->arena, total, sizeof *ids);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; strcmp(rows[i].purpose, "SUBMIT") == 0 && k < rows[i].items_n; k++) {
			apps[count] = rows[i].items_app[k];
			ids[count++] = rows[i].items_id[k];
		}
	struct outbox_names left;
	TRY(outbox_names_tracked(cx, db, &left, apps, ids, count));
	if (left.n == 0)
		return ST_OK;
	struct outbox_item *items;
	size_t items_n;
	TRY(outbox_by_id(cx, db, &items, &items_n, left.apps, left.ids, left.n));
	struct outbox_item **changed = arena_array(cx->arena, items_n ? items_n : 1, sizeof *changed);
	for (size_t i = 0; i < items_n; i++) {
		struct outbox_item *it = changed[i] = &items[i];
		bool carried = false;
		for (size_t r = 0; r < n; r++)
			carried |= it->is_carried && it->tx_nonce == rows[r].nonce &&
				   addr_equal(&it->signer, &rows[r].signer);
		if (!carried || it->state != STATE_SUBMITTED || it->src_eid != chain->config.eid)
			continue;
		/* All blocks before are worked through, so the nonce was not used by this message. */
		if (it->skip == OUTBOX_SKIP_NONCE && !it->is_signed && it->kind != FERRY__V1__KIND__KIND_REGISTRY)
			TRY(outbox_renumber(cx, db, it));
		resolve_one(it, final_time_s);
	}
	return outbox_save(cx, db, changed, items_n);
}

void resolve_left(struct arena *a, struct outbox_item *it)
{
	it->is_carried = false;
	outbox_touch(it);
	if (it->events_n || (it->state != STATE_VERIFYING && it->state != STATE_VERIFIED))
		return;
	if (++it->tries < LEFT_TRIES)
		return;
	int64_t n = it->tries < RETRY_ATTEMPTS_MAX ? it->tries : RETRY_ATTEMPTS_MAX - 1;
	it->due_us = clock_wall_us() + retry_delay_ms(n) * 1000;
	it->evidence = arena_printf(a, "%lld transactions left it where it is: the chain refuses what they ask",
				    (long long)it->tries);
}

enum status resolve_freed(struct ctx *cx, struct db *db, const struct journal_mined *rows, size_t n)
{
	for (size_t r = 0; r < n; r++) {
		struct outbox_item *items;
		size_t items_n;
		if (strcmp(rows[r].purpose, "SUBMIT") == 0 || rows[r].items_n == 0)
			continue;
		TRY(outbox_by_id(cx, db, &items, &items_n, rows[r].items_app, rows[r].items_id, rows[r].items_n));
		struct outbox_item **changed = arena_array(cx->arena, items_n ? items_n : 1, sizeof *changed);
		for (size_t i = 0; i < items_n; i++) {
			struct outbox_item *it = changed[i] = &items[i];
			if (!it->is_open || !it->is_carried || it->tx_nonce != rows[r].nonce ||
			    !addr_equal(&it->signer, &rows[r].signer))
				continue;
			it->is_carried = false;
			outbox_touch(it);
		}
		TRY(outbox_save(cx, db, changed, items_n));
	}
	return ST_OK;
}
