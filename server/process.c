/* SPDX-License-Identifier: Apache-2.0 */
#include "server/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "storage/migrate.h"

enum { PROCESS_RETRY_MS = 250, PROCESS_STATUS_KILLED = 130 };

static bool process_ends; /* main thread only */

static void process_raise_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_event(LOG_WARN, "process.files", "The limit of open files cannot be raised.");
}

void process_begin_short(void)
{
	signal(SIGPIPE, SIG_IGN);
}

void process_begin(const struct config *config, const char *role)
{
	thread_block_signals();
	log_init(config->file.log_level, role);
	process_raise_files();
}

static void process_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

bool process_wait(int wait_ms)
{
	sigset_t set;
	process_signals(&set);
	int64_t end = clock_mono_ms() + wait_ms;
	while (!process_ends) {
		int64_t left = end - clock_mono_ms();
		if (left < 0)
			left = 0;
		struct timespec ts = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
		int got = sigtimedwait(&set, NULL, &ts);
		if (got == SIGHUP)
			log_event(LOG_INFO, "process.hangup", "SIGHUP is ignored.");
		else if (got > 0)
			process_ends = true;
		else if (errno == EAGAIN)
			return false;
	}
	return true;
}

/* Thread: waits for the second signal. */
static void process_watch(void *arg)
{
	(void)arg;
	sigset_t set;
	process_signals(&set);
	for (;;) {
		int got;
		if (sigwait(&set, &got) == 0 && got != SIGHUP) {
			log_event(LOG_WARN, "process.killed",
				  "Told to end a second time: ending at once.");
			_exit(PROCESS_STATUS_KILLED);
		}
	}
}

void process_end_begin(void)
{
	process_ends = true;
	static struct thread *watch; /* lives as long as the process */
	if (!watch)
		watch = thread_start("signals", process_watch, NULL);
}

enum status process_database(struct ctx *cx, const struct config *config, const char *role,
			     struct db **db)
{
	int64_t end = clock_mono_ms() + (int64_t)config->file.limits.database_wait_ms;
	bool said = false;
	enum status st;
	while ((st = db_open(cx, config->file.database_url, role, db)) == ST_DB) {
		if (clock_mono_ms() >= end)
			return st;
		if (!said)
			log_event(LOG_WARN, "process.database", "Waiting for the database: %s",
				  cx->err.message);
		said = true;
		if (process_wait(PROCESS_RETRY_MS))
			return fail(cx, ST_CANCELLED, "told to end while waiting for the database");
	}
	TRY(st);
	size_t n;
	const struct migration *list = migrate_all(&n);
	st = migrate_check(cx, *db, list, n);
	if (st != ST_OK)
		db_close(*db);
	return st;
}
