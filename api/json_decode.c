/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON to messages. All that is wrong is found in one go, so that a client mends its request once.
 */
#include <assert.h>
#include <math.h>

#include "api/json.h"
#include "api/json_map.h"
#include "api/json_path.h"
#include "api/json_scalar.h"
#include "google/protobuf/struct.pb-c.h"

enum { JSON_FIELDS_MAX = 64, JSON_TEXT_BYTES_MAX = 2 * 1024 * 1024 };

static bool read_object(struct ctx *cx, const struct json_path *path, enum json_style style,
			const json_t *object, ProtobufCMessage *m);

static const char *type_wanted(const ProtobufCFieldDescriptor *f, enum json_style style)
{
	if (json_scalar_is_wide(f->type))
		return "a decimal number in quotes";
	if (json_scalar_is_narrow(f->type))
		return "a whole number";
	if (f->type == PROTOBUF_C_TYPE_FLOAT || f->type == PROTOBUF_C_TYPE_DOUBLE)
		return "a number";
	if (f->type == PROTOBUF_C_TYPE_BOOL)
		return "true or false";
	if (f->type != PROTOBUF_C_TYPE_MESSAGE)
		return f->type == PROTOBUF_C_TYPE_BYTES && style == JSON_REST ? "a hex text" :
										"a text";
	return json_map_shape(f->descriptor) == JSON_SHAPE_TIME ? "a time in quotes" : "an object";
}

static bool wrong_type(struct ctx *cx, const struct json_path *path, enum json_style style,
		       const ProtobufCFieldDescriptor *f)
{
	return json_path_wrong(cx, path, "TYPE", "%s is wanted", type_wanted(f, style));
}

static bool read_message(struct ctx *cx, const struct json_path *path, enum json_style style,
			 const ProtobufCFieldDescriptor *f, const json_t *v, ProtobufCMessage **out)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;
	Google__Protobuf__Struct *s;
	switch (json_map_shape(d)) {
	case JSON_SHAPE_TIME:
		if (!json_is_string(v))
			return wrong_type(cx, path, style, f);
		return json_scalar_time(cx, path, json_string_value(v), json_string_length(v),
					(struct Google__Protobuf__Timestamp **)out);
	case JSON_SHAPE_STRUCT:
		if (!json_is_object(v))
			return wrong_type(cx, path, style, f);
		if (api_struct_of_json(cx, v, &s) != ST_OK)
			return json_path_wrong(cx, path, "RANGE", "%s", cx->err.message);
		*out = &s->base;
		return true;
	case JSON_SHAPE_OBJECT:
		break;
	}
	if (!json_is_object(v))
		return wrong_type(cx, path, style, f);
	*out = api_message_new(cx->arena, d);
	return read_object(cx, path, style, v, *out);
}

/* A number without quotes. The canonical mapping takes 1.0 and 1e3 for integers, too. */
static bool read_number(struct ctx *cx, const struct json_path *path, enum json_style style,
			const ProtobufCFieldDescriptor *f, const json_t *v, void *at)
{
	bool whole = json_scalar_is_narrow(f->type) ||
		     (style == JSON_CONNECT &&
		      (json_scalar_is_wide(f->type) || f->type == PROTOBUF_C_TYPE_ENUM));
	if (whole && json_is_integer(v))
		return json_scalar_set_integer(cx, path, f, at, json_integer_value(v));
	if (whole && style == JSON_CONNECT && f->type != PROTOBUF_C_TYPE_ENUM) {
		double d = json_real_value(v);
		if (trunc(d) == d && fabs(d) <= 9007199254740992.0)
			return json_scalar_set_integer(cx, path, f, at, (int64_t)d);
	}
	if (f->type == PROTOBUF_C_TYPE_DOUBLE)
		*(double *)at = json_number_value(v);
	else if (f->type == PROTOBUF_C_TYPE_FLOAT)
		*(float *)at = (float)json_number_value(v);
	else
		return wrong_type(cx, path, style, f);
	return true;
}

static bool read_text(struct ctx *cx, const struct json_path *path, enum json_style style,
		      const ProtobufCFieldDescriptor *f, const json_t *v, void *at)
{
	bool fits = f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES ||
		    f->type == PROTOBUF_C_TYPE_ENUM || json_scalar_is_wide(f->type) ||
		    (style == JSON_CONNECT && f->type != PROTOBUF_C_TYPE_BOOL);
	if (!fits)
		return wrong_type(cx, path, style, f);
	return json_scalar_set(cx, path, style, f, at, json_string_value(v),
			       json_string_length(v));
}

static bool read_value(struct ctx *cx, const struct json_path *path, enum json_style style,
		       const ProtobufCFieldDescriptor *f, const json_t *v, void *at)
{
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return read_message(cx, path, style, f, v, at);
	if (json_is_string(v))
		return read_text(cx, path, style, f, v, at);
	if (json_is_number(v))
		return read_number(cx, path, style, f, v, at);
	if (json_is_boolean(v) && f->type == PROTOBUF_C_TYPE_BOOL) {
		*(protobuf_c_boolean *)at = json_is_true(v);
		return true;
	}
	return wrong_type(cx, path, style, f);
}

static bool read_array(struct ctx *cx, const struct json_path *path, enum json_style style,
		       const ProtobufCFieldDescriptor *f, const json_t *v, ProtobufCMessage *m)
{
	if (!json_is_array(v))
		return json_path_wrong(cx, path, "TYPE", "an array is wanted");
	size_t n = json_array_size(v);
	size_t step = json_map_value_bytes(f->type);
	uint8_t *values = arena_array(cx->arena, n, step);
	bool good = true;
	for (size_t i = 0; i < n; i++) {
		struct json_path item = {.up = path, .index = i};
		good &= read_value(cx, &item, style, f, json_array_get(v, i), values + i * step);
	}
	*(size_t *)json_map_at(m, f->quantifier_offset) = n;
	*(uint8_t **)json_map_at(m, f->offset) = values;
	return good;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *d,
						  enum json_style style, const char *name)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(d, name);
	if (f || style == JSON_REST)
		return f;
	for (unsigned i = 0; i < d->n_fields; i++) {
		char camel[JSON_MAP_NAME_BYTES];
		json_map_camel(camel, d->fields[i].name);
		if (strcmp(camel, name) == 0)
			return &d->fields[i];
	}
	return NULL;
}

static bool read_member(struct ctx *cx, const struct json_path *path, enum json_style style,
			const ProtobufCFieldDescriptor *f, const json_t *v, ProtobufCMessage *m)
{
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return read_array(cx, path, style, f, v, m);
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t *chosen = json_map_at(m, f->quantifier_offset);
		if (*chosen != 0)
			return json_path_wrong(cx, path, "ONEOF",
					       "only one of this member and another that is given "
					       "may be set");
		*chosen = f->id;
	}
	return read_value(cx, path, style, f, v, json_map_at(m, f->offset));
}

static bool read_object(struct ctx *cx, const struct json_path *path, enum json_style style,
			const json_t *object, ProtobufCMessage *m)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;
	assert(d->n_fields <= JSON_FIELDS_MAX);
	uint64_t seen = 0; /* one bit a field: src_eid and srcEid are the same member */
	bool good = true;
	const char *name;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)object, name, v) {
		struct json_path member = {.up = path, .name = name};
		const ProtobufCFieldDescriptor *f = find_field(d, style, name);
		if (!f) {
			good = json_path_wrong(cx, &member, "UNKNOWN_MEMBER",
					       "there is no such member");
			continue;
		}
		uint64_t bit = UINT64_C(1) << (f - d->fields);
		if (seen & bit) {
			good = json_path_wrong(cx, &member, "DUPLICATE",
					       "the member is given twice");
			continue;
		}
		seen |= bit;
		if (!json_is_null(v))
			good &= read_member(cx, &member, style, f, v, m);
	}
	return good;
}

/* A value of a few bytes costs the parser some hundred: what is mostly brackets and commas would
 * take a hundred times its size. No request of ours comes near these shares. */
static bool is_too_dense(const char *text, size_t n)
{
	size_t opens = 0, commas = 0;
	for (size_t i = 0; i < n; i++) {
		opens += text[i] == '{' || text[i] == '[';
		commas += text[i] == ',';
	}
	return opens > 256 + n / 32 || commas > 1024 + n / 8;
}

enum status api_json_decode(struct ctx *cx, enum json_style style,
			    const ProtobufCMessageDescriptor *d, const char *text, size_t n,
			    ProtobufCMessage **out)
{
	ctx_error_clear(cx);
	ProtobufCMessage *m = api_message_new(cx->arena, d);
	*out = m;
	if (n == 0)
		return ST_OK;
	if (is_too_dense(text, n))
		return fail_code(cx, ST_TOO_LARGE, "TOO_MANY_VALUES",
				 "the JSON text holds too many values for its size");
	json_t *root;
	TRY(json_parse(cx, &root, bytes_of(text, n), JSON_TEXT_BYTES_MAX, JSON_DEPTH_MAX));
	if (!json_is_object(root))
		return fail(cx, ST_INVALID, "the JSON text must be an object");
	bool good = read_object(cx, NULL, style, root, m);
	enum status st = json_path_verdict(cx);
	assert(good == (st == ST_OK));
	return st;
}

/* Walks to the message that holds the last step of "a.b"; makes those on the way. */
static const ProtobufCFieldDescriptor *find_by_path(struct ctx *cx, ProtobufCMessage **m,
						    const char *member)
{
	for (;;) {
		size_t n = strcspn(member, ".");
		const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(
			(*m)->descriptor, arena_strndup(cx->arena, member, n));
		if (!f || !member[n])
			return f;
		if (f->type != PROTOBUF_C_TYPE_MESSAGE || f->label == PROTOBUF_C_LABEL_REPEATED ||
		    f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ||
		    json_map_shape(f->descriptor) != JSON_SHAPE_OBJECT)
			return NULL;
		ProtobufCMessage **sub = json_map_at(*m, f->offset);
		if (!*sub)
			*sub = api_message_new(cx->arena, f->descriptor);
		*m = *sub;
		member += n + 1;
	}
}

enum status api_json_set(struct ctx *cx, ProtobufCMessage *m, const char *member, const char *text)
{
	struct json_path path = {.name = member};
	const ProtobufCFieldDescriptor *f = find_by_path(cx, &m, member);
	size_t n = strlen(text);
	ctx_error_clear(cx);
	if (!f || f->type == PROTOBUF_C_TYPE_MESSAGE || f->label == PROTOBUF_C_LABEL_REPEATED ||
	    f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		json_path_wrong(cx, &path, "UNKNOWN_MEMBER", "there is no such parameter");
	else if (n > 0)
		json_scalar_set(cx, &path, JSON_REST, f, json_map_at(m, f->offset), text, n);
	return json_path_verdict(cx);
}
