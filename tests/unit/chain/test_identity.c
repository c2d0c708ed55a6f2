/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/identity.h"

#include "chain/account.h"
#include "chain/keccak.h"
#include "chain/secp.h"
#include "tests/unit/chain/identities.h"

START_TEST(operations_agree_with_viem)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "identity"), "operations");
	size_t i;
	const json_t *row;
	ck_assert_uint_ge(json_array_size(rows), 10);
	json_array_foreach(rows, i, row) {
		struct identity_operation op = identities_operation(a, row);
		uint32_t main_eid = (uint32_t)vectors_get_u64(row, "mainEid");
		struct hash want = vectors_get_hash(row, "subject");
		struct hash got = identity_operation_subject(&op);
		unit_assert_hash_eq(got, want);
		want = vectors_get_hash(row, "structHash");
		got = identity_operation_hash(&op, main_eid);
		unit_assert_hash_eq(got, want);
		struct addr registry = vectors_get_addr(row, "registry");
		want = vectors_get_hash(row, "digest");
		got = identity_digest(vectors_get_u64(row, "chainId"), &registry, main_eid, &op);
		unit_assert_hash_eq(got, want);
		struct addr signer;
		ck_assert_uint_eq(op.signature.n, SECP_SIGNATURE_BYTES);
		ck_assert_int_eq(secp_recover(&signer, &got, op.signature.p), ST_OK);
		unit_assert_addr_eq(signer, op.owner);
		struct identity_reg reg = identity_operation_reg(&op);
		struct identity_reg want_reg = identities_reg(vectors_get(row, "reg"));
		unit_assert_hash_eq(reg.subject, want_reg.subject);
		unit_assert_addr_eq(reg.owner, want_reg.owner);
		unit_assert_hash_eq(reg.data_hash, want_reg.data_hash);
		ck_assert_uint_eq(reg.version, want_reg.version);
		want = vectors_get_hash(row, "leaf");
		got = identity_leaf(&reg);
		unit_assert_hash_eq(got, want);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(every_member_is_in_the_digest)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *row =
		json_array_get(vectors_get(vectors_load(a, "identity"), "operations"), 1);
	struct identity_operation good = identities_operation(a, row);
	enum { BENT = 11 };
	struct identity_operation bent[BENT];
	for (size_t i = 0; i < BENT; i++)
		bent[i] = good;
	bent[0].kind = IDENTITY_LINK;
	bent[1].home_chain_id ^= 1;
	bent[2].first_owner.b[0] ^= 1;
	bent[3].salt.b[31] ^= 1;
	bent[4].owner.b[19] ^= 1;
	bent[5].account.b[19] ^= 1;
	bent[6].recovery.b[0] ^= 1;
	bent[7].data_hash.b[0] ^= 1;
	bent[8].version ^= 1;
	bent[9].eager ^= true;
	bent[10].deadline ^= 1;
	struct addr registry = {{7}};
	struct addr other = {{8}};
	struct hash hashes[BENT + 4] = {
		identity_digest(1, &registry, 9, &good),
		identity_digest(2, &registry, 9, &good),
		identity_digest(1, &other, 9, &good),
		identity_digest(1, &registry, 8, &good),
	};
	for (size_t i = 0; i < BENT; i++)
		hashes[i + 4] = identity_digest(1, &registry, 9, &bent[i]);
	for (size_t i = 0; i < BENT + 4; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(!hash_equal(&hashes[i], &hashes[k]), "%zu and %zu", i, k);
	good.signature.n = 0;
	good.consent.n = 0;
	struct hash same = identity_digest(1, &registry, 9, &good);
	unit_assert_hash_eq(same, hashes[0]);
	arena_destroy(a);
}
END_TEST

START_TEST(data_and_accounts_agree_with_viem)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "identity"), "data");
	struct hash accounts_hash = {{0}};
	size_t i;
	const json_t *row;
	json_array_foreach(vectors_get(v, "accounts"), i, row) {
		const char *texts[8];
		size_t k;
		const json_t *text;
		json_array_foreach(vectors_get(row, "list"), k, text) texts[k] = vectors_text(text);
		accounts_hash = identity_accounts_hash(texts, k);
		struct hash want = vectors_get_hash(row, "hash");
		unit_assert_hash_eq(accounts_hash, want);
	}
	struct hash document = vectors_get_hash(v, "documentHash");
	struct hash key = vectors_get_hash(v, "encryptionKey");
	struct hash got = identity_data_hash(&document, &key, &accounts_hash);
	struct hash want = vectors_get_hash(v, "dataHash");
	unit_assert_hash_eq(got, want);
	char id[IDENTITY_KEY_ID_BYTES];
	identity_key_id(id, &key);
	ck_assert_str_eq(id, vectors_text(vectors_get(v, "keyId")));
	arena_destroy(a);
}
END_TEST

START_TEST(kinds_have_names)
{
	for (enum identity_kind kind = IDENTITY_REGISTER; kind <= IDENTITY_REVOKE; kind++) {
		enum identity_kind back;
		ck_assert(identity_kind_parse(&back, identity_kind_name(kind)));
		ck_assert_int_eq(back, kind);
	}
	enum identity_kind none;
	ck_assert(!identity_kind_parse(&none, ""));
	ck_assert(!identity_kind_parse(&none, "Register"));
	ck_assert(!identity_kind_parse(&none, "registered"));
}
END_TEST

/* --- The tree ----------------------------------------------------------------------------- */

static struct identity_reg member(uint32_t i)
{
	uint8_t be[32];
	struct identity_reg reg = {.version = i + 1};
	u256_to_be(be, 32, u256_of_u64(i));
	reg.subject = keccak256(be, 32);
	u256_to_be(be, 31, u256_of_u64(i));
	struct hash owner = keccak256(be, 31);
	memcpy(reg.owner.b, owner.b, sizeof reg.owner.b);
	u256_to_be(be, 30, u256_of_u64(i));
	reg.data_hash = keccak256(be, 30);
	return reg;
}

static struct hash *leaves_of(struct arena *a, size_t n)
{
	struct hash *leaves = arena_array(a, n, sizeof *leaves);
	for (size_t i = 0; i < n; i++) {
		struct identity_reg reg = member((uint32_t)i);
		leaves[i] = identity_leaf(&reg);
	}
	return leaves;
}

START_TEST(trees_agree_with_a_naive_one)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	size_t i;
	const json_t *tree;
	json_array_foreach(vectors_get(vectors_load(a, "identity"), "trees"), i, tree) {
		size_t n = vectors_get_u64(tree, "n");
		struct hash *leaves = leaves_of(a, n);
		struct hash root = identity_tree_root(a, leaves, n);
		struct hash want = vectors_get_hash(tree, "root");
		unit_assert_hash_eq(root, want);
		struct identity_reg *regs = arena_array(a, n, sizeof *regs);
		for (size_t k = 0; k < n; k++)
			regs[k] = member((uint32_t)k);
		struct hash got = identity_regs_hash(regs, n);
		want = vectors_get_hash(tree, "regsHash");
		unit_assert_hash_eq(got, want);
		size_t k;
		const json_t *row;
		json_array_foreach(vectors_get(tree, "paths"), k, row) {
			struct hash path[IDENTITY_PATH_MAX];
			size_t path_n = identity_tree_path(a, leaves, n,
							   vectors_get_u64(row, "index"), path);
			const json_t *nodes = vectors_get(row, "path");
			ck_assert_uint_eq(path_n, json_array_size(nodes));
			for (size_t p = 0; p < path_n; p++) {
				want = vectors_hash(json_array_get(nodes, p));
				unit_assert_hash_eq(path[p], want);
			}
		}
	}
	arena_destroy(a);
}
END_TEST

START_TEST(every_leaf_has_a_path_and_no_other_leads_to_the_root)
{
	static const size_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 500};
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		struct arena *a = arena_create(UNIT_ARENA_BYTES);
		size_t n = sizes[s];
		struct hash *leaves = leaves_of(a, n);
		struct hash root = identity_tree_root(a, leaves, n);
		for (size_t i = 0; i < n; i++) {
			struct hash path[IDENTITY_PATH_MAX];
			size_t path_n = identity_tree_path(a, leaves, n, i, path);
			ck_assert_uint_le(path_n, 9);
			struct hash got = identity_path_root(&leaves[i], path, path_n);
			unit_assert_hash_eq(got, root);
			struct hash forged = leaves[i];
			forged.b[i % 32] ^= 1;
			got = identity_path_root(&forged, path, path_n);
			ck_assert(!hash_equal(&got, &root));
			if (path_n == 0)
				continue;
			got = identity_path_root(&leaves[i], path, path_n - 1);
			ck_assert(!hash_equal(&got, &root));
			got = identity_path_root(&leaves[i], path + 1, path_n - 1);
			ck_assert(!hash_equal(&got, &root));
			path[path_n / 2].b[0] ^= 1;
			got = identity_path_root(&leaves[i], path, path_n);
			ck_assert(!hash_equal(&got, &root));
		}
		arena_destroy(a);
	}
}
END_TEST

START_TEST(an_inner_node_is_no_leaf)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct hash *leaves = leaves_of(a, 4);
	struct hash root = identity_tree_root(a, leaves, 4);
	struct hash path[IDENTITY_PATH_MAX];
	size_t path_n = identity_tree_path(a, leaves, 4, 0, path);
	ck_assert_uint_eq(path_n, 2);
	/* With bare hashes an inner node has a path: why the preimage is asked for. */
	struct hash inner = identity_path_root(&leaves[0], path, 1);
	struct hash got = identity_path_root(&inner, path + 1, 1);
	unit_assert_hash_eq(got, root);
	/* No preimage makes one: a leaf is 128 bytes hashed twice, a node 64 bytes hashed once. */
	struct hash words[4] = {leaves[0], leaves[1], {{0}}, {{0}}};
	struct identity_reg reg = {.subject = words[0], .owner = addr_of_hash(&words[1])};
	got = identity_leaf(&reg);
	ck_assert(!hash_equal(&got, &inner));
	struct hash pair = keccak256(words, 64);
	got = keccak256(words, 128);
	ck_assert(!hash_equal(&got, &pair));
	arena_destroy(a);
}
END_TEST

START_TEST(order_of_leaves_matters_but_not_within_a_pair)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct hash *leaves = leaves_of(a, 5);
	struct hash root = identity_tree_root(a, leaves, 5);
	struct hash swapped[5] = {leaves[1], leaves[0], leaves[2], leaves[3], leaves[4]};
	struct hash got = identity_tree_root(a, swapped, 5);
	unit_assert_hash_eq(got, root);
	struct hash moved[5] = {leaves[2], leaves[1], leaves[0], leaves[3], leaves[4]};
	got = identity_tree_root(a, moved, 5);
	ck_assert(!hash_equal(&got, &root));
	/* The path's order, too. */
	struct hash path[IDENTITY_PATH_MAX];
	size_t path_n = identity_tree_path(a, leaves, 5, 0, path);
	ck_assert_uint_eq(path_n, 3);
	struct hash wrong[3] = {path[1], path[0], path[2]};
	got = identity_path_root(&leaves[0], wrong, 3);
	ck_assert(!hash_equal(&got, &root));
	/* The lone fifth: its path skips two levels. */
	ck_assert_uint_eq(identity_tree_path(a, leaves, 5, 4, path), 1);
	arena_destroy(a);
}
END_TEST

/* --- Messages ----------------------------------------------------------------------------- */

static struct bytes message(struct arena *a, const char *list, size_t i, const json_t **row)
{
	*row = json_array_get(vectors_get(vectors_load(a, "identity"), list), i);
	return vectors_get_bytes(a, *row, "raw");
}

START_TEST(batches_agree_with_packed_solidity)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (size_t i = 0; i < 4; i++) {
		const json_t *row;
		struct bytes raw = message(a, "batches", i, &row);
		struct identity_batch batch;
		ck_assert_int_eq(identity_batch_decode(a, &batch, raw), ST_OK);
		ck_assert_uint_eq(batch.number, vectors_get_u64(row, "number"));
		struct addr submitter = vectors_get_addr(row, "submitter");
		unit_assert_addr_eq(batch.submitter, submitter);
		struct hash h = vectors_get_hash(row, "requestId");
		unit_assert_hash_eq(batch.request_id, h);
		h = vectors_get_hash(row, "prevRoot");
		unit_assert_hash_eq(batch.prev_root, h);
		h = vectors_get_hash(row, "root");
		unit_assert_hash_eq(batch.root, h);
		h = vectors_get_hash(row, "dataHash");
		unit_assert_hash_eq(batch.data_hash, h);
		ck_assert_uint_eq(batch.count, vectors_get_u64(row, "count"));
		ck_assert_uint_eq(batch.written_n, vectors_get_u64(row, "written_n"));
		size_t k;
		const json_t *want;
		json_array_foreach(vectors_get(row, "written"), k, want) {
			const struct identity_written *w = &batch.written[k];
			ck_assert_uint_eq(w->index, vectors_get_u64(want, "index"));
			ck_assert_uint_eq(w->kind, vectors_get_u64(want, "kind"));
			ck_assert_uint_eq(w->version, vectors_get_u64(want, "version"));
			h = vectors_get_hash(want, "subject");
			unit_assert_hash_eq(w->subject, h);
			struct addr new_owner = vectors_get_addr(want, "newOwner");
			unit_assert_addr_eq(w->new_owner, new_owner);
			h = vectors_get_hash(want, "dataHash");
			unit_assert_hash_eq(w->data_hash, h);
		}
		ck_assert(bytes_equal(identity_batch_encode(a, &batch), raw));
	}
	arena_destroy(a);
}
END_TEST

START_TEST(answers_agree_with_packed_solidity)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (size_t i = 0; i < 3; i++) {
		const json_t *row;
		struct bytes raw = message(a, "answers", i, &row);
		struct identity_answer answer;
		ck_assert_int_eq(identity_answer_decode(a, &answer, raw), ST_OK);
		struct hash h = vectors_get_hash(row, "requestId");
		unit_assert_hash_eq(answer.request_id, h);
		const json_t *batches = vectors_get(row, "batches");
		ck_assert_uint_eq(answer.batches_n, json_array_size(batches));
		for (size_t k = 0; k < answer.batches_n; k++) {
			const json_t *want = json_array_get(batches, k);
			const struct identity_answered *one = &answer.batches[k];
			ck_assert_uint_eq(one->number, vectors_get_u64(want, "number"));
			ck_assert_uint_eq(one->accepted, vectors_get_u64(want, "accepted"));
			h = vectors_get_hash(want, "root");
			unit_assert_hash_eq(one->root, h);
			const json_t *rejected = vectors_get(want, "rejected");
			ck_assert_uint_eq(one->rejected_n, json_array_size(rejected));
			for (size_t r = 0; r < one->rejected_n; r++)
				ck_assert_uint_eq(one->rejected[r],
						  vectors_u64(json_array_get(rejected, r)));
		}
		ck_assert(bytes_equal(identity_answer_encode(a, &answer), raw));
	}
	arena_destroy(a);
}
END_TEST

/* Either decoder: what it takes it gives back, and nothing cut or longer is taken. */
static bool takes(struct bytes raw)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct identity_batch batch;
	struct identity_answer answer;
	bool taken = false;
	if (identity_batch_decode(a, &batch, raw) == ST_OK) {
		ck_assert(bytes_equal(identity_batch_encode(a, &batch), raw));
		taken = true;
	} else if (identity_answer_decode(a, &answer, raw) == ST_OK) {
		ck_assert(bytes_equal(identity_answer_encode(a, &answer), raw));
		taken = true;
	}
	arena_destroy(a);
	return taken;
}

START_TEST(cut_and_bent_messages_are_refused_or_read_as_they_are)
{
	static const struct {
		const char *list;
		size_t index;
	} tried[] = {{"batches", 0}, {"batches", 2}, {"answers", 0}, {"answers", 1}};
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (size_t t = 0; t < 4; t++) {
		const json_t *row;
		struct bytes raw = message(a, tried[t].list, tried[t].index, &row);
		uint8_t *bent = malloc(raw.n + 1);
		memcpy(bent, raw.p, raw.n);
		bent[raw.n] = 0;
		ck_assert(takes(raw));
		ck_assert(!takes(bytes_of(bent, raw.n + 1)));
		for (size_t n = 0; n < raw.n; n++) {
			uint8_t *exact = malloc(n + 1);
			memcpy(exact, raw.p, n);
			ck_assert_msg(!takes(bytes_of(exact, n)), "cut at %zu", n);
			free(exact);
		}
		for (size_t bit = 0; bit < 8 * raw.n; bit++) {
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
			(void)takes(bytes_of(bent, raw.n));
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		free(bent);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(messages_that_make_no_sense_are_refused)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *row;
	struct bytes raw = message(a, "batches", 2, &row);
	struct identity_batch batch;
	ck_assert_int_eq(identity_batch_decode(a, &batch, raw), ST_OK);
	struct identity_written written[3] = {batch.written[0], batch.written[1], batch.written[2]};
	batch.written = written;
	struct identity_batch out;
	written[1].index = written[0].index; /* twice */
	ck_assert_int_eq(identity_batch_decode(a, &out, identity_batch_encode(a, &batch)),
			 ST_INVALID);
	written[1].index = batch.count; /* none of the batch */
	batch.written_n = 2;
	ck_assert_int_eq(identity_batch_decode(a, &out, identity_batch_encode(a, &batch)),
			 ST_INVALID);
	batch.written_n = 1;
	ck_assert_int_eq(identity_batch_decode(a, &out, identity_batch_encode(a, &batch)), ST_OK);
	written[0].kind = (enum identity_kind)6;
	ck_assert_int_eq(identity_batch_decode(a, &out, identity_batch_encode(a, &batch)),
			 ST_INVALID);
	batch.written_n = 0;
	batch.count = 0;
	ck_assert_int_eq(identity_batch_decode(a, &out, identity_batch_encode(a, &batch)),
			 ST_INVALID);
	batch.count = IDENTITY_OPERATIONS_MAX + 1;
	ck_assert_int_eq(identity_batch_decode(a, &out, identity_batch_encode(a, &batch)),
			 ST_INVALID);
	struct identity_answered twice[2] = {{.number = 4}, {.number = 4}};
	struct identity_answer answer = {.batches = twice, .batches_n = 2};
	struct identity_answer back;
	ck_assert_int_eq(identity_answer_decode(a, &back, identity_answer_encode(a, &answer)),
			 ST_INVALID);
	twice[1].number = 5;
	ck_assert_int_eq(identity_answer_decode(a, &back, identity_answer_encode(a, &answer)),
			 ST_OK);
	answer.batches_n = 0;
	ck_assert_int_eq(identity_answer_decode(a, &back, identity_answer_encode(a, &answer)),
			 ST_INVALID);
	const uint32_t wild[] = {3, 2};
	twice[0].rejected = wild;
	twice[0].rejected_n = 2;
	answer.batches_n = 1;
	ck_assert_int_eq(identity_answer_decode(a, &back, identity_answer_encode(a, &answer)),
			 ST_INVALID);
	arena_destroy(a);
}
END_TEST

SUITE("chain/identity", operations_agree_with_viem, every_member_is_in_the_digest,
      data_and_accounts_agree_with_viem, kinds_have_names, trees_agree_with_a_naive_one,
      every_leaf_has_a_path_and_no_other_leads_to_the_root, an_inner_node_is_no_leaf,
      order_of_leaves_matters_but_not_within_a_pair, batches_agree_with_packed_solidity,
      answers_agree_with_packed_solidity, cut_and_bent_messages_are_refused_or_read_as_they_are,
      messages_that_make_no_sense_are_refused)
