/* SPDX-License-Identifier: Apache-2.0
 *
 * Heals lanes whose chain has used more nonces than the journal knows: the database was restored
 * from a backup. Nothing is guessed: what those transactions did is on the chain, and the observer
 * maps it to messages by request id. Only when it has worked through every block that holds one
 * of those nonces may the lane go on; until then a message could be sent twice.
 */
#ifndef FERRY_RELAY_DOCTOR_H
#define FERRY_RELAY_DOCTOR_H

#include <stdio.h>

#include "relay/relay.h"
#include "storage/db.h"

/* Looks at every lane of the database. Heals those that may be healed, says what it did and what is missing.
 * Returns: ST_OK when no lane is halted for this reason afterwards; ST_PRECONDITION when some still are (the sentence
 * says why); ST_CHAIN, ST_DB. A relay should be running: it moves the cursors. Blocks on SQL and on the nodes. */
MUST_USE enum status doctor_nonces(struct ctx *cx, const struct relay_config *config, struct db *db, FILE *out);

#endif
