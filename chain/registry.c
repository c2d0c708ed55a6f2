/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/registry.h"

#include <assert.h>

#include "chain/abi.h"
#include "chain/erc6492.h"

static const struct {
	uint32_t selector;
	const char *signature;
} registry_methods[REGISTRY_COUNT] = {
#define X(name, selector, signature) [REGISTRY_##name] = {selector, signature},
#include "chain/registry.def"
#undef X
};

uint32_t registry_selector(enum registry_method m)
{
	assert(m < REGISTRY_COUNT);
	return registry_methods[m].selector;
}

const char *registry_signature(enum registry_method m)
{
	assert(m < REGISTRY_COUNT);
	return registry_methods[m].signature;
}

static void registry_begin(struct buf *b, enum registry_method m)
{
	abi_put_selector(b, registry_selector(m));
}

/* --- ProxyRegistry ------------------------------------------------------------------------ */

enum { REGISTRY_OPERATION_WORDS = 13 };

static void registry_put_operation(struct buf *b, const struct identity_operation *op)
{
	size_t base = b->n;
	abi_put_u64(b, op->kind);
	abi_put_u64(b, op->version);
	abi_put_bool(b, op->eager);
	abi_put_u64(b, op->home_chain_id);
	abi_put_addr(b, &op->first_owner);
	abi_put_hash(b, &op->salt);
	abi_put_addr(b, &op->owner);
	abi_put_addr(b, &op->account);
	abi_put_addr(b, &op->recovery);
	abi_put_hash(b, &op->data_hash);
	abi_put_u64(b, op->deadline);
	size_t signature = abi_slot(b);
	size_t consent = abi_slot(b);
	abi_tail(b, base, signature);
	abi_put_bytes(b, op->signature);
	abi_tail(b, base, consent);
	abi_put_bytes(b, op->consent);
}

size_t registry_operation_bytes(const struct identity_operation *op)
{
	return ABI_WORD * (1 + REGISTRY_OPERATION_WORDS) + abi_bytes_size(op->signature.n) +
	       abi_bytes_size(op->consent.n);
}

static void registry_put_operations(struct buf *b, const struct identity_operation *ops, size_t n)
{
	abi_put_u64(b, n);
	size_t elements = b->n;
	for (size_t i = 0; i < n; i++)
		abi_slot(b);
	for (size_t i = 0; i < n; i++) {
		abi_tail(b, elements, elements + i * ABI_WORD);
		registry_put_operation(b, &ops[i]);
	}
}

void registry_submit(struct buf *b, const struct identity_operation *ops, size_t n, uint64_t take,
		     const struct hash *request_id)
{
	registry_begin(b, REGISTRY_SUBMIT);
	size_t base = b->n;
	size_t slot = abi_slot(b);
	abi_put_u64(b, take);
	abi_put_hash(b, request_id);
	abi_tail(b, base, slot);
	registry_put_operations(b, ops, n);
}

static void registry_next_operation(struct abi_reader *r, struct identity_operation *op)
{
	struct abi_reader t = abi_next_tuple(r);
	uint64_t kind = abi_next_u64(&t);
	op->version = abi_next_u64(&t);
	op->eager = abi_next_bool(&t);
	op->home_chain_id = abi_next_u64(&t);
	op->first_owner = abi_next_addr(&t);
	op->salt = abi_next_hash(&t);
	op->owner = abi_next_addr(&t);
	op->account = abi_next_addr(&t);
	op->recovery = abi_next_addr(&t);
	op->data_hash = abi_next_hash(&t);
	op->deadline = abi_next_u64(&t);
	op->signature = abi_next_bytes(&t, IDENTITY_SIGNATURE_BYTES_MAX);
	op->consent = abi_next_bytes(&t, IDENTITY_SIGNATURE_BYTES_MAX);
	if (kind < IDENTITY_REGISTER || kind > IDENTITY_REVOKE)
		t.bad = true;
	op->kind = (enum identity_kind)kind;
	abi_close(r, &t);
}

enum status registry_decode_submit(struct arena *a, struct identity_operation **ops, size_t *n,
				   uint64_t *take, struct hash *request_id, struct bytes data,
				   size_t n_max)
{
	if (data.n < 4 || u256_of_be(data.p, 4).limb[0] != registry_selector(REGISTRY_SUBMIT))
		return ST_NOT_FOUND;
	struct abi_reader r = abi_read((struct bytes){data.p + 4, data.n - 4});
	size_t count;
	struct abi_reader elements = abi_next_array(&r, n_max, &count);
	*take = abi_next_u64(&r);
	*request_id = abi_next_hash(&r);
	if (abi_done(&r) != ST_OK)
		return ST_INVALID;
	struct identity_operation *out = arena_array(a, count, sizeof *out);
	for (size_t i = 0; i < count && !elements.bad; i++)
		registry_next_operation(&elements, &out[i]);
	*ops = out;
	*n = count;
	return abi_done(&elements);
}

void registry_check(struct buf *b, const struct identity_operation *ops, size_t n)
{
	registry_begin(b, REGISTRY_CHECK);
	size_t base = b->n;
	abi_tail(b, base, abi_slot(b));
	registry_put_operations(b, ops, n);
}

enum status registry_decode_check(uint32_t *reasons, size_t n, struct bytes answer)
{
	struct abi_reader r = abi_read(answer);
	size_t count;
	struct abi_reader elements = abi_next_array(&r, n, &count);
	abi_close(&r, &elements);
	if (abi_done(&r) != ST_OK || count != n)
		return ST_INVALID;
	for (size_t i = 0; i < n; i++)
		reasons[i] = abi_next_bytes4(&elements);
	return abi_done(&elements);
}

void registry_check_signature(struct buf *b, const struct addr *account, const struct hash *digest,
			      struct bytes signature)
{
	registry_begin(b, REGISTRY_CHECK_SIGNATURE);
	size_t base = b->n;
	abi_put_addr(b, account);
	abi_put_hash(b, digest);
	abi_tail(b, base, abi_slot(b));
	abi_put_bytes(b, signature);
}

/* What it wants left when it begins, and something to get there. */
uint64_t registry_check_signature_gas(struct bytes signature)
{
	uint64_t gas = 2 * REGISTRY_OPERATION_GAS;
	gas += signature.n * REGISTRY_OPERATION_GAS_PER_BYTE;
	return gas + (erc6492_is(signature) ? REGISTRY_DEPLOY_GAS : 0);
}

enum status registry_decode_check_signature(uint32_t *reason, struct bytes answer)
{
	struct abi_reader r = abi_read(answer);
	*reason = abi_next_bytes4(&r);
	return answer.n == ABI_WORD ? abi_done(&r) : ST_INVALID;
}

void registry_quote(struct buf *b, uint64_t written)
{
	registry_begin(b, REGISTRY_QUOTE);
	abi_put_u64(b, written);
}

void registry_hash_operation(struct buf *b, const struct identity_operation *op)
{
	registry_begin(b, REGISTRY_HASH_OPERATION);
	size_t base = b->n;
	abi_tail(b, base, abi_slot(b));
	registry_put_operation(b, op);
}

void registry_answer_of(struct buf *b, uint64_t number)
{
	registry_begin(b, REGISTRY_ANSWER_OF);
	abi_put_u64(b, number);
}

void registry_state_of(struct buf *b, const struct hash *subject)
{
	registry_begin(b, REGISTRY_STATE_OF);
	abi_put_hash(b, subject);
}

/* --- MainRegistry ------------------------------------------------------------------------- */

void registry_answer(struct buf *b, uint32_t src_eid, uint64_t up_to, const struct hash *request_id)
{
	registry_begin(b, REGISTRY_ANSWER);
	abi_put_u64(b, src_eid);
	abi_put_u64(b, up_to);
	abi_put_hash(b, request_id);
}

void registry_quote_answer(struct buf *b, uint32_t src_eid, uint64_t up_to)
{
	registry_begin(b, REGISTRY_QUOTE_ANSWER);
	abi_put_u64(b, src_eid);
	abi_put_u64(b, up_to);
}

/* reg, srcEid, batch, path */
static void registry_put_proof(struct buf *b, enum registry_method m,
			       const struct identity_reg *reg, uint32_t src_eid, uint64_t batch,
			       const struct hash *path, size_t path_n)
{
	registry_begin(b, m);
	size_t base = b->n;
	abi_put_hash(b, &reg->subject);
	abi_put_addr(b, &reg->owner);
	abi_put_hash(b, &reg->data_hash);
	abi_put_u64(b, reg->version);
	abi_put_u64(b, src_eid);
	abi_put_u64(b, batch);
	abi_tail(b, base, abi_slot(b));
	abi_put_u64(b, path_n);
	for (size_t i = 0; i < path_n; i++)
		abi_put_hash(b, &path[i]);
}

void registry_is_member(struct buf *b, const struct identity_reg *reg, uint32_t src_eid,
			uint64_t batch, const struct hash *path, size_t path_n)
{
	registry_put_proof(b, REGISTRY_IS_MEMBER, reg, src_eid, batch, path, path_n);
}

void registry_claim(struct buf *b, const struct identity_reg *reg, uint32_t src_eid, uint64_t batch,
		    const struct hash *path, size_t path_n)
{
	registry_put_proof(b, REGISTRY_CLAIM, reg, src_eid, batch, path, path_n);
}

void registry_root_of(struct buf *b, uint32_t src_eid, uint64_t batch)
{
	registry_begin(b, REGISTRY_ROOT_OF);
	abi_put_u64(b, src_eid);
	abi_put_u64(b, batch);
}

void registry_identity_of(struct buf *b, const struct hash *subject)
{
	registry_begin(b, REGISTRY_IDENTITY_OF);
	abi_put_hash(b, subject);
}
