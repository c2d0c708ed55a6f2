/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages to JSON, written straight into one buffer: a status answer must cost microseconds.
 */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "api/json.h"
#include "api/json_map.h"
#include "base/clock.h"
#include "google/protobuf/struct.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

/* Of one text; the arena's own maximum is usually nearer. FIRST holds a message without growing. */
enum { JSON_ENCODE_BYTES_MAX = 64 * 1024 * 1024, JSON_ENCODE_BYTES_FIRST = 2048 };

static void put_message(struct buf *b, enum json_style style, const ProtobufCMessage *m);
static void put_struct(struct buf *b, const Google__Protobuf__Struct *s);

/* What is not UTF-8 (a node's answer, say) must not make the whole answer unreadable. */
static void put_escaped(struct buf *b, uint8_t c)
{
	static const char letters[] = "\b\t\n\f\r";
	static const char names[] = "btnfr";
	const char *at = c ? strchr(letters, c) : NULL;
	if (c == '"' || c == '\\') {
		buf_putc(b, '\\');
		buf_putc(b, (char)c);
	} else if (at) {
		buf_putc(b, '\\');
		buf_putc(b, names[at - letters]);
	} else if (c < 0x20) {
		buf_printf(b, "\\u%04x", c);
	} else {
		buf_puts(b, "\xef\xbf\xbd");
	}
}

static void put_string(struct buf *b, const char *s)
{
	const uint8_t *p = (const uint8_t *)(s ? s : "");
	size_t n = strlen((const char *)p);
	buf_putc(b, '"');
	for (size_t i = 0; i < n;) {
		size_t run = i;
		size_t len;
		while (run < n && p[run] >= 0x20 && p[run] != '"' && p[run] != '\\' &&
		       (len = json_map_utf8_char(p + run, n - run)) > 0)
			run += len;
		buf_put(b, p + i, run - i);
		if (run < n)
			put_escaped(b, p[run++]);
		i = run;
	}
	buf_putc(b, '"');
}

static void put_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_put(b, digits + at, sizeof digits - at);
}

static void put_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_putc(b, '-');
	put_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* The shortest text that reads back as the same number. */
static void put_double(struct buf *b, enum json_style style, double v)
{
	char text[32];
	if (!isfinite(v)) {
		const char *name = isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"";
		buf_puts(b, style == JSON_CONNECT ? name : "null");
		return;
	}
	if (v == 0) {
		buf_puts(b, signbit(v) ? "-0.0" : "0"); /* "-0" would be read as an integer */
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		double back;
		if (sscanf(text, "%lf", &back) == 1 && back == v)
			break;
	}
	buf_puts(b, text);
}

static void put_bytes(struct buf *b, enum json_style style, const ProtobufCBinaryData *data)
{
	size_t n = data->len;
	if (style == JSON_REST) {
		char *at = (char *)buf_room(b, 2 * n + 4);
		if (!at)
			return;
		memcpy(at, "\"0x", 3);
		hex_digits(at + 3, data->data, n);
		at[2 * n + 3] = '"';
		return;
	}
	buf_putc(b, '"');
	size_t room = (n + 2) / 3 * 4 + 1;
	uint8_t *at = buf_room(b, room);
	if (at) {
		/* EVP_EncodeBlock ends its text with a NUL, which the closing quote replaces. */
		int len = n > 0 ? EVP_EncodeBlock(at, data->data, (int)n) : 0;
		assert((size_t)len == room - 1);
		at[len] = '"';
	}
}

static void put_digits(char *out, unsigned v, int n)
{
	for (int i = n - 1; i >= 0; i--, v /= 10)
		out[i] = (char)('0' + v % 10);
}

static void put_time(struct buf *b, enum json_style style, const Google__Protobuf__Timestamp *t)
{
	const int64_t second_min = INT64_C(-62135596800), second_max = INT64_C(253402300799);
	int64_t s = t->seconds < second_min ? second_min :
		    t->seconds > second_max ? second_max : t->seconds;
	unsigned nanos = t->nanos >= 0 && t->nanos < 1000000000 ? (unsigned)t->nanos : 0;
	/* Days since 0000-03-01, so that the leap day ends the year:
	 * civil_from_days by H. Hinnant. */
	int64_t second = ((s % 86400) + 86400) % 86400;
	int64_t z = (s - second) / 86400 + 719468;
	unsigned era = (unsigned)(z / 146097);
	unsigned doe = (unsigned)(z - (int64_t)era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	unsigned month = mp < 10 ? mp + 3 : mp - 9;
	unsigned year = yoe + era * 400 + (month <= 2 ? 1 : 0);
	bool micros = style == JSON_REST || nanos % 1000 == 0;
	char text[] = "\"0000-00-00T00:00:00.000000000Z\"";
	put_digits(text + 1, year, 4);
	put_digits(text + 6, month, 2);
	put_digits(text + 9, doy - (153 * mp + 2) / 5 + 1, 2);
	put_digits(text + 12, (unsigned)second / 3600, 2);
	put_digits(text + 15, (unsigned)second / 60 % 60, 2);
	put_digits(text + 18, (unsigned)second % 60, 2);
	put_digits(text + 21, nanos, 9);
	if (micros)
		memcpy(text + 27, "Z\"", 3);
	buf_put(b, text, micros ? 29 : 32);
}

static void put_enum(struct buf *b, enum json_style style, const ProtobufCEnumDescriptor *d, int v)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(d, v);
	if (style == JSON_CONNECT && !value) {
		put_i64(b, v);
	} else if (!value || (style == JSON_REST && v == 0)) {
		buf_puts(b, "null");
	} else {
		char name[JSON_MAP_NAME_BYTES];
		if (style == JSON_REST)
			json_map_enum_text(name, d, value);
		buf_putc(b, '"');
		buf_puts(b, style == JSON_REST ? name : value->name);
		buf_putc(b, '"');
	}
}

static void put_quoted_u64(struct buf *b, uint64_t v)
{
	buf_putc(b, '"');
	put_u64(b, v);
	buf_putc(b, '"');
}

/* One value of the field's type, which lives at `at`. */
static void put_value(struct buf *b, enum json_style style, const ProtobufCFieldDescriptor *f,
		      const void *at)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		put_i64(b, *(const int32_t *)at);
		return;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		put_u64(b, *(const uint32_t *)at);
		return;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		buf_putc(b, '"');
		put_i64(b, *(const int64_t *)at);
		buf_putc(b, '"');
		return;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		put_quoted_u64(b, *(const uint64_t *)at);
		return;
	case PROTOBUF_C_TYPE_FLOAT:
		put_double(b, style, (double)*(const float *)at);
		return;
	case PROTOBUF_C_TYPE_DOUBLE:
		put_double(b, style, *(const double *)at);
		return;
	case PROTOBUF_C_TYPE_BOOL:
		buf_puts(b, *(const protobuf_c_boolean *)at ? "true" : "false");
		return;
	case PROTOBUF_C_TYPE_ENUM:
		put_enum(b, style, f->descriptor, *(const int *)at);
		return;
	case PROTOBUF_C_TYPE_STRING:
		put_string(b, *(char *const *)at);
		return;
	case PROTOBUF_C_TYPE_BYTES:
		put_bytes(b, style, at);
		return;
	case PROTOBUF_C_TYPE_MESSAGE:
		put_message(b, style, *(ProtobufCMessage *const *)at);
		return;
	}
	assert(!"a field type that protobuf does not have");
}

static void put_repeated(struct buf *b, enum json_style style, const ProtobufCMessage *m,
			 const ProtobufCFieldDescriptor *f)
{
	size_t n = *(const size_t *)json_map_at(m, f->quantifier_offset);
	const uint8_t *values = *(uint8_t *const *)json_map_at(m, f->offset);
	size_t step = json_map_value_bytes(f->type);
	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		put_value(b, style, f, values + i * step);
	}
	buf_putc(b, ']');
}

static bool member_is_null(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const ProtobufCFieldDescriptor *of;
	return f->label != PROTOBUF_C_LABEL_REPEATED && json_map_is_zero(m, f) &&
	       (f->type == PROTOBUF_C_TYPE_MESSAGE ||
		(json_map_is_nullable(m->descriptor, f, &of) && json_map_is_zero(m, of)));
}

static void put_member_name(struct buf *b, enum json_style style, const char *name, bool first)
{
	char camel[JSON_MAP_NAME_BYTES];
	if (style == JSON_CONNECT) {
		json_map_camel(camel, name);
		name = camel;
	}
	size_t n = strlen(name);
	char *at = (char *)buf_room(b, n + (first ? 3 : 4));
	if (!at)
		return;
	if (!first)
		*at++ = ',';
	*at++ = '"';
	memcpy(at, name, n);
	memcpy(at + n, "\":", 2);
}

static void put_members(struct buf *b, enum json_style style, const ProtobufCMessage *m)
{
	bool first = true;
	buf_putc(b, '{');
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		if (!json_map_is_chosen(m, f))
			continue;
		bool of_oneof = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
		if (style == JSON_CONNECT && !of_oneof && json_map_is_zero(m, f))
			continue;
		put_member_name(b, style, f->name, first);
		first = false;
		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			put_repeated(b, style, m, f);
		else if (style == JSON_REST && member_is_null(m, f))
			buf_puts(b, "null");
		else
			put_value(b, style, f, json_map_at(m, f->offset));
	}
	buf_putc(b, '}');
}

static void put_message(struct buf *b, enum json_style style, const ProtobufCMessage *m)
{
	switch (json_map_shape(m->descriptor)) {
	case JSON_SHAPE_TIME:
		put_time(b, style, (const Google__Protobuf__Timestamp *)m);
		return;
	case JSON_SHAPE_STRUCT:
		put_struct(b, (const Google__Protobuf__Struct *)m);
		return;
	case JSON_SHAPE_OBJECT:
		put_members(b, style, m);
		return;
	}
}

static void put_struct_value(struct buf *b, const Google__Protobuf__Value *v)
{
	int kind = v ? (int)v->kind_case : GOOGLE__PROTOBUF__VALUE__KIND__NOT_SET;
	switch (kind) {
	case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
		put_double(b, JSON_REST, v->number_value);
		return;
	case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
		put_string(b, v->string_value);
		return;
	case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
		buf_puts(b, v->bool_value ? "true" : "false");
		return;
	case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
		put_struct(b, v->struct_value);
		return;
	case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE:
		buf_putc(b, '[');
		for (size_t i = 0; i < v->list_value->n_values; i++) {
			if (i > 0)
				buf_putc(b, ',');
			put_struct_value(b, v->list_value->values[i]);
		}
		buf_putc(b, ']');
		return;
	default: /* null, or nothing set */
		buf_puts(b, "null");
	}
}

static void put_struct(struct buf *b, const Google__Protobuf__Struct *s)
{
	buf_putc(b, '{');
	for (size_t i = 0; i < s->n_fields; i++) {
		if (i > 0)
			buf_putc(b, ',');
		put_string(b, s->fields[i]->key);
		buf_putc(b, ':');
		put_struct_value(b, s->fields[i]->value);
	}
	buf_putc(b, '}');
}

struct bytes api_json_encode(struct arena *a, enum json_style style, const ProtobufCMessage *m)
{
	struct buf b;
	buf_init(&b, a, JSON_ENCODE_BYTES_MAX);
	buf_room(&b, JSON_ENCODE_BYTES_FIRST);
	b.n = 0;
	put_message(&b, style, m);
	assert(!b.overflow);
	return buf_bytes(&b);
}
