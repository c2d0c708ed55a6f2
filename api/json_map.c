/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_map.h"

#include <assert.h>
#include <ctype.h>

#include "ferry/v1/identity_service.pb-c.h"
#include "ferry/v1/message_service.pb-c.h"
#include "ferry/v1/operator_service.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

struct json_nullable {
	const ProtobufCMessageDescriptor *message;
	const char *member;
	const char *of;
};

static const struct json_nullable json_nullables[] = {
#define NULLABLE(message, member, of) {&ferry__v1__##message##__descriptor, #member, #of},
#include "api/json_fields.def"
};

static const ProtobufCEnumDescriptor *const json_lower_enums[] = {
#define LOWER(name) &ferry__v1__##name##__descriptor,
#include "api/json_fields.def"
};

enum json_shape json_map_shape(const ProtobufCMessageDescriptor *d)
{
	if (d == &google__protobuf__timestamp__descriptor)
		return JSON_SHAPE_TIME;
	if (d == &google__protobuf__struct__descriptor)
		return JSON_SHAPE_STRUCT;
	return JSON_SHAPE_OBJECT;
}

bool json_map_is_nullable(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f,
			  const ProtobufCFieldDescriptor **of)
{
	for (size_t i = 0; i < sizeof json_nullables / sizeof json_nullables[0]; i++) {
		const struct json_nullable *row = &json_nullables[i];
		if (row->message != d || strcmp(row->member, f->name) != 0)
			continue;
		*of = protobuf_c_message_descriptor_get_field_by_name(d, row->of);
		assert(*of);
		return true;
	}
	return false;
}

bool json_map_is_zero(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const void *at = json_map_at(m, f->offset);
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)json_map_at(m, f->quantifier_offset) == 0;
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_BOOL:
		return *(const uint32_t *)at == 0;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return *(const uint64_t *)at == 0;
	case PROTOBUF_C_TYPE_FLOAT:
		return *(const float *)at == 0;
	case PROTOBUF_C_TYPE_DOUBLE:
		return *(const double *)at == 0;
	case PROTOBUF_C_TYPE_STRING: {
		const char *s = *(char *const *)at;
		return !s || !*s;
	}
	case PROTOBUF_C_TYPE_BYTES:
		return ((const ProtobufCBinaryData *)at)->len == 0;
	case PROTOBUF_C_TYPE_MESSAGE:
		return *(ProtobufCMessage *const *)at == NULL;
	}
	assert(!"a field type that protobuf does not have");
	return true;
}

bool json_map_is_chosen(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
		return true;
	return *(const uint32_t *)json_map_at(m, f->quantifier_offset) == f->id;
}

size_t json_map_value_bytes(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_FLOAT:
		return 4;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	}
	assert(!"a field type that protobuf does not have");
	return 0;
}

/* Length of what all names of the type begin with: "KIND_", as KIND_UNSPECIFIED tells. */
static size_t json_map_enum_prefix(const ProtobufCEnumDescriptor *d)
{
	static const char zero[] = "UNSPECIFIED";
	const char *name = d->values[0].name;
	size_t n = strlen(name);
	if (n < sizeof zero - 1 || strcmp(name + n - (sizeof zero - 1), zero) != 0)
		return 0;
	return n - (sizeof zero - 1);
}

static bool json_map_enum_is_lower(const ProtobufCEnumDescriptor *d)
{
	for (size_t i = 0; i < sizeof json_lower_enums / sizeof json_lower_enums[0]; i++)
		if (json_lower_enums[i] == d)
			return true;
	return false;
}

void json_map_enum_text(char out[JSON_MAP_NAME_BYTES], const ProtobufCEnumDescriptor *d,
			const ProtobufCEnumValue *value)
{
	const char *s = value->name + json_map_enum_prefix(d);
	bool lower = json_map_enum_is_lower(d);
	size_t n = strlen(s);
	assert(n < JSON_MAP_NAME_BYTES);
	for (size_t i = 0; i <= n; i++)
		out[i] = lower ? (char)tolower((unsigned char)s[i]) : s[i];
}

const ProtobufCEnumValue *json_map_enum_value(const ProtobufCEnumDescriptor *d,
					      enum json_style style, const char *text)
{
	if (style == JSON_CONNECT)
		return protobuf_c_enum_descriptor_get_value_by_name(d, text);
	size_t first = json_map_enum_prefix(d) > 0 ? 1 : 0; /* UNSPECIFIED is written null */
	for (size_t i = first; i < d->n_values; i++) {
		char name[JSON_MAP_NAME_BYTES];
		json_map_enum_text(name, d, &d->values[i]);
		if (strcmp(name, text) == 0)
			return &d->values[i];
	}
	return NULL;
}

void json_map_camel(char out[JSON_MAP_NAME_BYTES], const char *name)
{
	size_t n = 0;
	bool up = false;
	for (; *name; name++) {
		if (*name == '_') {
			up = true;
			continue;
		}
		assert(n < JSON_MAP_NAME_BYTES - 1);
		out[n++] = up ? (char)toupper((unsigned char)*name) : *name;
		up = false;
	}
	out[n] = 0;
}

size_t json_map_utf8_char(const uint8_t *p, size_t n)
{
	uint8_t c = p[0];
	if (c < 0x80)
		return 1;
	size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || n < len)
		return 0;
	/* The second byte also rules out what is too long, a surrogate, or above U+10FFFF. */
	uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool json_map_is_utf8(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = json_map_utf8_char(p + i, n - i);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}
