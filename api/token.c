/* SPDX-License-Identifier: Apache-2.0 */
#include "api/token.h"

#include <string.h>

#include "base/digest.h"

enum { TOKEN_MAC_BYTES = 16, TOKEN_BYTES = TOKEN_PLACE_BYTES + TOKEN_MAC_BYTES, TOKEN_CHARS = 43 };

/* RFC 4648, section 5. */
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void token_mac(uint8_t out[TOKEN_MAC_BYTES], const uint8_t *key,
		      const struct token_scope *scope, const uint8_t *place)
{
	struct hash filter = digest_sha256(scope->filter.p, scope->filter.n);
	uint8_t text[1 + 8 + 32 + TOKEN_PLACE_BYTES];
	text[0] = (uint8_t)scope->kind;
	for (int i = 0; i < 8; i++)
		text[1 + i] = (uint8_t)((uint64_t)scope->app_id >> (56 - 8 * i));
	memcpy(text + 9, filter.b, 32);
	memcpy(text + 41, place, TOKEN_PLACE_BYTES);
	struct hash mac = digest_hmac(key, API_TOKEN_KEY_BYTES, text, sizeof text);
	memcpy(out, mac.b, TOKEN_MAC_BYTES);
}

void token_write(char out[TOKEN_TEXT_BYTES], const uint8_t key[API_TOKEN_KEY_BYTES],
		 const struct token_scope *scope, const uint8_t place[TOKEN_PLACE_BYTES])
{
	uint8_t raw[TOKEN_BYTES + 1] = {0};
	memcpy(raw, place, TOKEN_PLACE_BYTES);
	token_mac(raw + TOKEN_PLACE_BYTES, key, scope, place);
	for (size_t i = 0; i < TOKEN_CHARS; i++) {
		size_t bit = i * 6;
		unsigned pair = (unsigned)raw[bit / 8] << 8 | raw[bit / 8 + 1];
		out[i] = digits[pair >> (10 - bit % 8) & 63];
	}
	out[TOKEN_CHARS] = 0;
}

bool token_read(uint8_t place[TOKEN_PLACE_BYTES], const uint8_t key[API_TOKEN_KEY_BYTES],
		const struct token_scope *scope, const char *text)
{
	uint8_t raw[TOKEN_BYTES + 2] = {0}, mac[TOKEN_MAC_BYTES];
	if (strlen(text) != TOKEN_CHARS)
		return false;
	for (size_t i = 0; i < TOKEN_CHARS; i++) {
		const char *at = strchr(digits, text[i]);
		if (!at)
			return false;
		size_t bit = i * 6;
		unsigned pair = (unsigned)(at - digits) << (10 - bit % 8);
		raw[bit / 8] |= (uint8_t)(pair >> 8);
		raw[bit / 8 + 1] |= (uint8_t)pair;
	}
	if (raw[TOKEN_BYTES] != 0) /* the last two bits: one text a token */
		return false;
	token_mac(mac, key, scope, raw);
	if (!digest_equal(mac, raw + TOKEN_PLACE_BYTES, TOKEN_MAC_BYTES))
		return false;
	memcpy(place, raw, TOKEN_PLACE_BYTES);
	return true;
}
