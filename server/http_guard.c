/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "server/http_exchange.h"

/* libmicrohttpd 0.9.75 reads heads leniently: it takes bare line feeds, folded lines, several
 * blanks in the request line, bytes hidden behind a NUL, Content-Length beside Transfer-Encoding,
 * and the first of several Content-Lengths. Each of these lets a proxy in front see another request
 * than we do. The library cuts the head into strings where it lies, so what it skipped shows as a
 * gap: http_guard_layout demands that the strings lie exactly as "name: value CR LF" would. A
 * library that copied its strings would fail this check for every request, which no test survives:
 * it cannot go wrong silently. */

static const struct {
	const char *name;
	size_t n;
	bool single;
} known[HTTP_HEADER_IDS] = {
#define X(id, text, one) [HTTP_##id] = {text, sizeof text - 1, one},
#include "server/http_headers.def"
#undef X
};

/* RFC 9110 5.6.2: the characters of a token. */
static const bool token_char[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
	['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
	['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static bool http_is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!token_char[(unsigned char)s[i]])
			return false;
	return n > 0;
}

static enum status http_guard_request_line(struct ctx *cx, const struct http_head *head)
{
	size_t method_n = strlen(head->method);
	if (!http_is_token(head->method, method_n) || method_n > 32)
		return fail_code(cx, ST_INVALID, "BAD_REQUEST_LINE",
				 "The request's method is not a token.");
	/* One blank after the method, one before the version, CR LF behind it. */
	bool tight = head->target_at == head->method + method_n + 1 &&
		     head->version == head->target_at + head->target_n + 1;
	if (!tight || head->target_n == 0)
		return fail_code(cx, ST_INVALID, "BAD_REQUEST_LINE",
				 "The request line is not: method, blank, target, blank, version.");
	for (size_t i = 0; i < head->target_n; i++)
		if ((unsigned char)head->target[i] <= ' ' || (unsigned char)head->target[i] >= 0x7f)
			return fail_code(cx, ST_INVALID, "BAD_REQUEST_LINE",
					 "The request's target has a byte that is not printable "
					 "ASCII; write it as %%XX.");
	if (head->target_n > HTTP_URI_BYTES_MAX)
		return fail_code(cx, ST_URI_TOO_LONG, "URI_TOO_LONG",
				 "The request's target has %zu bytes; at most %d are read.",
				 head->target_n, HTTP_URI_BYTES_MAX);
	return ST_OK;
}

static enum status http_guard_layout(struct ctx *cx, const struct http_head *head)
{
	const char *end = head->version + strlen(head->version);
	for (size_t i = 0; i < head->count; i++) {
		const struct http_header *h = &head->list[i];
		const char *name_end = h->name + h->name_n;
		/* Only blanks may lie between a name's colon and its value. */
		if (h->name != end + 2 || h->value < name_end + 1)
			return fail_code(cx, ST_INVALID, "BAD_HEADER",
					 "A line of the head is folded, has a NUL, or does not end "
					 "with CR LF (near header %zu).",
					 i + 1);
		end = h->value + h->value_n;
	}
	if (head->method + head->bytes != end + 4)
		return fail_code(cx, ST_INVALID, "BAD_HEADER",
				 "The last line of the head is folded, has a NUL, or does not end "
				 "with CR LF.");
	return ST_OK;
}

static enum status http_guard_header(struct ctx *cx, const struct http_header *h)
{
	if (!http_is_token(h->name, h->name_n))
		return fail_code(cx, ST_INVALID, "BAD_HEADER",
				 "A header's name has a character that is not allowed there.");
	for (size_t i = 0; i < h->value_n; i++) {
		unsigned char c = (unsigned char)h->value[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return fail_code(cx, ST_INVALID, "BAD_HEADER",
					 "The header %.64s has a control character.", h->name);
	}
	return ST_OK;
}

/* Puts a header of the table into the index; a second one of a single header is refused. */
static enum status http_guard_index(struct ctx *cx, struct http_head *head,
				    const struct http_header *h)
{
	for (int id = 0; id < HTTP_HEADER_IDS; id++) {
		if (known[id].n != h->name_n ||
		    strncasecmp(known[id].name, h->name, h->name_n) != 0)
			continue;
		size_t n = h->value_n;
		while (n > 0 && (h->value[n - 1] == ' ' || h->value[n - 1] == '\t'))
			n--;
		const char *value =
			n == h->value_n ? h->value : arena_strndup(cx->arena, h->value, n);
		if (head->value[id] && known[id].single)
			return fail_code(cx, ST_INVALID, "DUPLICATE_HEADER",
					 "The header %s may be given once.", known[id].name);
		head->value[id] = head->value[id] ? arena_printf(cx->arena, "%s, %s",
								 head->value[id], value)
						  : value;
		return ST_OK;
	}
	return ST_OK;
}

static enum status http_guard_host(struct ctx *cx, const struct http_head *head)
{
	const char *host = head->value[HTTP_HOST];
	if (!host) {
		if (strcmp(head->version, "HTTP/1.0") == 0)
			return ST_OK;
		return fail_code(cx, ST_INVALID, "BAD_HOST", "The header Host is missing.");
	}
	size_t n = strlen(host);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)host[i];
		if (!isalnum(c) && !strchr("-._~:[]!$&'()*+;=%", c))
			return fail_code(cx, ST_INVALID, "BAD_HOST",
					 "The header Host is not a host and port.");
	}
	if (n > 255)
		return fail_code(cx, ST_INVALID, "BAD_HOST", "The header Host is too long.");
	return ST_OK;
}

/* How long the body is, such that nobody can read it in two ways (RFC 9112 6.1, 6.3). */
static enum status http_guard_framing(struct ctx *cx, struct http_head *head)
{
	const char *coding = head->value[HTTP_TRANSFER_ENCODING];
	const char *length = head->value[HTTP_CONTENT_LENGTH];
	if (coding && length)
		return fail_code(cx, ST_INVALID, "BAD_FRAMING",
				 "Content-Length and Transfer-Encoding exclude each other.");
	if (coding) {
		if (strcasecmp(coding, "chunked") != 0 || strcmp(head->version, "HTTP/1.1") != 0)
			return fail_code(cx, ST_INVALID, "BAD_FRAMING",
					 "The only Transfer-Encoding is chunked, in HTTP/1.1.");
		head->has_body = true;
		head->chunked = true;
	}
	if (length) {
		if (!http_decimal(length, INT64_MAX, &head->content_length))
			return fail_code(cx, ST_INVALID, "BAD_FRAMING",
					 "The header Content-Length is not a number.");
		head->has_body = head->content_length > 0;
	}
	return ST_OK;
}

static enum status http_guard_target(struct ctx *cx, struct http_head *head)
{
	const char *target = head->target;
	/* RFC 9112 3.2.2: "a server MUST accept the absolute-form in requests". */
	if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
		target = strchr(target, ':') + 3;
		target += strcspn(target, "/?");
	}
	size_t n = strcspn(target, "?#");
	if (target[n] == '#')
		return fail_code(cx, ST_INVALID, "BAD_REQUEST_LINE",
				 "The request's target has a fragment.");
	head->query = target[n] == '?' ? target + n + 1 : NULL;
	head->path = n == 0 ? "/" : arena_strndup(cx->arena, target, n);
	bool star = strcmp(head->path, "*") == 0 && strcmp(head->method, "OPTIONS") == 0;
	if (head->path[0] != '/' && !star)
		return fail_code(cx, ST_INVALID, "BAD_REQUEST_LINE",
				 "The request's target must start with a slash.");
	if (head->query && strchr(head->query, '#'))
		return fail_code(cx, ST_INVALID, "BAD_REQUEST_LINE",
				 "The request's target has a fragment.");
	return ST_OK;
}

enum status http_guard(struct ctx *cx, struct http_head *head)
{
	head->path = "/";
	TRY(http_guard_request_line(cx, head));
	if (head->overflow || head->bytes > HTTP_HEAD_BYTES_MAX)
		return fail_code(cx, ST_HEADERS_TOO_LARGE, "HEADERS_TOO_LARGE",
				 "A request's head has at most %d headers and %d bytes.",
				 HTTP_HEADERS_MAX, HTTP_HEAD_BYTES_MAX);
	TRY(http_guard_layout(cx, head));
	for (size_t i = 0; i < head->count; i++) {
		TRY(http_guard_header(cx, &head->list[i]));
		TRY(http_guard_index(cx, head, &head->list[i]));
	}
	TRY(http_guard_host(cx, head));
	TRY(http_guard_framing(cx, head));
	return http_guard_target(cx, head);
}
