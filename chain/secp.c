/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/secp.h"

#include <assert.h>
#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "base/clock.h"
#include "chain/keccak.h"

/* Not call_once: ThreadSanitizer does not see what that orders. */
static pthread_once_t secp_once = PTHREAD_ONCE_INIT;
static secp256k1_context *secp_shared;

static void secp_make(void)
{
	secp256k1_context *made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	assert(made);
	uint8_t seed[32];
	random_bytes(seed, sizeof seed);
	int randomised = secp256k1_context_randomize(made, seed);
	assert(randomised);
	explicit_bzero(seed, sizeof seed);
	secp_shared = made;
}

const struct secp256k1_context_struct *secp_context(void)
{
	pthread_once(&secp_once, secp_make);
	return secp_shared;
}

struct addr secp_address(const uint8_t xy[64])
{
	struct hash h = keccak256(xy, 64);
	return addr_of_hash(&h);
}

enum status secp_recover(struct addr *out, const struct hash *digest,
			 const uint8_t signature[SECP_SIGNATURE_BYTES])
{
	const secp256k1_context *context = secp_context();
	int v = signature[64] - 27;
	if (v != 0 && v != 1)
		return ST_INVALID;
	secp256k1_ecdsa_recoverable_signature sig;
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(context, &sig, signature, v))
		return ST_INVALID;
	secp256k1_ecdsa_signature plain;
	secp256k1_ecdsa_recoverable_signature_convert(context, &plain, &sig);
	if (secp256k1_ecdsa_signature_normalize(context, NULL, &plain))
		return ST_INVALID;
	secp256k1_pubkey key;
	if (!secp256k1_ecdsa_recover(context, &key, &sig, digest->b))
		return ST_INVALID;
	uint8_t serialized[65];
	size_t n = sizeof serialized;
	secp256k1_ec_pubkey_serialize(context, serialized, &n, &key, SECP256K1_EC_UNCOMPRESSED);
	*out = secp_address(serialized + 1);
	return ST_OK;
}
