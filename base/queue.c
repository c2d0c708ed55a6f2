/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	size_t depth;
	size_t head;  /* guarded by lock */
	size_t count; /* guarded by lock */
	bool closed;  /* guarded by lock */
	bool woken;   /* guarded by lock */
	void *items[];
};

struct queue *queue_create(size_t depth)
{
	assert(depth > 0 && depth <= 1 << 20);
	struct queue *q = calloc(1, sizeof *q + depth * sizeof q->items[0]);
	assert(q);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->filled, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&q->lock, NULL);
	q->depth = depth;
	return q;
}

void queue_destroy(struct queue *q)
{
	if (!q)
		return;
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

enum status queue_push(struct queue *q, void *item)
{
	assert(item);
	enum status st = ST_OK;
	pthread_mutex_lock(&q->lock);
	if (q->closed)
		st = ST_UNAVAILABLE;
	else if (q->count == q->depth)
		st = ST_BUSY;
	else
		q->items[(q->head + q->count++) % q->depth] = item;
	pthread_mutex_unlock(&q->lock);
	if (st == ST_OK)
		pthread_cond_signal(&q->filled);
	return st;
}

/* Waits for an item, a wake, the close or the time-out. Called with the lock held. */
static void queue_wait(struct queue *q, int wait_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	if (wait_ms > 0) {
		until.tv_sec += wait_ms / 1000;
		until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
	}
	while (q->count == 0 && !q->closed && !q->woken) {
		if (wait_ms < 0)
			pthread_cond_wait(&q->filled, &q->lock);
		else if (pthread_cond_timedwait(&q->filled, &q->lock, &until) == ETIMEDOUT)
			break;
	}
	q->woken = false;
}

size_t queue_pop(struct queue *q, void **items, size_t max, int wait_ms)
{
	assert(max > 0);
	size_t n = 0;
	pthread_mutex_lock(&q->lock);
	if (q->count == 0 && wait_ms != 0)
		queue_wait(q, wait_ms);
	for (; n < max && q->count > 0; n++) {
		items[n] = q->items[q->head];
		q->head = (q->head + 1) % q->depth;
		q->count--;
	}
	bool more = q->count > 0;
	pthread_mutex_unlock(&q->lock);
	if (more)
		pthread_cond_signal(&q->filled);
	return n;
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_mutex_unlock(&q->lock);
	pthread_cond_broadcast(&q->filled);
}

bool queue_is_closed(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	bool closed = q->closed;
	pthread_mutex_unlock(&q->lock);
	return closed;
}

size_t queue_length(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	size_t n = q->count;
	pthread_mutex_unlock(&q->lock);
	return n;
}

void queue_wake(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->woken = true;
	pthread_mutex_unlock(&q->lock);
	pthread_cond_signal(&q->filled);
}
