/* SPDX-License-Identifier: Apache-2.0
 *
 * A lane's courier: talks to the nodes for a lane that should not wait for them. Broadcasts what was
 * claimed, and keeps fees fresh before they are asked for. What it does not get done, the lane does:
 * whatever no node took is still SIGNED in the journal.
 */
#ifndef FERRY_RELAY_COURIER_H
#define FERRY_RELAY_COURIER_H

#include "base/bytes.h"
#include "base/ctx.h"
#include "chain/rpc.h"

struct lane;
struct courier;

/* Called twice a second or so while the lane works; blocks on the nodes. NULL: nothing but the lane's own fee. */
typedef void (*courier_refresh)(struct ctx *cx, struct rpc *rpc, void *arg);

struct courier *courier_create(struct lane *lane, courier_refresh refresh, void *arg);
/* After its thread has ended. NULL is fine. */
void courier_destroy(struct courier *c);
/* Takes a signed transaction whose journal row is committed; copied. false: it has no room, or there is no courier
 * (NULL). Thread: the lane's. Does not block. */
bool courier_send(struct courier *c, int64_t nonce, struct bytes raw);
/* Has it transactions that it has not offered to a node yet? NULL: no. Thread: any. */
bool courier_is_busy(const struct courier *c);
/* Thread: its own, until world.stopping. Owns a connection to PostgreSQL and one to the nodes. */
void courier_run(void *courier);

#endif
