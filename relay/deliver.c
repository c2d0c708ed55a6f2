/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/deliver.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/calls.h"
#include "chain/messenger.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/committee.h"
#include "relay/path.h"
#include "storage/attestation.h"

enum {
	/* Messenger's RECEIVE_OVERHEAD; Batcher's COMMIT_GAS, ALERT_GAS and ALERT_GAS_PER_BYTE. */
	RECEIVE_OVERHEAD = 100000,
	COMMIT_GAS = 250000,
	ALERT_GAS = 60000,
	ALERT_GAS_PER_BYTE = 30,
	JUMP_GAS = 2600,          /* EndpointV2.lzReceive, for each nonce since the last one executed */
	JUMP_GAS_MAX = 10000000,  /* farther does not fit a transaction */
	/* What one item uses on a path in use, with room; the Batcher stops when it was more. */
	VERIFY_GAS_EXPECTED = 62000,
	COMMIT_GAS_EXPECTED = 60000,
	RECEIVE_GAS_EXPECTED = 60000,
	VERIFY_GAS_BASE = 120000,
	SIGNATURE_GAS = 10000, /* each beyond the second, which VERIFY_GAS_EXPECTED has */
	VERIFY_ITEMS_MAX = 160,
	DELIVER_ITEMS_MAX = 160,
	DELIVERY_GAS_MAX = 13000000, /* with what the Batcher keeps beside it, still a transaction */
	EXPIRATION_S = 24 * 3600,
	RETRACT_EVERY_MS = 2000,
};

/* Choosing ------------------------------------------------------------------------------------------- */

/* May the relay run the receiver now? Committed messages that wait for somebody are not due. */
static bool may_receive(const struct outbox_item *it)
{
	bool asked = it->state == STATE_COMMITTED || it->state == STATE_EXECUTION_FAILED;
	if (it->act || strcmp(it->value, "0") != 0)
		return false;
	return asked || it->execution == FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC;
}

static bool errand_of(struct errand *e, const struct relay_chain *chain, struct outbox_item *it)
{
	*e = (struct errand){.item = it};
	if (packet_decode(&e->packet, it->packet) != ST_OK)
		return false;
	e->payload_hash = packet_payload_hash(&e->packet);
	e->app = oapp_of_word(chain, &e->packet.receiver);
	if (e->app == OAPP_COUNT)
		return false; /* the configuration has changed */
	e->verify = it->state == STATE_VERIFYING;
	if (e->verify || it->state == STATE_VERIFIED)
		e->ops |= CALLS_COMMIT;
	if (may_receive(it))
		e->ops |= CALLS_RECEIVE;
	e->clear = it->act && !e->ops;
	struct messenger_message m;
	if (!hash_is_zero(&it->ordering_key) && messenger_decode(&m, e->packet.message) == ST_OK) {
		e->key.seq = m.seq;
		e->key.hash = messenger_sequence_key(&m);
	}
	return e->ops || e->clear;
}

bool errand_same_path(const struct errand *a, const struct errand *b)
{
	return a->packet.src_eid == b->packet.src_eid && a->app == b->app;
}

/* The order of the path: lzReceive needs every lower nonce committed. */
static int errand_order(const void *a, const void *b)
{
	const struct errand *x = a, *y = b;
	if (x->packet.src_eid != y->packet.src_eid)
		return x->packet.src_eid < y->packet.src_eid ? -1 : 1;
	if (x->app != y->app)
		return x->app < y->app ? -1 : 1;
	if (x->packet.nonce != y->packet.nonce)
		return x->packet.nonce < y->packet.nonce ? -1 : 1;
	return 0;
}

static enum status deliver_errands(struct ctx *cx, struct deliver *d, struct errand **out, size_t *n)
{
	struct outbox_item *attest, *execute;
	size_t attest_n, execute_n, max = d->lane.world->config.claim_items;
	int64_t eid = d->lane.chain->config.eid;
	TRY(outbox_due(cx, d->lane.db, &attest, &attest_n, eid, STAGE_ATTEST, max));
	TRY(outbox_due(cx, d->lane.db, &execute, &execute_n, eid, STAGE_EXECUTE, max));
	*out = arena_array(cx->arena, attest_n + execute_n ? attest_n + execute_n : 1, sizeof **out);
	*n = 0;
	for (size_t i = 0; i < attest_n + execute_n; i++)
		if (errand_of(&(*out)[*n], &d->lane.chain->config,
			      i < attest_n ? &attest[i] : &execute[i - attest_n]))
			++*n;
	qsort(*out, *n, sizeof **out, errand_order);
	return ST_OK;
}

/* Attesting ------------------------------------------------------------------------------------------ */

static struct attestation attestation_of(const struct errand *e)
{
	return (struct attestation){
		.src_eid = e->packet.src_eid,
		.dst_eid = e->packet.dst_eid,
		.sender = e->packet.sender,
		.receiver = e->packet.receiver,
		.nonce = (int64_t)e->packet.nonce,
		.payload_hash = e->payload_hash,
		.guid = e->packet.guid,
		.src_block = e->item->src.block,
		.src_block_hash = e->item->src.block_hash,
	};
}

/* Writes down what is about to be signed, and drops the errands that may not be. Committed before the first
 * signature is made. */
static enum status deliver_record(struct ctx *cx, struct deliver *d, struct errand *errands, size_t *n)
{
	size_t count = 0;
	struct attestation *a = arena_array(cx->arena, *n ? *n : 1, sizeof *a);
	bool *allowed = arena_array(cx->arena, *n ? *n : 1, sizeof *allowed);
	for (size_t i = 0; i < *n; i++)
		if (errands[i].verify)
			a[count++] = attestation_of(&errands[i]);
	if (count == 0)
		return ST_OK;
	TRY(tx_begin(cx, d->lane.db));
	TRY(lease_fence(cx, d->lane.db, &d->lane.lease));
	TRY(attestation_record(cx, d->lane.db, a, allowed, count));
	TRY(tx_commit(cx, d->lane.db));
	size_t kept = 0;
	for (size_t i = 0, k = 0; i < *n; i++) {
		bool keep = !errands[i].verify || allowed[k++];
		if (!keep)
			log_event(LOG_ERROR, "relay.attestation_refused",
				  "packet %s is not attested: its place holds another payload, or its source "
				  "block is gone",
				  hex_encode(cx->arena, errands[i].packet.guid.b, 32));
		if (keep)
			errands[kept++] = errands[i];
	}
	*n = kept;
	return ST_OK;
}

static enum status sign_verify(struct ctx *cx, struct deliver *d, const struct packet *p,
			       const struct hash *payload_hash, uint64_t confirmations,
			       struct calls_execute_param *out)
{
	uint8_t header[PACKET_HEADER_BYTES];
	packet_header(header, p);
	int64_t now = atomic_load(&d->lane.chain->block_time_s);
	if (now == 0)
		now = clock_wall_us() / 1000000;
	return committee_sign(cx, d->lane.world, d->lane.chain, header, payload_hash, confirmations,
			      (uint64_t)now + EXPIRATION_S, out);
}

static uint64_t verify_gas(const struct deliver *d)
{
	unsigned quorum = d->lane.world->config.quorum;
	return (uint64_t)VERIFY_GAS_EXPECTED * 3 / 2 + (quorum > 2 ? (uint64_t)(quorum - 2) * SIGNATURE_GAS : 0);
}

/* How many like this one a transaction holds: a larger committee makes each longer and dearer. */
static size_t verify_room(const struct deliver *d, const struct calls_execute_param *one)
{
	size_t by_bytes = (TX_CLOSE_BYTES - CALLS_ARRAY_BYTES) / calls_execute_param_bytes(one);
	size_t by_gas = (LANE_TX_GAS_MAX - VERIFY_GAS_BASE) / verify_gas(d);
	size_t room = by_bytes < by_gas ? by_bytes : by_gas;
	return room < VERIFY_ITEMS_MAX ? room : VERIFY_ITEMS_MAX;
}

static void verify_tx(struct ctx *cx, struct deliver *d, struct calls_execute_param *params, size_t n,
		      struct outbox_item **items, size_t items_n, struct lane_tx *t)
{
	struct buf data;
	buf_init(&data, cx->arena, TX_RAW_BYTES_MAX);
	calls_execute(&data, params, n);
	*t = (struct lane_tx){
		.purpose = "VERIFY",
		.to = d->lane.chain->config.dvn,
		.calldata = buf_bytes(&data),
		.gas = VERIFY_GAS_BASE + n * verify_gas(d),
		.items = items,
		.items_n = items_n,
	};
	if (t->gas > LANE_TX_GAS_MAX)
		t->gas = LANE_TX_GAS_MAX;
}

static enum status build_verify(struct ctx *cx, struct deliver *d, struct errand *errands, size_t n,
				struct lane_tx *txs, size_t *txs_n)
{
	struct calls_execute_param *params = arena_array(cx->arena, VERIFY_ITEMS_MAX, sizeof *params);
	struct outbox_item **items = NULL;
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		if (!errands[i].verify)
			continue;
		if (count == 0)
			items = arena_array(cx->arena, VERIFY_ITEMS_MAX, sizeof *items);
		TRY(sign_verify(cx, d, &errands[i].packet, &errands[i].payload_hash,
				d->lane.chain->config.confirmations, &params[count]));
		items[count++] = errands[i].item;
		if (count == verify_room(d, &params[0])) {
			verify_tx(cx, d, params, count, items, count, &txs[(*txs_n)++]);
			count = 0;
		}
	}
	if (count)
		verify_tx(cx, d, params, count, items, count, &txs[(*txs_n)++]);
	return ST_OK;
}

/* Committing and executing --------------------------------------------------------------------------- */

/* Gas handed to EndpointV2.lzReceive: the receiver's limit must be left after what endpoint and Messenger use. */
static uint64_t receive_gas(const struct errand *e)
{
	uint64_t limit = (uint64_t)e->item->gas_limit;
	if (e->item->retry_gas > e->item->gas_limit) /* the Messenger keeps its overhead before it hands on more */
		limit = (uint64_t)e->item->retry_gas + RECEIVE_OVERHEAD;
	uint64_t jump = e->packet.nonce > e->passed ? (e->packet.nonce - e->passed - 1) * JUMP_GAS : 0;
	return limit * 64 / 63 + RECEIVE_OVERHEAD + (jump < JUMP_GAS_MAX ? jump : JUMP_GAS_MAX);
}

struct delivery_batch {
	struct calls_delivery calls[DELIVER_ITEMS_MAX];
	struct outbox_item *items[DELIVER_ITEMS_MAX];
	size_t n, bytes;
	uint64_t gas_expected; /* used, most likely */
	uint64_t gas_last;     /* that must be left before the largest item */
};

/* A stranger may ask for more than any transaction has: the packet is committed all the same, as those after it need
 * it to be, and its execution fails on chain. */
static uint64_t delivery_gas(const struct errand *e)
{
	if (!(e->ops & CALLS_RECEIVE))
		return 0;
	uint64_t gas = e->item->gas_limit < DELIVERY_GAS_MAX ? receive_gas(e) : DELIVERY_GAS_MAX;
	return gas < DELIVERY_GAS_MAX ? gas : DELIVERY_GAS_MAX;
}

static void delivery_add(struct delivery_batch *b, const struct errand *e)
{
	uint64_t gas = delivery_gas(e);
	b->calls[b->n] = (struct calls_delivery){
		.packet = e->item->packet,
		.gas_limit = u256_of_u64(gas),
		.ops = e->ops,
	};
	b->items[b->n] = e->item;
	b->bytes += calls_delivery_bytes(&b->calls[b->n]);
	b->n++;
	uint64_t expected = e->item->packet.n * 16;
	expected += e->ops & CALLS_COMMIT ? COMMIT_GAS_EXPECTED : 0;
	expected += e->ops & CALLS_RECEIVE ? RECEIVE_GAS_EXPECTED : 0;
	uint64_t needed = ALERT_GAS + e->item->packet.n * ALERT_GAS_PER_BYTE + gas * 64 / 63 + 10000;
	needed += e->ops & CALLS_COMMIT ? COMMIT_GAS : 0;
	b->gas_expected += expected;
	if (needed > b->gas_last)
		b->gas_last = needed;
}

static bool delivery_has_room(const struct delivery_batch *b, const struct errand *e)
{
	return b->n < DELIVER_ITEMS_MAX && b->bytes + e->item->packet.n + 320 <= TX_CLOSE_BYTES &&
	       b->gas_expected + b->gas_last + delivery_gas(e) <= LANE_TX_GAS_MAX;
}

static void delivery_close(struct ctx *cx, struct deliver *d, struct delivery_batch *b, struct lane_tx *t)
{
	struct buf data;
	buf_init(&data, cx->arena, TX_RAW_BYTES_MAX);
	calls_deliver(&data, b->calls, b->n);
	/* Receivers may use all they are given: room for a few that do. */
	uint64_t gas = 60000 + tx_gas_intrinsic(buf_bytes(&data)) + b->gas_expected * 3 / 2 + b->gas_last;
	*t = (struct lane_tx){
		.purpose = "DELIVER",
		.to = d->lane.chain->config.batcher,
		.calldata = buf_bytes(&data),
		.gas = gas < LANE_TX_GAS_MAX ? gas : LANE_TX_GAS_MAX,
		.items = arena_copy(cx->arena, b->items, b->n * sizeof b->items[0]),
		.items_n = b->n,
	};
	memset(b, 0, sizeof *b);
	b->bytes = CALLS_ARRAY_BYTES;
}

static void build_deliver(struct ctx *cx, struct deliver *d, struct errand *errands, size_t n,
			  struct lane_tx *txs, size_t *txs_n)
{
	struct delivery_batch *b = arena_alloc(cx->arena, sizeof *b);
	const struct errand *last = NULL; /* expected to be executed by the transactions before */
	b->bytes = CALLS_ARRAY_BYTES;
	for (size_t i = 0; i < n && *txs_n < LANE_TXS_MAX - 2; i++) {
		struct errand *e = &errands[i];
		if (!e->ops)
			continue;
		bool full = b->n && !delivery_has_room(b, e);
		if (full)
			delivery_close(cx, d, b, &txs[(*txs_n)++]);
		if (full && i > 0 && errands[i - 1].item->attempts == 0 && (errands[i - 1].ops & CALLS_RECEIVE))
			last = &errands[i - 1];
		if (last && errand_same_path(last, e) && e->item->attempts == 0 &&
		    e->passed < last->packet.nonce)
			e->passed = last->packet.nonce;
		delivery_add(b, e);
	}
	if (b->n)
		delivery_close(cx, d, b, &txs[(*txs_n)++]);
}

/* The owner's act: the packet is taken off the path without running the receiver, and its ordering key is told. */
static void build_clear(struct ctx *cx, struct deliver *d, struct errand *errands, size_t n,
			struct lane_tx *txs, size_t *txs_n)
{
	for (size_t i = 0; i < n && *txs_n < LANE_TXS_MAX - 1; i++) {
		if (!errands[i].clear)
			continue;
		const struct errand *e = &errands[i];
		struct buf data;
		buf_init(&data, cx->arena, TX_RAW_BYTES_MAX);
		calls_clear(&data, &errands[i].packet);
		txs[(*txs_n)++] = (struct lane_tx){
			.purpose = "ACT",
			.to = d->lane.chain->config.endpoint,
			.calldata = buf_bytes(&data),
			.gas = 400000 + tx_gas_floor(buf_bytes(&data)),
			.items = arena_copy(cx->arena, &errands[i].item, sizeof errands[i].item),
			.items_n = 1,
		};
		if (!e->pass)
			continue;
		buf_init(&data, cx->arena, CALLS_ARRAY_BYTES + 64);
		calls_pass_sequence(&data, e->packet.src_eid, &e->key.hash, e->key.seq);
		txs[(*txs_n)++] = (struct lane_tx){
			.purpose = "ACT",
			.to = d->lane.chain->config.messenger,
			.calldata = buf_bytes(&data),
			.gas = 200000,
		};
	}
}

/* Taking back ---------------------------------------------------------------------------------------- */

struct retraction {
	struct deliver *d;
	const struct bytes *guids;
	size_t n;
};

static enum status retract_within(struct ctx *cx, const struct lane_tx *txs, size_t txs_n, void *arg)
{
	const struct retraction *r = arg;
	(void)txs;
	(void)txs_n;
	return attestation_retract(cx, r->d->lane.db, r->d->lane.chain->config.eid, r->guids, r->n);
}

/* Attestations of packets whose source block is gone: verify() again with no confirmations undoes them. */
static enum status deliver_retract(struct ctx *cx, struct deliver *d)
{
	if (d->retractions_known && clock_mono_ms() - d->retractions_ms < RETRACT_EVERY_MS)
		return ST_OK;
	struct attestation *a;
	size_t n;
	TRY(attestation_dropped(cx, d->lane.db, &a, &n, d->lane.chain->config.eid));
	d->retractions_known = true;
	d->retractions_ms = clock_mono_ms();
	if (n == 0)
		return ST_OK;
	struct calls_execute_param *params = arena_array(cx->arena, n, sizeof *params);
	struct bytes *guids = arena_array(cx->arena, n, sizeof *guids);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && i == verify_room(d, &params[0])) {
			n = i; /* the rest has the next round */
			break;
		}
		const struct packet p = {
			.nonce = (uint64_t)a[i].nonce,
			.src_eid = (uint32_t)a[i].src_eid,
			.sender = a[i].sender,
			.dst_eid = (uint32_t)a[i].dst_eid,
			.receiver = a[i].receiver,
		};
		TRY(sign_verify(cx, d, &p, &a[i].payload_hash, 0, &params[i]));
		guids[i] = bytes_of(a[i].guid.b, 32);
		log_event(LOG_WARN, "relay.retract",
			  "the attestation of packet %s is taken back: its source block is gone",
			  hex_encode(cx->arena, a[i].guid.b, 32));
	}
	struct lane_tx t;
	verify_tx(cx, d, params, n, NULL, 0, &t);
	struct retraction r = {d, guids, n};
	return lane_claim(cx, &d->lane, &t, 1, NULL, retract_within, &r);
}

/* The round ------------------------------------------------------------------------------------------ */

static enum status deliver_round(struct ctx *cx, void *self, int *wait_ms)
{
	struct deliver *d = self;
	struct errand *errands;
	size_t n, txs_n = 0;
	if (d->lane.lease.epoch == 0) {
		d->retractions_known = false;
		memset(d->received, 0, sizeof d->received);
	}
	TRY(lane_ready(cx, &d->lane));
	if (!lane_is_open(&d->lane))
		return ST_OK;
	TRY(deliver_retract(cx, d));
	TRY(deliver_errands(cx, d, &errands, &n));
	TRY(path_look(cx, d, errands, &n));
	TRY(deliver_record(cx, d, errands, &n));
	if (n == 0) {
		*wait_ms = 500; /* retries fall due by time */
		return ST_OK;
	}
	struct lane_tx *txs = arena_array(cx->arena, LANE_TXS_MAX, sizeof *txs);
	TRY(build_verify(cx, d, errands, n, txs, &txs_n));
	build_deliver(cx, d, errands, n, txs, &txs_n);
	build_clear(cx, d, errands, n, txs, &txs_n);
	if (txs_n)
		TRY(lane_claim(cx, &d->lane, txs, txs_n, NULL, NULL, d));
	path_sent(d, errands, n);
	*wait_ms = 0;
	return ST_OK;
}

void deliver_run(void *arg)
{
	struct deliver *d = arg;
	const struct world_loop loop = {
		.world = d->lane.world,
		.name = d->lane.lease.name,
		.waker = d->lane.waker,
		.round = deliver_round,
		.self = d,
	};
	world_run(&loop);
}
