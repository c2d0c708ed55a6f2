/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/state.h"

#include <assert.h>
#include <string.h>

static const struct {
	const char *name;
	enum outbox_stage stage;
	bool terminal;
} states[STATE_COUNT] = {
#define STATE(name, stage, terminal) [STATE_##name] = {#name, STAGE_##stage, terminal},
#include "storage/state.def"
};

static const bool moves[STATE_COUNT][STATE_COUNT] = {
#define MOVE(from, to) [STATE_##from][STATE_##to] = true,
#include "storage/state.def"
};

const char *state_name(enum message_state s)
{
	assert((unsigned)s < STATE_COUNT);
	return states[s].name;
}

enum message_state state_of_name(const char *name)
{
	for (int s = 0; s < STATE_COUNT; s++)
		if (strcmp(states[s].name, name) == 0)
			return (enum message_state)s;
	return STATE_COUNT;
}

bool state_can_move(enum message_state from, enum message_state to)
{
	assert((unsigned)from < STATE_COUNT && (unsigned)to < STATE_COUNT);
	return moves[from][to];
}

enum outbox_stage state_stage(enum message_state s)
{
	assert((unsigned)s < STATE_COUNT);
	return states[s].stage;
}

bool state_is_terminal(enum message_state s)
{
	assert((unsigned)s < STATE_COUNT);
	return states[s].terminal;
}

bool state_is_done(enum message_state s)
{
	return state_stage(s) == STAGE_CONFIRM;
}

size_t state_path(enum message_state from, enum message_state to, enum message_state *path)
{
	assert((unsigned)from < STATE_COUNT && (unsigned)to < STATE_COUNT);
	/* Breadth first, backwards, so that the first way found is written in order. */
	enum message_state next[STATE_COUNT] = {0}, queue[STATE_COUNT];
	bool seen[STATE_COUNT] = {false};
	size_t head = 0, tail = 0;
	seen[to] = true;
	queue[tail++] = to;
	while (head < tail && !seen[from]) {
		enum message_state at = queue[head++];
		/* What was not delivered must not get an event that says so: states of the end are no stops. */
		if (at != to && state_is_done(at))
			continue;
		for (int s = 0; s < STATE_COUNT; s++) {
			if (seen[s] || !moves[s][at])
				continue;
			seen[s] = true;
			next[s] = at;
			queue[tail++] = (enum message_state)s;
		}
	}
	if (!seen[from])
		return 0;
	size_t n = 0;
	for (enum message_state at = from; at != to; at = next[at])
		path[n++] = at;
	path[n++] = to;
	return n;
}
