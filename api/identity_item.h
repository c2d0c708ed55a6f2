/* SPDX-License-Identifier: Apache-2.0
 *
 * A signed operation on its way into the database: what the checking part (identity_check.c) and
 * the storing part (identity_accept.c) share. Lives in the call's arena; belongs to whoever holds
 * the call.
 */
#ifndef FERRY_API_IDENTITY_ITEM_H
#define FERRY_API_IDENTITY_ITEM_H

#include "api/handler.h"
#include "api/identity_plan.h"

/* One signature of the operation: the signer's, or the consent of its account. */
struct identity_claim {
	const char *pointer;
	struct addr who;
	struct bytes signature;
	bool is_wrapped; /* ERC-6492: the registry is asked, which may have to make the wallet */
	enum { CLAIM_OPEN, CLAIM_GOOD, CLAIM_BAD } verdict;
	const char *code; /* of the problem when no contract agrees either */
	const char *sentence;
};

struct identity_item {
	struct api_call *call;
	struct message_ref quote;
	const char *name; /* of the identity, "" for register */
	enum identity_kind kind;
	struct bytes signature, consent;
	struct hash fingerprint;
	struct identity_claim claims[2];
	size_t claims_n;
	bool was_asked; /* contracts have answered for what is still open */
	struct identity_plan plan;
	struct identity_new row;
	struct uuid accepted; /* the operation, once it is durable */
};

/* Takes the request apart. ST_INVALID with details, ST_FORBIDDEN, ST_RATE_LIMITED. */
MUST_USE enum status identity_item_read(struct identity_item *item, const struct api_config *config,
					const struct world_view *world);
/* Judges the signatures of item->plan by the accounts' own keys. ST_OK: good, or open: a contract
 * must be asked (identity_item_asks). ST_INVALID otherwise. */
MUST_USE enum status identity_item_check(struct identity_item *item,
					 const struct api_chain *src);
bool identity_item_asks(const struct identity_item *item);
/* After contracts were asked: ST_INVALID when a claim is still open. */
MUST_USE enum status identity_item_judge(struct identity_item *item);
/* The row to store. */
void identity_item_row(struct identity_item *item);

#endif
