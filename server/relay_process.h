/* SPDX-License-Identifier: Apache-2.0
 *
 * The relay role: the worker of relay/, as a process. It holds the keys, so it leaves no core and
 * lets no debugger in.
 */
#ifndef FERRY_SERVER_RELAY_PROCESS_H
#define FERRY_SERVER_RELAY_PROCESS_H

#include "relay/relay.h"
#include "server/config.h"

/* The part of the configuration that the relay reads, in the arena. */
struct relay_config relay_process_config(struct arena *a, const struct config_root *file);
/* Runs until told to end. Returns: ST_OK after an orderly end; else what kept it from starting. */
MUST_USE enum status relay_process_run(struct ctx *cx, const struct config *config);

#endif
