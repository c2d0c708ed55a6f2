/* SPDX-License-Identifier: Apache-2.0 */
#include "api/view.h"

#include <assert.h>
#include <string.h>

#include "api/json.h"
#include "base/clock.h"
#include "chain/account.h"
#include "chain/envelope.h"

enum { VIEW_PREFIX_BYTES = 4, VIEW_DIGITS = 32, VIEW_GUID_CHARS = 66 };

static void view_id(char out[VIEW_ID_BYTES], const char prefix[4], const uint8_t uuid[16])
{
	memcpy(out, prefix, VIEW_PREFIX_BYTES);
	hex_digits(out + VIEW_PREFIX_BYTES, uuid, 16);
	out[VIEW_ID_BYTES - 1] = 0;
}

void view_message_id(char out[VIEW_ID_BYTES], const struct uuid *id)
{
	view_id(out, "msg_", id->b);
}

void view_fresh_id(char out[VIEW_ID_BYTES], const char prefix[4])
{
	uint8_t uuid[16];
	uuid_v7(uuid);
	view_id(out, prefix, uuid);
}

char *view_id_new(struct arena *a, const char *prefix, const struct uuid *id)
{
	size_t n = strlen(prefix);
	char *out = arena_alloc(a, n + VIEW_DIGITS + 1);
	memcpy(out, prefix, n);
	hex_digits(out + n, id->b, sizeof id->b);
	return out;
}

/* Lower case only: an id has one form. */
static bool view_parse_digits(uint8_t *out, const char *digits, size_t n)
{
	char text[2 + VIEW_DIGITS + 1] = "0x";
	assert(n == VIEW_DIGITS);
	for (size_t i = 0; i < n; i++)
		if (digits[i] >= 'A' && digits[i] <= 'F')
			return false;
	memcpy(text + 2, digits, n);
	return hex_decode_fixed(text, 2 + n, out, n / 2);
}

enum status view_parse_name(struct ctx *cx, struct view_name *out, const char *text)
{
	size_t n = strlen(text);
	*out = (struct view_name){.is_guid = false};
	if (n == VIEW_ID_BYTES - 1 && memcmp(text, "msg_", 4) == 0 &&
	    view_parse_digits(out->id.b, text + 4, VIEW_DIGITS))
		return ST_OK;
	if (n == VIEW_GUID_CHARS && hex_decode_fixed(text, n, out->guid.b, sizeof out->guid.b)) {
		out->is_guid = true;
		return ST_OK;
	}
	ctx_add_detail(cx, "/id", "ID_INVALID",
		       "an id is msg_ and 32 hex digits, or a guid: 0x and 64 hex digits");
	return fail_code(cx, ST_INVALID, "ID_INVALID",
			 "an id is msg_ and 32 hex digits, or a guid: 0x and 64 hex digits");
}

const struct api_chain *view_chain(const struct api_config *config, int64_t eid)
{
	for (size_t i = 0; i < config->chains_n; i++)
		if (config->chains[i].eid == eid)
			return &config->chains[i];
	return NULL;
}

ProtobufCBinaryData view_bytes(struct arena *a, const void *p, size_t n)
{
	return (ProtobufCBinaryData){n, n ? arena_copy(a, p, n) : NULL};
}

static Ferry__V1__Hold *view_hold(struct arena *a, const struct message *m)
{
	if (!m->hold_reason)
		return NULL;
	Ferry__V1__Hold *h = arena_alloc(a, sizeof *h);
	ferry__v1__hold__init(h);
	h->reason = arena_strdup(a, m->hold_reason);
	h->by = arena_strdup(a, m->hold_by ? m->hold_by : "");
	if (m->hold_since_us)
		h->since = api_timestamp_new(a, m->hold_since_us);
	if (m->hold_until_us && m->hold_until_us != INT64_MAX)
		h->until = api_timestamp_new(a, m->hold_until_us);
	return h;
}

static Ferry__V1__ChainPosition *view_place(struct arena *a, const struct message_place *p)
{
	if (!p->is_known)
		return NULL;
	Ferry__V1__ChainPosition *out = arena_alloc(a, sizeof *out);
	ferry__v1__chain_position__init(out);
	out->tx_hash = view_bytes(a, p->tx_hash.b, sizeof p->tx_hash.b);
	if (p->block_number) { /* 0: broadcast, in no block yet */
		out->block_number = (uint64_t)p->block_number;
		out->block_hash = view_bytes(a, p->block_hash.b, sizeof p->block_hash.b);
	}
	out->final = p->is_final;
	return out;
}

static Ferry__V1__PayloadEncryption *view_encryption(struct arena *a, const struct message *m)
{
	struct envelope e;
	if (!m->recipient || envelope_decode(&e, m->payload) != ST_OK)
		return NULL;
	Ferry__V1__PayloadEncryption *out = arena_alloc(a, sizeof *out);
	ferry__v1__payload_encryption__init(out);
	out->recipient = arena_strdup(a, m->recipient);
	out->key_id = arena_alloc(a, ENVELOPE_KEY_NAME_BYTES);
	envelope_key_name(out->key_id, e.key_id);
	return out;
}

static void view_request(struct arena *a, const struct api_chain *src, Ferry__V1__Message *out,
			 const struct message *m)
{
	out->kind = (Ferry__V1__Kind)m->kind;
	out->submission = (Ferry__V1__Submission)m->submission;
	out->execution = (Ferry__V1__Execution)m->execution;
	out->src_eid = (uint32_t)m->src_eid;
	out->dst_eid = (uint32_t)m->dst_eid;
	out->receiver = view_bytes(a, m->receiver.b, sizeof m->receiver.b);
	out->payload = view_bytes(a, m->payload.p, m->payload.n);
	out->author_signed = m->is_signed;
	if (m->has_author) {
		out->author = arena_alloc(a, ACCOUNT_CAIP10_BYTES);
		account_caip10_format(out->author, src ? src->chain_id : 0, &m->author);
	}
	out->request_id = view_bytes(a, m->request_id.b, sizeof m->request_id.b);
	if (m->client_ref)
		out->client_ref = arena_strdup(a, m->client_ref);
	out->payload_encryption = view_encryption(a, m);
	out->options = arena_alloc(a, sizeof *out->options);
	ferry__v1__send_options__init(out->options);
	out->options->gas_limit = arena_printf(a, "%lld", (long long)m->gas_limit);
	out->options->value = arena_strdup(a, m->value);
	if (m->has_ordering_key)
		out->options->ordering_key = view_bytes(a, m->ordering_key.b, 32);
}

static void view_progress(struct arena *a, const struct api_chain *src, Ferry__V1__Message *out,
			  const struct message *m)
{
	if (m->has_guid)
		out->guid = view_bytes(a, m->guid.b, sizeof m->guid.b);
	out->n_former_guids = m->former_guids_n;
	out->former_guids = arena_array(a, m->former_guids_n, sizeof *out->former_guids);
	for (size_t i = 0; i < m->former_guids_n; i++)
		out->former_guids[i] = view_bytes(a, m->former_guids[i].p, m->former_guids[i].n);
	out->nonce = (uint64_t)m->nonce;
	out->source = view_place(a, &m->src);
	out->destination = view_place(a, &m->dst);
	out->verification = arena_alloc(a, sizeof *out->verification);
	ferry__v1__verification__init(out->verification);
	out->verification->required = (uint32_t)m->verify_required;
	out->verification->have = (uint32_t)m->verify_have;
	out->fee = arena_alloc(a, sizeof *out->fee);
	ferry__v1__fee__init(out->fee);
	out->fee->native = arena_strdup(a, m->fee);
	out->fee->gas_used = arena_printf(a, "%lld", (long long)m->gas_used);
	if (src)
		out->fee->currency = arena_strdup(a, src->currency);
}

Ferry__V1__Message *view_message(struct arena *a, const struct api_config *config,
				 const struct world_view *w, const struct message *m,
				 int64_t now_us)
{
	const struct api_chain *src = view_chain(config, m->src_eid);
	Ferry__V1__Message *out = arena_alloc(a, sizeof *out);
	ferry__v1__message__init(out);
	out->id = arena_alloc(a, VIEW_ID_BYTES);
	view_message_id(out->id, &m->ref.id);
	out->state = (Ferry__V1__State)(m->state + 1);
	out->layerzero_status = explain_layerzero_status(m);
	out->hold = view_hold(a, m);
	view_request(a, src, out, m);
	view_progress(a, src, out, m);
	out->explanation = explain(a, w, m, now_us);
	out->create_time = api_timestamp_new(a, m->created_us);
	out->update_time = api_timestamp_new(a, m->updated_us);
	return out;
}

static Ferry__V1__State view_state(enum message_state s)
{
	return s == STATE_COUNT ? FERRY__V1__STATE__STATE_UNSPECIFIED : (Ferry__V1__State)(s + 1);
}

Ferry__V1__Event *view_event(struct arena *a, const struct event *e)
{
	Ferry__V1__Event *out = arena_alloc(a, sizeof *out);
	ferry__v1__event__init(out);
	out->id = arena_printf(a, "evt_%016llx", (unsigned long long)e->at.id);
	out->seq = (uint64_t)e->seq;
	if (e->is_of_identity) {
		out->operation_id = view_id_new(a, "idop_", &e->ref.id);
		out->identity_id = view_id_new(a, "idn_", &e->identity);
	} else {
		out->message_id = view_id_new(a, "msg_", &e->ref.id);
	}
	out->type = arena_strdup(a, e->type);
	out->from = view_state(e->from);
	out->to = view_state(e->to);
	out->time = api_timestamp_new(a, e->time_us);
	out->chain_eid = (uint32_t)e->chain_eid;
	out->tx_hash = view_bytes(a, e->tx_hash.p, e->tx_hash.n);
	out->block_number = (uint64_t)e->block_number;
	out->block_hash = view_bytes(a, e->block_hash.p, e->block_hash.n);
	out->log_index = (uint32_t)e->log_index;
	out->gas_used = (uint64_t)e->gas_used;
	if (e->fee)
		out->fee = arena_strdup(a, e->fee);
	out->attempt = (uint32_t)e->attempt;
	if (e->reason)
		out->reason = arena_strdup(a, e->reason);
	return out;
}

const char *view_etag(struct arena *a, int64_t version)
{
	return arena_printf(a, "%lld", (long long)version);
}

bool view_etag_matches(const char *list, const char *etag)
{
	size_t etag_n = strlen(etag);
	while (*list) {
		list += strspn(list, " \t,");
		size_t n = strcspn(list, ", \t");
		const char *at = list;
		list += n;
		if (n == 1 && *at == '*')
			return true;
		if (n > 2 && at[0] == 'W' && at[1] == '/') {
			at += 2;
			n -= 2;
		}
		if (n >= 2 && at[0] == '"' && at[n - 1] == '"') {
			at++;
			n -= 2;
		}
		if (n == etag_n && memcmp(at, etag, n) == 0)
			return true;
	}
	return false;
}
