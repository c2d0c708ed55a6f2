/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { HTTP_CLIENT_POLL_MS = 1000, HTTP_CLIENT_BODY_BYTES_FIRST = 16 * 1024 };

struct http_client {
	CURLM *multi;
	CURL *easy[HTTP_CLIENT_PARALLEL_MAX]; /* made when first needed, then reused */
	struct http_client_config config;
	atomic_bool aborted;
	const char *headers[HTTP_CLIENT_HEADERS_MAX];
	size_t headers_n;
};

/* One request under way. */
struct http_transfer {
	CURL *easy;
	struct curl_slist *headers;
	int timeout_ms;
	size_t bytes_max;
	uint8_t *body;
	size_t n;
	size_t room;
	bool too_large;
	bool done;
	CURLcode code;
	char error[CURL_ERROR_SIZE];
};

static _Noreturn void http_client_die(const char *why)
{
	fprintf(stderr, "http_client: %s\n", why);
	abort();
}

static void http_client_init_library(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		http_client_die("libcurl cannot be initialised");
}

struct http_client *http_client_create(const struct http_client_config *config)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	assert(config->connect_timeout_ms > 0);
	assert(config->timeout_ms > 0);
	assert(config->body_bytes_max > 0);
	pthread_once(&once, http_client_init_library);
	struct http_client *client = calloc(1, sizeof *client);
	if (!client)
		http_client_die("out of memory");
	client->config = *config;
	client->multi = curl_multi_init();
	if (!client->multi)
		http_client_die("out of memory");
	return client;
}

void http_client_destroy(struct http_client *client)
{
	if (!client)
		return;
	for (size_t i = 0; i < HTTP_CLIENT_PARALLEL_MAX; i++)
		curl_easy_cleanup(client->easy[i]);
	curl_multi_cleanup(client->multi);
	free(client);
}

void http_client_set_headers(struct http_client *client, const char *const *lines, size_t n)
{
	assert(n <= HTTP_CLIENT_HEADERS_MAX);
	for (size_t i = 0; i < n; i++) {
		assert(!strpbrk(lines[i], "\r\n"));
		client->headers[i] = lines[i];
	}
	client->headers_n = n;
}

void http_client_abort(struct http_client *client)
{
	atomic_store(&client->aborted, true);
	curl_multi_wakeup(client->multi);
}

char *http_origin(struct arena *a, const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL;
	char *host = NULL;
	char *port = NULL;
	char *origin = NULL;
	if (!u)
		http_client_die("out of memory");
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		bool with_port = curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK;
		origin = arena_printf(a, "%s://%s%s%s", scheme, host, with_port ? ":" : "",
				      with_port ? port : "");
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return origin ? origin : arena_strdup(a, "(not a URL)");
}

static size_t http_transfer_write(char *p, size_t size, size_t count, void *arg)
{
	struct http_transfer *t = arg;
	size_t n = size * count;
	if (n > t->bytes_max - t->n) {
		t->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	if (t->n + n > t->room) {
		size_t room = t->room ? t->room : HTTP_CLIENT_BODY_BYTES_FIRST;
		while (room < t->n + n)
			room *= 2;
		t->body = realloc(t->body, room);
		if (!t->body)
			http_client_die("out of memory");
		t->room = room;
	}
	memcpy(t->body + t->n, p, n);
	t->n += n;
	return n;
}

/* Every option is a constant of ours or a checked argument: a refusal is a bug or no memory. */
#define HTTP_SET(easy, option, value)                                                              \
	do {                                                                                       \
		if (curl_easy_setopt((easy), (option), (value)) != CURLE_OK)                       \
			http_client_die(#option " is not supported by libcurl");                   \
	} while (0)

static void http_transfer_limits(struct http_transfer *t, const struct http_client *client)
{
	HTTP_SET(t->easy, CURLOPT_NOSIGNAL, 1L);
	HTTP_SET(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	HTTP_SET(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
	HTTP_SET(t->easy, CURLOPT_PROXY, "");
	HTTP_SET(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	HTTP_SET(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)client->config.connect_timeout_ms);
	HTTP_SET(t->easy, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
	HTTP_SET(t->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->bytes_max);
	HTTP_SET(t->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	HTTP_SET(t->easy, CURLOPT_USERAGENT, "ferryd");
	HTTP_SET(t->easy, CURLOPT_ERRORBUFFER, t->error);
	HTTP_SET(t->easy, CURLOPT_WRITEFUNCTION, http_transfer_write);
	HTTP_SET(t->easy, CURLOPT_WRITEDATA, t);
	HTTP_SET(t->easy, CURLOPT_PRIVATE, t);
}

static void http_transfer_add_header(struct http_transfer *t, const char *line)
{
	struct curl_slist *list = curl_slist_append(t->headers, line);
	if (!list)
		http_client_die("out of memory");
	t->headers = list;
}

/* content_type NULL: a GET. */
static void http_transfer_start(struct ctx *cx, struct http_transfer *t,
				struct http_client *client, size_t slot, const char *url,
				const char *content_type, struct bytes body)
{
	if (!client->easy[slot])
		client->easy[slot] = curl_easy_init();
	t->easy = client->easy[slot];
	if (!t->easy)
		http_client_die("out of memory");
	curl_easy_reset(t->easy);
	t->bytes_max = client->config.body_bytes_max;
	t->timeout_ms = ctx_left_ms(cx, client->config.timeout_ms);
	if (t->timeout_ms == 0) {
		t->done = true; /* libcurl takes 0 for no limit */
		t->code = CURLE_OPERATION_TIMEDOUT;
		return;
	}
	http_transfer_limits(t, client);
	if (curl_easy_setopt(t->easy, CURLOPT_URL, url) != CURLE_OK) {
		t->done = true;
		t->code = CURLE_URL_MALFORMAT;
		return;
	}
	for (size_t i = 0; i < client->headers_n; i++)
		http_transfer_add_header(t, client->headers[i]);
	HTTP_SET(t->easy, CURLOPT_HTTPHEADER, t->headers);
	if (content_type) {
		http_transfer_add_header(
			t, arena_printf(cx->arena, "Content-Type: %s", content_type));
		http_transfer_add_header(t, "Expect:"); /* no extra round trip above 1 MiB */
		HTTP_SET(t->easy, CURLOPT_HTTPHEADER, t->headers);
		HTTP_SET(t->easy, CURLOPT_POST, 1L);
		HTTP_SET(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
		HTTP_SET(t->easy, CURLOPT_POSTFIELDS, body.n ? (const char *)body.p : "");
	}
	if (curl_multi_add_handle(client->multi, t->easy) != CURLM_OK)
		http_client_die("curl_multi_add_handle failed");
}

/* Until every transfer is done or somebody aborts. Each has its own time limit. */
static void http_client_run(struct http_client *client)
{
	int running = 1;
	while (running > 0 && !atomic_load(&client->aborted)) {
		if (curl_multi_perform(client->multi, &running) != CURLM_OK)
			http_client_die("curl_multi_perform failed");
		int left;
		CURLMsg *msg;
		while ((msg = curl_multi_info_read(client->multi, &left))) {
			struct http_transfer *t;
			assert(msg->msg == CURLMSG_DONE);
			curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
			t->done = true;
			t->code = msg->data.result;
		}
		if (running > 0)
			curl_multi_poll(client->multi, NULL, 0, HTTP_CLIENT_POLL_MS, NULL);
	}
}

static enum status http_transfer_status(const struct http_transfer *t)
{
	if (!t->done)
		return ST_CANCELLED;
	if (t->too_large || t->code == CURLE_FILESIZE_EXCEEDED)
		return ST_TOO_LARGE;
	if (t->code == CURLE_OK)
		return ST_OK;
	if (t->code != CURLE_OPERATION_TIMEDOUT)
		return ST_UNAVAILABLE;
	curl_off_t spent_us = (curl_off_t)t->timeout_ms * 1000;
	if (t->timeout_ms > 0)
		curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &spent_us);
	/* Sooner than the whole time: the time to connect was up. */
	return spent_us / 1000 + 1 < t->timeout_ms ? ST_UNAVAILABLE : ST_DEADLINE;
}

static void http_transfer_explain(const struct http_transfer *t, struct http_exchange *e,
				  const char *origin)
{
	const char *why = t->error[0] ? t->error : curl_easy_strerror(t->code);
	if (e->status == ST_CANCELLED)
		snprintf(e->why, sizeof e->why, "%s: given up, the program is stopping", origin);
	else if (e->status == ST_TOO_LARGE)
		snprintf(e->why, sizeof e->why, "%s: the answer is larger than %zu bytes", origin,
			 t->bytes_max);
	else if (e->status == ST_DEADLINE)
		snprintf(e->why, sizeof e->why, "%s: no complete answer within %d ms", origin,
			 t->timeout_ms);
	else
		snprintf(e->why, sizeof e->why, "%s: %s", origin, why);
}

static void http_transfer_finish(struct ctx *cx, struct http_transfer *t,
				 struct http_client *client, struct http_exchange *e)
{
	e->status = http_transfer_status(t);
	if (e->status == ST_OK) {
		long status = 0;
		const char *content_type = NULL;
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &content_type);
		e->response.status = (int)status;
		e->response.body = bytes_of(t->body, t->n);
		e->response.content_type =
			arena_strdup(cx->arena, content_type ? content_type : "");
		if (t->body)
			arena_defer(cx->arena, free, t->body);
	} else {
		http_transfer_explain(t, e, http_origin(cx->arena, e->url));
		free(t->body);
	}
	curl_multi_remove_handle(client->multi, t->easy);
	curl_slist_free_all(t->headers);
}

static void http_client_exchange(struct ctx *cx, struct http_client *client,
				 struct http_exchange *exchanges, size_t n,
				 const char *content_type)
{
	assert(n <= HTTP_CLIENT_PARALLEL_MAX);
	struct http_transfer *transfers = arena_array(cx->arena, n, sizeof *transfers);
	for (size_t i = 0; i < n; i++) {
		exchanges[i].status = ST_OK;
		exchanges[i].why[0] = 0;
		http_transfer_start(cx, &transfers[i], client, i, exchanges[i].url, content_type,
				    exchanges[i].body);
	}
	http_client_run(client);
	for (size_t i = 0; i < n; i++)
		http_transfer_finish(cx, &transfers[i], client, &exchanges[i]);
}

static enum status http_client_one(struct ctx *cx, struct http_client *client,
				   struct http_response *out, const char *url,
				   const char *content_type, struct bytes body)
{
	struct http_exchange e = {.url = url, .body = body};
	http_client_exchange(cx, client, &e, 1, content_type);
	if (e.status != ST_OK)
		return fail(cx, e.status, "%s", e.why);
	*out = e.response;
	return ST_OK;
}

enum status http_client_get(struct ctx *cx, struct http_client *client, struct http_response *out,
			    const char *url)
{
	return http_client_one(cx, client, out, url, NULL, bytes_of(NULL, 0));
}

enum status http_client_post(struct ctx *cx, struct http_client *client, struct http_response *out,
			     const char *url, const char *content_type, struct bytes body)
{
	assert(content_type);
	return http_client_one(cx, client, out, url, content_type, body);
}

void http_client_post_many(struct ctx *cx, struct http_client *client,
			   struct http_exchange *exchanges, size_t n, const char *content_type)
{
	assert(content_type);
	http_client_exchange(cx, client, exchanges, n, content_type);
}
