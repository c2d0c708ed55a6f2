/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of SendMessage. Pure: a request, a configuration, a principal and a time go in; a row
 * to store comes out, or every member that is wrong. All that a database or a node must say is left
 * to others: whether the key and the nonce are free, whether a contract wallet agrees, and whether
 * the payload is sealed to its recipient's current key.
 */
#ifndef FERRY_API_VALIDATE_H
#define FERRY_API_VALIDATE_H

#include "api/config.h"
#include "ferry/v1/message_service.pb-c.h"
#include "storage/identity.h"
#include "storage/message.h"

enum {
	VALIDATE_KEY_CHARS_MIN = 16,
	VALIDATE_KEY_CHARS_MAX = 255,
	VALIDATE_REF_CHARS_MAX = 128,
	VALIDATE_GAS_MAX = 1000000,
	VALIDATE_GAS_DEFAULT = 200000,
	VALIDATE_DEADLINE_S_MAX = 366 * 24 * 3600,
	VALIDATE_REASON_CHARS_MAX = 256,
};

/* One message to be accepted. Lives in the arena of the ctx it was validated with. */
struct send {
	struct message_new row; /* complete but for ref.id and, unsigned, request_id: send_assign */
	Ferry__V1__SendMessageRequest *request; /* canonical: defaults filled, without the key */
	const struct api_chain *src, *dst;
	bool asks_wallet;   /* the signature is no account's: the author's contract must agree */
	struct hash digest; /* signed: what the author signed */
	const struct identity_key_ask *recipient; /* NULL: nobody said that the payload is sealed */
};

/* Checks everything. `key` is the header's or the metadata's, or NULL.
 * Returns: ST_OK; ST_INVALID with a detail for each wrong member; ST_FORBIDDEN when the key may not
 *          send so; ST_NOT_IMPLEMENTED. */
MUST_USE enum status validate_send(struct ctx *cx, struct send *out,
				   const struct api_config *config,
				   const struct api_principal *who,
				   const Ferry__V1__SendMessageRequest *in, const char *key,
				   int64_t now_s);
/* Gives it an id, and what follows from it. */
void send_assign(struct send *s);

/* The parts of a request that say what to send where: also CreateQuote's. */
struct validate_route {
	const struct api_chain *src, *dst;
	struct hash receiver;
	struct bytes payload;
	int64_t gas_limit;
	bool has_ordering_key;
	struct hash ordering_key;
};
void validate_route(struct ctx *cx, struct validate_route *out, const struct api_config *config,
		    uint32_t src_eid, uint32_t dst_eid, ProtobufCBinaryData receiver,
		    ProtobufCBinaryData payload, const Ferry__V1__SendOptions *options);
/* ST_NOT_IMPLEMENTED for kinds that are not built; a detail when there is none. */
MUST_USE enum status validate_kind(struct ctx *cx, Ferry__V1__Kind kind);
/* CAIP-10 on `src`. Adds a detail at `pointer` when it is not. */
bool validate_author(struct ctx *cx, struct addr *out, const struct api_chain *src,
		     const char *text, const char *pointer);
/* Decimal, 1..max. 0 with a detail when it is not. */
int64_t validate_gas(struct ctx *cx, const char *text, const char *pointer, int64_t min,
		     int64_t max);
/* ST_INVALID when details were added: their first gives code and sentence. */
MUST_USE enum status validate_end(struct ctx *cx);
/* Up to `max` characters, none of them a control character or, unless `spaces`, a space. The text
 * is UTF-8. */
bool validate_is_visible(const char *text, size_t max, bool spaces);

/* Names the members in which two packed SendMessageRequests differ, as details. */
void validate_differences(struct ctx *cx, struct bytes was, struct bytes is);

#endif
