/* SPDX-License-Identifier: Apache-2.0 */
#include "server/commands.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "relay/doctor.h"
#include "server/process.h"
#include "server/relay_process.h"
#include "server/serve.h"
#include "server/version.h"
#include "storage/app.h"
#include "storage/migrate.h"
#include "storage/verify.h"

#define COMMAND_CONFIG_PATH "/etc/ferry/ferry.yaml"
enum { COMMAND_DESCRIBE_BYTES_MAX = 256 * 1024 };

/* Prints one JSON object on a line and releases it. */
static void command_print(json_t *object)
{
	assert(object);
	json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(object);
}

/* Roles --------------------------------------------------------------------------------------- */

static enum status command_serve(struct command_call *call)
{
	return serve_run(call->cx, &call->config);
}

static enum status command_relay(struct command_call *call)
{
	return relay_process_run(call->cx, &call->config);
}

/* The database -------------------------------------------------------------------------------- */

static void command_migrated(void *arg, const struct migration *m)
{
	size_t *n = arg;
	++*n;
	printf("applied %04" PRId64 "_%s\n", m->number, m->name);
	fflush(stdout);
}

static enum status command_migrate(struct command_call *call)
{
	size_t n;
	size_t applied = 0;
	const struct migration *list = migrate_all(&n);
	TRY(migrate_run(call->cx, call->db, list, n, command_migrated, &applied));
	if (applied == 0)
		printf("nothing to do: the database is at %04zu\n", n);
	return ST_OK;
}

static enum status command_verify_journal(struct command_call *call)
{
	return verify_journal(call->cx, call->db, stdout);
}

static enum status command_nonce_doctor(struct command_call *call)
{
	struct relay_config relay = relay_process_config(call->cx->arena, &call->config.file);
	return doctor_nonces(call->cx, &relay, call->db, stdout);
}

/* Apps and keys ------------------------------------------------------------------------------- */

static json_t *command_app_name(const char *member, int64_t app_id)
{
	char text[32];
	snprintf(text, sizeof text, "app_%" PRId64, app_id);
	return json_pack("{s:s}", member, text);
}

static json_t *command_time(int64_t us)
{
	char text[CLOCK_RFC3339_BYTES];
	if (us == 0)
		return json_null();
	clock_rfc3339(text, us);
	return json_string(text);
}

/* "app_7", or its name. */
static enum status command_app(struct command_call *call, int64_t *app_id, const char *text)
{
	if (strncmp(text, "app_", 4) == 0) {
		size_t n = strspn(text + 4, "0123456789");
		if (n >= 1 && n <= 18 && text[4 + n] == '\0') {
			*app_id = (int64_t)strtoll(text + 4, NULL, 10);
			return ST_OK;
		}
	}
	return app_find(call->cx, call->db, app_id, text);
}

static enum status command_app_create(struct command_call *call)
{
	int64_t app_id;
	TRY(app_create(call->cx, call->db, &app_id, call->args[0]));
	json_t *out = command_app_name("app", app_id);
	json_object_set_new(out, "name", json_string(call->args[0]));
	command_print(out);
	return ST_OK;
}

static enum status command_app_list(struct command_call *call)
{
	struct app *apps;
	size_t n;
	TRY(app_list(call->cx, call->db, &apps, &n));
	for (size_t i = 0; i < n; i++) {
		json_t *out = command_app_name("app", apps[i].app_id);
		const struct hash *on_chain = &apps[i].chain_app_id;
		json_object_set_new(out, "name", json_string(apps[i].name));
		json_object_set_new(out, "chain_app_id",
				    json_string(hex_encode(call->cx->arena, on_chain->b,
							   sizeof on_chain->b)));
		json_object_set_new(out, "create_time", command_time(apps[i].created_us));
		command_print(out);
	}
	return ST_OK;
}

static enum status command_key_add(struct command_call *call)
{
	bool is_secret = strcmp(call->args[1], "secret") == 0;
	if (!is_secret && strcmp(call->args[1], "publishable") != 0)
		return fail(call->cx, ST_INVALID, "a key is secret or publishable, not '%.40s'",
			    call->args[1]);
	int64_t app_id;
	char token[APP_TOKEN_BYTES];
	TRY(command_app(call, &app_id, call->args[0]));
	TRY(app_key_add(call->cx, call->db, token, app_id, is_secret));
	char key_id[APP_KEY_ID_BYTES];
	snprintf(key_id, sizeof key_id, "%.*s", APP_KEY_ID_BYTES - 1, token + 3);
	json_t *out = command_app_name("app", app_id);
	json_object_set_new(out, "key_id", json_string(key_id));
	json_object_set_new(out, "kind", json_string(call->args[1]));
	json_object_set_new(out, "key", json_string(token));
	command_print(out);
	fputs("The key is shown this once: only its hash is stored.\n", stderr);
	return ST_OK;
}

static enum status command_key_list(struct command_call *call)
{
	int64_t app_id;
	struct app_key *keys;
	size_t n;
	TRY(command_app(call, &app_id, call->args[0]));
	TRY(app_key_list(call->cx, call->db, &keys, &n, app_id));
	for (size_t i = 0; i < n; i++) {
		json_t *out = command_app_name("app", app_id);
		json_object_set_new(out, "key_id", json_string(keys[i].key_id));
		json_object_set_new(out, "kind",
				    json_string(keys[i].is_secret ? "secret" : "publishable"));
		json_object_set_new(out, "create_time", command_time(keys[i].created_us));
		json_object_set_new(out, "revoke_time", command_time(keys[i].revoked_us));
		command_print(out);
	}
	return ST_OK;
}

static enum status command_key_revoke(struct command_call *call)
{
	int64_t app_id;
	TRY(command_app(call, &app_id, call->args[0]));
	TRY(app_key_revoke(call->cx, call->db, app_id, call->args[1]));
	json_t *out = command_app_name("app", app_id);
	json_object_set_new(out, "key_id", json_string(call->args[1]));
	json_object_set_new(out, "revoked", json_true());
	command_print(out);
	return ST_OK;
}

/* The configuration --------------------------------------------------------------------------- */

static const char *command_config_path(const struct command_call *call)
{
	const char *path = call->config_path ? call->config_path : getenv("FERRY_CONFIG");
	return path && path[0] ? path : COMMAND_CONFIG_PATH;
}

static enum status command_check_config(struct command_call *call)
{
	struct config_report report;
	unsigned roles = call->roles ? call->roles : CONFIG_SERVE | CONFIG_RELAY;
	enum status st =
		config_load(call->cx, &call->config, &report, command_config_path(call), roles);
	for (size_t i = 0; i < report.n; i++)
		puts(report.lines[i]);
	if (report.dropped)
		printf("and %zu more\n", report.dropped);
	if (st != ST_OK && report.n > 0)
		return fail(call->cx, ST_INVALID, "%zu %s found", report.n + report.dropped,
			    report.n + report.dropped == 1 ? "problem" : "problems");
	TRY(st);
	puts("OK");
	return ST_OK;
}

static enum status command_config(struct command_call *call)
{
	struct buf out;
	buf_init(&out, call->cx->arena, COMMAND_DESCRIBE_BYTES_MAX);
	config_describe(&out);
	assert(!out.overflow);
	fputs(buf_text(&out), stdout);
	return ST_OK;
}

static enum status command_version(struct command_call *call)
{
	(void)call;
	puts("ferryd " FERRY_VERSION);
	return ST_OK;
}

/* The table ----------------------------------------------------------------------------------- */

const struct command commands[] = {
	{"serve", "", 0, COMMAND_CONFIG, CONFIG_SERVE,
	 "Serve the API over HTTP and gRPC until told to end.", command_serve},
	{"relay", "", 0, COMMAND_CONFIG, CONFIG_RELAY,
	 "Carry messages between the chains until told to end.", command_relay},
	{"migrate", "", 0, COMMAND_DATABASE, CONFIG_DATABASE,
	 "Bring the database's schema to this program's. Run it before the roles of a new version.",
	 command_migrate},
	{"check-config", "", 0, COMMAND_NOTHING, 0,
	 "Say OK, or all that is wrong with the configuration. --role serve|relay: for that one.",
	 command_check_config},
	{"config", "", 0, COMMAND_NOTHING, 0,
	 "Print every option with its type, default and limits, as Markdown.", command_config},
	{"app create", "NAME", 1, COMMAND_DATABASE, CONFIG_DATABASE, "Make an app: a tenant.",
	 command_app_create},
	{"app list", "", 0, COMMAND_DATABASE, CONFIG_DATABASE, "List the apps.", command_app_list},
	{"key add", "APP secret|publishable", 2, COMMAND_DATABASE, CONFIG_DATABASE,
	 "Make a key of an app (its id or name) and show it this once.", command_key_add},
	{"key list", "APP", 1, COMMAND_DATABASE, CONFIG_DATABASE,
	 "List the keys of an app, without their secrets.", command_key_list},
	{"key revoke", "APP KEY_ID", 2, COMMAND_DATABASE, CONFIG_DATABASE,
	 "End a key for good; it is refused within seconds.", command_key_revoke},
	{"verify-journal", "", 0, COMMAND_DATABASE, CONFIG_DATABASE,
	 "Recompute every message's state from its events and report what differs.",
	 command_verify_journal},
	{"nonce doctor", "", 0, COMMAND_DATABASE, CONFIG_RELAY,
	 "Compare the journal of transactions with the chains and say what is stuck.",
	 command_nonce_doctor},
	{"version", "", 0, COMMAND_NOTHING, 0, "Print the version.", command_version},
};
const size_t commands_n = sizeof commands / sizeof commands[0];

/* Do the command's words stand at the start of argv? Returns how many; 0: no. */
static size_t command_matches(const char *words, char *const *argv, size_t n)
{
	size_t used = 0;
	for (const char *at = words; *at; used++) {
		size_t length = strcspn(at, " ");
		if (used == n || strlen(argv[used]) != length ||
		    strncmp(argv[used], at, length) != 0)
			return 0;
		at += length + (at[length] == ' ');
	}
	return used;
}

const struct command *command_find(char *const *argv, size_t n, size_t *used)
{
	for (size_t i = 0; i < commands_n; i++) {
		*used = command_matches(commands[i].words, argv, n);
		if (*used)
			return &commands[i];
	}
	return NULL;
}

/* Work on the database alone needs no file when the environment says where it is. */
static bool command_needs_no_file(const struct command *command, struct command_call *call)
{
	const char *url = getenv("FERRY_DATABASE_URL");
	if (command->roles != CONFIG_DATABASE || call->config_path || !url || !url[0])
		return false;
	call->config.file.database_url = url;
	return true;
}

static void command_close(void *db)
{
	db_close(db);
}

enum status command_run(const struct command *command, struct command_call *call)
{
	if (command->needs == COMMAND_NOTHING)
		return command->run(call);
	struct config_report report;
	if (!command_needs_no_file(command, call))
		TRY(config_load(call->cx, &call->config, &report, command_config_path(call),
				command->roles));
	if (command->needs == COMMAND_CONFIG)
		return command->run(call);
	process_begin_short();
	TRY(db_open(call->cx, call->config.file.database_url, command->words, &call->db));
	/* Transactions that are open roll back when the arena ends, before this. */
	arena_defer(call->cx->arena, command_close, call->db);
	return command->run(call);
}

int command_exit_status(enum status st, enum command_needs needs)
{
	enum { DONE = 0, FAILED = 1, CONFIGURATION = 3, AGAIN = 4 };
	if (st == ST_OK || st == ST_CANCELLED)
		return DONE;
	if (needs != COMMAND_DATABASE && (st == ST_INVALID || st == ST_NOT_FOUND))
		return CONFIGURATION;
	return status_is_retryable(st) ? AGAIN : FAILED;
}
