/* SPDX-License-Identifier: Apache-2.0
 *
 * Who drives a lane or follows a chain: one relay at a time. A lease is a row with an epoch that
 * grows with every takeover. It does not need clocks to be safe: every transaction that writes
 * under a lease calls lease_fence first, which locks the row FOR SHARE and compares the epoch; a
 * takeover updates the row, so it waits for such a transaction and fences all later ones.
 * The time-out only decides when another relay may try.
 */
#ifndef FERRY_STORAGE_LEASE_H
#define FERRY_STORAGE_LEASE_H

#include "storage/db.h"

enum { LEASE_S = 5, LEASE_RENEW_MS = 1500, LEASE_NAME_BYTES = 80, LEASE_HOLDER_BYTES = 128 };

struct lease {
	char name[LEASE_NAME_BYTES];
	char holder[LEASE_HOLDER_BYTES];
	int64_t epoch;      /* 0: not held */
	int64_t renewed_ms; /* clock_mono_ms of the last renewal */
};

/* holder: unique to this process (host, pid, start). */
void lease_init(struct lease *l, const char *name, const char *holder);
/* Takes the lease when it is free, over, or its holder is a dead process of this host.
 * Returns: ST_OK, it is ours; ST_FENCED, somebody else has it (the sentence says who); ST_DB. */
MUST_USE enum status lease_take(struct ctx *cx, struct db *db, struct lease *l);
/* Renews when due. ST_FENCED: it was lost; epoch is then 0. Not inside a transaction. */
MUST_USE enum status lease_keep(struct ctx *cx, struct db *db, struct lease *l);
/* First statement of every transaction that writes under the lease. ST_FENCED: roll back and stop. */
MUST_USE enum status lease_fence(struct ctx *cx, struct db *db, struct lease *l);
/* Gives it back, for a clean stop. */
void lease_release(struct ctx *cx, struct db *db, struct lease *l);

/* "host/pid/start-time" of this process. */
void lease_self(char out[LEASE_HOLDER_BYTES]);

#endif
