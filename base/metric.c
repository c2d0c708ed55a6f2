/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"

const struct metric_row metric_rows[METRICS_COUNT] = {
#define X(id, name, kind, a, b, help) \
	[METRIC_##id] = {"ferry_" name, METRIC_##kind, {METRIC_LABEL_##a, METRIC_LABEL_##b}, help},
#include "base/metric.def"
#undef X
};

static const char *const label_names[METRIC_LABELS_COUNT] = {
	[METRIC_LABEL_NONE] = "",
	[METRIC_LABEL_STATUS] = "status",
	[METRIC_LABEL_METHOD] = "method",
	[METRIC_LABEL_QUEUE] = "queue",
};

/* Upper bounds of the buckets: microseconds for SECONDS, items for ITEMS. +Inf follows. */
enum { METRIC_BUCKETS = 14 };
static const uint64_t bounds_us[METRIC_BUCKETS] = {
	500,	1000,	2500,	5000,	 10000,	  25000,    50000,
	100000, 250000, 500000, 1000000, 5000000, 30000000, 120000000,
};
static const uint64_t bounds_items[METRIC_BUCKETS] = {
	1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16384,
};

/* One combination of label values. A counter and a gauge use `value` alone. */
struct metric_cell {
	_Atomic int64_t value;	    /* of a histogram: the sum */
	_Atomic uint64_t buckets[]; /* METRIC_BUCKETS + 1 of a histogram, the last for +Inf */
};

static struct {
	const char *const *values[METRIC_LABELS_COUNT];
	size_t values_n[METRIC_LABELS_COUNT];
	void *cells[METRICS_COUNT]; /* NULL before metric_init */
	int64_t start_us;
} metrics;

static const char *status_names[STATUS_COUNT];
static const char *const none_values[] = {""};

static bool metric_is_histogram(enum metric_kind kind)
{
	return kind == METRIC_SECONDS || kind == METRIC_ITEMS;
}

static size_t metric_cell_bytes(enum metric_kind kind)
{
	size_t buckets = metric_is_histogram(kind) ? METRIC_BUCKETS + 1 : 0;
	return sizeof(struct metric_cell) + buckets * sizeof(uint64_t);
}

static bool metric_value_is_sound(const char *value)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t n = strlen(value);
	return n >= 1 && n <= 64 && strspn(value, allowed) == n;
}

const char *metric_label_name(enum metric_label label)
{
	assert(label < METRIC_LABELS_COUNT);
	return label_names[label];
}

void metric_label_values(enum metric_label label, const char *const *values, size_t n)
{
	assert(label > METRIC_LABEL_STATUS && label < METRIC_LABELS_COUNT);
	assert(n >= 1 && n <= METRIC_LABEL_VALUES_MAX);
	for (size_t i = 0; i < n; i++)
		assert(metric_value_is_sound(values[i]));
	metrics.values[label] = values;
	metrics.values_n[label] = n;
}

void metric_init(void)
{
	for (int i = 0; i < STATUS_COUNT; i++)
		status_names[i] = status_name((enum status)i);
	metrics.values[METRIC_LABEL_NONE] = none_values;
	metrics.values_n[METRIC_LABEL_NONE] = 1;
	metrics.values[METRIC_LABEL_STATUS] = status_names;
	metrics.values_n[METRIC_LABEL_STATUS] = STATUS_COUNT;
	metrics.start_us = clock_wall_us();
	for (int i = 0; i < METRICS_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];
		size_t n = metrics.values_n[row->labels[0]] * metrics.values_n[row->labels[1]];
		if (n == 0)
			continue; /* a label this process has no values for */
		free(metrics.cells[i]);
		metrics.cells[i] = calloc(n, metric_cell_bytes(row->kind));
		assert(metrics.cells[i]);
	}
}

void metric_fini(void)
{
	for (int i = 0; i < METRICS_COUNT; i++)
		free(metrics.cells[i]);
	memset(&metrics, 0, sizeof metrics);
}

static struct metric_cell *metric_cell(enum metric_id id, unsigned a, unsigned b)
{
	assert((unsigned)id < METRICS_COUNT);
	const struct metric_row *row = &metric_rows[id];
	uint8_t *cells = metrics.cells[id];
	if (!cells)
		return NULL;
	size_t b_n = metrics.values_n[row->labels[1]];
	assert(a < metrics.values_n[row->labels[0]] && b < b_n);
	return (struct metric_cell *)(cells + (a * b_n + b) * metric_cell_bytes(row->kind));
}

void metric_add(enum metric_id id, unsigned a, unsigned b, uint64_t n)
{
	assert(metric_rows[id].kind == METRIC_COUNTER);
	struct metric_cell *cell = metric_cell(id, a, b);
	if (cell)
		atomic_fetch_add_explicit(&cell->value, (int64_t)n, memory_order_relaxed);
}

void metric_set(enum metric_id id, unsigned a, unsigned b, int64_t v)
{
	assert(!metric_is_histogram(metric_rows[id].kind));
	struct metric_cell *cell = metric_cell(id, a, b);
	if (cell)
		atomic_store_explicit(&cell->value, v, memory_order_relaxed);
}

void metric_move(enum metric_id id, unsigned a, unsigned b, int64_t by)
{
	assert(metric_rows[id].kind == METRIC_GAUGE);
	struct metric_cell *cell = metric_cell(id, a, b);
	if (cell)
		atomic_fetch_add_explicit(&cell->value, by, memory_order_relaxed);
}

void metric_observe(enum metric_id id, unsigned a, unsigned b, uint64_t v)
{
	enum metric_kind kind = metric_rows[id].kind;
	assert(metric_is_histogram(kind));
	struct metric_cell *cell = metric_cell(id, a, b);
	if (!cell)
		return;
	const uint64_t *bounds = kind == METRIC_SECONDS ? bounds_us : bounds_items;
	size_t i = 0;
	while (i < METRIC_BUCKETS && v > bounds[i])
		i++;
	atomic_fetch_add_explicit(&cell->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&cell->value, (int64_t)v, memory_order_relaxed);
}

int64_t metric_value(enum metric_id id, unsigned a, unsigned b)
{
	struct metric_cell *cell = metric_cell(id, a, b);
	if (!cell)
		return 0;
	if (!metric_is_histogram(metric_rows[id].kind))
		return atomic_load_explicit(&cell->value, memory_order_relaxed);
	uint64_t count = 0;
	for (size_t i = 0; i <= METRIC_BUCKETS; i++)
		count += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
	return (int64_t)count;
}

/* "method=\"SendMessage\",status=\"OK\"", "" without labels. */
static void metric_labels_text(char *out, size_t bytes, const struct metric_row *row,
			       const unsigned at[2])
{
	size_t n = 0;
	out[0] = '\0';
	for (int i = 0; i < 2; i++) {
		enum metric_label label = row->labels[i];
		if (label == METRIC_LABEL_NONE)
			continue;
		int wrote = snprintf(out + n, bytes - n, "%s%s=\"%s\"", n ? "," : "",
				     label_names[label], metrics.values[label][at[i]]);
		assert(wrote > 0 && (size_t)wrote < bytes - n);
		n += (size_t)wrote;
	}
}

/* Microseconds as seconds without losing a digit; items as they are. */
static void metric_put_number(struct buf *out, enum metric_kind kind, uint64_t v)
{
	if (kind == METRIC_SECONDS)
		buf_printf(out, "%" PRIu64 ".%06" PRIu64, v / 1000000, v % 1000000);
	else
		buf_printf(out, "%" PRIu64, v);
}

static void metric_write_histogram(struct buf *out, const struct metric_row *row,
				   struct metric_cell *cell, const char *labels)
{
	const uint64_t *bounds = row->kind == METRIC_SECONDS ? bounds_us : bounds_items;
	const char *comma = labels[0] ? "," : "";
	uint64_t count = 0;
	for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
		count += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
		buf_printf(out, "%s_bucket{%s%sle=\"", row->name, labels, comma);
		if (i == METRIC_BUCKETS)
			buf_puts(out, "+Inf");
		else
			metric_put_number(out, row->kind, bounds[i]);
		buf_printf(out, "\"} %" PRIu64 "\n", count);
	}
	const char *open = labels[0] ? "{" : "";
	const char *close = labels[0] ? "}" : "";
	int64_t sum = atomic_load_explicit(&cell->value, memory_order_relaxed);
	buf_printf(out, "%s_sum%s%s%s ", row->name, open, labels, close);
	metric_put_number(out, row->kind, (uint64_t)sum);
	buf_printf(out, "\n%s_count%s%s%s %" PRIu64 "\n", row->name, open, labels, close, count);
}

static void metric_write_cell(struct buf *out, enum metric_id id, const unsigned at[2])
{
	const struct metric_row *row = &metric_rows[id];
	struct metric_cell *cell = metric_cell(id, at[0], at[1]);
	char labels[256];
	metric_labels_text(labels, sizeof labels, row, at);
	if (labels[0] && row->kind != METRIC_GAUGE && metric_value(id, at[0], at[1]) == 0)
		return;
	if (metric_is_histogram(row->kind)) {
		metric_write_histogram(out, row, cell, labels);
		return;
	}
	int64_t v = atomic_load_explicit(&cell->value, memory_order_relaxed);
	if (labels[0])
		buf_printf(out, "%s{%s} %" PRId64 "\n", row->name, labels, v);
	else
		buf_printf(out, "%s %" PRId64 "\n", row->name, v);
}

static void metric_write_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The names that every Prometheus client gives these. */
static void metric_write_process(struct buf *out)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f) {
		if (fscanf(f, "%*s %ld", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	int files = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		files++;
	if (dir)
		closedir(dir);
	metric_write_head(out, "process_resident_memory_bytes", "gauge", "Resident memory");
	buf_printf(out, "process_resident_memory_bytes %ld\n", pages * sysconf(_SC_PAGESIZE));
	metric_write_head(out, "process_open_fds", "gauge", "Open file descriptors");
	buf_printf(out, "process_open_fds %d\n",
		   files > 3 ? files - 3 : 0); /* ".", "..", the folder */
	metric_write_head(out, "process_start_time_seconds", "gauge", "Start, Unix time");
	buf_printf(out, "process_start_time_seconds %" PRId64 "\n", metrics.start_us / 1000000);
}

void metric_write(struct buf *out)
{
	for (int i = 0; i < METRICS_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];
		if (!metrics.cells[i])
			continue;
		metric_write_head(out, row->name,
				  metric_is_histogram(row->kind) ? "histogram"
				  : row->kind == METRIC_COUNTER	 ? "counter"
								 : "gauge",
				  row->help);
		unsigned at[2];
		for (at[0] = 0; at[0] < metrics.values_n[row->labels[0]]; at[0]++)
			for (at[1] = 0; at[1] < metrics.values_n[row->labels[1]]; at[1]++)
				metric_write_cell(out, (enum metric_id)i, at);
	}
	metric_write_process(out);
}
