/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "server/http_exchange.h"

static int http_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *http_percent_decode(struct arena *a, const char *s, size_t n, bool plus)
{
	char *out = arena_alloc(a, n + 1);
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '%') {
			out[at++] = plus && s[i] == '+' ? ' ' : s[i];
			continue;
		}
		if (n - i < 3)
			return NULL;
		int hi = http_hex(s[i + 1]);
		int lo = http_hex(s[i + 2]);
		if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
			return NULL;
		out[at++] = (char)(hi << 4 | lo);
		i += 2;
	}
	return out;
}

void http_percent_put(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
		if (plain)
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* How many bytes the UTF-8 character at s has; 0: it is none. */
static size_t http_utf8_n(const char *s)
{
	const unsigned char *b = (const unsigned char *)s;
	size_t n = 0;
	if (b[0] < 0x80)
		n = 1;
	else if (b[0] >= 0xc2 && b[0] < 0xe0)
		n = 2;
	else if (b[0] >= 0xe0 && b[0] < 0xf0)
		n = 3;
	else if (b[0] >= 0xf0 && b[0] < 0xf5)
		n = 4;
	for (size_t i = 1; i < n; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	bool bad = (b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] >= 0xa0) ||
		   (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] >= 0x90);
	return bad ? 0 : n;
}

void http_json_put(struct buf *out, const char *s)
{
	buf_putc(out, '"');
	while (*s) {
		unsigned char c = (unsigned char)*s;
		size_t n = http_utf8_n(s);
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else if (n == 0)
			buf_puts(out, "\\ufffd");
		else
			buf_put(out, s, n);
		s += n ? n : 1;
	}
	buf_putc(out, '"');
}

static enum status http_query_add(struct ctx *cx, struct http_query out[HTTP_QUERY_MAX], size_t *n,
				  const char *part, size_t part_n)
{
	if (*n == HTTP_QUERY_MAX)
		return fail_code(cx, ST_INVALID, "TOO_MANY_PARAMETERS",
				 "Give at most %d query parameters.", HTTP_QUERY_MAX);
	const char *equal = memchr(part, '=', part_n);
	size_t name_n = equal ? (size_t)(equal - part) : part_n;
	char *name = http_percent_decode(cx->arena, part, name_n, true);
	char *value = equal ? http_percent_decode(cx->arena, equal + 1, part_n - name_n - 1, true)
			    : arena_strdup(cx->arena, "");
	if (!name || !value)
		return fail_code(cx, ST_INVALID, "BAD_ESCAPE",
				 "The query has a %% that is not followed by two hex digits of a "
				 "byte other than zero.");
	for (size_t i = 0; i < *n; i++) {
		if (strcmp(out[i].name, name) == 0) {
			ctx_add_detail(cx, arena_printf(cx->arena, "/%s", name),
				       "DUPLICATE_PARAMETER", "It may be given once.");
			return fail_code(cx, ST_INVALID, "DUPLICATE_PARAMETER",
					 "The query parameter %s is given twice.", name);
		}
	}
	out[(*n)++] = (struct http_query){name, value};
	return ST_OK;
}

enum status http_query_parse(struct ctx *cx, const char *query,
			     struct http_query out[HTTP_QUERY_MAX], size_t *n)
{
	*n = 0;
	while (query && *query) {
		size_t part_n = strcspn(query, "&");
		if (part_n > 0)
			TRY(http_query_add(cx, out, n, query, part_n));
		query += part_n;
		if (*query)
			query++;
	}
	return ST_OK;
}

static bool http_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next member of a comma list: without blanks and parameters. Returns what follows it. */
static const char *http_list_next(const char *s, const char **item, size_t *item_n,
				  const char **parameters, size_t *parameters_n)
{
	while (http_is_blank(*s) || *s == ',')
		s++;
	size_t all = strcspn(s, ",");
	size_t n = 0;
	while (n < all && s[n] != ';')
		n++;
	*item = s;
	*parameters = s + n;
	*parameters_n = all - n;
	while (n > 0 && http_is_blank(s[n - 1]))
		n--;
	*item_n = n;
	return s + all;
}

/* Is there a "q=0", "q=0.0", …: not acceptable? */
static bool http_quality_is_zero(const char *parameters, size_t n)
{
	for (size_t i = 0; i + 2 < n; i++) {
		bool starts = parameters[i] == ';' || http_is_blank(parameters[i]);
		if (!starts || (parameters[i + 1] | 0x20) != 'q' || parameters[i + 2] != '=')
			continue;
		for (i += 3; i < n && !http_is_blank(parameters[i]) && parameters[i] != ';'; i++)
			if (parameters[i] != '0' && parameters[i] != '.')
				return false;
		return true;
	}
	return false;
}

static bool http_range_covers(const char *range, size_t n, const char *type)
{
	size_t type_n = strlen(type);
	if (n == 3 && memcmp(range, "*/*", 3) == 0)
		return true;
	size_t main_n = strcspn(type, "/") + 1;
	if (n == main_n + 1 && range[main_n] == '*' && strncasecmp(range, type, main_n) == 0)
		return true;
	return n == type_n && strncasecmp(range, type, n) == 0;
}

/* RFC 9110 12.5.1: the most specific range decides. */
bool http_accepts(const char *accept, const char *type, bool exact)
{
	if (!accept)
		return !exact;
	bool taken = false;
	size_t best = 0;
	while (*accept) {
		const char *range;
		const char *parameters;
		size_t n;
		size_t parameters_n;
		accept = http_list_next(accept, &range, &n, &parameters, &parameters_n);
		if (n == 0 || !http_range_covers(range, n, type))
			continue;
		bool wild = range[n - 1] == '*';
		if ((exact && wild) || n < best)
			continue;
		/* "type/sub" is longer than its "type/…*" unless sub is short: a name wins. */
		best = wild ? n - 1 : SIZE_MAX;
		taken = !http_quality_is_zero(parameters, parameters_n);
	}
	return taken;
}

bool http_prefers(const char *prefer, const char *name)
{
	while (prefer && *prefer) {
		const char *item;
		const char *parameters;
		size_t n;
		size_t parameters_n;
		prefer = http_list_next(prefer, &item, &n, &parameters, &parameters_n);
		if (n == strlen(name) && strncasecmp(item, name, n) == 0)
			return true;
	}
	return false;
}

bool http_type_is(const char *content_type, const char *type)
{
	if (!content_type)
		return false;
	size_t n = strlen(type);
	if (strncasecmp(content_type, type, n) != 0)
		return false;
	const char *rest = content_type + n;
	while (http_is_blank(*rest))
		rest++;
	if (*rest == '\0')
		return true;
	if (*rest++ != ';')
		return false;
	while (http_is_blank(*rest))
		rest++;
	return strcasecmp(rest, "charset=utf-8") == 0 || strcasecmp(rest, "charset=\"utf-8\"") == 0;
}

/* W3C Trace Context: version-traceid-parentid-flags, lower case, ids not all zero. */
bool http_traceparent_is_valid(const char *s)
{
	static const size_t dashes[] = {2, 35, 52};
	size_t n = strlen(s);
	if (n < 55 || n > 128 || (n > 55 && (s[55] != '-' || memcmp(s, "00", 2) == 0)))
		return false;
	size_t dash = 0;
	for (size_t i = 0; i < 55; i++) {
		if (dash < 3 && i == dashes[dash]) {
			if (s[i] != '-')
				return false;
			dash++;
		} else if (http_hex(s[i]) < 0 || (s[i] >= 'A' && s[i] <= 'F')) {
			return false;
		}
	}
	if (memcmp(s, "ff", 2) == 0)
		return false;
	return strspn(s + 3, "0") < 32 && strspn(s + 36, "0") < 16;
}

bool http_etag_matches(const char *list, const char *etag)
{
	size_t etag_n = strlen(etag);
	while (*list) {
		while (http_is_blank(*list) || *list == ',')
			list++;
		if (*list == '*')
			return true;
		if (list[0] == 'W' && list[1] == '/')
			list += 2;
		if (*list != '"')
			return false;
		size_t n = strcspn(++list, "\"");
		if (n == etag_n && memcmp(list, etag, n) == 0)
			return true;
		list += n;
		if (*list)
			list++;
	}
	return false;
}

bool http_decimal(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	if (*s == '\0')
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		uint64_t digit = (uint64_t)(*s - '0');
		if (v > (max - digit) / 10 || digit > max)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}
