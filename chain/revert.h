/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a call reverted, in words a person can read. The data is whatever a contract chose to return.
 */
#ifndef FERRY_CHAIN_REVERT_H
#define FERRY_CHAIN_REVERT_H

#include "base/bytes.h"

enum { REVERT_TEXT_MAX = 240 };

/* Printable ASCII of at most REVERT_TEXT_MAX bytes in the arena, never NULL:
 *   "LZ_InvalidNonce(7)", "reverted: not enough balance", "panic 0x11: arithmetic overflow",
 *   "unknown error 0x12345678 (36 bytes of data)", "no reason given (out of gas or a bare
 *   revert)". */
const char *revert_describe(struct arena *a, struct bytes data);
/* The name of a known custom error ("LZ_ULN_Verifying") in the arena, else NULL: for decisions. */
const char *revert_name(struct arena *a, struct bytes data);

#endif
