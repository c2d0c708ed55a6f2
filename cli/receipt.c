/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/receipt.h"

#include <stdio.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/jws.h"
#include "cli/file.h"

enum { RECEIPT_REQUEST_BYTES_MAX = 1024 * 1024, RECEIPT_WORD_BYTES_MAX = 128 };

/* Texts of a receipt; only identity may be NULL. */
struct receipt_claims {
	const char *sub;
	const char *identity;
	const char *app;
	const char *request_sha256;
	const char *accepted_at;
};

static enum status receipt_text(struct ctx *cx, const char **out, const json_t *root,
				const char *name)
{
	json_t *v;
	TRY(json_read_member(cx, &v, root, name, JSON_STRING));
	return json_read_text(cx, out, v, name, RECEIPT_WORD_BYTES_MAX);
}

static enum status receipt_claims_read(struct ctx *cx, struct receipt_claims *out,
				       struct bytes payload)
{
	json_t *root;
	TRY(json_parse(cx, &root, payload, JWS_TEXT_BYTES_MAX, JSON_DEPTH_MAX));
	TRY(receipt_text(cx, &out->sub, root, "sub"));
	out->identity = NULL;
	if (json_object_get(root, "identity"))
		TRY(receipt_text(cx, &out->identity, root, "identity"));
	TRY(receipt_text(cx, &out->app, root, "app"));
	TRY(receipt_text(cx, &out->request_sha256, root, "request_sha256"));
	return receipt_text(cx, &out->accepted_at, root, "accepted_at");
}

/* The keys from a file, else from the server. */
static enum status receipt_keys(struct cli_call *call, struct jws_key **keys, size_t *n)
{
	struct bytes text;
	if (call->options[CLI_JWKS])
		TRY(file_read(call->cx, &text, call->options[CLI_JWKS], JWS_TEXT_BYTES_MAX));
	else
		TRY(client_get(call->cx, call->client, &text, "/.well-known/jwks.json"));
	return jws_keys_read(call->cx, keys, n, text);
}

/* Is it of this request? */
static enum status receipt_compare(struct cli_call *call, const struct receipt_claims *claims)
{
	struct bytes body;
	if (!call->options[CLI_REQUEST])
		return ST_OK;
	TRY(file_read(call->cx, &body, call->options[CLI_REQUEST], RECEIPT_REQUEST_BYTES_MAX));
	struct hash h = digest_sha256(body.p, body.n);
	const char *text = hex_encode(call->cx->arena, h.b, sizeof h.b) + 2;
	if (strcmp(text, claims->request_sha256) == 0)
		return ST_OK;
	return fail(call->cx, ST_PRECONDITION,
		    "the receipt is of another request: its body has the SHA-256 %s, this one %s",
		    claims->request_sha256, text);
}

enum status receipt_verify(struct cli_call *call)
{
	struct ctx *cx = call->cx;
	struct bytes text;
	struct bytes payload;
	struct jws_key *keys;
	size_t n;
	const struct jws_key *by;
	struct receipt_claims claims;
	TRY(file_read(cx, &text, call->id, JWS_TEXT_BYTES_MAX));
	while (text.n > 0 && text.p[text.n - 1] <= ' ')
		text.n--;
	TRY(receipt_keys(call, &keys, &n));
	enum status st = jws_verify(cx, &payload, &by, (const char *)text.p, text.n,
				    "ferry-receipt", keys, n);
	if (st == ST_UNAUTHENTICATED) /* not by the server */
		return fail(cx, ST_PRECONDITION, "the receipt was changed or not signed by its key");
	TRY(st);
	TRY(receipt_claims_read(cx, &claims, payload));
	TRY(receipt_compare(call, &claims));
	if (call->json) {
		printf("%.*s\n", (int)payload.n, (const char *)payload.p);
		return ST_OK;
	}
	printf("signed by key      %s%s\n", by->kid,
	       call->options[CLI_JWKS] ? "" : " (as the server says: keep its key set)");
	printf("accepted           %s%s%s\n", claims.sub, claims.identity ? " of " : "",
	       claims.identity ? claims.identity : "");
	printf("at                 %s\nfrom app           %s\n", claims.accepted_at, claims.app);
	printf("request's SHA-256  %s%s\n", claims.request_sha256,
	       call->options[CLI_REQUEST] ? ", which is that of the file" : "");
	return ST_OK;
}
