/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/identity.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "chain/account.h"
#include "chain/bundle_fetch.h"
#include "cli/file.h"

/* Of ids and DIDs: nothing that means something in a URL. */
#define IDENTITY_NAME_CHARACTERS                                                                   \
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:"

static enum status identity_block_hash(struct cli_call *call, struct hash *out)
{
	const char *text = call->options[CLI_BLOCK_HASH];
	if (!text)
		return fail(call->cx, ST_INVALID,
			    "--block-hash is missing: that of a block you trust, of the main "
			    "registry's chain");
	if (hex_decode_fixed(text, strlen(text), out->b, sizeof out->b))
		return ST_OK;
	return fail(call->cx, ST_INVALID, "--block-hash must be 0x and 64 hex digits");
}

/* Reads the proof that is named. */
static enum status identity_read(struct cli_call *call, struct bundle *out)
{
	struct bytes text;
	TRY(file_read(call->cx, &text, call->id, BUNDLE_TEXT_BYTES_MAX));
	return bundle_read(call->cx, out, text);
}

static enum status identity_fetch(struct cli_call *call, struct bundle *bundle)
{
	struct u256 block;
	const char *url = call->options[CLI_RPC];
	const char *number = call->options[CLI_BLOCK];
	if (!url)
		return fail(call->cx, ST_INVALID, "--rpc is missing");
	if (!number || u256_parse(&block, number, strlen(number)) != ST_OK || !u256_fits(block, 63))
		return fail(call->cx, ST_INVALID,
			    "--block must be the number of the block in which the batch arrived");
	const struct rpc_config config = {.nodes = {
		.name = "the node", .urls = &url, .urls_count = 1, .answer_bytes_max = 16 << 20}};
	struct rpc *rpc = rpc_create(&config);
	const struct hash unknown = {{0}};
	const struct hash *prev_root = &unknown;
	const struct hash *data_hash = &unknown;
	struct bundle_evidence was = bundle->evidence;
	if (bundle->has_evidence) {
		prev_root = &was.prev_root;
		data_hash = &was.data_hash;
	}
	enum status st =
		bundle_fetch(call->cx, rpc, bundle, block.limb[0], prev_root, data_hash);
	rpc_destroy(rpc);
	return st;
}

enum status identity_bundle(struct cli_call *call)
{
	struct bundle *bundle = arena_alloc(call->cx->arena, sizeof *bundle);
	TRY(identity_read(call, bundle));
	TRY(identity_fetch(call, bundle));
	return file_write(call->cx, NULL, bundle_text(call->cx->arena, bundle));
}

/* "/v1/identities/ID/proof" of an id or a DID. */
static enum status identity_path(struct cli_call *call, const char **out)
{
	size_t n = strlen(call->id);
	if (n == 0 || n > 200 || strspn(call->id, IDENTITY_NAME_CHARACTERS) != n)
		return fail(call->cx, ST_INVALID,
			    "'%.80s' is no identity: give idn_… or did:pkh:eip155:…", call->id);
	*out = arena_printf(call->cx->arena, "/v1/identities/%s/proof%s", call->id,
			    call->options[CLI_BUNDLE] ? "?bundle=true" : "");
	return ST_OK;
}

enum status identity_proof(struct cli_call *call)
{
	const char *path = NULL;
	json_t *answer = NULL;
	struct bundle *bundle = arena_alloc(call->cx->arena, sizeof *bundle);
	TRY(identity_path(call, &path));
	TRY(client_read(call->cx, call->client, &answer, path));
	const json_t *what = call->options[CLI_BUNDLE] ? json_object_get(answer, "bundle") : answer;
	if (!what)
		return fail(call->cx, ST_NOT_IMPLEMENTED, "this server gives no bundles");
	char *text = json_dumps(what, JSON_COMPACT);
	if (!text)
		return fail(call->cx, ST_INTERNAL, "the server's answer is no proof");
	arena_defer(call->cx->arena, free, text);
	/* What cannot be read is not written, where it might take the place of a good one. */
	TRY(bundle_read(call->cx, bundle, bytes_of(text, strlen(text))));
	const char *line = arena_printf(call->cx->arena, "%s\n", text);
	return file_write(call->cx, call->options[CLI_OUT], bytes_of(line, strlen(line)));
}

static enum status identity_registry(struct cli_call *call, struct addr *out)
{
	const char *text = call->options[CLI_MAIN_REGISTRY];
	if (!text || account_parse(out, text, strlen(text)) == ST_OK)
		return ST_OK;
	return fail(call->cx, ST_INVALID,
		    "--main-registry must be 0x and 40 hex digits with the right checksum");
}

static void identity_show(const struct cli_call *call, const struct bundle_step *steps, size_t n)
{
	for (size_t i = 0; i < n && !call->json; i++)
		printf("%s  %s\n", steps[i].holds ? "holds" : "FAILS", steps[i].text);
	if (!call->json)
		return;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:b,s:s}", "holds", steps[i].holds, "text",
						      steps[i].text));
	json_t *root = json_pack("{s:o}", "steps", list);
	json_dumpf(root, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(root);
}

enum status identity_verify(struct cli_call *call)
{
	struct bundle *bundle = arena_alloc(call->cx->arena, sizeof *bundle);
	struct hash block_hash;
	struct addr registry;
	struct bundle_step steps[BUNDLE_STEPS_MAX];
	size_t n;
	TRY(identity_block_hash(call, &block_hash));
	TRY(identity_registry(call, &registry));
	TRY(identity_read(call, bundle));
	bool holds = bundle_check(call->cx->arena, bundle, &block_hash,
				  call->options[CLI_MAIN_REGISTRY] ? &registry : NULL, steps, &n);
	identity_show(call, steps, n);
	if (holds)
		return ST_OK;
	return fail(call->cx, ST_PRECONDITION, "the proof does not hold");
}
