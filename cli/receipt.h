/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipts of what was accepted (docs/RECEIPTS.md).
 */
#ifndef FERRY_CLI_RECEIPT_H
#define FERRY_CLI_RECEIPT_H

#include "cli/commands.h"

enum status receipt_verify(struct cli_call *call);

#endif
