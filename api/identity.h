/* SPDX-License-Identifier: Apache-2.0
 *
 * IdentityService: quotes of kind registry, accepting signed operations, reading identities.
 */
#ifndef FERRY_API_IDENTITY_H
#define FERRY_API_IDENTITY_H

#include "api/quote.h"
#include "chain/bundle.h"
#include "ferry/v1/identity_service.pb-c.h"
#include "ferry/v1/quote_service.pb-c.h"
#include "storage/identity.h"

struct work;

/* identity_quote.c */
/* CreateQuote of kind registry. Blocks on nodes and SQL. */
MUST_USE enum status identity_quote(struct ctx *cx, struct quote_nodes *nodes,
				    struct api_call *call);
/* A detail for each member that only the kind registry has. */
void identity_quote_refuse(struct ctx *cx, const Ferry__V1__CreateQuoteRequest *in);

/* identity_accept.c: what waits in QUEUE_IDENTITY is checked and stored, a group a statement. */
void identity_run(void *arg);
/* Operations whose signature a contract must confirm: asks it, and puts the call back. */
void identity_wallet_check(struct quote_nodes *nodes, struct api_call *call);

/* identity_bundle.c */
/* What makes a bundle of a proof. */
struct identity_bundle_ask {
	struct bundle bundle; /* but for its evidence */
	const struct api_chain *chain; /* of the main registry */
	uint64_t block_number;         /* where the batch arrived */
	struct hash block_hash, prev_root, data_hash;
};
/* Goes on with a call that has its reply but for the bundle; the call is gone afterwards. `ask` is in
 * the call's arena. */
void identity_bundle_begin(struct api *api, struct api_call *call,
			   struct identity_bundle_ask *ask);
/* One thread: a block takes seconds and megabytes, and quotes do not wait for it. */
void identity_bundle_run(void *arg);

/* identity_read.c */
/* The identity of a name, with up to 100 of its operations. ST_INVALID, ST_NOT_FOUND, ST_DB. */
MUST_USE enum status identity_resolve(struct ctx *cx, struct db *db, struct identity **out,
				      const struct api_principal *who, const char *name,
				      const char *pointer);
MUST_USE enum status identity_get(struct work *w);
MUST_USE enum status identity_list(struct work *w);
MUST_USE enum status identity_proof(struct work *w);
MUST_USE enum status identity_did(struct work *w);
MUST_USE enum status identity_list_events(struct work *w);
MUST_USE enum status identity_watch(struct work *w);
MUST_USE enum status identity_get_operation(struct work *w);
MUST_USE enum status identity_get_batch(struct work *w);

/* identity_explain.c, pure */
Ferry__V1__OperationState identity_act_state(const struct identity_act *act);
/* FINAL, REJECTED, FAILED, EXPIRED. */
bool identity_act_has_ended(const struct identity_act *act);
/* Why an operation is where it is and who must act, in words about operations; NULL once it has ended.
 * batch: the message that carries it, NULL when it has none or it is not at hand. */
Ferry__V1__Explanation *identity_explain(struct arena *a, const struct world_view *w,
					 const struct identity *d, const struct identity_act *act,
					 const struct message *batch, int64_t now_us);
/* Why an operation came to nothing and what can be done now; "" for others. */
const char *identity_outcome(const struct identity_act *act);

/* identity_view.c */
enum { IDENTITY_ACTS_MAX = 100, IDENTITY_ACTS_LISTED_MAX = 10 };
/* The batches that carry what has not ended. */
struct identity_batches {
	struct message **messages;
	size_t n;
};
MUST_USE enum status identity_batches_read(struct ctx *cx, struct db *db,
					   struct identity_batches *out,
					   struct identity *const *identities, size_t n);
/* Everything is copied into the arena. */
Ferry__V1__Identity *identity_view(struct arena *a, const struct world_view *w,
				   const struct identity *d, const struct identity_batches *b,
				   int64_t now_us);
Ferry__V1__Operation *identity_view_act(struct arena *a, const struct world_view *w,
					const struct identity *d, const struct identity_act *act,
					const struct identity_batches *b, int64_t now_us);
const char *identity_view_did(struct arena *a, const struct identity *d);

#endif
