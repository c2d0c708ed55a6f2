/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs of registrations (docs/PROOFS.md). All but `proof` work without a server.
 */
#ifndef FERRY_CLI_IDENTITY_H
#define FERRY_CLI_IDENTITY_H

#include "cli/commands.h"

enum status identity_proof(struct cli_call *call);
enum status identity_bundle(struct cli_call *call);
enum status identity_verify(struct cli_call *call);

#endif
