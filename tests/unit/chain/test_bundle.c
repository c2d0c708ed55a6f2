/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/bundle.h"

#include "chain/abi.h"
#include "chain/bundle_fetch.h"
#include "chain/events.h"
#include "chain/header.h"
#include "chain/receipt.h"
#include "tests/unit/unit.h"

enum { LEAVES = 5, SRC_EID = 40245, DST_EID = 40161, BATCH = 7 };

static const struct addr registry = {{0xaa, 1}};
static const struct addr stranger = {{0xbb, 2}};
static const struct hash prev_root = {{5}};
static const struct hash data_hash = {{6}};
static const struct hash request_id = {{7}};

/* A block whose transaction `at` of `n` brought the batch, and the bundle made of it. */
struct world {
	struct ctx *cx;
	struct header header;
	struct receipt *receipts;
	size_t n;
	size_t at;
	struct log_entry *logs; /* of that transaction: noise, BatchAccepted, Received, noise */
	struct bundle bundle;
	struct hash block_hash;
};

static struct hash topic_u64(uint64_t v)
{
	return u256_to_hash(u256_of_u64(v));
}

static struct log_entry accepted_log(struct arena *a, const struct hash *root, uint32_t count)
{
	struct buf b;
	buf_init(&b, a, 4096);
	abi_put_hash(&b, root);
	abi_put_u64(&b, count);
	abi_put_u64(&b, 0);
	struct log_entry log = {.address = registry, .topics_n = 3, .data = buf_bytes(&b)};
	log.topics[0] = *events_topic(EVENTS_BATCH_ACCEPTED);
	log.topics[1] = topic_u64(SRC_EID);
	log.topics[2] = topic_u64(BATCH);
	return log;
}

static struct log_entry received_log(struct arena *a)
{
	static const struct hash guid = {{9}};
	struct buf b;
	buf_init(&b, a, 4096);
	abi_put_hash(&b, &guid);
	abi_put_hash(&b, &request_id);
	struct log_entry log = {.address = registry, .topics_n = 1, .data = buf_bytes(&b)};
	log.topics[0] = *events_topic(EVENTS_RECEIVED);
	return log;
}

static struct log_entry rejected_log(struct arena *a, const struct hash *subject)
{
	struct buf b;
	buf_init(&b, a, 4096);
	abi_put_u64(&b, 2);
	abi_put_hash(&b, subject);
	abi_put_u64(&b, 2);
	struct log_entry log = {.address = registry, .topics_n = 3, .data = buf_bytes(&b)};
	log.topics[0] = *events_topic(EVENTS_REJECTED);
	log.topics[1] = topic_u64(SRC_EID);
	log.topics[2] = topic_u64(BATCH);
	return log;
}

static void world_seal(struct world *w)
{
	w->header.receipts_root = receipt_root(w->cx->arena, w->receipts, w->n);
	w->block_hash = header_hash(w->cx->arena, &w->header);
}

static enum status world_make(struct world *w)
{
	return bundle_make(w->cx, &w->bundle, &w->header, w->receipts, w->n, &prev_root, &data_hash);
}

static void world_begin(struct world *w, struct ctx *cx, size_t n, size_t at)
{
	struct arena *a = cx->arena;
	struct hash leaves[LEAVES];
	*w = (struct world){.cx = cx, .n = n, .at = at};
	struct bundle *b = &w->bundle;
	for (size_t i = LEAVES; i-- > 0;) {
		b->reg = (struct identity_reg){.subject = {{(uint8_t)i, 1}}, .owner = {{3, 4}},
					       .data_hash = {{8}}, .version = 1};
		leaves[i] = identity_leaf(&b->reg);
	}
	b->root = identity_tree_root(a, leaves, LEAVES);
	b->path_n = identity_tree_path(a, leaves, LEAVES, 0, b->path);
	b->batch_number = BATCH;
	b->src_eid = SRC_EID;
	b->dst_eid = DST_EID;
	b->main_registry = registry;
	w->receipts = arena_array(a, n, sizeof *w->receipts);
	for (size_t i = 0; i < n; i++)
		w->receipts[i] = (struct receipt){.type = 2, .succeeded = true,
						  .gas_cumulative = 21000 * (i + 1)};
	w->logs = arena_array(a, 4, sizeof *w->logs);
	w->logs[0] = accepted_log(a, &b->root, LEAVES);
	w->logs[0].address = stranger;
	w->logs[1] = accepted_log(a, &b->root, LEAVES);
	w->logs[2] = received_log(a);
	w->logs[3] = rejected_log(a, &b->reg.subject);
	w->logs[3].address = stranger;
	w->receipts[at].logs = w->logs;
	w->receipts[at].logs_n = 4;
	w->header = (struct header){.fields = HEADER_PRAGUE, .number = 12, .timestamp = 1763735407};
	world_seal(w);
	ck_ok(cx, world_make(w));
}

/* The sentence of the step that does not hold; "" when all do. */
static const char *verdict(struct world *w, const struct bundle *b, const struct addr *main_registry)
{
	struct bundle_step steps[BUNDLE_STEPS_MAX];
	size_t n;
	bool holds = bundle_check(w->cx->arena, b, &w->block_hash, main_registry, steps, &n);
	ck_assert_uint_ge(n, 1);
	for (size_t i = 0; i + 1 < n; i++)
		ck_assert(steps[i].holds);
	ck_assert_int_eq(steps[n - 1].holds, holds);
	ck_assert(!holds || n == 7);
	return holds ? "" : steps[n - 1].text;
}

static void assert_refused(struct world *w, const struct bundle *b, const char *words)
{
	const char *text = verdict(w, b, NULL);
	ck_assert_msg(text[0] && strstr(text, words), "'%s' is not in '%s'", words, text);
}

START_TEST(a_bundle_holds_wherever_in_the_block_it_stands)
{
	static const size_t blocks[][2] = {{1, 0},     {2, 0},   {2, 1},     {3, 2},    {16, 0},   {17, 16},
					   {128, 127}, {129, 0}, {129, 128}, {200, 77}, {300, 299}};
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
		struct ctx *cx = unit_ctx();
		struct world *w = arena_alloc(cx->arena, sizeof *w);
		struct bundle *back = arena_alloc(cx->arena, sizeof *back);
		world_begin(w, cx, blocks[i][0], blocks[i][1]);
		ck_assert_uint_eq(w->bundle.evidence.tx_index, blocks[i][1]);
		ck_assert_uint_eq(w->bundle.evidence.log_index, 1);
		ck_assert_str_eq(verdict(w, &w->bundle, &registry), "");
		struct bytes text = bundle_text(cx->arena, &w->bundle);
		ck_ok(cx, bundle_read(cx, back, text));
		ck_assert_str_eq(verdict(w, back, NULL), "");
		ck_assert(bytes_equal(bundle_text(cx->arena, back), text));
		unit_ctx_end(cx);
	}
}
END_TEST

START_TEST(what_was_changed_does_not_hold)
{
	struct ctx *cx = unit_ctx();
	struct world *w = arena_alloc(cx->arena, sizeof *w);
	world_begin(w, cx, 20, 3);
	struct bundle *b = arena_alloc(cx->arena, sizeof *b);
#define CHANGED(change, words)                                                                     \
	do {                                                                                       \
		*b = w->bundle;                                                                    \
		change;                                                                            \
		assert_refused(w, b, words);                                                       \
	} while (0)
	CHANGED(b->reg.subject.b[0] ^= 1, "not to the root");
	CHANGED(b->reg.owner.b[0] ^= 1, "not to the root");
	CHANGED(b->reg.data_hash.b[0] ^= 1, "not to the root");
	CHANGED(b->reg.version ^= 1, "not to the root");
	CHANGED(b->path[1].b[0] ^= 1, "not to the root");
	CHANGED(b->path_n--, "not to the root");
	CHANGED(b->reg.owner = (struct addr){{0}}, "revocation");
	CHANGED(b->has_evidence = false, "no evidence");
	CHANGED(b->evidence.header.n--, "cannot be read");
	CHANGED(b->evidence.block_number++, "calls it block 13");
	CHANGED(b->evidence.block_hash.b[0] ^= 1, "calls it block 12");
	CHANGED(b->evidence.tx_index++, "not proven");
	CHANGED(b->evidence.nodes_n--, "not proven");
	CHANGED(b->evidence.nodes[0].n--, "not proven");
	CHANGED(b->evidence.log_index = 0, "no BatchAccepted");
	CHANGED(b->evidence.log_index = 2, "no BatchAccepted");
	CHANGED(b->evidence.log_index = UINT32_MAX, "no BatchAccepted");
	CHANGED(b->main_registry = stranger, "no BatchAccepted");
	CHANGED(b->src_eid++, "another batch");
	CHANGED(b->batch_number++, "another batch");
	CHANGED(b->evidence.count++, "another batch");
	CHANGED(b->evidence.request_id.b[0] ^= 1, "another request");
	/* A root of the forger's own: the path leads to it, but nobody took it. */
	CHANGED((b->path_n = 0, b->root = identity_leaf(&b->reg)), "another batch");
	const char *text = verdict(w, &w->bundle, &stranger);
	ck_assert_msg(strstr(text, "not the one that was given"), "%s", text);
	w->block_hash.b[0] ^= 1;
	assert_refused(w, &w->bundle, "not of 0x");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(every_bit_of_the_evidence_counts)
{
	struct ctx *cx = unit_ctx();
	struct world *w = arena_alloc(cx->arena, sizeof *w);
	world_begin(w, cx, 3, 1);
	struct bundle b = w->bundle;
	for (size_t part = 0; part <= b.evidence.nodes_n; part++) {
		struct bytes *span = part ? &b.evidence.nodes[part - 1] : &b.evidence.header;
		struct bytes good = *span;
		uint8_t *bent = arena_copy(cx->arena, good.p, good.n);
		*span = bytes_of(bent, good.n);
		for (size_t bit = 0; bit < 8 * good.n; bit += 3) {
			struct arena *a = arena_create(UNIT_ARENA_BYTES);
			struct bundle_step steps[BUNDLE_STEPS_MAX];
			size_t n;
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
			ck_assert(!bundle_check(a, &b, &w->block_hash, NULL, steps, &n));
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
			arena_destroy(a);
		}
		*span = good;
	}
	ck_assert_str_eq(verdict(w, &b, NULL), "");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(failed_and_rejected_ones_prove_nothing)
{
	struct ctx *cx = unit_ctx();
	struct world *w = arena_alloc(cx->arena, sizeof *w);
	world_begin(w, cx, 4, 2);
	/* The registry itself turned an operation of the subject away. */
	w->logs[3].address = registry;
	world_seal(w);
	ck_ok(cx, world_make(w));
	assert_refused(w, &w->bundle, "rejected an operation");
	/* Of another subject: no matter. */
	struct hash other = {{0x77}};
	w->logs[3] = rejected_log(cx->arena, &other);
	world_seal(w);
	ck_ok(cx, world_make(w));
	ck_assert_str_eq(verdict(w, &w->bundle, NULL), "");
	/* A transaction that failed has no logs in truth; a receipt that says so proves nothing. */
	struct bundle good = w->bundle;
	w->receipts[2].succeeded = false;
	world_seal(w);
	ck_fails(cx, world_make(w), ST_NOT_FOUND, "did not take the batch in block 12");
	w->bundle = good;
	assert_refused(w, &w->bundle, "not of 0x");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(evidence_is_only_made_of_what_the_header_says)
{
	struct ctx *cx = unit_ctx();
	struct world *w = arena_alloc(cx->arena, sizeof *w);
	world_begin(w, cx, 4, 2);
	w->header.receipts_root.b[0] ^= 1;
	ck_fails(cx, world_make(w), ST_CHAIN_DISPUTED, "do not make its receiptsRoot");
	world_begin(w, cx, 4, 2);
	w->bundle.batch_number++;
	ck_fails(cx, world_make(w), ST_NOT_FOUND, "did not take the batch");
	world_begin(w, cx, 4, 2);
	w->receipts[2].logs_n = 2; /* no Received behind it */
	world_seal(w);
	ck_fails(cx, world_make(w), ST_NOT_FOUND, "without its message");
	/* Somebody brings the batch together with megabytes of his own. */
	world_begin(w, cx, 4, 2);
	w->logs[3].data = bytes_of(arena_alloc(cx->arena, BUNDLE_NODE_BYTES_MAX - 2048),
				   BUNDLE_NODE_BYTES_MAX - 2048);
	world_seal(w);
	ck_ok(cx, world_make(w));
	struct bundle *back = arena_alloc(cx->arena, sizeof *back);
	ck_ok(cx, bundle_read(cx, back, bundle_text(cx->arena, &w->bundle)));
	ck_assert_str_eq(verdict(w, back, NULL), "");
	w->logs[3].data.n += 2048;
	w->logs[3].data.p = arena_alloc(cx->arena, w->logs[3].data.n);
	world_seal(w);
	ck_fails(cx, world_make(w), ST_TOO_LARGE, "too large for a proof");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(texts_are_read_strictly)
{
	struct ctx *cx = unit_ctx();
	struct world *w = arena_alloc(cx->arena, sizeof *w);
	struct bundle *out = arena_alloc(cx->arena, sizeof *out);
	world_begin(w, cx, 2, 1);
	struct bytes good = bundle_text(cx->arena, &w->bundle);
	const char *text = arena_strndup(cx->arena, (const char *)good.p, good.n);
	for (size_t n = 0; n + 2 < good.n; n += 7)
		ck_assert(bundle_read(cx, out, bytes_of(good.p, n)) == ST_INVALID);
	static const char *const members[] = {"subject", "owner", "data_hash", "version", "path", "root",
		"batch_number", "src_eid", "dst_eid", "main_registry", "block_hash", "header", "tx_index",
		"log_index", "count", "request_id", "prev_root", "receipt_proof"};
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		char *bent = arena_strdup(cx->arena, text);
		char *at = strstr(bent, arena_printf(cx->arena, "\"%s\":", members[i]));
		ck_assert_ptr_nonnull(at);
		at[1] = '_';
		ck_assert_msg(bundle_read(cx, out, bytes_of(bent, good.n)) == ST_INVALID, "without %s",
			      members[i]);
	}
	/* Without evidence it can be read, and does not hold. */
	char *bare = arena_strdup(cx->arena, text);
	memcpy(strstr(bare, "\"evidence\""), "\"_vidence\"", 10);
	ck_ok(cx, bundle_read(cx, out, bytes_of(bare, good.n)));
	assert_refused(w, out, "no evidence");
	ck_fails(cx, bundle_read(cx, out, bytes_of("[]", 2)), ST_INVALID, "");
	struct bytes part = bundle_evidence_text(cx->arena, &w->bundle.evidence);
	ck_assert(strstr(text, arena_strndup(cx->arena, (const char *)part.p, part.n)));
	unit_ctx_end(cx);
}
END_TEST

SUITE("chain/bundle", a_bundle_holds_wherever_in_the_block_it_stands, what_was_changed_does_not_hold,
      every_bit_of_the_evidence_counts, failed_and_rejected_ones_prove_nothing,
      evidence_is_only_made_of_what_the_header_says, texts_are_read_strictly)
