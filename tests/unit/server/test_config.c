/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "server/config.h"

/* A file in which everything is right, but for the files it names. */
static const char sound[] =
	"database_url: postgresql:///ferry?host=/run/pg&user=ferry\n"
	"http: {listen: \"127.0.0.1:8080\"}\n"
	"grpc: {listen: \"127.0.0.1:9090\"}\n"
	"admin: {listen: \"[::1]:8081\"}\n"
	"cors_origins: [\"https://app.example\"]\n"
	"page_token_key_file: token\n"
	"committee:\n"
	"  quorum: 2\n"
	"  signers:\n"
	"    - {keystore: k1, password_file: pw}\n"
	"    - {keystore: k2, password_file: pw}\n"
	"    - {keystore: k3, password_file: pw}\n"
	"chains:\n"
	"  - name: identity\n"
	"    eid: 40161\n"
	"    chain_id: 31337\n"
	"    rpc: [\"http://10.0.0.1:8545\", \"https://node.example/key\"]\n"
	"    finality_blocks: 12\n"
	"    confirmations: 12\n"
	"    dvn_vid: 10161\n"
	"    contracts: {endpoint: '0x0000000000000000000000000000000000000001',\n"
	"      send_uln: '0x0000000000000000000000000000000000000002',\n"
	"      receive_uln: '0x0000000000000000000000000000000000000003',\n"
	"      dvn: '0x0000000000000000000000000000000000000004',\n"
	"      executor: '0x0000000000000000000000000000000000000005',\n"
	"      messenger: 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed,\n"
	"      batcher: '0x0000000000000000000000000000000000000007'}\n"
	"    signers: {submit: {keystore: s1, password_file: pw}, deliver: {keystore: d1, "
	"password_file: pw}}\n"
	"  - name: rollup\n"
	"    eid: 40245\n"
	"    chain_id: 31338\n"
	"    rpc: [\"http://10.0.0.2:8545\", \"http://10.0.0.3:8545\"]\n"
	"    finality_blocks: 1\n"
	"    confirmations: 1\n"
	"    dvn_vid: 10245\n"
	"    deploy_block: 7\n"
	"    contracts: {endpoint: '0x0000000000000000000000000000000000000001',\n"
	"      send_uln: '0x0000000000000000000000000000000000000002',\n"
	"      receive_uln: '0x0000000000000000000000000000000000000003',\n"
	"      dvn: '0x0000000000000000000000000000000000000004',\n"
	"      executor: '0x0000000000000000000000000000000000000005',\n"
	"      messenger: '0x0000000000000000000000000000000000000006',\n"
	"      batcher: '0x0000000000000000000000000000000000000007'}\n"
	"    signers: {submit: {keystore: s2, password_file: pw}, deliver: {keystore: d2, "
	"password_file: pw}}\n";

/* The sound file with the first `from` replaced by `to`. */
static const char *changed(struct ctx *cx, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	ck_assert_msg(at, "'%s' is not in the file", from);
	return arena_printf(cx->arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static enum status parse(struct ctx *cx, struct config *config, struct config_report *report,
			 const char *text)
{
	ctx_error_clear(cx);
	return config_parse(cx, config, report, bytes_of(text, strlen(text)), "etc/ferry.yaml");
}

static void assert_reported(const struct config_report *report, const char *words)
{
	for (size_t i = 0; i < report->n; i++)
		if (strstr(report->lines[i], words))
			return;
	ck_abort_msg("no problem says '%s'; the first of %zu is '%s'", words, report->n,
		     report->n ? report->lines[0] : "");
}

START_TEST(a_sound_file_becomes_what_it_says)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	ck_ok(cx, parse(cx, &config, &report, sound));
	ck_assert_uint_eq(report.n, 0);
	const struct config_root *f = &config.file;
	ck_assert_str_eq(f->http.listen, "127.0.0.1:8080");
	ck_assert_uint_eq(f->http.threads, 2);
	ck_assert_uint_eq(f->limits.queue_items, 4096);
	ck_assert_int_eq(f->log_level, LOG_INFO);
	ck_assert_str_eq(f->daily_wei_per_app, "1000000000000000000");
	ck_assert(!f->publishable_keys && !f->unsafe_single_source);
	ck_assert_str_eq(f->page_token_key_file, "etc/token");
	ck_assert_uint_eq(f->committee.quorum, 2);
	ck_assert_uint_eq(f->committee.signers.n, 3);
	ck_assert_str_eq(f->committee.signers.v[2].keystore, "etc/k3");
	ck_assert_uint_eq(f->chains.n, 2);
	ck_assert_str_eq(f->chains.v[0].rpc.v[1], "https://node.example/key");
	ck_assert_uint_eq(f->chains.v[1].deploy_block, 7);
	ck_assert_str_eq(f->chains.v[1].currency, "ETH");
	ck_assert_str_eq(f->chains.v[1].signers.deliver.keystore, "etc/d2");
	ck_assert_uint_eq(f->chains.v[0].contracts.messenger.b[0], 0x5a);
	ck_assert(addr_is_zero(&f->chains.v[0].contracts.test_receiver));
	unit_ctx_end(cx);
}
END_TEST

START_TEST(the_serve_role_needs_no_keys_and_the_relay_does)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	const char *text = changed(cx, sound, "committee:\n  quorum: 2\n  signers:\n", "cut:\n");
	const char *end = strstr(text, "chains:");
	text = arena_printf(cx->arena, "%.*s%s", (int)(strstr(text, "cut:") - text), text, end);
	for (int i = 0; i < 2; i++) {
		const char *from = strstr(text, "    signers: ");
		text = arena_printf(cx->arena, "%.*s%s", (int)(from - text), text, strchr(from, '\n') + 1);
	}
	ck_ok(cx, parse(cx, &config, &report, text));
	config_check(cx, &config, &report, "ferry.yaml", CONFIG_RELAY);
	assert_reported(&report, "committee is missing");
	assert_reported(&report, "chains[1].signers is missing");
	unit_ctx_end(cx);
}
END_TEST

/* One mistake each: what is replaced, by what, and what the sentence must say. */
static const struct {
	const char *from, *to, *words;
} mistakes[] = {
	{"http: {listen: \"127.0.0.1:8080\"}", "http: {}", "etc/ferry.yaml:2: http.listen is missing"},
	{"grpc: {listen", "grpd: {listen", "etc/ferry.yaml:3: unknown option 'grpd'; there are: "},
	{"grpc: {listen", "grpd: {listen", "grpc is missing"},
	{"admin: {listen", "admin: {lisden", "unknown option 'lisden' in admin"},
	{"quorum: 2", "quorum: two", ":8: committee.quorum must be a whole number from 1 to 16, not 'two'"},
	{"quorum: 2", "quorum: '2'", "not the text '2'"},
	{"quorum: 2", "quorum: 0", "from 1 to 16, not '0'"},
	{"quorum: 2", "quorum: 17", "not '17'"},
	{"quorum: 2", "quorum: -1", "not '-1'"},
	{"quorum: 2", "quorum: +2", "not '+2'"},
	{"quorum: 2", "quorum: 02", "not '02'"},
	{"quorum: 2", "quorum: 0x2", "not '0x2'"},
	{"quorum: 2", "quorum: 2.0", "not '2.0'"},
	{"quorum: 2", "quorum: 99999999999999999999", "not '99999999999999999999'"},
	{"quorum: 2", "quorum:", "not ''"},
	{"quorum: 2", "quorum: [2]", "committee.quorum must be a text, not a list"},
	{"quorum: 2", "quorum: 2\n  quorum: 2", ":9: 'quorum' is given twice, first in line 8"},
	{"confirmations: 12", "confirmations: 0", "chains[0].confirmations must be a whole number from 1"},
	{"finality_blocks: 12", "finality_blocks: 0", "chains[0].finality_blocks must be"},
	{"eid: 40161", "eid: 4294967296", "chains[0].eid must be"},
	{"name: identity", "name: Identity", "lower-case letters"},
	{"name: identity", "name: ''", "must have 1 to 32 characters"},
	{"name: identity", "name: \"a\\0b\"", "NUL character"},
	{"name: identity", "name: \"a\\nb\"", "control characters"},
	{"name: identity", "name: *anchor", "aliases (*) are not read here"},
	{"name: identity", "name: &a identity", "anchors (&) are not read here"},
	{"name: identity", "name: !!str identity", "tags (!) are not read here"},
	{"name: identity", "<<: {name: identity}", "unknown option '<<'"},
	{"name: identity", "? {a: b}\n    : c", "the name of an option must be a plain word"},
	{"name: identity", "\"na\\nme\": identity", "printable characters"},
	{"name: identity", "name: \xff\xfe", "this is not YAML"},
	{"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
	 "has a wrong checksum (EIP-55)"},
	{"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeA",
	 "chains[0].contracts.messenger must be an address"},
	{"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "vitalik.eth", "must be an address"},
	{"\"http://10.0.0.1:8545\"", "\"ftp://10.0.0.1\"", "chains[0].rpc[0] must be a URL"},
	{"\"http://10.0.0.1:8545\"", "\"http://\"", "must be a URL"},
	{"\"http://10.0.0.1:8545\"", "\"https://user:pw@node\"", "names no user"},
	{"\"http://10.0.0.1:8545\"", "[]", "chains[0].rpc[0] must be a text"},
	{"rpc: [\"http://10.0.0.1:8545\", \"https://node.example/key\"]", "rpc: []",
	 "chains[0].rpc must have 1 to 8 members, not 0"},
	{"127.0.0.1:8080", "127.0.0.1", "http.listen: must be an address and a port"},
	{"127.0.0.1:8080", "127.0.0.1:0", "port must be a number from 1 to 65535"},
	{"127.0.0.1:8080", "127.0.0.1:65536", "port must be"},
	{"127.0.0.1:8080", "127.0.0.1:80a", "port must be"},
	{"127.0.0.1:8080", "::1:8080", "stands in brackets"},
	{"cors_origins: [", "publishable_keys: yes\ncors_origins: [", "must be true or false, not 'yes'"},
	{"cors_origins: [", "publishable_keys: 'true'\ncors_origins: [", "must be true or false"},
	{"cors_origins: [", "log_level: trace\ncors_origins: [", "must be debug, info, warn or error"},
	{"cors_origins: [", "daily_wei_per_app: 1e18\ncors_origins: [", "must be an amount of wei"},
	{"cors_origins: [", "daily_wei_per_app: \"-1\"\ncors_origins: [", "must be an amount of wei"},
	{"cors_origins: [", "limits: 7\ncors_origins: [", "limits must be a map, not a text"},
	{"cors_origins: [", "limits: {queue_items: 1}\ncors_origins: [", "limits.queue_items must be"},
	{"chains:\n", "chains:\n  - {}\n", "chains[0].name is missing"},
	{"chains:\n", "chains: []\nx:\n", "chains must have 2 to 16 members, not 0"},
	{"committee:\n", "---\ncommittee:\n", "a second document starts here"},
	{"committee:\n", "a: [[[[[[[[[1]]]]]]]]]\ncommittee:\n", "nested deeper than 8 levels"},
	{"committee:\n", "\tcommittee:\n", "this is not YAML"},
	{"committee:\n", "a: {b: [}\ncommittee:\n", "this is not YAML"},
};

START_TEST(each_mistake_is_named_with_its_line)
{
	struct ctx *cx = unit_ctx();
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		struct config config;
		struct config_report report;
		const char *text = changed(cx, sound, mistakes[i].from, mistakes[i].to);
		enum status st = parse(cx, &config, &report, text);
		ck_assert_msg(st == ST_INVALID, "'%s' gave %s", mistakes[i].to, status_name(st));
		assert_reported(&report, mistakes[i].words);
		ck_assert_str_eq(status_name(cx->err.status), "INVALID");
	}
	unit_ctx_end(cx);
}
END_TEST

START_TEST(all_mistakes_are_reported_at_once)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	const char *text = changed(cx, sound, "quorum: 2", "quorum: two");
	text = changed(cx, text, "eid: 40161", "eid: x");
	text = changed(cx, text, "name: rollup", "name: ROLLUP");
	ck_fails(cx, parse(cx, &config, &report, text), ST_INVALID, "(and 2 more");
	ck_assert_uint_eq(report.n, 3);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(a_flood_of_mistakes_is_counted_and_cut)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	struct buf text;
	buf_init(&text, cx->arena, 64 * 1024);
	for (int i = 0; i < 500; i++)
		buf_printf(&text, "option_%d: 1\n", i);
	ck_assert(parse(cx, &config, &report, buf_text(&text)) == ST_INVALID);
	ck_assert_uint_eq(report.n, CONFIG_PROBLEMS_MAX);
	ck_assert_uint_gt(report.dropped, 400);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(what_is_too_large_is_refused)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	char *text = arena_alloc(cx->arena, 300 * 1024);
	memset(text, '#', 300 * 1024 - 1);
	ck_fails(cx, parse(cx, &config, &report, text), ST_INVALID, "larger than");
	for (size_t i = 0; i < 200 * 1024; i += 2)
		memcpy(text + i, "[,", 2);
	text[200 * 1024] = '\0';
	ck_assert(parse(cx, &config, &report, text) == ST_INVALID);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(an_empty_file_misses_what_is_required)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	ck_assert(parse(cx, &config, &report, "") == ST_INVALID);
	assert_reported(&report, "etc/ferry.yaml:1: database_url is missing");
	ck_fails(cx, parse(cx, &config, &report, "- 1\n"), ST_INVALID, "the file must be a map");
	unit_ctx_end(cx);
}
END_TEST

/* What the rows cannot say. */
static const struct {
	const char *from, *to, *words;
	unsigned roles;
} dangers[] = {
	{"postgresql:///", "mysql:///", "must begin with postgresql://", CONFIG_DATABASE},
	{"127.0.0.1:8080", "0.0.0.0:8080", "is not a loopback address and the listener speaks no TLS",
	 CONFIG_SERVE},
	{"127.0.0.1:8080", "localhost:8080", "must be a numeric address", CONFIG_SERVE},
	{"127.0.0.1:8080", "127.0.0.1:9090", "http.listen and grpc.listen have the same port 9090",
	 CONFIG_SERVE},
	{"https://app.example", "https://app.example/page", "must be an origin", CONFIG_SERVE},
	{"\"https://app.example\"", "\"*\", \"https://a\"", "* stands alone", CONFIG_SERVE},
	{"40245", "40161", "chains[0] and chains[1] have the same eid", CONFIG_SERVE},
	{"31338", "31337", "have the same chain_id", CONFIG_RELAY},
	{"name: rollup", "name: identity", "have the same name", CONFIG_RELAY},
	{"0000000000000000000000000000000000000002", "0000000000000000000000000000000000000001",
	 "endpoint and send_uln are the same address", CONFIG_RELAY},
	{"0000000000000000000000000000000000000002", "0000000000000000000000000000000000000000",
	 "chains[0].contracts.send_uln is the zero address", CONFIG_RELAY},
	{", \"https://node.example/key\"", "", "chains[0].rpc has 1 server", CONFIG_RELAY},
	{"https://node.example/key", "http://10.0.0.1:8545/other", "chains[0].rpc has 1 server",
	 CONFIG_SERVE},
	{"https://node.example/key", "http://10.0.0.1:8545", "names the same node twice", CONFIG_SERVE},
	{"0000000000000000000000000000000000000007'}",
	 "0000000000000000000000000000000000000007', proxy_registry: "
	 "'0x0000000000000000000000000000000000000008'}",
	 "none a main_registry", CONFIG_SERVE},
	{"0000000000000000000000000000000000000007'}",
	 "0000000000000000000000000000000000000007', main_registry: "
	 "'0x0000000000000000000000000000000000000009', proxy_registry: "
	 "'0x0000000000000000000000000000000000000008'}",
	 "a main_registry and a proxy_registry", CONFIG_RELAY},
	{"quorum: 2", "quorum: 1", "whoever has that one key can forge messages", CONFIG_RELAY},
	{"quorum: 2", "quorum: 4", "committee.quorum is 4 with 3 signers", CONFIG_RELAY},
	{"keystore: k2", "keystore: k1", "committee.signers[0] and [1] are the same keystore",
	 CONFIG_RELAY},
	{"keystore: d1", "keystore: s1", "each needs an account of its own", CONFIG_RELAY},
	{"keystore: k2", "keystore: nowhere", "nowhere cannot be opened", CONFIG_RELAY},
};

START_TEST(each_danger_is_named)
{
	struct ctx *cx = unit_ctx();
	for (size_t i = 0; i < sizeof dangers / sizeof dangers[0]; i++) {
		struct config config;
		struct config_report report;
		ck_ok(cx, parse(cx, &config, &report,
				changed(cx, sound, dangers[i].from, dangers[i].to)));
		config_check(cx, &config, &report, "ferry.yaml", dangers[i].roles);
		assert_reported(&report, dangers[i].words);
	}
	unit_ctx_end(cx);
}
END_TEST

START_TEST(a_development_network_may_have_one_node_and_one_signer)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	const char *text = changed(cx, sound, "committee:", "unsafe_single_source: true\ncommittee:");
	text = changed(cx, text, ", \"https://node.example/key\"", "");
	text = changed(cx, text, "quorum: 2", "quorum: 1");
	ck_ok(cx, parse(cx, &config, &report, text));
	config_check(cx, &config, &report, "ferry.yaml", CONFIG_SERVE | CONFIG_RELAY);
	for (size_t i = 0; i < report.n; i++)
		ck_assert_msg(strstr(report.lines[i], "cannot be opened"), "%s", report.lines[i]);
	unit_ctx_end(cx);
}
END_TEST

/* A folder with the sound file and what it names. */
static const char *folder_make(struct ctx *cx)
{
	static const char *const names[] = {"k1", "k2", "k3", "s1", "s2", "d1", "d2", "pw", "token"};
	char *folder = arena_strdup(cx->arena, "/tmp/ferry-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *path = arena_printf(cx->arena, "%s/%s", folder, names[i]);
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		ck_assert_int_ge(fd, 0);
		dprintf(fd, "%064d\n", 7);
		close(fd);
	}
	const char *path = arena_printf(cx->arena, "%s/ferry.yaml", folder);
	FILE *f = fopen(path, "w");
	fputs(sound, f);
	fclose(f);
	return folder;
}

static void folder_remove(const char *folder)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0); /* allowed: a path of ours */
}

START_TEST(secrets_that_others_can_read_are_refused)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	const unsigned roles = CONFIG_SERVE | CONFIG_RELAY;
	const char *folder = folder_make(cx);
	const char *path = arena_printf(cx->arena, "%s/ferry.yaml", folder);
	ck_ok(cx, config_load(cx, &config, &report, path, roles));
	ck_assert_uint_eq(config.page_token_key[31], 7);

	const char *key = arena_printf(cx->arena, "%s/k1", folder);
	chmod(key, 0604);
	ck_fails(cx, config_load(cx, &config, &report, path, roles), ST_INVALID, "k1 may be read or");
	ck_ok(cx, config_load(cx, &config, &report, path, CONFIG_SERVE));
	chmod(key, 0620);
	ck_fails(cx, config_load(cx, &config, &report, path, roles), ST_INVALID, "(mode 620)");
	chmod(key, 0440);
	ck_ok(cx, config_load(cx, &config, &report, path, roles));

	const char *token = arena_printf(cx->arena, "%s/token", folder);
	ck_assert_int_eq(truncate(token, 63), 0);
	ck_fails(cx, config_load(cx, &config, &report, path, roles), ST_INVALID, "64 hex digits");
	unlink(token);
	ck_assert_int_eq(mkdir(token, 0700), 0);
	ck_fails(cx, config_load(cx, &config, &report, path, roles), ST_INVALID,
		 "is not a plain file");
	folder_remove(folder);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(a_password_in_a_file_that_others_can_read_is_refused)
{
	struct ctx *cx = unit_ctx();
	struct config config;
	struct config_report report;
	const char *folder = folder_make(cx);
	const char *path = arena_printf(cx->arena, "%s/ferry.yaml", folder);
	setenv("FERRY_DATABASE_URL", "postgresql://ferry:secret@db/ferry", 1);
	chmod(path, 0644);
	ck_fails(cx, config_load(cx, &config, &report, path, CONFIG_DATABASE), ST_INVALID,
		 "run chmod 600");
	ck_assert(!strstr(cx->err.message, "secret@"));
	chmod(path, 0600);
	ck_ok(cx, config_load(cx, &config, &report, path, CONFIG_DATABASE));
	ck_assert_str_eq(config.file.database_url, "postgresql://ferry:secret@db/ferry");
	unsetenv("FERRY_DATABASE_URL");
	folder_remove(folder);
	ck_fails(cx, config_load(cx, &config, &report, path, CONFIG_DATABASE), ST_NOT_FOUND,
		 "cannot be opened: No such file");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(the_document_is_what_the_program_prints)
{
	struct ctx *cx = unit_ctx();
	struct buf made;
	buf_init(&made, cx->arena, 256 * 1024);
	config_describe(&made);
	char *text = arena_alloc(cx->arena, 256 * 1024);
	FILE *f = fopen("docs/config.md", "r");
	ck_assert_msg(f, "docs/config.md is not there; tests run from the project's root");
	size_t n = fread(text, 1, 256 * 1024 - 1, f);
	fclose(f);
	ck_assert_msg(bytes_equal(bytes_of(text, n), buf_bytes(&made)),
		      "docs/config.md is old: ferryd config > docs/config.md");
	unit_ctx_end(cx);
}
END_TEST

SUITE("server/config", a_sound_file_becomes_what_it_says,
      the_serve_role_needs_no_keys_and_the_relay_does, each_mistake_is_named_with_its_line,
      all_mistakes_are_reported_at_once, a_flood_of_mistakes_is_counted_and_cut,
      what_is_too_large_is_refused, an_empty_file_misses_what_is_required, each_danger_is_named,
      a_development_network_may_have_one_node_and_one_signer,
      secrets_that_others_can_read_are_refused,
      a_password_in_a_file_that_others_can_read_is_refused, the_document_is_what_the_program_prints)
