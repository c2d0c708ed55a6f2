/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs: byte 0 chooses the event, byte 1 the number of topics, three topics, then the data.
 * Everything that a decoded event points at lies in the data. The same data as a revert reason.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/events.h"
#include "chain/revert.h"

static void check_spans(const struct events_event *e, struct bytes in)
{
	if (e->kind == EVENTS_PACKET_SENT) {
		fuzz_check(fuzz_inside(e->packet_sent.raw, in.p, in.n));
		fuzz_check(fuzz_inside(e->packet_sent.options, in.p, in.n));
		fuzz_check(fuzz_inside(e->packet_sent.packet.message, in.p, in.n));
	} else if (e->kind == EVENTS_LZ_RECEIVE_ALERT) {
		fuzz_check(fuzz_inside(e->lz_receive_alert.message, in.p, in.n));
		fuzz_check(fuzz_inside(e->lz_receive_alert.extra_data, in.p, in.n));
		fuzz_check(fuzz_inside(e->lz_receive_alert.reason, in.p, in.n));
	} else if (e->kind == EVENTS_EXECUTE_FAILED) {
		fuzz_check(fuzz_inside(e->execute_failed.data, in.p, in.n));
	} else if (e->kind == EVENTS_SKIPPED) {
		fuzz_check(fuzz_inside(e->skipped.reason, in.p, in.n));
	} else if (e->kind == EVENTS_COMMIT_FAILED) {
		fuzz_check(fuzz_inside(e->commit_failed.reason, in.p, in.n));
	} else if (e->kind == EVENTS_BATCH) {
		fuzz_check(fuzz_inside(e->batch.leaves, in.p, in.n));
		for (size_t i = 0; i < e->batch.leaves_n; i++)
			(void)events_batch_leaf(&e->batch, i);
	} else if (e->kind == EVENTS_ANSWERED) {
		fuzz_check(fuzz_inside(e->answered.rejected, in.p, in.n));
		for (size_t i = 0; i < e->answered.rejected_n; i++)
			(void)events_answered_index(&e->answered, i);
	}
}

static void check_sentence(struct arena *a, struct bytes in)
{
	const char *s = revert_describe(a, in);
	fuzz_check(s[0] != '\0' && strlen(s) <= REVERT_TEXT_MAX);
	for (; *s; s++)
		fuzz_check(*s >= 0x20 && *s < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 2 + 3 * 32 };
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	check_sentence(a, bytes_of(data, size));
	if (size >= HEAD) {
		struct log_entry log = {.topics_n = data[1] % 5};
		log.topics[0] = *events_topic((enum events_kind)(data[0] % EVENTS_COUNT));
		memcpy(log.topics + 1, data + 2, 3 * 32);
		log.data = bytes_of(data + HEAD, size - HEAD);
		struct events_event e;
		enum status st = events_decode(&e, &log);
		if (st == ST_OK)
			check_spans(&e, log.data);
		else
			fuzz_check(st == ST_INVALID || (st == ST_NOT_FOUND && log.topics_n == 0));
		check_sentence(a, log.data);
	}
	arena_destroy(a);
	return 0;
}
