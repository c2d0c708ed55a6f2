/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strerrordesc_np */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "server/http_exchange.h"

enum {
	HTTP_BACKLOG = 1024,
	HTTP_FILES_RESERVED = 96, /* for everything that is not a client's connection */
};

/* "host:port" or "[v6]:port", numeric. */
static enum status http_address(struct ctx *cx, const char *listen_at, struct addrinfo **out)
{
	const char *colon = strrchr(listen_at, ':');
	size_t n = colon ? (size_t)(colon - listen_at) : 0;
	char *host = arena_strndup(cx->arena, listen_at, n);
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		host++;
	}
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	if (n == 0 || getaddrinfo(host, colon + 1, &hints, out) != 0)
		return fail(cx, ST_INVALID, "%s is not an address to listen on; write it as "
					    "127.0.0.1:8080 or [::1]:8080.",
			    listen_at);
	return ST_OK;
}

enum status http_listen(struct ctx *cx, const char *listen_at, int *fd_out, int *port)
{
	struct addrinfo *address;
	TRY(http_address(cx, listen_at, &address));
	int one = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 &&
		  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
		  bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
		  listen(fd, HTTP_BACKLOG) == 0;
	int why = errno;
	freeaddrinfo(address);
	struct sockaddr_storage bound;
	socklen_t bound_n = sizeof bound;
	if (!ok || getsockname(fd, (struct sockaddr *)&bound, &bound_n) != 0) {
		if (fd >= 0)
			close(fd);
		return fail(cx, ST_UNAVAILABLE, "Cannot listen on %s: %s.", listen_at,
			    strerrordesc_np(why));
	}
	*fd_out = fd;
	*port = bound.ss_family == AF_INET6
			? ntohs(((struct sockaddr_in6 *)(void *)&bound)->sin6_port)
			: ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
	return ST_OK;
}

static void http_default(int *value, int otherwise)
{
	if (*value <= 0)
		*value = otherwise;
}

void http_config_complete(struct http_config *c)
{
	http_default(&c->threads, 2);
	http_default(&c->header_ms, 10000);
	http_default(&c->body_ms, 15000);
	http_default(&c->reply_ms, 30000);
	http_default(&c->keepalive_ms, 60000);
	http_default(&c->request_ms, 30000);
	http_default(&c->heartbeat_ms, 15000);
	http_default(&c->stall_ms, 10000);
	if (c->connections_max == 0)
		c->connections_max = 4096;
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		/* A process without descriptors left cannot reach its database either. */
		rlim_t most = files.rlim_cur > 2 * HTTP_FILES_RESERVED
				      ? files.rlim_cur - HTTP_FILES_RESERVED
				      : files.rlim_cur / 2;
		if (c->connections_max > most) {
			log_event(LOG_WARN, "http.connections_max",
				  "the limit of open files allows %u connections, not %u",
				  (unsigned)most, c->connections_max);
			c->connections_max = (unsigned)most;
		}
	}
	if (c->connections_per_ip == 0)
		c->connections_per_ip = c->connections_max / 2;
	if (c->watchers_max == 0)
		c->watchers_max = 2048;
}
