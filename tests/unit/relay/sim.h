/* SPDX-License-Identifier: Apache-2.0
 *
 * Two chains whose endpoints pass packets from the first to the second, told by nodes in this
 * process. Histories are random but legal; blocks may be taken back, though not final ones. What
 * a chain shows is replayed from its blocks.
 */
#ifndef FERRY_TESTS_UNIT_RELAY_SIM_H
#define FERRY_TESTS_UNIT_RELAY_SIM_H

#include "tests/unit/chain/fake_chain.h"
#include "tests/unit/relay/logs.h"

enum { SIM_BLOCKS_MAX = 400, SIM_PACKETS_MAX = 400, SIM_EVENTS_MAX = 4, SIM_MESSAGES = 24, SIM_FINALITY = 3 };

enum sim_what {
	SIM_SENT,
	SIM_ATTESTED,
	SIM_RETRACTED,
	SIM_COMMITTED,
	SIM_NILIFIED,
	SIM_DELIVERED,
	SIM_CLEARED,
	SIM_BURNED,
	SIM_SKIPPED
};

struct sim_event {
	enum sim_what what;
	size_t packet;
};

struct sim_block {
	struct hash hash;
	json_t *block, *receipts;
	struct sim_event events[SIM_EVENTS_MAX];
	size_t n;
};

struct sim_chain {
	struct world_chain *c;
	pthread_mutex_t *lock;
	struct sim_block blocks[SIM_BLOCKS_MAX];
	size_t n;
	struct fake_node node;
};

/* What the two chains show about a packet now. */
struct sim_truth {
	int64_t sent; /* the source block; 0: not there */
	bool attested, committed;
	enum sim_what done; /* SIM_SENT: not yet */
	int64_t done_block;
};

struct sim {
	struct arena *a;
	uint64_t seed, salt;
	uint64_t clock; /* the chains agree about the time */
	pthread_mutex_t lock; /* the blocks */
	struct sim_chain chains[2];
	struct messenger_message messages[SIM_MESSAGES]; /* even: sent by our own transactions */
	struct hash own_tx[SIM_MESSAGES];
	struct packet packets[SIM_PACKETS_MAX];
	int message_of[SIM_PACKETS_MAX]; /* -1: nobody's, to be observed */
	size_t packets_n;
	struct sim_truth truth[SIM_PACKETS_MAX];
};

static inline uint64_t sim_dice(struct sim *s, uint64_t sides)
{
	s->seed = s->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (s->seed >> 33) % sides;
}

static inline json_t *sim_result(struct sim_chain *c, const char *method, const json_t *params)
{
	if (strcmp(method, "eth_chainId") == 0)
		return fake_quantity(c->c->config.chain_id);
	if (strcmp(method, "eth_blockNumber") == 0)
		return fake_quantity(c->n - 1);
	const char *text = json_string_value(json_array_get(params, 0));
	uint64_t number = strcmp(text, "latest") == 0 ? c->n - 1 : strtoull(text, NULL, 16);
	if (number >= c->n)
		return json_null();
	if (strcmp(method, "eth_getBlockReceipts") == 0)
		return json_deep_copy(c->blocks[number].receipts);
	if (json_is_true(json_array_get(params, 1)))
		return json_deep_copy(c->blocks[number].block);
	return fake_block_short(c->blocks[number].block);
}

static inline json_t *sim_answer(struct fake_node *node, const char *method, const json_t *params)
{
	struct sim_chain *c = node->arg;
	pthread_mutex_lock(c->lock);
	json_t *result = sim_result(c, method, params);
	pthread_mutex_unlock(c->lock);
	return fake_result(result);
}

/* The block of these transactions, as a node tells it, after the chain's last. */
static inline void sim_mine(struct sim *s, struct sim_chain *c, const struct logs_block *txs,
			    const struct sim_event *events, size_t events_n)
{
	ck_assert_uint_lt(c->n, SIM_BLOCKS_MAX);
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct sim_block *b = &c->blocks[c->n];
	struct block body = logs_block(a, txs);
	struct receipt *receipts = arena_array(a, body.receipts_n, sizeof *receipts);
	for (size_t i = 0; i < body.receipts_n; i++) {
		receipts[i] = body.receipts[i].body;
		receipts[i].gas_cumulative = (i + 1) * FAKE_GAS;
	}
	struct header h = {.fields = HEADER_PRAGUE,
			   .number = c->n,
			   .gas_limit = 30000000,
			   .gas_used = body.receipts_n * FAKE_GAS,
			   .timestamp = 1700000000 + ++s->clock,
			   .base_fee = u256_of_u64(1000000000),
			   .receipts_root = receipt_root(a, receipts, body.receipts_n),
			   .state_root = logs_hash(1000, ++s->salt)};
	if (c->n > 0)
		h.parent_hash = c->blocks[c->n - 1].hash;
	b->hash = header_hash(a, &h);
	b->block = fake_header_json(&h, &b->hash);
	b->receipts = json_array();
	json_t *list = json_array();
	for (size_t i = 0; i < body.receipts_n; i++) {
		json_t *place = fake_place(&b->hash, c->n, &body.receipts[i].tx_hash, i);
		json_t *receipt = fake_receipt_json(&receipts[i], place);
		json_object_set_new(receipt, "from", fake_hex(body.receipts[i].from.b, 20));
		json_array_append_new(b->receipts, receipt);
		json_array_append_new(list, fake_tx_json(place, i));
		json_decref(place);
	}
	json_object_set_new(b->block, "transactions", list);
	if (events_n > 0)
		memcpy(b->events, events, events_n * sizeof *events);
	b->n = events_n;
	c->n++;
	arena_destroy(a);
}

static inline void sim_take_back(struct sim_chain *c, size_t depth)
{
	for (size_t i = 0; i < depth; i++) {
		c->n--;
		json_decref(c->blocks[c->n].block);
		json_decref(c->blocks[c->n].receipts);
	}
}

/* Replays both chains. */
static inline void sim_look(struct sim *s)
{
	memset(s->truth, 0, sizeof s->truth);
	for (size_t b = 0; b < s->chains[0].n; b++)
		for (size_t e = 0; e < s->chains[0].blocks[b].n; e++)
			s->truth[s->chains[0].blocks[b].events[e].packet].sent = (int64_t)b;
	for (size_t b = 0; b < s->chains[1].n; b++)
		for (size_t e = 0; e < s->chains[1].blocks[b].n; e++) {
			const struct sim_event *ev = &s->chains[1].blocks[b].events[e];
			struct sim_truth *t = &s->truth[ev->packet];
			if (ev->what == SIM_ATTESTED || ev->what == SIM_RETRACTED)
				t->attested = ev->what == SIM_ATTESTED;
			else if (ev->what == SIM_COMMITTED)
				t->committed = true;
			else if (ev->what == SIM_NILIFIED)
				t->committed = t->attested = false;
			else
				t->done = ev->what;
			if (t->done != SIM_SENT)
				t->done_block = (int64_t)b;
		}
}

/* The source's next block -------------------------------------------------------------------------- */

static inline void sim_send(struct sim *s, struct logs_block *b, struct sim_event *events, size_t *n,
			    int message)
{
	uint64_t nonce = 1;
	for (size_t i = 0; i < s->packets_n; i++)
		nonce += s->truth[i].sent > 0;
	for (size_t i = 0; i < *n; i++)
		nonce += 1;
	ck_assert_uint_lt(s->packets_n, SIM_PACKETS_MAX);
	size_t at = s->packets_n++;
	struct messenger_message m = {.author = logs_addr(0xbb, 1),
				      .request_id = logs_hash(30, s->salt * 10 + at),
				      .receiver = logs_hash(4, at),
				      .gas_limit = u256_of_u64(1)};
	s->packets[at] = logs_packet(s->a, false, nonce, message < 0 ? &m : &s->messages[message]);
	s->message_of[at] = message;
	bool own = message >= 0 && message % 2 == 0;
	struct logs_tx *tx = logs_tx(b, own ? s->own_tx[message] : logs_hash(31, s->salt * 1000 + at));
	if (own)
		tx->from = *signer_account(s->chains[0].c->submit);
	logs_add(tx, logs_packet_sent(s->a, &s->chains[0].c->config.endpoint, &s->packets[at]));
	events[(*n)++] = (struct sim_event){SIM_SENT, at};
}

static inline bool sim_is_sent(const struct sim *s, int message, const struct sim_event *events, size_t n)
{
	for (size_t i = 0; i < s->packets_n; i++)
		if (s->message_of[i] == message && s->truth[i].sent > 0)
			return true;
	for (size_t i = 0; i < n; i++)
		if (s->message_of[events[i].packet] == message)
			return true;
	return false;
}

static inline void sim_source_block(struct sim *s, bool quiet)
{
	struct sim_event events[SIM_EVENTS_MAX];
	size_t n = 0;
	struct logs_block *b = calloc(1, sizeof *b);
	b->number = s->chains[0].n;
	for (uint64_t tries = quiet ? 0 : sim_dice(s, 4); tries > 0 && n < SIM_EVENTS_MAX; tries--) {
		int message = (int)sim_dice(s, SIM_MESSAGES + 4);
		if (message >= SIM_MESSAGES)
			message = -1;
		if (message < 0 || !sim_is_sent(s, message, events, n))
			sim_send(s, b, events, &n, message);
	}
	sim_mine(s, &s->chains[0], b, events, n);
	free(b);
}

/* The destination's next block ---------------------------------------------------------------------- */

static inline enum sim_what sim_next(struct sim *s, const struct sim_truth *t)
{
	switch (sim_dice(s, 8)) {
	case 0:
		return t->attested && !t->committed && sim_dice(s, 3) == 0 ? SIM_RETRACTED : SIM_ATTESTED;
	case 1:
		return t->committed || sim_dice(s, 6) ? SIM_ATTESTED : SIM_SKIPPED;
	case 2:
		return sim_dice(s, 3) ? SIM_COMMITTED : SIM_NILIFIED;
	case 3:
		return sim_dice(s, 3) ? SIM_COMMITTED : SIM_BURNED;
	case 4:
		return sim_dice(s, 3) ? SIM_COMMITTED : SIM_CLEARED;
	default:
		return t->committed ? SIM_DELIVERED : t->attested ? SIM_COMMITTED : SIM_ATTESTED;
	}
}

static inline bool sim_is_legal(const struct sim_truth *t, enum sim_what what)
{
	switch (what) {
	case SIM_ATTESTED:
	case SIM_RETRACTED:
	case SIM_NILIFIED:
		return true;
	case SIM_COMMITTED:
		return t->attested;
	case SIM_DELIVERED:
	case SIM_CLEARED:
	case SIM_BURNED:
		return t->committed;
	case SIM_SKIPPED:
		return !t->committed;
	case SIM_SENT:
		break;
	}
	return false;
}

static inline void sim_emit(struct sim *s, struct logs_tx *tx, const struct packet *p, int message,
			    enum sim_what what)
{
	const struct relay_chain *c = &s->chains[1].c->config;
	const struct hash none = {{0}};
	switch (what) {
	case SIM_ATTESTED:
	case SIM_RETRACTED:
		logs_add(tx, logs_payload_verified(s->a, &c->receive_uln, &c->dvn, p, what == SIM_ATTESTED));
		return;
	case SIM_COMMITTED:
		logs_add(tx, logs_inbound(s->a, &c->endpoint, EVENTS_PACKET_VERIFIED, p));
		return;
	case SIM_NILIFIED:
		logs_add(tx, logs_position(s->a, &c->endpoint, EVENTS_PACKET_NILIFIED, p));
		return;
	case SIM_DELIVERED:
		logs_add(tx, logs_inbound(s->a, &c->endpoint, EVENTS_PACKET_DELIVERED, p));
		logs_add(tx, logs_received(s->a, &c->messenger, &p->guid,
					   message < 0 ? &none : &s->messages[message].request_id));
		return;
	case SIM_CLEARED:
		logs_add(tx, logs_inbound(s->a, &c->endpoint, EVENTS_PACKET_DELIVERED, p));
		return;
	case SIM_BURNED:
		logs_add(tx, logs_position(s->a, &c->endpoint, EVENTS_PACKET_BURNT, p));
		return;
	case SIM_SKIPPED:
		logs_add(tx, logs_position(s->a, &c->endpoint, EVENTS_INBOUND_NONCE_SKIPPED, p));
		return;
	case SIM_SENT:
		return;
	}
}

/* Only packets that are final on the source are verified. One event a packet a block. */
static inline void sim_destination_block(struct sim *s)
{
	struct sim_event events[SIM_EVENTS_MAX];
	size_t n = 0;
	struct logs_block *b = calloc(1, sizeof *b);
	b->number = s->chains[1].n;
	int64_t final = (int64_t)s->chains[0].n - 1 - SIM_FINALITY;
	size_t first = s->packets_n ? sim_dice(s, s->packets_n) : 0;
	for (size_t k = 0; k < s->packets_n && n < SIM_EVENTS_MAX; k++) {
		size_t i = (first + k) % s->packets_n;
		const struct sim_truth *t = &s->truth[i];
		if (t->sent == 0 || t->sent > final || t->done != SIM_SENT || sim_dice(s, 3) == 0)
			continue;
		enum sim_what what = sim_next(s, t);
		if (!sim_is_legal(t, what))
			continue;
		struct logs_tx *tx = logs_tx(b, logs_hash(32, s->salt * 1000 + i));
		sim_emit(s, tx, &s->packets[i], s->message_of[i], what);
		events[n++] = (struct sim_event){what, i};
	}
	sim_mine(s, &s->chains[1], b, events, n);
	free(b);
}

/* A few blocks more, perhaps in place of some that are not final. The source never has less than was final. */
static inline void sim_step(struct sim *s, bool reorgs)
{
	pthread_mutex_lock(&s->lock);
	struct sim_chain *c = &s->chains[sim_dice(s, 2)];
	bool source = c == &s->chains[0];
	size_t grow = 1 + sim_dice(s, 2);
	if (reorgs && c->n > SIM_FINALITY + 2 && sim_dice(s, 4) == 0) {
		size_t depth = 1 + sim_dice(s, SIM_FINALITY);
		sim_take_back(c, depth);
		grow = depth + 1;
	}
	while (grow-- > 0) {
		sim_look(s);
		if (source)
			sim_source_block(s, false);
		else
			sim_destination_block(s);
	}
	sim_look(s);
	pthread_mutex_unlock(&s->lock);
}

#endif
