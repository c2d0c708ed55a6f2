/* SPDX-License-Identifier: Apache-2.0
 *
 * Public-key side of secp256k1: who signed this? Private keys live in chain/signer.c alone.
 */
#ifndef FERRY_CHAIN_SECP_H
#define FERRY_CHAIN_SECP_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

struct secp256k1_context_struct;
/* The one context of the process: made and randomised at the first call, never changed, so that
 * any thread may use it at any time. */
const struct secp256k1_context_struct *secp_context(void);

enum { SECP_SIGNATURE_BYTES = 65 };
/* The account whose key made signature r | s | v over digest.
 *
 * Returns: ST_OK; ST_INVALID when v is not 27 or 28, s is above half the group order (a second
 *          valid form of the same signature), or no key fits.
 */
MUST_USE enum status secp_recover(struct addr *out, const struct hash *digest,
				  const uint8_t signature[SECP_SIGNATURE_BYTES]);
/* The account of an uncompressed public key, x | y without the leading 0x04. */
struct addr secp_address(const uint8_t xy[64]);

#endif
