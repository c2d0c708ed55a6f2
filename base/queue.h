/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded queue of pointers between threads. The consumer takes all that waits in one go: so
 * batches form by themselves while it is busy, and a lone item is not delayed.
 */
#ifndef FERRY_BASE_QUEUE_H
#define FERRY_BASE_QUEUE_H

#include "base/status.h"

#include <stddef.h>

struct queue;

struct queue *queue_create(size_t depth);
/* NULL is fine. The queue must be empty or its items owned elsewhere. */
void queue_destroy(struct queue *q);
/* Returns: ST_OK, the queue owns item; ST_BUSY when full, ST_UNAVAILABLE when closed: the caller keeps it.
 * Thread: any. Does not block. */
MUST_USE enum status queue_push(struct queue *q, void *item);
/* Takes up to `max` items, the oldest first. Waits up to `wait_ms` (-1: for ever) for the first.
 * Returns: how many; 0 on time-out, or when the queue is closed and empty. Thread: any. */
size_t queue_pop(struct queue *q, void **items, size_t max, int wait_ms);
/* No more pushes; consumers drain what is there and then get 0 at once. */
void queue_close(struct queue *q);
bool queue_is_closed(struct queue *q);
size_t queue_length(struct queue *q);
/* Wakes one waiting consumer without an item (its queue_pop returns 0). */
void queue_wake(struct queue *q);

#endif
