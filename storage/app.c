/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/app.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "storage/time.h"

enum { APP_CHAIN_ID_BYTES = 32, APP_KEY_ID_DIGITS = 12, APP_SECRET_DIGITS = 64 };

static bool app_name_is_valid(const char *name)
{
	size_t n = strlen(name);
	if (n < 1 || n > APP_NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return true;
}

enum status app_create(struct ctx *cx, struct db *db, int64_t *app_id, const char *name)
{
	if (!app_name_is_valid(name))
		return fail(cx, ST_INVALID, "an app's name has 1 to %d visible ASCII characters",
			    APP_NAME_BYTES_MAX);
	uint8_t chain_id[APP_CHAIN_ID_BYTES];
	random_bytes(chain_id, sizeof chain_id);
	struct rows rows;
	enum status st = db_exec(cx, db, SQL_APP_INSERT, &rows, p_text(name),
				 p_blob(chain_id, sizeof chain_id));
	if (st == ST_CONFLICT)
		return fail(cx, ST_CONFLICT, "there is an app named %s already", name);
	TRY(st);
	*app_id = row_i64(&rows, 0, "app_id");
	return ST_OK;
}

enum status app_find(struct ctx *cx, struct db *db, int64_t *app_id, const char *name)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_APP_FIND, &rows, p_text(name)));
	if (rows.count == 0)
		return fail(cx, ST_NOT_FOUND, "there is no app named %s", name);
	*app_id = row_i64(&rows, 0, "app_id");
	return ST_OK;
}

enum status app_list(struct ctx *cx, struct db *db, struct app **apps, size_t *n)
{
	struct rows rows;
	TRY(db_exec0(cx, db, SQL_APP_LIST, &rows));
	*n = (size_t)rows.count;
	*apps = arena_array(cx->arena, *n, sizeof **apps);
	for (int i = 0; i < rows.count; i++) {
		(*apps)[i] = (struct app){
			.app_id = row_i64(&rows, i, "app_id"),
			.name = row_text(&rows, i, "name"),
			.created_us = row_time_us(&rows, i, "created_at"),
		};
		(void)row_hash(&rows, i, "chain_app_id", &(*apps)[i].chain_app_id);
	}
	return ST_OK;
}

enum status app_key_add(struct ctx *cx, struct db *db, char token[APP_TOKEN_BYTES],
			int64_t app_id, bool is_secret)
{
	uint8_t id[APP_KEY_ID_DIGITS / 2], secret[APP_SECRET_DIGITS / 2];
	char key_id[APP_KEY_ID_BYTES] = {0}, digits[APP_SECRET_DIGITS + 1] = {0};
	random_bytes(id, sizeof id);
	random_bytes(secret, sizeof secret);
	hex_digits(key_id, id, sizeof id);
	hex_digits(digits, secret, sizeof secret);
	int n = snprintf(token, APP_TOKEN_BYTES, "%s_%s_%s", is_secret ? "sk" : "pk", key_id,
			 digits);
	assert(n == APP_TOKEN_BYTES - 1);
	struct hash hash = app_token_hash(token, (size_t)n);
	struct rows rows;
	TRY(db_exec(cx, db, SQL_APP_KEY_INSERT, &rows, p_i64(app_id), p_text(key_id),
		    p_bool(is_secret), p_blob(hash.b, sizeof hash.b)));
	if (rows.count == 0)
		return fail(cx, ST_NOT_FOUND, "there is no app %lld", (long long)app_id);
	return ST_OK;
}

enum status app_key_list(struct ctx *cx, struct db *db, struct app_key **keys, size_t *n,
			 int64_t app_id)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_APP_KEY_LIST, &rows, p_i64(app_id)));
	*n = (size_t)rows.count;
	*keys = arena_array(cx->arena, *n, sizeof **keys);
	for (int i = 0; i < rows.count; i++) {
		struct app_key *k = &(*keys)[i];
		k->app_id = app_id;
		snprintf(k->key_id, sizeof k->key_id, "%s", row_text(&rows, i, "key_id"));
		k->is_secret = row_bool(&rows, i, "secret");
		k->created_us = row_time_us(&rows, i, "created_at");
		k->revoked_us = row_time_us(&rows, i, "revoked_at");
	}
	return ST_OK;
}

enum status app_key_revoke(struct ctx *cx, struct db *db, int64_t app_id, const char *key_id)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_APP_KEY_REVOKE, &rows, p_i64(app_id), p_text(key_id)));
	if (rows.affected == 0)
		return fail(cx, ST_NOT_FOUND, "the app has no valid key %s", key_id);
	return ST_OK;
}

static bool digits_are_hex(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	return true;
}

bool app_token_is_wellformed(const char *token, size_t n)
{
	return n == APP_TOKEN_BYTES - 1 && (token[0] == 's' || token[0] == 'p') &&
	       token[1] == 'k' && token[2] == '_' && digits_are_hex(token + 3, APP_KEY_ID_DIGITS) &&
	       token[3 + APP_KEY_ID_DIGITS] == '_' &&
	       digits_are_hex(token + 4 + APP_KEY_ID_DIGITS, APP_SECRET_DIGITS);
}

struct hash app_token_hash(const char *token, size_t n)
{
	return digest_sha256(token, n);
}

enum status app_key_lookup(struct ctx *cx, struct db *db, struct app_key_found *found,
			   size_t *found_n, const struct hash *hashes, size_t n)
{
	struct bytes *spans = arena_array(cx->arena, n, sizeof *spans);
	for (size_t i = 0; i < n; i++)
		spans[i] = bytes_of(hashes[i].b, sizeof hashes[i].b);
	struct rows rows;
	TRY(db_exec(cx, db, SQL_APP_KEY_LOOKUP, &rows, p_bytess(spans, n)));
	*found_n = 0;
	for (int i = 0; i < rows.count && *found_n < n; i++) {
		struct app_key_found *f = &found[*found_n];
		if (!row_hash(&rows, i, "secret_hash", &f->hash))
			continue;
		f->app_id = row_i64(&rows, i, "app_id");
		f->is_secret = row_bool(&rows, i, "secret");
		++*found_n;
	}
	return ST_OK;
}

enum status app_over_limit(struct ctx *cx, struct db *db, int64_t **apps, size_t *n,
			   const char *wei)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_APP_OVER_LIMIT, &rows, p_text(wei)));
	*n = (size_t)rows.count;
	*apps = arena_array(cx->arena, *n, sizeof **apps);
	for (int i = 0; i < rows.count; i++)
		(*apps)[i] = row_i64(&rows, i, "app_id");
	return ST_OK;
}
