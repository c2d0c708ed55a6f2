/* SPDX-License-Identifier: Apache-2.0
 *
 * What the table of options cannot say: values that contradict each other, networks that are not
 * safe, files that others can read.
 */
#define _GNU_SOURCE /* strerrordesc_np */
#include "server/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* One checking. */
struct config_checking {
	struct ctx *cx;
	struct config_report *report;
	const char *name;
	const struct config_root *file;
	unsigned roles;
};

#define problem(c, ...) config_problem((c)->cx, (c)->report, (c)->name, 0, __VA_ARGS__)

enum status config_check_secret(struct ctx *cx, const char *path)
{
	struct stat info;
	if (stat(path, &info) != 0)
		return fail(cx, ST_NOT_FOUND, "%s cannot be opened: %s", path,
			    strerrordesc_np(errno));
	if (!S_ISREG(info.st_mode))
		return fail(cx, ST_NOT_FOUND, "%s is not a plain file", path);
	if (info.st_mode & (S_IRWXO | S_IWGRP))
		return fail(cx, ST_PRECONDITION,
			    "%s may be read or written by others (mode %03o): run chmod 600 %s",
			    path, (unsigned)info.st_mode & 0777, path);
	if (access(path, R_OK) != 0)
		return fail(cx, ST_PRECONDITION, "%s cannot be read by this user", path);
	return ST_OK;
}

enum status config_read_token_key(struct ctx *cx, uint8_t out[32], const char *path)
{
	char text[68] = "0x";
	TRY(config_check_secret(cx, path));
	FILE *f = fopen(path, "re");
	if (!f)
		return fail(cx, ST_NOT_FOUND, "%s cannot be opened: %s", path,
			    strerrordesc_np(errno));
	size_t n = fread(text + 2, 1, 65, f);
	fclose(f);
	if (n == 65 && text[66] == '\n')
		n = 64;
	if (n != 64 || !hex_decode_fixed(text, 66, out, 32))
		return fail(cx, ST_INVALID,
			    "%s must hold 64 hex digits: make it with openssl rand -hex 32", path);
	return ST_OK;
}

static bool config_host_is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool config_host_is_numeric(const char *host)
{
	struct in6_addr any;
	return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static void config_check_listen(struct config_checking *c)
{
	const struct {
		const char *option, *listen;
	} rows[] = {
		{"http.listen", c->file->http.listen},
		{"grpc.listen", c->file->grpc.listen},
		{"admin.listen", c->file->admin.listen},
	};
	enum { ROWS = sizeof rows / sizeof rows[0] };
	uint16_t ports[ROWS];
	for (size_t i = 0; i < ROWS; i++) {
		const char *host;
		if (config_parse_listen(c->cx, &host, &ports[i], rows[i].listen) != ST_OK)
			return; /* said already */
		if (!config_host_is_numeric(host))
			problem(c, "%s: %s must be a numeric address, as 127.0.0.1:8080",
				rows[i].option, rows[i].listen);
		else if (!config_host_is_loopback(host) && !c->file->plaintext_beyond_loopback)
			problem(c,
				"%s: %s is not a loopback address and the listener speaks no TLS: "
				"listen on "
				"127.0.0.1, or say plaintext_beyond_loopback: true when a proxy "
				"ends TLS",
				rows[i].option, rows[i].listen);
		for (size_t j = 0; j < i; j++)
			if (ports[i] == ports[j])
				problem(c, "%s and %s have the same port %u", rows[j].option,
					rows[i].option, (unsigned)ports[i]);
	}
}

static void config_check_origins(struct config_checking *c)
{
	const struct config_texts *list = &c->file->cors_origins;
	for (size_t i = 0; i < list->n; i++) {
		const char *origin = list->v[i];
		if (strcmp(origin, "*") == 0) {
			if (list->n > 1)
				problem(c, "cors_origins: * stands alone or not at all");
			continue;
		}
		const char *host = strstr(origin, "://");
		if (!host || host == origin || !host[3] || strpbrk(host + 3, "/?# "))
			problem(c,
				"cors_origins[%zu] must be an origin, as https://app.example, not "
				"a page",
				i);
	}
}

/* Chains -------------------------------------------------------------------------------------- */

static void config_check_contracts(struct config_checking *c, size_t i)
{
	const struct config_contracts *k = &c->file->chains.v[i].contracts;
	const struct {
		const char *name;
		const struct addr *a;
		bool optional;
	} rows[] = {
		{"endpoint", &k->endpoint, false},	 {"send_uln", &k->send_uln, false},
		{"receive_uln", &k->receive_uln, false}, {"dvn", &k->dvn, false},
		{"executor", &k->executor, false},	 {"messenger", &k->messenger, false},
		{"batcher", &k->batcher, false},	 {"test_receiver", &k->test_receiver, true},
		{"proxy_registry", &k->proxy_registry, true},
		{"main_registry", &k->main_registry, true},
	};
	for (size_t a = 0; a < sizeof rows / sizeof rows[0]; a++) {
		if (addr_is_zero(rows[a].a)) {
			if (!rows[a].optional)
				problem(c, "chains[%zu].contracts.%s is the zero address", i,
					rows[a].name);
			continue;
		}
		for (size_t b = 0; b < a; b++)
			if (addr_equal(rows[a].a, rows[b].a))
				problem(c, "chains[%zu].contracts: %s and %s are the same address",
					i, rows[b].name, rows[a].name);
	}
}

/* The part of a URL that names a server. */
static size_t config_origin_length(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	return (size_t)(host - url) + strcspn(host, "/?#");
}

static void config_check_nodes(struct config_checking *c, size_t i)
{
	const struct config_texts *rpc = &c->file->chains.v[i].rpc;
	size_t servers = 0;
	for (size_t a = 0; a < rpc->n; a++) {
		size_t n = config_origin_length(rpc->v[a]);
		bool is_new = true;
		for (size_t b = 0; b < a; b++) {
			if (strcmp(rpc->v[a], rpc->v[b]) == 0)
				problem(c, "chains[%zu].rpc names the same node twice", i);
			if (n == config_origin_length(rpc->v[b]) &&
			    strncasecmp(rpc->v[a], rpc->v[b], n) == 0)
				is_new = false;
		}
		servers += is_new;
	}
	if (servers < 2 && !c->file->unsafe_single_source)
		problem(c,
			"chains[%zu].rpc has %zu server: at least 2 of different operators must "
			"agree before "
			"anything is signed (unsafe_single_source: true is for development "
			"networks)",
			i, servers);
}

static void config_check_chain(struct config_checking *c, size_t i)
{
	const struct config_chain *a = &c->file->chains.v[i];
	for (size_t j = 0; j < i; j++) {
		const struct config_chain *b = &c->file->chains.v[j];
		if (a->eid == b->eid)
			problem(c, "chains[%zu] and chains[%zu] have the same eid", j, i);
		if (a->chain_id == b->chain_id)
			problem(c, "chains[%zu] and chains[%zu] have the same chain_id", j, i);
		if (strcmp(a->name, b->name) == 0)
			problem(c, "chains[%zu] and chains[%zu] have the same name", j, i);
	}
	config_check_contracts(c, i);
	config_check_nodes(c, i);
}

/* One main registry, on a chain of its own, for all proxies. */
static void config_check_registries(struct config_checking *c)
{
	size_t mains = 0, proxies = 0;
	for (size_t i = 0; i < c->file->chains.n; i++) {
		const struct config_contracts *k = &c->file->chains.v[i].contracts;
		bool is_main = !addr_is_zero(&k->main_registry);
		bool is_proxy = !addr_is_zero(&k->proxy_registry);
		mains += is_main;
		proxies += is_proxy;
		if (is_main && is_proxy)
			problem(c,
				"chains[%zu].contracts has a main_registry and a proxy_registry: a "
				"proxy is on another chain than the main registry",
				i);
		if (is_main && mains == 2)
			problem(c, "chains[%zu].contracts has a second main_registry: one chain "
				   "has it", i);
	}
	if (proxies && mains == 0)
		problem(c, "a chain has a proxy_registry, none a main_registry: name the one it "
			   "sends to");
}

/* Keys ---------------------------------------------------------------------------------------- */

static void config_check_file(struct config_checking *c, const char *option, const char *path)
{
	if (path && config_check_secret(c->cx, path) != ST_OK)
		problem(c, "%s: %s", option, c->cx->err.message);
	ctx_error_clear(c->cx);
}

static void config_check_key(struct config_checking *c, const char *option,
			     const struct config_key *key)
{
	config_check_file(c, arena_printf(c->cx->arena, "%s.keystore", option), key->keystore);
	config_check_file(c, arena_printf(c->cx->arena, "%s.password_file", option),
			  key->password_file);
}

static void config_check_committee(struct config_checking *c)
{
	const struct config_committee *k = &c->file->committee;
	if (k->quorum == 0) {
		problem(c, "committee is missing: the relay needs the keys that attest");
		return;
	}
	if (k->quorum > k->signers.n)
		problem(c, "committee.quorum is %u with %zu signers", (unsigned)k->quorum,
			k->signers.n);
	if (k->quorum < 2 && !c->file->unsafe_single_source)
		problem(c, "committee.quorum is 1: whoever has that one key can forge messages; "
			   "use 2 or more "
			   "(unsafe_single_source: true is for development networks)");
	for (size_t i = 0; i < k->signers.n; i++) {
		config_check_key(c, arena_printf(c->cx->arena, "committee.signers[%zu]", i),
				 &k->signers.v[i]);
		for (size_t j = 0; j < i; j++)
			if (strcmp(k->signers.v[i].keystore, k->signers.v[j].keystore) == 0)
				problem(c, "committee.signers[%zu] and [%zu] are the same keystore",
					j, i);
	}
}

static void config_check_signers(struct config_checking *c, size_t i)
{
	const struct config_signers *k = &c->file->chains.v[i].signers;
	const char *option = arena_printf(c->cx->arena, "chains[%zu].signers", i);
	if (!k->submit.keystore) {
		problem(c, "%s is missing: the relay needs the accounts that send transactions",
			option);
		return;
	}
	if (strcmp(k->submit.keystore, k->deliver.keystore) == 0)
		problem(c,
			"%s: submit and deliver are the same keystore; each needs an account of "
			"its own",
			option);
	config_check_key(c, arena_printf(c->cx->arena, "%s.submit", option), &k->submit);
	config_check_key(c, arena_printf(c->cx->arena, "%s.deliver", option), &k->deliver);
}

/* A password in the URL makes the file itself a secret. */
static void config_check_url(struct config_checking *c)
{
	const char *url = c->file->database_url;
	if (strncmp(url, "postgresql://", 13) != 0 && strncmp(url, "postgres://", 11) != 0) {
		problem(c, "database_url must begin with postgresql://");
		return;
	}
	const char *authority = strstr(url, "://") + 3;
	size_t n = strcspn(authority, "/?");
	const char *at = memchr(authority, '@', n);
	bool has_password = (at && memchr(authority, ':', (size_t)(at - authority))) ||
			    strstr(url, "password=");
	struct stat info;
	if (has_password && stat(c->name, &info) == 0 && (info.st_mode & (S_IRWXO | S_IWGRP)))
		problem(c,
			"database_url has a password and others may read this file: run chmod 600 "
			"%s",
			c->name);
}

void config_check(struct ctx *cx, const struct config *config, struct config_report *report,
		  const char *name, unsigned roles)
{
	struct config_checking checking = {cx, report, name, &config->file, roles};
	struct config_checking *c = &checking;
	config_check_url(c);
	if (roles & (CONFIG_SERVE | CONFIG_RELAY))
		for (size_t i = 0; i < c->file->chains.n; i++)
			config_check_chain(c, i);
	if (roles & (CONFIG_SERVE | CONFIG_RELAY))
		config_check_registries(c);
	if (roles & CONFIG_SERVE) {
		uint8_t key[32];
		config_check_listen(c);
		config_check_origins(c);
		if (config_read_token_key(cx, key, c->file->page_token_key_file) != ST_OK)
			problem(c, "page_token_key_file: %s", cx->err.message);
		ctx_error_clear(cx);
		const char *path = c->file->receipt_key_file;
		if (path && config_read_token_key(cx, key, path) != ST_OK)
			problem(c, "receipt_key_file: %s", cx->err.message);
		ctx_error_clear(cx);
	}
	if (roles & CONFIG_RELAY) {
		config_check_committee(c);
		for (size_t i = 0; i < c->file->chains.n; i++)
			config_check_signers(c, i);
	}
}
