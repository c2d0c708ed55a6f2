/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/identity.h"

#include <assert.h>

#include "base/digest.h"
#include "chain/eip712.h"
#include "chain/keccak.h"

static const char *const identity_kinds[] = {
	[IDENTITY_REGISTER] = "register", [IDENTITY_UPDATE] = "update",
	[IDENTITY_LINK] = "link",         [IDENTITY_ROTATE] = "rotate",
	[IDENTITY_REVOKE] = "revoke",
};
static const char identity_operation_type[] =
	"Operation(string operation,uint32 mainEid,uint256 homeChainId,address firstOwner,"
	"bytes32 salt,address owner,address account,address recovery,bytes32 dataHash,"
	"uint64 version,bool eager,uint256 deadline)";

const char *identity_kind_name(enum identity_kind kind)
{
	assert(kind >= IDENTITY_REGISTER && kind <= IDENTITY_REVOKE);
	return identity_kinds[kind];
}

bool identity_kind_parse(enum identity_kind *out, const char *name)
{
	for (enum identity_kind kind = IDENTITY_REGISTER; kind <= IDENTITY_REVOKE; kind++)
		if (strcmp(identity_kinds[kind], name) == 0) {
			*out = kind;
			return true;
		}
	return false;
}

static struct hash identity_word(uint64_t v)
{
	return u256_to_hash(u256_of_u64(v));
}

struct hash identity_subject(uint64_t home_chain_id, const struct addr *first_owner,
			     const struct hash *salt)
{
	static const char tag[] = "ferry-identity";
	enum { TAG_BYTES = sizeof tag - 1 };
	struct hash words[] = {
		identity_word(4 * 32),      identity_word(home_chain_id),
		hash_of_addr(first_owner),  *salt,
		identity_word(TAG_BYTES),   {{0}},
	};
	memcpy(words[5].b, tag, TAG_BYTES);
	return keccak256(words, sizeof words);
}

struct hash identity_operation_subject(const struct identity_operation *op)
{
	return identity_subject(op->home_chain_id, &op->first_owner, &op->salt);
}

struct identity_reg identity_operation_reg(const struct identity_operation *op)
{
	struct identity_reg reg = {.subject = identity_operation_subject(op), .version = op->version};
	if (op->kind == IDENTITY_REVOKE)
		return reg;
	reg.owner = op->kind == IDENTITY_ROTATE ? op->account : op->owner;
	reg.data_hash = op->data_hash;
	return reg;
}

struct hash identity_operation_hash(const struct identity_operation *op, uint32_t main_eid)
{
	const char *kind = identity_kind_name(op->kind);
	struct hash words[] = {
		keccak256(identity_operation_type, sizeof identity_operation_type - 1),
		keccak256(kind, strlen(kind)),
		identity_word(main_eid),
		identity_word(op->home_chain_id),
		hash_of_addr(&op->first_owner),
		op->salt,
		hash_of_addr(&op->owner),
		hash_of_addr(&op->account),
		hash_of_addr(&op->recovery),
		op->data_hash,
		identity_word(op->version),
		identity_word(op->eager),
		identity_word(op->deadline),
	};
	return keccak256(words, sizeof words);
}

struct hash identity_digest(uint64_t proxy_chain_id, const struct addr *proxy_registry,
			    uint32_t main_eid, const struct identity_operation *op)
{
	struct hash domain = eip712_domain(proxy_chain_id, proxy_registry);
	struct hash struct_hash = identity_operation_hash(op, main_eid);
	return eip712_digest(&domain, &struct_hash);
}

struct hash identity_data_hash(const struct hash *document_hash, const struct hash *encryption_key,
			       const struct hash *accounts_hash)
{
	struct hash words[] = {*document_hash, *encryption_key, *accounts_hash};
	return keccak256(words, sizeof words);
}

struct hash identity_accounts_hash(const char *const *accounts, size_t n)
{
	struct keccak k;
	keccak_init(&k);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			keccak_update(&k, "\n", 1);
		keccak_update(&k, accounts[i], strlen(accounts[i]));
	}
	return keccak_final(&k);
}

void identity_key_id(char out[IDENTITY_KEY_ID_BYTES], const struct hash *encryption_key)
{
	static const char prefix[] = "x25519-";
	struct hash h = digest_sha256(encryption_key->b, sizeof encryption_key->b);
	memcpy(out, prefix, sizeof prefix - 1);
	hex_digits(out + sizeof prefix - 1, h.b, 8);
	out[IDENTITY_KEY_ID_BYTES - 1] = '\0';
}

/* --- The tree ----------------------------------------------------------------------------- */

static void identity_reg_words(struct hash words[4], const struct identity_reg *reg)
{
	words[0] = reg->subject;
	words[1] = hash_of_addr(&reg->owner);
	words[2] = reg->data_hash;
	words[3] = identity_word(reg->version);
}

struct hash identity_leaf(const struct identity_reg *reg)
{
	struct hash words[4];
	identity_reg_words(words, reg);
	struct hash once = keccak256(words, sizeof words);
	return keccak256(once.b, sizeof once.b);
}

static struct hash identity_node(const struct hash *a, const struct hash *b)
{
	bool in_order = memcmp(a->b, b->b, sizeof a->b) <= 0;
	struct hash pair[2] = {in_order ? *a : *b, in_order ? *b : *a};
	return keccak256(pair, sizeof pair);
}

/* Makes of n nodes those above them, in place; returns how many. */
static size_t identity_level_up(struct hash *nodes, size_t n)
{
	for (size_t i = 0; i < n / 2; i++)
		nodes[i] = identity_node(&nodes[2 * i], &nodes[2 * i + 1]);
	if (n % 2)
		nodes[n / 2] = nodes[n - 1];
	return (n + 1) / 2;
}

struct hash identity_tree_root(struct arena *a, const struct hash *leaves, size_t n)
{
	assert(n > 0);
	struct hash *nodes = arena_copy(a, leaves, n * sizeof *leaves);
	while (n > 1)
		n = identity_level_up(nodes, n);
	return nodes[0];
}

size_t identity_tree_path(struct arena *a, const struct hash *leaves, size_t n, size_t index,
			  struct hash path[IDENTITY_PATH_MAX])
{
	assert(index < n && n <= UINT32_MAX);
	struct hash *nodes = arena_copy(a, leaves, n * sizeof *leaves);
	size_t path_n = 0;
	for (; n > 1; index /= 2) {
		size_t neighbour = index ^ 1;
		if (neighbour < n)
			path[path_n++] = nodes[neighbour];
		n = identity_level_up(nodes, n);
	}
	return path_n;
}

struct hash identity_path_root(const struct hash *leaf, const struct hash *path, size_t n)
{
	struct hash node = *leaf;
	for (size_t i = 0; i < n; i++)
		node = identity_node(&node, &path[i]);
	return node;
}

struct hash identity_regs_hash(const struct identity_reg *regs, size_t n)
{
	struct keccak k;
	struct hash head[2] = {identity_word(32), identity_word(n)};
	keccak_init(&k);
	keccak_update(&k, head, sizeof head);
	for (size_t i = 0; i < n; i++) {
		struct hash words[4];
		identity_reg_words(words, &regs[i]);
		keccak_update(&k, words, sizeof words);
	}
	return keccak_final(&k);
}

/* --- Messages ----------------------------------------------------------------------------- */

enum {
	IDENTITY_VERSION = 1,
	IDENTITY_TYPE_BATCH = 1,
	IDENTITY_TYPE_ANSWER = 2,
	IDENTITY_BATCH_BYTES = 1 + 1 + 8 + 20 + 4 * 32 + 4 + 2,
	IDENTITY_WRITTEN_BYTES = 4 + 1 + 8 + 32 + 3 * 20 + 32,
	IDENTITY_ANSWER_BYTES = 1 + 1 + 32 + 2,
	IDENTITY_ANSWERED_BYTES = 8 + 32 + 4 + 2, /* and 4 for each rejected */
};

/* A sequence of packed members; once something is missing, zeros. */
struct identity_cursor {
	struct bytes in;
	bool bad;
};

static void identity_take(struct identity_cursor *c, uint8_t *out, size_t n)
{
	if (c->bad || c->in.n < n) {
		c->bad = true;
		memset(out, 0, n);
		return;
	}
	memcpy(out, c->in.p, n);
	c->in = bytes_of(c->in.p + n, c->in.n - n);
}

static uint64_t identity_take_number(struct identity_cursor *c, size_t n)
{
	uint8_t be[8];
	identity_take(c, be, n);
	return u256_of_be(be, n).limb[0];
}

static struct hash identity_take_hash(struct identity_cursor *c)
{
	struct hash h;
	identity_take(c, h.b, sizeof h.b);
	return h;
}

static struct addr identity_take_addr(struct identity_cursor *c)
{
	struct addr a;
	identity_take(c, a.b, sizeof a.b);
	return a;
}

/* Version and type. */
static void identity_take_head(struct identity_cursor *c, uint8_t type)
{
	if (identity_take_number(c, 1) != IDENTITY_VERSION || identity_take_number(c, 1) != type)
		c->bad = true;
}

/* How many elements follow, each of `each` bytes at least. */
static size_t identity_take_count(struct identity_cursor *c, size_t max, size_t each)
{
	size_t n = (size_t)identity_take_number(c, 2);
	if (n > max || n > c->in.n / each)
		c->bad = true;
	return c->bad ? 0 : n;
}

static void identity_put_number(struct buf *b, uint64_t v, size_t n)
{
	uint8_t be[8];
	u256_to_be(be, n, u256_of_u64(v));
	buf_put(b, be, n);
}

static void identity_put_hash(struct buf *b, const struct hash *h)
{
	buf_put(b, h->b, sizeof h->b);
}

static void identity_put_addr(struct buf *b, const struct addr *a)
{
	buf_put(b, a->b, sizeof a->b);
}

static void identity_take_written(struct identity_cursor *c, struct identity_written *w)
{
	w->index = (uint32_t)identity_take_number(c, 4);
	w->kind = (enum identity_kind)identity_take_number(c, 1);
	w->version = identity_take_number(c, 8);
	w->subject = identity_take_hash(c);
	w->first_owner = identity_take_addr(c);
	w->owner = identity_take_addr(c);
	w->new_owner = identity_take_addr(c);
	w->data_hash = identity_take_hash(c);
	if (w->kind < IDENTITY_REGISTER || w->kind > IDENTITY_REVOKE)
		c->bad = true;
}

enum status identity_batch_decode(struct arena *a, struct identity_batch *out, struct bytes raw)
{
	struct identity_cursor c = {.in = raw};
	identity_take_head(&c, IDENTITY_TYPE_BATCH);
	out->number = identity_take_number(&c, 8);
	out->submitter = identity_take_addr(&c);
	out->request_id = identity_take_hash(&c);
	out->prev_root = identity_take_hash(&c);
	out->root = identity_take_hash(&c);
	out->count = (uint32_t)identity_take_number(&c, 4);
	out->data_hash = identity_take_hash(&c);
	size_t n = identity_take_count(&c, IDENTITY_WRITTEN_MAX, IDENTITY_WRITTEN_BYTES);
	if (c.bad || out->count == 0 || out->count > IDENTITY_OPERATIONS_MAX)
		return ST_INVALID;
	struct identity_written *written = arena_array(a, n, sizeof *written);
	for (size_t i = 0; i < n; i++) {
		identity_take_written(&c, &written[i]);
		if (written[i].index >= out->count)
			return ST_INVALID;
		if (i > 0 && written[i].index <= written[i - 1].index)
			return ST_INVALID;
	}
	out->written = written;
	out->written_n = n;
	return c.bad || c.in.n > 0 ? ST_INVALID : ST_OK;
}

struct bytes identity_batch_encode(struct arena *a, const struct identity_batch *batch)
{
	assert(batch->written_n <= IDENTITY_WRITTEN_MAX);
	struct buf b;
	buf_init(&b, a, IDENTITY_BATCH_BYTES + batch->written_n * IDENTITY_WRITTEN_BYTES);
	identity_put_number(&b, IDENTITY_VERSION, 1);
	identity_put_number(&b, IDENTITY_TYPE_BATCH, 1);
	identity_put_number(&b, batch->number, 8);
	identity_put_addr(&b, &batch->submitter);
	identity_put_hash(&b, &batch->request_id);
	identity_put_hash(&b, &batch->prev_root);
	identity_put_hash(&b, &batch->root);
	identity_put_number(&b, batch->count, 4);
	identity_put_hash(&b, &batch->data_hash);
	identity_put_number(&b, batch->written_n, 2);
	for (size_t i = 0; i < batch->written_n; i++) {
		const struct identity_written *w = &batch->written[i];
		identity_put_number(&b, w->index, 4);
		identity_put_number(&b, w->kind, 1);
		identity_put_number(&b, w->version, 8);
		identity_put_hash(&b, &w->subject);
		identity_put_addr(&b, &w->first_owner);
		identity_put_addr(&b, &w->owner);
		identity_put_addr(&b, &w->new_owner);
		identity_put_hash(&b, &w->data_hash);
	}
	assert(!b.overflow && b.n == b.max);
	return buf_bytes(&b);
}

static void identity_take_answered(struct identity_cursor *c, struct arena *a,
				   struct identity_answered *one)
{
	one->number = identity_take_number(c, 8);
	one->root = identity_take_hash(c);
	one->accepted = (uint32_t)identity_take_number(c, 4);
	size_t n = identity_take_count(c, IDENTITY_OPERATIONS_MAX, 4);
	uint32_t *rejected = arena_array(a, n, sizeof *rejected);
	for (size_t i = 0; i < n; i++) {
		rejected[i] = (uint32_t)identity_take_number(c, 4);
		if (rejected[i] >= IDENTITY_OPERATIONS_MAX || (i > 0 && rejected[i] <= rejected[i - 1]))
			c->bad = true;
	}
	one->rejected = rejected;
	one->rejected_n = n;
}

enum status identity_answer_decode(struct arena *a, struct identity_answer *out, struct bytes raw)
{
	struct identity_cursor c = {.in = raw};
	identity_take_head(&c, IDENTITY_TYPE_ANSWER);
	out->request_id = identity_take_hash(&c);
	size_t n = identity_take_count(&c, IDENTITY_ANSWERS_MAX, IDENTITY_ANSWERED_BYTES);
	if (c.bad || n == 0)
		return ST_INVALID;
	struct identity_answered *batches = arena_array(a, n, sizeof *batches);
	for (size_t i = 0; i < n; i++) {
		identity_take_answered(&c, a, &batches[i]);
		if (c.bad || (i > 0 && batches[i].number <= batches[i - 1].number))
			return ST_INVALID;
	}
	out->batches = batches;
	out->batches_n = n;
	return c.in.n > 0 ? ST_INVALID : ST_OK;
}

struct bytes identity_answer_encode(struct arena *a, const struct identity_answer *answer)
{
	assert(answer->batches_n <= IDENTITY_ANSWERS_MAX);
	struct buf b;
	buf_init(&b, a, 64 * 1024 + IDENTITY_ANSWERS_MAX * (IDENTITY_OPERATIONS_MAX + 16) * 4);
	identity_put_number(&b, IDENTITY_VERSION, 1);
	identity_put_number(&b, IDENTITY_TYPE_ANSWER, 1);
	identity_put_hash(&b, &answer->request_id);
	identity_put_number(&b, answer->batches_n, 2);
	for (size_t i = 0; i < answer->batches_n; i++) {
		const struct identity_answered *one = &answer->batches[i];
		assert(one->rejected_n <= IDENTITY_OPERATIONS_MAX);
		identity_put_number(&b, one->number, 8);
		identity_put_hash(&b, &one->root);
		identity_put_number(&b, one->accepted, 4);
		identity_put_number(&b, one->rejected_n, 2);
		for (size_t k = 0; k < one->rejected_n; k++)
			identity_put_number(&b, one->rejected[k], 4);
	}
	assert(!b.overflow);
	return buf_bytes(&b);
}
