/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256, HMAC-SHA-256 and a comparison whose time does not depend on the content. Pure.
 */
#ifndef FERRY_BASE_DIGEST_H
#define FERRY_BASE_DIGEST_H

#include "base/bytes.h"

struct hash digest_sha256(const void *p, size_t n);
struct hash digest_hmac(const uint8_t *key, size_t key_n, const void *p, size_t n);
bool digest_equal(const void *a, const void *b, size_t n);

#endif
