/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http_receipt.h"

#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/jws.h"

#include "ferry/v1/identity_service.pb-c.h"
#include "ferry/v1/types.pb-c.h"

enum { RECEIPT_BYTES_MAX = 2048 };

/* What was accepted. */
struct receipt_fact {
	const char *id;
	const char *identity; /* of an operation; else NULL */
	const Google__Protobuf__Timestamp *at;
};

/* The request's own operation, wherever it stands among the identity's. */
static bool receipt_of_identity(struct receipt_fact *fact, const struct http_exchange *ex)
{
	const Ferry__V1__Identity *identity = (const void *)ex->call.reply;
	for (size_t i = identity->n_operations; ex->call.accepted && i-- > 0;) {
		const Ferry__V1__Operation *operation = identity->operations[i];
		if (strcmp(operation->id, ex->call.accepted) != 0)
			continue;
		*fact = (struct receipt_fact){operation->id, identity->id, operation->create_time};
		return true;
	}
	return false;
}

static bool receipt_of_message(struct receipt_fact *fact, const struct http_exchange *ex)
{
	const Ferry__V1__Message *message = (const void *)ex->call.reply;
	if (!http_prefers(ex->head.value[HTTP_PREFER], HTTP_RECEIPT_TYPE))
		return false;
	*fact = (struct receipt_fact){message->id, NULL, message->create_time};
	return true;
}

static bool receipt_find(struct receipt_fact *fact, const struct http_exchange *ex)
{
	const ProtobufCMessageDescriptor *d = ex->call.reply->descriptor;
	if (strcmp(ex->call.method->verb, "POST") != 0)
		return false;
	if (d == &ferry__v1__identity__descriptor)
		return receipt_of_identity(fact, ex);
	return ex->call.method->id == API_SEND_MESSAGE && receipt_of_message(fact, ex);
}

static void receipt_put_time(struct buf *out, const Google__Protobuf__Timestamp *at)
{
	struct tm tm;
	char text[32];
	time_t seconds = (time_t)at->seconds;
	size_t n = gmtime_r(&seconds, &tm) ? strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm)
					   : 0;
	text[n] = '\0';
	buf_printf(out, "%s.%03dZ", text, (int)(at->nanos / 1000000) % 1000);
}

void http_receipt_add(struct http_exchange *ex)
{
	const struct jws_signer *signer = ex->http->config.receipts;
	struct receipt_fact fact = {0};
	if (!signer || !ex->call.reply || !receipt_find(&fact, ex) || !fact.at)
		return;
	struct hash request = digest_sha256(ex->body.p, ex->body.n);
	struct buf out;
	buf_init(&out, ex->arena, RECEIPT_BYTES_MAX);
	buf_puts(&out, "{\"sub\":");
	http_json_put(&out, fact.id);
	if (fact.identity) {
		buf_puts(&out, ",\"identity\":");
		http_json_put(&out, fact.identity);
	}
	buf_printf(&out, ",\"app\":\"%lld\",\"request_sha256\":\"%s\",\"accepted_at\":\"",
		   (long long)ex->call.who.app_id,
		   hex_encode(ex->arena, request.b, sizeof request.b) + 2);
	receipt_put_time(&out, fact.at);
	buf_puts(&out, "\"}");
	if (!out.overflow)
		http_pair_add(ex, "Ferry-Receipt",
			      jws_sign(ex->arena, signer, HTTP_RECEIPT_TYPE, buf_bytes(&out)));
}

void http_receipt_keys(struct http_exchange *ex)
{
	const struct jws_signer *signer = ex->http->config.receipts;
	struct jws_key key = {0};
	if (signer)
		key = jws_signer_key(signer);
	http_pair_add(ex, "Cache-Control", "public, max-age=300");
	http_answer_set(ex, 200, "application/jwk-set+json",
			jws_keys_text(ex->arena, &key, signer ? 1 : 0));
}
