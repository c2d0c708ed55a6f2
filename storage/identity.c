/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/identity.h"

#include <assert.h>

#include "storage/time.h"

/* Quotes --------------------------------------------------------------------------------------- */

enum status identity_offer_insert(struct ctx *cx, struct db *db, int64_t *expire_us,
				  const struct message_ref *ref, struct bytes body, int64_t seconds)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_IDENTITY_OFFER_INSERT, &rows, p_i64(ref->app_id), p_uuid(&ref->id),
		    p_bytes(body), p_i64(seconds)));
	*expire_us = row_time_us(&rows, 0, "expire_at");
	return ST_OK;
}

static void refs_split(struct arena *a, const struct message_ref *refs, size_t n, int64_t **apps,
		       struct uuid **ids)
{
	*apps = arena_array(a, n, sizeof **apps);
	*ids = arena_array(a, n, sizeof **ids);
	for (size_t i = 0; i < n; i++) {
		(*apps)[i] = refs[i].app_id;
		(*ids)[i] = refs[i].id;
	}
}

enum status identity_offers(struct ctx *cx, struct db *db, struct identity_offer *out,
			    const struct message_ref *refs, size_t n)
{
	int64_t *apps;
	struct uuid *ids;
	struct rows rows;
	refs_split(cx->arena, refs, n, &apps, &ids);
	for (size_t i = 0; i < n; i++)
		out[i] = (struct identity_offer){.found = false};
	if (n == 0)
		return ST_OK;
	TRY(db_exec(cx, db, SQL_IDENTITY_OFFERS, &rows, p_i64s(apps, n), p_uuids(ids, n)));
	for (int i = 0; i < rows.count; i++) {
		struct identity_offer *o = &out[row_i64(&rows, i, "index")];
		o->found = true;
		o->body = row_bytes(&rows, i, "body");
		o->is_expired = row_bool(&rows, i, "expired");
		o->is_used = !row_is_null(&rows, i, "operation_id");
		if (!o->is_used)
			continue;
		o->operation = row_uuid(&rows, i, "operation_id");
		(void)row_hash(&rows, i, "fingerprint", &o->fingerprint);
		if (!row_is_null(&rows, i, "identity_id"))
			o->identity = row_uuid(&rows, i, "identity_id");
	}
	return ST_OK;
}

/* Accepting ------------------------------------------------------------------------------------ */

/* The columns of a group, an array each. */
struct identity_columns {
	int64_t *app_id, *kind, *version, *src_eid, *dst_eid, *deadline, *home, *proven_chain;
	bool *eager;
	struct uuid *quote, *id, *identity, *base;
	struct bytes *fingerprint, *registry, *owner, *account, *recovery, *data_hash, *signature,
		*consent, *leaf_owner, *document, *key, *subject, *first_owner, *salt, *proven;
	const char **accounts;
};

static void columns_alloc(struct arena *a, struct identity_columns *c, size_t n)
{
	int64_t **numbers[] = {&c->app_id,  &c->kind,	  &c->version, &c->src_eid,
			       &c->dst_eid, &c->deadline, &c->home,    &c->proven_chain};
	struct uuid **ids[] = {&c->quote, &c->id, &c->identity, &c->base};
	struct bytes **spans[] = {&c->fingerprint, &c->registry,  &c->owner,	&c->account,
				  &c->recovery,	   &c->data_hash, &c->signature, &c->consent,
				  &c->leaf_owner,  &c->document,  &c->key,	&c->subject,
				  &c->first_owner, &c->salt,	  &c->proven};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		*numbers[i] = arena_array(a, n, sizeof(int64_t));
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		*ids[i] = arena_array(a, n, sizeof(struct uuid));
	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		*spans[i] = arena_array(a, n, sizeof(struct bytes));
	c->eager = arena_array(a, n, sizeof *c->eager);
	c->accounts = arena_array(a, n, sizeof *c->accounts);
}

static struct bytes hash_if(bool has, const struct hash *h)
{
	return has ? bytes_of(h->b, sizeof h->b) : bytes_of(NULL, 0);
}

static struct bytes addr_if(bool has, const struct addr *a)
{
	return has ? bytes_of(a->b, sizeof a->b) : bytes_of(NULL, 0);
}

/* A span that is not NULL for SQL even when it is empty. */
static struct bytes bytes_not_null(struct bytes b)
{
	return b.n ? b : bytes_of("", 0);
}

static void columns_set(struct identity_columns *c, size_t i, const struct identity_new *m)
{
	c->app_id[i] = m->app_id;
	c->quote[i] = m->quote;
	c->fingerprint[i] = hash_if(true, &m->fingerprint);
	c->id[i] = m->id;
	c->identity[i] = m->identity;
	c->base[i] = m->base;
	c->kind[i] = m->kind;
	c->version[i] = m->version;
	c->src_eid[i] = m->src_eid;
	c->dst_eid[i] = m->dst_eid;
	c->registry[i] = addr_if(true, &m->registry);
	c->eager[i] = m->eager;
	c->owner[i] = addr_if(true, &m->owner);
	c->account[i] = addr_if(m->has_account, &m->account);
	c->recovery[i] = addr_if(m->has_recovery, &m->recovery);
	c->data_hash[i] = hash_if(true, &m->data_hash);
	c->deadline[i] = m->deadline;
	c->signature[i] = bytes_not_null(m->signature);
	c->consent[i] = bytes_not_null(m->consent);
	c->leaf_owner[i] = addr_if(true, &m->leaf_owner);
	c->document[i] = hash_if(m->has_document, &m->document);
	c->key[i] = hash_if(m->has_key, &m->key);
	c->accounts[i] = m->accounts;
	c->subject[i] = hash_if(true, &m->subject);
	c->home[i] = m->home_chain_id;
	c->first_owner[i] = addr_if(true, &m->first_owner);
	c->salt[i] = hash_if(true, &m->salt);
	c->proven_chain[i] = m->proven_chain_id;
	c->proven[i] = addr_if(m->has_proven, &m->proven);
}

enum status identity_accept(struct ctx *cx, struct db *db, bool *stored,
			    const struct identity_new *const *items, size_t n)
{
	assert(n > 0 && n <= IDENTITY_ACCEPT_MAX);
	struct identity_columns c;
	struct rows rows;
	columns_alloc(cx->arena, &c, n);
	for (size_t i = 0; i < n; i++)
		columns_set(&c, i, items[i]);
	TRY(db_exec(cx, db, SQL_IDENTITY_ACCEPT, &rows, p_i64s(c.app_id, n), p_uuids(c.quote, n),
		    p_bytess(c.fingerprint, n), p_uuids(c.id, n), p_uuids(c.identity, n),
		    p_uuids(c.base, n), p_i64s(c.kind, n), p_i64s(c.version, n),
		    p_i64s(c.src_eid, n), p_i64s(c.dst_eid, n), p_bytess(c.registry, n),
		    p_bools(c.eager, n), p_bytess(c.owner, n), p_bytess(c.account, n),
		    p_bytess(c.recovery, n), p_bytess(c.data_hash, n), p_i64s(c.deadline, n),
		    p_bytess(c.signature, n), p_bytess(c.consent, n), p_bytess(c.leaf_owner, n),
		    p_bytess(c.document, n), p_bytess(c.key, n), p_texts(c.accounts, n),
		    p_bytess(c.subject, n), p_i64s(c.home, n), p_bytess(c.first_owner, n),
		    p_bytess(c.salt, n), p_i64s(c.proven_chain, n), p_bytess(c.proven, n)));
	for (size_t i = 0; i < n; i++)
		stored[i] = false;
	/* The rows come in the order of the items, those left out missing. */
	size_t at = 0;
	for (int row = 0; row < rows.count; row++) {
		struct uuid id = row_uuid(&rows, row, "id");
		while (at < n && memcmp(id.b, items[at]->id.b, sizeof id.b) != 0)
			at++;
		assert(at < n);
		stored[at++] = true;
	}
	return ST_OK;
}

/* Reading -------------------------------------------------------------------------------------- */

static void act_read(const struct rows *r, int i, struct identity_act *a)
{
	a->id = row_uuid(r, i, "id");
	a->kind = row_i64(r, i, "kind");
	a->state = row_text(r, i, "state");
	a->seq = row_i64(r, i, "seq");
	a->version = row_i64(r, i, "version");
	a->src_eid = row_i64(r, i, "src_eid");
	a->dst_eid = row_i64(r, i, "dst_eid");
	a->eager = row_bool(r, i, "eager");
	(void)row_addr(r, i, "owner", &a->owner);
	a->has_account = row_addr(r, i, "account", &a->account);
	a->has_recovery = row_addr(r, i, "recovery", &a->recovery);
	(void)row_hash(r, i, "data_hash", &a->data_hash);
	(void)row_addr(r, i, "leaf_owner", &a->leaf_owner);
	a->has_document = row_hash(r, i, "document_hash", &a->document);
	a->has_key = row_hash(r, i, "encryption_key", &a->key);
	a->accounts = row_text(r, i, "accounts");
	a->has_message = !row_is_null(r, i, "message_id");
	if (a->has_message)
		a->message = row_uuid(r, i, "message_id");
	a->leaf_index = row_is_null(r, i, "leaf_index") ? -1 : row_i64(r, i, "leaf_index");
	a->reason = row_text(r, i, "reason");
	a->due_us = row_time_us(r, i, "due_at");
	a->created_us = row_time_us(r, i, "created_at");
	a->updated_us = row_time_us(r, i, "updated_at");
}

static void entry_read(const struct rows *r, int i, struct identity *d)
{
	d->ref.app_id = row_i64(r, i, "app_id");
	d->ref.id = row_uuid(r, i, "identity_id");
	(void)row_hash(r, i, "subject", &d->subject);
	d->home_eid = row_i64(r, i, "home_eid");
	d->home_chain_id = row_i64(r, i, "home_chain_id");
	(void)row_addr(r, i, "first_owner", &d->first_owner);
	(void)row_hash(r, i, "salt", &d->salt);
	d->created_us = row_time_us(r, i, "made_at");
	d->version = row_i64(r, i, "seqs");
	d->is_open = row_bool(r, i, "any_open");
	d->updated_us = row_time_us(r, i, "changed_at");
}

enum status identity_read(struct ctx *cx, struct db *db, struct identity **out,
			  const struct message_ref *refs, size_t n, size_t acts_max)
{
	int64_t *apps;
	struct uuid *ids;
	struct rows rows;
	refs_split(cx->arena, refs, n, &apps, &ids);
	for (size_t i = 0; i < n; i++)
		out[i] = NULL;
	if (n == 0)
		return ST_OK;
	TRY(db_exec(cx, db, SQL_IDENTITY_READ, &rows, p_i64s(apps, n), p_uuids(ids, n),
		    p_i64((int64_t)acts_max)));
	struct identity_act *acts = arena_array(cx->arena, (size_t)rows.count, sizeof *acts);
	for (int i = 0; i < rows.count; i++) {
		struct identity **at = &out[row_i64(&rows, i, "index")];
		if (!*at) {
			*at = arena_alloc(cx->arena, sizeof **at);
			entry_read(&rows, i, *at);
			(*at)->acts = &acts[i];
		}
		struct identity_act *act = &acts[i];
		act_read(&rows, i, act);
		act->is_recent = row_i64(&rows, i, "age") <= (int64_t)acts_max;
		(*at)->acts_n++;
		if (row_bool(&rows, i, "is_head"))
			(*at)->head = act;
		if (row_bool(&rows, i, "is_final"))
			(*at)->final = act;
		if (row_bool(&rows, i, "is_recovery"))
			(*at)->recovery = act;
	}
	return ST_OK;
}

static void uuid_or_none(const struct rows *rows, const char *column, struct uuid *out, bool *found)
{
	*found = rows->count > 0;
	if (*found)
		*out = row_uuid(rows, 0, column);
}

enum status identity_find(struct ctx *cx, struct db *db, struct uuid *out, bool *found,
			  int64_t app_id, int64_t chain_id, const struct addr *account)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_IDENTITY_FIND, &rows, p_i64(app_id), p_i64(chain_id),
		    p_blob(account->b, sizeof account->b)));
	uuid_or_none(&rows, "identity_id", out, found);
	return ST_OK;
}

enum status identity_keys(struct ctx *cx, struct db *db, struct identity_key *out,
			  const struct identity_key_ask *const *asks, size_t n)
{
	struct arena *a = cx->arena;
	int64_t *apps = arena_array(a, n, sizeof *apps), *chains = arena_array(a, n, sizeof *chains);
	struct uuid *ids = arena_array(a, n, sizeof *ids);
	struct bytes *subjects = arena_array(a, n, sizeof *subjects);
	struct bytes *accounts = arena_array(a, n, sizeof *accounts);
	struct bytes *keys = arena_array(a, n, sizeof *keys);
	struct rows rows;
	for (size_t i = 0; i < n; i++) {
		const struct identity_key_ask *ask = asks[i];
		apps[i] = ask->ref.app_id;
		ids[i] = ask->ref.id;
		chains[i] = ask->chain_id;
		subjects[i] = hash_if(ask->by_subject, &ask->subject);
		accounts[i] = addr_if(ask->by_account, &ask->account);
		keys[i] = bytes_of(ask->key_id, sizeof ask->key_id);
		out[i] = (struct identity_key){.found = false};
	}
	TRY(db_exec(cx, db, SQL_IDENTITY_KEYS, &rows, p_i64s(apps, n), p_uuids(ids, n),
		    p_bytess(subjects, n), p_i64s(chains, n), p_bytess(accounts, n),
		    p_bytess(keys, n)));
	for (int i = 0; i < rows.count; i++) {
		struct identity_key *k = &out[row_i64(&rows, i, "index")];
		k->found = true;
		k->is_revoked = row_bool(&rows, i, "revoked");
		k->has_final = row_hash(&rows, i, "final_key", &k->final);
		k->final_version = row_i64(&rows, i, "final_version");
		k->version = row_i64(&rows, i, "version");
	}
	return ST_OK;
}

enum status identity_scan(struct ctx *cx, struct db *db, struct uuid **ids, size_t *n,
			  const struct message_ref *before, size_t limit, int64_t chain_id,
			  const struct addr *account)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_IDENTITY_SCAN, &rows, p_i64(before->app_id), p_uuid(&before->id),
		    p_i64((int64_t)limit), p_i64(chain_id),
		    account ? p_blob(account->b, sizeof account->b) : p_null()));
	*n = (size_t)rows.count;
	*ids = arena_array(cx->arena, *n, sizeof **ids);
	for (int i = 0; i < rows.count; i++)
		(*ids)[i] = row_uuid(&rows, i, "id");
	return ST_OK;
}

enum status identity_of_operation(struct ctx *cx, struct db *db, struct uuid *out, bool *found,
				  const struct message_ref *operation)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_IDENTITY_OF_OPERATION, &rows, p_i64(operation->app_id),
		    p_uuid(&operation->id)));
	uuid_or_none(&rows, "identity_id", out, found);
	return ST_OK;
}

/* Batches -------------------------------------------------------------------------------------- */

enum status identity_lot(struct ctx *cx, struct db *db, struct identity_lot *out,
			 const struct uuid *message)
{
	struct rows rows;
	*out = (struct identity_lot){.found = false};
	TRY(db_exec(cx, db, SQL_IDENTITY_LOT, &rows, p_uuid(message)));
	if (rows.count == 0)
		return ST_OK;
	out->found = true;
	out->src_eid = row_i64(&rows, 0, "src_eid");
	out->dst_eid = row_i64(&rows, 0, "dst_eid");
	out->number = row_i64(&rows, 0, "number");
	(void)row_hash(&rows, 0, "prev_root", &out->prev_root);
	(void)row_hash(&rows, 0, "root", &out->root);
	out->count = row_i64(&rows, 0, "count");
	return ST_OK;
}

enum status identity_leaves(struct ctx *cx, struct db *db, struct identity_member **out, size_t *n,
			    const struct uuid *message)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_IDENTITY_LEAVES, &rows, p_uuid(message)));
	*n = (size_t)rows.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < rows.count; i++) {
		struct identity_member *m = &(*out)[i];
		m->index = row_i64(&rows, i, "index");
		(void)row_hash(&rows, i, "subject", &m->subject);
		(void)row_addr(&rows, i, "owner", &m->owner);
		(void)row_hash(&rows, i, "data_hash", &m->data_hash);
		m->version = row_i64(&rows, i, "version");
	}
	return ST_OK;
}

enum status identity_lot_members(struct ctx *cx, struct db *db, struct identity_member **out,
				 size_t *n, const struct uuid *message, int64_t app_id)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_IDENTITY_LOT_MEMBERS, &rows, p_uuid(message), p_i64(app_id)));
	*n = (size_t)rows.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < rows.count; i++) {
		struct identity_member *m = &(*out)[i];
		m->is_own = true;
		m->operation = row_uuid(&rows, i, "id");
		m->index = row_is_null(&rows, i, "leaf_index") ? -1
							       : row_i64(&rows, i, "leaf_index");
		(void)row_hash(&rows, i, "subject", &m->subject);
		(void)row_addr(&rows, i, "leaf_owner", &m->owner);
		(void)row_hash(&rows, i, "data_hash", &m->data_hash);
		m->version = row_i64(&rows, i, "version");
	}
	return ST_OK;
}

/* Events --------------------------------------------------------------------------------------- */

enum status identity_events(struct ctx *cx, struct db *db, struct event **out, size_t *n,
			    const struct message_ref *identity, struct event_position after,
			    size_t limit)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_IDENTITY_EVENTS, &rows, p_i64(identity->app_id),
		    p_uuid(&identity->id), p_i64(after.xid), p_i64(after.id),
		    p_i64((int64_t)limit)));
	event_rows(cx, &rows, out, n);
	return ST_OK;
}

enum status identity_progress(struct ctx *cx, struct db *db, struct identity_progress *out,
			      const struct message_ref *identity, struct event_position after)
{
	struct rows rows;
	*out = (struct identity_progress){.found = false};
	TRY(db_exec(cx, db, SQL_IDENTITY_PROGRESS, &rows, p_i64(identity->app_id),
		    p_uuid(&identity->id), p_i64(after.xid), p_i64(after.id)));
	if (rows.count == 0)
		return ST_OK;
	out->found = true;
	out->version = row_i64(&rows, 0, "seqs");
	out->is_open = row_bool(&rows, 0, "open");
	out->is_told = row_bool(&rows, 0, "told");
	return ST_OK;
}
