/* SPDX-License-Identifier: Apache-2.0
 *
 * The DID document of an identity, after the rules of did:pkh: what follows from the account alone,
 * under the very DID that was asked for; and, once final, the identity's other accounts as further
 * names, and its encryption key.
 */
#include "api/identity.h"

#include <assert.h>

#include "api/identity_plan.h"
#include "api/json.h"
#include "api/work.h"
#include "chain/account.h"
#include "google/protobuf/struct.pb-c.h"

enum { DID_PREFIX = sizeof "did:pkh:" - 1 };

/* Without padding. */
static char *base64url(struct arena *a, const uint8_t *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *out = arena_alloc(a, n * 2 + 2);
	size_t at = 0;
	for (size_t bit = 0; bit < n * 8; bit += 6) {
		unsigned v = (unsigned)p[bit / 8] << 8;
		if (bit / 8 + 1 < n)
			v |= p[bit / 8 + 1];
		out[at++] = digits[v >> (10 - bit % 8) & 63];
	}
	return out;
}

/* Is the DID's account one of the operation's? */
static bool is_account_of(struct arena *a, const struct identity_act *act, const char *did)
{
	const char *lines[IDENTITY_ACCOUNTS_MAX];
	size_t n = act ? identity_lines(a, lines, act->accounts) : 0;
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(lines[i], did + DID_PREFIX) == 0)
			return true;
	return false;
}

static void did_names(struct arena *a, json_t *document, const struct identity_act *act,
		      const char *did)
{
	const char *lines[IDENTITY_ACCOUNTS_MAX];
	size_t n = identity_lines(a, lines, act->accounts);
	json_t *names = json_array();
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(lines[i], did + DID_PREFIX) != 0)
			json_array_append_new(names, json_sprintf("did:pkh:%s", lines[i]));
	if (json_array_size(names) > 0)
		json_object_set_new(document, "alsoKnownAs", names);
	else
		json_decref(names);
}

static void did_key(struct arena *a, json_t *document, const struct identity_act *act,
		    const char *did)
{
	char id[IDENTITY_KEY_ID_BYTES];
	if (!act->has_key)
		return;
	identity_key_id(id, &act->key);
	const char *name = arena_printf(a, "%s#%s", did, id);
	json_array_append_new(json_object_get(document, "@context"),
			      json_string("https://w3id.org/security/suites/jws-2020/v1"));
	json_array_append_new(
		json_object_get(document, "verificationMethod"),
		json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s}}", "id", name, "type", "JsonWebKey2020",
			  "controller", did, "publicKeyJwk", "kty", "OKP", "crv", "X25519", "x",
			  base64url(a, act->key.b, sizeof act->key.b)));
	json_object_set_new(document, "keyAgreement", json_pack("[s]", name));
}

static json_t *did_document(struct arena *a, const char *did)
{
	const char *method = arena_printf(a, "%s#blockchainAccountId", did);
	json_t *document = json_pack(
		"{s:[s,{s:s,s:s}],s:s,s:[{s:s,s:s,s:s,s:s}],s:[s],s:[s],s:[s],s:[s]}", "@context",
		"https://www.w3.org/ns/did/v1", "blockchainAccountId",
		"https://w3id.org/security#blockchainAccountId", "EcdsaSecp256k1RecoveryMethod2020",
		"https://identity.foundation/EcdsaSecp256k1RecoverySignature2020"
		"#EcdsaSecp256k1RecoveryMethod2020",
		"id", did, "verificationMethod", "id", method, "type",
		"EcdsaSecp256k1RecoveryMethod2020", "controller", did, "blockchainAccountId",
		did + DID_PREFIX, "authentication", method, "assertionMethod", method,
		"capabilityDelegation", method, "capabilityInvocation", method);
	assert(document);
	return document;
}

enum status identity_did(struct work *w)
{
	const Ferry__V1__GetDidDocumentRequest *in =
		(const Ferry__V1__GetDidDocumentRequest *)w->call->request;
	struct arena *a = w->call->arena;
	Google__Protobuf__Struct *out;
	struct identity *d;
	TRY(identity_resolve(w->cx, w->db, &d, &w->call->who, in->id, "/id"));
	if (d->final && d->final->kind == IDENTITY_REVOKE)
		return fail_code(w->cx, ST_GONE, "IDENTITY_REVOKED", "the identity is revoked");
	const char *now = identity_view_did(a, d);
	bool is_did = strncmp(in->id, "did:", 4) == 0;
	if (is_did && !is_account_of(a, d->head, in->id) && !is_account_of(a, d->final, in->id))
		return fail_code(w->cx, ST_GONE, "ACCOUNT_ROTATED",
				 "the account has given the identity away: it is %s now", now);
	const char *did = is_did ? arena_strdup(a, in->id) : now;
	json_t *document = did_document(a, did);
	if (d->final) {
		did_names(a, document, d->final, did);
		did_key(a, document, d->final, did);
	}
	struct ctx cx = *w->cx;
	cx.arena = a; /* the reply's */
	enum status st = api_struct_of_json(&cx, document, &out);
	json_decref(document);
	w->call->reply = &out->base;
	return st;
}
