/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pg.h"

#include "storage/event.h"
#include "storage/message.h"

struct shelf {
	struct arena *arena;
	struct ctx cx;
	struct db *db;
};

static void shelf_open(struct shelf *s)
{
	s->cx = pg_ctx(&s->arena);
	pg_ok(s->cx, db_open(&s->cx, pg_database(&s->cx), "test", &s->db));
}

static void shelf_close(struct shelf *s)
{
	arena_destroy(s->arena);
	db_close(s->db);
}

static struct message_new *row_new(struct shelf *s, const char *key)
{
	static const uint8_t payload[] = {1, 2, 3};
	struct message_new *m = arena_alloc(s->arena, sizeof *m);
	m->ref.app_id = 1;
	uuid_v7(m->ref.id.b);
	m->kind = 1;
	m->submission = 1;
	m->execution = 3;
	m->src_eid = 10;
	m->dst_eid = 20;
	m->receiver.b[31] = 7;
	m->payload = bytes_of(payload, sizeof payload);
	m->gas_limit = 5000;
	m->messenger.b[0] = 9;
	memcpy(m->request_id.b, m->ref.id.b, 16);
	m->method = MESSAGE_METHOD_SEND;
	m->key = key;
	memset(m->fingerprint.b, key[0], 32);
	m->request = bytes_of(key, strlen(key));
	return m;
}

static void sign(struct message_new *m, const char *nonce)
{
	m->is_signed = true;
	m->author.b[3] = 3;
	m->author_nonce = nonce;
	m->deadline = "1900000000";
	m->signature = bytes_of(m->fingerprint.b, 32);
}

static bool insert_one(struct shelf *s, const struct message_new *m)
{
	bool inserted;
	int64_t created_us;
	const struct message_new *rows[] = {m};
	pg_ok(s->cx, message_insert(&s->cx, s->db, &inserted, &created_us, rows, 1));
	return inserted;
}

static struct message *read_one(struct shelf *s, const struct message_ref *ref)
{
	struct message *m;
	pg_ok(s->cx, message_read(&s->cx, s->db, &m, ref, 1));
	return m;
}

START_TEST(what_is_stored_is_read_back)
{
	struct shelf s;
	shelf_open(&s);
	struct message_new *a = row_new(&s, "a"), *b = row_new(&s, "b");
	sign(b, "115792089237316195423570985008687907853269984665640564039457584007913129639935");
	b->client_ref = "ref";
	b->has_ordering_key = true;
	b->ordering_key.b[0] = 4;
	b->payload = (struct bytes){NULL, 0};
	const struct message_new *rows[] = {a, b};
	bool inserted[2];
	int64_t created_us;
	pg_ok(s.cx, message_insert(&s.cx, s.db, inserted, &created_us, rows, 2));
	ck_assert(inserted[0] && inserted[1]);
	ck_assert_int_lt(llabs(created_us - clock_wall_us()), 5000000);
	struct message_ref refs[3] = {b->ref, {1, {{0}}}, a->ref};
	struct message *m[3];
	pg_ok(s.cx, message_read(&s.cx, s.db, m, refs, 3));
	ck_assert_ptr_null(m[1]);
	ck_assert_mem_eq(m[2]->ref.id.b, a->ref.id.b, 16);
	ck_assert_int_eq(m[2]->state, STATE_ACCEPTED);
	ck_assert_int_eq(m[2]->version, 1);
	ck_assert(!m[2]->is_signed && !m[2]->has_author && !m[2]->has_ordering_key &&
		  !m[2]->has_guid);
	ck_assert(m[2]->is_open && !m[2]->is_carried && m[2]->due_us == INT64_MIN);
	ck_assert_int_eq(m[2]->created_us, created_us);
	ck_assert_str_eq(m[2]->value, "0");
	ck_assert_uint_eq(m[2]->payload.n, 3);
	ck_assert(m[0]->is_signed && m[0]->has_author && m[0]->has_ordering_key);
	ck_assert_str_eq(m[0]->client_ref, "ref");
	ck_assert_uint_eq(m[0]->payload.n, 0);
	unit_assert_hash_eq(m[0]->ordering_key, b->ordering_key);
	shelf_close(&s);
}
END_TEST

START_TEST(taken_keys_and_nonces_leave_their_item_out_only)
{
	struct shelf s;
	shelf_open(&s);
	struct message_new *first = row_new(&s, "b");
	sign(first, "1");
	ck_assert(insert_one(&s, first));
	struct message_new *a = row_new(&s, "a"), *b = row_new(&s, "b"), *c = row_new(&s, "c"),
			   *d = row_new(&s, "d"), *e = row_new(&s, "e");
	sign(c, "1"); /* taken by the first */
	sign(d, "2");
	sign(e, "2"); /* taken by d */
	const struct message_new *rows[] = {a, b, c, d, e};
	bool inserted[5];
	int64_t created_us;
	pg_ok(s.cx, message_insert(&s.cx, s.db, inserted, &created_us, rows, 5));
	const bool want[] = {true, false, false, true, false};
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(inserted[i], want[i]);
	struct message_keyed keyed[5];
	pg_ok(s.cx, message_by_keys(&s.cx, s.db, keyed, rows, 5));
	ck_assert(keyed[0].found && keyed[1].found && !keyed[2].found && keyed[3].found &&
		  !keyed[4].found);
	ck_assert_mem_eq(keyed[1].ref.id.b, first->ref.id.b, 16);
	unit_assert_hash_eq(keyed[1].fingerprint, first->fingerprint);
	ck_assert_uint_eq(keyed[1].request.n, 1);
	ck_assert_ptr_null(read_one(&s, &c->ref));
	/* Another app's key is another key; another chain's nonce another nonce. */
	struct message_new *f = row_new(&s, "b");
	f->ref.app_id = 2;
	sign(f, "1");
	f->src_eid = 11;
	ck_assert(insert_one(&s, f));
	shelf_close(&s);
}
END_TEST

START_TEST(numbers_grow_with_acceptance_and_unsigned_nonces_are_they)
{
	struct shelf s;
	shelf_open(&s);
	for (int i = 0; i < 5; i++)
		ck_assert(insert_one(&s, row_new(&s, arena_printf(s.arena, "k%d", i))));
	pg_ok(s.cx,
	      db_script(
		      &s.cx, s.db,
		      "DO $$ BEGIN IF EXISTS (SELECT 1 FROM message WHERE num <> author_nonce) OR "
		      "(SELECT count(DISTINCT num) FROM message) <> 5 THEN RAISE 'numbers'; "
		      "END IF; END $$"));
	shelf_close(&s);
}
END_TEST

START_TEST(guids_of_before_and_of_now_are_found)
{
	struct shelf s;
	shelf_open(&s);
	struct message_new *a = row_new(&s, "a");
	ck_assert(insert_one(&s, a));
	pg_ok(s.cx,
	      db_script(&s.cx, s.db,
			"UPDATE message SET guid = decode(repeat('01', 32), 'hex'), former_guids = "
			"ARRAY[decode(repeat('02', 32), 'hex'), decode(repeat('03', 32), 'hex')]"));
	struct hash guids[4];
	for (int i = 0; i < 4; i++)
		memset(guids[i].b, i, 32);
	struct message_guid *found;
	size_t n;
	pg_ok(s.cx, message_by_guids(&s.cx, s.db, &found, &n, guids, 4));
	ck_assert_uint_eq(n, 3);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_ne(found[i].index, 0);
		ck_assert_int_eq(found[i].is_former, found[i].index != 1);
		ck_assert_mem_eq(found[i].ref.id.b, a->ref.id.b, 16);
	}
	struct message *m = read_one(&s, &a->ref);
	ck_assert(m->has_guid);
	ck_assert_uint_eq(m->former_guids_n, 2);
	ck_assert_int_eq(m->former_guids[1].p[0], 3);
	shelf_close(&s);
}
END_TEST

START_TEST(a_scan_goes_on_where_it_stopped)
{
	enum { N = 30 };
	struct shelf s;
	shelf_open(&s);
	for (int i = 0; i < N; i++) {
		struct message_new *m = row_new(&s, arena_printf(s.arena, "k%02d", i));
		m->dst_eid = i % 10 == 0 ? 99 : 20;
		ck_assert(insert_one(&s, m));
	}
	struct message_filter filter = {.dst_eid = 99};
	struct message_ref before = {1, {{0}}};
	memset(before.id.b, 0xff, 16);
	size_t hits = 0, rounds = 0;
	bool end = false;
	while (!end) {
		struct uuid *ids;
		size_t n;
		pg_ok(s.cx, message_scan(&s.cx, s.db, &ids, &n, &before.id, &end, &filter, &before,
					 2, 7));
		hits += n;
		ck_assert_uint_lt(++rounds, 20);
	}
	ck_assert_uint_eq(hits, 3);
	ck_assert_uint_ge(rounds, 4);
	before.app_id = 2;
	memset(before.id.b, 0xff, 16);
	struct uuid *ids;
	size_t n;
	pg_ok(s.cx, message_scan(&s.cx, s.db, &ids, &n, &before.id, &end, &filter, &before, 2, 7));
	ck_assert(n == 0 && end);
	shelf_close(&s);
}
END_TEST

START_TEST(asking_changes_what_it_may_and_writes_it_down)
{
	static const char *const states[] = {"COMMITTED"};
	struct shelf s;
	shelf_open(&s);
	struct message_new *a = row_new(&s, "a");
	struct message_ask ask = {.type = "SKIP_REQUESTED",
				  .states = states,
				  .states_n = 1,
				  .act = "SKIP",
				  .reason = "why"};
	bool done = true;
	ck_assert(insert_one(&s, a));
	pg_ok(s.cx, message_ask(&s.cx, s.db, &done, &a->ref, &ask));
	ck_assert(!done);
	ck_assert(!tx_is_open(s.db));
	ck_assert_int_eq(read_one(&s, &a->ref)->version, 1);
	pg_ok(s.cx,
	      db_script(
		      &s.cx, s.db,
		      "ALTER TABLE message DISABLE TRIGGER USER; UPDATE message SET state = "
		      "'COMMITTED', reason = 16; UPDATE outbox SET stage = 5, due_at = 'infinity', "
		      "signer = decode(repeat('01', 20), 'hex')"));
	pg_ok(s.cx, message_ask(&s.cx, s.db, &done, &a->ref, &ask));
	ck_assert(!done); /* a transaction carries it */
	ask.is_carried_too = true;
	pg_ok(s.cx, message_ask(&s.cx, s.db, &done, &a->ref, &ask));
	ck_assert(done);
	struct message *m = read_one(&s, &a->ref);
	ck_assert_int_eq(m->version, 2);
	ck_assert_str_eq(m->act, "SKIP");
	ck_assert_int_eq(m->reason, 0);
	ck_assert_int_le(m->due_us, clock_wall_us() + 1000000);
	struct event *events;
	size_t n;
	pg_ok(s.cx, event_list(&s.cx, s.db, &events, &n, &a->ref, 0, 10));
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(events[1].type, "SKIP_REQUESTED");
	ck_assert_str_eq(events[1].reason, "why");
	ck_assert_int_eq(events[1].to, STATE_COUNT);
	shelf_close(&s);
}
END_TEST

START_TEST(nonces_are_offered_densely_and_never_twice)
{
	struct shelf s;
	shelf_open(&s);
	struct message_new *a = row_new(&s, "a"), *b = row_new(&s, "b");
	sign(a, "1");
	sign(b, "2");
	ck_assert(insert_one(&s, a) && insert_one(&s, b));
	const char *want[] = {"0", "3", "4", "10", "11"}, *least[] = {"0", "0", "0", "10", "0"},
		   *got;
	for (int i = 0; i < 5; i++) {
		pg_ok(s.cx, message_author_nonce(&s.cx, s.db, &got, 10, &a->messenger, &a->author,
						 least[i]));
		ck_assert_str_eq(got, want[i]);
	}
	pg_ok(s.cx, message_author_nonce(&s.cx, s.db, &got, 11, &a->messenger, &a->author, "0"));
	ck_assert_str_eq(got, "0");
	shelf_close(&s);
}
END_TEST

PG_SUITE("storage/message", what_is_stored_is_read_back,
	 taken_keys_and_nonces_leave_their_item_out_only,
	 numbers_grow_with_acceptance_and_unsigned_nonces_are_they,
	 guids_of_before_and_of_now_are_found, a_scan_goes_on_where_it_stopped,
	 asking_changes_what_it_may_and_writes_it_down, nonces_are_offered_densely_and_never_twice)
