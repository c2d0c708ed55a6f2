/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON-RPC 2.0 over HTTP to the nodes of one chain: requests go in batches, answers are matched by
 * id. A node is never believed further than its form: an answer that is missing, doubled or not
 * asked for spoils its whole batch. What the answers mean is rpc.h's business.
 *
 * A jsonrpc belongs to one thread; only jsonrpc_abort may be called from another.
 */
#ifndef FERRY_CHAIN_JSONRPC_H
#define FERRY_CHAIN_JSONRPC_H

#include "base/ctx.h"
#include "base/json.h"

struct jsonrpc;

enum {
	JSONRPC_NODES_MAX = 8,
	JSONRPC_MESSAGE_BYTES = 256,
	JSONRPC_ANSWER_BYTES_MAX = 64 * 1024 * 1024,
};

struct jsonrpc_config {
	const char *name; /* of the chain, for sentences */
	const char *const *urls;
	size_t urls_count;        /* 1..JSONRPC_NODES_MAX */
	int connect_timeout_ms;   /* 0: 2000 */
	int timeout_ms;           /* of one POST; 0: 10000 */
	size_t answer_bytes_max;  /* of one POST's answer; 0: JSONRPC_ANSWER_BYTES_MAX, the most */
	size_t batch_items_max;   /* requests in one POST; 0: 100 */
	size_t batch_bytes_max;   /* of one POST; 0: 1 MiB. A single larger request goes alone */
};

/* Copies the configuration. */
struct jsonrpc *jsonrpc_create(const struct jsonrpc_config *config);
void jsonrpc_destroy(struct jsonrpc *j);
void jsonrpc_abort(struct jsonrpc *j);
size_t jsonrpc_nodes(const struct jsonrpc *j);
/* "identity http://127.0.0.1:8545": what to call a node in a sentence. */
const char *jsonrpc_node_name(const struct jsonrpc *j, size_t node);

/* One request and how the node answered it: either `result` or an error. */
struct jsonrpc_item {
	const char *method;
	const char *params; /* a JSON array as text; the caller's */
	json_t *result;     /* NULL when an error was answered; lives as the cx's arena */
	bool failed;        /* the node answered an error: */
	int64_t code;
	char message[JSONRPC_MESSAGE_BYTES]; /* printable, cut; "" when failed is false */
	const json_t *data;                  /* the error's data, NULL when absent */
};

/* What one node is asked, and how it did. */
struct jsonrpc_query {
	struct jsonrpc_item *items;
	size_t n;           /* 0: this node is not asked */
	/* ST_OK when each item has its answer, an error being one; ST_CHAIN when the node gave no
	 * usable answer (items already answered keep theirs); ST_CHAIN_REJECTED when it refused a
	 * whole batch; ST_CANCELLED. */
	enum status status;
	bool too_large;     /* ST_CHAIN because the answer passed answer_bytes_max: ask for less */
	char why[CTX_MESSAGE_BYTES]; /* the sentence when status is not ST_OK */
};
/* Asks the nodes at the same time: queries[i] goes to node i, for all jsonrpc_nodes(). */
void jsonrpc_ask_all(struct ctx *cx, struct jsonrpc *j, struct jsonrpc_query *queries);
/* Asks one node. Returns the query's status. */
MUST_USE enum status jsonrpc_ask(struct ctx *cx, struct jsonrpc *j, size_t node,
				 struct jsonrpc_item *items, size_t n);
/* Asks one node after the other, beginning with the one that answered last, until one gives all
 * answers. */
MUST_USE enum status jsonrpc_ask_any(struct ctx *cx, struct jsonrpc *j,
				     struct jsonrpc_item *items, size_t n);
/* The node that answered the last jsonrpc_ask_any. */
size_t jsonrpc_answered(const struct jsonrpc *j);
/* Bytes of all answers so far: what reading them can cost is in proportion. */
uint64_t jsonrpc_answer_bytes(const struct jsonrpc *j);

#endif
