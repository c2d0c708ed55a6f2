/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipts: a signed statement of what was accepted, from whom and when, in the answer's header
 * Ferry-Receipt. docs/RECEIPTS.md says what is in one. For identities always, for a message when the
 * request has `Prefer: ferry-receipt`: a signature costs as much as a tenth of accepting it.
 */
#ifndef FERRY_SERVER_HTTP_RECEIPT_H
#define FERRY_SERVER_HTTP_RECEIPT_H

#include "server/http_exchange.h"

#define HTTP_RECEIPT_TYPE "ferry-receipt"

/* Adds the header to an answer of what was accepted, when receipts are given at all. */
void http_receipt_add(struct http_exchange *ex);
/* The page /.well-known/jwks.json: the key they are checked with. */
void http_receipt_keys(struct http_exchange *ex);

#endif
