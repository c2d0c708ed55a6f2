/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strerrordesc_np */
#include "server/config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chain/account.h"
#include "chain/u256.h"
#include "server/yamldoc.h"

#define REQUIRED NULL
#define ABSENT ""

enum config_map {
	MAP_NONE, MAP_root, MAP_http, MAP_grpc, MAP_admin, MAP_limits, MAP_relay, MAP_committee,
	MAP_key, MAP_chain, MAP_signers, MAP_contracts,
};

static const char *const map_titles[] = {
	[MAP_NONE] = "",
	[MAP_root] = "The file",
	[MAP_http] = "http",
	[MAP_grpc] = "grpc",
	[MAP_admin] = "admin",
	[MAP_limits] = "limits",
	[MAP_relay] = "relay",
	[MAP_committee] = "committee",
	[MAP_key] = "committee.signers[], chains[].signers.submit and .deliver",
	[MAP_chain] = "chains[]",
	[MAP_signers] = "chains[].signers",
	[MAP_contracts] = "chains[].contracts",
};

static const size_t map_bytes[] = {
	[MAP_key] = sizeof(struct config_key),
	[MAP_chain] = sizeof(struct config_chain),
};

enum config_type {
	TYPE_TEXT, TYPE_WORD, TYPE_SECRET, TYPE_LISTEN, TYPE_ADDR, TYPE_U64, TYPE_BOOL, TYPE_WEI,
	TYPE_LEVEL, TYPE_URLS, TYPE_TEXTS, TYPE_MAP, TYPE_LIST,
};

struct config_option {
	enum config_map map;
	const char *name;
	enum config_type type;
	enum config_map of;
	const char *standard; /* REQUIRED, ABSENT or the text */
	uint64_t min;
	uint64_t max;
	const char *help;
	size_t offset;
};

static const struct config_option options[] = {
#define MAP_OF(of) MAP_##of
#define X(map, member, type, of, standard, min, max, help) \
	{MAP_##map,  #member,  TYPE_##type,                \
	 MAP_OF(of), standard, min,                        \
	 max,	     help,     offsetof(struct config_##map, member)},
#include "server/config.def"
#undef X
};
enum { OPTIONS_COUNT = sizeof options / sizeof options[0] };

/* The structs of config.h have the types of the table. */
#define C_TEXT(of) const char *
#define C_WORD(of) const char *
#define C_SECRET(of) const char *
#define C_LISTEN(of) const char *
#define C_ADDR(of) struct addr
#define C_U64(of) uint64_t
#define C_BOOL(of) bool
#define C_WEI(of) const char *
#define C_LEVEL(of) enum log_level
#define C_URLS(of) struct config_texts
#define C_TEXTS(of) struct config_texts
#define C_MAP(of) struct config_##of
#define C_LIST(of) struct config_##of##s
#define X(map, member, type, of, ...)                                                         \
	_Static_assert(__builtin_types_compatible_p(                                          \
			       __typeof__(((struct config_##map *)0)->member), C_##type(of)), \
		       "config.h and config.def differ: " #map "." #member);
#include "server/config.def"
#undef X

/* One reading of a file. */
struct config_reading {
	struct ctx *cx;
	struct config_report *report;
	const char *name;
	const char *folder;	  /* of relative paths, with the slash at its end */
	const char *database_url; /* of the environment, or NULL */
};

void config_problem(struct ctx *cx, struct config_report *report, const char *name, int line,
		    const char *fmt, ...)
{
	if (report->n == CONFIG_PROBLEMS_MAX) {
		report->dropped++;
		return;
	}
	va_list ap;
	va_start(ap, fmt);
	const char *why = arena_vprintf(cx->arena, fmt, ap);
	va_end(ap);
	report->lines[report->n++] = line ? arena_printf(cx->arena, "%s:%d: %s", name, line, why)
					  : arena_printf(cx->arena, "%s: %s", name, why);
}

#define problem(r, line, ...) config_problem((r)->cx, (r)->report, (r)->name, (line), __VA_ARGS__)

/* What was written, short and printable: for sentences. Never for secrets. */
static const char *config_quote(struct config_reading *r, const char *text)
{
	char *out = arena_strndup(r->cx->arena, text, strnlen(text, 60));
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	return out;
}

/* Texts --------------------------------------------------------------------------------------- */

static bool config_text_is_clean(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	return true;
}

/* Is its length allowed, and is it free of control characters? */
static bool config_check_text(struct config_reading *r, const struct config_option *o,
			      const struct yamldoc_node *node, const char *path)
{
	size_t n = strlen(node->text);
	if (n < o->min || n > o->max)
		problem(r, node->line, "%s must have %" PRIu64 " to %" PRIu64 " characters", path,
			o->min, o->max);
	else if (!config_text_is_clean(node->text))
		problem(r, node->line, "%s has control characters in it", path);
	else
		return true;
	return false;
}

static void config_read_text(struct config_reading *r, const struct config_option *o, void *at,
			     const struct yamldoc_node *node, const char *path)
{
	if (config_check_text(r, o, node, path))
		*(const char **)at = node->text;
}

static void config_read_word(struct config_reading *r, const struct config_option *o, void *at,
			     const struct yamldoc_node *node, const char *path)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	if (!config_check_text(r, o, node, path))
		return;
	if (strspn(node->text, allowed) != strlen(node->text))
		problem(r, node->line, "%s may have lower-case letters, digits, - and _ only",
			path);
	else
		*(const char **)at = node->text;
}

static void config_read_secret(struct config_reading *r, const struct config_option *o, void *at,
			       const struct yamldoc_node *node, const char *path)
{
	if (!config_check_text(r, o, node, path))
		return;
	*(const char **)at = node->text[0] == '/'
				     ? node->text
				     : arena_printf(r->cx->arena, "%s%s", r->folder, node->text);
}

enum status config_parse_listen(struct ctx *cx, const char **host, uint16_t *port, const char *text)
{
	const char *colon = strrchr(text, ':');
	if (!colon || colon == text)
		return fail(cx, ST_INVALID, "must be an address and a port, as 127.0.0.1:8080");
	size_t n = (size_t)(colon - text);
	bool bracketed = text[0] == '[' && text[n - 1] == ']';
	if (!bracketed && memchr(text, ':', n))
		return fail(cx, ST_INVALID, "an IPv6 address stands in brackets, as [::1]:8080");
	*host = bracketed ? arena_strndup(cx->arena, text + 1, n - 2)
			  : arena_strndup(cx->arena, text, n);
	size_t digits = strspn(colon + 1, "0123456789");
	unsigned long v = digits >= 1 && digits <= 5 ? strtoul(colon + 1, NULL, 10) : 0;
	if (colon[1 + digits] || v < 1 || v > 65535)
		return fail(cx, ST_INVALID, "the port must be a number from 1 to 65535");
	*port = (uint16_t)v;
	return ST_OK;
}

static void config_read_listen(struct config_reading *r, const struct config_option *o, void *at,
			       const struct yamldoc_node *node, const char *path)
{
	const char *host;
	uint16_t port;
	if (!config_check_text(r, o, node, path))
		return;
	if (config_parse_listen(r->cx, &host, &port, node->text) != ST_OK)
		problem(r, node->line, "%s: %s, not '%s'", path, r->cx->err.message,
			config_quote(r, node->text));
	else
		*(const char **)at = node->text;
	ctx_error_clear(r->cx);
}

static void config_read_addr(struct config_reading *r, const struct config_option *o, void *at,
			     const struct yamldoc_node *node, const char *path)
{
	(void)o;
	struct addr a;
	uint8_t raw[20];
	size_t n = strlen(node->text);
	if (account_parse(&a, node->text, n) == ST_OK)
		*(struct addr *)at = a;
	else if (hex_decode_fixed(node->text, n, raw, sizeof raw))
		problem(r, node->line,
			"%s: '%s' has a wrong checksum (EIP-55): a digit is mistyped", path,
			config_quote(r, node->text));
	else
		problem(r, node->line, "%s must be an address, 0x and 40 hex digits, not '%s'",
			path, config_quote(r, node->text));
}

/* Numbers ------------------------------------------------------------------------------------- */

static void config_read_u64(struct config_reading *r, const struct config_option *o, void *at,
			    const struct yamldoc_node *node, const char *path)
{
	size_t n = strlen(node->text);
	bool is_number = !node->quoted && n >= 1 && n <= 20 &&
			 strspn(node->text, "0123456789") == n && (node->text[0] != '0' || n == 1);
	errno = 0;
	uint64_t v = is_number ? strtoull(node->text, NULL, 10) : 0;
	if (!is_number || errno != 0 || v < o->min || v > o->max)
		problem(r, node->line,
			"%s must be a whole number from %" PRIu64 " to %" PRIu64 ", not %s'%s'",
			path, o->min, o->max, node->quoted ? "the text " : "",
			config_quote(r, node->text));
	else
		*(uint64_t *)at = v;
}

static void config_read_bool(struct config_reading *r, const struct config_option *o, void *at,
			     const struct yamldoc_node *node, const char *path)
{
	(void)o;
	bool is_true = strcmp(node->text, "true") == 0;
	if (node->quoted || (!is_true && strcmp(node->text, "false") != 0))
		problem(r, node->line, "%s must be true or false, not '%s'", path,
			config_quote(r, node->text));
	else
		*(bool *)at = is_true;
}

static void config_read_wei(struct config_reading *r, const struct config_option *o, void *at,
			    const struct yamldoc_node *node, const char *path)
{
	(void)o;
	struct u256 v;
	if (u256_parse(&v, node->text, strlen(node->text)) != ST_OK || !u256_fits(v, 127))
		problem(r, node->line,
			"%s must be an amount of wei, decimal digits below 2^127, not '%s'", path,
			config_quote(r, node->text));
	else
		*(const char **)at = node->text;
}

static void config_read_level(struct config_reading *r, const struct config_option *o, void *at,
			      const struct yamldoc_node *node, const char *path)
{
	(void)o;
	static const char *const names[] = {"debug", "info", "warn", "error"};
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(node->text, names[i]) == 0) {
			*(enum log_level *)at = (enum log_level)i;
			return;
		}
	}
	problem(r, node->line, "%s must be debug, info, warn or error, not '%s'", path,
		config_quote(r, node->text));
}

/* Lists of texts ------------------------------------------------------------------------------ */

/* Every list is stored as {v, n}. */
struct config_list {
	const void *v;
	size_t n;
};
_Static_assert(sizeof(struct config_list) == sizeof(struct config_texts), "one form of lists");
_Static_assert(sizeof(struct config_list) == sizeof(struct config_keys), "one form of lists");
_Static_assert(sizeof(struct config_list) == sizeof(struct config_chains), "one form of lists");

static bool config_check_count(struct config_reading *r, const struct config_option *o,
			       const struct yamldoc_node *node, const char *path)
{
	if (node->count >= o->min && node->count <= o->max)
		return true;
	problem(r, node->line, "%s must have %" PRIu64 " to %" PRIu64 " members, not %zu", path,
		o->min, o->max, node->count);
	return false;
}

static bool config_is_url(const char *text)
{
	const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
			   : strncmp(text, "http://", 7) == 0 ? text + 7
							      : NULL;
	return host && strcspn(host, "/?#@") > 0 && host[strcspn(host, "/?#@")] != '@' &&
	       !strpbrk(text, " \"<>\\");
}

static void config_read_texts(struct config_reading *r, const struct config_option *o, void *at,
			      const struct yamldoc_node *node, const char *path)
{
	if (!config_check_count(r, o, node, path))
		return;
	const char **v = arena_array(r->cx->arena, node->count, sizeof *v);
	size_t n = 0;
	for (const struct yamldoc_node *one = node->first; one; one = one->next) {
		if (one->kind != YAMLDOC_TEXT || one->text[0] == '\0' || strlen(one->text) > 1024 ||
		    !config_text_is_clean(one->text))
			problem(r, one->line, "%s[%zu] must be a text of 1 to 1024 characters",
				path, n);
		else if (o->type == TYPE_URLS && !config_is_url(one->text))
			problem(r, one->line,
				"%s[%zu] must be a URL that begins with http:// or https:// and "
				"names no user",
				path, n);
		else
			v[n] = one->text;
		n++;
	}
	*(struct config_list *)at = (struct config_list){v, n};
}

/* Maps and lists of maps ---------------------------------------------------------------------- */

static void config_read_map(struct config_reading *r, enum config_map map, void *out,
			    const struct yamldoc_node *node, const char *path);

static void config_read_list(struct config_reading *r, const struct config_option *o, void *at,
			     const struct yamldoc_node *node, const char *path)
{
	if (!config_check_count(r, o, node, path))
		return;
	uint8_t *v = arena_array(r->cx->arena, node->count, map_bytes[o->of]);
	size_t n = 0;
	for (const struct yamldoc_node *one = node->first; one; one = one->next, n++)
		config_read_map(r, o->of, v + n * map_bytes[o->of], one,
				arena_printf(r->cx->arena, "%s[%zu]", path, n));
	*(struct config_list *)at = (struct config_list){v, n};
}

/* How a type is read, and what it is called in sentences and documents. */
static const struct config_reader {
	enum yamldoc_kind kind;
	const char *title;
	void (*read)(struct config_reading *r, const struct config_option *o, void *at,
		     const struct yamldoc_node *node, const char *path);
} readers[] = {
	[TYPE_TEXT] = {YAMLDOC_TEXT, "text", config_read_text},
	[TYPE_WORD] = {YAMLDOC_TEXT, "word", config_read_word},
	[TYPE_SECRET] = {YAMLDOC_TEXT, "path of a secret file", config_read_secret},
	[TYPE_LISTEN] = {YAMLDOC_TEXT, "address:port", config_read_listen},
	[TYPE_ADDR] = {YAMLDOC_TEXT, "contract address", config_read_addr},
	[TYPE_U64] = {YAMLDOC_TEXT, "number", config_read_u64},
	[TYPE_BOOL] = {YAMLDOC_TEXT, "true or false", config_read_bool},
	[TYPE_WEI] = {YAMLDOC_TEXT, "wei, decimal", config_read_wei},
	[TYPE_LEVEL] = {YAMLDOC_TEXT, "log level", config_read_level},
	[TYPE_URLS] = {YAMLDOC_LIST, "list of URLs", config_read_texts},
	[TYPE_TEXTS] = {YAMLDOC_LIST, "list of texts", config_read_texts},
	[TYPE_MAP] = {YAMLDOC_MAP, "map", NULL},
	[TYPE_LIST] = {YAMLDOC_LIST, "list of maps", config_read_list},
};

static bool config_map_has_required(enum config_map map)
{
	for (size_t i = 0; i < OPTIONS_COUNT; i++)
		if (options[i].map == map && options[i].standard == REQUIRED)
			return true;
	return false;
}

static void config_read_value(struct config_reading *r, const struct config_option *o, void *at,
			      const struct yamldoc_node *node, const char *path)
{
	const struct config_reader *reader = &readers[o->type];
	if (node->kind != reader->kind)
		problem(r, node->line, "%s must be %s, not %s", path,
			yamldoc_kind_name(reader->kind), yamldoc_kind_name(node->kind));
	else if (o->type == TYPE_MAP)
		config_read_map(r, o->of, at, node, path);
	else
		reader->read(r, o, at, node, path);
}

/* The option is not in the file. */
static void config_read_standard(struct config_reading *r, const struct config_option *o, void *at,
				 const struct yamldoc_node *map, const char *path)
{
	const struct yamldoc_node empty = {.kind = YAMLDOC_MAP, .line = map->line};
	const struct yamldoc_node text = {
		.kind = YAMLDOC_TEXT, .line = map->line, .text = o->standard};
	if (o->standard == REQUIRED)
		problem(r, map->line, "%s is missing: %s", path, o->help);
	else if (o->type == TYPE_MAP && !config_map_has_required(o->of))
		config_read_map(r, o->of, at, &empty, path);
	else if (o->standard[0])
		config_read_value(r, o, at, &text, path);
}

static void config_refuse_unknown(struct config_reading *r, enum config_map map,
				  const struct yamldoc_node *node, const char *where)
{
	struct buf known;
	buf_init(&known, r->cx->arena, 4096);
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		if (options[i].map != map)
			continue;
		if (strcmp(options[i].name, node->key) == 0)
			return;
		buf_printf(&known, "%s%s", known.n ? ", " : "", options[i].name);
	}
	problem(r, node->line, "unknown option '%s'%s%s; there are: %s", config_quote(r, node->key),
		where[0] ? " in " : "", where, buf_text(&known));
}

static void config_read_map(struct config_reading *r, enum config_map map, void *out,
			    const struct yamldoc_node *node, const char *path)
{
	if (node->kind != YAMLDOC_MAP) {
		problem(r, node->line, "%s must be a map, not %s", path[0] ? path : "the file",
			yamldoc_kind_name(node->kind));
		return;
	}
	for (const struct yamldoc_node *one = node->first; one; one = one->next)
		config_refuse_unknown(r, map, one, path);
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		const struct config_option *o = &options[i];
		if (o->map != map)
			continue;
		void *at = (uint8_t *)out + o->offset;
		const char *name =
			path[0] ? arena_printf(r->cx->arena, "%s.%s", path, o->name) : o->name;
		const struct yamldoc_node *value = yamldoc_member(node, o->name);
		if (map == MAP_root && r->database_url && strcmp(o->name, "database_url") == 0)
			*(const char **)at = r->database_url;
		else if (value)
			config_read_value(r, o, at, value, name);
		else
			config_read_standard(r, o, at, node, name);
	}
}

/* Files --------------------------------------------------------------------------------------- */

static enum status config_result(struct ctx *cx, const struct config_report *report)
{
	if (report->n == 0)
		return ST_OK;
	size_t more = report->n - 1 + report->dropped;
	if (more == 0)
		return fail(cx, ST_INVALID, "%s", report->lines[0]);
	return fail(cx, ST_INVALID, "%.180s (and %zu more; see ferryd check-config)",
		    report->lines[0], more);
}

static enum status config_decode(struct ctx *cx, struct config *out, struct config_report *report,
				 struct bytes text, const char *name, const char *database_url)
{
	const char *slash = strrchr(name, '/');
	struct config_reading r = {
		.cx = cx,
		.report = report,
		.name = name,
		.folder = slash ? arena_strndup(cx->arena, name, (size_t)(slash - name) + 1) : "",
		.database_url = database_url,
	};
	memset(out, 0, sizeof *out);
	memset(report, 0, sizeof *report);
	const struct yamldoc_node *root;
	enum status st = yamldoc_parse(cx, &root, text, name);
	if (st != ST_OK) {
		report->lines[report->n++] = arena_strdup(cx->arena, cx->err.message);
		return st == ST_TOO_LARGE ? fail(cx, ST_INVALID, "%s", report->lines[0]) : st;
	}
	config_read_map(&r, MAP_root, &out->file, root, "");
	return config_result(cx, report);
}

enum status config_parse(struct ctx *cx, struct config *out, struct config_report *report,
			 struct bytes text, const char *name)
{
	return config_decode(cx, out, report, text, name, NULL);
}

static void config_file_close(void *f)
{
	fclose(f);
}

static enum status config_read_file(struct ctx *cx, struct bytes *out, const char *path)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return fail(cx, ST_NOT_FOUND, "%s cannot be opened: %s", path,
			    strerrordesc_np(errno));
	arena_defer(cx->arena, config_file_close, f);
	uint8_t *p = arena_alloc(cx->arena, YAMLDOC_BYTES_MAX + 1);
	size_t n = fread(p, 1, YAMLDOC_BYTES_MAX + 1, f);
	if (ferror(f))
		return fail(cx, ST_NOT_FOUND, "%s cannot be read: %s", path,
			    strerrordesc_np(errno));
	*out = bytes_of(p, n);
	return ST_OK;
}

enum status config_load(struct ctx *cx, struct config *out, struct config_report *report,
			const char *path, unsigned roles)
{
	memset(report, 0, sizeof *report);
	struct bytes text;
	enum status st = config_read_file(cx, &text, path);
	if (st != ST_OK) {
		report->lines[report->n++] = arena_strdup(cx->arena, cx->err.message);
		return st;
	}
	const char *url = getenv("FERRY_DATABASE_URL");
	TRY(config_decode(cx, out, report, text, path, url && url[0] ? url : NULL));
	config_check(cx, out, report, path, roles);
	TRY(config_result(cx, report));
	if (!(roles & CONFIG_SERVE))
		return ST_OK;
	TRY(config_read_token_key(cx, out->page_token_key, out->file.page_token_key_file));
	if (out->file.receipt_key_file)
		TRY(config_read_token_key(cx, out->receipt_key, out->file.receipt_key_file));
	return ST_OK;
}

/* The document -------------------------------------------------------------------------------- */

static void config_describe_option(struct buf *out, const struct config_option *o)
{
	buf_printf(out, "| `%s` | %s | ", o->name, readers[o->type].title);
	if (o->standard == REQUIRED)
		buf_puts(out, "required");
	else if (o->standard[0])
		buf_printf(out, "`%s`", o->standard);
	else
		buf_puts(out, o->type == TYPE_MAP ? "its defaults, or none" : "none");
	bool sized = o->type == TYPE_TEXT || o->type == TYPE_WORD;
	bool counted = readers[o->type].kind == YAMLDOC_LIST;
	buf_puts(out, " | ");
	if (o->max)
		buf_printf(out, "%" PRIu64 " – %" PRIu64 "%s", o->min, o->max,
			   sized     ? " characters"
			   : counted ? " members"
				     : "");
	else
		buf_puts(out, "–");
	buf_printf(out, " | %s |\n", o->help);
}

void config_describe(struct buf *out)
{
	buf_puts(
		out,
		"# Configuration\n\n"
		"Made by `ferryd config` from server/config.def. One YAML file for all roles; "
		"`ferryd check-config`\nsays what is wrong with one. Unknown options, values of "
		"another type or outside the limits, and options\ngiven twice are refused with the "
		"line they stand on. `FERRY_DATABASE_URL` in the environment comes before\n"
		"`database_url`. Relative paths are relative to the folder of the file.\n");
	for (enum config_map map = MAP_root; map <= MAP_contracts; map++) {
		buf_printf(out,
			   "\n## %s\n\n| option | type | default | limits | "
			   "|\n|---|---|---|---|---|\n",
			   map_titles[map]);
		for (size_t i = 0; i < OPTIONS_COUNT; i++)
			if (options[i].map == map)
				config_describe_option(out, &options[i]);
	}
}
