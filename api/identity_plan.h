/* SPDX-License-Identifier: Apache-2.0
 *
 * An operation on an identity from its quote to its signature: what is signed, what is stored, and
 * the names of identities and accounts. Pure.
 */
#ifndef FERRY_API_IDENTITY_PLAN_H
#define FERRY_API_IDENTITY_PLAN_H

#include "api/config.h"
#include "chain/identity.h"
#include "storage/identity.h"

struct Google__Protobuf__Struct;

enum { IDENTITY_ACCOUNTS_MAX = 16, IDENTITY_QUOTE_S = 3600, IDENTITY_DEADLINE_S = 24 * 3600 };

/* "idn_", "qte_", "bat_" and 32 hex digits. */
bool identity_id_parse(struct uuid *out, const char *text, const char *prefix);
/* CAIP-10. Adds a detail at `pointer` when it is not: ACCOUNT_INVALID, ACCOUNT_CHECKSUM. */
bool identity_account(struct ctx *cx, uint64_t *chain_id, struct addr *out, const char *text,
		      const char *pointer);
/* What a client calls an identity: idn_… or did:pkh:… */
struct identity_name {
	bool is_did;
	struct uuid id;
	uint64_t chain_id; /* of the did, as the next one */
	struct addr account;
};
/* ST_INVALID with a detail at `pointer`. */
MUST_USE enum status identity_name_parse(struct ctx *cx, struct identity_name *out,
					 const char *text, const char *pointer);

/* What a quote prepared. */
struct identity_plan {
	struct identity_operation op; /* without signature and consent */
	uint32_t src_eid, dst_eid;
	uint64_t chain_id; /* of src_eid */
	struct addr registry;
	struct addr signer;   /* who is asked to sign: the owner, or the recovery account */
	struct addr recovery; /* who may sign a rotation besides; zero: nobody */
	struct uuid identity;
	struct uuid base; /* the operation it follows; zero: none */
	bool has_document, has_key;
	struct hash document, key;
	const char *accounts; /* afterwards, a line each */
};
struct hash identity_plan_digest(const struct identity_plan *plan);
/* The lines of `accounts`. Returns how many, at most IDENTITY_ACCOUNTS_MAX. */
size_t identity_lines(struct arena *a, const char *lines[IDENTITY_ACCOUNTS_MAX], const char *text);
/* Sets op.data_hash from what it stands for. */
void identity_plan_seal(struct arena *a, struct identity_plan *plan);

/* As a quote keeps it, and back. ST_INVALID: not one of ours. */
struct bytes identity_plan_write(struct arena *a, const struct identity_plan *plan);
MUST_USE enum status identity_plan_read(struct ctx *cx, struct identity_plan *out,
					struct bytes body);
/* EIP-712: {domain, types, primaryType, message}. */
MUST_USE enum status identity_plan_typed_data(struct ctx *cx, const struct identity_plan *plan,
					      struct Google__Protobuf__Struct **out);

#endif
