/* SPDX-License-Identifier: Apache-2.0
 *
 * The destination side: attests what is final on its source, commits what is verified, executes what
 * is committed. Verification and execution of a packet go out together, as two transactions of one
 * lane in nonce order, so a message does not wait for a block between them.
 */
#ifndef FERRY_RELAY_DELIVER_H
#define FERRY_RELAY_DELIVER_H

#include "relay/lane.h"

struct deliver {
	struct lane lane;
	bool retractions_known; /* looked for attestations of dropped blocks since the lane was taken */
	int64_t retractions_ms;
};

/* Thread: its own, until world.stopping. */
void deliver_run(void *deliver);

#endif
