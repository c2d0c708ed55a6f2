/* SPDX-License-Identifier: Apache-2.0
 *
 * What the handlers are told at start-up, and the life of the whole: api_create, api_start, serve,
 * api_drain, api_destroy.
 */
#ifndef FERRY_API_CONFIG_H
#define FERRY_API_CONFIG_H

#include "api/api.h"
#include "base/bytes.h"

enum { API_CHAINS_MAX = 64, API_THREADS_MAX = 64, API_URLS_MAX = 8, API_TOKEN_KEY_BYTES = 32 };

struct api_chain {
	const char *name;
	uint32_t eid;
	uint64_t chain_id;
	const char *currency;
	uint32_t finality_blocks;
	uint32_t max_message_bytes; /* of a whole message that leaves this chain, our header
				       included */
	struct addr endpoint, messenger, receive_uln, batcher;
	struct addr proxy_registry, main_registry; /* zero: none on this chain */
	const char *const *rpc; /* read only; none: no quotes and no contract wallets */
	size_t rpc_n;
};

/* Everything is copied. Numbers that are 0 take their default. */
struct api_config {
	const char *database_url;
	const struct api_chain *chains;
	size_t chains_n;
	bool publishable_keys;         /* pk_ may send signed messages */
	const char *daily_wei_per_app; /* decimal; NULL: no limit */
	uint8_t page_token_key[API_TOKEN_KEY_BYTES];

	unsigned accept_threads; /* 2; each has a database connection, as have the next ones */
	unsigned read_threads;   /* 1 */
	unsigned work_threads;   /* 2 */
	unsigned check_threads;  /* 2: look through batches, recover signers; no connection */
	unsigned chain_threads;  /* 2: ask nodes: quotes, contract wallets */
	unsigned queue_depth;    /* 4096, of each queue */
	unsigned streams_max;    /* 4096 */
};

/* Copies the configuration and makes the queues. Starts nothing.
 * Returns: NULL when the configuration is wrong; cx says what. */
struct api *api_create(struct ctx *cx, const struct api_config *config);
/* Starts the threads. They connect to the database by themselves, again and again. */
void api_start(struct api *api);
/* Refuses new calls with ST_UNAVAILABLE, ends streams and waits, lets the threads finish what is
 * queued, and ends them. Every call has been answered when it returns. Blocks up to some seconds.
 */
void api_drain(struct api *api);
/* After api_drain and after the transports have closed their streams. NULL is fine. */
void api_destroy(struct api *api);

/* Can calls be served: the database answers and we are not draining. cx says why not. Does not
 * block. */
MUST_USE enum status api_ready(struct api *api, struct ctx *cx);
/* The text of /metrics, in the arena. Does not block. */
const char *api_metrics(struct api *api, struct arena *a);
/* Values of the labels METHOD and QUEUE, for metric_label_values. */
extern const char *const api_method_names[API_METHODS_COUNT];
enum { API_QUEUES_COUNT = 8 };
extern const char *const api_queue_names[API_QUEUES_COUNT];

#endif
