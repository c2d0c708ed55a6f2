/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread's alarm clock: others wake it, or time does. A wake that comes while it works is kept,
 * several are one.
 */
#ifndef FERRY_BASE_WAKER_H
#define FERRY_BASE_WAKER_H

#include <stdbool.h>

struct waker;

struct waker *waker_create(void);
void waker_destroy(struct waker *w);
/* Thread: any. Does not block. */
void waker_wake(struct waker *w);
/* Waits until woken or wait_ms have passed (-1: for ever). Returns true when it was woken. */
bool waker_wait(struct waker *w, int wait_ms);

#endif
