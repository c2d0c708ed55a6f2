/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of wallets that need not be deployed yet (ERC-6492):
 *   abi.encode(address factory, bytes data, bytes signature) | 32 bytes that say so
 * `factory` called with `data` makes the wallet, which then judges `signature` by ERC-1271. Pure.
 */
#ifndef FERRY_CHAIN_ERC6492_H
#define FERRY_CHAIN_ERC6492_H

#include "base/bytes.h"
#include "base/status.h"

enum { ERC6492_MAGIC_BYTES = 32, ERC6492_BYTES_MIN = 5 * 32 + ERC6492_MAGIC_BYTES };

struct erc6492 {
	struct addr factory;
	struct bytes data;
	struct bytes signature;
};

/* It ends as one does, and is taken for one by everybody, whatever stands before. */
bool erc6492_is(struct bytes signature);
/* Out: spans of the input. ST_INVALID: it is none, or not well formed (chain/abi.h: strictly). */
MUST_USE enum status erc6492_decode(struct erc6492 *out, struct bytes signature);
/* Appends it whole. */
void erc6492_encode(struct buf *b, const struct erc6492 *s);

#endif
