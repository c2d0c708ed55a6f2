/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipts and the key sets they are checked with: the first byte chooses. A text of which a byte differs
 * from a signed one is never accepted; a key set that is accepted is written so that it is read the same.
 */
#include "tests/fuzz/fuzz.h"

#include "base/jws.h"

static void receipts(struct ctx *cx, const uint8_t *data, size_t size)
{
	static const uint8_t seed[JWS_SEED_BYTES] = {7};
	struct jws_signer *signer = jws_signer_create(seed);
	struct jws_key key = jws_signer_key(signer);
	const struct jws_key *by;
	struct bytes payload;
	if (jws_verify(cx, &payload, &by, (const char *)data, size, "ferry-receipt", &key, 1) == ST_OK) {
		const char *text = jws_sign(cx->arena, signer, "ferry-receipt", payload);
		fuzz_check(by == &key && strlen(text) == size && memcmp(text, data, size) == 0);
	}
	jws_signer_destroy(signer);
}

static void key_sets(struct ctx *cx, const uint8_t *data, size_t size)
{
	struct jws_key *keys;
	struct jws_key *again;
	size_t n;
	size_t again_n;
	if (jws_keys_read(cx, &keys, &n, bytes_of(data, size)) != ST_OK)
		return;
	fuzz_check(n <= JWS_KEYS_MAX);
	struct bytes text = jws_keys_text(cx->arena, keys, n);
	fuzz_check(jws_keys_read(cx, &again, &again_n, text) == ST_OK && again_n == n);
	fuzz_check(bytes_equal(jws_keys_text(cx->arena, again, n), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct ctx cx;
	ctx_init(&cx, a, CTX_DEADLINE_NONE, "fuzz");
	if (size > 0 && data[0] == 'k')
		key_sets(&cx, data + 1, size - 1);
	else if (size > 0)
		receipts(&cx, data + 1, size - 1);
	arena_destroy(a);
	return 0;
}
