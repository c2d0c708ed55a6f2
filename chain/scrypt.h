/* SPDX-License-Identifier: Apache-2.0
 *
 * scrypt (RFC 7914) for the parameters OpenSSL will not take. The RFC wants N below 2^(16 r), and
 * OpenSSL insists; keystores with r = 1 and N = 2^18 exist all the same, the format's own test
 * vector among them. Everything else goes to OpenSSL.
 */
#ifndef FERRY_CHAIN_SCRYPT_H
#define FERRY_CHAIN_SCRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* n a power of 2 above 1; the caller has bounded 128 n r and 128 r p. All memory is wiped.
 * false: the system has no memory for it. */
bool scrypt_derive(uint8_t *out, size_t out_n, struct bytes password, struct bytes salt, uint64_t n,
		   uint64_t r, uint64_t p);
/* The same without OpenSSL's: for the test that compares the two. */
bool scrypt_derive_plain(uint8_t *out, size_t out_n, struct bytes password, struct bytes salt,
			 uint64_t n, uint64_t r, uint64_t p);

#endif
