/* SPDX-License-Identifier: Apache-2.0 */
#include "api/openapi_schema.h"

#include <assert.h>
#include <stdio.h>

#include "api/json_map.h"
#include "api/json_scalar.h"

struct openapi_row {
	const char *message;
	const char *member;
	const char *json;
};

static const struct openapi_row always_rows[] = {
#define ALWAYS(message, member) {message, member, NULL},
#include "api/openapi.def"
};
static const struct openapi_row required_rows[] = {
#define REQUIRED(message, member) {message, member, NULL},
#include "api/openapi.def"
};
static const struct openapi_row example_rows[] = {
#define EXAMPLE(message, member, json) {message, member, json},
#include "api/openapi.def"
};
#define ROWS(rows) (rows), sizeof(rows) / sizeof(rows)[0]

static const struct openapi_row *find_row(const struct openapi_row *rows, size_t n,
					  const char *message, const char *member)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].message, message) == 0 && strcmp(rows[i].member, member) == 0)
			return &rows[i];
	return NULL;
}

const char *openapi_name(const ProtobufCMessageDescriptor *d)
{
	assert(strncmp(d->name, "ferry.v1.", 9) == 0);
	return d->name + 9;
}

bool openapi_is_required(const ProtobufCMessageDescriptor *d, const char *member)
{
	return find_row(ROWS(required_rows), d->short_name, member) != NULL;
}

const char *openapi_comment(struct openapi *o, const char *name, const char *member)
{
	if (member)
		name = arena_printf(o->arena, "%s.%s", name, member);
	return protoset_comment(o->protoset, name);
}

/* A JSON value that the document cannot do without. */
static json_t *made(json_t *v)
{
	assert(v);
	return v;
}

static json_t *enum_schema(struct openapi *o, const ProtobufCEnumDescriptor *d)
{
	json_t *values = json_array();
	struct buf text;
	buf_init(&text, o->arena, 16384);
	buf_printf(&text, "%s\n", openapi_comment(o, d->name, NULL));
	for (unsigned i = 0; i < d->n_values; i++) {
		char name[JSON_MAP_NAME_BYTES];
		json_map_enum_text(name, d, &d->values[i]);
		if (!json_map_enum_value(d, JSON_REST, name))
			continue;
		json_array_append_new(values, json_string(name));
		const char *comment = openapi_comment(o, d->name, d->values[i].name);
		buf_printf(&text, *comment ? "\n- `%s`: %s" : "\n- `%s`%s", name, comment);
	}
	return made(json_pack("{s:s,s:s,s:o}", "type", "string", "description", buf_text(&text),
			      "enum", values));
}

static json_t *enum_ref(struct openapi *o, const ProtobufCEnumDescriptor *d)
{
	if (!json_object_get(o->schemas, d->short_name))
		json_object_set_new(o->schemas, d->short_name, enum_schema(o, d));
	return made(json_pack("{s:o}", "$ref",
			      json_sprintf("#/components/schemas/%s", d->short_name)));
}

static json_t *integer_schema(const ProtobufCFieldDescriptor *f)
{
	bool negative = f->type == PROTOBUF_C_TYPE_INT32 || f->type == PROTOBUF_C_TYPE_SINT32 ||
			f->type == PROTOBUF_C_TYPE_SFIXED32;
	return made(json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum",
			      (json_int_t)(negative ? INT32_MIN : 0), "maximum",
			      (json_int_t)(negative ? INT32_MAX : UINT32_MAX)));
}

/* One value of the member's type: an item, when it is repeated. */
static json_t *value_schema(struct openapi *o, const ProtobufCFieldDescriptor *f, bool answer)
{
	if (json_scalar_is_narrow(f->type))
		return integer_schema(f);
	if (json_scalar_is_wide(f->type))
		return made(json_pack("{s:s,s:s}", "type", "string", "pattern", "^-?[0-9]{1,20}$"));
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return made(json_pack("{s:s,s:s}", "type", "string", "pattern",
				      "^0x([0-9a-fA-F]{2})*$"));
	if (f->type == PROTOBUF_C_TYPE_BOOL)
		return made(json_pack("{s:s}", "type", "boolean"));
	if (f->type == PROTOBUF_C_TYPE_ENUM)
		return enum_ref(o, f->descriptor);
	if (f->type == PROTOBUF_C_TYPE_STRING)
		return made(json_pack("{s:s}", "type", "string"));
	if (f->type != PROTOBUF_C_TYPE_MESSAGE)
		return made(json_pack("{s:s}", "type", "number"));
	switch (json_map_shape(f->descriptor)) {
	case JSON_SHAPE_TIME:
		return made(json_pack("{s:s,s:s}", "type", "string", "format", "date-time"));
	case JSON_SHAPE_STRUCT:
		return made(json_pack("{s:s}", "type", "object"));
	case JSON_SHAPE_OBJECT:
		break;
	}
	return openapi_schema(o, f->descriptor, answer);
}

static bool member_is_nullable(const ProtobufCMessageDescriptor *d,
			       const ProtobufCFieldDescriptor *f, bool answer)
{
	const ProtobufCFieldDescriptor *of;
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return false;
	if (!answer)
		return !openapi_is_required(d, f->name);
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return false;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_ENUM)
		return !find_row(ROWS(always_rows), d->short_name, f->name);
	return json_map_is_nullable(d, f, &of);
}

json_t *openapi_member(struct openapi *o, const ProtobufCMessageDescriptor *d,
		       const ProtobufCFieldDescriptor *f, bool answer)
{
	json_t *schema = value_schema(o, f, answer);
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		schema = made(json_pack("{s:s,s:o}", "type", "array", "items", schema));
	if (member_is_nullable(d, f, answer)) {
		json_t *type = json_object_get(schema, "type");
		if (type)
			json_object_set_new(schema, "type",
					    json_pack("[O,s]", type, "null"));
		else
			schema = made(json_pack("{s:[o,{s:s}]}", "oneOf", schema, "type", "null"));
	}
	const char *comment = openapi_comment(o, d->name, f->name);
	if (*comment)
		json_object_set_new(schema, "description", json_string(comment));
	return schema;
}

static json_t *message_schema(struct openapi *o, const ProtobufCMessageDescriptor *d, bool answer)
{
	json_t *properties = json_object();
	json_t *required = json_array();
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		bool of_oneof = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
		json_object_set_new(properties, f->name, openapi_member(o, d, f, answer));
		if (answer ? !of_oneof : openapi_is_required(d, f->name))
			json_array_append_new(required, json_string(f->name));
	}
	json_t *schema = made(json_pack("{s:s,s:o,s:b}", "type", "object", "properties", properties,
					"additionalProperties", answer));
	if (json_array_size(required) > 0)
		json_object_set_new(schema, "required", required);
	else
		json_decref(required);
	const char *comment = openapi_comment(o, d->name, NULL);
	if (*comment)
		json_object_set_new(schema, "description", json_string(comment));
	return schema;
}

json_t *openapi_schema(struct openapi *o, const ProtobufCMessageDescriptor *d, bool answer)
{
	/* What is both asked and answered, SendOptions, has a schema for each. */
	const char *name = openapi_name(d);
	bool shared = !answer && !strstr(name, "Request");
	if (shared)
		name = arena_printf(o->arena, "%sInput", name);
	if (!json_object_get(o->schemas, name)) {
		json_object_set_new(o->schemas, name, json_object()); /* ends recursion */
		json_object_set_new(o->schemas, name, message_schema(o, d, answer));
	}
	return made(json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", name)));
}

static json_t *value_example(struct openapi *o, const ProtobufCFieldDescriptor *f, bool answer)
{
	if (json_scalar_is_narrow(f->type))
		return json_integer(0);
	if (json_scalar_is_wide(f->type))
		return json_string("0");
	if (f->type == PROTOBUF_C_TYPE_BYTES) /* most are hashes */
		return json_string("0x8f3c51d0a7be2c6409d1e85b73f2a96c"
				   "0d4e7b18c52f96a3e07d1b4c8a5f2e91");
	if (f->type == PROTOBUF_C_TYPE_BOOL)
		return json_false();
	if (f->type == PROTOBUF_C_TYPE_ENUM || f->type == PROTOBUF_C_TYPE_STRING)
		return json_null();
	if (f->type != PROTOBUF_C_TYPE_MESSAGE)
		return json_real(1.5);
	if (json_map_shape(f->descriptor) == JSON_SHAPE_TIME)
		return json_string("2026-11-21T10:11:12.123456Z");
	return openapi_example(o, f->descriptor, answer, NULL);
}

json_t *openapi_example(struct openapi *o, const ProtobufCMessageDescriptor *d, bool answer,
			const char *skip)
{
	json_t *example = json_object();
	bool chosen = false; /* the first member of a oneof stands for it */
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		bool of_oneof = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
		if ((of_oneof && chosen) || (skip && strcmp(f->name, skip) == 0))
			continue;
		chosen |= of_oneof;
		const struct openapi_row *row =
			find_row(ROWS(example_rows), d->short_name, f->name);
		if (!row && f->type != PROTOBUF_C_TYPE_MESSAGE)
			row = find_row(ROWS(example_rows), "ANY", f->name);
		if (!row && f->type == PROTOBUF_C_TYPE_MESSAGE &&
		    json_map_shape(f->descriptor) == JSON_SHAPE_STRUCT)
			row = find_row(ROWS(example_rows), "ANY", f->name);
		json_t *v = row ? made(json_loads(row->json, JSON_DECODE_ANY, NULL)) :
				  value_example(o, f, answer);
		bool nothing = json_is_null(v) && !answer;
		if (f->label == PROTOBUF_C_LABEL_REPEATED && !json_is_array(v))
			v = made(json_pack("[o]", v));
		if (nothing)
			json_decref(v);
		else
			json_object_set_new(example, f->name, v);
	}
	return example;
}
