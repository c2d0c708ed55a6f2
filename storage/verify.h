/* SPDX-License-Identifier: Apache-2.0
 *
 * Does the database agree with itself? Every state is computed anew from the event log, every
 * outbox row from the state, every lane from its journal.
 */
#ifndef FERRY_STORAGE_VERIFY_H
#define FERRY_STORAGE_VERIFY_H

#include <stdio.h>

#include "storage/db.h"

/* Writes one line a divergence, the first 1000 of each kind, and a closing line.
 * Returns: ST_OK when there is none; ST_CONFLICT when there are; ST_DB. Reads one snapshot, so it may run beside a
 * working relay. Blocks on SQL for as long as it takes: minutes with tens of millions of events. */
MUST_USE enum status verify_journal(struct ctx *cx, struct db *db, FILE *out);

#endif
