/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/thread.h"
#include "server/http_exchange.h"

/* libmicrohttpd's time-out is an idle timer: a client that sends a byte now and then holds its
 * connection for ever. The reaper enforces total times instead: it shuts the socket down, and the
 * library then closes the connection as if the client had.
 *
 * It wakes the library where that sleeps on work: it takes events from the kernel in rounds of 128, and
 * after a round that brought exactly so many it waits for another event before it looks at any of them
 * (MHD_epoll, seen in 0.9.75). One more event, of any connection of that thread, ends it.
 *
 * It also closes slowly what must be closed while the client may still be sending: closing a
 * socket with unread bytes makes the kernel reset it, and the client would never see the answer
 * that told it why. */

enum { REAPER_TICK_MS = 100, NUDGE_EVERY = 32, LINGER_MAX = 128, LINGER_MS = 1000 };

struct http_lingering {
	int fd;
	int64_t until_ms;
};

struct http_reaper {
	struct http *http;
	struct thread *thread;
	_Atomic bool stopping;
	size_t turn; /* of the connections that are nudged next */
	struct lock lock;
	struct http_connection *all;              /* guarded by lock */
	struct http_lingering linger[LINGER_MAX]; /* guarded by lock */
	size_t linger_count;                      /* guarded by lock */
};

/* Called with the lock held, so that no fd is closed and used again meanwhile. */
static void http_reaper_cut(struct http_reaper *r, int64_t now_ms)
{
	for (struct http_connection *c = r->all; c; c = c->next) {
		int64_t deadline = atomic_load_explicit(&c->deadline_ms, memory_order_relaxed);
		if (deadline == 0 || now_ms < deadline)
			continue;
		/* An idle connection is let go; one that was too slow is counted. */
		shutdown(c->fd, SHUT_RDWR);
		c->cut = true;
		atomic_store_explicit(&c->deadline_ms, 0, memory_order_relaxed);
		atomic_fetch_add_explicit(&r->http->cut_in_all, 1, memory_order_relaxed);
	}
}

/* Each connection in its turn, all within three seconds: one that was cut is shut down again; of another the
 * kernel tells anew that there is something to read, if there is. Called with the lock held. */
static void http_reaper_nudge(struct http_reaper *r)
{
	static const int one = 1;
	size_t i = 0;
	for (struct http_connection *c = r->all; c; c = c->next, i++) {
		if (i % NUDGE_EVERY != r->turn)
			continue;
		if (c->cut)
			shutdown(c->fd, SHUT_RDWR);
		else
			setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
	}
	r->turn = (r->turn + 1) % NUDGE_EVERY;
}

/* Reads and drops what still comes. Returns: the client has closed, or failed. */
static bool http_linger_is_over(int fd)
{
	char dropped[16 * 1024];
	for (int i = 0; i < 16; i++) {
		ssize_t n = recv(fd, dropped, sizeof dropped, MSG_DONTWAIT);
		if (n == 0)
			return true;
		if (n < 0)
			return errno != EAGAIN && errno != EINTR;
	}
	return false;
}

static void http_reaper_linger(struct http_reaper *r, int64_t now_ms)
{
	for (size_t i = 0; i < r->linger_count;) {
		struct http_lingering *l = &r->linger[i];
		if (!http_linger_is_over(l->fd) && now_ms < l->until_ms) {
			i++;
			continue;
		}
		close(l->fd);
		*l = r->linger[--r->linger_count];
	}
}

static void http_reaper_run(void *arg)
{
	struct http_reaper *r = arg;
	while (!atomic_load(&r->stopping)) {
		clock_sleep_ms(REAPER_TICK_MS);
		int64_t now_ms = clock_mono_ms();
		lock_take(&r->lock);
		http_reaper_nudge(r); /* before the cuts: those of this tick make events themselves */
		http_reaper_cut(r, now_ms);
		http_reaper_linger(r, now_ms);
		lock_give(&r->lock);
	}
}

struct http_reaper *http_reaper_start(struct http *http)
{
	struct http_reaper *r = calloc(1, sizeof *r);
	assert(r);
	r->http = http;
	lock_init(&r->lock);
	r->thread = thread_start("http-reaper", http_reaper_run, r);
	return r;
}

void http_reaper_add(struct http_reaper *r, struct http_connection *c)
{
	lock_take(&r->lock);
	c->prev = NULL;
	c->next = r->all;
	if (r->all)
		r->all->prev = c;
	r->all = c;
	lock_give(&r->lock);
}

void http_reaper_remove(struct http_reaper *r, struct http_connection *c)
{
	lock_take(&r->lock);
	if (c->prev)
		c->prev->next = c->next;
	else
		r->all = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (c->linger && r->linger_count < LINGER_MAX) {
		/* A second descriptor keeps the socket when the library closes the first. */
		int fd = dup(c->fd);
		if (fd >= 0)
			r->linger[r->linger_count++] =
				(struct http_lingering){fd, clock_mono_ms() + LINGER_MS};
	}
	lock_give(&r->lock);
}

void http_reaper_stop(struct http_reaper *r)
{
	if (!r)
		return;
	atomic_store(&r->stopping, true);
	thread_join(r->thread);
	assert(!r->all);
	for (size_t i = 0; i < r->linger_count; i++)
		close(r->linger[i].fd);
	lock_fini(&r->lock);
	free(r);
}
