/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <time.h>

void lock_init(struct lock *l)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&l->mutex, NULL);
}

void lock_fini(struct lock *l)
{
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->mutex);
}

void lock_take(struct lock *l)
{
	pthread_mutex_lock(&l->mutex);
}

void lock_give(struct lock *l)
{
	pthread_mutex_unlock(&l->mutex);
}

void lock_wait(struct lock *l, int wait_ms)
{
	if (wait_ms < 0) {
		pthread_cond_wait(&l->changed, &l->mutex);
		return;
	}
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&l->changed, &l->mutex, &until);
}

void lock_tell(struct lock *l)
{
	pthread_cond_broadcast(&l->changed);
}
