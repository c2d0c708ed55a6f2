/* SPDX-License-Identifier: Apache-2.0
 *
 * What the handlers have in common: the queues between their threads, how a call goes from one to
 * the next, and how it ends.
 *
 *   submit ─ keys ─ route ─┬─ check ──┬─ accept   store, a group a transaction
 *                          │   chain ─┘           (check: batches, sealed payloads;
 *                          │                       chain: ask nodes: quotes, contract wallets)
 *                          ├─ identity            signed operations, a group a statement
 *                          ├─ read                GetMessage, a group a statement
 *                          ├─ work                everything else, one by one
 *                          │   └─ bundle          with a block that a node is asked for
 *                          └─ watch               events, as they happen
 *
 * A call belongs to the thread that holds it. All that is remembered lies in PostgreSQL.
 */
#ifndef FERRY_API_HANDLER_H
#define FERRY_API_HANDLER_H

#include <stdatomic.h>

#include "api/config.h"
#include "api/explain.h"
#include "base/lock.h"
#include "base/queue.h"
#include "base/thread.h"
#include "storage/db.h"

struct keys;
struct survey;
struct watch;
struct bell;
struct quotes;

/* The queues, in the order of api_queue_names. */
enum handler_queue {
	QUEUE_ACCEPT,
	QUEUE_CHECK,
	QUEUE_READ,
	QUEUE_WORK,
	QUEUE_CHAIN,
	QUEUE_KEYS,
	QUEUE_IDENTITY,
	QUEUE_BUNDLE
};

struct api {
	struct arena *arena;
	struct api_config config; /* copied into the arena */
	struct queue *queues[API_QUEUES_COUNT];
	struct thread *threads[6 * API_THREADS_MAX];
	size_t threads_n;
	struct keys *keys;
	struct survey *survey;
	struct watch *watch;
	struct bell *bell;
	struct quotes *quotes;
	struct lock store_turn;
	bool store_turn_is_taken; /* guarded by store_turn */
	_Atomic bool is_draining;
	_Atomic bool is_stopping; /* threads that wait for time or the database end */
	_Atomic long calls;       /* under way */
};

enum {
	HANDLER_RETRY_AFTER_S = 1,
	HANDLER_ARENA_BYTES = 512 * 1024 * 1024,
	HANDLER_RECONNECT_MS = 250,
};

/* Ends a call. It must not be touched any more. */
void handler_finish(struct api_call *call, enum status st);
/* What went wrong in a thread's ctx becomes what went wrong with the call. Returns st. */
enum status handler_blame(struct api_call *call, const struct ctx *cx, enum status st);
/* Puts a call into a queue, or ends it with ST_BUSY or ST_UNAVAILABLE. item: the call, or what
 * leads to it. */
void handler_push(struct api *api, enum handler_queue to, struct api_call *call, void *item);
/* Goes on with a call whose key is known: call->who. */
void handler_route(struct api *api, struct api_call *call);
/* Is there time left? Ends the call with ST_DEADLINE when not. */
bool handler_is_alive(struct api_call *call);
struct api *handler_api(const struct api_call *call);

/* A thread's connection: opened when first needed, and again after it was lost. ST_DB. */
MUST_USE enum status handler_db(struct api *api, struct ctx *cx, struct db **db, const char *role);
/* Starts a thread that runs until the drain. */
void handler_thread(struct api *api, const char *name, void (*run)(void *arg));

/* The threads' bodies; arg is the struct api. */
void accept_run(void *arg);
void check_run(void *arg);
void read_run(void *arg);
void work_run(void *arg);
void chain_run(void *arg);
void keys_run(void *arg);
void survey_run(void *arg);
void watch_run(void *arg);
void bell_run(void *arg);

/* accept.c: a send or a batch of them, on the transport's thread. Goes to QUEUE_ACCEPT at once, or
 * by QUEUE_CHECK (batches, sealed payloads) and QUEUE_CHAIN (contract wallets). */
void accept_submit(struct api *api, struct api_call *call);
/* Items whose signature a contract must confirm: accept_wallets gives them, each is answered with
 * accept_wallet_answer, then accept_go_on. */
struct send;
size_t accept_wallets(struct api_call *call, struct send ***out);
void accept_wallet_answer(struct api_call *call, struct send *send, enum status st,
			  const char *sentence);
void accept_go_on(struct api *api, struct api_call *call);

/* survey.c: the picture of lanes and chains. Give back what was taken. */
struct survey *survey_create(void);
void survey_destroy(struct survey *s);
const struct world_view *survey_take(struct survey *s);
void survey_give(struct survey *s, const struct world_view *w);
/* Milliseconds since the database last answered; INT64_MAX: never. */
int64_t survey_age_ms(struct survey *s);

/* bell.c: tells the relay and the watchers that there is something new; never waits. */
struct bell *bell_create(void);
void bell_destroy(struct bell *b);
void bell_ring(struct bell *b, bool outbox);
void bell_stop(struct bell *b);

#endif
