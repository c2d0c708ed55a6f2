/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys at rest: Web3 Secret Storage version 3, as geth, ethers and the others write it.
 * scrypt or pbkdf2, aes-128-ctr, keccak256 as the check. The files of a stranger cost a bounded
 * amount of time and memory.
 */
#ifndef FERRY_CHAIN_KEYSTORE_H
#define FERRY_CHAIN_KEYSTORE_H

#include "base/bytes.h"
#include "base/ctx.h"

enum {
	KEYSTORE_KEY_BYTES = 32,
	KEYSTORE_FILE_BYTES_MAX = 16 * 1024,
	KEYSTORE_PASSWORD_BYTES_MAX = 1024,
	KEYSTORE_MEMORY_BYTES_MAX = 512 * 1024 * 1024, /* scrypt's 128 * n * r */
	KEYSTORE_SCRYPT_WORK_MAX = 1 << 23,            /* n * r * p; geth's standard is 2^21 */
	KEYSTORE_PBKDF2_ROUNDS_MAX = 10 * 1000 * 1000,
};

/* Whoever holds one wipes it: keystore_password_wipe. */
struct keystore_password {
	size_t n;
	uint8_t b[KEYSTORE_PASSWORD_BYTES_MAX];
};
void keystore_password_wipe(struct keystore_password *password);

/* Reads a password file; one newline at its end, with or without a carriage return, is dropped.
 * ST_PRECONDITION when the file may be read by others or written by its group, is no plain file,
 * or is too long; ST_NOT_FOUND when it cannot be opened. */
MUST_USE enum status keystore_password_read(struct ctx *cx, struct keystore_password *out,
					    const char *path);

/* The account that a private key makes. ST_INVALID when the key is 0 or not below the group
 * order. */
MUST_USE enum status keystore_account(struct ctx *cx, struct addr *out,
				      const uint8_t key[KEYSTORE_KEY_BYTES]);

/* Decrypts the text of a keystore file. Takes a second of work and 256 MiB with geth's settings.
 *
 * Returns: ST_OK; ST_UNAUTHENTICATED when the password is wrong or the file was changed (the two
 *          cannot be told apart); ST_INVALID for what is not a version 3 keystore or passes the
 *          limits; ST_PRECONDITION when the file names another address than the key's.
 * Out:     the key, for the caller to wipe, and its account.
 */
MUST_USE enum status keystore_decrypt(struct ctx *cx, uint8_t key[KEYSTORE_KEY_BYTES],
				      struct addr *account, struct bytes text,
				      const struct keystore_password *password);
/* The same for a file and a password file. */
MUST_USE enum status keystore_read(struct ctx *cx, uint8_t key[KEYSTORE_KEY_BYTES],
				   struct addr *account, const char *path,
				   const char *password_path);

/* Writes a new keystore file, mode 0600, on disk when this returns; scrypt with N = 2^log2_n, r 8,
 * p 1 (18 is the standard; 12 is light). An existing file is never touched: ST_CONFLICT. */
MUST_USE enum status keystore_write(struct ctx *cx, struct addr *account, const char *path,
				    const uint8_t key[KEYSTORE_KEY_BYTES],
				    const struct keystore_password *password, unsigned log2_n);

#endif
