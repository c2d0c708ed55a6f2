/* SPDX-License-Identifier: Apache-2.0 */
#include "api/identity_plan.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

#include "api/json.h"
#include "chain/account.h"

enum { ID_DIGITS = 32, PLAN_BYTES_MAX = 16 * 1024, DID_PREFIX = sizeof "did:pkh:" - 1 };

/* Names ---------------------------------------------------------------------------------------- */

bool identity_id_parse(struct uuid *out, const char *text, const char *prefix)
{
	size_t n = strlen(prefix);
	char digits[2 + ID_DIGITS + 1] = "0x";
	if (strlen(text) != n + ID_DIGITS || memcmp(text, prefix, n) != 0)
		return false;
	memcpy(digits + 2, text + n, ID_DIGITS + 1);
	for (size_t i = 2; digits[i]; i++)
		if (digits[i] >= 'A' && digits[i] <= 'F') /* an id has one form */
			return false;
	return hex_decode_fixed(digits, sizeof digits - 1, out->b, sizeof out->b);
}

bool identity_account(struct ctx *cx, uint64_t *chain_id, struct addr *out, const char *text,
		      const char *pointer)
{
	size_t n = strlen(text);
	if (account_caip10_parse(chain_id, out, text, n) == ST_OK)
		return true;
	char *lower = arena_strdup(cx->arena, text);
	for (char *at = strstr(lower, ":0x"); at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	if (account_caip10_parse(chain_id, out, lower, n) == ST_OK)
		ctx_add_detail(cx, pointer, "ACCOUNT_CHECKSUM",
			       "the letters' case is not the checksum of this address: look whether "
			       "it is right, or write it in lower case");
	else
		ctx_add_detail(cx, pointer, "ACCOUNT_INVALID",
			       "an account is CAIP-10: eip155:<chain id>:0x<40 hex digits>");
	return false;
}

enum status identity_name_parse(struct ctx *cx, struct identity_name *out, const char *text,
				const char *pointer)
{
	*out = (struct identity_name){.is_did = false};
	if (identity_id_parse(&out->id, text, "idn_"))
		return ST_OK;
	if (strncmp(text, "did:pkh:", DID_PREFIX) == 0) {
		out->is_did = true;
		if (identity_account(cx, &out->chain_id, &out->account, text + DID_PREFIX, pointer))
			return ST_OK;
	} else {
		ctx_add_detail(cx, pointer, "ID_INVALID",
			       "an identity is named by idn_ and 32 hex digits, or by the did of "
			       "an account: did:pkh:eip155:<chain id>:0x<address>");
	}
	const struct ctx_detail *d = &cx->err.details[cx->err.details_count - 1];
	return fail_code(cx, ST_INVALID, d->code, "%s", d->detail);
}

/* What is signed ------------------------------------------------------------------------------- */

struct hash identity_plan_digest(const struct identity_plan *plan)
{
	return identity_digest(plan->chain_id, &plan->registry, plan->dst_eid, &plan->op);
}

size_t identity_lines(struct arena *a, const char *lines[IDENTITY_ACCOUNTS_MAX], const char *text)
{
	size_t n = 0;
	while (text && *text && n < IDENTITY_ACCOUNTS_MAX) {
		size_t len = strcspn(text, "\n");
		lines[n++] = arena_strndup(a, text, len);
		text += len + (text[len] == '\n');
	}
	return n;
}

void identity_plan_seal(struct arena *a, struct identity_plan *plan)
{
	const char *lines[IDENTITY_ACCOUNTS_MAX];
	if (plan->op.kind == IDENTITY_REVOKE) {
		memset(&plan->op.data_hash, 0, sizeof plan->op.data_hash);
		return;
	}
	size_t n = identity_lines(a, lines, plan->accounts);
	struct hash accounts = identity_accounts_hash(lines, n);
	plan->op.data_hash = identity_data_hash(&plan->document, &plan->key, &accounts);
}

static json_t *typed_member(const char *name, const char *type)
{
	return json_pack("{s:s,s:s}", "name", name, "type", type);
}

static json_t *typed_types(void)
{
	static const char *const domain[][2] = {{"name", "string"},
						{"version", "string"},
						{"chainId", "uint256"},
						{"verifyingContract", "address"}};
	static const char *const operation[][2] = {
		{"operation", "string"},   {"mainEid", "uint32"},  {"homeChainId", "uint256"},
		{"firstOwner", "address"}, {"salt", "bytes32"},	   {"owner", "address"},
		{"account", "address"},	   {"recovery", "address"}, {"dataHash", "bytes32"},
		{"version", "uint64"},	   {"eager", "bool"},	   {"deadline", "uint256"}};
	json_t *of_domain = json_array(), *of_operation = json_array();
	for (size_t i = 0; i < sizeof domain / sizeof *domain; i++)
		json_array_append_new(of_domain, typed_member(domain[i][0], domain[i][1]));
	for (size_t i = 0; i < sizeof operation / sizeof *operation; i++)
		json_array_append_new(of_operation, typed_member(operation[i][0], operation[i][1]));
	return json_pack("{s:o,s:o}", "EIP712Domain", of_domain, "Operation", of_operation);
}

static const char *address_text(struct arena *a, const struct addr *account)
{
	char *out = arena_alloc(a, ACCOUNT_TEXT_BYTES);
	account_format(out, account);
	return out;
}

static const char *number_text(struct arena *a, uint64_t v)
{
	return arena_printf(a, "%llu", (unsigned long long)v);
}

enum status identity_plan_typed_data(struct ctx *cx, const struct identity_plan *plan,
				     struct Google__Protobuf__Struct **out)
{
	struct arena *a = cx->arena;
	const struct identity_operation *op = &plan->op;
	json_t *root = json_pack(
		"{s:{s:s,s:s,s:I,s:s},s:o,s:s,s:{s:s,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:s}}",
		"domain", "name", "Ferry", "version", "1", "chainId", (json_int_t)plan->chain_id,
		"verifyingContract", address_text(a, &plan->registry),
		"types", typed_types(), "primaryType", "Operation",
		"message", "operation", identity_kind_name(op->kind),
		"mainEid", (json_int_t)plan->dst_eid,
		"homeChainId", number_text(a, op->home_chain_id),
		"firstOwner", address_text(a, &op->first_owner), "salt", hex_encode(a, op->salt.b, 32),
		"owner", address_text(a, &op->owner), "account", address_text(a, &op->account),
		"recovery", address_text(a, &op->recovery),
		"dataHash", hex_encode(a, op->data_hash.b, 32),
		"version", number_text(a, op->version), "eager", op->eager,
		"deadline", number_text(a, op->deadline));
	assert(root);
	enum status st = api_struct_of_json(cx, root, out);
	json_decref(root);
	return st;
}

/* What is kept --------------------------------------------------------------------------------- */

#define HEX(v) hex_encode(a, (v).b, sizeof(v).b)

struct bytes identity_plan_write(struct arena *a, const struct identity_plan *p)
{
	const struct identity_operation *op = &p->op;
	json_t *root = json_pack(
		"{s:i,s:I,s:b,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s,"
		"s:s,s:s}",
		"kind", (int)op->kind, "version", (json_int_t)op->version, "eager", op->eager,
		"home", (json_int_t)op->home_chain_id, "first_owner", HEX(op->first_owner),
		"salt", HEX(op->salt), "owner", HEX(op->owner), "account", HEX(op->account),
		"names_recovery", HEX(op->recovery), "data_hash", HEX(op->data_hash),
		"deadline", (json_int_t)op->deadline, "src", (json_int_t)p->src_eid,
		"dst", (json_int_t)p->dst_eid, "chain", (json_int_t)p->chain_id,
		"registry", HEX(p->registry), "signer", HEX(p->signer),
		"recovery", HEX(p->recovery), "identity", HEX(p->identity), "base", HEX(p->base),
		"document", p->has_document ? HEX(p->document) : "0x",
		"key", p->has_key ? HEX(p->key) : "0x", "accounts", p->accounts);
	assert(root);
	char *text = json_dumps(root, JSON_COMPACT);
	assert(text);
	struct bytes out = bytes_of(arena_strdup(a, text), strlen(text));
	free(text);
	json_decref(root);
	return out;
}

/* Reads members one after the other; remembers that one was wrong. */
struct plan_reader {
	const json_t *root;
	bool bad;
};

static const char *plan_text(struct plan_reader *r, const char *name)
{
	const char *s = json_string_value(json_object_get(r->root, name));
	r->bad |= s == NULL;
	return s ? s : "";
}

static void plan_fixed(struct plan_reader *r, const char *name, uint8_t *out, size_t n)
{
	const char *s = plan_text(r, name);
	r->bad |= !hex_decode_fixed(s, strlen(s), out, n);
}

static bool plan_optional(struct plan_reader *r, const char *name, struct hash *out)
{
	if (strcmp(plan_text(r, name), "0x") == 0)
		return false;
	plan_fixed(r, name, out->b, sizeof out->b);
	return true;
}

static uint64_t plan_number(struct plan_reader *r, const char *name)
{
	const json_t *v = json_object_get(r->root, name);
	r->bad |= !json_is_integer(v) || json_integer_value(v) < 0;
	return (uint64_t)json_integer_value(v);
}

enum status identity_plan_read(struct ctx *cx, struct identity_plan *out, struct bytes body)
{
	json_t *root;
	TRY(json_parse(cx, &root, body, PLAN_BYTES_MAX, 2));
	struct plan_reader r = {root, false};
	struct identity_operation *op = &out->op;
	memset(out, 0, sizeof *out);
	uint64_t kind = plan_number(&r, "kind");
	r.bad |= kind < IDENTITY_REGISTER || kind > IDENTITY_REVOKE;
	op->kind = (enum identity_kind)kind;
	op->version = plan_number(&r, "version");
	op->eager = json_is_true(json_object_get(root, "eager"));
	op->home_chain_id = plan_number(&r, "home");
	plan_fixed(&r, "first_owner", op->first_owner.b, 20);
	plan_fixed(&r, "salt", op->salt.b, 32);
	plan_fixed(&r, "owner", op->owner.b, 20);
	plan_fixed(&r, "account", op->account.b, 20);
	plan_fixed(&r, "names_recovery", op->recovery.b, 20);
	plan_fixed(&r, "data_hash", op->data_hash.b, 32);
	op->deadline = plan_number(&r, "deadline");
	out->src_eid = (uint32_t)plan_number(&r, "src");
	out->dst_eid = (uint32_t)plan_number(&r, "dst");
	out->chain_id = plan_number(&r, "chain");
	plan_fixed(&r, "registry", out->registry.b, 20);
	plan_fixed(&r, "signer", out->signer.b, 20);
	plan_fixed(&r, "recovery", out->recovery.b, 20);
	plan_fixed(&r, "identity", out->identity.b, 16);
	plan_fixed(&r, "base", out->base.b, 16);
	out->has_document = plan_optional(&r, "document", &out->document);
	out->has_key = plan_optional(&r, "key", &out->key);
	out->accounts = plan_text(&r, "accounts");
	return r.bad ? fail(cx, ST_INVALID, "the quote is not one of ours") : ST_OK;
}
