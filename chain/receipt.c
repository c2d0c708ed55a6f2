/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/receipt.h"

#include <assert.h>

#include "chain/keccak.h"
#include "chain/mpt.h"
#include "chain/rlp.h"

enum { RECEIPT_BYTES_MAX = 64 * 1024 * 1024, RECEIPT_DATA_BYTES_MAX = 16 * 1024 * 1024 };

/* Three bits of 2048, each from the low 11 bits of a pair of the hash's first six bytes. */
static void receipt_bloom_add(uint8_t bloom[HEADER_BLOOM_BYTES], const void *p, size_t n)
{
	struct hash h = keccak256(p, n);
	for (size_t i = 0; i < 6; i += 2) {
		unsigned bit = ((unsigned)h.b[i] << 8 | h.b[i + 1]) & 2047;
		bloom[HEADER_BLOOM_BYTES - 1 - bit / 8] |= (uint8_t)(1u << bit % 8);
	}
}

void receipt_bloom(uint8_t bloom[HEADER_BLOOM_BYTES], const struct log_entry *logs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		receipt_bloom_add(bloom, logs[i].address.b, sizeof logs[i].address.b);
		for (unsigned t = 0; t < logs[i].topics_n; t++)
			receipt_bloom_add(bloom, logs[i].topics[t].b, sizeof logs[i].topics[t].b);
	}
}

static void receipt_put_log(struct buf *b, const struct log_entry *log)
{
	assert(log->topics_n <= 4);
	size_t entry = rlp_list_begin(b);
	rlp_put_bytes(b, bytes_of(log->address.b, sizeof log->address.b));
	size_t topics = rlp_list_begin(b);
	for (unsigned t = 0; t < log->topics_n; t++)
		rlp_put_bytes(b, bytes_of(log->topics[t].b, sizeof log->topics[t].b));
	rlp_list_end(b, topics);
	rlp_put_bytes(b, log->data);
	rlp_list_end(b, entry);
}

struct bytes receipt_encode(struct arena *a, const struct receipt *r)
{
	assert(r->type <= RECEIPT_TYPE_MAX);
	uint8_t bloom[HEADER_BLOOM_BYTES] = {0};
	receipt_bloom(bloom, r->logs, r->logs_n);
	struct buf b;
	buf_init(&b, a, RECEIPT_BYTES_MAX);
	if (r->type)
		buf_put(&b, &r->type, 1);
	size_t list = rlp_list_begin(&b);
	rlp_put_u64(&b, r->succeeded);
	rlp_put_u64(&b, r->gas_cumulative);
	rlp_put_bytes(&b, bytes_of(bloom, sizeof bloom));
	size_t logs = rlp_list_begin(&b);
	for (size_t i = 0; i < r->logs_n; i++)
		receipt_put_log(&b, &r->logs[i]);
	rlp_list_end(&b, logs);
	rlp_list_end(&b, list);
	assert(!b.overflow);
	return buf_bytes(&b);
}

static void receipt_next_log(struct rlp_reader *r, struct log_entry *log)
{
	struct rlp_reader entry = rlp_next_list(r);
	rlp_next_fixed(&entry, log->address.b, sizeof log->address.b);
	struct rlp_reader topics = rlp_next_list(&entry);
	while (rlp_more(&topics) && log->topics_n < 4)
		rlp_next_fixed(&topics, log->topics[log->topics_n++].b, 32);
	rlp_close(&entry, &topics);
	log->data = rlp_next_bytes(&entry, RECEIPT_DATA_BYTES_MAX);
	rlp_close(r, &entry);
}

static void receipt_next_logs(struct arena *a, struct rlp_reader *r, struct receipt *out)
{
	struct rlp_reader logs = rlp_next_list(r);
	struct rlp_reader count = logs;
	size_t n = 0;
	for (; rlp_more(&count) && n <= RECEIPT_LOGS_MAX; n++)
		rlp_next(&count);
	if (n > RECEIPT_LOGS_MAX || count.bad) {
		r->bad = true;
		return;
	}
	struct log_entry *entries = arena_array(a, n, sizeof *entries);
	for (size_t i = 0; i < n; i++) {
		entries[i].log_index = (uint32_t)i;
		receipt_next_log(&logs, &entries[i]);
	}
	rlp_close(r, &logs);
	out->logs = entries;
	out->logs_n = n;
}

enum status receipt_decode(struct arena *a, struct receipt *out, struct bytes raw)
{
	*out = (struct receipt){.type = 0};
	if (raw.n == 0)
		return ST_INVALID;
	if (raw.p[0] < 0x80) {
		out->type = raw.p[0];
		if (out->type < 1 || out->type > RECEIPT_TYPE_MAX)
			return ST_INVALID;
		raw = (struct bytes){raw.p + 1, raw.n - 1};
	}
	struct rlp_reader r = rlp_read_list(raw);
	uint64_t status = rlp_next_u64(&r);
	if (status > 1)
		return ST_INVALID;
	out->succeeded = status == 1;
	out->gas_cumulative = rlp_next_u64(&r);
	uint8_t claimed[HEADER_BLOOM_BYTES];
	rlp_next_fixed(&r, claimed, sizeof claimed);
	receipt_next_logs(a, &r, out);
	if (rlp_done(&r) != ST_OK)
		return ST_INVALID;
	uint8_t bloom[HEADER_BLOOM_BYTES] = {0};
	receipt_bloom(bloom, out->logs, out->logs_n);
	return memcmp(bloom, claimed, sizeof bloom) == 0 ? ST_OK : ST_INVALID;
}

struct hash receipt_root(struct arena *a, const struct receipt *receipts, size_t n)
{
	struct bytes *values = arena_array(a, n, sizeof *values);
	for (size_t i = 0; i < n; i++)
		values[i] = receipt_encode(a, &receipts[i]);
	return mpt_root(a, values, n);
}
