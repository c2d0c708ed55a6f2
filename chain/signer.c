/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/signer.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <secp256k1_recovery.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "chain/keystore.h"

/* What lies in the locked page. */
struct signer_secret {
	uint8_t key[KEYSTORE_KEY_BYTES];
};

struct signer {
	struct signer_secret *secret;
	struct addr account;
};

static size_t signer_page_bytes(void)
{
	long n = sysconf(_SC_PAGESIZE);
	assert(n >= (long)sizeof(struct signer_secret));
	return (size_t)n;
}

/* A page of its own: never in swap, in a core dump, or in a child. */
static enum status signer_secret_create(struct ctx *cx, struct signer_secret **out)
{
	size_t n = signer_page_bytes();
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return fail(cx, ST_UNAVAILABLE, "no memory for a key: %m");
	if (mlock(p, n) != 0) {
		int why = errno;
		munmap(p, n);
		errno = why;
		return fail(cx, ST_UNAVAILABLE,
			    "no locked memory for a key: %m; raise RLIMIT_MEMLOCK (LimitMEMLOCK=)");
	}
	if (madvise(p, n, MADV_DONTDUMP) != 0 || madvise(p, n, MADV_WIPEONFORK) != 0) {
		munmap(p, n);
		return fail(cx, ST_UNAVAILABLE, "the key cannot be kept out of core dumps: %m");
	}
	*out = p;
	return ST_OK;
}

static void signer_secret_destroy(struct signer_secret *secret)
{
	OPENSSL_cleanse(secret, sizeof *secret);
	munlock(secret, signer_page_bytes());
	munmap(secret, signer_page_bytes());
}

/* Finds the account of the key in the page; takes the page, or destroys it when it fails. */
static enum status signer_of_secret(struct ctx *cx, struct signer **out,
				    struct signer_secret *secret)
{
	struct addr account;
	enum status st = keystore_account(cx, &account, secret->key);
	if (st != ST_OK) {
		signer_secret_destroy(secret);
		return st;
	}
	struct signer *signer = calloc(1, sizeof *signer);
	if (!signer)
		abort();
	signer->secret = secret;
	signer->account = account;
	*out = signer;
	return ST_OK;
}

enum status signer_create(struct ctx *cx, struct signer **out, const uint8_t key[32])
{
	struct signer_secret *secret = NULL;
	TRY(signer_secret_create(cx, &secret));
	memcpy(secret->key, key, sizeof secret->key);
	return signer_of_secret(cx, out, secret);
}

enum status signer_open(struct ctx *cx, struct signer **out, const char *keystore_path,
			const char *password_path)
{
	struct signer_secret *secret = NULL;
	struct addr account;
	TRY(signer_secret_create(cx, &secret));
	enum status st = keystore_read(cx, secret->key, &account, keystore_path, password_path);
	if (st == ST_OK)
		return signer_of_secret(cx, out, secret);
	signer_secret_destroy(secret);
	return st;
}

void signer_destroy(struct signer *signer)
{
	if (!signer)
		return;
	signer_secret_destroy(signer->secret);
	free(signer);
}

const struct addr *signer_account(const struct signer *signer)
{
	return &signer->account;
}

void signer_sign(const struct signer *signer, uint8_t signature[SECP_SIGNATURE_BYTES],
		 const struct hash *digest)
{
	secp256k1_ecdsa_recoverable_signature sig;
	int recid;
	int ok = secp256k1_ecdsa_sign_recoverable(secp_context(), &sig, digest->b,
						  signer->secret->key, NULL, NULL);
	assert(ok); /* refused only for a bad key, and this one was checked */
	secp256k1_ecdsa_recoverable_signature_serialize_compact(secp_context(), signature, &recid,
								&sig);
	assert(recid < 2); /* 2 and 3 need an r above the order: one in 2^127 */
	signature[64] = (uint8_t)(27 + recid);
}

enum status signer_sign_tx(struct ctx *cx, const struct signer *signer, struct bytes *raw,
			   struct hash *hash, const struct tx *tx)
{
	uint8_t signature[SECP_SIGNATURE_BYTES];
	struct hash digest = tx_signing_hash(cx->arena, tx);
	struct tx_signature parts;
	signer_sign(signer, signature, &digest);
	memcpy(parts.r.b, signature, 32);
	memcpy(parts.s.b, signature + 32, 32);
	parts.y_parity = (uint8_t)(signature[64] - 27);
	enum status st = tx_encode(cx->arena, raw, hash, tx, &parts);
	if (st != ST_OK)
		return fail(cx, st, "the transaction has more than %d bytes", TX_RAW_BYTES_MAX);
	return ST_OK;
}

enum status signer_protect_process(struct ctx *cx)
{
	struct rlimit none = {0, 0};
#ifndef __SANITIZE_ADDRESS__ /* the search for leaks attaches to its own process, which this forbids */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fail(cx, ST_UNAVAILABLE, "reading this process cannot be forbidden: %m");
#endif
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return fail(cx, ST_UNAVAILABLE, "core dumps cannot be turned off: %m");
	return ST_OK;
}
