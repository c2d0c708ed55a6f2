/* SPDX-License-Identifier: Apache-2.0 */
#include "server/serve.h"

#include "api/config.h"
#include "api/openapi.h"
#include "base/clock.h"
#include "base/jws.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metric.h"
#include "server/grpc.h"
#include "server/http.h"
#include "server/process.h"
#include "server/version.h"

enum {
	SERVE_TICK_MS = 500,
	SERVE_PROBE_MS = 10 * 1000, /* how often the gRPC listener is tried */
	SERVE_PROBE_WAIT_MS = 2000,
	SERVE_PROBES_FAILED_MAX = 3, /* then the process ends, to be started anew */
};

/* The parts of the role, each NULL until its stage has started. */
struct serve {
	struct ctx *cx;
	const struct config *config;
	struct api *api;
	struct http *http;
	/* The metrics page is asked for on a thread of the HTTP server's, also while that starts and gRPC ends. */
	struct lock counted_lock;
	struct http *counted_http;       /* guarded by counted_lock, as the next */
	struct grpc_front *counted_grpc; /* NULL: not running */
	struct grpc_front *grpc;
	bool is_serving; /* as health was told last */
};

/* What the transports ask --------------------------------------------------------------------- */

static const struct http_api serve_http_api = {api_submit, api_stream_next, api_stream_close};
static const struct grpc_api serve_grpc_api = {api_submit, api_stream_next, api_stream_close};

static bool serve_ready(void *arg, struct arena *a, const char **report)
{
	struct serve *s = arg;
	struct ctx cx;
	ctx_init(&cx, a, 0, "readyz");
	bool ready = api_ready(s->api, &cx) == ST_OK;
	*report = ready ? "database: ok\n" : arena_printf(a, "database: %s\n", cx.err.message);
	return ready;
}

static const char *serve_metrics(void *arg, struct arena *a)
{
	struct serve *s = arg;
	struct http_stats http = {0};
	struct grpc_counts grpc = {0};
	lock_take(&s->counted_lock); /* held over the counting: so long neither of them is ended */
	if (s->counted_http)
		http_stats_read(s->counted_http, &http);
	if (s->counted_grpc)
		grpc_read_counts(s->counted_grpc, &grpc);
	lock_give(&s->counted_lock);
	metric_set(METRIC_HTTP_CONNECTIONS, 0, 0, (int64_t)http.connections);
	metric_set(METRIC_HTTP_STREAMS, 0, 0, (int64_t)http.watchers);
	metric_set(METRIC_HTTP_REFUSED, 0, 0, (int64_t)http.refused_in_all);
	metric_set(METRIC_HTTP_CUT, 0, 0, (int64_t)http.cut_in_all);
	metric_set(METRIC_GRPC_CALLS, 0, 0, (int64_t)grpc.live);
	metric_set(METRIC_GRPC_STREAMS, 0, 0, (int64_t)grpc.streams);
	metric_set(METRIC_GRPC_SHED, 0, 0, (int64_t)grpc.shed);
	return api_metrics(s->api, a);
}

static void serve_count(struct serve *s, struct http *http, struct grpc_front *grpc)
{
	lock_take(&s->counted_lock);
	s->counted_http = http;
	s->counted_grpc = grpc;
	lock_give(&s->counted_lock);
}

/* Stages -------------------------------------------------------------------------------------- */

static enum status serve_start_database(struct serve *s)
{
	struct db *db;
	TRY(process_database(s->cx, s->config, "serve start", &db));
	db_close(db); /* each thread of the API has its own */
	return ST_OK;
}

static enum status serve_start_metrics(struct serve *s)
{
	(void)s;
	metric_label_values(METRIC_LABEL_METHOD, api_method_names, API_METHODS_COUNT);
	metric_label_values(METRIC_LABEL_QUEUE, api_queue_names, API_QUEUES_COUNT);
	metric_init();
	return ST_OK;
}

static void serve_stop_metrics(struct serve *s)
{
	(void)s;
	metric_fini();
}

static void serve_chain(struct api_chain *out, const struct config_chain *c)
{
	*out = (struct api_chain){
		.name = c->name,
		.eid = (uint32_t)c->eid,
		.chain_id = c->chain_id,
		.currency = c->currency,
		.finality_blocks = (uint32_t)c->finality_blocks,
		.max_message_bytes = (uint32_t)c->max_message_bytes,
		.endpoint = c->contracts.endpoint,
		.messenger = c->contracts.messenger,
		.receive_uln = c->contracts.receive_uln,
		.batcher = c->contracts.batcher,
		.proxy_registry = c->contracts.proxy_registry,
		.main_registry = c->contracts.main_registry,
		.rpc = c->rpc.v,
		.rpc_n = c->rpc.n,
	};
}

static enum status serve_start_api(struct serve *s)
{
	const struct config_root *file = &s->config->file;
	const struct config_limits *limits = &file->limits;
	struct api_chain *chains = arena_array(s->cx->arena, file->chains.n, sizeof *chains);
	for (size_t i = 0; i < file->chains.n; i++)
		serve_chain(&chains[i], &file->chains.v[i]);
	struct api_config config = {
		.database_url = file->database_url,
		.chains = chains,
		.chains_n = file->chains.n,
		.publishable_keys = file->publishable_keys,
		.daily_wei_per_app = file->daily_wei_per_app,
		.accept_threads = (unsigned)limits->accept_threads,
		.read_threads = (unsigned)limits->read_threads,
		.work_threads = (unsigned)limits->work_threads,
		.check_threads = (unsigned)limits->check_threads,
		.chain_threads = (unsigned)limits->chain_threads,
		.queue_depth = (unsigned)limits->queue_items,
		.streams_max = (unsigned)limits->streams_max,
	};
	memcpy(config.page_token_key, s->config->page_token_key, sizeof config.page_token_key);
	s->api = api_create(s->cx, &config);
	if (!s->api)
		return s->cx->err.status;
	api_start(s->api);
	return ST_OK;
}

static void serve_drain_api(struct serve *s)
{
	api_drain(s->api);
}

static void serve_stop_api(struct serve *s)
{
	api_destroy(s->api);
}

static void serve_release_signer(void *p)
{
	jws_signer_destroy(p);
}

static enum status serve_start_http(struct serve *s)
{
	const struct config_root *file = &s->config->file;
	uint64_t per_ip = file->http.connections_per_ip_max;
	struct jws_signer *receipts = NULL;
	if (file->receipt_key_file) {
		receipts = jws_signer_create(s->config->receipt_key);
		arena_defer(s->cx->arena, serve_release_signer, receipts);
	}
	struct http_config config = {
		.receipts = receipts,
		.listen = file->http.listen,
		.admin_listen = file->admin.listen,
		.calls = &serve_http_api,
		.origins = file->cors_origins.v,
		.origins_count = file->cors_origins.n,
		.version = FERRY_VERSION,
		.openapi = api_openapi(s->cx->arena, FERRY_VERSION),
		.ready = serve_ready,
		.metrics = serve_metrics,
		.arg = s,
		.threads = (int)file->http.threads,
		.connections_max = (unsigned)file->http.connections_max,
		.connections_per_ip = (unsigned)(per_ip ? per_ip : file->http.connections_max),
		.watchers_max = (unsigned)file->limits.streams_max,
	};
	TRY(http_start(s->cx, &s->http, &config, s->api));
	serve_count(s, s->http, NULL);
	return ST_OK;
}

static void serve_drain_http(struct serve *s)
{
	http_drain(s->http, (int)s->config->file.limits.drain_ms);
}

static void serve_stop_http(struct serve *s)
{
	serve_count(s, NULL, NULL);
	http_stop(s->http);
}

static enum status serve_start_grpc(struct serve *s)
{
	const struct config_root *file = &s->config->file;
	struct grpc_config config = {
		.calls = &serve_grpc_api,
		.listen = file->grpc.listen,
		.threads = (unsigned)file->grpc.threads,
		.calls_max = (size_t)file->grpc.calls_max,
		.streams_max = (size_t)file->limits.streams_max,
	};
	s->grpc = grpc_start(&config, s->api);
	if (!s->grpc)
		return fail(s->cx, ST_UNAVAILABLE, "Cannot listen on %s: is another program there?",
			    config.listen);
	serve_count(s, s->http, s->grpc);
	return ST_OK;
}

static void serve_drain_grpc(struct serve *s)
{
	grpc_drain(s->grpc);
}

static void serve_stop_grpc(struct serve *s)
{
	serve_count(s, s->http, NULL);
	grpc_stop(s->grpc, (int)s->config->file.limits.drain_ms);
	s->grpc = NULL;
}

/* The life of the role: down to start, up to drain, up to stop. Draining answers what is under way
 * and refuses what is new; the API ends its threads when the transports take nothing any more. */
static const struct serve_stage {
	const char *name;
	enum status (*start)(struct serve *s);
	void (*drain)(struct serve *s);
	void (*stop)(struct serve *s);
} stages[] = {
	{"database", serve_start_database, NULL, NULL},
	{"metrics", serve_start_metrics, NULL, serve_stop_metrics},
	{"api", serve_start_api, serve_drain_api, serve_stop_api},
	{"http", serve_start_http, serve_drain_http, serve_stop_http},
	{"grpc", serve_start_grpc, serve_drain_grpc, serve_stop_grpc},
};
enum { STAGES_COUNT = sizeof stages / sizeof stages[0] };

static void serve_end(struct serve *s, size_t started)
{
	int64_t begun = clock_mono_ms();
	process_end_begin();
	for (size_t i = started; i-- > 0;)
		if (stages[i].drain)
			stages[i].drain(s);
	for (size_t i = started; i-- > 0;)
		if (stages[i].stop)
			stages[i].stop(s);
	log_event(LOG_INFO, "serve.ended", "Ended in order after %lld ms.",
		  (long long)(clock_mono_ms() - begun));
}

/* Health follows the database. */
static void serve_tell_health(struct serve *s)
{
	struct arena *a = arena_create(64 * 1024);
	const char *report;
	bool ready = serve_ready(s, a, &report);
	if (ready != s->is_serving) {
		grpc_set_serving(s->grpc, ready);
		if (ready)
			log_event(LOG_INFO, "serve.ready", "Serving.");
		else
			log_event(LOG_WARN, "serve.not_ready", "Not serving: %s", report);
		s->is_serving = ready;
	}
	arena_destroy(a);
}

/* Until told to end, or until the gRPC listener is dead. */
static enum status serve_watch(struct serve *s)
{
	int64_t probe_at = clock_mono_ms() + SERVE_PROBE_MS;
	int failed = 0;
	while (!process_wait(SERVE_TICK_MS)) {
		serve_tell_health(s);
		if (clock_mono_ms() < probe_at)
			continue;
		failed = grpc_probe(s->grpc, SERVE_PROBE_WAIT_MS) ? 0 : failed + 1;
		probe_at = clock_mono_ms() + SERVE_PROBE_MS;
		if (failed == SERVE_PROBES_FAILED_MAX)
			return fail(
				s->cx, ST_UNAVAILABLE,
				"gRPC on %s does not answer any more: ending, to be started anew",
				s->config->file.grpc.listen);
	}
	log_event(LOG_INFO, "serve.ending", "Told to end: finishing what is under way.");
	return ST_OK;
}

enum status serve_run(struct ctx *cx, const struct config *config)
{
	struct serve s = {.cx = cx, .config = config};
	lock_init(&s.counted_lock);
	process_begin(config, "serve");
	for (size_t i = 0; i < STAGES_COUNT; i++) {
		enum status st = stages[i].start(&s);
		if (st == ST_OK)
			continue;
		if (st != ST_CANCELLED)
			log_failure(LOG_ERROR, "serve.start", cx);
		serve_end(&s, i);
		lock_fini(&s.counted_lock);
		return st;
	}
	log_event(LOG_INFO, "serve.started", "Listening: HTTP on %s, gRPC on %s, admin on %s.",
		  config->file.http.listen, config->file.grpc.listen, config->file.admin.listen);
	enum status st = serve_watch(&s);
	if (st != ST_OK)
		log_failure(LOG_ERROR, "serve.watch", cx);
	serve_end(&s, STAGES_COUNT);
	lock_fini(&s.counted_lock);
	return st;
}
