/* SPDX-License-Identifier: Apache-2.0
 *
 * The least a libmicrohttpd server can do: the same answer of BYTES bytes to every request. What
 * status reads are measured against.
 *
 *	bare PORT BYTES THREADS
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *body;
static size_t body_n;

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data, size_t *n,
			      void **state)
{
	static int seen;
	(void)cls, (void)url, (void)method, (void)version, (void)data, (void)n;
	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body_n, body, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/json");
	enum MHD_Result done = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return done;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	body_n = (size_t)atoi(argv[2]);
	body = malloc(body_n + 1);
	if (!body)
		return 1;
	memset(body, 'x', body_n);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, 0, NULL, NULL, answer, NULL,
		MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)atoi(argv[3]),
		MHD_OPTION_CONNECTION_LIMIT, 1024U, MHD_OPTION_END);
	if (!daemon) {
		fprintf(stderr, "bare: cannot listen on %s\n", argv[1]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
