/* SPDX-License-Identifier: Apache-2.0
 *
 * How accounts are written: EIP-55 ("0x52908400098527886E0F7030069857D2E4169EE7") and CAIP-10
 * ("eip155:31337:0x5290...").
 */
#ifndef FERRY_CHAIN_ACCOUNT_H
#define FERRY_CHAIN_ACCOUNT_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

enum { ACCOUNT_TEXT_BYTES = 43, ACCOUNT_CAIP10_BYTES = 7 + 20 + 1 + ACCOUNT_TEXT_BYTES };

/* With the checksum in its letters' case, NUL-terminated. */
void account_format(char out[ACCOUNT_TEXT_BYTES], const struct addr *a);
/* 0x and 40 digits: all lower, all upper, or a mix that is the right checksum; else ST_INVALID. */
MUST_USE enum status account_parse(struct addr *out, const char *s, size_t n);

void account_caip10_format(char out[ACCOUNT_CAIP10_BYTES], uint64_t chain_id, const struct addr *a);
/* eip155 only; the chain id is decimal without a leading zero and fits 64 bits; else ST_INVALID. */
MUST_USE enum status account_caip10_parse(uint64_t *chain_id, struct addr *out, const char *s,
					  size_t n);

#endif
