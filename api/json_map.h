/* SPDX-License-Identifier: Apache-2.0
 *
 * What json_encode.c, json_decode.c and openapi.c must agree on: which messages have a form of
 * their own, which zeros are null, how enum values and members are written. Reads json_fields.def.
 */
#ifndef FERRY_API_JSON_MAP_H
#define FERRY_API_JSON_MAP_H

#include "api/json.h"

enum json_shape {
	JSON_SHAPE_OBJECT,
	JSON_SHAPE_TIME,   /* google.protobuf.Timestamp */
	JSON_SHAPE_STRUCT, /* google.protobuf.Struct */
};
enum json_shape json_map_shape(const ProtobufCMessageDescriptor *d);

/* Is the member's zero written as null in JSON_REST, as far as the tables say? *of gets the member
 * whose zero decides (often the same). Enums and sub-messages are not in the tables. */
bool json_map_is_nullable(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f,
			  const ProtobufCFieldDescriptor **of);
/* The member holds its zero value: 0, false, empty, absent. */
bool json_map_is_zero(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);
/* Is the member there to be printed? False for members of a oneof that are not the one set. */
bool json_map_is_chosen(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);

/* How much room one value of the type takes in a message. */
size_t json_map_value_bytes(ProtobufCType type);

/* "push" for KIND_PUSH: the JSON_REST form; room for JSON_MAP_NAME_BYTES. */
enum { JSON_MAP_NAME_BYTES = 64 };
void json_map_enum_text(char out[JSON_MAP_NAME_BYTES], const ProtobufCEnumDescriptor *d,
			const ProtobufCEnumValue *value);
/* The value written as `text` in the style; NULL when there is none. */
const ProtobufCEnumValue *json_map_enum_value(const ProtobufCEnumDescriptor *d,
					      enum json_style style, const char *text);
/* "srcEid" for src_eid. */
void json_map_camel(char out[JSON_MAP_NAME_BYTES], const char *name);

/* Where a member lives. */
static inline void *json_map_at(const ProtobufCMessage *m, unsigned offset)
{
	return (uint8_t *)(uintptr_t)m + offset;
}

/* Is this valid UTF-8 (RFC 3629)? */
bool json_map_is_utf8(const uint8_t *p, size_t n);
/* Bytes of the valid character at p, 1 to 4; 0 when there is none. n > 0. */
size_t json_map_utf8_char(const uint8_t *p, size_t n);

#endif
