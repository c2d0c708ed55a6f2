/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration files. Whatever is in one, it is read or refused with sentences that fit on a line
 * each and name the file; what is accepted has everything that the roles rely on.
 */
#include "tests/fuzz/fuzz.h"

#include "server/config.h"

static void check_report(const struct config_report *report)
{
	fuzz_check(report->n > 0 && report->n <= CONFIG_PROBLEMS_MAX);
	for (size_t i = 0; i < report->n; i++) {
		fuzz_check(strncmp(report->lines[i], "f.yaml", 6) == 0);
		for (const char *c = report->lines[i]; *c; c++)
			fuzz_check((unsigned char)*c >= 0x20);
	}
}

static void check_config(const struct config_root *f)
{
	fuzz_check(f->database_url && f->http.listen && f->grpc.listen && f->admin.listen);
	fuzz_check(f->page_token_key_file && f->daily_wei_per_app);
	fuzz_check(f->limits.queue_items >= 16 && f->relay.claim_items >= 1);
	fuzz_check(f->chains.n >= 2);
	fuzz_check((f->committee.quorum == 0) == (f->committee.signers.n == 0));
	for (size_t i = 0; i < f->committee.signers.n; i++)
		fuzz_check(f->committee.signers.v[i].keystore &&
			   f->committee.signers.v[i].password_file);
	for (size_t i = 0; i < f->chains.n; i++) {
		const struct config_chain *c = &f->chains.v[i];
		fuzz_check(c->name && c->eid && c->chain_id && c->rpc.n > 0 && c->confirmations);
		fuzz_check(!c->signers.submit.keystore == !c->signers.deliver.keystore);
		for (size_t j = 0; j < c->rpc.n; j++)
			fuzz_check(c->rpc.v[j]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx cx;
	struct arena *arena = arena_create(FUZZ_ARENA_BYTES);
	ctx_init(&cx, arena, CTX_DEADLINE_NONE, "fuzz");
	struct config config;
	struct config_report report;
	enum status st = config_parse(&cx, &config, &report, bytes_of(data, size), "f.yaml");
	if (st == ST_OK) {
		check_config(&config.file);
		config_check(&cx, &config, &report, "f.yaml", 0);
	} else {
		fuzz_check(st == ST_INVALID);
		check_report(&report);
	}
	arena_destroy(arena);
	return 0;
}
