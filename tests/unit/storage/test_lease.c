/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/storage/rig.h"

static void lease_of(struct lease *l, const char *holder)
{
	lease_init(l, "lane.test", holder);
}

/* Lets the lease of the database run out now. */
static void run_out(struct rig *r)
{
	rig_sql(r, "UPDATE lease SET until = now() - interval '1 second'");
}

START_TEST(a_free_lease_is_taken_and_kept)
{
	struct rig r;
	struct lease a, b;
	rig_begin(&r);
	lease_of(&a, "elsewhere/1/1");
	lease_of(&b, "elsewhere/2/2");
	pg_ok(r.cx, lease_take(&r.cx, r.db, &a));
	ck_assert_int_eq(a.epoch, 1);
	ck_fails(&r.cx, lease_take(&r.cx, r.db, &b), ST_FENCED, "driven by elsewhere/1/1");
	ck_assert_int_eq(b.epoch, 0);
	ck_fails(&r.cx, lease_keep(&r.cx, r.db, &b), ST_FENCED, "is not held");
	/* Kept: renewed when due, and only then. */
	rig_sql(&r, "UPDATE lease SET until = now() + interval '1 second'");
	pg_ok(r.cx, lease_keep(&r.cx, r.db, &a));
	rig_true(&r, "(SELECT until < now() + interval '2 seconds' FROM lease)");
	a.renewed_ms -= LEASE_RENEW_MS;
	pg_ok(r.cx, lease_keep(&r.cx, r.db, &a));
	rig_true(&r, "(SELECT until > now() + interval '3 seconds' AND epoch = 1 FROM lease)");
	rig_end(&r);
}
END_TEST

START_TEST(a_lease_that_ran_out_is_taken_over_and_its_old_epoch_writes_nothing)
{
	struct rig r;
	struct lease a, b;
	rig_begin(&r);
	lease_of(&a, "elsewhere/1/1");
	lease_of(&b, "elsewhere/2/2");
	pg_ok(r.cx, lease_take(&r.cx, r.db, &a));
	run_out(&r);
	/* Nobody came: its own fence still holds, the time-out fences nobody. */
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, lease_fence(&r.cx, r.db, &a));
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	pg_ok(r.cx, lease_take(&r.cx, r.db, &b));
	ck_assert_int_eq(b.epoch, 2);
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	ck_fails(&r.cx, lease_fence(&r.cx, r.db, &a), ST_FENCED, "taken lane.test over");
	ck_assert_int_eq(a.epoch, 0);
	tx_rollback(r.db);
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, lease_fence(&r.cx, r.db, &b));
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	/* A renewal that comes too late does not take it back. */
	a.epoch = 1;
	a.renewed_ms = 0;
	ck_fails(&r.cx, lease_keep(&r.cx, r.db, &a), ST_FENCED, "taken lane.test over");
	/* Nor does a release of the old epoch let go of it. */
	a.epoch = 1;
	lease_release(&r.cx, r.db, &a);
	rig_true(&r, "(SELECT holder = 'elsewhere/2/2' AND until > now() FROM lease)");
	rig_end(&r);
}
END_TEST

START_TEST(a_lease_given_back_is_free_at_once)
{
	struct rig r;
	struct lease a, b;
	rig_begin(&r);
	lease_of(&a, "elsewhere/1/1");
	lease_of(&b, "elsewhere/2/2");
	pg_ok(r.cx, lease_take(&r.cx, r.db, &a));
	lease_release(&r.cx, r.db, &a);
	ck_assert_int_eq(a.epoch, 0);
	pg_ok(r.cx, lease_take(&r.cx, r.db, &b));
	ck_assert_int_eq(b.epoch, 2);
	rig_end(&r);
}
END_TEST

struct taker {
	const char *url;
	struct lease lease;
	enum status st;
	int64_t took_ms;
	atomic_bool done;
};

static void *take(void *arg)
{
	struct taker *t = arg;
	struct arena *arena = arena_create(UNIT_ARENA_BYTES);
	struct ctx cx;
	struct db *db = NULL;
	ctx_init(&cx, arena, 20000, "taker");
	t->st = db_open(&cx, t->url, "taker", &db);
	int64_t began = clock_mono_ms();
	if (t->st == ST_OK)
		t->st = lease_take(&cx, db, &t->lease);
	t->took_ms = clock_mono_ms() - began;
	atomic_store(&t->done, true);
	arena_destroy(arena);
	db_close(db);
	return NULL;
}

START_TEST(a_takeover_waits_for_a_fenced_transaction)
{
	struct rig r;
	struct lease a;
	rig_begin(&r);
	lease_of(&a, "elsewhere/1/1");
	pg_ok(r.cx, lease_take(&r.cx, r.db, &a));
	run_out(&r);
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, lease_fence(&r.cx, r.db, &a));
	struct taker t = {.url = r.url};
	lease_of(&t.lease, "elsewhere/2/2");
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, take, &t), 0);
	clock_sleep_ms(500);
	ck_assert(!atomic_load(&t.done));
	rig_true(&r, "EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = 'ferry taker' "
		     "AND wait_event_type = 'Lock')");
	/* What it writes is there before the other begins. */
	rig_sql(&r, "INSERT INTO lane (eid, signer, role, next_nonce) VALUES (1, %s, 'submit', 7)",
		rig_hex(&r, rig_addr(1).b, 20));
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	pthread_join(thread, NULL);
	ck_assert_int_eq(t.st, ST_OK);
	ck_assert_int_eq(t.lease.epoch, 2);
	ck_assert_int_ge(t.took_ms, 400);
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	ck_assert_int_eq(lease_fence(&r.cx, r.db, &a), ST_FENCED);
	tx_rollback(r.db);
	rig_end(&r);
}
END_TEST

START_TEST(of_two_that_come_at_once_one_takes_it)
{
	enum { TAKERS = 6 };
	struct rig r;
	rig_begin(&r);
	struct taker t[TAKERS];
	pthread_t threads[TAKERS];
	int taken = 0;
	for (int i = 0; i < TAKERS; i++) {
		t[i] = (struct taker){.url = r.url};
		lease_of(&t[i].lease, arena_printf(r.arena, "elsewhere/%d/1", i + 1));
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take, &t[i]), 0);
	}
	for (int i = 0; i < TAKERS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(t[i].st == ST_OK || t[i].st == ST_FENCED);
		ck_assert_int_eq(t[i].lease.epoch != 0, t[i].st == ST_OK);
		taken += t[i].st == ST_OK;
	}
	ck_assert_int_eq(taken, 1);
	rig_true(&r, "(SELECT epoch = 1 FROM lease)");
	rig_end(&r);
}
END_TEST

/* The holder's name of a child process that lives until the pipe is closed. */
static pid_t child_holder(char holder[LEASE_HOLDER_BYTES], int *release)
{
	int up[2], down[2];
	ck_assert_int_eq(pipe(up) | pipe(down), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		char self[LEASE_HOLDER_BYTES] = {0}, byte;
		close(down[1]);
		lease_self(self);
		if (write(up[1], self, sizeof self) != sizeof self)
			_exit(1);
		while (read(down[0], &byte, 1) > 0)
			continue;
		_exit(0);
	}
	ck_assert_int_eq(read(up[0], holder, LEASE_HOLDER_BYTES), LEASE_HOLDER_BYTES);
	close(up[0]);
	close(up[1]);
	close(down[0]);
	*release = down[1];
	return pid;
}

START_TEST(a_dead_process_of_this_host_is_not_waited_for_and_a_live_one_is)
{
	struct rig r;
	struct lease a, b;
	char holder[LEASE_HOLDER_BYTES], self[LEASE_HOLDER_BYTES];
	int release;
	rig_begin(&r);
	pid_t pid = child_holder(holder, &release);
	lease_self(self);
	lease_of(&a, holder);
	lease_of(&b, self);
	pg_ok(r.cx, lease_take(&r.cx, r.db, &a));
	ck_fails(&r.cx, lease_take(&r.cx, r.db, &b), ST_FENCED, holder);
	close(release);
	waitpid(pid, NULL, 0);
	pg_ok(r.cx, lease_take(&r.cx, r.db, &b));
	ck_assert_int_eq(b.epoch, 2);
	rig_end(&r);
}
END_TEST

START_TEST(a_pid_that_somebody_else_has_now_is_dead_and_another_host_is_not)
{
	struct rig r;
	struct lease l, mine;
	char host[64], self[LEASE_HOLDER_BYTES];
	rig_begin(&r);
	lease_self(self);
	lease_of(&mine, self);
	ck_assert_int_eq(gethostname(host, sizeof host), 0);
	/* The number lives, but it was not this process that took the lease. */
	lease_of(&l, arena_printf(r.arena, "%s/%ld/1", host, (long)getpid()));
	pg_ok(r.cx, lease_take(&r.cx, r.db, &l));
	pg_ok(r.cx, lease_take(&r.cx, r.db, &mine));
	/* Names that begin alike, or that are no names of processes, say nothing about this host. */
	const char *const others[] = {
		arena_printf(r.arena, "%sx/1999999/1", host), arena_printf(r.arena, "%s/x/1", host),
		arena_printf(r.arena, "%s/1999999", host), arena_printf(r.arena, "%s/-5/1", host),
		"nowhere/1999999/1",
	};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		run_out(&r);
		lease_of(&l, others[i]);
		pg_ok(r.cx, lease_take(&r.cx, r.db, &l));
		ck_fails(&r.cx, lease_take(&r.cx, r.db, &mine), ST_FENCED, others[i]);
	}
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/lease", a_free_lease_is_taken_and_kept,
	 a_lease_that_ran_out_is_taken_over_and_its_old_epoch_writes_nothing,
	 a_lease_given_back_is_free_at_once, a_takeover_waits_for_a_fenced_transaction,
	 of_two_that_come_at_once_one_takes_it,
	 a_dead_process_of_this_host_is_not_waited_for_and_a_live_one_is,
	 a_pid_that_somebody_else_has_now_is_dead_and_another_host_is_not)
