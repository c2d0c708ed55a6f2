/* SPDX-License-Identifier: Apache-2.0
 *
 * A mutex with a condition, for state that several threads share. Hold it for a few instructions
 * only; call nothing that blocks and nothing of another module while holding it. Members it guards
 * say so in a comment.
 */
#ifndef FERRY_BASE_LOCK_H
#define FERRY_BASE_LOCK_H

#include <pthread.h>

struct lock {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

void lock_init(struct lock *l);
void lock_fini(struct lock *l);
void lock_take(struct lock *l);
void lock_give(struct lock *l);
/* Gives the lock, waits for lock_tell or the time-out (-1: none), takes it again. May wake for nothing. */
void lock_wait(struct lock *l, int wait_ms);
/* Wakes all that wait. */
void lock_tell(struct lock *l);

#endif
