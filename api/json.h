/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as JSON and as protobuf bytes, generically: what a message looks like follows from its
 * descriptor and from json_fields.def, so no method has code of its own for it. Everything decoded
 * here came from outside: what passes is well-formed, bounded, valid UTF-8 and without NUL.
 *
 * JSON_REST     snake_case members; bytes 0x-hex; 64-bit integers as decimal strings; times
 *               RFC 3339 in UTC; enum values without their type's prefix; absent sub-messages are null.
 * JSON_CONNECT  the canonical proto3 mapping: camelCase, base64, defaults left out.
 *
 * Both refuse unknown members, members given twice, more than JSON_DEPTH_MAX levels, and NUL.
 */
#ifndef FERRY_API_JSON_H
#define FERRY_API_JSON_H

#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"
#include "base/ctx.h"
#include "base/json.h"

struct Google__Protobuf__Struct;
struct Google__Protobuf__Timestamp;

enum json_style { JSON_REST, JSON_CONNECT };

/* Reads one JSON object of type `d`. `n` bytes of text, which need no NUL at the end; an empty text
 * is an empty object. The caller has bounded n.
 * Returns: ST_INVALID with a detail (pointer, code, sentence) for each wrong member.
 * Out:     *out in cx's arena, released with it. Does not block. */
MUST_USE enum status api_json_decode(struct ctx *cx, enum json_style style,
				     const ProtobufCMessageDescriptor *d, const char *text,
				     size_t n, ProtobufCMessage **out);
/* Sets one scalar member from the text of a query parameter or path segment: numbers in decimal,
 * everything else as in JSON_REST without the quotes. `member` in snake_case; "a.b" reaches into a
 * sub-message. An empty text leaves the member as it is.
 * Returns: ST_INVALID, with UNKNOWN_MEMBER when the message has no such scalar member. */
MUST_USE enum status api_json_set(struct ctx *cx, ProtobufCMessage *m, const char *member,
				  const char *text);
/* The message as one JSON text without a line end, in the arena; not NUL-terminated. */
struct bytes api_json_encode(struct arena *a, enum json_style style, const ProtobufCMessage *m);

/* Reads one message of type `d` from protobuf bytes. The strings are checked from the wire, where a
 * NUL inside one can still be seen. The caller has bounded in.n.
 * Returns: ST_INVALID; ST_TOO_LARGE when it would need far more memory than its size warrants.
 * Out:     *out in cx's arena, released with it; not to be freed. Does not block. */
MUST_USE enum status api_proto_decode(struct ctx *cx, const ProtobufCMessageDescriptor *d,
				      struct bytes in, ProtobufCMessage **out);
/* The message as protobuf bytes, in the arena. */
struct bytes api_proto_encode(struct arena *a, const ProtobufCMessage *m);

/* A message of type `d` with every member at its default, in the arena. */
ProtobufCMessage *api_message_new(struct arena *a, const ProtobufCMessageDescriptor *d);

/* google.protobuf.Struct and a JSON object. Numbers are doubles on the proto's side: integers of
 * more than 53 bits are refused; write those as strings.
 * Returns: ST_INVALID for what is no object, is too deep, or holds such a number. */
MUST_USE enum status api_struct_of_json(struct ctx *cx, const json_t *object,
					struct Google__Protobuf__Struct **out);
/* The value is released with the arena; json_incref it to keep it longer. */
json_t *api_json_of_struct(struct arena *a, const struct Google__Protobuf__Struct *s);

/* Microseconds since 1970 UTC. */
struct Google__Protobuf__Timestamp *api_timestamp_new(struct arena *a, int64_t wall_us);

#endif
