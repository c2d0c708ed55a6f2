/* SPDX-License-Identifier: Apache-2.0
 *
 * When a failed execution is tried again, by whom it can be mended, and why it failed. Pure.
 */
#ifndef FERRY_RELAY_RETRY_H
#define FERRY_RELAY_RETRY_H

#include "base/bytes.h"

enum { RETRY_ATTEMPTS_MAX = 12 };

/* Milliseconds until the next attempt after `attempts` failures; -1: no more by itself. */
int64_t retry_delay_ms(int64_t attempts);

/* What the revert data of an execution says. */
struct retry_cause {
	int reason;       /* a number of ferry.v1.Reason */
	bool is_failure;  /* false: it was only not its turn (an earlier nonce is not committed yet) */
	const char *text; /* for people, in the arena */
};
struct retry_cause retry_cause_of(struct arena *a, struct bytes revert_data);

#endif
