/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/operation.h"
#include "tests/unit/storage/rig.h"

enum { OPERATIONS = 3 };

/* Identities 1, 2, 3, each with a registration that waits. */
static void accept_operations(struct rig *r)
{
	rig_sql(r, "INSERT INTO identity (app_id, id, subject, home_eid, home_chain_id, first_owner, salt) "
		   "SELECT %lld, ('00000000-0000-0000-0000-00000000000' || n)::uuid, "
		   "decode(lpad(n::text, 64, '0'), 'hex'), %d, 31338, decode(lpad('aa', 40, '0'), 'hex'), "
		   "decode(repeat('00', 32), 'hex') FROM generate_series(1, %d) n",
		(long long)r->app, RIG_SRC, OPERATIONS);
	rig_sql(r, "INSERT INTO operation (app_id, id, identity_id, kind, version, src_eid, dst_eid, registry, eager, "
		   "owner, data_hash, deadline, signature, consent, leaf_owner) "
		   "SELECT app_id, ('00000000-0000-0000-0001-00000000000' || right(id::text, 1))::uuid, id, 1, 1, "
		   "%d, %d, decode(repeat('09', 20), 'hex'), false, first_owner, subject, 2000000000, '\\x01', '', "
		   "first_owner "
		   "FROM identity ORDER BY id",
		RIG_SRC, RIG_DST);
	rig_sql(r, "INSERT INTO event (app_id, message_id, seq, type) SELECT app_id, id, 1, 'ACCEPTED' FROM operation");
}

static size_t waiting(struct rig *r, struct operation **out)
{
	size_t n;
	pg_ok(r->cx, operation_waiting(&r->cx, r->db, out, &n, RIG_SRC, "1000", 10));
	return n;
}

static struct operation_message batch_message(void)
{
	struct operation_message m = {
		.src_eid = RIG_SRC,
		.dst_eid = RIG_DST,
		.registry = rig_addr(9),
		.receiver = rig_hash(8),
		.calldata = bytes_of("call", 4),
		.source_gas = 1000000,
		.gas_limit = 200000,
	};
	uuid_v7(m.id.b);
	m.request_id = rig_hash(m.id.b[15] + 256u * m.id.b[14]);
	return m;
}

/* All that wait, in one batch. */
static struct message_ref close_batch(struct rig *r)
{
	struct operation *ops;
	size_t n = waiting(r, &ops);
	struct operation_message m = batch_message();
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	pg_ok(r->cx, operation_batch(&r->cx, r->db, &m, ops, n));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
	return (struct message_ref){0, m.id};
}

static struct operation_leaf leaf(unsigned n)
{
	struct operation_leaf l = {.version = 1};
	l.subject.b[31] = l.data_hash.b[31] = (uint8_t)n;
	l.owner.b[19] = 0xaa;
	return l;
}

/* The chain shows the batch, with leaves of the identities named. */
static void seen(struct rig *r, const struct message_ref *batch, const unsigned *which, size_t n)
{
	struct operation_leaf leaves[OPERATIONS];
	struct hash root = rig_hash(1), guid;
	struct outbox_item *it;
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	it = rig_lock(r, r->db, batch);
	guid = it->guid;
	for (size_t i = 0; i < n; i++)
		leaves[i] = leaf(which[i]);
	pg_ok(r->cx, operation_batch_seen(&r->cx, r->db, &guid, &it->src.tx_hash, 1, &root, &root, leaves, n));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

static void source_final(struct rig *r, const struct message_ref *batch)
{
	rig_sql(r, "UPDATE message SET src_final = true WHERE id = %s", rig_uuid(r, &batch->id));
	rig_move(r, batch, STATE_VERIFYING, 12);
}

static void delivered(struct rig *r, const struct message_ref *batch)
{
	rig_move(r, batch, STATE_COMMITTED, 20);
	rig_move(r, batch, STATE_DELIVERED, 20);
}

static void destination_final(struct rig *r, const struct message_ref *batch)
{
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	struct outbox_item *it = rig_lock(r, r->db, batch);
	it->dst_final = true;
	outbox_note(it, "FINAL");
	pg_ok(r->cx, outbox_save(&r->cx, r->db, &it, 1));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

static void state_is(struct rig *r, unsigned n, const char *state)
{
	rig_true(r, "(SELECT state = '%s' FROM operation WHERE right(id::text, 1) = '%u')", state, n);
}

static void all_are(struct rig *r, const char *state)
{
	for (unsigned n = 1; n <= OPERATIONS; n++)
		state_is(r, n, state);
	rig_verify(r);
}

START_TEST(operations_follow_their_batch_to_the_end)
{
	struct rig r;
	const unsigned all[] = {1, 2, 3};
	rig_begin(&r);
	accept_operations(&r);
	struct message_ref m = close_batch(&r);
	all_are(&r, "BATCHED");
	struct operation *none;
	ck_assert_uint_eq(waiting(&r, &none), 0);
	rig_move(&r, &m, STATE_SUBMITTED, 9);
	all_are(&r, "SUBMITTED");
	rig_move(&r, &m, STATE_SENT, 10);
	all_are(&r, "SUBMITTED"); /* its leaves are not known yet */
	seen(&r, &m, all, 3);
	all_are(&r, "SENT");
	source_final(&r, &m);
	all_are(&r, "VERIFYING");
	delivered(&r, &m);
	all_are(&r, "COMMITTED");
	destination_final(&r, &m);
	all_are(&r, "FINAL");
	rig_true(&r, "(SELECT string_agg(type, ' ' ORDER BY e.seq) = "
		     "'ACCEPTED BATCHED SUBMITTED SENT VERIFYING VERIFIED COMMITTED FINAL' "
		     "FROM event e JOIN operation o ON o.id = e.message_id WHERE right(o.id::text, 1) = '2')");
	rig_refused(&r, "illegal move", "UPDATE operation SET state = 'FAILED'");
	rig_end(&r);
}
END_TEST

START_TEST(what_was_left_out_is_judged_when_the_block_is_final)
{
	struct rig r;
	const unsigned one[] = {2};
	rig_begin(&r);
	accept_operations(&r);
	struct message_ref m = close_batch(&r);
	rig_move(&r, &m, STATE_SUBMITTED, 9);
	rig_move(&r, &m, STATE_SENT, 10);
	seen(&r, &m, one, 1);
	rig_sql(&r, "SELECT 1");
	struct hash request;
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	request = rig_lock(&r, r.db, &m)->request_id;
	pg_ok(r.cx, operation_skipped(&r.cx, r.db, &request, 0, "BadSignature"));
	pg_ok(r.cx, operation_skipped(&r.cx, r.db, &request, 1, "BadSignature")); /* that one stands in the tree */
	pg_ok(r.cx, operation_skipped(&r.cx, r.db, &request, 2, "TooManyWritten"));
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	state_is(&r, 1, "SUBMITTED");
	source_final(&r, &m);
	state_is(&r, 1, "FAILED");
	state_is(&r, 2, "VERIFYING");
	state_is(&r, 3, "ACCEPTED");
	rig_true(&r, "(SELECT reason = 'BadSignature' FROM operation WHERE state = 'FAILED')");
	rig_true(&r, "(SELECT message_id IS NULL AND attempts = 1 AND due_at > now() FROM operation "
		     "WHERE state = 'ACCEPTED')");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(a_reorganisation_takes_leaves_and_operations_back)
{
	struct rig r;
	const unsigned all[] = {1, 2, 3}, other[] = {3, 1};
	rig_begin(&r);
	accept_operations(&r);
	struct message_ref m = close_batch(&r);
	rig_move(&r, &m, STATE_SUBMITTED, 9);
	rig_move(&r, &m, STATE_SENT, 10);
	seen(&r, &m, all, 3);
	all_are(&r, "SENT");
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	struct outbox_item *it = rig_lock(&r, r.db, &m);
	it->has_guid = false;
	it->guid_dropped = true;
	it->former_guid = it->guid;
	outbox_move_along(it, STATE_SUBMITTED, RIG_SRC, NULL, "the source block is gone");
	pg_ok(r.cx, outbox_save(&r.cx, r.db, &it, 1));
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	all_are(&r, "SUBMITTED");
	rig_true(&r, "(SELECT count(*) = 0 FROM batch) AND (SELECT count(*) = 0 FROM batch_leaf)");
	rig_move(&r, &m, STATE_SENT, 11);
	seen(&r, &m, other, 2);
	rig_true(&r, "(SELECT array_agg(leaf_index ORDER BY id) = '{1,NULL,0}' FROM operation)");
	state_is(&r, 2, "SUBMITTED");
	state_is(&r, 3, "SENT");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(an_operation_that_a_stranger_sent_joins_his_batch)
{
	struct rig r;
	const unsigned all[] = {1, 3};
	rig_begin(&r);
	accept_operations(&r);
	struct message_ref ours = close_batch(&r), his;
	struct operation_message m = batch_message();
	m.id.b[15] ^= 1;
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, operation_batch(&r.cx, r.db, &m, NULL, 0));
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	his = (struct message_ref){0, m.id};
	rig_move(&r, &his, STATE_SUBMITTED, 9);
	rig_move(&r, &his, STATE_SENT, 10);
	seen(&r, &his, all, 2);
	state_is(&r, 1, "SENT");
	state_is(&r, 2, "BATCHED");
	state_is(&r, 3, "SENT");
	/* Ours comes to nothing: the one that was left starts anew, those two stay. */
	rig_move(&r, &ours, STATE_SUBMITTED, 11);
	rig_move(&r, &ours, STATE_FAILED, 11);
	state_is(&r, 2, "ACCEPTED");
	state_is(&r, 1, "SENT");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(what_the_main_registry_refuses_is_rejected)
{
	struct rig r;
	const unsigned all[] = {1, 2, 3};
	const int64_t index[] = {1}, reason[] = {2};
	rig_begin(&r);
	accept_operations(&r);
	struct message_ref m = close_batch(&r);
	rig_move(&r, &m, STATE_SUBMITTED, 9);
	rig_move(&r, &m, STATE_SENT, 10);
	seen(&r, &m, all, 3);
	source_final(&r, &m);
	delivered(&r, &m);
	/* First it arrives in a block that goes away, and refuses another one there. */
	pg_ok(r.cx, operation_batch_accepted(&r.cx, r.db, RIG_SRC, 1, (int64_t[]){0}, reason, 1));
	pg_ok(r.cx, operation_batch_accepted(&r.cx, r.db, RIG_SRC, 1, index, reason, 1));
	rig_true(&r, "(SELECT rejected = 1 FROM batch)");
	destination_final(&r, &m);
	state_is(&r, 1, "FINAL");
	state_is(&r, 2, "REJECTED");
	state_is(&r, 3, "FINAL");
	rig_true(&r, "(SELECT reason = 'STALE_VERSION' FROM operation WHERE state = 'REJECTED')");
	rig_verify(&r);

	struct operation_unanswered due;
	pg_ok(r.cx, operation_unanswered(&r.cx, r.db, &due, RIG_SRC, 32));
	ck_assert(due.up_to == 1 && due.count == 1 && due.rejected == 1);
	struct operation_message answer = batch_message();
	pg_ok(r.cx, operation_answer(&r.cx, r.db, &answer, RIG_SRC, 1));
	pg_ok(r.cx, operation_unanswered(&r.cx, r.db, &due, RIG_SRC, 32));
	ck_assert_int_eq(due.count, 0);
	rig_end(&r);
}
END_TEST

START_TEST(set_aside_ends_or_waits)
{
	struct rig r;
	struct operation *ops;
	rig_begin(&r);
	accept_operations(&r);
	ck_assert_uint_eq(waiting(&r, &ops), 3);
	struct operation_aside v[] = {
		{.app_id = r.app, .id = ops[0].id, .state = "EXPIRED", .reason = "Expired"},
		{.app_id = r.app, .id = ops[1].id, .reason = "NotRegistered", .wait_ms = 60000},
	};
	pg_ok(r.cx, operation_set_aside(&r.cx, r.db, v, 2));
	state_is(&r, 1, "EXPIRED");
	state_is(&r, 2, "ACCEPTED");
	ck_assert_uint_eq(waiting(&r, &ops), 1);
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

/* Two relays cannot put one operation into two batches. */
START_TEST(an_operation_joins_one_batch)
{
	struct rig r;
	struct operation *ops;
	rig_begin(&r);
	accept_operations(&r);
	size_t n = waiting(&r, &ops);
	close_batch(&r);
	struct operation_message m = batch_message();
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	ck_assert_int_eq(operation_batch(&r.cx, r.db, &m, ops, n), ST_BUSY);
	tx_rollback(r.db);
	rig_true(&r, "(SELECT count(*) = 1 FROM message)");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(an_app_that_spent_its_share_waits)
{
	struct rig r;
	struct operation *ops;
	rig_begin(&r);
	accept_operations(&r);
	rig_sql(&r, "INSERT INTO app_spend (app_id, day, wei) VALUES (%lld, current_date, 1000)", (long long)r.app);
	ck_assert_uint_eq(waiting(&r, &ops), 0);
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/operation", operations_follow_their_batch_to_the_end,
	 what_was_left_out_is_judged_when_the_block_is_final,
	 a_reorganisation_takes_leaves_and_operations_back, an_operation_that_a_stranger_sent_joins_his_batch,
	 what_the_main_registry_refuses_is_rejected, set_aside_ends_or_waits, an_operation_joins_one_batch,
	 an_app_that_spent_its_share_waits)
