/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands about encrypted payloads. All but seal_request work without a server.
 */
#ifndef FERRY_CLI_SEAL_H
#define FERRY_CLI_SEAL_H

#include "cli/commands.h"

enum status seal_new_key(struct cli_call *call);
enum status seal_payload(struct cli_call *call);
enum status seal_open(struct cli_call *call);
/* Seals --text or --payload of a SendMessage request to the key that the server shows of --seal-to as
 * final, and says so in it. Only without a signature, which would be of another payload. Blocks. */
MUST_USE enum status seal_request(struct cli_call *call, json_t *request);

#endif
