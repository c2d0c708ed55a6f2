/* SPDX-License-Identifier: Apache-2.0 */
#include "api/validate.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "api/identity_plan.h"
#include "api/view.h"
#include "base/clock.h"
#include "base/digest.h"
#include "chain/account.h"
#include "chain/eip712.h"
#include "chain/envelope.h"
#include "chain/keccak.h"
#include "chain/messenger.h"
#include "chain/secp.h"

enum { ADDRESS_BYTES = 20, WORD_BYTES = 32, WALLET_SIGNATURE_BYTES_MAX = 4096 };

enum status validate_end(struct ctx *cx)
{
	if (cx->err.details_count == 0)
		return ST_OK;
	const struct ctx_detail *d = &cx->err.details[0];
	return fail_code(cx, ST_INVALID, d->code, "%s: %s", d->pointer, d->detail);
}

/* Counts characters of UTF-8 by their first bytes; C1 controls are 0xc2 0x80..0x9f. */
bool validate_is_visible(const char *text, size_t max, bool spaces)
{
	size_t count = 0;
	const uint8_t *s = (const uint8_t *)text;
	for (; *s; s++) {
		if (*s < ' ' || *s == 0x7f || (*s == ' ' && !spaces))
			return false;
		if (*s == 0xc2 && s[1] >= 0x80 && s[1] <= (spaces ? 0x9f : 0xa0))
			return false;
		count += (*s & 0xc0) != 0x80;
	}
	return count <= max;
}

/* Where it goes -------------------------------------------------------------------------------- */

enum status validate_kind(struct ctx *cx, Ferry__V1__Kind kind)
{
	if (kind == FERRY__V1__KIND__KIND_PUSH)
		return ST_OK;
	const ProtobufCEnumValue *known =
		protobuf_c_enum_descriptor_get_value(&ferry__v1__kind__descriptor, (int)kind);
	if (kind == FERRY__V1__KIND__KIND_UNSPECIFIED || !known) {
		ctx_add_detail(cx, "/kind", known ? "REQUIRED" : "INVALID",
			       "say what the message does: push");
		return ST_OK;
	}
	ctx_add_detail(cx, "/kind", "NOT_IMPLEMENTED", "only push is built yet");
	return fail_code(cx, ST_NOT_IMPLEMENTED, "NOT_IMPLEMENTED",
			 "only the kind push is built yet");
}

static const struct api_chain *validate_chain(struct ctx *cx, const struct api_config *config,
					      uint32_t eid, const char *pointer)
{
	const struct api_chain *c = view_chain(config, eid);
	if (!c && eid == 0)
		ctx_add_detail(cx, pointer, "REQUIRED",
			       "name a chain by its eid; GET /v1/chains lists them");
	else if (!c)
		ctx_add_detail(cx, pointer, "UNKNOWN_CHAIN",
			       "there is no chain with eid %u; GET /v1/chains lists them", eid);
	return c;
}

static void validate_receiver(struct ctx *cx, struct hash *out, ProtobufCBinaryData in)
{
	memset(out, 0, sizeof *out);
	if (in.len == 0) {
		ctx_add_detail(cx, "/receiver", "REQUIRED", "name the contract that receives it");
		return;
	}
	if (in.len == ADDRESS_BYTES) {
		memcpy(out->b + WORD_BYTES - ADDRESS_BYTES, in.data, ADDRESS_BYTES);
	} else if (in.len == WORD_BYTES) {
		memcpy(out->b, in.data, WORD_BYTES);
	} else {
		ctx_add_detail(cx, "/receiver", "RECEIVER_INVALID",
			       "a receiver has 20 bytes, or 32 with zeros in front; this has %zu",
			       in.len);
		return;
	}
	struct addr low = addr_of_hash(out);
	struct hash padded = hash_of_addr(&low);
	if (!hash_equal(&padded, out) || addr_is_zero(&low))
		ctx_add_detail(cx, "/receiver", "RECEIVER_INVALID",
			       "a receiver of 32 bytes is an address with 12 zero bytes in front, "
			       "and not zero");
}

static void validate_payload(struct ctx *cx, struct bytes *out, const struct api_chain *src,
			     ProtobufCBinaryData in)
{
	*out = bytes_of(in.len ? (const void *)in.data : "", in.len);
	if (!src)
		return;
	size_t max = src->max_message_bytes > MESSENGER_HEADER_BYTES
			     ? src->max_message_bytes - MESSENGER_HEADER_BYTES
			     : 0;
	if (in.len > max)
		ctx_add_detail(cx, "/payload", "PAYLOAD_TOO_LARGE",
			       "the pathway carries %zu bytes of payload; this has %zu", max,
			       in.len);
}

int64_t validate_gas(struct ctx *cx, const char *text, const char *pointer, int64_t min,
		     int64_t max)
{
	struct u256 v;
	if (u256_parse(&v, text, strlen(text)) != ST_OK) {
		ctx_add_detail(cx, pointer, "INVALID",
			       "gas is a decimal number without sign or leading zeros");
		return 0;
	}
	uint64_t gas = u256_to_u64_clamped(v);
	if (gas > (uint64_t)max) {
		ctx_add_detail(cx, pointer, "GAS_LIMIT_TOO_HIGH", "at most %lld gas",
			       (long long)max);
		return 0;
	}
	if (gas < (uint64_t)min) {
		ctx_add_detail(cx, pointer, "GAS_LIMIT_TOO_LOW", "at least %lld gas",
			       (long long)min);
		return 0;
	}
	return (int64_t)gas;
}

static void validate_value(struct ctx *cx, const char *text)
{
	struct u256 v;
	if (u256_parse(&v, text, strlen(text)) != ST_OK)
		ctx_add_detail(cx, "/options/value", "INVALID",
			       "a value is a decimal number of wei");
	else if (!u256_is_zero(v))
		ctx_add_detail(cx, "/options/value", "VALUE_NOT_SUPPORTED",
			       "messages that the gateway submits carry no value: leave it \"0\"");
}

static void validate_options(struct ctx *cx, struct validate_route *out,
			     const Ferry__V1__SendOptions *o)
{
	out->gas_limit = VALIDATE_GAS_DEFAULT;
	if (!o)
		return;
	if (o->gas_limit[0])
		out->gas_limit = validate_gas(cx, o->gas_limit, "/options/gas_limit", 1,
					      VALIDATE_GAS_MAX);
	if (o->value[0])
		validate_value(cx, o->value);
	if (o->ordering_key.len == 0)
		return;
	if (o->ordering_key.len != WORD_BYTES) {
		ctx_add_detail(cx, "/options/ordering_key", "ORDERING_KEY_INVALID",
			       "an ordering key has 32 bytes; this has %zu", o->ordering_key.len);
		return;
	}
	memcpy(out->ordering_key.b, o->ordering_key.data, WORD_BYTES);
	out->has_ordering_key = !hash_is_zero(&out->ordering_key); /* zero means none on chain */
}

void validate_route(struct ctx *cx, struct validate_route *out, const struct api_config *config,
		    uint32_t src_eid, uint32_t dst_eid, ProtobufCBinaryData receiver,
		    ProtobufCBinaryData payload, const Ferry__V1__SendOptions *options)
{
	memset(out, 0, sizeof *out);
	out->src = validate_chain(cx, config, src_eid, "/src_eid");
	out->dst = validate_chain(cx, config, dst_eid, "/dst_eid");
	if (out->src && out->src == out->dst)
		ctx_add_detail(cx, "/dst_eid", "SAME_CHAIN", "a message goes to another chain");
	validate_receiver(cx, &out->receiver, receiver);
	validate_payload(cx, &out->payload, out->src, payload);
	validate_options(cx, out, options);
}

/* Who says so ---------------------------------------------------------------------------------- */

static bool is_signed(const Ferry__V1__SendMessageRequest *in)
{
	return in->author[0] || in->nonce[0] || in->deadline[0] || in->signature.len;
}

/* All four or none. */
static bool validate_complete(struct ctx *cx, const Ferry__V1__SendMessageRequest *in)
{
	const struct {
		bool given;
		const char *pointer;
	} members[] = {
		{in->author[0], "/author"},
		{in->nonce[0], "/nonce"},
		{in->deadline[0], "/deadline"},
		{in->signature.len != 0, "/signature"},
	};
	bool all = true;
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (members[i].given)
			continue;
		all = false;
		ctx_add_detail(cx, members[i].pointer, "SIGNATURE_INCOMPLETE",
			       "author, nonce, deadline and signature come together or not at all");
	}
	return all;
}

bool validate_author(struct ctx *cx, struct addr *out, const struct api_chain *src,
		     const char *text, const char *pointer)
{
	uint64_t chain_id;
	if (account_caip10_parse(&chain_id, out, text, strlen(text)) != ST_OK ||
	    addr_is_zero(out)) {
		ctx_add_detail(cx, pointer, "AUTHOR_INVALID",
			       "an author is CAIP-10, eip155:<chain id>:0x<address>, in lower case "
			       "or with "
			       "the right checksum");
		return false;
	}
	if (src && chain_id != src->chain_id) {
		ctx_add_detail(cx, pointer, "AUTHOR_CHAIN_MISMATCH",
			       "the author must be an account of the source chain, eip155:%llu",
			       (unsigned long long)src->chain_id);
		return false;
	}
	return true;
}

static bool validate_deadline(struct ctx *cx, struct u256 *out, const char *text, int64_t now_s)
{
	if (u256_parse(out, text, strlen(text)) != ST_OK) {
		ctx_add_detail(cx, "/deadline", "DEADLINE_INVALID",
			       "a deadline is in Unix seconds, decimal");
		return false;
	}
	uint64_t at = u256_to_u64_clamped(*out);
	if (at <= (uint64_t)now_s) {
		ctx_add_detail(cx, "/deadline", "DEADLINE_PASSED",
			       "the deadline has passed: sign again with a later one");
		return false;
	}
	if (at > (uint64_t)now_s + VALIDATE_DEADLINE_S_MAX) {
		ctx_add_detail(cx, "/deadline", "DEADLINE_TOO_FAR",
			       "a deadline is at most %d days ahead",
			       VALIDATE_DEADLINE_S_MAX / 86400);
		return false;
	}
	return true;
}

/* The digest the author signed, and who did; asks_wallet when it is not the author's own key. */
static void validate_signature(struct ctx *cx, struct send *out, const struct validate_route *route,
			       struct u256 nonce, struct u256 deadline)
{
	struct message_new *row = &out->row;
	struct eip712_send what = {
		.dst_eid = route->dst->eid,
		.receiver = route->receiver,
		.payload = route->payload,
		.gas_limit = u256_of_u64((uint64_t)route->gas_limit),
		.ordering_key = route->ordering_key,
		.nonce = nonce,
		.deadline = deadline,
	};
	struct hash domain = eip712_domain(route->src->chain_id, &route->src->messenger);
	row->request_id = eip712_send_hash(&what);
	out->digest = eip712_digest(&domain, &row->request_id);
	struct addr who;
	if (row->signature.n == SECP_SIGNATURE_BYTES &&
	    secp_recover(&who, &out->digest, row->signature.p) == ST_OK &&
	    addr_equal(&who, &row->author))
		return;
	out->asks_wallet = true;
	if (route->src->rpc_n == 0)
		ctx_add_detail(cx, "/signature", "SIGNATURE_INVALID",
			       "the signature is not the author's over this message");
}

static void validate_authorship(struct ctx *cx, struct send *out,
				const struct validate_route *route,
				const Ferry__V1__SendMessageRequest *in, int64_t now_s)
{
	struct message_new *row = &out->row;
	struct u256 nonce, deadline;
	row->is_signed = true;
	bool fine = validate_author(cx, &row->author, route->src, in->author, "/author");
	if (u256_parse(&nonce, in->nonce, strlen(in->nonce)) != ST_OK) {
		ctx_add_detail(cx, "/nonce", "NONCE_INVALID",
			       "a nonce is a decimal number below 2^256");
		fine = false;
	}
	fine = validate_deadline(cx, &deadline, in->deadline, now_s) && fine;
	if (in->signature.len > WALLET_SIGNATURE_BYTES_MAX) {
		ctx_add_detail(cx, "/signature", "SIGNATURE_INVALID",
			       "a signature has at most %d bytes", WALLET_SIGNATURE_BYTES_MAX);
		fine = false;
	}
	row->author_nonce = in->nonce;
	row->deadline = in->deadline;
	row->signature = bytes_of(in->signature.data, in->signature.len);
	if (fine && cx->err.details_count == 0)
		validate_signature(cx, out, route, nonce, deadline);
}

/* The rest ------------------------------------------------------------------------------------- */

static void validate_modes(struct ctx *cx, const Ferry__V1__SendMessageRequest *in)
{
	if (!protobuf_c_enum_descriptor_get_value(&ferry__v1__submission__descriptor,
						  (int)in->submission))
		ctx_add_detail(cx, "/submission", "INVALID", "submission is relayed");
	if (!protobuf_c_enum_descriptor_get_value(&ferry__v1__execution__descriptor,
						  (int)in->execution))
		ctx_add_detail(cx, "/execution", "INVALID",
			       "execution is automatic, permissionless or manual");
}

/* Returns the name in its one form; the letters' case of hex digits says nothing. */
static const char *validate_recipient(struct ctx *cx, struct identity_key_ask *ask,
				      const char *text)
{
	static const char pointer[] = "/payload_encryption/recipient";
	struct identity_name name;
	if (!text[0]) {
		ctx_add_detail(cx, pointer, "REQUIRED",
			       "name the identity: idn_…, did:pkh:… or its subject, 0x…");
		return text;
	}
	ask->by_subject =
		hex_decode_fixed(text, strlen(text), ask->subject.b, sizeof ask->subject.b);
	if (ask->by_subject)
		return hex_encode(cx->arena, ask->subject.b, sizeof ask->subject.b);
	if (identity_name_parse(cx, &name, text, pointer) != ST_OK)
		return text;
	ask->ref.id = name.id;
	ask->by_account = name.is_did;
	ask->chain_id = (int64_t)name.chain_id;
	ask->account = name.account;
	if (!name.is_did)
		return text;
	char account[ACCOUNT_CAIP10_BYTES];
	account_caip10_format(account, name.chain_id, &name.account);
	return arena_printf(cx->arena, "did:pkh:%s", account);
}

/* The payload must be what it is said to be. Whether the key is the recipient's is asked later. */
static void validate_encryption(struct ctx *cx, struct send *out, int64_t app_id,
				const Ferry__V1__SendMessageRequest *in)
{
	static const char pointer[] = "/payload_encryption/key_id";
	const Ferry__V1__PayloadEncryption *said = in->payload_encryption;
	struct envelope e;
	char name[ENVELOPE_KEY_NAME_BYTES];
	if (!said)
		return;
	struct identity_key_ask *ask = arena_alloc(cx->arena, sizeof *ask);
	ask->ref.app_id = app_id;
	out->recipient = ask;
	out->row.recipient = validate_recipient(cx, ask, said->recipient);
	if (!said->key_id[0])
		ctx_add_detail(cx, pointer, "REQUIRED", "name the key: x25519-…");
	if (envelope_decode(&e, bytes_of(in->payload.data, in->payload.len)) != ST_OK) {
		ctx_add_detail(cx, "/payload", "PAYLOAD_NOT_SEALED",
			       "payload_encryption is given, but the payload is no envelope of "
			       "version %d: seal it, or leave payload_encryption out",
			       ENVELOPE_VERSION);
		return;
	}
	memcpy(ask->key_id, e.key_id, sizeof ask->key_id);
	envelope_key_name(name, e.key_id);
	if (said->key_id[0] && strcmp(said->key_id, name) != 0)
		ctx_add_detail(cx, "/payload", "PAYLOAD_NOT_SEALED",
			       "the payload is sealed to the key %s, and not to the one that "
			       "payload_encryption names", name);
}

/* The key of the header or of the field: the same when both are given. */
static const char *validate_key(struct ctx *cx, const char *header, const char *field)
{
	const char *key = header && header[0] ? header : field;
	size_t n = strlen(key);
	if (n == 0) {
		ctx_add_detail(cx, "/idempotency_key", "IDEMPOTENCY_KEY_REQUIRED",
			       "send an Idempotency-Key of %d to %d visible ASCII characters, new "
			       "for each "
			       "message",
			       VALIDATE_KEY_CHARS_MIN, VALIDATE_KEY_CHARS_MAX);
		return key;
	}
	bool fine = n >= VALIDATE_KEY_CHARS_MIN && n <= VALIDATE_KEY_CHARS_MAX;
	for (size_t i = 0; fine && i < n; i++)
		fine = key[i] > ' ' && key[i] <= '~';
	if (!fine)
		ctx_add_detail(cx, "/idempotency_key", "IDEMPOTENCY_KEY_INVALID",
			       "an idempotency key has %d to %d visible ASCII characters",
			       VALIDATE_KEY_CHARS_MIN, VALIDATE_KEY_CHARS_MAX);
	else if (header && header[0] && field[0] && strcmp(header, field) != 0)
		ctx_add_detail(cx, "/idempotency_key", "IDEMPOTENCY_KEY_INVALID",
			       "the header and the field name different keys");
	return key;
}

/* The request as it is understood: two that mean the same pack to the same bytes. */
static void send_canonical(struct arena *a, struct send *out,
			   const Ferry__V1__SendMessageRequest *in)
{
	const struct message_new *row = &out->row;
	Ferry__V1__SendMessageRequest *c = arena_alloc(a, sizeof *c);
	ferry__v1__send_message_request__init(c);
	c->kind = in->kind;
	c->src_eid = in->src_eid;
	c->dst_eid = in->dst_eid;
	c->receiver = view_bytes(a, row->receiver.b, sizeof row->receiver.b);
	c->payload = in->payload;
	c->options = arena_alloc(a, sizeof *c->options);
	ferry__v1__send_options__init(c->options);
	c->options->gas_limit = arena_printf(a, "%lld", (long long)row->gas_limit);
	c->options->value = (char *)"0";
	if (row->has_ordering_key)
		c->options->ordering_key = view_bytes(a, row->ordering_key.b, WORD_BYTES);
	c->submission = (Ferry__V1__Submission)row->submission;
	c->execution = (Ferry__V1__Execution)row->execution;
	c->client_ref = in->client_ref;
	if (row->is_signed) {
		c->author = arena_alloc(a, ACCOUNT_CAIP10_BYTES);
		account_caip10_format(c->author, out->src->chain_id, &row->author);
		c->nonce = in->nonce;
		c->deadline = in->deadline;
		c->signature = in->signature;
	}
	if (row->recipient) {
		c->payload_encryption = arena_alloc(a, sizeof *c->payload_encryption);
		ferry__v1__payload_encryption__init(c->payload_encryption);
		c->payload_encryption->recipient = (char *)row->recipient;
		c->payload_encryption->key_id = in->payload_encryption->key_id;
	}
	out->request = c;
}

static void send_fingerprint(struct arena *a, struct send *out)
{
	size_t n = ferry__v1__send_message_request__get_packed_size(out->request);
	uint8_t *packed = arena_alloc(a, n);
	ferry__v1__send_message_request__pack(out->request, packed);
	out->row.request = bytes_of(packed, n);
	out->row.fingerprint = digest_sha256(packed, n);
}

static enum status validate_right(struct ctx *cx, const struct api_config *config,
				  const struct api_principal *who,
				  const Ferry__V1__SendMessageRequest *in)
{
	if (who->secret)
		return ST_OK;
	if (!config->publishable_keys)
		return fail_code(cx, ST_FORBIDDEN, "PUBLISHABLE_KEY_NOT_ALLOWED",
				 "publishable keys may not send here: send from your server with a "
				 "secret key");
	if (!is_signed(in))
		return fail_code(
			cx, ST_FORBIDDEN, "SIGNATURE_REQUIRED",
			"a publishable key sends signed messages only: add author, nonce, deadline "
			"and signature; POST /v1/quotes gives what to sign");
	return ST_OK;
}

enum status validate_send(struct ctx *cx, struct send *out, const struct api_config *config,
			  const struct api_principal *who,
			  const Ferry__V1__SendMessageRequest *in, const char *key, int64_t now_s)
{
	struct validate_route route;
	struct message_new *row = &out->row;
	memset(out, 0, sizeof *out);
	TRY(validate_right(cx, config, who, in));
	TRY(validate_kind(cx, in->kind));
	if (in->submission == FERRY__V1__SUBMISSION__SUBMISSION_WALLET) {
		ctx_add_detail(cx, "/submission", "NOT_IMPLEMENTED", "only relayed is built yet");
		return fail_code(cx, ST_NOT_IMPLEMENTED, "NOT_IMPLEMENTED",
				 "only the submission relayed is built yet");
	}
	row->key = validate_key(cx, key, in->idempotency_key);
	validate_modes(cx, in);
	validate_route(cx, &route, config, in->src_eid, in->dst_eid, in->receiver, in->payload,
		       in->options);
	if (!validate_is_visible(in->client_ref, VALIDATE_REF_CHARS_MAX, false))
		ctx_add_detail(cx, "/client_ref", "CLIENT_REF_INVALID",
			       "a client_ref has up to %d visible characters",
			       VALIDATE_REF_CHARS_MAX);
	validate_encryption(cx, out, who->app_id, in);
	if (is_signed(in) && validate_complete(cx, in))
		validate_authorship(cx, out, &route, in, now_s);
	TRY(validate_end(cx));

	row->ref.app_id = who->app_id;
	row->method = MESSAGE_METHOD_SEND;
	row->kind = in->kind;
	row->submission = FERRY__V1__SUBMISSION__SUBMISSION_RELAYED;
	row->execution = in->execution ? in->execution : FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC;
	row->src_eid = route.src->eid;
	row->dst_eid = route.dst->eid;
	row->receiver = route.receiver;
	row->payload = route.payload;
	row->gas_limit = route.gas_limit;
	row->has_ordering_key = route.has_ordering_key;
	row->ordering_key = route.ordering_key;
	row->messenger = route.src->messenger;
	row->client_ref = in->client_ref[0] ? in->client_ref : NULL;
	out->src = route.src;
	out->dst = route.dst;
	send_canonical(cx->arena, out, in);
	send_fingerprint(cx->arena, out);
	return ST_OK;
}

void send_assign(struct send *s)
{
	char text[VIEW_ID_BYTES];
	static _Atomic int64_t arrivals;
	uuid_v7(s->row.ref.id.b);
	s->row.arrival = ++arrivals;
	if (s->row.is_signed)
		return;
	view_message_id(text, &s->row.ref.id);
	s->row.request_id = keccak256(text, strlen(text));
}
