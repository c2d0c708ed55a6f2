/* SPDX-License-Identifier: Apache-2.0
 *
 * The sub-commands of ferryd: one table, one function each. They print JSON, one object a line, or
 * plain text where a person is the reader, on standard output.
 */
#ifndef FERRY_SERVER_COMMANDS_H
#define FERRY_SERVER_COMMANDS_H

#include "server/config.h"
#include "storage/db.h"

enum { COMMAND_ARGS_MAX = 4 };

/* One call of ferryd. */
struct command_call {
	struct ctx *cx;
	const char *config_path; /* NULL: not given */
	unsigned roles;          /* --role of check-config: enum config_role, or-ed; 0: not given */
	const char *args[COMMAND_ARGS_MAX];
	size_t args_n;

	/* Made ready for the command as its row asks. */
	struct config config;
	struct db *db;
};

enum command_needs { COMMAND_NOTHING, COMMAND_CONFIG, COMMAND_DATABASE };

struct command {
	const char *words; /* "key add" */
	const char *args;  /* "APP secret|publishable"; "" for none */
	size_t args_n;
	enum command_needs needs;
	unsigned roles;    /* whose options are checked before it runs */
	const char *help;
	enum status (*run)(struct command_call *call);
};
extern const struct command commands[];
extern const size_t commands_n;

/* Finds the command whose words begin argv; *used: how many words it has. NULL: none. */
const struct command *command_find(char *const *argv, size_t n, size_t *used);
/* Makes ready what the row asks for and runs it. The sentence of a failure is in call->cx. */
MUST_USE enum status command_run(const struct command *command, struct command_call *call);
/* The program's: 0, 1 failed, 3 the configuration, 4 try again later. (2 is wrong usage.) */
int command_exit_status(enum status st, enum command_needs needs);

#endif
