/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may, what is wrong, who signed: a signed operation before it is stored. An account's own key
 * is recovered here; a contract wallet is asked by its chain (ERC-1271), as the proxy registry will.
 * Of a wallet that may not be there yet (ERC-6492) the proxy registry itself says what it will.
 */
#include "api/identity_item.h"

#include "api/identity.h"
#include "api/quote.h"
#include "api/validate.h"
#include "api/view.h"
#include "base/clock.h"
#include "base/digest.h"
#include "chain/calls.h"
#include "chain/erc6492.h"
#include "chain/registry.h"
#include "chain/revert.h"
#include "chain/secp.h"
#include "chain/tx.h"

enum {
	CLAIM_SIGNATURE_BYTES_MAX = 4096,
	CLAIM_WRAPPED_BYTES_MAX = IDENTITY_SIGNATURE_BYTES_MAX, /* with what makes the wallet */
	CLAIM_GAS = 100000,
	CLAIM_CALL_BYTES_MAX = 16 * 1024,
};

/* The request ---------------------------------------------------------------------------------- */

struct request_members {
	enum identity_kind kind;
	const char *name, *quote;
	ProtobufCBinaryData signature, consent;
};

static struct request_members members_of(const struct api_call *call)
{
#define MEMBERS(type, kind_, name_)                                                                \
	{                                                                                          \
		const Ferry__V1__##type *in = (const Ferry__V1__##type *)call->request;            \
		return (struct request_members){kind_, name_, in->quote_id, in->signature,         \
						in->consent};                                      \
	}
	if (call->method->id == API_UPDATE_IDENTITY)
		MEMBERS(UpdateIdentityRequest, IDENTITY_UPDATE, in->id)
	if (call->method->id == API_LINK_IDENTITY)
		MEMBERS(LinkIdentityRequest, IDENTITY_LINK, in->id)
	if (call->method->id == API_ROTATE_IDENTITY)
		MEMBERS(RotateIdentityRequest, IDENTITY_ROTATE, in->id)
	if (call->method->id == API_REVOKE_IDENTITY)
		MEMBERS(RevokeIdentityRequest, IDENTITY_REVOKE, in->id)
	MEMBERS(RegisterIdentityRequest, IDENTITY_REGISTER, "")
#undef MEMBERS
}

static void signature_read(struct ctx *cx, ProtobufCBinaryData in, const char *pointer,
			   bool is_wanted, struct bytes *out)
{
	*out = bytes_of(in.data, in.len);
	struct erc6492 wrapped;
	bool is_wrapped = erc6492_is(*out);
	size_t max = is_wrapped ? CLAIM_WRAPPED_BYTES_MAX : CLAIM_SIGNATURE_BYTES_MAX;
	if (!is_wanted && in.len)
		ctx_add_detail(cx, pointer, "CONSENT_UNEXPECTED",
			       "only links and rotations need the consent of an account");
	else if (is_wanted && in.len == 0)
		ctx_add_detail(cx, pointer, "REQUIRED",
			       "give a signature over the quote's typed_data");
	else if (in.len > max)
		ctx_add_detail(cx, pointer, "SIGNATURE_INVALID", "a signature has at most %zu bytes",
			       max);
	else if (is_wrapped && erc6492_decode(&wrapped, *out) != ST_OK)
		ctx_add_detail(cx, pointer, "SIGNATURE_INVALID",
			       "it ends as an ERC-6492 signature does; before that it is "
			       "abi.encode(factory, factory data, signature)");
}

/* Both texts with their lengths: no two pairs give the same. */
static struct hash fingerprint_of(struct arena *a, struct bytes signature, struct bytes consent)
{
	uint64_t lengths[2] = {signature.n, consent.n};
	struct buf b;
	buf_init(&b, a, sizeof lengths + 2 * (size_t)CLAIM_WRAPPED_BYTES_MAX);
	buf_put(&b, lengths, sizeof lengths);
	buf_put(&b, signature.p, signature.n);
	buf_put(&b, consent.p, consent.n);
	return digest_sha256(b.p, b.n);
}

static enum status item_right(struct ctx *cx, const struct api_config *config,
			      const struct world_view *world, const struct api_principal *who)
{
	if (!who->secret && !config->publishable_keys)
		return fail_code(cx, ST_FORBIDDEN, "PUBLISHABLE_KEY_NOT_ALLOWED",
				 "publishable keys may not register here: register from your server "
				 "with a secret key");
	if (!world_is_over_limit(world, who->app_id))
		return ST_OK;
	cx->err.retry_after_s = 60;
	return fail_code(cx, ST_RATE_LIMITED, "DAILY_LIMIT_REACHED",
			 "the app has spent what it may spend in a day (UTC)");
}

enum status identity_item_read(struct identity_item *item, const struct api_config *config,
			       const struct world_view *world)
{
	struct ctx *cx = &item->call->cx;
	struct request_members in = members_of(item->call);
	TRY(item_right(cx, config, world, &item->call->who));
	item->quote.app_id = item->call->who.app_id;
	item->kind = in.kind;
	item->name = in.name;
	if (!identity_id_parse(&item->quote.id, in.quote, "qte_"))
		ctx_add_detail(cx, "/quote_id", in.quote[0] ? "ID_INVALID" : "REQUIRED",
			       "name the quote that was signed: qte_ and 32 hex digits");
	bool is_consented = in.kind == IDENTITY_LINK || in.kind == IDENTITY_ROTATE;
	signature_read(cx, in.signature, "/signature", true, &item->signature);
	signature_read(cx, in.consent, "/consent", is_consented, &item->consent);
	TRY(validate_end(cx));
	item->fingerprint = fingerprint_of(item->call->arena, item->signature, item->consent);
	return ST_OK;
}

/* Signatures ----------------------------------------------------------------------------------- */

/* 65 bytes whose s is above half the group's order: the same signature in its other form. Is it
 * the account's? */
static bool is_high_s(const struct addr *who, const struct hash *digest, struct bytes signature)
{
	static const uint8_t order[32] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
		0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
	uint8_t low[SECP_SIGNATURE_BYTES];
	struct addr made;
	struct u256 n = u256_of_be(order, 32), s = u256_of_be(signature.p + 32, 32), left;
	if (u256_cmp(s, n) >= 0 || !u256_sub(&left, n, s))
		return false;
	struct hash flipped = u256_to_hash(left);
	memcpy(low, signature.p, 32);
	memcpy(low + 32, flipped.b, 32);
	low[64] = signature.p[64] == 27 ? 28 : 27;
	return secp_recover(&made, digest, low) == ST_OK && addr_equal(&made, who);
}

static void claim_check(struct identity_claim *c, const struct hash *digest,
			const struct addr *instead)
{
	struct addr made;
	bool is_plain = c->signature.n == SECP_SIGNATURE_BYTES;
	c->is_wrapped = erc6492_is(c->signature);
	c->code = "SIGNATURE_MISMATCH";
	c->sentence = "the signature is not this account's over the quote's typed_data, and no "
		      "contract at its address agrees with it";
	if (is_plain && secp_recover(&made, digest, c->signature.p) == ST_OK) {
		bool is_right = addr_equal(&made, &c->who) ||
				(instead && addr_equal(&made, instead));
		c->verdict = is_right ? CLAIM_GOOD : CLAIM_OPEN;
		return;
	}
	if (is_plain && is_high_s(&c->who, digest, c->signature)) {
		c->code = "SIGNATURE_HIGH_S";
		c->sentence = "the signature's s is above half the group's order: give the one "
			      "with the low s";
	} else if (is_plain && c->signature.p[64] < 27) {
		c->code = "SIGNATURE_INVALID";
		c->sentence = "the signature's last byte, v, is 27 or 28";
	}
}

enum status identity_item_judge(struct identity_item *item)
{
	struct ctx *cx = &item->call->cx;
	for (size_t i = 0; i < item->claims_n; i++)
		if (item->claims[i].verdict != CLAIM_GOOD)
			ctx_add_detail(cx, item->claims[i].pointer, item->claims[i].code, "%s",
				       item->claims[i].sentence);
	return validate_end(cx);
}

bool identity_item_asks(const struct identity_item *item)
{
	for (size_t i = 0; i < item->claims_n; i++)
		if (item->claims[i].verdict == CLAIM_OPEN)
			return !item->was_asked;
	return false;
}

enum status identity_item_check(struct identity_item *item, const struct api_chain *src)
{
	const struct identity_plan *plan = &item->plan;
	struct hash digest = identity_plan_digest(plan);
	const struct addr *instead = NULL;
	if (plan->op.kind == IDENTITY_ROTATE)
		instead = addr_equal(&plan->signer, &plan->op.owner)
				  ? (addr_is_zero(&plan->recovery) ? NULL : &plan->recovery)
				  : &plan->op.owner;
	item->claims_n = 1;
	item->claims[0] = (struct identity_claim){
		.pointer = "/signature", .who = plan->signer, .signature = item->signature};
	claim_check(&item->claims[0], &digest, instead);
	if (item->consent.n) {
		item->claims_n = 2;
		item->claims[1] = (struct identity_claim){.pointer = "/consent",
							  .who = plan->op.account,
							  .signature = item->consent};
		claim_check(&item->claims[1], &digest, NULL);
	}
	item->was_asked |= !src || src->rpc_n == 0; /* nobody to ask */
	return identity_item_asks(item) ? ST_OK : identity_item_judge(item);
}

/* The wallet is asked; of one that may not be there yet the registry, which has it made first. */
static void claim_ask(struct arena *a, const struct identity_claim *c, const struct identity_plan *plan,
		      struct rpc_call *out)
{
	struct hash digest = identity_plan_digest(plan);
	struct buf data;
	buf_init(&data, a, CLAIM_CALL_BYTES_MAX);
	if (c->is_wrapped)
		registry_check_signature(&data, &c->who, &digest, c->signature);
	else
		calls_is_valid_signature(&data, &digest, c->signature);
	*out = (struct rpc_call){
		.to = c->is_wrapped ? plan->registry : c->who,
		.data = buf_bytes(&data),
		.gas = c->is_wrapped ? registry_check_signature_gas(c->signature) : CLAIM_GAS,
	};
	out->gas += tx_gas_intrinsic(out->data);
}

/* ST_CHAIN: the registry did not say. */
static enum status claim_hear_registry(struct arena *a, struct identity_claim *c, struct bytes answer)
{
	uint32_t reason;
	if (registry_decode_check_signature(&reason, answer) != ST_OK)
		return ST_CHAIN;
	const char *name = reason ? revert_name(a, bytes_of(answer.p, 4)) : NULL;
	if (name && strcmp(name, "LowGas") == 0)
		return ST_CHAIN; /* the node gives less than it was asked for */
	c->verdict = reason ? CLAIM_BAD : CLAIM_GOOD;
	if (name && strcmp(name, "NoWallet") == 0) {
		c->code = "WALLET_NOT_DEPLOYABLE";
		c->sentence = "the account has no code on the rollup, and what the ERC-6492 signature "
			      "names does not make any there";
	} else {
		c->sentence = "the wallet at the account's address does not agree with the signature that "
			      "the ERC-6492 signature holds";
	}
	return ST_OK;
}

static enum status claim_hear(struct arena *a, struct identity_claim *c, const struct rpc_call *ask)
{
	if (ask->outcome == RPC_CALL_UNKNOWN)
		return ST_CHAIN;
	if (c->is_wrapped)
		return ask->outcome == RPC_CALL_RETURNED ? claim_hear_registry(a, c, ask->out) : ST_CHAIN;
	bool agrees = ask->outcome == RPC_CALL_RETURNED && calls_is_valid_signature_answer(ask->out);
	c->verdict = agrees ? CLAIM_GOOD : CLAIM_BAD;
	return ST_OK;
}

/* The chain's word on what is open, asked together. */
static enum status wallet_ask(struct quote_nodes *nodes, struct identity_item *item)
{
	struct api_call *call = item->call;
	struct rpc_call asks[2];
	struct rpc *rpc;
	struct ctx cx;
	const struct api_chain *src = view_chain(&nodes->api->config, item->plan.src_eid);
	ctx_init(&cx, call->arena, QUOTE_NODE_MS, call->cx.request_id);
	for (size_t i = 0; i < item->claims_n; i++)
		claim_ask(call->arena, &item->claims[i], &item->plan, &asks[i]);
	TRY(quote_rpc(&cx, nodes, &rpc, src));
	TRY(rpc_call_many(&cx, rpc, asks, item->claims_n, &rpc_latest));
	for (size_t i = 0; i < item->claims_n; i++)
		if (item->claims[i].verdict != CLAIM_GOOD)
			TRY(claim_hear(call->arena, &item->claims[i], &asks[i]));
	return ST_OK;
}

void identity_wallet_check(struct quote_nodes *nodes, struct api_call *call)
{
	struct identity_item *item = call->work;
	if (wallet_ask(nodes, item) != ST_OK) {
		handler_finish(call,
			       fail(&call->cx, ST_CHAIN,
				    "the signature is not the account's own key's, and whether the "
				    "account is a contract that agrees cannot be asked at the "
				    "moment"));
		return;
	}
	item->was_asked = true;
	enum status st = identity_item_judge(item);
	if (st == ST_OK)
		handler_push(nodes->api, QUEUE_IDENTITY, call, call);
	else
		handler_finish(call, st);
}

/* The row -------------------------------------------------------------------------------------- */

void identity_item_row(struct identity_item *item)
{
	const struct identity_plan *plan = &item->plan;
	const struct identity_operation *op = &plan->op;
	struct identity_reg reg = identity_operation_reg(op);
	struct identity_new *row = &item->row;
	struct uuid id = row->id;
	if (row->kind == 0) /* the same id when it is stored again */
		uuid_v7(id.b);
	*row = (struct identity_new){
		.app_id = item->quote.app_id,
		.quote = item->quote.id,
		.id = id,
		.identity = plan->identity,
		.base = plan->base,
		.fingerprint = item->fingerprint,
		.kind = op->kind,
		.version = (int64_t)op->version,
		.src_eid = plan->src_eid,
		.dst_eid = plan->dst_eid,
		.registry = plan->registry,
		.eager = op->eager,
		.owner = op->owner,
		.has_account = !addr_is_zero(&op->account),
		.account = op->account,
		.has_recovery = !addr_is_zero(&op->recovery),
		.recovery = op->recovery,
		.data_hash = op->data_hash,
		.deadline = (int64_t)op->deadline,
		.signature = item->signature,
		.consent = item->consent,
		.leaf_owner = reg.owner,
		.has_document = plan->has_document,
		.document = plan->document,
		.has_key = plan->has_key,
		.key = plan->key,
		.accounts = plan->accounts,
		.subject = reg.subject,
		.home_chain_id = (int64_t)op->home_chain_id,
		.first_owner = op->first_owner,
		.salt = op->salt,
		.proven_chain_id = (int64_t)plan->chain_id,
		.has_proven = op->kind == IDENTITY_REGISTER || !addr_is_zero(&op->account),
		.proven = op->kind == IDENTITY_REGISTER ? op->owner : op->account,
	};
}
