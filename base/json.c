/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <assert.h>
#include <stdio.h>

static void json_release(void *root)
{
	json_decref(root);
}

/* Where the string that begins before text[i] ends: behind its closing quote, or at the end. Most
 * of an answer is long strings, hence memchr. */
static size_t json_string_end(struct bytes text, size_t i)
{
	size_t start = i;
	while (i < text.n) {
		const uint8_t *quote = memchr(text.p + i, '"', text.n - i);
		if (!quote)
			break;
		i = (size_t)(quote - text.p);
		size_t slashes = 0;
		while (i - slashes > start && text.p[i - slashes - 1] == '\\')
			slashes++;
		i++;
		if (slashes % 2 == 0)
			return i;
	}
	return text.n;
}

/* Does the text nest deeper than depth_max? What is malformed is left for the parser to find. */
static bool json_is_deeper(struct bytes text, unsigned depth_max)
{
	unsigned depth = 0;
	for (size_t i = 0; i < text.n;) {
		uint8_t c = text.p[i++];
		if (c == '"')
			i = json_string_end(text, i);
		else if ((c == '{' || c == '[') && ++depth > depth_max)
			return true;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return false;
}

/* The quick reader. Nodes answer with megabytes of plain texts in objects, and jansson takes each
 * byte through five functions. This one knows only what such answers are made of: printable ASCII
 * without escapes, small whole numbers, true, false, null. Whatever else it meets, an error too,
 * makes it give up, and jansson reads the text from the start and has the last word: so it can be
 * faster than jansson but never more generous. */
struct json_quick {
	const uint8_t *p;
	const uint8_t *end;
};

static json_t *json_quick_value(struct json_quick *q);

static uint8_t json_quick_peek(struct json_quick *q)
{
	while (q->p < q->end &&
	       (*q->p == ' ' || *q->p == '\n' || *q->p == '\t' || *q->p == '\r'))
		q->p++;
	return q->p < q->end ? *q->p : 0;
}

static bool json_quick_take(struct json_quick *q, uint8_t c)
{
	if (json_quick_peek(q) != c)
		return false;
	q->p++;
	return true;
}

/* Is a byte among eight below 0x20, above 0x7f, or a backslash? The usual tricks with words. */
static bool json_quick_is_odd(uint64_t w)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t slash = w ^ ones * '\\';
	return ((w | (w - ones * 0x20) | (slash - ones)) & ones * 0x80) != 0;
}

/* What stands between quotes; NULL when it is not plain. */
static const char *json_quick_text(struct json_quick *q, size_t *n)
{
	if (!json_quick_take(q, '"'))
		return NULL;
	const uint8_t *text = q->p;
	const uint8_t *quote = memchr(text, '"', (size_t)(q->end - text));
	if (!quote)
		return NULL;
	*n = (size_t)(quote - text);
	for (size_t i = 0; i < *n; i += 8) {
		uint64_t w = UINT64_C(0x2020202020202020);
		memcpy(&w, text + i, *n - i < 8 ? *n - i : 8);
		if (json_quick_is_odd(w))
			return NULL;
	}
	q->p = quote + 1;
	return (const char *)text;
}

static json_t *json_quick_string(struct json_quick *q)
{
	size_t n;
	const char *s = json_quick_text(q, &n);
	return s ? json_stringn_nocheck(s, n) : NULL;
}

static json_t *json_quick_number(struct json_quick *q)
{
	json_int_t v = 0;
	const uint8_t *start = q->p;
	while (q->p < q->end && *q->p >= '0' && *q->p <= '9' && q->p - start < 18)
		v = v * 10 + (*q->p++ - '0');
	bool leading = *start == '0' && q->p - start > 1;
	uint8_t next = q->p < q->end ? *q->p : 0;
	if (leading || (next >= '0' && next <= '9') || next == '.' || next == 'e' || next == 'E')
		return NULL;
	return json_integer(v);
}

static json_t *json_quick_word(struct json_quick *q)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);
		if ((size_t)(q->end - q->p) < n || memcmp(q->p, words[i], n) != 0)
			continue;
		q->p += n;
		return i == 0 ? json_true() : i == 1 ? json_false() : json_null();
	}
	return NULL;
}

static bool json_quick_members(struct json_quick *q, json_t *object)
{
	if (json_quick_take(q, '}'))
		return true;
	for (size_t count = 1;; count++) {
		size_t n;
		const char *name = json_quick_text(q, &n);
		if (!name || !json_quick_take(q, ':'))
			return false;
		json_t *v = json_quick_value(q);
		if (!v || json_object_setn_new_nocheck(object, name, n, v) != 0 ||
		    json_object_size(object) != count) /* a member twice */
			return false;
		if (json_quick_take(q, '}'))
			return true;
		if (!json_quick_take(q, ','))
			return false;
	}
}

static bool json_quick_elements(struct json_quick *q, json_t *array)
{
	if (json_quick_take(q, ']'))
		return true;
	for (;;) {
		json_t *v = json_quick_value(q);
		if (!v || json_array_append_new(array, v) != 0)
			return false;
		if (json_quick_take(q, ']'))
			return true;
		if (!json_quick_take(q, ','))
			return false;
	}
}

/* NULL: give up. The depth was bounded before. */
static json_t *json_quick_value(struct json_quick *q)
{
	uint8_t c = json_quick_peek(q);
	if (c == '"')
		return json_quick_string(q);
	if (c >= '0' && c <= '9')
		return json_quick_number(q);
	if (c != '{' && c != '[')
		return json_quick_word(q);
	q->p++;
	json_t *v = c == '{' ? json_object() : json_array();
	if (v && (c == '{' ? json_quick_members(q, v) : json_quick_elements(q, v)))
		return v;
	json_decref(v);
	return NULL;
}

static json_t *json_quick(struct bytes text)
{
	struct json_quick q = {text.p, text.p + text.n};
	uint8_t first = json_quick_peek(&q);
	if (first != '{' && first != '[')
		return NULL;
	json_t *root = json_quick_value(&q);
	json_quick_peek(&q);
	if (q.p == q.end)
		return root;
	json_decref(root);
	return NULL;
}

enum status json_parse(struct ctx *cx, json_t **out, struct bytes text, size_t bytes_max,
		       unsigned depth_max)
{
	if (text.n > bytes_max)
		return fail(cx, ST_TOO_LARGE, "the JSON text has %zu bytes; at most %zu are taken",
			    text.n, bytes_max);
	if (text.n == 0)
		return fail(cx, ST_INVALID, "the JSON text is empty");
	if (json_is_deeper(text, depth_max))
		return fail(cx, ST_INVALID, "the JSON text nests deeper than %u levels", depth_max);
	json_error_t error;
	json_t *root = json_quick(text);
	if (!root)
		root = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		/* jansson quotes the text behind " near "; that is the stranger's, not ours. */
		char *near = strstr(error.text, " near ");
		if (near)
			*near = 0;
		return fail(cx, ST_INVALID, "not JSON: %s at line %d, column %d", error.text,
			    error.line, error.column);
	}
	arena_defer(cx->arena, json_release, root);
	*out = root;
	return ST_OK;
}

static const char *json_type_name(const json_t *v)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
		[JSON_STRING] = "a text",    [JSON_INTEGER] = "a number",
		[JSON_REAL] = "a number",    [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",      [JSON_NULL] = "null",
	};
	return v ? names[json_typeof(v)] : "missing";
}

enum status json_read_member(struct ctx *cx, json_t **out, const json_t *object, const char *name,
			     json_type type)
{
	if (!json_is_object(object))
		return fail(cx, ST_INVALID, "an object with \"%s\" is wanted, it is %s", name,
			    json_type_name(object));
	json_t *v = json_object_get(object, name);
	if (!v)
		return fail(cx, ST_INVALID, "\"%s\" is missing", name);
	if (json_typeof(v) != type)
		return fail(cx, ST_INVALID, "\"%s\" has the wrong type: it is %s", name,
			    json_type_name(v));
	*out = v;
	return ST_OK;
}

static enum status json_read_string(struct ctx *cx, const char **s, size_t *n, const json_t *v,
				    const char *what)
{
	if (!json_is_string(v))
		return fail(cx, ST_INVALID, "%s must be a text, it is %s", what, json_type_name(v));
	*s = json_string_value(v);
	*n = json_string_length(v);
	return ST_OK;
}

enum status json_read_text(struct ctx *cx, const char **out, const json_t *v, const char *what,
			   size_t bytes_max)
{
	const char *s = "";
	size_t n = 0;
	TRY(json_read_string(cx, &s, &n, v, what));
	if (n > bytes_max)
		return fail(cx, ST_INVALID, "%s has %zu bytes; at most %zu are taken", what, n,
			    bytes_max);
	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)s[i] < 0x20 || s[i] == 0x7f)
			return fail(cx, ST_INVALID, "%s holds a control character", what);
	}
	*out = s;
	return ST_OK;
}

static int json_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum status json_read_u256(struct ctx *cx, uint8_t out[32], const json_t *v, const char *what)
{
	const char *s = "";
	size_t n = 0;
	TRY(json_read_string(cx, &s, &n, v, what));
	if (n < 3 || s[0] != '0' || s[1] != 'x')
		return fail(cx, ST_INVALID, "%s must be 0x and hexadecimal digits", what);
	if (s[2] == '0' && n > 3)
		return fail(cx, ST_INVALID, "%s has leading zeros", what);
	if (n > 2 + 64)
		return fail(cx, ST_INVALID, "%s does not fit 256 bits", what);
	memset(out, 0, 32);
	for (size_t i = 0; i < n - 2; i++) {
		int digit = json_hex_value(s[n - 1 - i]);
		if (digit < 0)
			return fail(cx, ST_INVALID, "%s must be 0x and hexadecimal digits", what);
		out[31 - i / 2] = (uint8_t)(out[31 - i / 2] | digit << (i % 2 ? 4 : 0));
	}
	return ST_OK;
}

enum status json_read_u64(struct ctx *cx, uint64_t *out, const json_t *v, const char *what)
{
	uint8_t be[32];
	TRY(json_read_u256(cx, be, v, what));
	uint64_t value = 0;
	for (size_t i = 0; i < 24; i++) {
		if (be[i])
			return fail(cx, ST_INVALID, "%s does not fit 64 bits", what);
	}
	for (size_t i = 24; i < 32; i++)
		value = value << 8 | be[i];
	*out = value;
	return ST_OK;
}

enum status json_read_data(struct ctx *cx, struct bytes *out, const json_t *v, const char *what,
			   size_t bytes_max)
{
	const char *s = "";
	size_t n = 0;
	TRY(json_read_string(cx, &s, &n, v, what));
	if (n > 2 && (n - 2) / 2 > bytes_max)
		return fail(cx, ST_INVALID, "%s has %zu bytes; at most %zu are taken", what,
			    (n - 2) / 2, bytes_max);
	if (!hex_decode(cx->arena, s, n, bytes_max, out))
		return fail(cx, ST_INVALID, "%s must be 0x and whole bytes in hexadecimal", what);
	return ST_OK;
}

enum status json_read_fixed(struct ctx *cx, uint8_t *out, size_t n, const json_t *v,
			    const char *what)
{
	const char *s = "";
	size_t s_n = 0;
	TRY(json_read_string(cx, &s, &s_n, v, what));
	if (!hex_decode_fixed(s, s_n, out, n))
		return fail(cx, ST_INVALID, "%s must be 0x and exactly %zu bytes in hexadecimal",
			    what, n);
	return ST_OK;
}

enum status json_read_hash(struct ctx *cx, struct hash *out, const json_t *v, const char *what)
{
	return json_read_fixed(cx, out->b, sizeof out->b, v, what);
}

enum status json_read_addr(struct ctx *cx, struct addr *out, const json_t *v, const char *what)
{
	return json_read_fixed(cx, out->b, sizeof out->b, v, what);
}
