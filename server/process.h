/* SPDX-License-Identifier: Apache-2.0
 *
 * What every long-running role is to the system: signals, limits, the wait for the database.
 * SIGTERM and SIGINT end it in order, a second one at once (status 130); SIGHUP is ignored, so that
 * a closed terminal or an old logrotate does no harm.
 */
#ifndef FERRY_SERVER_PROCESS_H
#define FERRY_SERVER_PROCESS_H

#include "server/config.h"
#include "storage/db.h"

/* Blocks the signals, raises RLIMIT_NOFILE to what is allowed, begins the log. First thing in a
 * role, before any thread starts. */
void process_begin(const struct config *config, const char *role);
/* Waits up to wait_ms for a signal to end. true: it came, or had come before. Main thread only. */
bool process_wait(int wait_ms);
/* From now on the next signal to end is obeyed at once. Starts a thread. */
void process_end_begin(void);
/* A short-lived ferryd waits nowhere: as process_begin, but signals keep their usual meaning. */
void process_begin_short(void);

/* Connects, trying again for up to database_wait_ms; then checks that the schema is the program's.
 *
 * Returns: ST_OK, *db to be closed with db_close; ST_DB: not there in time; ST_PRECONDITION: the
 *          schema is another, the sentence says what to do; ST_CANCELLED: told to end meanwhile.
 */
MUST_USE enum status process_database(struct ctx *cx, const struct config *config, const char *role,
				      struct db **db);

#endif
