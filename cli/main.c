/* SPDX-License-Identifier: Apache-2.0
 *
 * ferry: a client of the server on the command line. The key comes from the environment or a file,
 * never from the command line, where everybody on the machine could read it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"

enum { MAIN_ARENA_BYTES = 256 * 1024 * 1024, MAIN_KEY_BYTES_MAX = 256 };
enum { MAIN_OK, MAIN_FAILED, MAIN_USAGE, MAIN_ENDED_BADLY };
enum { MAIN_HELP = 1000, MAIN_JSON, MAIN_URL, MAIN_KEY_FILE };

static const struct {
	const char *name, *argument, *help;
} texts[CLI_OPTIONS_COUNT] = {
#define X(id, name, argument, help) [CLI_##id] = {"--" name, argument, help},
	CLI_OPTIONS(X)
#undef X
};

static const struct option known[] = {
#define X(id, name, argument, help) \
	{name, (argument) ? required_argument : no_argument, NULL, CLI_##id},
	CLI_OPTIONS(X)
#undef X
		{"help", no_argument, NULL, MAIN_HELP},
	{"json", no_argument, NULL, MAIN_JSON},
	{"url", required_argument, NULL, MAIN_URL},
	{"key-file", required_argument, NULL, MAIN_KEY_FILE},
	{NULL, 0, NULL, 0},
};

static void main_print_row(FILE *out, const char *name, const char *argument, const char *help)
{
	char left[64];
	snprintf(left, sizeof left, "%s%s%s", name, argument ? " " : "", argument ? argument : "");
	fprintf(out, "  %-26s %s\n", left, help);
}

static void main_print_common(FILE *out)
{
	fputs("\nFor all commands:\n", out);
	main_print_row(out, "--url", "URL", "the server ($FERRY_URL, else http://127.0.0.1:8080)");
	main_print_row(out, "--key-file", "FILE", "file with the key; else $FERRY_KEY is the key");
	main_print_row(out, "--json", NULL, "the server's answers as they come, one a line");
	main_print_row(out, "--help", NULL, "this text, or a command's");
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 the watched message ended "
	      "without arriving.\n",
	      out);
}

static void main_print_help(FILE *out)
{
	fputs("ferry sends messages between chains and shows where they are.\n\n"
	      "Usage: ferry COMMAND [ID] [OPTION...]\n\nCommands:\n",
	      out);
	for (size_t i = 0; i < cli_commands_n; i++)
		main_print_row(out, cli_commands[i].name, cli_commands[i].argument,
			       cli_commands[i].help);
	main_print_common(out);
}

static void main_print_command(const struct cli_command *command)
{
	printf("Usage: ferry %s%s%s [OPTION...]\n\n%s\n\n", command->name,
	       command->argument ? " " : "", command->argument ? command->argument : "",
	       command->help);
	for (unsigned i = 0; i < CLI_OPTIONS_COUNT; i++)
		if (command->options & 1U << i)
			main_print_row(stdout, texts[i].name, texts[i].argument, texts[i].help);
	main_print_common(stdout);
}

static int __attribute__((format(printf, 1, 2))) main_refuse(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("ferry: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs("; see ferry --help\n", stderr);
	va_end(ap);
	return MAIN_USAGE;
}

static enum status main_read_key(struct ctx *cx, const char *path, const char **out)
{
	const char *from_environment = getenv("FERRY_KEY");
	if (!path) {
		*out = from_environment && from_environment[0] ? from_environment : NULL;
	} else {
		char *text = arena_alloc(cx->arena, MAIN_KEY_BYTES_MAX + 1);
		FILE *f = fopen(path, "re");
		if (!f)
			return fail(cx, ST_NOT_FOUND, "the key file %.200s cannot be opened", path);
		size_t n = fread(text, 1, MAIN_KEY_BYTES_MAX, f);
		fclose(f);
		text[n] = '\0';
		text[strcspn(text, "\r\n")] = '\0';
		*out = text;
	}
	for (const char *c = *out; c && *c; c++)
		if (*c <= ' ' || *c > '~')
			return fail(cx, ST_INVALID, "the key has characters that no key has");
	return ST_OK;
}

/* What the command line said. */
struct main_line {
	struct cli_call call;
	unsigned given; /* bits of enum cli_option */
	const char *url;
	const char *key_file;
	bool help;
};

static int main_read_options(int argc, char **argv, struct main_line *line)
{
	opterr = 0;
	for (int got; (got = getopt_long(argc, argv, ":o:", known, NULL)) != -1;) {
		if (got == 'o')
			got = CLI_OUT;
		if (got == MAIN_HELP)
			line->help = true;
		else if (got == MAIN_JSON)
			line->call.json = true;
		else if (got == MAIN_URL)
			line->url = optarg;
		else if (got == MAIN_KEY_FILE)
			line->key_file = optarg;
		else if (got == ':')
			return main_refuse("%s needs a value", argv[optind - 1]);
		else if (got == '?')
			return main_refuse("unknown option %s", argv[optind - 1]);
		else {
			line->call.options[got] = optarg ? optarg : "";
			line->given |= 1U << got;
		}
	}
	return MAIN_OK;
}

static int main_run(const struct cli_command *command, struct main_line *line)
{
	struct ctx cx;
	struct arena *arena = arena_create(MAIN_ARENA_BYTES);
	ctx_init(&cx, arena, CTX_DEADLINE_NONE, "ferry");
	line->call.cx = &cx;
	const char *key = NULL;
	enum status st = main_read_key(&cx, line->key_file, &key);
	if (st == ST_OK) {
		const char *url = line->url ? line->url : getenv("FERRY_URL");
		line->call.client =
			client_create(arena, url && url[0] ? url : "http://127.0.0.1:8080", key);
		st = command->run(&line->call);
		client_destroy(line->call.client);
	}
	if (st == ST_UNAUTHENTICATED && !key)
		fputs("ferry: the server wants a key: set FERRY_KEY or give --key-file\n", stderr);
	else if (st != ST_OK)
		fprintf(stderr, "ferry: %s\n", cx.err.message);
	arena_destroy(arena);
	if (st != ST_OK)
		return MAIN_FAILED;
	return line->call.ended_badly ? MAIN_ENDED_BADLY : MAIN_OK;
}

/* Do the first *used words name the command? */
static bool main_is(const struct cli_command *command, char *const *words, int n, int *used)
{
	size_t first = strlen(words[0]);
	const char *name = command->name;
	*used = strchr(name, ' ') ? 2 : 1;
	if (*used > n || strncmp(name, words[0], first) != 0)
		return false;
	return *used == 1 ? name[first] == '\0'
			  : name[first] == ' ' && strcmp(name + first + 1, words[1]) == 0;
}

static const struct cli_command *main_find(char *const *words, int n, int *used)
{
	for (size_t i = 0; i < cli_commands_n; i++)
		if (main_is(&cli_commands[i], words, n, used))
			return &cli_commands[i];
	return NULL;
}

/* The first option that was given and that the command does not take; -1: none. */
static int main_foreign_option(const struct cli_command *command, unsigned given)
{
	for (int i = 0; i < CLI_OPTIONS_COUNT; i++)
		if (given & ~command->options & 1U << i)
			return i;
	return -1;
}

int main(int argc, char **argv)
{
	struct main_line line = {0};
	int status = main_read_options(argc, argv, &line);
	if (status != MAIN_OK)
		return status;
	char *const *words = argv + optind;
	int n = argc - optind;
	if (n == 0) {
		main_print_help(line.help ? stdout : stderr);
		return line.help ? MAIN_OK : MAIN_USAGE;
	}
	int used;
	const struct cli_command *command = main_find(words, n, &used);
	if (!command)
		return main_refuse("there is no command '%s%s%s'", words[0], n > 1 ? " " : "",
				   n > 1 ? words[1] : "");
	if (line.help) {
		main_print_command(command);
		return MAIN_OK;
	}
	if (n - used != (command->argument ? 1 : 0))
		return main_refuse("ferry %s takes %s%s", command->name,
				   command->argument ? "one " : "no argument",
				   command->argument ? command->argument : "");
	int foreign = main_foreign_option(command, line.given);
	if (foreign >= 0)
		return main_refuse("ferry %s takes no %s", command->name, texts[foreign].name);
	line.call.id = command->argument ? words[used] : NULL;
	return main_run(command, &line);
}
