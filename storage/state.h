/* SPDX-License-Identifier: Apache-2.0
 *
 * The states of a message: names, legal moves, and the way from one to another. Pure.
 */
#ifndef FERRY_STORAGE_STATE_H
#define FERRY_STORAGE_STATE_H

#include <stdbool.h>
#include <stddef.h>

enum message_state {
#define STATE(name, stage, terminal) STATE_##name,
#include "storage/state.def"
	STATE_COUNT
};

/* What is to be done for a message: the outbox row's `stage`. */
enum outbox_stage {
	STAGE_NONE = 0,
	STAGE_SUBMIT = 1,
	STAGE_TRACK = 2,
	STAGE_FINALITY = 3,
	STAGE_ATTEST = 4,
	STAGE_EXECUTE = 5,
	STAGE_CONFIRM = 6,
};

/* "ACCEPTED"; the same in the database, REST and gRPC (with the STATE_ prefix there). */
const char *state_name(enum message_state s);
/* Returns STATE_COUNT when there is no such state. */
enum message_state state_of_name(const char *name);
bool state_can_move(enum message_state from, enum message_state to);
enum outbox_stage state_stage(enum message_state s);
/* FAILED, CANCELLED, EXPIRED: nothing can follow. The others of the end are final only with dst_final. */
bool state_is_terminal(enum message_state s);
/* Has the path moved past the message on the destination? */
bool state_is_done(enum message_state s);

/* The shortest legal way from one state to another, both included, that passes through none of the states in
 * which a message is done.
 * Returns: its length, 1 when from == to; 0 when there is none. `path` has room for STATE_COUNT. */
size_t state_path(enum message_state from, enum message_state to, enum message_state *path);

#endif
