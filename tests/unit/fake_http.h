/* SPDX-License-Identifier: Apache-2.0
 *
 * A tiny HTTP server for tests that does what it is told, mostly wrong things. It listens on a
 * free port of the loopback interface and gives each connection a thread.
 */
#ifndef FERRY_TESTS_UNIT_FAKE_HTTP_H
#define FERRY_TESTS_UNIT_FAKE_HTTP_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum fake_manner {
	FAKE_PLAIN,
	FAKE_CLOSE,     /* closes without a word */
	FAKE_TRUNCATED, /* says there is more than it sends */
	FAKE_DRIP,      /* a byte every 20 ms */
	FAKE_SILENT,    /* reads and never answers */
	FAKE_RAW,       /* the body is everything that is sent */
	FAKE_ENDLESS,   /* chunks without end */
	FAKE_GOODBYE,   /* answers, then closes though it did not say so */
};

struct fake_reply {
	enum fake_manner manner;
	int status;
	char *body; /* malloc'ed by the handler, freed by the server */
	size_t n;
	const char *headers; /* whole lines, or NULL */
};

enum { FAKE_CONNECTIONS_MAX = 64, FAKE_REQUEST_BYTES_MAX = 8 * 1024 * 1024 };

struct fake_http {
	/* Fills in the reply (200, no body); runs in the server's threads. */
	void (*_Atomic handle)(struct fake_http *f, struct fake_reply *reply, const char *head,
			       const char *body, size_t body_n);
	void *arg;
	char url[64];
	atomic_int requests;
	atomic_int connections;
	atomic_bool stopping;
	int listener;
	pthread_t acceptor;
	pthread_t threads[FAKE_CONNECTIONS_MAX];
	int sockets[FAKE_CONNECTIONS_MAX];
};

/* What this thread wrote before, the server's threads see in the next request, and the other way
 * round. (A socket orders the two as well, but the thread sanitizer does not know.) */
static inline void fake_http_sync(struct fake_http *f)
{
	atomic_fetch_add(&f->requests, 0);
}

struct fake_connection {
	struct fake_http *f;
	int fd;
};

static inline bool fake_send(int fd, const void *p, size_t n)
{
	const char *s = p;
	while (n > 0) {
		ssize_t put = send(fd, s, n, MSG_NOSIGNAL);
		if (put <= 0)
			return false;
		s += put;
		n -= (size_t)put;
	}
	return true;
}

static inline bool fake_drip(struct fake_http *f, int fd, const struct fake_reply *r)
{
	for (size_t i = 0; i < r->n && !atomic_load(&f->stopping); i++) {
		if (!fake_send(fd, r->body + i, 1))
			return false;
		clock_sleep_ms(20);
	}
	return true;
}

static inline bool fake_endless(struct fake_http *f, int fd)
{
	static const char chunk[] = "4000\r\n";
	static char filling[0x4000 + 2];
	memset(filling, ' ', sizeof filling);
	filling[0x4000] = '\r';
	filling[0x4001] = '\n';
	while (!atomic_load(&f->stopping)) {
		if (!fake_send(fd, chunk, sizeof chunk - 1) ||
		    !fake_send(fd, filling, sizeof filling))
			return false;
	}
	return false;
}

/* false: close the connection */
static inline bool fake_answer(struct fake_http *f, int fd, const struct fake_reply *r)
{
	char head[1024];
	if (r->manner == FAKE_CLOSE)
		return false;
	while (r->manner == FAKE_SILENT && !atomic_load(&f->stopping))
		clock_sleep_ms(5);
	if (r->manner == FAKE_SILENT)
		return false;
	if (r->manner == FAKE_RAW) {
		fake_send(fd, r->body, r->n);
		return false;
	}
	const char *extra = r->headers ? r->headers : "Content-Type: application/json\r\n";
	int n = r->manner == FAKE_ENDLESS
			? snprintf(head, sizeof head,
				   "HTTP/1.1 %d X\r\n%sTransfer-Encoding: chunked\r\n\r\n",
				   r->status, extra)
			: snprintf(head, sizeof head,
				   "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n", r->status,
				   extra, r->manner == FAKE_TRUNCATED ? r->n + 7 : r->n);
	if (!fake_send(fd, head, (size_t)n))
		return false;
	if (r->manner == FAKE_ENDLESS)
		return fake_endless(f, fd);
	if (r->manner == FAKE_DRIP)
		return fake_drip(f, fd, r);
	return fake_send(fd, r->body, r->n) && r->manner == FAKE_PLAIN;
}

/* One request into `room`; the length of its head, 0 when the peer is gone. */
static inline size_t fake_receive(int fd, char *room, size_t *body_n)
{
	size_t n = 0;
	size_t head_n = 0;
	size_t length = 0;
	while (!head_n || n < head_n + length) {
		ssize_t got = recv(fd, room + n, FAKE_REQUEST_BYTES_MAX - n, 0);
		if (got <= 0)
			return 0;
		n += (size_t)got;
		room[n] = 0;
		char *end = head_n ? NULL : strstr(room, "\r\n\r\n");
		if (end) {
			head_n = (size_t)(end + 4 - room);
			const char *field = strcasestr(room, "content-length:");
			length = field && field < end ? strtoul(field + 15, NULL, 10) : 0;
		}
	}
	*body_n = length;
	return head_n;
}

static inline void *fake_connection_run(void *arg)
{
	struct fake_connection *c = arg;
	char *room = malloc(FAKE_REQUEST_BYTES_MAX + 1);
	size_t head_n;
	size_t body_n;
	bool going = true;
	while (going && (head_n = fake_receive(c->fd, room, &body_n)) > 0) {
		struct fake_reply reply = {.status = 200};
		char *head = strndup(room, head_n);
		atomic_fetch_add(&c->f->requests, 1);
		c->f->handle(c->f, &reply, head, room + head_n, body_n);
		fake_http_sync(c->f);
		going = fake_answer(c->f, c->fd, &reply);
		free(reply.body);
		free(head);
	}
	shutdown(c->fd, SHUT_RDWR);
	free(room);
	free(c);
	return NULL;
}

static inline void *fake_accept_run(void *arg)
{
	struct fake_http *f = arg;
	for (;;) {
		int fd = accept(f->listener, NULL, NULL);
		int at = atomic_load(&f->connections);
		if (fd < 0 || at == FAKE_CONNECTIONS_MAX)
			return NULL;
		struct fake_connection *c = malloc(sizeof *c);
		*c = (struct fake_connection){f, fd};
		f->sockets[at] = fd;
		pthread_create(&f->threads[at], NULL, fake_connection_run, c);
		atomic_store(&f->connections, at + 1);
	}
}

/* handle and arg are set by the caller; the rest is zero. */
static inline void fake_http_start(struct fake_http *f)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof at;
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f->listener, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(f->listener, 16) != 0 ||
	    getsockname(f->listener, (struct sockaddr *)&at, &n) != 0)
		abort();
	snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
	pthread_create(&f->acceptor, NULL, fake_accept_run, f);
}

static inline void fake_http_stop(struct fake_http *f)
{
	atomic_store(&f->stopping, true);
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->acceptor, NULL);
	for (int i = 0; i < atomic_load(&f->connections); i++) {
		shutdown(f->sockets[i], SHUT_RDWR);
		pthread_join(f->threads[i], NULL);
		close(f->sockets[i]);
	}
	close(f->listener);
}

#endif
