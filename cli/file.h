/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that the command line names.
 */
#ifndef FERRY_CLI_FILE_H
#define FERRY_CLI_FILE_H

#include "base/bytes.h"
#include "base/ctx.h"

/* Reads a file whole; "-" is the standard input. Out: in the cx's arena, followed by a NUL.
 * ST_NOT_FOUND: it cannot be opened; ST_TOO_LARGE above bytes_max. */
MUST_USE enum status file_read(struct ctx *cx, struct bytes *out, const char *path,
			       size_t bytes_max);

/* Writes a file, over one that is there; NULL or "-" is the standard output. ST_PRECONDITION. */
MUST_USE enum status file_write(struct ctx *cx, const char *path, struct bytes text);

#endif
