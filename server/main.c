/* SPDX-License-Identifier: Apache-2.0
 *
 * ferryd: reads the command line, finds the command, says in one sentence what went wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/commands.h"
#include "server/version.h"

enum { MAIN_ARENA_BYTES = 64 * 1024 * 1024, MAIN_STATUS_USAGE = 2 };

static void main_print_option(FILE *out, const char *option, const char *help)
{
	fprintf(out, "  %-34s %s\n", option, help);
}

static void main_print_options(FILE *out)
{
	fputs("\nOptions:\n", out);
	main_print_option(out, "-c, --config FILE",
			  "the configuration ($FERRY_CONFIG, else /etc/ferry/ferry.yaml)");
	main_print_option(out, "-h, --help", "this text, or a command's");
	main_print_option(out, "-V, --version", "the version");
}

static void main_print_help(FILE *out)
{
	fputs("ferryd carries identity and messages across chains.\n\nUsage: ferryd COMMAND "
	      "[ARGUMENT...] [--config FILE]\n\nCommands:\n",
	      out);
	for (size_t i = 0; i < commands_n; i++) {
		char words[64];
		snprintf(words, sizeof words, "%s%s%s", commands[i].words,
			 commands[i].args[0] ? " " : "", commands[i].args);
		main_print_option(out, words, commands[i].help);
	}
	main_print_options(out);
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 the configuration is wrong, 4 try "
	      "again later.\n",
	      out);
}

static void main_print_command(FILE *out, const struct command *command)
{
	fprintf(out, "Usage: ferryd %s%s%s [--config FILE]\n\n%s\n", command->words,
		command->args[0] ? " " : "", command->args, command->help);
	main_print_options(out);
}

static int __attribute__((format(printf, 1, 2))) main_refuse(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("ferryd: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs("; see ferryd --help\n", stderr);
	va_end(ap);
	return MAIN_STATUS_USAGE;
}

static int main_run(const struct command *command, struct command_call *call)
{
	struct ctx cx;
	struct arena *arena = arena_create(MAIN_ARENA_BYTES);
	ctx_init(&cx, arena, CTX_DEADLINE_NONE, command->words);
	call->cx = &cx;
	enum status st = command_run(command, call);
	if (st != ST_OK && st != ST_CANCELLED)
		fprintf(stderr, "ferryd %s: %s\n", command->words, cx.err.message);
	arena_destroy(arena);
	if (fflush(stdout) != 0 && st == ST_OK) {
		fprintf(stderr, "ferryd %s: the output cannot be written\n", command->words);
		st = ST_INTERNAL;
	}
	return command_exit_status(st, command->needs);
}

/* What the options said. */
struct main_options {
	bool help;
	bool version;
	const char *config_path;
	unsigned roles;
};

static int main_read_options(int argc, char **argv, struct main_options *out)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"role", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	opterr = 0;
	for (int got; (got = getopt_long(argc, argv, ":c:r:hV", known, NULL)) != -1;) {
		if (got == 'c')
			out->config_path = optarg;
		else if (got == 'h')
			out->help = true;
		else if (got == 'V')
			out->version = true;
		else if (got == 'r' && strcmp(optarg, "serve") == 0)
			out->roles |= CONFIG_SERVE;
		else if (got == 'r' && strcmp(optarg, "relay") == 0)
			out->roles |= CONFIG_RELAY;
		else if (got == 'r')
			return main_refuse("--role is serve or relay, not '%s'", optarg);
		else if (got == ':')
			return main_refuse("%s needs a value", argv[optind - 1]);
		else
			return main_refuse("unknown option %s", argv[optind - 1]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct main_options options = {0};
	int status = main_read_options(argc, argv, &options);
	if (status != 0)
		return status;
	char *const *words = argv + optind;
	size_t n = (size_t)(argc - optind);
	bool help = options.help || (n > 0 && strcmp(words[0], "help") == 0);
	if (n > 0 && strcmp(words[0], "help") == 0)
		words++, n--;
	if (options.version && n == 0) {
		puts("ferryd " FERRY_VERSION);
		return 0;
	}
	if (n == 0) {
		main_print_help(help ? stdout : stderr);
		return help ? 0 : MAIN_STATUS_USAGE;
	}
	size_t used;
	const struct command *command = command_find(words, n, &used);
	if (!command)
		return main_refuse("there is no command '%s'", words[0]);
	if (help) {
		main_print_command(stdout, command);
		return 0;
	}
	if (n - used != command->args_n)
		return main_refuse("ferryd %s takes %zu %s: %s", command->words, command->args_n,
				   command->args_n == 1 ? "argument" : "arguments",
				   command->args[0] ? command->args : "none");
	struct command_call call = {.config_path = options.config_path, .roles = options.roles};
	call.args_n = command->args_n;
	for (size_t i = 0; i < call.args_n; i++)
		call.args[i] = words[used + i];
	return main_run(command, &call);
}
