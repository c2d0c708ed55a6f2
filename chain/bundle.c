/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/bundle.h"

#include <assert.h>
#include <time.h>

#include "base/json.h"
#include "chain/account.h"
#include "chain/header.h"
#include "chain/receipt.h"

/* Reading ------------------------------------------------------------------------------------- */

/* Decimal digits in a text, or a number. */
static enum status bundle_number(struct ctx *cx, uint64_t *out, const json_t *object,
				 const char *name, unsigned bits)
{
	const json_t *v = json_object_get(object, name);
	const char *text = json_string_value(v);
	struct u256 number = u256_of_u64(0);
	bool ok = json_is_integer(v) && json_integer_value(v) >= 0;
	if (ok)
		number = u256_of_u64((uint64_t)json_integer_value(v));
	else if (text)
		ok = u256_parse(&number, text, strlen(text)) == ST_OK;
	if (!ok || !u256_fits(number, bits))
		return fail(cx, ST_INVALID, "%s must be a number below 2^%u", name, bits);
	*out = number.limb[0];
	return ST_OK;
}

static enum status bundle_u32(struct ctx *cx, uint32_t *out, const json_t *object, const char *name)
{
	uint64_t v;
	TRY(bundle_number(cx, &v, object, name, 32));
	*out = (uint32_t)v;
	return ST_OK;
}

static enum status bundle_hash(struct ctx *cx, struct hash *out, const json_t *object,
			       const char *name)
{
	return json_read_hash(cx, out, json_object_get(object, name), name);
}

static enum status bundle_read_reg(struct ctx *cx, struct identity_reg *out, const json_t *root)
{
	json_t *reg;
	TRY(json_read_member(cx, &reg, root, "reg", JSON_OBJECT));
	TRY(bundle_hash(cx, &out->subject, reg, "subject"));
	TRY(json_read_addr(cx, &out->owner, json_object_get(reg, "owner"), "owner"));
	TRY(bundle_hash(cx, &out->data_hash, reg, "data_hash"));
	return bundle_number(cx, &out->version, reg, "version", 64);
}

static enum status bundle_read_path(struct ctx *cx, struct bundle *out, const json_t *root)
{
	json_t *path;
	size_t i;
	json_t *node;
	TRY(json_read_member(cx, &path, root, "path", JSON_ARRAY));
	if (json_array_size(path) > IDENTITY_PATH_MAX)
		return fail(cx, ST_INVALID, "path has at most %d hashes", IDENTITY_PATH_MAX);
	json_array_foreach(path, i, node)
		TRY(json_read_hash(cx, &out->path[out->path_n++], node, "path"));
	return ST_OK;
}

static enum status bundle_read_evidence(struct ctx *cx, struct bundle_evidence *out,
					const json_t *e)
{
	json_t *nodes;
	size_t i;
	json_t *node;
	if (!json_is_object(e))
		return fail(cx, ST_INVALID, "evidence must be an object");
	TRY(bundle_number(cx, &out->block_number, e, "block_number", 64));
	TRY(bundle_hash(cx, &out->block_hash, e, "block_hash"));
	TRY(json_read_data(cx, &out->header, json_object_get(e, "header"), "header",
			   BUNDLE_HEADER_BYTES_MAX));
	TRY(bundle_number(cx, &out->tx_index, e, "tx_index", 32));
	TRY(bundle_u32(cx, &out->log_index, e, "log_index"));
	TRY(bundle_u32(cx, &out->count, e, "count"));
	TRY(bundle_hash(cx, &out->request_id, e, "request_id"));
	TRY(bundle_hash(cx, &out->prev_root, e, "prev_root"));
	TRY(bundle_hash(cx, &out->data_hash, e, "data_hash"));
	TRY(json_read_member(cx, &nodes, e, "receipt_proof", JSON_ARRAY));
	if (json_array_size(nodes) > MPT_PROOF_NODES_MAX)
		return fail(cx, ST_INVALID, "receipt_proof has at most %d nodes",
			    MPT_PROOF_NODES_MAX);
	json_array_foreach(nodes, i, node)
		TRY(json_read_data(cx, &out->nodes[out->nodes_n++], node, "receipt_proof",
				   BUNDLE_NODE_BYTES_MAX));
	return ST_OK;
}

enum status bundle_read(struct ctx *cx, struct bundle *out, struct bytes text)
{
	json_t *root;
	*out = (struct bundle){.path_n = 0};
	TRY(json_parse(cx, &root, text, BUNDLE_TEXT_BYTES_MAX, JSON_DEPTH_MAX));
	TRY(bundle_read_reg(cx, &out->reg, root));
	TRY(bundle_read_path(cx, out, root));
	TRY(bundle_hash(cx, &out->root, root, "root"));
	TRY(bundle_number(cx, &out->batch_number, root, "batch_number", 64));
	TRY(bundle_u32(cx, &out->src_eid, root, "src_eid"));
	TRY(bundle_u32(cx, &out->dst_eid, root, "dst_eid"));
	TRY(json_read_addr(cx, &out->main_registry, json_object_get(root, "main_registry"),
			   "main_registry"));
	const json_t *evidence = json_object_get(root, "evidence");
	out->has_evidence = evidence && !json_is_null(evidence);
	return out->has_evidence ? bundle_read_evidence(cx, &out->evidence, evidence) : ST_OK;
}

/* Writing ------------------------------------------------------------------------------------- */

static void bundle_put_hex(struct buf *b, struct bytes data)
{
	buf_puts(b, "\"0x");
	uint8_t *at = buf_extend(b, 2 * data.n);
	if (at)
		hex_digits((char *)at, data.p, data.n);
	buf_putc(b, '"');
}

/* ,"name":"0x…"; without the comma when it is the first of its object. */
static void bundle_put_member(struct buf *b, const char *name, const void *p, size_t n)
{
	bool first = b->n == 0 || b->p[b->n - 1] == '{';
	buf_printf(b, "%s\"%s\":", first ? "" : ",", name);
	bundle_put_hex(b, bytes_of(p, n));
}

static void bundle_put_evidence(struct buf *b, const struct bundle_evidence *e)
{
	buf_putc(b, '{');
	bundle_put_member(b, "block_hash", e->block_hash.b, 32);
	buf_printf(b, ",\"block_number\":\"%llu\"", (unsigned long long)e->block_number);
	bundle_put_member(b, "header", e->header.p, e->header.n);
	buf_printf(b, ",\"tx_index\":%llu,\"log_index\":%u,\"count\":%u",
		   (unsigned long long)e->tx_index, e->log_index, e->count);
	bundle_put_member(b, "request_id", e->request_id.b, 32);
	bundle_put_member(b, "prev_root", e->prev_root.b, 32);
	bundle_put_member(b, "data_hash", e->data_hash.b, 32);
	buf_puts(b, ",\"receipt_proof\":[");
	for (size_t i = 0; i < e->nodes_n; i++) {
		if (i)
			buf_putc(b, ',');
		bundle_put_hex(b, e->nodes[i]);
	}
	buf_puts(b, "]}");
}

struct bytes bundle_evidence_text(struct arena *a, const struct bundle_evidence *evidence)
{
	struct buf b;
	buf_init(&b, a, BUNDLE_TEXT_BYTES_MAX);
	bundle_put_evidence(&b, evidence);
	assert(!b.overflow);
	return buf_bytes(&b);
}

struct bytes bundle_text(struct arena *a, const struct bundle *p)
{
	struct buf b;
	buf_init(&b, a, BUNDLE_TEXT_BYTES_MAX);
	buf_puts(&b, "{\"reg\":{");
	bundle_put_member(&b, "subject", p->reg.subject.b, 32);
	bundle_put_member(&b, "owner", p->reg.owner.b, 20);
	bundle_put_member(&b, "data_hash", p->reg.data_hash.b, 32);
	buf_printf(&b, ",\"version\":\"%llu\"},\"path\":[", (unsigned long long)p->reg.version);
	for (size_t i = 0; i < p->path_n; i++) {
		if (i)
			buf_putc(&b, ',');
		bundle_put_hex(&b, bytes_of(p->path[i].b, 32));
	}
	buf_putc(&b, ']');
	bundle_put_member(&b, "root", p->root.b, 32);
	buf_printf(&b, ",\"batch_number\":\"%llu\",\"src_eid\":%u,\"dst_eid\":%u",
		   (unsigned long long)p->batch_number, p->src_eid, p->dst_eid);
	bundle_put_member(&b, "main_registry", p->main_registry.b, 20);
	if (p->has_evidence) {
		buf_puts(&b, ",\"evidence\":");
		bundle_put_evidence(&b, &p->evidence);
	}
	buf_puts(&b, "}\n");
	assert(!b.overflow);
	return buf_bytes(&b);
}

/* Checking ------------------------------------------------------------------------------------ */

struct bundle_checking {
	struct arena *a;
	const struct bundle *bundle;
	struct bundle_step *steps;
	size_t n;
	struct header header;
	struct receipt receipt;
};

/* Adds a step; returns whether it holds. */
static bool __attribute__((format(printf, 3, 4)))
bundle_step(struct bundle_checking *c, bool holds, const char *fmt, ...)
{
	va_list ap;
	assert(c->n < BUNDLE_STEPS_MAX);
	va_start(ap, fmt);
	c->steps[c->n++] = (struct bundle_step){holds, arena_vprintf(c->a, fmt, ap)};
	va_end(ap);
	return holds;
}

static const char *bundle_hex(const struct bundle_checking *c, const struct hash *h)
{
	return hex_encode(c->a, h->b, sizeof h->b);
}

static bool bundle_check_leaf(struct bundle_checking *c)
{
	const struct bundle *b = c->bundle;
	char owner[ACCOUNT_TEXT_BYTES];
	account_format(owner, &b->reg.owner);
	if (addr_is_zero(&b->reg.owner))
		return bundle_step(c, false, "The owner is 0: that is a revocation, which proves "
					     "nobody's registration.");
	struct hash leaf = identity_leaf(&b->reg);
	bundle_step(c, true, "Subject %s belongs to %s at version %llu; its leaf is %s.",
		    bundle_hex(c, &b->reg.subject), owner, (unsigned long long)b->reg.version,
		    bundle_hex(c, &leaf));
	struct hash root = identity_path_root(&leaf, b->path, b->path_n);
	if (!hash_equal(&root, &b->root))
		return bundle_step(c, false, "The path leads to %s, not to the root %s.",
				   bundle_hex(c, &root), bundle_hex(c, &b->root));
	return bundle_step(c, true, "The path of %zu hashes leads to the root %s.", b->path_n,
			   bundle_hex(c, &b->root));
}

static bool bundle_check_header(struct bundle_checking *c, const struct hash *block_hash)
{
	const struct bundle_evidence *e = &c->bundle->evidence;
	if (!c->bundle->has_evidence)
		return bundle_step(c, false, "There is no evidence that the main registry took the "
					     "root: ask for the proof with its evidence.");
	struct header *h = &c->header;
	if (header_decode(h, e->header) != ST_OK)
		return bundle_step(c, false, "The block header cannot be read.");
	struct hash hash = header_hash(c->a, h);
	if (!hash_equal(&hash, block_hash))
		return bundle_step(c, false, "The header is that of block %s, not of %s.",
				   bundle_hex(c, &hash), bundle_hex(c, block_hash));
	if (e->block_number != h->number || !hash_equal(&e->block_hash, &hash))
		return bundle_step(c, false, "The bundle calls it block %llu, %s; its header says %llu.",
				   (unsigned long long)e->block_number,
				   bundle_hex(c, &e->block_hash), (unsigned long long)h->number);
	char text[32];
	struct tm tm;
	time_t at = (time_t)h->timestamp;
	size_t n = gmtime_r(&at, &tm) ? strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm)
				      : 0;
	text[n] = '\0';
	return bundle_step(c, true, "The header is that of the block %s: number %llu, of %s.",
			   bundle_hex(c, &hash), (unsigned long long)h->number, text);
}

static bool bundle_check_receipt(struct bundle_checking *c)
{
	const struct bundle_evidence *e = &c->bundle->evidence;
	struct bytes raw;
	if (mpt_prove_index(&raw, &c->header.receipts_root, (size_t)e->tx_index, e->nodes,
			    e->nodes_n) != ST_OK || raw.n == 0)
		return bundle_step(c, false, "The receipt is not proven: its nodes do not lead from "
					     "the header's receiptsRoot to it.");
	if (receipt_decode(c->a, &c->receipt, raw) != ST_OK)
		return bundle_step(c, false, "The receipt cannot be read.");
	if (!c->receipt.succeeded)
		return bundle_step(c, false, "The block's transaction %llu failed: its receipt "
					     "proves nothing.", (unsigned long long)e->tx_index);
	return bundle_step(c, true, "The receipt of the block's transaction %llu is proven; it "
				    "succeeded.", (unsigned long long)e->tx_index);
}

/* The events of the registry itself in the receipt. */
static bool bundle_event(const struct bundle_checking *c, struct events_event *out, size_t i,
			 enum events_kind kind)
{
	if (i >= c->receipt.logs_n)
		return false;
	const struct log_entry *log = &c->receipt.logs[i];
	return addr_equal(&log->address, &c->bundle->main_registry) &&
	       events_decode(out, log) == ST_OK && out->kind == kind;
}

static bool bundle_check_log(struct bundle_checking *c, const struct addr *main_registry)
{
	const struct bundle *b = c->bundle;
	struct events_event e;
	char registry[ACCOUNT_TEXT_BYTES];
	account_format(registry, &b->main_registry);
	if (main_registry && !addr_equal(main_registry, &b->main_registry))
		return bundle_step(c, false, "The bundle speaks of the registry %s, which is not the "
					     "one that was given.", registry);
	if (!bundle_event(c, &e, b->evidence.log_index, EVENTS_BATCH_ACCEPTED))
		return bundle_step(c, false, "Log %u of the receipt is no BatchAccepted of the "
					     "registry %s.", b->evidence.log_index, registry);
	const struct events_batch_accepted *accepted = &e.batch_accepted;
	if (accepted->src_eid != b->src_eid || accepted->batch != b->batch_number ||
	    !hash_equal(&accepted->root, &b->root) || accepted->count != b->evidence.count)
		return bundle_step(c, false, "The registry took another batch: %llu from eid %u with "
					     "%u members and the root %s.",
				   (unsigned long long)accepted->batch, accepted->src_eid,
				   accepted->count, bundle_hex(c, &accepted->root));
	return bundle_step(c, true, "There the registry %s%s took batch %llu from eid %u with this "
				    "root and %u members.", registry,
			   main_registry ? "" : " (as the bundle says: compare)",
			   (unsigned long long)b->batch_number, b->src_eid, accepted->count);
}

static bool bundle_check_request(struct bundle_checking *c)
{
	struct events_event e;
	const struct bundle_evidence *evidence = &c->bundle->evidence;
	if (!bundle_event(c, &e, (size_t)evidence->log_index + 1, EVENTS_RECEIVED) ||
	    !hash_equal(&e.received.request_id, &evidence->request_id))
		return bundle_step(c, false, "The message was received for another request than %s.",
				   bundle_hex(c, &evidence->request_id));
	return bundle_step(c, true, "It came in the message %s for the request %s.",
			   bundle_hex(c, &e.received.guid),
			   bundle_hex(c, &evidence->request_id));
}

/* Nothing about the subject was turned away: the leaf might be the one. */
static bool bundle_check_rejected(struct bundle_checking *c)
{
	const struct bundle *b = c->bundle;
	for (size_t i = 0; i < c->receipt.logs_n; i++) {
		struct events_event e;
		if (bundle_event(c, &e, i, EVENTS_REJECTED) &&
		    e.rejected.src_eid == b->src_eid && e.rejected.batch == b->batch_number &&
		    hash_equal(&e.rejected.subject, &b->reg.subject))
			return bundle_step(c, false, "The registry rejected an operation of the "
						     "subject in this batch (reason %u).",
					   e.rejected.reason);
	}
	return bundle_step(c, true, "It rejected nothing of the subject. What it holds of the subject "
				    "in later blocks this does not say.");
}

bool bundle_check(struct arena *a, const struct bundle *bundle, const struct hash *block_hash,
		  const struct addr *main_registry, struct bundle_step steps[BUNDLE_STEPS_MAX],
		  size_t *n)
{
	struct bundle_checking c = {.a = a, .bundle = bundle, .steps = steps};
	bool all = bundle_check_leaf(&c) && bundle_check_header(&c, block_hash) &&
		   bundle_check_receipt(&c) && bundle_check_log(&c, main_registry) &&
		   bundle_check_request(&c) && bundle_check_rejected(&c);
	*n = c.n;
	return all;
}
