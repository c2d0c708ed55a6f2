/* SPDX-License-Identifier: Apache-2.0
 *
 * Proof bundles: what is read is written so that it is read the same, and a check never breaks.
 */
#include "tests/fuzz/fuzz.h"

#include "base/ctx.h"
#include "chain/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct ctx cx;
	struct bundle *bundle = arena_alloc(a, sizeof *bundle);
	struct bundle *again = arena_alloc(a, sizeof *again);
	ctx_init(&cx, a, CTX_DEADLINE_NONE, "fuzz");
	if (bundle_read(&cx, bundle, bytes_of(data, size)) == ST_OK) {
		struct bytes text = bundle_text(a, bundle);
		fuzz_check(bundle_read(&cx, again, text) == ST_OK);
		fuzz_check(bytes_equal(bundle_text(a, again), text));
		struct bundle_step steps[BUNDLE_STEPS_MAX];
		size_t n;
		bool holds = bundle_check(a, bundle, &bundle->evidence.block_hash, NULL, steps, &n);
		fuzz_check(n >= 1 && n <= BUNDLE_STEPS_MAX && steps[n - 1].holds == holds);
	}
	arena_destroy(a);
	return 0;
}
