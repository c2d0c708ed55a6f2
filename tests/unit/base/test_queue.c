/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/queue.h"
#include "base/thread.h"

static int numbers[20000];

START_TEST(items_come_out_in_order_and_many_at_once)
{
	struct queue *q = queue_create(8);
	void *out[8];
	for (int round = 0; round < 5; round++) { /* the ring wraps */
		for (int i = 0; i < 6; i++)
			ck_assert(queue_push(q, &numbers[i]) == ST_OK);
		ck_assert_uint_eq(queue_length(q), 6);
		ck_assert_uint_eq(queue_pop(q, out, 4, 0), 4);
		for (int i = 0; i < 4; i++)
			ck_assert_ptr_eq(out[i], &numbers[i]);
		ck_assert_uint_eq(queue_pop(q, out, 8, 0), 2);
		ck_assert_ptr_eq(out[1], &numbers[5]);
	}
	queue_destroy(q);
	queue_destroy(NULL);
}
END_TEST

START_TEST(a_full_queue_refuses_and_the_caller_keeps_the_item)
{
	struct queue *q = queue_create(2);
	void *out[2];
	ck_assert(queue_push(q, &numbers[0]) == ST_OK);
	ck_assert(queue_push(q, &numbers[1]) == ST_OK);
	ck_assert(queue_push(q, &numbers[2]) == ST_BUSY);
	ck_assert_uint_eq(queue_pop(q, out, 2, 0), 2);
	ck_assert_ptr_eq(out[0], &numbers[0]);
	ck_assert(queue_push(q, &numbers[2]) == ST_OK);
	queue_pop(q, out, 2, 0);
	queue_destroy(q);
}
END_TEST

START_TEST(a_closed_queue_is_drained_and_then_empty_at_once)
{
	struct queue *q = queue_create(2);
	void *out[2];
	ck_assert(queue_push(q, &numbers[0]) == ST_OK);
	queue_close(q);
	ck_assert(queue_is_closed(q));
	ck_assert(queue_push(q, &numbers[1]) == ST_UNAVAILABLE);
	ck_assert_uint_eq(queue_pop(q, out, 2, -1), 1);
	ck_assert_uint_eq(queue_pop(q, out, 2, -1), 0);
	queue_destroy(q);
}
END_TEST

START_TEST(waiting_ends_in_time)
{
	struct queue *q = queue_create(2);
	void *out[2];
	int64_t begun = clock_mono_ms();
	ck_assert_uint_eq(queue_pop(q, out, 2, 50), 0);
	ck_assert_int_ge(clock_mono_ms() - begun, 45);
	queue_wake(q);
	ck_assert_uint_eq(queue_pop(q, out, 2, -1), 0);
	queue_destroy(q);
}
END_TEST

/* Several threads push, several pop: nothing is lost, nothing comes twice. */
enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 5000 };
static int seen[PRODUCERS * EACH];
struct producer {
	struct queue *q;
	int from;
};
static void produce(void *arg)
{
	struct producer *p = arg;
	for (int i = 0; i < EACH;) {
		if (queue_push(p->q, &seen[p->from + i]) == ST_OK)
			i++;
		else
			clock_sleep_ms(1);
	}
}
static void consume(void *arg)
{
	struct queue *q = arg;
	void *out[16];
	for (;;) {
		size_t n = queue_pop(q, out, 16, -1);
		if (n == 0 && queue_is_closed(q))
			return;
		for (size_t i = 0; i < n; i++)
			__atomic_fetch_add((int *)out[i], 1, __ATOMIC_RELAXED);
	}
}

START_TEST(threads_lose_nothing_and_see_nothing_twice)
{
	struct queue *q = queue_create(64);
	struct thread *consumers[CONSUMERS];
	struct thread *producers[PRODUCERS];
	struct producer args[PRODUCERS];
	for (int i = 0; i < CONSUMERS; i++)
		consumers[i] = thread_start("consumer", consume, q);
	for (int i = 0; i < PRODUCERS; i++) {
		args[i] = (struct producer){q, i * EACH};
		producers[i] = thread_start("producer", produce, &args[i]);
	}
	for (int i = 0; i < PRODUCERS; i++)
		thread_join(producers[i]);
	queue_close(q);
	for (int i = 0; i < CONSUMERS; i++)
		thread_join(consumers[i]);
	for (int i = 0; i < PRODUCERS * EACH; i++)
		ck_assert_int_eq(seen[i], 1);
	queue_destroy(q);
}
END_TEST

SUITE("base/queue", items_come_out_in_order_and_many_at_once,
      a_full_queue_refuses_and_the_caller_keeps_the_item,
      a_closed_queue_is_drained_and_then_empty_at_once, waiting_ends_in_time,
      threads_lose_nothing_and_see_nothing_twice)
