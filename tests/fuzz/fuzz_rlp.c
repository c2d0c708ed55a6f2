/* SPDX-License-Identifier: Apache-2.0
 *
 * Any item that is accepted as canonical is written the same again.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/rlp.h"

enum { DEPTH_MAX = 64 };

static void rewrite(struct buf *b, struct rlp_reader *r, unsigned depth)
{
	while (rlp_more(r)) {
		struct rlp_item item = rlp_next(r);
		if (r->bad)
			return;
		if (!item.is_list) {
			rlp_put_bytes(b, item.body);
			continue;
		}
		struct rlp_reader inner = rlp_read(item.body);
		if (depth == DEPTH_MAX) {
			buf_put(b, item.whole.p, item.whole.n);
			continue;
		}
		size_t mark = rlp_list_begin(b);
		rewrite(b, &inner, depth + 1);
		rlp_list_end(b, mark);
		rlp_close(r, &inner);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct buf b;
	buf_init(&b, a, size);
	struct rlp_reader r = rlp_read(bytes_of(data, size));
	rewrite(&b, &r, 0);
	if (rlp_done(&r) == ST_OK) {
		fuzz_check(!b.overflow);
		fuzz_check(bytes_equal(buf_bytes(&b), bytes_of(data, size)));
	}
	r = rlp_read(bytes_of(data, size));
	struct u256 v = rlp_next_u256(&r);
	if (rlp_done(&r) == ST_OK) {
		b.n = 0;
		rlp_put_u256(&b, v);
		fuzz_check(bytes_equal(buf_bytes(&b), bytes_of(data, size)));
	}
	arena_destroy(a);
	return 0;
}
