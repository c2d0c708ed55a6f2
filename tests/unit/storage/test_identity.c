/* SPDX-License-Identifier: Apache-2.0
 *
 * Accepting operations: one statement for a group, and none of it twice, whatever else goes on.
 */
#include "tests/unit/storage/rig.h"

#include "storage/identity.h"

static struct uuid fresh(void)
{
	struct uuid id;
	uuid_v7(id.b);
	return id;
}

static struct uuid offer(struct rig *r, int64_t app, int64_t seconds)
{
	struct message_ref ref = {app, fresh()};
	int64_t expire_us;
	pg_ok(r->cx, identity_offer_insert(&r->cx, r->db, &expire_us, &ref, bytes_of("{}", 2),
					   seconds));
	return ref.id;
}

/* A registration by a quote of its own. */
static struct identity_new *registration(struct rig *r, uint64_t n)
{
	struct identity_new *m = arena_alloc(r->arena, sizeof *m);
	*m = (struct identity_new){
		.app_id = r->app,
		.quote = offer(r, r->app, 60),
		.id = fresh(),
		.identity = fresh(),
		.fingerprint = rig_hash(n),
		.kind = 1,
		.version = 1,
		.src_eid = RIG_DST,
		.dst_eid = RIG_SRC,
		.registry = rig_addr(9),
		.owner = rig_addr((uint8_t)n),
		.data_hash = rig_hash(100 + n),
		.deadline = 2000000000,
		.signature = bytes_of("signature", 9),
		.leaf_owner = rig_addr((uint8_t)n),
		.accounts = "eip155:31338:0x1",
		.subject = rig_hash(200 + n),
		.home_chain_id = 31338,
		.first_owner = rig_addr((uint8_t)n),
		.salt = rig_hash(300 + n),
		.proven_chain_id = 31338,
		.has_proven = true,
		.proven = rig_addr((uint8_t)n),
	};
	return m;
}

static struct identity_new *update(struct rig *r, const struct identity_new *of, int64_t version)
{
	struct identity_new *m = registration(r, (uint64_t)version + 40);
	m->kind = 2;
	m->version = version;
	m->identity = of->identity;
	m->base = of->id;
	m->has_proven = false;
	return m;
}

static size_t accept(struct rig *r, const struct identity_new *const *items, size_t n, bool *stored)
{
	size_t count = 0;
	pg_ok(r->cx, identity_accept(&r->cx, r->db, stored, items, n));
	for (size_t i = 0; i < n; i++)
		count += stored[i];
	return count;
}

START_TEST(a_group_stores_each_quote_once)
{
	struct rig r;
	rig_begin(&r);
	bool stored[4];
	const struct identity_new *a = registration(&r, 1), *b = registration(&r, 2);
	struct identity_new *again = arena_copy(r.arena, a, sizeof *a);
	again->id = fresh(); /* the same request, twice in a group */
	const struct identity_new *group[] = {a, again, b};
	ck_assert_uint_eq(accept(&r, group, 3, stored), 2);
	ck_assert(stored[2] && stored[0] != stored[1]);
	ck_assert_uint_eq(accept(&r, group, 3, stored), 0);
	rig_true(&r, "(SELECT count(*) FROM operation) = 2 AND (SELECT count(*) FROM identity) = 2 AND "
		     "(SELECT count(*) FROM event) = 2 AND (SELECT count(*) FROM identity_account) = 2");
	struct message_ref refs[2] = {{r.app, a->quote}, {r.app + 1, a->quote}};
	struct identity_offer offers[2];
	pg_ok(r.cx, identity_offers(&r.cx, r.db, offers, refs, 2));
	ck_assert(offers[0].found && offers[0].is_used && !offers[1].found);
	unit_assert_hash_eq(offers[0].fingerprint, a->fingerprint);
	ck_assert_mem_eq(offers[0].identity.b, a->identity.b, 16);
	rig_end(&r);
}
END_TEST

START_TEST(what_cannot_be_stored_leaves_its_quote_free)
{
	struct rig r;
	rig_begin(&r);
	bool stored[2];
	const struct identity_new *a = registration(&r, 1);
	const struct identity_new *late = registration(&r, 2);
	rig_sql(&r, "UPDATE identity_quote SET expire_at = now() - interval '1 s' WHERE id = %s",
		rig_uuid(&r, &late->quote));
	ck_assert_uint_eq(accept(&r, &late, 1, stored), 0);
	ck_assert_uint_eq(accept(&r, &a, 1, stored), 1);
	const struct identity_new *x = update(&r, a, 2), *y = update(&r, a, 2), *both[] = {x, y};
	ck_assert_uint_eq(accept(&r, both, 2, stored), 1); /* one version, two quotes */
	const struct identity_new *won = stored[0] ? x : y, *lost = stored[0] ? y : x;
	ck_assert_uint_eq(accept(&r, &lost, 1, stored), 0);
	/* Somebody else's identity, and one that moved on. */
	struct identity_new *stale = update(&r, a, 3);
	stale->version = 2;
	ck_assert_uint_eq(accept(&r, (const struct identity_new *const *)&stale, 1, stored), 0);
	struct identity_new *foreign = update(&r, won, 3);
	rig_sql(&r, "UPDATE identity_quote SET app_id = app_id + 1 WHERE id = %s",
		rig_uuid(&r, &foreign->quote));
	foreign->app_id++;
	ck_assert_uint_eq(accept(&r, (const struct identity_new *const *)&foreign, 1, stored), 0);
	rig_true(&r, "(SELECT count(*) FROM identity_quote WHERE operation_id IS NOT NULL) = 2");
	/* A version that was refused is free again, with what was before it as its base. */
	rig_sql(&r, "UPDATE operation SET state = 'REJECTED', seq = seq + 1 WHERE version = 2");
	ck_assert_uint_eq(accept(&r, &lost, 1, stored), 1);
	rig_end(&r);
}
END_TEST

START_TEST(an_identity_shows_its_newest_and_its_final_operation)
{
	struct rig r;
	rig_begin(&r);
	bool stored[1];
	const struct identity_new *last = registration(&r, 1);
	ck_assert_uint_eq(accept(&r, &last, 1, stored), 1);
	struct message_ref ref = {r.app, last->identity}, other = {r.app + 1, last->identity};
	for (int64_t v = 2; v <= 6; v++) {
		const struct identity_new *next = update(&r, last, v);
		ck_assert_uint_eq(accept(&r, &next, 1, stored), 1);
		last = next;
	}
	rig_sql(&r, "UPDATE operation SET state = 'FAILED', seq = 2 WHERE version = 6");
	struct identity *d;
	pg_ok(r.cx, identity_read(&r.cx, r.db, &d, &ref, 1, 2));
	ck_assert_int_eq(d->version, 7);
	ck_assert_int_eq(d->head->version, 5);
	ck_assert_ptr_null(d->final);
	ck_assert_uint_eq(d->acts_n, 2);
	ck_assert_int_eq(d->acts[1].version, 6);
	ck_assert_str_eq(d->acts[0].accounts, "eip155:31338:0x1");
	pg_ok(r.cx, identity_read(&r.cx, r.db, &d, &other, 1, 2));
	ck_assert_ptr_null(d);
	struct uuid found;
	bool is_found;
	struct addr account = rig_addr(1);
	pg_ok(r.cx, identity_find(&r.cx, r.db, &found, &is_found, r.app, 31338, &account));
	ck_assert(is_found);
	pg_ok(r.cx, identity_find(&r.cx, r.db, &found, &is_found, r.app, 31337, &account));
	ck_assert(!is_found);
	rig_end(&r);
}
END_TEST

START_TEST(old_quotes_go_when_new_ones_come)
{
	struct rig r;
	rig_begin(&r);
	for (int i = 0; i < 6; i++)
		offer(&r, r.app, 60);
	rig_sql(&r, "UPDATE identity_quote SET expire_at = now() - interval '2 days'");
	offer(&r, r.app, 60);
	rig_true(&r, "(SELECT count(*) FROM identity_quote) = 3");
	offer(&r, r.app, 60);
	rig_true(&r, "(SELECT count(*) FROM identity_quote) = 2");
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/identity", a_group_stores_each_quote_once,
	 what_cannot_be_stored_leaves_its_quote_free,
	 an_identity_shows_its_newest_and_its_final_operation, old_quotes_go_when_new_ones_come)
