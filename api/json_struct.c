/* SPDX-License-Identifier: Apache-2.0
 *
 * google.protobuf.Struct, a JSON object as a message, and JSON values.
 */
#include <assert.h>
#include <math.h>

#include "api/json.h"
#include "google/protobuf/struct.pb-c.h"

/* Integers up to 2^53 are the same number as a double. */
#define STRUCT_INTEGER_MAX INT64_C(9007199254740992)

static enum status struct_of(struct ctx *cx, const json_t *object, unsigned depth,
			     Google__Protobuf__Struct **out);
static json_t *json_of(const Google__Protobuf__Struct *s);

static enum status list_of(struct ctx *cx, const json_t *array, unsigned depth,
			   Google__Protobuf__ListValue **out);

static enum status value_of(struct ctx *cx, const json_t *v, unsigned depth,
			    Google__Protobuf__Value **out)
{
	Google__Protobuf__Value *value = (Google__Protobuf__Value *)api_message_new(
		cx->arena, &google__protobuf__value__descriptor);
	*out = value;
	if (depth > JSON_DEPTH_MAX)
		return fail(cx, ST_INVALID, "the object nests deeper than %d levels",
			    JSON_DEPTH_MAX);
	if (json_is_object(v)) {
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
		return struct_of(cx, v, depth, &value->struct_value);
	}
	if (json_is_array(v)) {
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE;
		return list_of(cx, v, depth, &value->list_value);
	}
	if (json_is_string(v)) {
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
		value->string_value = arena_strdup(cx->arena, json_string_value(v));
	} else if (json_is_number(v)) {
		json_int_t i = json_integer_value(v);
		if (i > STRUCT_INTEGER_MAX || i < -STRUCT_INTEGER_MAX)
			return fail(cx, ST_INVALID, "write integers above 2^53 in quotes");
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
		value->number_value = json_number_value(v);
	} else if (json_is_boolean(v)) {
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE;
		value->bool_value = json_is_true(v);
	} else {
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE;
	}
	return ST_OK;
}

static enum status list_of(struct ctx *cx, const json_t *array, unsigned depth,
			   Google__Protobuf__ListValue **out)
{
	Google__Protobuf__ListValue *list = (Google__Protobuf__ListValue *)api_message_new(
		cx->arena, &google__protobuf__list_value__descriptor);
	size_t n = json_array_size(array);
	list->values = arena_array(cx->arena, n, sizeof list->values[0]);
	for (; list->n_values < n; list->n_values++)
		TRY(value_of(cx, json_array_get(array, list->n_values), depth + 1,
			     &list->values[list->n_values]));
	*out = list;
	return ST_OK;
}

static enum status struct_of(struct ctx *cx, const json_t *object, unsigned depth,
			     Google__Protobuf__Struct **out)
{
	Google__Protobuf__Struct *s = (Google__Protobuf__Struct *)api_message_new(
		cx->arena, &google__protobuf__struct__descriptor);
	s->fields = arena_array(cx->arena, json_object_size(object), sizeof s->fields[0]);
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)object, key, v) {
		Google__Protobuf__Struct__FieldsEntry *entry =
			(Google__Protobuf__Struct__FieldsEntry *)api_message_new(
				cx->arena, &google__protobuf__struct__fields_entry__descriptor);
		entry->key = arena_strdup(cx->arena, key);
		TRY(value_of(cx, v, depth + 1, &entry->value));
		s->fields[s->n_fields++] = entry;
	}
	*out = s;
	return ST_OK;
}

enum status api_struct_of_json(struct ctx *cx, const json_t *object,
			       struct Google__Protobuf__Struct **out)
{
	if (!json_is_object(object))
		return fail(cx, ST_INVALID, "an object is wanted");
	return struct_of(cx, object, 1, out);
}

static json_t *json_of_number(double v)
{
	if (trunc(v) == v && fabs(v) <= (double)STRUCT_INTEGER_MAX)
		return json_integer((json_int_t)v);
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *json_of_value(const Google__Protobuf__Value *v)
{
	int kind = v ? (int)v->kind_case : GOOGLE__PROTOBUF__VALUE__KIND__NOT_SET;
	switch (kind) {
	case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
		return json_of_number(v->number_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
		return json_string(v->string_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
		return json_boolean(v->bool_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
		return json_of(v->struct_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE: {
		json_t *list = json_array();
		for (size_t i = 0; i < v->list_value->n_values; i++)
			json_array_append_new(list, json_of_value(v->list_value->values[i]));
		return list;
	}
	default: /* null, or nothing set */
		return json_null();
	}
}

static json_t *json_of(const Google__Protobuf__Struct *s)
{
	json_t *object = json_object();
	assert(object);
	for (size_t i = 0; i < s->n_fields; i++)
		json_object_set_new(object, s->fields[i]->key, json_of_value(s->fields[i]->value));
	return object;
}

static void release_json(void *value)
{
	json_decref(value);
}

json_t *api_json_of_struct(struct arena *a, const struct Google__Protobuf__Struct *s)
{
	json_t *object = json_of(s);
	arena_defer(a, release_json, object);
	return object;
}
