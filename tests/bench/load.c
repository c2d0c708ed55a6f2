/* SPDX-License-Identifier: Apache-2.0
 *
 * A load client: keeps HTTP/1.1 connections busy from one thread and says how fast answers came.
 *
 *	load PORT CONNECTIONS SECONDS RATE FILE [loop]
 *
 * FILE holds requests, each a 32-bit little-endian length and the raw bytes. A run of 24 '@' in a
 * request becomes a text that no other request has. One request is used for ever; several are
 * used once each, or again and again with `loop`. RATE 0: each connection sends when it has its
 * answer. Otherwise so many a second in all, sent when they are due whatever the answers do, and
 * latency counts from when a request was due. Prints one JSON object.
 */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { HEAD_BYTES = 8192, CONNECTIONS_MAX = 4096, SAMPLES_MAX = 4 * 1000 * 1000, MARK_BYTES = 24 };
static const char mark[] = "@@@@@@@@@@@@@@@@@@@@@@@@";

struct request {
	uint8_t *p;
	size_t n;
};

struct connection {
	int fd;
	bool busy;
	int64_t begun_us;
	uint8_t *out; /* the request, filled in */
	size_t out_n, out_at;
	char head[HEAD_BYTES + 1];
	size_t head_n;
	size_t body_left;
	bool in_body;
	int status;
};

static struct {
	struct request *requests;
	size_t requests_n, next;
	bool loop;
	struct connection *connections;
	size_t connections_n;
	int epoll;
	unsigned port;
	int64_t begun_us, end_us, due_us, interval_us;
	uint64_t serial, run;
	uint32_t *samples;
	size_t samples_n, bytes_in;
	uint64_t statuses[6], broken;
} load;

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "");
	exit(1);
}

static void read_requests(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		die(path);
	size_t room = 0;
	uint32_t n;
	while (fread(&n, sizeof n, 1, f) == 1) {
		if (load.requests_n == room) {
			room = room ? room * 2 : 64;
			load.requests = realloc(load.requests, room * sizeof *load.requests);
			assert(load.requests);
		}
		struct request *r = &load.requests[load.requests_n++];
		r->p = malloc(n);
		r->n = n;
		assert(r->p);
		if (fread(r->p, 1, n, f) != n)
			die("the file ends inside a request");
	}
	fclose(f);
	if (load.requests_n == 0)
		die("no requests");
}

/* The next request; false when all are used. */
static bool fill(struct connection *c)
{
	if (load.next == load.requests_n) {
		if (load.requests_n > 1 && !load.loop)
			return false;
		load.next = 0;
	}
	const struct request *r = &load.requests[load.next++];
	if (!c->out || c->out_n != r->n)
		c->out = realloc(c->out, r->n);
	assert(c->out);
	memcpy(c->out, r->p, r->n);
	c->out_n = r->n;
	c->out_at = 0;
	for (uint8_t *at = c->out;
	     (at = memmem(at, (size_t)(c->out + c->out_n - at), mark, MARK_BYTES));) {
		char text[MARK_BYTES + 1];
		snprintf(text, sizeof text, "%08llx%016llx",
			 (unsigned long long)load.run & 0xffffffff,
			 (unsigned long long)load.serial++);
		memcpy(at, text, MARK_BYTES);
	}
	return true;
}

static void connect_one(struct connection *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load.port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
		die("epoll_ctl");
}

/* The socket blocks on writing: requests are small, or few. */
static void send_one(struct connection *c, int64_t begun_us)
{
	if (!fill(c))
		return;
	c->busy = true;
	c->begun_us = begun_us;
	c->head_n = 0;
	c->in_body = false;
	while (c->out_at < c->out_n) {
		ssize_t n = write(c->fd, c->out + c->out_at, c->out_n - c->out_at);
		if (n <= 0)
			die("write");
		c->out_at += (size_t)n;
	}
}

static void finish(struct connection *c)
{
	int64_t now = clock_mono_us();
	c->busy = false;
	load.statuses[c->status / 100 <= 5 ? c->status / 100 : 0]++;
	if (load.samples_n < SAMPLES_MAX)
		load.samples[load.samples_n++] = (uint32_t)(now - c->begun_us);
	if (load.interval_us == 0 && now < load.end_us)
		send_one(c, now);
}

static void parse_head(struct connection *c)
{
	char *end = strstr(c->head, "\r\n\r\n");
	if (!end) {
		if (c->head_n == HEAD_BYTES)
			die("an answer's head is too long");
		return;
	}
	c->status = atoi(c->head + 9);
	size_t length = 0;
	for (char *line = c->head; line && line < end; line = strstr(line, "\r\n")) {
		line += line == c->head ? 0 : 2;
		if (strncasecmp(line, "content-length:", 15) == 0)
			length = strtoul(line + 15, NULL, 10);
	}
	size_t have = c->head_n - (size_t)(end + 4 - c->head);
	c->in_body = true;
	c->body_left = length > have ? length - have : 0;
	if (c->body_left == 0)
		finish(c);
}

static void receive(struct connection *c)
{
	static char sink[256 * 1024];
	char *to = c->in_body ? sink : c->head + c->head_n;
	size_t room = c->in_body ? sizeof sink : HEAD_BYTES - c->head_n;
	ssize_t n = read(c->fd, to, room);
	if (n <= 0) {
		load.broken++;
		close(c->fd);
		c->busy = false;
		connect_one(c);
		if (load.interval_us == 0 && clock_mono_us() < load.end_us)
			send_one(c, clock_mono_us());
		return;
	}
	load.bytes_in += (size_t)n;
	if (!c->in_body) {
		c->head_n += (size_t)n;
		c->head[c->head_n] = '\0';
		parse_head(c);
	} else {
		c->body_left -= (size_t)n < c->body_left ? (size_t)n : c->body_left;
		if (c->body_left == 0)
			finish(c);
	}
}

/* Open loop: what is due goes to whoever is idle. */
static void send_due(void)
{
	int64_t now = clock_mono_us();
	for (size_t i = 0;
	     i < load.connections_n && load.due_us <= now && load.due_us < load.end_us; i++) {
		if (load.connections[i].busy)
			continue;
		send_one(&load.connections[i], load.due_us);
		load.due_us += load.interval_us;
	}
}

static bool any_busy(void)
{
	for (size_t i = 0; i < load.connections_n; i++)
		if (load.connections[i].busy)
			return true;
	return false;
}

static void run(void)
{
	struct epoll_event events[256];
	if (load.interval_us == 0)
		for (size_t i = 0; i < load.connections_n; i++)
			send_one(&load.connections[i], clock_mono_us());
	while (clock_mono_us() < load.end_us || any_busy()) {
		if (load.interval_us)
			send_due();
		if (load.interval_us == 0 && !any_busy())
			break; /* the requests are used up */
		int n = epoll_wait(load.epoll, events, 256, load.interval_us ? 1 : 100);
		for (int i = 0; i < n; i++)
			receive(events[i].data.ptr);
		if (clock_mono_us() > load.end_us + 30 * 1000000)
			die("answers are missing");
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static double percentile_ms(double p)
{
	if (load.samples_n == 0)
		return 0;
	size_t i = (size_t)((double)load.samples_n * p);
	return load.samples[i < load.samples_n ? i : load.samples_n - 1] / 1000.0;
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fputs("usage: load PORT CONNECTIONS SECONDS RATE FILE [loop]\n", stderr);
		return 2;
	}
	load.port = (unsigned)atoi(argv[1]);
	load.connections_n = (size_t)atoi(argv[2]);
	double seconds = atof(argv[3]);
	double rate = atof(argv[4]);
	load.loop = argc > 6;
	assert(load.connections_n > 0 && load.connections_n <= CONNECTIONS_MAX);
	read_requests(argv[5]);
	load.interval_us = rate > 0 ? (int64_t)(1e6 / rate) : 0;
	load.run = random_u64();
	load.epoll = epoll_create1(0);
	load.samples = calloc(SAMPLES_MAX, sizeof *load.samples);
	load.connections = calloc(load.connections_n, sizeof *load.connections);
	assert(load.samples && load.connections);
	for (size_t i = 0; i < load.connections_n; i++)
		connect_one(&load.connections[i]);
	load.begun_us = load.due_us = clock_mono_us();
	load.end_us = load.begun_us + (int64_t)(seconds * 1e6);
	run();
	double took = (double)(clock_mono_us() - load.begun_us) / 1e6;
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	qsort(load.samples, load.samples_n, sizeof *load.samples, compare);
	printf("{\"answers\":%zu,\"seconds\":%.3f,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p90_ms\":%.3f,"
	       "\"p99_ms\":%.3f,\"max_ms\":%.3f,\"ok\":%llu,\"refused\":%llu,\"failed\":%llu,"
	       "\"broken\":%llu,\"bytes\":%zu,\"cpu_s\":%.3f}\n",
	       load.samples_n, took, (double)load.samples_n / took, percentile_ms(0.5),
	       percentile_ms(0.9), percentile_ms(0.99), percentile_ms(1),
	       (unsigned long long)load.statuses[2], (unsigned long long)load.statuses[4],
	       (unsigned long long)load.statuses[5], (unsigned long long)load.broken,
	       load.bytes_in, cpu);
	return 0;
}
