/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/mpt.h"

#include <assert.h>

#include "chain/keccak.h"
#include "chain/rlp.h"

enum {
	MPT_ROOT_KEY_NIBBLES_MAX = 8, /* rlp(MPT_VALUES_MAX - 1) is four bytes */
	MPT_KEY_NIBBLES_MAX = 64,
	MPT_INLINE_MAX = 31, /* a node shorter than a hash stands in its parent itself */
};

const struct hash MPT_EMPTY_ROOT = {{
	0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45,
	0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c,
	0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21,
}};

static uint8_t mpt_nibble(const uint8_t *key, size_t i)
{
	return i % 2 ? key[i / 2] & 15 : key[i / 2] >> 4;
}

/* --- building ----------------------------------------------------------------------------- */

struct mpt_entry {
	uint8_t key[MPT_ROOT_KEY_NIBBLES_MAX / 2];
	uint8_t nibbles_n;
	struct bytes value;
};

/* How a parent names a child: its hash, or itself when short, as an RLP item. */
struct mpt_ref {
	uint8_t item[33];
	size_t n;
};

struct mpt_builder {
	const struct mpt_entry *entries; /* ascending by key; none is a prefix of another */
	struct buf node; /* the node in the making, used again for each */
	/* Nodes on the way to entries[proven], the deepest first; NULL: not wanted. */
	struct bytes *nodes;
	size_t nodes_n;
	size_t proven;
	struct arena *arena;
};

/* Keeps the node that was just made of entries from..to, if it is on the way to the one proven. */
static void mpt_keep(struct mpt_builder *m, size_t from, size_t to, bool is_root)
{
	if (!m->nodes || m->proven < from || m->proven >= to ||
	    (m->node.n <= MPT_INLINE_MAX && !is_root))
		return;
	assert(m->nodes_n < MPT_PROOF_NODES_MAX);
	m->nodes[m->nodes_n++] =
		bytes_of(arena_copy(m->arena, m->node.p, m->node.n), m->node.n);
}

static struct mpt_ref mpt_ref_of(const struct buf *node)
{
	assert(!node->overflow);
	struct mpt_ref ref;
	if (node->n <= MPT_INLINE_MAX) {
		memcpy(ref.item, node->p, node->n);
		ref.n = node->n;
		return ref;
	}
	struct hash h = keccak256(node->p, node->n);
	ref.item[0] = 0x80 + 32;
	memcpy(ref.item + 1, h.b, sizeof h.b);
	ref.n = sizeof ref.item;
	return ref;
}

/* Hex-prefix: flags (2: leaf, 1: odd), then the nibbles from..to of the key. */
static void mpt_put_path(struct buf *b, const struct mpt_entry *e, size_t from, size_t to,
			 bool is_leaf)
{
	uint8_t path[1 + MPT_ROOT_KEY_NIBBLES_MAX / 2];
	bool odd = (to - from) % 2;
	path[0] = (uint8_t)((is_leaf ? 0x20 : 0) | (odd ? 0x10 | mpt_nibble(e->key, from) : 0));
	size_t n = 1;
	for (size_t i = from + odd; i < to; i += 2)
		path[n++] = (uint8_t)(mpt_nibble(e->key, i) << 4 | mpt_nibble(e->key, i + 1));
	rlp_put_bytes(b, bytes_of(path, n));
}

static struct mpt_ref mpt_build(struct mpt_builder *m, size_t from, size_t to, size_t depth);

static struct mpt_ref mpt_build_branch(struct mpt_builder *m, size_t from, size_t to, size_t depth,
				       bool is_root)
{
	struct mpt_ref children[16];
	size_t at = from;
	for (uint8_t nibble = 0; nibble < 16; nibble++) {
		size_t start = at;
		while (at < to && mpt_nibble(m->entries[at].key, depth) == nibble)
			at++;
		if (at > start)
			children[nibble] = mpt_build(m, start, at, depth + 1);
		else
			children[nibble] = (struct mpt_ref){.item = {0x80}, .n = 1};
	}
	assert(at == to);
	m->node.n = 0;
	size_t list = rlp_list_begin(&m->node);
	for (size_t i = 0; i < 16; i++)
		buf_put(&m->node, children[i].item, children[i].n);
	rlp_put_bytes(&m->node, (struct bytes){NULL, 0});
	rlp_list_end(&m->node, list);
	mpt_keep(m, from, to, is_root);
	return mpt_ref_of(&m->node);
}

/* The subtrie of entries from..to, at least one, whose keys agree in their first depth nibbles. */
static struct mpt_ref mpt_build(struct mpt_builder *m, size_t from, size_t to, size_t depth)
{
	const struct mpt_entry *first = &m->entries[from];
	const struct mpt_entry *last = &m->entries[to - 1];
	if (to - from == 1) {
		m->node.n = 0;
		size_t list = rlp_list_begin(&m->node);
		mpt_put_path(&m->node, first, depth, first->nibbles_n, true);
		rlp_put_bytes(&m->node, first->value);
		rlp_list_end(&m->node, list);
		mpt_keep(m, from, to, depth == 0);
		return mpt_ref_of(&m->node);
	}
	size_t common = depth;
	while (mpt_nibble(first->key, common) == mpt_nibble(last->key, common))
		common++;
	struct mpt_ref branch = mpt_build_branch(m, from, to, common, common == 0);
	if (common == depth)
		return branch;
	m->node.n = 0;
	size_t list = rlp_list_begin(&m->node);
	mpt_put_path(&m->node, first, depth, common, false);
	buf_put(&m->node, branch.item, branch.n);
	rlp_list_end(&m->node, list);
	mpt_keep(m, from, to, depth == 0);
	return mpt_ref_of(&m->node);
}

static void mpt_entry_set(struct mpt_entry *e, struct arena *a, size_t index, struct bytes value)
{
	assert(value.n > 0);
	struct buf key;
	buf_init(&key, a, sizeof e->key);
	rlp_put_u64(&key, index);
	assert(!key.overflow);
	memcpy(e->key, key.p, key.n);
	e->nibbles_n = (uint8_t)(2 * key.n);
	e->value = value;
}

/* In the order of their keys: rlp(0) is 0x80, after rlp(127) and before rlp(128). */
static size_t mpt_index_at(size_t at, size_t n)
{
	size_t low = n < 128 ? n - 1 : 127;
	return at < low ? at + 1 : at == low ? 0 : at;
}

/* Builds the trie of values; index: of which one the way is kept in m->nodes. */
static struct hash mpt_build_list(struct mpt_builder *m, struct arena *a,
				  const struct bytes *values, size_t n, size_t index)
{
	struct mpt_entry *entries = arena_array(a, n, sizeof *entries);
	size_t value_bytes_max = 0;
	for (size_t at = 0; at < n; at++) {
		size_t i = mpt_index_at(at, n);
		mpt_entry_set(&entries[at], a, i, values[i]);
		if (i == index)
			m->proven = at;
		if (values[i].n > value_bytes_max)
			value_bytes_max = values[i].n;
	}
	m->entries = entries;
	m->arena = a;
	buf_init(&m->node, a, value_bytes_max + 1024);
	struct mpt_ref root = mpt_build(m, 0, n, 0);
	if (root.n != sizeof root.item) /* the root is hashed even when it is short */
		return keccak256(root.item, root.n);
	struct hash h;
	memcpy(h.b, root.item + 1, sizeof h.b);
	return h;
}

struct hash mpt_root(struct arena *a, const struct bytes *values, size_t n)
{
	assert(n <= MPT_VALUES_MAX);
	struct mpt_builder m = {.nodes = NULL};
	return n == 0 ? MPT_EMPTY_ROOT : mpt_build_list(&m, a, values, n, 0);
}

size_t mpt_proof(struct arena *a, struct hash *root, struct bytes nodes[MPT_PROOF_NODES_MAX],
		 const struct bytes *values, size_t n, size_t index)
{
	assert(index < n && n <= MPT_VALUES_MAX);
	struct mpt_builder m = {.nodes = nodes};
	*root = mpt_build_list(&m, a, values, n, index);
	for (size_t i = 0; i < m.nodes_n / 2; i++) { /* the root first */
		struct bytes other = nodes[i];
		nodes[i] = nodes[m.nodes_n - 1 - i];
		nodes[m.nodes_n - 1 - i] = other;
	}
	return m.nodes_n;
}

enum status mpt_prove_index(struct bytes *value, const struct hash *root, size_t index,
			    const struct bytes *nodes, size_t n)
{
	uint8_t key[9];
	size_t key_n = 1;
	key[0] = index == 0 ? 0x80 : (uint8_t)index;
	if (index > 0x7f) {
		key_n = 0;
		for (size_t v = index; v > 0; v >>= 8)
			key_n++;
		key[0] = (uint8_t)(0x80 + key_n);
		for (size_t i = 0; i < key_n; i++)
			key[1 + i] = (uint8_t)(index >> 8 * (key_n - 1 - i));
		key_n++;
	}
	return mpt_prove(value, root, bytes_of(key, key_n), nodes, n);
}

/* --- proving ------------------------------------------------------------------------------ */

/* Where a proof has got to: the node to look into, and how much of the key is used up. */
struct mpt_walk {
	struct bytes key;
	size_t depth;      /* nibbles */
	struct bytes node; /* RLP */
	struct hash want;  /* the hash of the next node, when the child is not inline */
	bool is_inline;
	bool is_over;
	struct bytes value;
};

/* Goes to a child; an empty one ends the walk without a value. */
static enum status mpt_walk_child(struct mpt_walk *w, struct rlp_item child)
{
	if (child.is_list) {
		w->node = child.whole;
		w->is_inline = true;
		return child.whole.n <= MPT_INLINE_MAX ? ST_OK : ST_INVALID;
	}
	w->is_inline = false;
	if (child.body.n == 0) {
		w->is_over = true;
		return ST_OK;
	}
	if (child.body.n != sizeof w->want.b)
		return ST_INVALID;
	memcpy(w->want.b, child.body.p, sizeof w->want.b);
	return ST_OK;
}

static enum status mpt_walk_branch(struct mpt_walk *w, const struct rlp_item items[17])
{
	if (items[16].is_list)
		return ST_INVALID;
	if (w->depth == 2 * w->key.n) {
		w->value = items[16].body;
		w->is_over = true;
		return ST_OK;
	}
	return mpt_walk_child(w, items[mpt_nibble(w->key.p, w->depth++)]);
}

/* A leaf or an extension. Another path than the key's proves that the key is not there. */
static enum status mpt_walk_path(struct mpt_walk *w, struct rlp_item path, struct rlp_item next)
{
	if (path.is_list || path.body.n == 0 || path.body.p[0] >> 4 > 3)
		return ST_INVALID;
	bool is_leaf = path.body.p[0] & 0x20;
	bool odd = path.body.p[0] & 0x10;
	if (!odd && path.body.p[0] & 15)
		return ST_INVALID;
	size_t skip = odd ? 1 : 2;
	size_t n = 2 * path.body.n - skip;
	if (n > MPT_KEY_NIBBLES_MAX || (!is_leaf && n == 0))
		return ST_INVALID;
	if (is_leaf ? next.is_list || next.body.n == 0 : !next.is_list && next.body.n == 0)
		return ST_INVALID;
	size_t left = 2 * w->key.n - w->depth;
	bool matches = is_leaf ? n == left : n <= left;
	for (size_t i = 0; matches && i < n; i++)
		matches = mpt_nibble(path.body.p, skip + i) == mpt_nibble(w->key.p, w->depth + i);
	w->is_over = is_leaf || !matches;
	if (is_leaf && matches)
		w->value = next.body;
	if (w->is_over)
		return ST_OK;
	w->depth += n;
	return mpt_walk_child(w, next);
}

static enum status mpt_walk_node(struct mpt_walk *w)
{
	struct rlp_reader r = rlp_read_list(w->node);
	struct rlp_item items[17] = {0};
	size_t n = 0;
	while (rlp_more(&r) && n < 17)
		items[n++] = rlp_next(&r);
	if (rlp_done(&r) != ST_OK)
		return ST_INVALID;
	if (n == 17)
		return mpt_walk_branch(w, items);
	return n == 2 ? mpt_walk_path(w, items[0], items[1]) : ST_INVALID;
}

enum status mpt_prove(struct bytes *value, const struct hash *root, struct bytes key,
		      const struct bytes *nodes, size_t n)
{
	assert(2 * key.n <= MPT_KEY_NIBBLES_MAX);
	if (n > MPT_PROOF_NODES_MAX)
		return ST_INVALID;
	struct mpt_walk w = {.key = key, .want = *root};
	size_t used = 0;
	if (hash_equal(root, &MPT_EMPTY_ROOT)) {
		w.is_over = true;
		if (n == 1 && nodes[0].n == 1 && nodes[0].p[0] == 0x80)
			used = 1; /* some nodes show the empty trie, some show nothing */
	}
	while (!w.is_over) {
		if (!w.is_inline) {
			if (used == n || (used > 0 && nodes[used].n <= MPT_INLINE_MAX))
				return ST_INVALID;
			struct hash h = keccak256_bytes(nodes[used]);
			if (!hash_equal(&h, &w.want))
				return ST_INVALID;
			w.node = nodes[used++];
		}
		if (mpt_walk_node(&w) != ST_OK)
			return ST_INVALID;
	}
	if (used != n)
		return ST_INVALID;
	*value = w.value;
	return ST_OK;
}

enum status mpt_prove_account(struct mpt_account *out, const struct hash *state_root,
			      const struct addr *address, const struct bytes *nodes, size_t n)
{
	struct hash key = keccak256(address->b, sizeof address->b);
	struct bytes value;
	if (mpt_prove(&value, state_root, bytes_of(key.b, sizeof key.b), nodes, n) != ST_OK)
		return ST_INVALID;
	if (value.n == 0)
		return ST_NOT_FOUND;
	struct rlp_reader r = rlp_read_list(value);
	out->nonce = rlp_next_u64(&r);
	out->balance = rlp_next_u256(&r);
	rlp_next_fixed(&r, out->storage_root.b, sizeof out->storage_root.b);
	rlp_next_fixed(&r, out->code_hash.b, sizeof out->code_hash.b);
	return rlp_done(&r);
}

enum status mpt_prove_storage(struct u256 *out, const struct hash *storage_root,
			      const struct hash *slot, const struct bytes *nodes, size_t n)
{
	struct hash key = keccak256(slot->b, sizeof slot->b);
	struct bytes value;
	if (mpt_prove(&value, storage_root, bytes_of(key.b, sizeof key.b), nodes, n) != ST_OK)
		return ST_INVALID;
	*out = u256_of_u64(0);
	if (value.n == 0)
		return ST_OK;
	struct rlp_reader r = rlp_read(value);
	*out = rlp_next_u256(&r);
	return u256_is_zero(*out) ? ST_INVALID : rlp_done(&r);
}

struct hash mpt_mapping_slot(const struct hash *key, const struct hash *slot)
{
	struct hash words[] = {*key, *slot};
	return keccak256(words, sizeof words);
}
