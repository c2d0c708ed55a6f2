/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters, gauges and histograms: the table is metric.def, the text is Prometheus' exposition
 * format 0.0.4. Changing a metric is one atomic addition from any thread; it never blocks and never
 * fails. Values live as long as the process and start at zero with it.
 */
#ifndef FERRY_BASE_METRIC_H
#define FERRY_BASE_METRIC_H

#include "base/bytes.h"

enum metric_id {
#define X(id, ...) METRIC_##id,
#include "base/metric.def"
#undef X
	METRICS_COUNT
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_SECONDS, METRIC_ITEMS };

/* What a label counts over. NONE has one value, index 0. STATUS is enum status. */
enum metric_label {
	METRIC_LABEL_NONE,
	METRIC_LABEL_STATUS,
	METRIC_LABEL_METHOD,
	METRIC_LABEL_QUEUE,
	METRIC_LABELS_COUNT
};

enum { METRIC_LABEL_VALUES_MAX = 64, METRIC_TEXT_BYTES_MAX = 1024 * 1024 };

/* Gives a label its values, which must outlive the process's last metric_write. STATUS and NONE
 * have theirs already. Before metric_init. A value is [A-Za-z0-9_.-]{1,64}; others are a bug. */
void metric_label_values(enum metric_label label, const char *const *values, size_t n);
/* Makes room for the values; before threads start. Without it all calls below do nothing, so that
 * tests and tools need not care. */
void metric_init(void);
void metric_fini(void);

/* a and b index the values of the metric's two labels; 0 for NONE. An index that is out of range
 * is a bug. */
void metric_add(enum metric_id id, unsigned a, unsigned b, uint64_t n);    /* COUNTER */
void metric_set(enum metric_id id, unsigned a, unsigned b, int64_t v);      /* GAUGE; COUNTER kept elsewhere */
void metric_move(enum metric_id id, unsigned a, unsigned b, int64_t by);   /* GAUGE */
void metric_observe(enum metric_id id, unsigned a, unsigned b, uint64_t v); /* SECONDS (in us), ITEMS */

/* What a counter or gauge is now; the number of observations of a histogram. For tests. */
int64_t metric_value(enum metric_id id, unsigned a, unsigned b);

/* All of them as text, "text/plain; version=0.0.4". Counters and histograms with labels are
 * left out until something is counted. Also the process's own: memory, open files, start time. */
void metric_write(struct buf *out);

/* The table, for documents and tests. */
struct metric_row {
	const char *name; /* with "ferry_" */
	enum metric_kind kind;
	enum metric_label labels[2];
	const char *help;
};
extern const struct metric_row metric_rows[METRICS_COUNT];
const char *metric_label_name(enum metric_label label); /* "method"; "" for NONE */

#endif
