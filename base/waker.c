/* SPDX-License-Identifier: Apache-2.0 */
#include "base/waker.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/lock.h"

struct waker {
	struct lock lock;
	bool woken; /* guarded by lock */
};

struct waker *waker_create(void)
{
	struct waker *w = calloc(1, sizeof *w);
	assert(w);
	lock_init(&w->lock);
	return w;
}

void waker_destroy(struct waker *w)
{
	if (!w)
		return;
	lock_fini(&w->lock);
	free(w);
}

void waker_wake(struct waker *w)
{
	lock_take(&w->lock);
	w->woken = true;
	lock_give(&w->lock);
	lock_tell(&w->lock);
}

bool waker_wait(struct waker *w, int wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	lock_take(&w->lock);
	while (!w->woken) {
		int64_t left = wait_ms < 0 ? -1 : until - clock_mono_ms();
		if (wait_ms >= 0 && left <= 0)
			break;
		lock_wait(&w->lock, (int)left);
	}
	bool woken = w->woken;
	w->woken = false;
	lock_give(&w->lock);
	return woken;
}
