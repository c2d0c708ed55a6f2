/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities and operations as clients see them. Pure, but for reading the batches.
 */
#include "api/identity.h"

#include "api/identity_plan.h"
#include "api/json.h"
#include "api/view.h"
#include "chain/account.h"

/* Batches -------------------------------------------------------------------------------------- */

enum status identity_batches_read(struct ctx *cx, struct db *db, struct identity_batches *out,
				  struct identity *const *identities, size_t n)
{
	size_t room = 0;
	for (size_t i = 0; i < n; i++)
		room += identities[i] ? identities[i]->acts_n : 0;
	struct message_ref *refs = arena_array(cx->arena, room, sizeof *refs);
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; identities[i] && k < identities[i]->acts_n; k++) {
			const struct identity_act *act = &identities[i]->acts[k];
			bool known = !act->has_message || identity_act_has_ended(act);
			for (size_t m = 0; m < out->n && !known; m++)
				known = memcmp(refs[m].id.b, act->message.b, 16) == 0;
			if (!known && out->n < MESSAGE_READ_MAX)
				refs[out->n++] = (struct message_ref){0, act->message};
		}
	}
	out->messages = arena_array(cx->arena, out->n, sizeof(struct message *));
	return message_read(cx, db, out->messages, refs, out->n);
}

static const struct message *batch_of(const struct identity_batches *b,
				      const struct identity_act *act)
{
	for (size_t i = 0; act->has_message && i < b->n; i++)
		if (b->messages[i] &&
		    memcmp(b->messages[i]->ref.id.b, act->message.b, sizeof act->message.b) == 0)
			return b->messages[i];
	return NULL;
}

/* Operations ----------------------------------------------------------------------------------- */

/* An account of the operation's own chain, or "" */
static char *act_account(struct arena *a, const struct identity *d, const struct identity_act *act,
			 bool has, const struct addr *who)
{
	const char *lines[IDENTITY_ACCOUNTS_MAX];
	char text[ACCOUNT_TEXT_BYTES];
	if (!has)
		return (char *)protobuf_c_empty_string;
	account_format(text, who);
	size_t n = identity_lines(a, lines, act->accounts);
	for (size_t i = 0; i < n; i++)
		if (strstr(lines[i], text))
			return (char *)lines[i];
	char *out = arena_alloc(a, ACCOUNT_CAIP10_BYTES);
	account_caip10_format(out, (uint64_t)d->home_chain_id, who);
	return out;
}

static char *key_id_of(struct arena *a, bool has, const struct hash *key)
{
	if (!has)
		return (char *)protobuf_c_empty_string;
	char *out = arena_alloc(a, IDENTITY_KEY_ID_BYTES);
	identity_key_id(out, key);
	return out;
}

static ProtobufCBinaryData word_of(struct arena *a, bool has, const struct hash *h)
{
	return view_bytes(a, h->b, has ? sizeof h->b : 0);
}

Ferry__V1__Operation *identity_view_act(struct arena *a, const struct world_view *w,
					const struct identity *d, const struct identity_act *act,
					const struct identity_batches *b, int64_t now_us)
{
	Ferry__V1__Operation *out = arena_alloc(a, sizeof *out);
	ferry__v1__operation__init(out);
	out->id = view_id_new(a, "idop_", &act->id);
	out->identity_id = view_id_new(a, "idn_", &d->ref.id);
	out->type = (Ferry__V1__OperationType)act->kind;
	out->version = (uint64_t)act->version;
	out->state = identity_act_state(act);
	if (act->has_message)
		out->batch_id = view_id_new(a, "bat_", &act->message);
	out->explanation = identity_explain(a, w, d, act, batch_of(b, act), now_us);
	out->next_action = (char *)identity_outcome(act);
	if (act->reason)
		out->reason = arena_strdup(a, act->reason);
	out->apply = act->eager ? FERRY__V1__APPLY__APPLY_EAGER : FERRY__V1__APPLY__APPLY_LAZY;
	out->account = act_account(a, d, act, act->has_account, &act->account);
	out->recovery_account = act_account(a, d, act, act->has_recovery, &act->recovery);
	out->document_hash = word_of(a, act->has_document, &act->document);
	out->encryption_key = word_of(a, act->has_key, &act->key);
	out->encryption_key_id = key_id_of(a, act->has_key, &act->key);
	out->data_hash = word_of(a, true, &act->data_hash);
	out->src_eid = (uint32_t)act->src_eid;
	out->dst_eid = (uint32_t)act->dst_eid;
	out->create_time = api_timestamp_new(a, act->created_us);
	out->update_time = api_timestamp_new(a, act->updated_us);
	return out;
}

/* Identities ----------------------------------------------------------------------------------- */

static char *first_account(struct arena *a, const struct identity *d)
{
	char *out = arena_alloc(a, ACCOUNT_CAIP10_BYTES);
	account_caip10_format(out, (uint64_t)d->home_chain_id, &d->first_owner);
	return out;
}

const char *identity_view_did(struct arena *a, const struct identity *d)
{
	const char *lines[IDENTITY_ACCOUNTS_MAX];
	char owner[ACCOUNT_CAIP10_BYTES];
	if (d->head && identity_lines(a, lines, d->head->accounts))
		return arena_printf(a, "did:pkh:%s", lines[0]);
	account_caip10_format(owner, (uint64_t)d->home_chain_id,
			      d->head ? &d->head->owner : &d->first_owner);
	return arena_printf(a, "did:pkh:%s", owner);
}

/* As its newest operation that was not refused makes it. */
static void identity_view_head(struct arena *a, const struct identity *d, Ferry__V1__Identity *out)
{
	const char *lines[IDENTITY_ACCOUNTS_MAX];
	const struct identity_act *head = d->head;
	if (!head)
		return;
	out->version = (uint64_t)head->version;
	out->n_accounts = identity_lines(a, lines, head->accounts);
	out->accounts = arena_array(a, out->n_accounts, sizeof(char *));
	for (size_t i = 0; i < out->n_accounts; i++)
		out->accounts[i] = (char *)lines[i];
	if (out->n_accounts)
		out->owner = out->accounts[0];
	if (head->kind == IDENTITY_REVOKE)
		return;
	out->document_hash = word_of(a, head->has_document, &head->document);
	out->encryption_key = word_of(a, head->has_key, &head->key);
	out->encryption_key_id = key_id_of(a, head->has_key, &head->key);
	if (d->recovery)
		out->recovery_account = act_account(a, d, d->recovery, d->recovery->has_recovery,
						    &d->recovery->recovery);
}

static Ferry__V1__IdentityState identity_view_state(const struct identity *d)
{
	if (!d->final)
		return FERRY__V1__IDENTITY_STATE__IDENTITY_STATE_PENDING;
	return d->final->kind == IDENTITY_REVOKE
		       ? FERRY__V1__IDENTITY_STATE__IDENTITY_STATE_REVOKED
		       : FERRY__V1__IDENTITY_STATE__IDENTITY_STATE_FINAL;
}

Ferry__V1__Identity *identity_view(struct arena *a, const struct world_view *w,
				   const struct identity *d, const struct identity_batches *b,
				   int64_t now_us)
{
	Ferry__V1__Identity *out = arena_alloc(a, sizeof *out);
	ferry__v1__identity__init(out);
	out->id = view_id_new(a, "idn_", &d->ref.id);
	out->subject = word_of(a, true, &d->subject);
	out->did = (char *)identity_view_did(a, d);
	out->state = identity_view_state(d);
	identity_view_head(a, d, out);
	out->final_version = d->final ? (uint64_t)d->final->version : 0;
	out->first_owner = first_account(a, d);
	out->salt = word_of(a, true, &d->salt);
	out->operations = arena_array(a, d->acts_n, sizeof *out->operations);
	for (size_t i = 0; i < d->acts_n; i++)
		if (d->acts[i].is_recent)
			out->operations[out->n_operations++] =
				identity_view_act(a, w, d, &d->acts[i], b, now_us);
	out->create_time = api_timestamp_new(a, d->created_us);
	out->update_time = api_timestamp_new(a, d->updated_us);
	return out;
}
