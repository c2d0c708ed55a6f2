/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations and registrations of tests/vectors/identity.json.
 */
#ifndef FERRY_TESTS_UNIT_CHAIN_IDENTITIES_H
#define FERRY_TESTS_UNIT_CHAIN_IDENTITIES_H

#include "chain/identity.h"
#include "tests/unit/chain/vectors.h"

static inline struct identity_operation identities_operation(struct arena *a, const json_t *row)
{
	return (struct identity_operation){
		.kind = (enum identity_kind)vectors_get_u64(row, "kind"),
		.version = vectors_get_u64(row, "version"),
		.eager = json_is_true(vectors_get(row, "eager")),
		.home_chain_id = vectors_get_u64(row, "homeChainId"),
		.first_owner = vectors_get_addr(row, "firstOwner"),
		.salt = vectors_get_hash(row, "salt"),
		.owner = vectors_get_addr(row, "owner"),
		.account = vectors_get_addr(row, "account"),
		.recovery = vectors_get_addr(row, "recovery"),
		.data_hash = vectors_get_hash(row, "dataHash"),
		.deadline = vectors_get_u64(row, "deadline"),
		.signature = vectors_get_bytes(a, row, "signature"),
		.consent = vectors_get_bytes(a, row, "consent"),
	};
}

static inline struct identity_reg identities_reg(const json_t *row)
{
	return (struct identity_reg){
		.subject = vectors_get_hash(row, "subject"),
		.owner = vectors_get_addr(row, "owner"),
		.data_hash = vectors_get_hash(row, "dataHash"),
		.version = vectors_get_u64(row, "version"),
	};
}

#endif
