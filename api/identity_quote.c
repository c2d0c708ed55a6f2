/* SPDX-License-Identifier: Apache-2.0
 *
 * CreateQuote of kind registry: what an operation would do to an identity, as typed data for who
 * must sign it. The prepared operation is kept; the signature comes with the quote's id.
 */
#include "api/identity.h"

#include <assert.h>

#include "api/identity_plan.h"
#include "api/json.h"
#include "api/validate.h"
#include "api/view.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/hpke.h"
#include "base/log.h"
#include "chain/abi.h"
#include "chain/account.h"
#include "chain/registry.h"
#include "ferry/v1/quote_service.pb-c.h"

enum {
	QUOTE_REGISTRY_CALL_BYTES = 256,
	QUOTE_REGISTRY_NODE_MS = QUOTE_NODE_MS / 2, /* the database needs its share */
	/* An operation's part of a batch of a hundred, for people. */
	QUOTE_SOURCE_GAS = 35000,
	QUOTE_DESTINATION_GAS = 2500,
	QUOTE_WRITTEN_GAS = 70000,
};

struct planning {
	struct quote_nodes *nodes;
	struct api_call *call;
	const Ferry__V1__CreateQuoteRequest *in;
	enum identity_kind kind;
	const struct api_chain *src, *dst;
	bool has_account;
	struct addr account;
	struct identity *identity; /* but for register */
	struct identity_plan plan;
};

/* Members -------------------------------------------------------------------------------------- */

static void refuse_member(struct ctx *cx, bool given, const char *pointer, const char *why)
{
	if (given)
		ctx_add_detail(cx, pointer, "UNEXPECTED_MEMBER", "%s", why);
}

void identity_quote_refuse(struct ctx *cx, const Ferry__V1__CreateQuoteRequest *in)
{
	static const char why[] = "this is for the kind registry only";
	refuse_member(cx, in->operation != 0, "/operation", why);
	refuse_member(cx, in->account[0], "/account", why);
	refuse_member(cx, in->identity[0], "/identity", why);
	refuse_member(cx, in->document_hash.len, "/document_hash", why);
	refuse_member(cx, in->encryption_key.len, "/encryption_key", why);
	refuse_member(cx, in->new_account[0], "/new_account", why);
	refuse_member(cx, in->recovery_account[0], "/recovery_account", why);
	refuse_member(cx, in->apply != 0, "/apply", why);
}

static void refuse_message(struct ctx *cx, const Ferry__V1__CreateQuoteRequest *in)
{
	static const char why[] = "a registry operation has no such member";
	refuse_member(cx, in->src_eid != 0, "/src_eid", why);
	refuse_member(cx, in->dst_eid != 0, "/dst_eid", why);
	refuse_member(cx, in->receiver.len, "/receiver", why);
	refuse_member(cx, in->payload.len, "/payload", why);
	refuse_member(cx, in->options != NULL, "/options", why);
	refuse_member(cx, in->author[0], "/author", why);
}

static bool is_kind(const struct planning *p, enum identity_kind a, enum identity_kind b)
{
	return p->kind == a || p->kind == b;
}

static void plan_operation(struct ctx *cx, struct planning *p)
{
	const Ferry__V1__CreateQuoteRequest *in = p->in;
	const char *name = in->operation >= 1 && in->operation <= 5
				   ? identity_kind_name((enum identity_kind)in->operation)
				   : NULL;
	if (!name) {
		ctx_add_detail(cx, "/operation", in->operation ? "INVALID" : "REQUIRED",
			       "say what is to be done: register, update, link, rotate or revoke");
		return;
	}
	p->kind = (enum identity_kind)in->operation;
	bool has_data = is_kind(p, IDENTITY_REGISTER, IDENTITY_UPDATE);
	bool has_account = is_kind(p, IDENTITY_LINK, IDENTITY_ROTATE);
	const char *not_here = arena_printf(cx->arena, "the operation %s has no such member", name);
	refuse_member(cx, !has_data && in->document_hash.len, "/document_hash", not_here);
	refuse_member(cx, !has_data && in->encryption_key.len, "/encryption_key", not_here);
	refuse_member(cx, !has_data && in->recovery_account[0], "/recovery_account", not_here);
	refuse_member(cx, !has_account && in->new_account[0], "/new_account", not_here);
	refuse_member(cx, p->kind == IDENTITY_REGISTER && in->identity[0], "/identity", not_here);
	if (has_account && !in->new_account[0])
		ctx_add_detail(cx, "/new_account", "REQUIRED", "%s",
			       p->kind == IDENTITY_LINK ? "name the account to add"
							: "name the owner to be");
	if (p->kind != IDENTITY_REGISTER && !in->identity[0])
		ctx_add_detail(cx, "/identity", "REQUIRED", "name the identity: idn_… or did:pkh:…");
	if (p->kind == IDENTITY_REGISTER && !in->account[0])
		ctx_add_detail(cx, "/account", "REQUIRED",
			       "name the owner to be: eip155:<chain id>:0x<address>");
	if (!protobuf_c_enum_descriptor_get_value(&ferry__v1__apply__descriptor, (int)in->apply))
		ctx_add_detail(cx, "/apply", "INVALID", "apply is lazy or eager");
}

static void plan_word(struct ctx *cx, ProtobufCBinaryData in, const char *pointer, struct hash *out,
		      bool *has)
{
	if (in.len == 0)
		return;
	if (in.len != sizeof out->b) {
		ctx_add_detail(cx, pointer, "INVALID", "this has 32 bytes, not %zu", in.len);
		return;
	}
	memcpy(out->b, in.data, sizeof out->b);
	*has = !hash_is_zero(out);
}

/* A key that nobody can be kept from reading with is none. Zeros remove one, where there may be one. */
static void plan_key(struct ctx *cx, ProtobufCBinaryData in, enum identity_kind kind,
		     struct hash *out, bool *has)
{
	plan_word(cx, in, "/encryption_key", out, has);
	bool is_removal = !*has && kind == IDENTITY_UPDATE;
	if (in.len != sizeof out->b || is_removal || hpke_public_is_usable(out))
		return;
	ctx_add_detail(cx, "/encryption_key", "ENCRYPTION_KEY_LOW_ORDER",
		       *has ? "this is a point of low order of X25519, which everybody can decrypt "
			      "for: give the public key of a fresh private key"
			    : "zeros are no X25519 key, and a registration has none to remove: leave "
			      "it out");
}

/* Chains --------------------------------------------------------------------------------------- */

static const struct api_chain *chain_with_id(const struct api_config *config, uint64_t chain_id)
{
	for (size_t i = 0; i < config->chains_n; i++)
		if (config->chains[i].chain_id == chain_id)
			return &config->chains[i];
	return NULL;
}

static const struct api_chain *chain_of_main(const struct api_config *config)
{
	for (size_t i = 0; i < config->chains_n; i++)
		if (!addr_is_zero(&config->chains[i].main_registry))
			return &config->chains[i];
	return NULL;
}

static bool has_proxy(const struct api_chain *c)
{
	return c && !addr_is_zero(&c->proxy_registry);
}

/* "eip155:31338, eip155:31339" */
static const char *proxies_text(struct ctx *cx, const struct api_config *config)
{
	struct buf out;
	buf_init(&out, cx->arena, 4096);
	for (size_t i = 0; i < config->chains_n; i++)
		if (has_proxy(&config->chains[i]))
			buf_printf(&out, "%seip155:%llu", out.n ? ", " : "",
				   (unsigned long long)config->chains[i].chain_id);
	return buf_text(&out);
}

static enum status need_registries(struct ctx *cx, const struct planning *p)
{
	const struct api_config *config = &p->nodes->api->config;
	if (p->dst && proxies_text(cx, config)[0])
		return ST_OK;
	return fail_code(cx, ST_NOT_IMPLEMENTED, "NO_REGISTRY",
			 "no chain here has a %s: the operator must name one in the configuration",
			 p->dst ? "proxy registry" : "main registry");
}

/* The account who signs says through which chain. */
static void plan_account(struct ctx *cx, struct planning *p)
{
	const struct api_config *config = &p->nodes->api->config;
	uint64_t chain_id;
	if (!p->in->account[0] ||
	    !identity_account(cx, &chain_id, &p->account, p->in->account, "/account"))
		return;
	p->src = chain_with_id(config, chain_id);
	if (!has_proxy(p->src)) {
		p->src = NULL;
		ctx_add_detail(cx, "/account", "ACCOUNT_CHAIN_MISMATCH",
			       "chain eip155:%llu has no proxy registry here; these have: %s",
			       (unsigned long long)chain_id, proxies_text(cx, config));
	} else if (addr_is_zero(&p->account)) {
		ctx_add_detail(cx, "/account", "ACCOUNT_INVALID", "nobody owns the zero address");
	} else {
		p->has_account = true;
	}
}

/* Another account of the operation: on the chain the operation goes through. */
static bool plan_other(struct ctx *cx, const struct planning *p, const char *text,
		       const char *pointer, struct addr *out)
{
	uint64_t chain_id;
	if (!text[0] || !identity_account(cx, &chain_id, out, text, pointer))
		return false;
	if (p->src && chain_id != p->src->chain_id) {
		ctx_add_detail(cx, pointer, "ACCOUNT_CHAIN_MISMATCH",
			       "the operation goes through eip155:%llu: name an account of it",
			       (unsigned long long)p->src->chain_id);
		return false;
	}
	return true;
}

/* The identity as it is ------------------------------------------------------------------------ */

static enum status plan_identity(struct ctx *cx, struct planning *p)
{
	struct db *db = p->nodes->db;
	TRY(identity_resolve(cx, db, &p->identity, &p->call->who, p->in->identity, "/identity"));
	const struct identity_act *head = p->identity->head;
	if (!head)
		return fail_code(cx, ST_CONFLICT, "IDENTITY_NOT_REGISTERED",
				 "the identity's registration was refused: register anew");
	if (head->kind == IDENTITY_REVOKE)
		return fail_code(cx, ST_CONFLICT, "IDENTITY_REVOKED",
				 "the identity is revoked: nothing changes it any more");
	if (!p->src) {
		p->src = view_chain(&p->nodes->api->config, p->identity->home_eid);
		if (!has_proxy(p->src))
			return fail_code(cx, ST_CONFLICT, "NO_REGISTRY",
					 "the chain the identity was registered through has no "
					 "proxy registry any more: name an account of another one");
	}
	return ST_OK;
}

/* Who signs: the owner, or for a rotation who may recover. */
static void plan_signer(struct ctx *cx, struct planning *p)
{
	struct identity_plan *plan = &p->plan;
	plan->signer = p->has_account ? p->account : plan->op.owner;
	if (addr_equal(&plan->signer, &plan->op.owner))
		return;
	if (p->kind == IDENTITY_ROTATE && !addr_is_zero(&plan->recovery) &&
	    addr_equal(&plan->signer, &plan->recovery))
		return;
	ctx_add_detail(cx, "/account", "ACCOUNT_NOT_OWNER",
		       "the account is not the identity's owner%s",
		       p->kind == IDENTITY_ROTATE ? ", nor its recovery account" : "");
}

static const char *account_text(struct arena *a, const struct planning *p, const struct addr *who)
{
	char *out = arena_alloc(a, ACCOUNT_CAIP10_BYTES);
	account_caip10_format(out, p->src->chain_id, who);
	return out;
}

/* The accounts after a link or a rotation: the owner first. */
static void plan_accounts(struct ctx *cx, struct planning *p)
{
	struct arena *a = cx->arena;
	const char *lines[IDENTITY_ACCOUNTS_MAX];
	size_t n = identity_lines(a, lines, p->identity->head->accounts);
	const char *added = account_text(a, p, &p->plan.op.account);
	struct buf out;
	buf_init(&out, a, (IDENTITY_ACCOUNTS_MAX + 1) * (size_t)ACCOUNT_CAIP10_BYTES);
	if (p->kind == IDENTITY_ROTATE)
		buf_puts(&out, added);
	for (size_t i = p->kind == IDENTITY_ROTATE ? 1 : 0; i < n; i++) {
		if (strcmp(lines[i], added) != 0)
			buf_printf(&out, "%s%s", out.n ? "\n" : "", lines[i]);
		else if (p->kind == IDENTITY_LINK)
			ctx_add_detail(cx, "/new_account", "ACCOUNT_LINKED",
				       "the account belongs to the identity already");
	}
	if (p->kind == IDENTITY_LINK) {
		buf_printf(&out, "\n%s", added);
		if (n == IDENTITY_ACCOUNTS_MAX)
			ctx_add_detail(cx, "/new_account", "TOO_MANY_ACCOUNTS",
				       "an identity has at most %d accounts",
				       IDENTITY_ACCOUNTS_MAX);
	}
	p->plan.accounts = buf_text(&out);
}

/* What the operation leaves of what was. */
static void plan_state(struct ctx *cx, struct planning *p)
{
	struct identity_plan *plan = &p->plan;
	struct identity_operation *op = &plan->op;
	const struct identity_act *head = p->identity->head, *named = p->identity->recovery;
	op->version = (uint64_t)head->version + 1;
	op->home_chain_id = (uint64_t)p->identity->home_chain_id;
	op->first_owner = p->identity->first_owner;
	op->salt = p->identity->salt;
	op->owner = head->leaf_owner;
	plan->identity = p->identity->ref.id;
	plan->base = head->id;
	if (named && named->has_recovery)
		plan->recovery = named->recovery;
	plan_signer(cx, p);
	bool keeps = p->kind != IDENTITY_REVOKE;
	plan->has_document = keeps && head->has_document;
	plan->has_key = keeps && head->has_key;
	if (plan->has_document)
		plan->document = head->document;
	if (plan->has_key)
		plan->key = head->key;
	plan->accounts = keeps ? head->accounts : "";
	if (p->kind == IDENTITY_UPDATE)
		op->recovery = plan->recovery; /* unless another is named */
	if (!is_kind(p, IDENTITY_LINK, IDENTITY_ROTATE))
		return;
	if (!plan_other(cx, p, p->in->new_account, "/new_account", &op->account))
		return;
	if (addr_is_zero(&op->account) || addr_equal(&op->account, &op->owner))
		ctx_add_detail(cx, "/new_account", "ACCOUNT_INVALID",
			       "name another account than the owner's");
	else
		plan_accounts(cx, p);
}

static void plan_register(struct ctx *cx, struct planning *p)
{
	struct identity_plan *plan = &p->plan;
	struct identity_operation *op = &plan->op;
	op->version = 1;
	op->home_chain_id = p->src->chain_id;
	op->first_owner = op->owner = plan->signer = p->account;
	random_bytes(op->salt.b, sizeof op->salt.b);
	uuid_v7(plan->identity.b);
	plan->accounts = account_text(cx->arena, p, &p->account);
}

static void plan_finish(struct ctx *cx, struct planning *p)
{
	struct identity_plan *plan = &p->plan;
	struct identity_operation *op = &plan->op;
	const Ferry__V1__CreateQuoteRequest *in = p->in;
	op->kind = p->kind;
	op->eager = in->apply == FERRY__V1__APPLY__APPLY_EAGER || p->kind >= IDENTITY_ROTATE;
	op->deadline = (uint64_t)(clock_wall_us() / 1000000 + IDENTITY_DEADLINE_S);
	plan->src_eid = p->src->eid;
	plan->dst_eid = p->dst->eid;
	plan->chain_id = p->src->chain_id;
	plan->registry = p->src->proxy_registry;
	plan_word(cx, in->document_hash, "/document_hash", &plan->document, &plan->has_document);
	plan_key(cx, in->encryption_key, p->kind, &plan->key, &plan->has_key);
	if (plan_other(cx, p, in->recovery_account, "/recovery_account", &op->recovery) &&
	    addr_equal(&op->recovery, &op->owner))
		ctx_add_detail(cx, "/recovery_account", "ACCOUNT_INVALID",
			       "the owner needs no recovery account's right: name another one");
	identity_plan_seal(cx->arena, plan);
}

/* Nodes ---------------------------------------------------------------------------------------- */

static enum status registry_call(struct ctx *cx, struct planning *p, const struct buf *data,
				 size_t n, struct bytes *out)
{
	struct rpc *rpc;
	struct ctx own;
	ctx_init(&own, cx->arena, ctx_left_ms(cx, QUOTE_REGISTRY_NODE_MS), cx->request_id);
	TRY(quote_rpc(&own, p->nodes, &rpc, p->src));
	struct rpc_call call = {.to = p->src->proxy_registry, .data = buf_bytes(data)};
	enum status st = rpc_call(&own, rpc, &call, &rpc_latest);
	if (st == ST_OK && (call.outcome != RPC_CALL_RETURNED || call.out.n != n))
		st = fail(&own, ST_CHAIN_REJECTED, "%s: the proxy registry does not answer as one",
			  p->src->name);
	if (st != ST_OK)
		log_failure(LOG_WARN, "identity.registry", &own);
	*out = call.out;
	return st;
}

/* What the proxy registry has seen of the identity by other ways than this gateway. A node that
 * does not answer holds nothing up: the relay asks again before it sends. */
static enum status plan_version(struct ctx *cx, struct planning *p)
{
	struct buf data;
	struct bytes out = {NULL, 0};
	struct hash subject = identity_operation_subject(&p->plan.op);
	buf_init(&data, cx->arena, QUOTE_REGISTRY_CALL_BYTES);
	registry_state_of(&data, &subject);
	if (p->src->rpc_n == 0 || registry_call(cx, p, &data, 3 * ABI_WORD, &out) != ST_OK)
		return ST_OK;
	struct abi_reader r = abi_read(out);
	(void)abi_next_addr(&r);
	uint64_t version = abi_next_u64(&r);
	bool revoked = abi_next_bool(&r);
	if (abi_done(&r) != ST_OK || version >= INT64_MAX)
		return ST_OK;
	if (revoked)
		return fail_code(cx, ST_CONFLICT, "IDENTITY_REVOKED",
				 "the identity is revoked on %s: nothing changes it any more",
				 p->src->name);
	if (version >= p->plan.op.version)
		p->plan.op.version = version + 1;
	return ST_OK;
}

/* What is not known is remembered as well: a node that is silent would hold up every quote. */
static bool plan_fee(struct ctx *cx, struct planning *p, struct u256 *fee)
{
	const struct u256 unknown = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	uint64_t parts[2] = {p->src->eid, p->plan.op.eager};
	struct hash key = digest_sha256(parts, sizeof parts);
	struct bytes out = {NULL, 0};
	struct buf data;
	if (quotes_get(p->nodes->api->quotes, &key, fee))
		return u256_cmp(*fee, unknown) != 0;
	buf_init(&data, cx->arena, QUOTE_REGISTRY_CALL_BYTES);
	registry_quote(&data, p->plan.op.eager ? 1 : 0);
	bool known = p->src->rpc_n > 0 && registry_call(cx, p, &data, ABI_WORD, &out) == ST_OK;
	*fee = known ? u256_of_be(out.p, out.n) : unknown;
	quotes_put(p->nodes->api->quotes, &key, *fee);
	return known;
}

/* The answer ----------------------------------------------------------------------------------- */

static Ferry__V1__Fee *fee_view(struct arena *a, const struct planning *p, struct u256 fee)
{
	char text[U256_DECIMAL_BYTES];
	Ferry__V1__Fee *out = arena_alloc(a, sizeof *out);
	ferry__v1__fee__init(out);
	u256_format(text, fee);
	out->native = arena_strdup(a, text);
	out->currency = arena_strdup(a, p->src->currency);
	out->gas_used = (char *)"0";
	return out;
}

static enum status plan_answer(struct ctx *cx, struct planning *p)
{
	struct arena *a = cx->arena;
	struct message_ref ref = {.app_id = p->call->who.app_id};
	int64_t expire_us;
	struct u256 fee;
	Ferry__V1__Quote *out = arena_alloc(a, sizeof *out);
	ferry__v1__quote__init(out);
	if (plan_fee(cx, p, &fee))
		out->fee = fee_view(a, p, fee);
	out->gas = arena_alloc(a, sizeof *out->gas);
	ferry__v1__quote_gas__init(out->gas);
	out->gas->source = arena_printf(a, "%d", QUOTE_SOURCE_GAS);
	out->gas->destination = arena_printf(a, "%d", QUOTE_DESTINATION_GAS +
				     (p->plan.op.eager ? QUOTE_WRITTEN_GAS : 0));
	TRY(identity_plan_typed_data(cx, &p->plan, &out->typed_data));
	uuid_v7(ref.id.b);
	TRY(identity_offer_insert(cx, p->nodes->db, &expire_us, &ref,
				  identity_plan_write(a, &p->plan), IDENTITY_QUOTE_S));
	out->quote_id = view_id_new(a, "qte_", &ref.id);
	out->expire_time = api_timestamp_new(a, expire_us);
	p->call->reply = &out->base;
	return ST_OK;
}

enum status identity_quote(struct ctx *cx, struct quote_nodes *nodes, struct api_call *call)
{
	struct planning p = {
		.nodes = nodes,
		.call = call,
		.in = (const Ferry__V1__CreateQuoteRequest *)call->request,
		.dst = chain_of_main(&nodes->api->config),
	};
	TRY(need_registries(cx, &p));
	refuse_message(cx, p.in);
	plan_operation(cx, &p);
	plan_account(cx, &p);
	TRY(validate_end(cx));
	TRY(handler_db(nodes->api, cx, &nodes->db, "chain"));
	if (p.kind == IDENTITY_REGISTER) {
		plan_register(cx, &p);
	} else {
		TRY(plan_identity(cx, &p));
		plan_state(cx, &p);
	}
	plan_finish(cx, &p);
	TRY(validate_end(cx));
	if (p.kind != IDENTITY_REGISTER)
		TRY(plan_version(cx, &p));
	return plan_answer(cx, &p);
}
