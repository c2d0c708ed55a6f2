/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/calls.h"

#include <assert.h>

#include "chain/abi.h"

static const struct {
	uint32_t selector;
	const char *signature;
} calls_methods[CALLS_COUNT] = {
#define X(name, selector, signature) [CALLS_##name] = {selector, signature},
#include "chain/calls.def"
#undef X
};

uint32_t calls_selector(enum calls_method m)
{
	assert(m < CALLS_COUNT);
	return calls_methods[m].selector;
}

const char *calls_signature(enum calls_method m)
{
	assert(m < CALLS_COUNT);
	return calls_methods[m].signature;
}

const char *calls_name(struct arena *a, enum calls_method m)
{
	const char *signature = calls_signature(m);
	return arena_strndup(a, signature, strcspn(signature, "("));
}

static void calls_begin(struct buf *b, enum calls_method m)
{
	abi_put_selector(b, calls_selector(m));
}

/* The one argument is an array of n dynamic tuples; returns what their offsets count from. Before
 * each element call calls_array_element. */
static size_t calls_array_begin(struct buf *b, enum calls_method m, size_t n)
{
	calls_begin(b, m);
	size_t base = b->n;
	abi_tail(b, base, abi_slot(b));
	abi_put_u64(b, n);
	size_t elements = b->n;
	for (size_t i = 0; i < n; i++)
		abi_slot(b);
	return elements;
}

static void calls_array_element(struct buf *b, size_t elements, size_t index)
{
	abi_tail(b, elements, elements + index * ABI_WORD);
}

/* --- Messenger ---------------------------------------------------------------------------- */

enum { CALLS_ITEM_WORDS = 13 };

static void calls_put_item(struct buf *b, const struct calls_item *item)
{
	assert(u256_fits(item->gas_limit, 128));
	assert(u256_fits(item->value, 128));
	size_t base = b->n;
	abi_put_u64(b, item->dst_eid);
	abi_put_hash(b, &item->receiver);
	size_t payload = abi_slot(b);
	abi_put_u256(b, item->gas_limit);
	abi_put_u256(b, item->value);
	abi_put_hash(b, &item->ordering_key);
	abi_put_addr(b, &item->author);
	abi_put_u256(b, item->nonce);
	abi_put_u256(b, item->deadline);
	size_t signature = abi_slot(b);
	abi_put_hash(b, &item->app_id);
	abi_put_hash(b, &item->request_id);
	abi_put_u256(b, item->fee);
	abi_tail(b, base, payload);
	abi_put_bytes(b, item->payload);
	abi_tail(b, base, signature);
	abi_put_bytes(b, item->signature);
}

void calls_send_many(struct buf *b, const struct calls_item *items, size_t n)
{
	size_t elements = calls_array_begin(b, CALLS_SEND_MANY, n);
	for (size_t i = 0; i < n; i++) {
		calls_array_element(b, elements, i);
		calls_put_item(b, &items[i]);
	}
}

size_t calls_item_bytes(const struct calls_item *item)
{
	return ABI_WORD * (1 + CALLS_ITEM_WORDS) + abi_bytes_size(item->payload.n) +
	       abi_bytes_size(item->signature.n);
}

/* A method whose one argument is an item. */
static void calls_one_item(struct buf *b, enum calls_method m, const struct calls_item *item)
{
	calls_begin(b, m);
	size_t base = b->n;
	abi_tail(b, base, abi_slot(b));
	calls_put_item(b, item);
}

void calls_quote(struct buf *b, const struct calls_item *item)
{
	calls_one_item(b, CALLS_QUOTE, item);
}

void calls_hash_item(struct buf *b, const struct calls_item *item)
{
	calls_one_item(b, CALLS_HASH_ITEM, item);
}

void calls_cancel_nonce(struct buf *b, struct u256 nonce)
{
	calls_begin(b, CALLS_CANCEL_NONCE);
	abi_put_u256(b, nonce);
}

void calls_nonce_bitmap(struct buf *b, const struct addr *author, struct u256 word)
{
	calls_begin(b, CALLS_NONCE_BITMAP);
	abi_put_addr(b, author);
	abi_put_u256(b, word);
}

void calls_nonce_used(struct buf *b, const struct addr *author, struct u256 nonce)
{
	calls_begin(b, CALLS_NONCE_USED);
	abi_put_addr(b, author);
	abi_put_u256(b, nonce);
}

void calls_last_received(struct buf *b, uint32_t src_eid, const struct hash *key)
{
	calls_begin(b, CALLS_LAST_RECEIVED);
	abi_put_u64(b, src_eid);
	abi_put_hash(b, key);
}

void calls_pass_sequence(struct buf *b, uint32_t src_eid, const struct hash *key, uint64_t seq)
{
	calls_begin(b, CALLS_PASS_SEQUENCE);
	abi_put_u64(b, src_eid);
	abi_put_hash(b, key);
	abi_put_u64(b, seq);
}

/* A u128 word. */
static struct u256 calls_next_u128(struct abi_reader *r)
{
	struct u256 v = abi_next_u256(r);
	if (!u256_fits(v, 128))
		r->bad = true;
	return r->bad ? u256_of_u64(0) : v;
}

static void calls_next_item(struct abi_reader *r, struct calls_item *item, size_t bytes_max)
{
	struct abi_reader t = abi_next_tuple(r);
	item->dst_eid = abi_next_u32(&t);
	item->receiver = abi_next_hash(&t);
	item->payload = abi_next_bytes(&t, bytes_max);
	item->gas_limit = calls_next_u128(&t);
	item->value = calls_next_u128(&t);
	item->ordering_key = abi_next_hash(&t);
	item->author = abi_next_addr(&t);
	item->nonce = abi_next_u256(&t);
	item->deadline = abi_next_u256(&t);
	item->signature = abi_next_bytes(&t, bytes_max);
	item->app_id = abi_next_hash(&t);
	item->request_id = abi_next_hash(&t);
	item->fee = abi_next_u256(&t);
	abi_close(r, &t);
}

enum status calls_decode_send_many(struct arena *a, struct calls_item **items, size_t *n,
				   struct bytes data, size_t n_max)
{
	if (data.n < 4 || u256_of_be(data.p, 4).limb[0] != calls_selector(CALLS_SEND_MANY))
		return ST_NOT_FOUND;
	struct abi_reader r = abi_read((struct bytes){data.p + 4, data.n - 4});
	size_t count;
	struct abi_reader elements = abi_next_array(&r, n_max, &count);
	if (abi_done(&r) != ST_OK)
		return ST_INVALID;
	struct calls_item *out = arena_array(a, count, sizeof *out);
	for (size_t i = 0; i < count && !elements.bad; i++)
		calls_next_item(&elements, &out[i], data.n);
	*items = out;
	*n = count;
	return abi_done(&elements);
}

/* --- Batcher ------------------------------------------------------------------------------ */

void calls_deliver(struct buf *b, const struct calls_delivery *items, size_t n)
{
	size_t elements = calls_array_begin(b, CALLS_DELIVER, n);
	for (size_t i = 0; i < n; i++) {
		calls_array_element(b, elements, i);
		size_t base = b->n;
		size_t packet = abi_slot(b);
		abi_put_u256(b, items[i].gas_limit);
		abi_put_u256(b, items[i].value);
		abi_put_u64(b, items[i].ops);
		abi_tail(b, base, packet);
		abi_put_bytes(b, items[i].packet);
	}
}

size_t calls_delivery_bytes(const struct calls_delivery *item)
{
	return ABI_WORD * (1 + 4) + abi_bytes_size(item->packet.n);
}

/* --- ReceiveUln302, DVN ------------------------------------------------------------------- */

void calls_verify(struct buf *b, const uint8_t *header, const struct hash *payload_hash,
		  uint64_t confirmations)
{
	calls_begin(b, CALLS_VERIFY);
	size_t base = b->n;
	size_t slot = abi_slot(b);
	abi_put_hash(b, payload_hash);
	abi_put_u64(b, confirmations);
	abi_tail(b, base, slot);
	abi_put_bytes(b, bytes_of(header, PACKET_HEADER_BYTES));
}

void calls_commit_verification(struct buf *b, const uint8_t *header,
			       const struct hash *payload_hash)
{
	calls_begin(b, CALLS_COMMIT_VERIFICATION);
	size_t base = b->n;
	size_t slot = abi_slot(b);
	abi_put_hash(b, payload_hash);
	abi_tail(b, base, slot);
	abi_put_bytes(b, bytes_of(header, PACKET_HEADER_BYTES));
}

void calls_hash_lookup(struct buf *b, const struct hash *header_hash,
		       const struct hash *payload_hash, const struct addr *dvn)
{
	calls_begin(b, CALLS_HASH_LOOKUP);
	abi_put_hash(b, header_hash);
	abi_put_hash(b, payload_hash);
	abi_put_addr(b, dvn);
}

void calls_execute(struct buf *b, const struct calls_execute_param *params, size_t n)
{
	size_t elements = calls_array_begin(b, CALLS_EXECUTE, n);
	for (size_t i = 0; i < n; i++) {
		const struct calls_execute_param *param = &params[i];
		calls_array_element(b, elements, i);
		size_t base = b->n;
		abi_put_u64(b, param->vid);
		abi_put_addr(b, &param->target);
		size_t call_data = abi_slot(b);
		abi_put_u64(b, param->expiration);
		size_t signatures = abi_slot(b);
		abi_tail(b, base, call_data);
		abi_put_bytes(b, param->call_data);
		abi_tail(b, base, signatures);
		abi_put_bytes(b, param->signatures);
	}
}

size_t calls_execute_param_bytes(const struct calls_execute_param *param)
{
	return ABI_WORD * (1 + 5) + abi_bytes_size(param->call_data.n) +
	       abi_bytes_size(param->signatures.n);
}

/* --- EndpointV2 --------------------------------------------------------------------------- */

static void calls_put_origin(struct buf *b, const struct packet *p)
{
	abi_put_u64(b, p->src_eid);
	abi_put_hash(b, &p->sender);
	abi_put_u64(b, p->nonce);
}

/* The receiving application's address. */
static void calls_put_receiver(struct buf *b, const struct packet *p)
{
	struct addr receiver = addr_of_hash(&p->receiver);
	abi_put_addr(b, &receiver);
}

/* receiver, srcEid, sender */
static void calls_put_path(struct buf *b, enum calls_method m, const struct packet *p)
{
	calls_begin(b, m);
	calls_put_receiver(b, p);
	abi_put_u64(b, p->src_eid);
	abi_put_hash(b, &p->sender);
}

void calls_lz_receive(struct buf *b, const struct packet *p)
{
	calls_begin(b, CALLS_LZ_RECEIVE);
	size_t base = b->n;
	calls_put_origin(b, p);
	calls_put_receiver(b, p);
	abi_put_hash(b, &p->guid);
	size_t message = abi_slot(b);
	size_t extra_data = abi_slot(b);
	abi_tail(b, base, message);
	abi_put_bytes(b, p->message);
	abi_tail(b, base, extra_data);
	abi_put_bytes(b, (struct bytes){NULL, 0});
}

void calls_inbound_payload_hash(struct buf *b, const struct packet *p)
{
	calls_put_path(b, CALLS_INBOUND_PAYLOAD_HASH, p);
	abi_put_u64(b, p->nonce);
}

void calls_lazy_inbound_nonce(struct buf *b, const struct packet *p)
{
	calls_put_path(b, CALLS_LAZY_INBOUND_NONCE, p);
}

void calls_inbound_nonce(struct buf *b, const struct packet *p)
{
	calls_put_path(b, CALLS_INBOUND_NONCE, p);
}

void calls_outbound_nonce(struct buf *b, const struct packet *p)
{
	struct addr sender = addr_of_hash(&p->sender);
	calls_begin(b, CALLS_OUTBOUND_NONCE);
	abi_put_addr(b, &sender);
	abi_put_u64(b, p->dst_eid);
	abi_put_hash(b, &p->receiver);
}

void calls_clear(struct buf *b, const struct packet *p)
{
	calls_begin(b, CALLS_CLEAR);
	size_t base = b->n;
	calls_put_receiver(b, p);
	calls_put_origin(b, p);
	abi_put_hash(b, &p->guid);
	size_t message = abi_slot(b);
	abi_tail(b, base, message);
	abi_put_bytes(b, p->message);
}

void calls_skip(struct buf *b, const struct packet *p)
{
	calls_put_path(b, CALLS_SKIP, p);
	abi_put_u64(b, p->nonce);
}

void calls_nilify(struct buf *b, const struct packet *p, const struct hash *payload_hash)
{
	calls_put_path(b, CALLS_NILIFY, p);
	abi_put_u64(b, p->nonce);
	abi_put_hash(b, payload_hash);
}

void calls_burn(struct buf *b, const struct packet *p, const struct hash *payload_hash)
{
	calls_put_path(b, CALLS_BURN, p);
	abi_put_u64(b, p->nonce);
	abi_put_hash(b, payload_hash);
}

/* --- ERC-1271 ----------------------------------------------------------------------------- */

void calls_is_valid_signature(struct buf *b, const struct hash *digest, struct bytes signature)
{
	calls_begin(b, CALLS_IS_VALID_SIGNATURE);
	size_t base = b->n;
	abi_put_hash(b, digest);
	size_t slot = abi_slot(b);
	abi_tail(b, base, slot);
	abi_put_bytes(b, signature);
}

bool calls_is_valid_signature_answer(struct bytes answer)
{
	uint8_t magic[ABI_WORD] = {0};
	u256_to_be(magic, 4, u256_of_u64(calls_selector(CALLS_IS_VALID_SIGNATURE)));
	return answer.n >= ABI_WORD && memcmp(answer.p, magic, ABI_WORD) == 0;
}
