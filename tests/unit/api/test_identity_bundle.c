/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs with the bundle that is checked without a node: from a chain that has the block, has lost it,
 * shows another one, is silent, or is not configured.
 */
#define _GNU_SOURCE
#include "tests/unit/api/identity_desk.h"
#include "tests/unit/chain/fake_chain.h"

#include "chain/abi.h"
#include "chain/bundle.h"
#include "chain/events.h"

enum { MEMBERS = 3, BATCH = 7, BLOCK = 2 };

static const struct hash request_id = {{7}};

/* A desk whose first chain is a node with the block in which the batch arrived. */
struct scene {
	struct desk d;
	struct fake_node node;
	struct fake_chain chain;
	const char *url;
	const char *ids[MEMBERS];
	const char *batch;
	struct hash leaves[MEMBERS], root, data_hash;
	struct addr registry;
};

static struct log_entry log_of(struct scene *s, enum events_kind kind, struct buf *data)
{
	struct log_entry log = {.address = s->registry, .topics_n = 1, .data = buf_bytes(data)};
	log.topics[0] = *events_topic(kind);
	return log;
}

static void chain_grow(struct scene *s, const struct log_entry *logs, size_t n, uint64_t salt)
{
	struct fake_shape noise = {.receipts = 2, .logs = 1, .data_bytes = 40, .salt = salt};
	struct fake_shape block = noise;
	block.own = logs;
	block.own_n = n;
	fake_chain_free(&s->chain);
	s->chain.n = 0;
	for (int i = 0; i < BLOCK; i++)
		fake_chain_add(&s->chain, &noise);
	fake_chain_add(&s->chain, &block);
	fake_chain_add(&s->chain, &noise);
}

/* The block as it is when the registry took the batch with this root. `extra`: bytes of another log. */
static void chain_make(struct scene *s, const struct hash *root, uint64_t salt, size_t extra)
{
	struct buf accepted, received, other;
	struct log_entry logs[3];
	buf_init(&accepted, s->d.arena, 4096);
	abi_put_hash(&accepted, root);
	abi_put_u64(&accepted, MEMBERS);
	abi_put_u64(&accepted, 0);
	logs[0] = log_of(s, EVENTS_BATCH_ACCEPTED, &accepted);
	logs[0].topics_n = 3;
	logs[0].topics[1] = u256_to_hash(u256_of_u64(DESK_DST));
	logs[0].topics[2] = u256_to_hash(u256_of_u64(BATCH));
	buf_init(&received, s->d.arena, 4096);
	abi_put_hash(&received, &(struct hash){{9}});
	abi_put_hash(&received, &request_id);
	logs[1] = log_of(s, EVENTS_RECEIVED, &received);
	buf_init(&other, s->d.arena, extra + 1);
	memset(buf_extend(&other, extra + 1), 0x55, extra + 1);
	logs[2] = log_of(s, EVENTS_RECEIVED, &other);
	logs[2].address = desk_addr(0x77);
	chain_grow(s, logs, 3, salt);
}

static void scene_leaves(struct scene *s)
{
	struct identity_reg regs[MEMBERS];
	for (int i = 0; i < MEMBERS; i++) {
		Ferry__V1__GetIdentityRequest r = FERRY__V1__GET_IDENTITY_REQUEST__INIT;
		uint64_t chain_id;
		r.id = (char *)s->ids[i];
		struct desk_call *c = desk_do(&s->d, API_GET_IDENTITY, &r.base, s->d.sk, NULL);
		identity_reply *v = desk_identity(c);
		regs[i] = (struct identity_reg){.version = 1};
		memcpy(regs[i].subject.b, v->subject.data, 32);
		memcpy(regs[i].data_hash.b, v->operations[0]->data_hash.data, 32);
		ck_assert_int_eq(account_caip10_parse(&chain_id, &regs[i].owner, v->owner,
						      strlen(v->owner)), ST_OK);
		s->leaves[i] = identity_leaf(&regs[i]);
		desk_free(c);
	}
	s->root = identity_tree_root(s->d.arena, s->leaves, MEMBERS);
	s->data_hash = identity_regs_hash(regs, MEMBERS);
}

/* What the observer would have written of the batch's arrival. */
static void scene_arrived(struct scene *s, const struct hash *block_hash)
{
	desk_sql(&s->d, arena_printf(s->d.arena,
				     "UPDATE message SET dst_block = %d, dst_block_hash = '\\x%s', "
				     "dst_tx = decode(repeat('33', 32), 'hex') WHERE id = '%s'",
				     BLOCK, hex_encode(s->d.arena, block_hash->b, 32) + 2, s->batch));
}

static void scene_open(struct scene *s, bool with_node)
{
	memset(s, 0, sizeof *s);
	identity_desk_open(&s->d);
	s->registry = s->d.chains[0].main_registry;
	s->node.answer = fake_chain_answer;
	s->node.arg = &s->chain;
	fake_node_start(&s->node);
	s->url = s->node.http.url;
	s->d.chains[0].rpc = &s->url;
	s->d.chains[0].rpc_n = with_node ? 1 : 0;
	desk_start(&s->d);
	struct signer *owner = desk_signer(&s->d, 1);
	for (int i = 0; i < MEMBERS; i++)
		s->ids[i] = desk_new(&s->d, owner);
	signer_destroy(owner);
	s->batch = desk_batch(&s->d);
	scene_leaves(s);
	chain_make(s, &s->root, 1, 0);
	desk_batch_sent(&s->d, s->batch, &s->root, BATCH);
	desk_batch_state(&s->d, s->batch, "DELIVERED");
	scene_arrived(s, &s->chain.hashes[BLOCK]);
	desk_batch_final(&s->d, s->batch);
}

static void scene_close(struct scene *s)
{
	desk_close(&s->d);
	fake_node_stop(&s->node);
	fake_chain_free(&s->chain);
}

static struct desk_call *ask(struct scene *s, int i, bool bundle)
{
	Ferry__V1__GetIdentityProofRequest r = FERRY__V1__GET_IDENTITY_PROOF_REQUEST__INIT;
	r.id = (char *)s->ids[i];
	r.bundle = bundle;
	return desk_do(&s->d, API_GET_IDENTITY_PROOF, &r.base, s->d.pk, NULL);
}

static void refused(struct scene *s, enum status st, const char *code, const char *words)
{
	struct desk_call *c = ask(s, 0, true);
	desk_is(c, st);
	desk_code(c, code);
	ck_assert_msg(strstr(c->call.cx.err.message, words), "%s", c->call.cx.err.message);
	ck_assert_msg(!strstr(c->call.cx.err.message, "http"), "%s", c->call.cx.err.message);
	desk_free(c);
	/* Without the bundle it needs no node. */
	c = ask(s, 0, false);
	desk_is(c, ST_OK);
	desk_free(c);
}

/* As `ferry identity verify` takes it: the REST text of the member. */
static void bundle_of(struct scene *s, struct desk_call *c, struct bundle *out)
{
	Ferry__V1__IdentityProof *p = (Ferry__V1__IdentityProof *)c->call.reply;
	ck_assert_int_eq(p->more_case, FERRY__V1__IDENTITY_PROOF__MORE_BUNDLE);
	struct bytes text = api_json_encode(s->d.arena, JSON_REST, &p->bundle->base);
	ck_ok(&s->d.cx, bundle_read(&s->d.cx, out, text));
}

START_TEST(a_bundle_holds_against_the_blocks_hash_alone)
{
	struct scene s;
	struct bundle *b;
	struct bundle_step steps[BUNDLE_STEPS_MAX];
	size_t n;
	scene_open(&s, true);
	b = arena_alloc(s.d.arena, sizeof *b);
	for (int i = 0; i < MEMBERS; i++) {
		struct desk_call *c = ask(&s, i, true);
		desk_is(c, ST_OK);
		bundle_of(&s, c, b);
		ck_assert_msg(bundle_check(s.d.arena, b, &s.chain.hashes[BLOCK], &s.registry, steps,
					   &n), "%s", steps[n - 1].text);
		struct hash leaf = identity_leaf(&b->reg);
		unit_assert_hash_eq(leaf, s.leaves[i]);
		unit_assert_hash_eq(b->evidence.data_hash, s.data_hash);
		unit_assert_hash_eq(b->evidence.request_id, request_id);
		ck_assert_uint_eq(b->evidence.block_number, BLOCK);
		ck_assert_uint_eq(b->evidence.count, MEMBERS);
		ck_assert(!bundle_check(s.d.arena, b, &s.chain.hashes[BLOCK + 1], NULL, steps, &n));
		desk_free(c);
	}
	scene_close(&s);
}
END_TEST

START_TEST(the_proof_itself_is_the_same_with_a_bundle_and_without)
{
	struct scene s;
	scene_open(&s, true);
	struct desk_call *plain = ask(&s, 1, false), *whole = ask(&s, 1, true);
	desk_is(whole, ST_OK);
	struct bytes text = api_json_encode(s.d.arena, JSON_REST, plain->call.reply);
	struct bytes more = api_json_encode(s.d.arena, JSON_REST, whole->call.reply);
	ck_assert(!strstr(arena_strndup(s.d.arena, (const char *)text.p, text.n), "bundle"));
	ck_assert_uint_gt(more.n, text.n);
	ck_assert_mem_eq(text.p, more.p, text.n - 1); /* but for the last bracket */
	ck_assert_mem_eq(more.p + text.n - 1, ",\"bundle\":{\"reg\":", 17);
	desk_free(plain);
	desk_free(whole);
	scene_close(&s);
}
END_TEST

static json_t *answer_nothing(struct fake_node *n, const char *method, const json_t *params)
{
	(void)n;
	(void)method;
	(void)params;
	return fake_result(json_null());
}

static json_t *answer_pruned(struct fake_node *n, const char *method, const json_t *params)
{
	if (strcmp(method, "eth_getBlockReceipts") == 0)
		return fake_error(4444, "pruned history unavailable", NULL);
	return fake_chain_answer(n, method, params);
}

START_TEST(a_block_that_is_gone_is_said_to_be_gone)
{
	struct scene s;
	scene_open(&s, true);
	s.node.answer = answer_nothing;
	refused(&s, ST_UNAVAILABLE, "BLOCK_NOT_AVAILABLE", "identity bundle --block 2 ");
	s.node.answer = answer_pruned;
	refused(&s, ST_UNAVAILABLE, "BLOCK_NOT_AVAILABLE", "not give block 2 any more");
	s.node.status = 500;
	refused(&s, ST_CHAIN, "CHAIN", "at the moment");
	s.node.status = 0;
	s.node.answer = fake_chain_answer;
	struct desk_call *c = ask(&s, 0, true);
	desk_is(c, ST_OK);
	desk_free(c);
	scene_close(&s);
}
END_TEST

START_TEST(another_block_is_never_shown)
{
	struct scene s;
	scene_open(&s, true);
	/* The same batch in another block: not the one that was recorded. */
	chain_make(&s, &s.root, 2, 0);
	refused(&s, ST_CHAIN_DISPUTED, "CHAIN_DISPUTED", "as it was recorded");
	/* A block without the batch. */
	chain_make(&s, &s.data_hash, 1, 0);
	scene_arrived(&s, &s.chain.hashes[BLOCK]);
	refused(&s, ST_CHAIN_DISPUTED, "BATCH_NOT_IN_BLOCK", "block 2");
	/* Somebody else's logs make the receipt too large for an answer. */
	chain_make(&s, &s.root, 1, 600 * 1024);
	scene_arrived(&s, &s.chain.hashes[BLOCK]);
	refused(&s, ST_PRECONDITION, "BUNDLE_TOO_LARGE", "too many other logs");
	scene_close(&s);
}
END_TEST

START_TEST(without_a_node_there_is_none)
{
	struct scene s;
	scene_open(&s, false);
	refused(&s, ST_UNAVAILABLE, "NODE_NOT_CONFIGURED", "no node of identity");
	scene_close(&s);
}
END_TEST

PG_SUITE("api/identity_bundle", a_bundle_holds_against_the_blocks_hash_alone,
	 the_proof_itself_is_the_same_with_a_bundle_and_without,
	 a_block_that_is_gone_is_said_to_be_gone, another_block_is_never_shown,
	 without_a_node_there_is_none)
