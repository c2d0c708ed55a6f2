/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <assert.h>

struct status_row {
	const char *name;
	const char *title;
	int http;
	int grpc;
	bool retryable;
};

static const struct status_row rows[STATUS_COUNT] = {
#define X(name, http, grpc, retryable, title) [ST_##name] = {#name, title, http, grpc, retryable},
#include "base/status.def"
#undef X
};

static const struct status_row *status_row(enum status st)
{
	assert((unsigned)st < STATUS_COUNT);
	return &rows[st];
}

const char *status_name(enum status st)
{
	return status_row(st)->name;
}

const char *status_title(enum status st)
{
	return status_row(st)->title;
}

int status_http(enum status st)
{
	return status_row(st)->http;
}

int status_grpc(enum status st)
{
	return status_row(st)->grpc;
}

bool status_is_retryable(enum status st)
{
	return status_row(st)->retryable;
}
