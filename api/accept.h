/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages on their way into the outbox: what the checking side (accept.c) hands to the storing
 * side (accept_store.c). Lives in the call's arena; belongs to whoever holds the call.
 */
#ifndef FERRY_API_ACCEPT_H
#define FERRY_API_ACCEPT_H

#include "api/handler.h"
#include "api/validate.h"

enum accept_outcome {
	ACCEPT_PENDING,
	ACCEPT_STORED,   /* durable now */
	ACCEPT_REPLAYED, /* an earlier request with this key: what became of it */
	ACCEPT_FAILED,
};

struct accept_item {
	struct send send; /* first */
	struct api_call *call;
	enum accept_outcome outcome;
	struct ctx_error *error;    /* FAILED */
	Ferry__V1__Message *reply;  /* STORED, REPLAYED */
	int64_t version;            /* of the reply */

	/* While a group is stored; the memory is the storing thread's. */
	struct accept_item *leader; /* the item of the group whose key is the same, or NULL */
	const struct message *current;
	struct message_keyed keyed; /* what is stored under its key */
	bool is_parked;             /* somebody else is storing this key: look again */
};

struct accept_work {
	struct api_call *call;
	struct accept_item *items;
	size_t n;
	bool is_batch;
	bool is_parked; /* was looked at before, and some item was in progress elsewhere */
	int64_t begun_ms;
};

/* Notes that the item failed: code and sentence; details may have been added to cx before. */
void accept_fail(struct accept_item *item, struct ctx *cx, enum status st, const char *code,
		 const char *sentence);
/* Ends the call when no item is pending. Returns false when some still are. */
bool accept_finish(struct accept_work *work);
/* recipient.c: fails the items whose payload is sealed to no key, or not to the current one, of an
 * identity the app can see; all that are said to be sealed when the database does not answer. What
 * was accepted before under the same idempotency key stays pending. *db: as handler_db. */
void recipient_check(struct api *api, struct db **db, struct accept_work *work);
/* Fails what is pending. */
void accept_fail_pending(struct accept_work *work, enum status st, const char *code,
			 const char *sentence);

#endif
