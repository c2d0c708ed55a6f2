/* SPDX-License-Identifier: Apache-2.0
 *
 * Page tokens and cursors: opaque texts that carry a position and are bound, by an HMAC, to the app
 * and to the list they were made for. Nobody can make one, move one to another list, or learn from
 * one what is not theirs. Pure.
 */
#ifndef FERRY_API_TOKEN_H
#define FERRY_API_TOKEN_H

#include "api/config.h"

enum { TOKEN_PLACE_BYTES = 16, TOKEN_TEXT_BYTES = 48 };

/* What a token is for: the kind of list, the app, and everything that selects its members. */
struct token_scope {
	char kind; /* 'm' messages, 'e' events */
	int64_t app_id;
	struct bytes filter;
};

/* 16 bytes of place and 16 of authentication, in base64url. */
void token_write(char out[TOKEN_TEXT_BYTES], const uint8_t key[API_TOKEN_KEY_BYTES],
		 const struct token_scope *scope, const uint8_t place[TOKEN_PLACE_BYTES]);
/* false: not a token, or one for something else. */
bool token_read(uint8_t place[TOKEN_PLACE_BYTES], const uint8_t key[API_TOKEN_KEY_BYTES],
		const struct token_scope *scope, const char *text);

#endif
