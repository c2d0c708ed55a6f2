/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client calls an identity: idn_… or did:pkh:…. What is accepted is shown in its one form, and that
 * form names the same; what is refused is refused with a reason.
 */
#include "tests/fuzz/fuzz.h"

#include "api/identity_plan.h"
#include "chain/account.h"

enum { NAME_BYTES_MAX = 4096 };

static const char *name_form(struct arena *a, const struct identity_name *name)
{
	char account[ACCOUNT_CAIP10_BYTES];
	if (!name->is_did)
		return arena_printf(a, "idn_%s", hex_encode(a, name->id.b, sizeof name->id.b) + 2);
	account_caip10_format(account, name->chain_id, &name->account);
	return arena_printf(a, "did:pkh:%s", account);
}

static bool name_equal(const struct identity_name *a, const struct identity_name *b)
{
	return a->is_did == b->is_did && memcmp(a->id.b, b->id.b, sizeof a->id.b) == 0 &&
	       a->chain_id == b->chain_id && addr_equal(&a->account, &b->account);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > NAME_BYTES_MAX || memchr(data, 0, size)) /* transports refuse both before */
		return 0;
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct identity_name name;
	struct identity_name again;
	struct ctx cx;
	const char *text = arena_strndup(a, (const char *)data, size);
	ctx_init(&cx, a, CTX_DEADLINE_NONE, "fuzz");
	if (identity_name_parse(&cx, &name, text, "/id") == ST_OK) {
		const char *form = name_form(a, &name);
		fuzz_check(strlen(form) == size && strcasecmp(form, text) == 0);
		fuzz_check(identity_name_parse(&cx, &again, form, "/id") == ST_OK);
		fuzz_check(name_equal(&name, &again));
	} else {
		fuzz_check(cx.err.details_count > 0 && cx.err.code[0] && cx.err.message[0]);
	}
	arena_destroy(a);
	return 0;
}
