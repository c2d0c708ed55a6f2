/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_scalar.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/json_map.h"
#include "google/protobuf/timestamp.pb-c.h"

enum { JSON_SCALAR_BYTES_MAX = 1024 * 1024 }; /* of a `bytes` member; requests end below that */

bool json_scalar_is_wide(ProtobufCType type)
{
	return type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_SINT64 ||
	       type == PROTOBUF_C_TYPE_SFIXED64 || type == PROTOBUF_C_TYPE_UINT64 ||
	       type == PROTOBUF_C_TYPE_FIXED64;
}

bool json_scalar_is_narrow(ProtobufCType type)
{
	return type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_SINT32 ||
	       type == PROTOBUF_C_TYPE_SFIXED32 || type == PROTOBUF_C_TYPE_UINT32 ||
	       type == PROTOBUF_C_TYPE_FIXED32;
}

static bool is_unsigned(ProtobufCType type)
{
	return type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_FIXED32 ||
	       type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_FIXED64;
}

/* Magnitude and sign of "-12": decimal, no leading zeros, no plus. false: not that, or too big. */
static bool read_decimal(const char *s, size_t n, uint64_t *magnitude, bool *negative)
{
	*negative = n > 0 && s[0] == '-';
	size_t i = *negative ? 1 : 0;
	if (n == i || (s[i] == '0' && n > i + 1))
		return false;
	uint64_t v = 0;
	for (; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return false;
	}
	*magnitude = v;
	return true;
}

static bool set_integer(struct ctx *cx, const struct json_path *path,
			const ProtobufCFieldDescriptor *f, void *at, uint64_t magnitude,
			bool negative)
{
	bool wide = json_scalar_is_wide(f->type);
	if (is_unsigned(f->type)) {
		if ((negative && magnitude > 0) || (!wide && magnitude > UINT32_MAX))
			return json_path_wrong(cx, path, "RANGE", "a number from 0 to %s is wanted",
					       wide ? "18446744073709551615" : "4294967295");
	} else {
		uint64_t max = wide ? INT64_MAX : INT32_MAX;
		if (magnitude > max + (negative ? 1 : 0))
			return json_path_wrong(cx, path, "RANGE",
					       "the number does not fit into %d bits",
					       wide ? 64 : 32);
	}
	uint64_t v = negative ? 0 - magnitude : magnitude;
	if (wide)
		memcpy(at, &v, sizeof v);
	else
		*(uint32_t *)at = (uint32_t)v;
	return true;
}

static bool set_enum_number(struct ctx *cx, const struct json_path *path,
			    const ProtobufCFieldDescriptor *f, void *at, int64_t v)
{
	if (v < INT32_MIN || v > INT32_MAX ||
	    !protobuf_c_enum_descriptor_get_value(f->descriptor, (int)v))
		return json_path_wrong(cx, path, "ENUM", "%" PRId64 " is no value of %s", v,
				       ((const ProtobufCEnumDescriptor *)f->descriptor)->name);
	*(int *)at = (int)v;
	return true;
}

bool json_scalar_set_integer(struct ctx *cx, const struct json_path *path,
			     const ProtobufCFieldDescriptor *f, void *at, int64_t v)
{
	if (f->type == PROTOBUF_C_TYPE_ENUM)
		return set_enum_number(cx, path, f, at, v);
	assert(json_scalar_is_wide(f->type) || json_scalar_is_narrow(f->type));
	return set_integer(cx, path, f, at, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

static bool set_decimal(struct ctx *cx, const struct json_path *path,
			const ProtobufCFieldDescriptor *f, void *at, const char *text, size_t n)
{
	uint64_t magnitude;
	bool negative;
	if (!read_decimal(text, n, &magnitude, &negative))
		return json_path_wrong(cx, path, "DECIMAL",
				       "a decimal number without leading zeros is wanted");
	return set_integer(cx, path, f, at, magnitude, negative);
}

static bool set_enum(struct ctx *cx, const struct json_path *path, enum json_style style,
		     const ProtobufCFieldDescriptor *f, void *at, const char *text)
{
	const ProtobufCEnumDescriptor *d = f->descriptor;
	const ProtobufCEnumValue *value = json_map_enum_value(d, style, text);
	if (value) {
		*(int *)at = value->value;
		return true;
	}
	struct buf b;
	buf_init(&b, cx->arena, 1024);
	for (size_t i = 0; i < d->n_values; i++) {
		char name[JSON_MAP_NAME_BYTES];
		json_map_enum_text(name, d, &d->values[i]);
		if (style == JSON_REST && !json_map_enum_value(d, style, name))
			continue;
		if (b.n > 0)
			buf_puts(&b, ", ");
		buf_puts(&b, style == JSON_REST ? name : d->values[i].name);
	}
	return json_path_wrong(cx, path, "ENUM", "one of %s is wanted", buf_text(&b));
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* The standard and the URL alphabet, with padding or without. */
static bool read_base64(struct arena *a, const char *s, size_t n, struct bytes *out)
{
	if (n % 4 == 0 && n > 0 && s[n - 1] == '=')
		n -= s[n - 2] == '=' ? 2 : 1;
	if (n % 4 == 1)
		return false;
	uint8_t *p = arena_alloc(a, n / 4 * 3 + 3);
	size_t len = 0;
	uint32_t bits = 0;
	for (size_t i = 0; i < n; i++) {
		int v = base64_value(s[i]);
		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 0)
			p[len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	*out = bytes_of(p, len);
	return true;
}

static bool set_bytes(struct ctx *cx, const struct json_path *path, enum json_style style,
		      ProtobufCBinaryData *at, const char *text, size_t n)
{
	struct bytes value = {NULL, 0};
	if (style == JSON_REST && !hex_decode(cx->arena, text, n, JSON_SCALAR_BYTES_MAX, &value))
		return json_path_wrong(cx, path, "HEX",
				       "0x and an even number of hex digits are wanted");
	if (style == JSON_CONNECT && !read_base64(cx->arena, text, n, &value))
		return json_path_wrong(cx, path, "BASE64", "base64 is wanted");
	at->data = (uint8_t *)(uintptr_t)value.p;
	at->len = value.n;
	return true;
}

static bool set_double(struct ctx *cx, const struct json_path *path,
		       const ProtobufCFieldDescriptor *f, void *at, const char *text, size_t n)
{
	/* Written before the parser decides: strtod alone would take hexadecimal and " 1". */
	bool plain = n > 0 && strspn(text, "0123456789+-.eE") == n && text[0] != '+' &&
		     text[0] != '.';
	bool named = strcmp(text, "NaN") == 0 || strcmp(text, "Infinity") == 0 ||
		     strcmp(text, "-Infinity") == 0;
	char *end = NULL;
	double v = plain || named ? strtod(text, &end) : 0;
	if (!end || *end || (plain && !isfinite(v)))
		return json_path_wrong(cx, path, "DECIMAL", "a number is wanted");
	if (f->type == PROTOBUF_C_TYPE_FLOAT)
		*(float *)at = (float)v;
	else
		*(double *)at = v;
	return true;
}

static bool set_bool(struct ctx *cx, const struct json_path *path, void *at, const char *text)
{
	bool yes = strcmp(text, "true") == 0;
	if (!yes && strcmp(text, "false") != 0)
		return json_path_wrong(cx, path, "TYPE", "true or false is wanted");
	*(protobuf_c_boolean *)at = yes;
	return true;
}

static bool set_string(struct ctx *cx, const struct json_path *path, void *at, const char *text,
		       size_t n)
{
	if (!json_map_is_utf8((const uint8_t *)text, n))
		return json_path_wrong(cx, path, "UTF8", "the text is not valid UTF-8");
	if (memchr(text, 0, n))
		return json_path_wrong(cx, path, "NUL", "the text holds a NUL character");
	*(char **)at = arena_strndup(cx->arena, text, n);
	return true;
}

bool json_scalar_set(struct ctx *cx, const struct json_path *path, enum json_style style,
		     const ProtobufCFieldDescriptor *f, void *at, const char *text, size_t n)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return set_decimal(cx, path, f, at, text, n);
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		return set_double(cx, path, f, at, text, n);
	case PROTOBUF_C_TYPE_BOOL:
		return set_bool(cx, path, at, text);
	case PROTOBUF_C_TYPE_ENUM:
		return set_enum(cx, path, style, f, at, text);
	case PROTOBUF_C_TYPE_STRING:
		return set_string(cx, path, at, text, n);
	case PROTOBUF_C_TYPE_BYTES:
		return set_bytes(cx, path, style, at, text, n);
	case PROTOBUF_C_TYPE_MESSAGE:
		break;
	}
	assert(!"only scalars have a text");
	return false;
}

/* Exactly `count` digits of s at *i, which moves on. */
static bool read_digits(const char *s, size_t n, size_t *i, size_t count, int *out)
{
	*out = 0;
	for (; count > 0; count--, ++*i) {
		if (*i >= n || s[*i] < '0' || s[*i] > '9')
			return false;
		*out = *out * 10 + (s[*i] - '0');
	}
	return true;
}

static bool read_fraction(const char *s, size_t n, size_t *i, int *nanos)
{
	*nanos = 0;
	if (*i >= n || s[*i] != '.')
		return true;
	size_t first = ++*i;
	for (; *i < n && s[*i] >= '0' && s[*i] <= '9'; ++*i)
		if (*i - first < 9)
			*nanos = *nanos * 10 + (s[*i] - '0');
	if (*i == first || *i - first > 9)
		return false;
	for (size_t digits = *i - first; digits < 9; digits++)
		*nanos *= 10;
	return true;
}

static bool read_offset(const char *s, size_t n, size_t *i, int *seconds)
{
	*seconds = 0;
	if (*i < n && (s[*i] == 'Z' || s[*i] == 'z')) {
		++*i;
		return true;
	}
	if (*i >= n || (s[*i] != '+' && s[*i] != '-'))
		return false;
	int sign = s[(*i)++] == '-' ? -1 : 1;
	int hours, minutes;
	if (!read_digits(s, n, i, 2, &hours) || *i >= n || s[(*i)++] != ':' ||
	    !read_digits(s, n, i, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool read_time(const char *s, size_t n, int64_t *seconds, int *nanos)
{
	int year, month, day, hour, minute, second, offset;
	size_t i = 0;
	if (!read_digits(s, n, &i, 4, &year) || i >= n || s[i++] != '-' ||
	    !read_digits(s, n, &i, 2, &month) || i >= n || s[i++] != '-' ||
	    !read_digits(s, n, &i, 2, &day) || i >= n || (s[i] != 'T' && s[i] != 't'))
		return false;
	i++;
	if (!read_digits(s, n, &i, 2, &hour) || i >= n || s[i++] != ':' ||
	    !read_digits(s, n, &i, 2, &minute) || i >= n || s[i++] != ':' ||
	    !read_digits(s, n, &i, 2, &second) || !read_fraction(s, n, &i, nanos) ||
	    !read_offset(s, n, &i, &offset) || i != n)
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
	    hour > 23 || minute > 59 || second > 59)
		return false;
	/* Days since 1970: days_from_civil by H. Hinnant. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, yoe = y % 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
	*seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset;
	return true;
}

bool json_scalar_time(struct ctx *cx, const struct json_path *path, const char *text, size_t n,
		      struct Google__Protobuf__Timestamp **out)
{
	int64_t seconds;
	int nanos;
	if (!read_time(text, n, &seconds, &nanos))
		return json_path_wrong(cx, path, "TIME",
				       "a time is wanted, as 2026-11-21T10:11:12.123456Z");
	*out = (Google__Protobuf__Timestamp *)api_message_new(
		cx->arena, &google__protobuf__timestamp__descriptor);
	(*out)->seconds = seconds;
	(*out)->nanos = nanos;
	return true;
}
