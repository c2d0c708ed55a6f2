/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/lease.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

void lease_init(struct lease *l, const char *name, const char *holder)
{
	memset(l, 0, sizeof *l);
	snprintf(l->name, sizeof l->name, "%s", name);
	snprintf(l->holder, sizeof l->holder, "%s", holder);
}

/* Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); 0: no such process. */
static unsigned long long process_start(long pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = 0;
	char *at = strrchr(text, ')'); /* the name before it may hold anything */
	unsigned long long start = 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		start = strtoull(at + 1, NULL, 10);
	return start;
}

static void host_name(char out[64])
{
	if (gethostname(out, 63) != 0)
		snprintf(out, 64, "?");
	out[63] = 0;
}

void lease_self(char out[LEASE_HOLDER_BYTES])
{
	char host[64];
	host_name(host);
	snprintf(out, LEASE_HOLDER_BYTES, "%s/%ld/%llu", host, (long)getpid(),
		 process_start((long)getpid()));
}

/* A holder of this very host whose process is gone cannot come back: no need to wait. */
static bool holder_is_dead(const char *holder)
{
	char host[64];
	host_name(host);
	size_t n = strlen(host);
	if (strncmp(holder, host, n) != 0 || holder[n] != '/')
		return false;
	char *end;
	long pid = strtol(holder + n + 1, &end, 10);
	if (pid <= 0 || *end != '/')
		return false;
	unsigned long long start = strtoull(end + 1, NULL, 10);
	return process_start(pid) != start;
}

enum status lease_take(struct ctx *cx, struct db *db, struct lease *l)
{
	struct rows rows;
	l->epoch = 0;
	TRY(db_exec(cx, db, SQL_LEASE_SEED, NULL, p_text(l->name)));
	TRY(db_exec(cx, db, SQL_LEASE_LOOK, &rows, p_text(l->name)));
	if (rows.count != 1)
		return fail(cx, ST_FENCED, "the lease %s vanished", l->name);
	const char *holder = row_text(&rows, 0, "holder");
	if (!row_bool(&rows, 0, "over") && !holder_is_dead(holder))
		return fail(cx, ST_FENCED, "%s is driven by %s", l->name, holder);
	int64_t seen = row_i64(&rows, 0, "epoch");
	TRY(db_exec(cx, db, SQL_LEASE_TAKE, &rows, p_text(l->name), p_i64(seen), p_text(l->holder),
		    p_i64(LEASE_S)));
	if (rows.count != 1)
		return fail(cx, ST_FENCED, "another relay took %s first", l->name);
	l->epoch = row_i64(&rows, 0, "epoch");
	l->renewed_ms = clock_mono_ms();
	return ST_OK;
}

enum status lease_keep(struct ctx *cx, struct db *db, struct lease *l)
{
	assert(!tx_is_open(db));
	if (l->epoch == 0)
		return fail(cx, ST_FENCED, "%s is not held", l->name);
	if (clock_mono_ms() - l->renewed_ms < LEASE_RENEW_MS)
		return ST_OK;
	struct rows rows;
	TRY(db_exec(cx, db, SQL_LEASE_RENEW, &rows, p_text(l->name), p_i64(l->epoch),
		    p_i64(LEASE_S)));
	if (rows.affected != 1) {
		l->epoch = 0;
		return fail(cx, ST_FENCED, "another relay has taken %s over", l->name);
	}
	l->renewed_ms = clock_mono_ms();
	return ST_OK;
}

enum status lease_fence(struct ctx *cx, struct db *db, struct lease *l)
{
	assert(tx_is_open(db));
	struct rows rows;
	TRY(db_exec(cx, db, SQL_LEASE_FENCE, &rows, p_text(l->name), p_i64(l->epoch)));
	if (rows.count == 1)
		return ST_OK;
	l->epoch = 0;
	return fail(cx, ST_FENCED, "another relay has taken %s over", l->name);
}

void lease_release(struct ctx *cx, struct db *db, struct lease *l)
{
	if (l->epoch == 0)
		return;
	enum status st = db_exec(cx, db, SQL_LEASE_RELEASE, NULL, p_text(l->name), p_i64(l->epoch));
	(void)st; /* it runs out by itself */
	l->epoch = 0;
}
