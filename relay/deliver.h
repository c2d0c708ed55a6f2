/* SPDX-License-Identifier: Apache-2.0
 *
 * The destination side: attests what is final on its source, commits what is verified, executes what
 * is committed. Verification and execution of a packet go out together, as two transactions of one
 * lane in nonce order, so a message does not wait for a block between them.
 */
#ifndef FERRY_RELAY_DELIVER_H
#define FERRY_RELAY_DELIVER_H

#include "chain/packet.h"
#include "relay/lane.h"
#include "relay/oapp.h"

/* One message on its way through this lane. */
struct errand {
	struct outbox_item *item;
	struct packet packet;
	enum oapp app; /* whose path it is on */
	struct hash payload_hash;
	uint8_t ops;
	bool verify;
	bool clear; /* its owner gives it up */
	bool pass;  /* and its ordering key goes on without it */
	struct {
		uint64_t seq; /* 0: no ordering key */
		struct hash hash;
	} key;
	uint64_t passed; /* the path's nonces up to this one cost its execution nothing */
};

bool errand_same_path(const struct errand *a, const struct errand *b);

struct deliver {
	struct lane lane;
	bool retractions_known; /* looked for attestations of dropped blocks since the lane was taken */
	int64_t retractions_ms;
	int64_t failures;                    /* of the chain, when received was begun */
	/* By source and OApp: the last nonce sent to be executed; 0: not known. */
	uint64_t received[RELAY_CHAINS_MAX][OAPP_COUNT];
};

/* Thread: its own, until world.stopping. */
void deliver_run(void *deliver);

#endif
