/* SPDX-License-Identifier: Apache-2.0
 *
 * Payloads that are said to be sealed: is the recipient an identity the app can see, and the key its
 * current one? That is the key of its newest FINAL operation: what was only asked for may come to
 * nothing, and a payload cannot be taken back from a chain. A revocation counts from its acceptance.
 */
#include "api/accept.h"
#include "base/log.h"
#include "chain/envelope.h"

enum { RECIPIENT_SQL_MS = 1500, RECIPIENT_TRIES_MAX = 3 };

/* What is wrong; code NULL: nothing. */
struct verdict {
	enum status st;
	const char *pointer, *code, *sentence;
};

static struct verdict of_recipient(enum status st, const char *code, const char *sentence)
{
	return (struct verdict){st, "/payload_encryption/recipient", code, sentence};
}

static struct verdict of_key(enum status st, const char *code, const char *sentence)
{
	return (struct verdict){st, "/payload_encryption/key_id", code, sentence};
}

static struct verdict judge(struct arena *a, const struct identity_key_ask *ask,
			    const struct identity_key *k)
{
	uint8_t current[ENVELOPE_KEY_ID_BYTES];
	char name[ENVELOPE_KEY_NAME_BYTES];
	if (!k->found)
		return of_recipient(ST_INVALID, "RECIPIENT_UNKNOWN", "there is no such identity");
	if (k->is_revoked)
		return of_recipient(ST_CONFLICT, "RECIPIENT_REVOKED",
				    "the identity is revoked: nobody is to seal anything to it");
	if (k->has_final) {
		envelope_key_id(current, &k->final);
		if (memcmp(current, ask->key_id, sizeof current) == 0)
			return (struct verdict){.st = ST_OK};
	}
	if (k->version == 0)
		return of_key(ST_INVALID, "ENCRYPTION_KEY_UNKNOWN",
			      "the identity has no such key");
	if (k->version > k->final_version)
		return of_key(ST_CONFLICT, "ENCRYPTION_KEY_NOT_FINAL",
			      "the identity's operation with this key is not FINAL yet: wait for it");
	if (!k->has_final)
		return of_key(ST_CONFLICT, "ENCRYPTION_KEY_ROTATED",
			      "the identity gave this key up and has none now");
	envelope_key_name(name, current);
	return of_key(ST_CONFLICT, "ENCRYPTION_KEY_ROTATED",
		      arena_printf(a, "the identity's key is %s now: seal the payload to it", name));
}

static void refuse(struct accept_item *item, const struct verdict *v)
{
	struct ctx cx;
	ctx_init(&cx, item->call->arena, CTX_DEADLINE_NONE, item->call->cx.request_id);
	ctx_add_detail(&cx, v->pointer, v->code, "%s", v->sentence);
	accept_fail(item, &cx, v->st, v->code, v->sentence);
}

/* A request that is asked again is answered as the first time: an idempotency key that is stored
 * leaves its item to the storing side. */
static enum status refuse_new(struct ctx *cx, struct db *db, struct accept_item **items,
			      const struct verdict *verdicts, size_t n)
{
	const struct message_new **rows = arena_array(cx->arena, n, sizeof *rows);
	struct message_keyed *keyed = arena_array(cx->arena, n, sizeof *keyed);
	for (size_t i = 0; i < n; i++)
		rows[i] = &items[i]->send.row;
	TRY(message_by_keys(cx, db, keyed, rows, n));
	for (size_t i = 0; i < n; i++)
		if (!keyed[i].found)
			refuse(items[i], &verdicts[i]);
	return ST_OK;
}

static enum status check_try(struct ctx *cx, struct db *db, struct accept_item *const *items,
			     size_t n)
{
	struct arena *a = cx->arena;
	const struct identity_key_ask **asks = arena_array(a, n, sizeof *asks);
	struct identity_key *keys = arena_array(a, n, sizeof *keys);
	struct accept_item **wrong = arena_array(a, n, sizeof *wrong);
	struct verdict *verdicts = arena_array(a, n, sizeof *verdicts);
	size_t wrong_n = 0;
	for (size_t i = 0; i < n; i++)
		asks[i] = items[i]->send.recipient;
	TRY(identity_keys(cx, db, keys, asks, n));
	for (size_t i = 0; i < n; i++) {
		verdicts[wrong_n] = judge(a, asks[i], &keys[i]);
		if (verdicts[wrong_n].code)
			wrong[wrong_n++] = items[i];
	}
	return wrong_n ? refuse_new(cx, db, wrong, verdicts, wrong_n) : ST_OK;
}

static void check_failed(struct accept_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ctx cx;
		ctx_init(&cx, items[i]->call->arena, CTX_DEADLINE_NONE,
			 items[i]->call->cx.request_id);
		cx.err.retry_after_s = HANDLER_RETRY_AFTER_S;
		accept_fail(items[i], &cx, ST_DB, NULL,
			    "whether the payload is sealed to the recipient's current key cannot be "
			    "asked at the moment: send it again with the same key");
	}
}

void recipient_check(struct api *api, struct db **db, struct accept_work *work)
{
	struct api_call *call = work->call;
	struct accept_item **items = arena_array(call->arena, work->n, sizeof *items);
	size_t n = 0;
	for (size_t i = 0; i < work->n; i++)
		if (work->items[i].outcome == ACCEPT_PENDING && work->items[i].send.recipient)
			items[n++] = &work->items[i];
	if (n == 0)
		return;
	struct ctx cx;
	ctx_init(&cx, call->arena, ctx_left_ms(&call->cx, RECIPIENT_SQL_MS), call->cx.request_id);
	enum status st = ST_DB;
	for (int tries = 0; tries < RECIPIENT_TRIES_MAX; tries++) {
		ctx_error_clear(&cx);
		st = handler_db(api, &cx, db, "check");
		if (st == ST_OK)
			st = check_try(&cx, *db, items, n);
		if (st != ST_DB || !*db || db_sqlstate(*db)[0])
			break;
	}
	if (st == ST_OK)
		return;
	log_failure(LOG_WARN, "recipient.failed", &cx);
	check_failed(items, n);
}
