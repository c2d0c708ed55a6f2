/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/account.h"
#include "chain/envelope.h"
#include "cli/show.h"

enum { SEAL_PLAIN_BYTES_MAX = 64 * 1024, SEAL_KEYS_MAX = 32, SEAL_LINE_BYTES = 2 + 64 };

/* What the command line says ------------------------------------------------------------------ */

static enum status seal_need(struct cli_call *call, enum cli_option option, const char *name)
{
	if (call->options[option])
		return ST_OK;
	return fail(call->cx, ST_INVALID, "--%s is missing", name);
}

static enum status seal_eid(struct cli_call *call, uint32_t *out, enum cli_option option,
			    const char *name)
{
	struct u256 v;
	TRY(seal_need(call, option, name));
	const char *text = call->options[option];
	if (u256_parse(&v, text, strlen(text)) != ST_OK || !u256_fits(v, 32))
		return fail(call->cx, ST_INVALID, "--%s must be a number, not '%.40s'", name, text);
	*out = (uint32_t)v.limb[0];
	return ST_OK;
}

/* n bytes, or, where they may be an address, 20 in the low bytes of 32. */
static enum status seal_word(struct cli_call *call, struct hash *out, enum cli_option option,
			     const char *name, bool or_address)
{
	struct bytes b;
	TRY(seal_need(call, option, name));
	const char *text = call->options[option];
	bool ok = hex_decode(call->cx->arena, text, strlen(text), sizeof out->b, &b);
	if (ok && b.n == sizeof out->b) {
		memcpy(out->b, b.p, b.n);
		return ST_OK;
	}
	if (!ok || b.n != 20 || !or_address)
		return fail(call->cx, ST_INVALID, "--%s must be 0x and %s hex digits", name,
			    or_address ? "40 or 64" : "64");
	struct addr a;
	memcpy(a.b, b.p, b.n);
	*out = hash_of_addr(&a);
	return ST_OK;
}

static enum status seal_author(struct cli_call *call, struct addr *out)
{
	const char *text = call->options[CLI_AUTHOR];
	uint64_t chain_id;
	if (account_caip10_parse(&chain_id, out, text, strlen(text)) == ST_OK ||
	    account_parse(out, text, strlen(text)) == ST_OK)
		return ST_OK;
	return fail(call->cx, ST_INVALID,
		    "--author must be eip155:CHAIN:0x… or 0x… with the right checksum");
}

static enum status seal_path(struct cli_call *call, struct envelope_path *path)
{
	*path = (struct envelope_path){.is_signed = call->options[CLI_AUTHOR] != NULL};
	TRY(seal_eid(call, &path->src_eid, CLI_SRC, "src"));
	TRY(seal_eid(call, &path->dst_eid, CLI_DST, "dst"));
	TRY(seal_word(call, &path->receiver, CLI_TO, "to", true));
	if (path->is_signed == (call->options[CLI_APP] != NULL))
		return fail(call->cx, ST_INVALID,
			    "give --author for a signed message, or --app for one without a "
			    "signature");
	if (path->is_signed)
		return seal_author(call, &path->author);
	return seal_word(call, &path->app_id, CLI_APP, "app", false);
}

/* Keys ---------------------------------------------------------------------------------------- */

/* Reads a small file that nobody else may read. Out: *n bytes; the caller wipes them. */
static enum status seal_read_file(struct ctx *cx, char *out, size_t *n, size_t max, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(cx, ST_NOT_FOUND, "%.200s cannot be opened: %m", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077)) {
		close(fd);
		return fail(cx, ST_PRECONDITION,
			    "%.200s must be a file that only you can read: chmod 600", path);
	}
	*n = 0;
	ssize_t got = 1;
	while (*n < max && got > 0) {
		got = read(fd, out + *n, max - *n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			*n += (size_t)got;
	}
	close(fd);
	return got < 0 ? fail(cx, ST_PRECONDITION, "%.200s cannot be read", path) : ST_OK;
}

/* One key a line: 0x and 64 hex digits. */
static enum status seal_read_keys(struct ctx *cx, struct hpke_secret keys[SEAL_KEYS_MAX], size_t *n,
				  const char *path)
{
	enum { MAX = SEAL_KEYS_MAX * (SEAL_LINE_BYTES + 2) };
	char text[MAX + 1];
	size_t bytes = 0;
	*n = 0;
	TRY(seal_read_file(cx, text, &bytes, MAX, path));
	text[bytes] = '\0';
	bool ok = bytes < MAX;
	for (char *line = text; ok && *line;) {
		size_t length = strcspn(line, "\r\n");
		ok = *n < SEAL_KEYS_MAX &&
		     hex_decode_fixed(line, length, keys[*n].b, sizeof keys[*n].b);
		*n += ok;
		line += length;
		line += strspn(line, "\r\n");
	}
	explicit_bzero(text, sizeof text);
	if (ok && *n > 0)
		return ST_OK;
	return fail(cx, ST_INVALID, "%.200s must hold X25519 keys, one a line: 0x and 64 hex digits",
		    path);
}

static enum status seal_write_key(struct ctx *cx, const struct hpke_secret *secret,
				  const char *path)
{
	char line[SEAL_LINE_BYTES + 1] = "0x";
	hex_digits(line + 2, secret->b, sizeof secret->b);
	line[SEAL_LINE_BYTES] = '\n';
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		explicit_bzero(line, sizeof line);
		if (errno == EEXIST)
			return fail(cx, ST_CONFLICT, "%.200s is there already; nothing was written",
				    path);
		return fail(cx, ST_PRECONDITION, "%.200s cannot be written: %m", path);
	}
	bool ok = write(fd, line, sizeof line) == (ssize_t)sizeof line && fsync(fd) == 0;
	explicit_bzero(line, sizeof line);
	if (close(fd) == 0 && ok)
		return ST_OK;
	unlink(path);
	return fail(cx, ST_PRECONDITION, "%.200s could not be written whole", path);
}

/* Output -------------------------------------------------------------------------------------- */

/* {"encryption_key": "0x…", "key_id": "x25519-…"}, or two lines. */
static void seal_show_key(struct cli_call *call, const struct hash *public_key)
{
	uint8_t id[ENVELOPE_KEY_ID_BYTES];
	char name[ENVELOPE_KEY_NAME_BYTES];
	envelope_key_id(id, public_key);
	envelope_key_name(name, id);
	const char *key = hex_encode(call->cx->arena, public_key->b, sizeof public_key->b);
	if (call->json)
		printf("{\"encryption_key\":\"%s\",\"encryption_key_id\":\"%s\"}\n", key, name);
	else
		printf("encryption_key     %s\nencryption_key_id  %s\n", key, name);
}

static void seal_show_bytes(struct cli_call *call, const char *member, struct bytes b)
{
	const char *hex = hex_encode(call->cx->arena, b.p, b.n);
	if (call->json)
		printf("{\"%s\":\"%s\"}\n", member, hex);
	else
		printf("%s\n", hex);
}

/* Commands ------------------------------------------------------------------------------------ */

enum status seal_new_key(struct cli_call *call)
{
	struct hpke_secret secret;
	TRY(seal_need(call, CLI_OUT, "out"));
	hpke_secret_new(&secret);
	struct hash public_key = hpke_public(&secret);
	enum status st = seal_write_key(call->cx, &secret, call->options[CLI_OUT]);
	hpke_wipe(&secret);
	TRY(st);
	seal_show_key(call, &public_key);
	return ST_OK;
}

static enum status seal_plain(struct cli_call *call, struct bytes *out)
{
	const char *text = call->options[CLI_TEXT];
	const char *hex = call->options[CLI_PAYLOAD];
	if ((text != NULL) == (hex != NULL))
		return fail(call->cx, ST_INVALID, "give --payload or --text");
	if (text)
		*out = bytes_of(text, strlen(text));
	else if (!hex_decode(call->cx->arena, hex, strlen(hex), SEAL_PLAIN_BYTES_MAX, out))
		return fail(call->cx, ST_INVALID,
			    "--payload must be 0x and an even number of hex digits");
	return ST_OK;
}

enum status seal_payload(struct cli_call *call)
{
	struct envelope_path path;
	struct hash public_key;
	struct bytes plain;
	struct bytes sealed;
	TRY(seal_path(call, &path));
	TRY(seal_word(call, &public_key, CLI_TO_KEY, "to-key", false));
	TRY(seal_plain(call, &plain));
	TRY(envelope_seal(call->cx, &sealed, &path, &public_key, plain));
	seal_show_bytes(call, "payload", sealed);
	return ST_OK;
}

/* The key of the identity's newest final operation. */
static enum status seal_final_key(struct cli_call *call, struct hash *out)
{
	json_t *identity;
	size_t i;
	json_t *operation;
	TRY(client_call(call->cx, call->client, &identity, "IdentityService/GetIdentity",
			json_pack("{s:s}", "id", call->options[CLI_SEAL_TO]), NULL));
	const char *version = json_string_value(json_object_get(identity, "finalVersion"));
	const char *state = json_string_value(json_object_get(identity, "state"));
	if (state && strcmp(state, "IDENTITY_STATE_REVOKED") == 0)
		version = NULL;
	json_array_foreach(json_object_get(identity, "operations"), i, operation) {
		const char *of = json_string_value(json_object_get(operation, "version"));
		const char *as = json_string_value(json_object_get(operation, "state"));
		if (!version || !of || !as || strcmp(of, version) != 0 ||
		    strcmp(as, "OPERATION_STATE_FINAL") != 0)
			continue;
		const char *hex = show_hex(call->cx->arena,
					   json_object_get(operation, "encryptionKey"));
		if (hex_decode_fixed(hex, strlen(hex), out->b, sizeof out->b))
			return ST_OK;
	}
	return fail(call->cx, ST_PRECONDITION, "%.200s has no encryption key that is final",
		    call->options[CLI_SEAL_TO]);
}

enum status seal_request(struct cli_call *call, json_t *request)
{
	struct envelope_path path;
	struct hash public_key;
	struct bytes plain, sealed;
	uint8_t id[ENVELOPE_KEY_ID_BYTES];
	char name[ENVELOPE_KEY_NAME_BYTES];
	if (call->options[CLI_SIGNATURE] || call->options[CLI_AUTHOR])
		return fail(call->cx, ST_INVALID,
			    "--seal-to is for messages without a signature: with one, `ferry seal` "
			    "first, then sign what it gives");
	TRY(seal_path(call, &path));
	TRY(seal_plain(call, &plain));
	TRY(seal_final_key(call, &public_key));
	TRY(envelope_seal(call->cx, &sealed, &path, &public_key, plain));
	envelope_key_id(id, &public_key);
	envelope_key_name(name, id);
	json_object_set_new(request, "payload", json_string(show_base64(call->cx->arena, sealed)));
	json_object_set_new(request, "payloadEncryption",
			    json_pack("{s:s,s:s}", "recipient", call->options[CLI_SEAL_TO], "keyId",
				      name));
	return ST_OK;
}

enum status seal_open(struct cli_call *call)
{
	struct envelope_path path;
	struct hpke_secret keys[SEAL_KEYS_MAX];
	struct bytes raw;
	struct bytes plain;
	size_t n;
	size_t max = SEAL_PLAIN_BYTES_MAX + ENVELOPE_OVERHEAD_BYTES;
	TRY(seal_path(call, &path));
	TRY(seal_need(call, CLI_SECRET_FILE, "secret-file"));
	if (!hex_decode(call->cx->arena, call->id, strlen(call->id), max, &raw))
		return fail(call->cx, ST_INVALID,
			    "the payload must be 0x and an even number of hex digits");
	enum status st = seal_read_keys(call->cx, keys, &n, call->options[CLI_SECRET_FILE]);
	if (st == ST_OK)
		st = envelope_open(call->cx, &plain, &path, keys, n, raw);
	explicit_bzero(keys, sizeof keys);
	if (st == ST_UNAUTHENTICATED) /* not by the server */
		return fail(call->cx, ST_PRECONDITION, "%s", "the payload does not open: it was changed, or is "
			    "for another way than --src, --dst, --to and its sender say");
	TRY(st);
	if (!call->options[CLI_RAW])
		seal_show_bytes(call, "payload", plain);
	else if (fwrite(plain.p, 1, plain.n, stdout) != plain.n)
		return fail(call->cx, ST_PRECONDITION, "the output cannot be written");
	return ST_OK;
}
