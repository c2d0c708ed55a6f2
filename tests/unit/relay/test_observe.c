/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
#include "base/log.h"
#include "base/thread.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/observe.h"
#include "tests/unit/relay/sim.h"
#include "tests/unit/storage/rig.h"

struct play {
	struct rig r;
	struct sim *sim;
	struct world *world;
	struct observe observe[2];
	struct thread *threads[2];
	struct message_ref refs[SIM_MESSAGES];
	const char *urls[2];
};

/* What the submit lane does with a message: one transaction, journalled. */
static void claim(struct play *p, size_t i)
{
	struct rig *r = &p->r;
	const struct addr *signer = signer_account(p->world->chains[0].submit);
	struct journal_lane lane;
	pg_ok(r->cx, journal_lane_open(&r->cx, r->db, &lane, LOGS_SRC, signer, "submit", 0));
	struct journal_entry e = {
		.eid = LOGS_SRC,
		.signer = *signer,
		.nonce = lane.next_nonce,
		.purpose = "SUBMIT",
		.calldata = bytes_of("x", 1),
		.value = "0",
		.items_app = &p->refs[i].app_id,
		.items_id = &p->refs[i].id,
		.items_n = 1,
		.raw = bytes_of("x", 1),
		.hash = p->sim->own_tx[i],
		.max_fee = "1",
		.tip = "1",
	};
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	struct outbox_item *it = rig_lock(r, r->db, &p->refs[i]);
	outbox_move(it, STATE_SUBMITTED);
	it->submitter = *signer;
	it->is_carried = true;
	it->signer = *signer;
	it->tx_nonce = e.nonce;
	pg_ok(r->cx, journal_insert(&r->cx, r->db, &e, 1));
	pg_ok(r->cx, outbox_save(&r->cx, r->db, &it, 1));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

/* Even messages go in our own transactions, unsigned; odd ones are signed, and strangers send them. */
static void message_make(struct play *p, size_t i)
{
	struct rig *r = &p->r;
	bool own = i % 2 == 0;
	struct messenger_message *m = &p->sim->messages[i];
	struct message_new *n = rig_new(r, i);
	*m = (struct messenger_message){
		.is_signed = !own,
		.author = own ? *signer_account(p->world->chains[0].submit) : logs_addr(0xaa, (uint8_t)i),
		.request_id = n->request_id,
		.receiver = n->receiver,
		.gas_limit = u256_of_u64(200000),
		.payload = n->payload,
	};
	if (own) {
		struct rows rows;
		pg_ok(r->cx, db_exec(&r->cx, r->db, SQL_APP_FIND, &rows, p_text("shop")));
	} else {
		n->is_signed = true;
		n->author = m->author;
		n->author_nonce = "1";
		n->deadline = "99999999999";
		n->signature = bytes_of("signature", 9);
	}
	bool inserted;
	int64_t created;
	pg_ok(r->cx, message_insert(&r->cx, r->db, &inserted, &created, (const struct message_new *[]){n}, 1));
	ck_assert(inserted);
	p->refs[i] = n->ref;
	p->sim->own_tx[i] = logs_hash(6, i);
	if (!own)
		return;
	claim(p, i);
	struct outbox_item *it;
	size_t items_n;
	pg_ok(r->cx, outbox_by_id(&r->cx, r->db, &it, &items_n, &n->ref.app_id, &n->ref.id, 1));
	m->app_id = it->chain_app_id;
}

static void play_begin(struct play *p, uint64_t seed)
{
	memset(p, 0, sizeof *p);
	rig_begin(&p->r);
	/* Thousands of commits that nobody will miss. */
	rig_sql(&p->r, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET synchronous_commit = off', "
		       "current_database()); END $$");
	p->sim = calloc(1, sizeof *p->sim);
	p->sim->a = arena_create(UNIT_ARENA_BYTES);
	p->sim->seed = seed;
	pthread_mutex_init(&p->sim->lock, NULL);
	p->world = logs_world(&p->r.cx);
	p->world->config.database_url = p->r.url;
	p->world->config.poll_ms = 2;
	lease_self(p->world->holder);
	for (size_t i = 0; i < SIM_MESSAGES; i++)
		message_make(p, i);
	for (size_t i = 0; i < 2; i++) {
		struct sim_chain *c = &p->sim->chains[i];
		c->c = &p->world->chains[i];
		c->lock = &p->sim->lock;
		c->node.answer = sim_answer;
		c->node.arg = c;
		sim_mine(p->sim, c, &(struct logs_block){0}, NULL, 0);
		fake_node_start(&c->node);
		p->urls[i] = c->node.http.url;
		c->c->config.urls = &p->urls[i];
		c->c->config.urls_n = 1;
		c->c->config.finality_blocks = SIM_FINALITY;
		p->observe[i] = (struct observe){.world = p->world, .chain = c->c};
	}
	log_init(getenv("FERRY_SEED") ? LOG_WARN : LOG_ERROR, "test");
	for (size_t i = 0; i < 2; i++)
		p->threads[i] = thread_start("observe", observe_run, &p->observe[i]);
}

static void play_end(struct play *p)
{
	atomic_store(&p->world->stopping, true);
	world_wake_all(p->world);
	for (size_t i = 0; i < 2; i++) {
		thread_join(p->threads[i]);
		fake_node_stop(&p->sim->chains[i].node);
		sim_take_back(&p->sim->chains[i], p->sim->chains[i].n);
	}
	arena_destroy(p->sim->a);
	free(p->sim);
	logs_world_end(p->world);
	rig_end(&p->r);
}

/* Until both observers have worked through everything. */
static void settle(struct play *p)
{
	int64_t until = clock_mono_ms() + 20000;
	for (size_t i = 0; i < 2;) {
		struct sim_chain *c = &p->sim->chains[i];
		struct cursor_block at;
		enum status st = cursor_read(&p->r.cx, p->r.db, c->c->config.eid, &at);
		if (st == ST_OK && at.number == (int64_t)c->n - 1 && hash_equal(&at.hash, &c->blocks[c->n - 1].hash)) {
			i++;
			continue;
		}
		ck_assert_msg(clock_mono_ms() < until, "chain %zu is not followed: at %lld of %zu", i,
			      (long long)at.number, c->n);
		clock_sleep_ms(2);
	}
}

static enum message_state expected(const struct sim *s, size_t packet)
{
	const struct sim_truth *t = &s->truth[packet];
	switch (t->done) {
	case SIM_DELIVERED:
		return STATE_DELIVERED;
	case SIM_CLEARED:
		return STATE_CLEARED;
	case SIM_BURNED:
		return STATE_BURNED;
	case SIM_SKIPPED:
		return STATE_SKIPPED;
	case SIM_SENT:
	case SIM_ATTESTED:
	case SIM_RETRACTED:
	case SIM_COMMITTED:
	case SIM_NILIFIED:
		break;
	}
	if (t->committed)
		return STATE_COMMITTED;
	if (t->attested)
		return STATE_VERIFIED;
	return t->sent + SIM_FINALITY <= (int64_t)s->chains[0].n - 1 ? STATE_VERIFYING : STATE_SENT;
}

/* The event log of a message, for the sentence when something is wrong. */
static void dump(struct play *p, const struct message_ref *ref)
{
	struct event *events;
	size_t n;
	if (event_list(&p->r.cx, p->r.db, &events, &n, ref, 0, 200) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  %lld %s chain %lld block %lld\n", (long long)events[i].seq, events[i].type,
			(long long)events[i].chain_eid, (long long)events[i].block_number);
}

static void check_packet(struct play *p, size_t i, unsigned long seed)
{
	struct sim *s = p->sim;
	struct message_guid *found;
	size_t n;
	pg_ok(p->r.cx, message_by_guids(&p->r.cx, p->r.db, &found, &n, &s->packets[i].guid, 1));
	size_t now = 0;
	for (size_t k = 0; k < n; k++) {
		struct message *m;
		if (found[k].is_former)
			continue;
		now++;
		pg_ok(p->r.cx, message_read(&p->r.cx, p->r.db, &m, &found[k].ref, 1));
		enum message_state want = expected(s, i);
		if (m->state != want)
			dump(p, &found[k].ref);
		ck_assert_msg(m->state == want, "seed %lu: packet %zu is %s, the chain shows %s", seed, i,
			      state_name(m->state), state_name(want));
		ck_assert_int_eq(m->src.block_number, s->truth[i].sent);
		ck_assert_int_eq(m->ref.app_id == 0, s->message_of[i] < 0);
		if (state_is_done(want)) {
			ck_assert_int_eq(m->dst.block_number, s->truth[i].done_block);
			ck_assert_int_eq(m->dst.is_final,
					 s->truth[i].done_block + SIM_FINALITY <= (int64_t)s->chains[1].n - 1);
		}
	}
	ck_assert_msg(now == 1, "seed %lu: packet %zu belongs to %zu messages", seed, i, now);
}

static void check(struct play *p, unsigned long seed)
{
	struct sim *s = p->sim;
	bool on_chain[SIM_MESSAGES] = {false};
	size_t alive = 0;
	/* What the destination took back to before the source's finality moves on with the source's next block. */
	settle(p);
	pthread_mutex_lock(&s->lock);
	sim_source_block(s, true);
	sim_look(s);
	pthread_mutex_unlock(&s->lock);
	settle(p);
	for (size_t i = 0; i < s->packets_n; i++) {
		if (s->truth[i].sent == 0)
			continue;
		alive++;
		check_packet(p, i, seed);
		if (s->message_of[i] >= 0)
			on_chain[s->message_of[i]] = true;
	}
	for (size_t i = 0; i < SIM_MESSAGES; i++) {
		struct message *m;
		pg_ok(p->r.cx, message_read(&p->r.cx, p->r.db, &m, &p->refs[i], 1));
		if (!on_chain[i] && m->state != (i % 2 ? STATE_ACCEPTED : STATE_SUBMITTED))
			dump(p, &p->refs[i]);
		if (!on_chain[i])
			ck_assert_msg(m->state == (i % 2 ? STATE_ACCEPTED : STATE_SUBMITTED) && !m->has_guid,
				      "seed %lu: message %zu is %s and on no chain", seed, i, state_name(m->state));
	}
	rig_true(&p->r, "(SELECT count(*) FROM message WHERE guid IS NOT NULL) = %zu", alive);
	rig_true(&p->r, "(SELECT count(*) FROM message m JOIN outbox o USING (app_id, id) WHERE m.app_id = 0 AND "
			"m.state IN ('ACCEPTED', 'SUBMITTED')) = 0");
	rig_verify(&p->r);
}

/* All that happens is legal (an illegal move aborts, and the database refuses it), and in the end every message is
 * where the chains are. */
static void any_history(unsigned long seed, int steps, bool reorgs)
{
	struct play p;
	play_begin(&p, seed);
	for (int i = 0; i < steps; i++) {
		sim_step(p.sim, reorgs);
		if (sim_dice(p.sim, 3) == 0)
			settle(&p);
		if (i % 20 == 19)
			check(&p, seed);
	}
	check(&p, seed);
	if (reorgs)
		rig_true(&p.r, "EXISTS (SELECT 1 FROM event WHERE type = 'REORGED')");
	play_end(&p);
}

START_TEST(a_history_without_reorganisations)
{
	any_history(1, 80, false);
}
END_TEST

START_TEST(a_history_with_reorganisations)
{
	any_history(2, 80, true);
}
END_TEST

START_TEST(another_history_with_reorganisations)
{
	any_history(3, 80, true);
}
END_TEST

START_TEST(a_third_history_with_reorganisations)
{
	any_history(4, 80, true);
}
END_TEST

/* FERRY_SEED=n FERRY_SEEDS=k: other histories. */
START_TEST(histories_that_somebody_asked_for)
{
	const char *first = getenv("FERRY_SEED"), *count = getenv("FERRY_SEEDS");
	unsigned long from = first ? strtoul(first, NULL, 10) : 0, n = count ? strtoul(count, NULL, 10) : 1;
	for (unsigned long seed = from; first && seed < from + n; seed++)
		any_history(seed, 100, true);
}
END_TEST

PG_SUITE("relay/observe", a_history_without_reorganisations, a_history_with_reorganisations,
	 another_history_with_reorganisations, a_third_history_with_reorganisations,
	 histories_that_somebody_asked_for)
