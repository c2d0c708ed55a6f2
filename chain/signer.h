/* SPDX-License-Identifier: Apache-2.0
 *
 * A private key that signs. It lies in a page of its own that is never swapped and in no core
 * dump, is wiped when the signer goes, and never leaves this file.
 * Signing is thread-safe: a signer does not change once made.
 */
#ifndef FERRY_CHAIN_SIGNER_H
#define FERRY_CHAIN_SIGNER_H

#include "base/bytes.h"
#include "base/ctx.h"
#include "chain/secp.h"
#include "chain/tx.h"

struct signer;

/* Opens a keystore file with the password in another file.
 *
 * Returns: ST_OK; what keystore_read returns; ST_UNAVAILABLE when the system gives no locked
 *          memory (RLIMIT_MEMLOCK).
 */
MUST_USE enum status signer_open(struct ctx *cx, struct signer **out, const char *keystore_path,
				 const char *password_path);
/* From a key in hand, which stays the caller's to wipe. ST_INVALID when it is 0 or not below the
 * group order. For tools and tests. */
MUST_USE enum status signer_create(struct ctx *cx, struct signer **out, const uint8_t key[32]);
void signer_destroy(struct signer *signer);

const struct addr *signer_account(const struct signer *signer);
/* r | s | v with v 27 or 28 and the low s; deterministic (RFC 6979). */
void signer_sign(const struct signer *signer, uint8_t signature[SECP_SIGNATURE_BYTES],
		 const struct hash *digest);
/* The raw transaction for eth_sendRawTransaction, in the arena, and its hash. ST_TOO_LARGE above
 * TX_RAW_BYTES_MAX. */
MUST_USE enum status signer_sign_tx(struct ctx *cx, const struct signer *signer,
				    struct bytes *raw, struct hash *hash, const struct tx *tx);

/* No core dumps and no debugger of the same user, for a process that holds keys; call it first
 * thing. ST_UNAVAILABLE when the system refuses. */
MUST_USE enum status signer_protect_process(struct ctx *cx);

#endif
