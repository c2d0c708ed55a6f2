/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants and their keys. A key is a text "sk_<12 hex>_<64 hex>" (or pk_, for browsers); only its
 * SHA-256 is stored, so a stolen database opens no door. The second part names the key to people.
 * All functions that take a db block on SQL.
 */
#ifndef FERRY_STORAGE_APP_H
#define FERRY_STORAGE_APP_H

#include "storage/db.h"

enum { APP_NAME_BYTES_MAX = 64, APP_KEY_ID_BYTES = 13, APP_TOKEN_BYTES = 3 + 12 + 1 + 64 + 1 };

/* Makes a tenant. ST_INVALID: not 1..64 visible characters; ST_CONFLICT: the name is taken. */
MUST_USE enum status app_create(struct ctx *cx, struct db *db, int64_t *app_id, const char *name);
/* ST_NOT_FOUND when there is none of this name. */
MUST_USE enum status app_find(struct ctx *cx, struct db *db, int64_t *app_id, const char *name);

struct app {
	int64_t app_id;
	const char *name;
	struct hash chain_app_id; /* what contracts are told of who sends without a signature */
	int64_t created_us;
};
/* All tenants, the oldest first, in the arena; at most 10,000. */
MUST_USE enum status app_list(struct ctx *cx, struct db *db, struct app **apps, size_t *n);

struct app_key {
	int64_t app_id;
	char key_id[APP_KEY_ID_BYTES];
	bool is_secret;     /* sk_ */
	int64_t created_us;
	int64_t revoked_us; /* 0: valid */
};

/* Makes a key and shows it this once. ST_NOT_FOUND: no such app. */
MUST_USE enum status app_key_add(struct ctx *cx, struct db *db, char token[APP_TOKEN_BYTES],
				 int64_t app_id, bool is_secret);
/* All keys of an app, in the arena, the oldest first. */
MUST_USE enum status app_key_list(struct ctx *cx, struct db *db, struct app_key **keys, size_t *n,
				  int64_t app_id);
/* Ends a key for good, within seconds. ST_NOT_FOUND: no such key of this app, or ended already. */
MUST_USE enum status app_key_revoke(struct ctx *cx, struct db *db, int64_t app_id,
				    const char *key_id);

/* The form alone; says nothing about whether the key exists. Pure. */
bool app_token_is_wellformed(const char *token, size_t n);
/* What is stored of a key. Pure. */
struct hash app_token_hash(const char *token, size_t n);

/* A key as found by its hash. */
struct app_key_found {
	struct hash hash;
	int64_t app_id;
	bool is_secret;
};
/* Which of these hashes are keys that are not revoked: at most n of them into found. */
MUST_USE enum status app_key_lookup(struct ctx *cx, struct db *db, struct app_key_found *found,
				    size_t *found_n, const struct hash *hashes, size_t n);
/* Apps that have caused at least `wei` (decimal) to be spent today, in the arena. */
MUST_USE enum status app_over_limit(struct ctx *cx, struct db *db, int64_t **apps, size_t *n,
				    const char *wei);

#endif
