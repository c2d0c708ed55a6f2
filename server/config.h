/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: one YAML file, read once. The options are the table config.def; the structs
 * here are what a file becomes. Everything lives in the arena of the ctx that loaded it.
 */
#ifndef FERRY_SERVER_CONFIG_H
#define FERRY_SERVER_CONFIG_H

#include "base/bytes.h"
#include "base/ctx.h"
#include "base/log.h"

struct config_texts {
	const char *const *v;
	size_t n;
};

struct config_http {
	const char *listen;
	uint64_t threads;
	uint64_t connections_max;
	uint64_t connections_per_ip_max; /* 0: no limit */
};

struct config_grpc {
	const char *listen;
	uint64_t threads;
	uint64_t calls_max;
};

struct config_admin {
	const char *listen;
};

struct config_limits {
	uint64_t accept_threads;
	uint64_t read_threads;
	uint64_t work_threads;
	uint64_t check_threads;
	uint64_t chain_threads;
	uint64_t queue_items;
	uint64_t streams_max;
	uint64_t drain_ms;
	uint64_t database_wait_ms;
};

struct config_relay {
	uint64_t claim_items;
	uint64_t poll_ms;
	uint64_t batch_operations;
	uint64_t batch_gas;
	uint64_t batch_age_ms;
};

/* Paths; relative ones in the file are made relative to the file's folder. */
struct config_key {
	const char *keystore; /* NULL: not given */
	const char *password_file;
};

struct config_keys {
	const struct config_key *v;
	size_t n;
};

struct config_committee {
	uint64_t quorum; /* 0: not given */
	struct config_keys signers;
};

struct config_signers {
	struct config_key submit;
	struct config_key deliver;
};

struct config_contracts {
	struct addr endpoint;
	struct addr send_uln;
	struct addr receive_uln;
	struct addr dvn;
	struct addr executor;
	struct addr messenger;
	struct addr batcher;
	struct addr proxy_registry; /* zero: none, as the next ones */
	struct addr main_registry;
	struct addr test_receiver;
};

struct config_chain {
	const char *name;
	uint64_t eid;
	uint64_t chain_id;
	struct config_texts rpc;
	uint64_t finality_blocks;
	uint64_t confirmations;
	const char *currency;
	uint64_t deploy_block;
	uint64_t tip_max_gwei;
	uint64_t dvn_vid;
	uint64_t max_message_bytes;
	struct config_contracts contracts;
	struct config_signers signers;
};

struct config_chains {
	const struct config_chain *v;
	size_t n;
};

struct config_root {
	const char *database_url;
	enum log_level log_level;
	struct config_http http;
	struct config_grpc grpc;
	struct config_admin admin;
	bool plaintext_beyond_loopback;
	struct config_texts cors_origins;
	bool publishable_keys;
	bool unsafe_single_source;
	const char *daily_wei_per_app; /* decimal, below 2^128 */
	const char *page_token_key_file;
	const char *receipt_key_file; /* NULL: none */
	struct config_limits limits;
	struct config_relay relay;
	struct config_committee committee;
	struct config_chains chains;
};

/* What a process reads of the file: each role checks what it needs; the keys are the relay's. */
enum config_role { CONFIG_SERVE = 1, CONFIG_RELAY = 2, CONFIG_DATABASE = 4 };

struct config {
	struct config_root file;
	uint8_t page_token_key[32]; /* CONFIG_SERVE */
	uint8_t receipt_key[32];    /* CONFIG_SERVE, when there is a receipt_key_file */
};

enum { CONFIG_PROBLEMS_MAX = 64 };

/* Everything that is wrong, in the order of the file: "ferry.yaml:12: sentence". */
struct config_report {
	const char *lines[CONFIG_PROBLEMS_MAX];
	size_t n;
	size_t dropped; /* further ones */
};

/* Reads the file and checks it for `roles` (enum config_role, or-ed; 0: only that it can be read).
 *
 * Returns: ST_OK; ST_NOT_FOUND when it cannot be opened; ST_INVALID when anything is wrong: the
 *          sentence is the first problem, `report` has all of them (also with ST_NOT_FOUND).
 */
MUST_USE enum status config_load(struct ctx *cx, struct config *out, struct config_report *report,
				 const char *path, unsigned roles);
/* The same for a text in hand; looks at no other file and not at the environment. `name` begins
 * each sentence, and its folder is that of relative paths. */
MUST_USE enum status config_parse(struct ctx *cx, struct config *out, struct config_report *report,
				  struct bytes text, const char *name);
/* What the table cannot say: see config_check.c. Looks at files when `roles` need them. */
void config_check(struct ctx *cx, const struct config *config, struct config_report *report,
		  const char *name, unsigned roles);
/* Adds a sentence to the report; line 0: not of a line. */
void config_problem(struct ctx *cx, struct config_report *report, const char *name, int line,
		    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Reads the 32 bytes of page_token_key_file or receipt_key_file. */
MUST_USE enum status config_read_token_key(struct ctx *cx, uint8_t out[32], const char *path);
/* A file that holds a secret: ST_PRECONDITION when others may read it or its group may write it,
 * ST_NOT_FOUND when it is not there or no plain file. */
MUST_USE enum status config_check_secret(struct ctx *cx, const char *path);

/* "127.0.0.1:8080", "[::1]:8080". Out: the host without brackets, in the arena. */
MUST_USE enum status config_parse_listen(struct ctx *cx, const char **host, uint16_t *port,
					 const char *text);

/* All options as Markdown: docs/config.md. */
void config_describe(struct buf *out);

#endif
