/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands about encrypted payloads. They work without a server.
 */
#ifndef FERRY_CLI_SEAL_H
#define FERRY_CLI_SEAL_H

#include "cli/commands.h"

enum status seal_new_key(struct cli_call *call);
enum status seal_payload(struct cli_call *call);
enum status seal_open(struct cli_call *call);

#endif
