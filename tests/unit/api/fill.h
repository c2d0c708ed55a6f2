/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages full of arbitrary values, from a seed: for round trips through both styles of JSON.
 */
#ifndef FERRY_TESTS_UNIT_API_FILL_H
#define FERRY_TESTS_UNIT_API_FILL_H

#include <jansson.h>

#include "api/json.h"
#include "api/json_map.h"
#include "ferry/v1/identity_service.pb-c.h"
#include "ferry/v1/message_service.pb-c.h"
#include "ferry/v1/operator_service.pb-c.h"
#include "ferry/v1/quote_service.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

/* A DID document is a Struct, which is a member of a quote too. */
#define ferry__v1__did_document__descriptor ferry__v1__quote__descriptor
/* Every message a method takes or gives. */
static const ProtobufCMessageDescriptor *const fill_types[] = {
#define X(NAME, service, rpc, verb, path, request, reply, ...)                                     \
	&ferry__v1__##request##__descriptor, &ferry__v1__##reply##__descriptor,
#include "api/methods.def"
#undef X
	&ferry__v1__problem__descriptor,
};
enum { FILL_TYPES_COUNT = sizeof fill_types / sizeof fill_types[0] };

static inline uint64_t fill_random(uint64_t *seed)
{
	/* splitmix64 */
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline char *fill_text(struct arena *a, uint64_t *seed)
{
	static const char *const pieces[] = {"",     "a",  "\"", "\\",	       "\n",  "\x01", "\x7f",
					     "/",    "é",  "€",  "\U0001f6a2", "<",   "null", "0x00",
					     "\t\r", "{}", "~1", "\xef\xbf\xbf"};
	struct buf b;
	buf_init(&b, a, 4096);
	for (uint64_t n = fill_random(seed) % 6; n > 0; n--)
		buf_puts(&b, pieces[fill_random(seed) % (sizeof pieces / sizeof pieces[0])]);
	return (char *)(uintptr_t)buf_text(&b);
}

static inline ProtobufCMessage *fill_message(struct arena *a, const ProtobufCMessageDescriptor *d,
					     uint64_t *seed, unsigned depth);

static inline ProtobufCMessage *fill_struct(struct arena *a, uint64_t *seed)
{
	struct ctx cx;
	ctx_init(&cx, a, CTX_DEADLINE_NONE, "fill");
	json_t *o = json_pack("{s:s,s:i,s:f,s:b,s:n,s:[i,{s:s}],s:{}}", "text", fill_text(a, seed),
			      "whole", (int)fill_random(seed) / 2, "half",
			      (double)(int)(fill_random(seed) % 1000) + 0.5, "yes", 1, "nothing",
			      "list", 7, "deep", "x", "empty");
	struct Google__Protobuf__Struct *s = NULL;
	enum status st = api_struct_of_json(&cx, o, &s);
	json_decref(o);
	return st == ST_OK ? &s->base : NULL;
}

static inline ProtobufCMessage *fill_time(struct arena *a, uint64_t *seed)
{
	/* Years 1 to 9999. */
	int64_t s = -62135596800 + (int64_t)(fill_random(seed) % UINT64_C(315537897600));
	Google__Protobuf__Timestamp *t =
		api_timestamp_new(a, s * 1000000 + (int64_t)(fill_random(seed) % 1000000));
	return &t->base;
}

static inline void fill_value(struct arena *a, const ProtobufCFieldDescriptor *f, void *at,
			      uint64_t *seed, unsigned depth)
{
	uint64_t r = fill_random(seed);
	const ProtobufCEnumDescriptor *e = f->descriptor;
	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = r & 1;
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)at = e->values[r % e->n_values].value;
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = fill_text(a, seed);
		break;
	case PROTOBUF_C_TYPE_BYTES: {
		ProtobufCBinaryData *data = at;
		data->len = r % 40;
		data->data = arena_alloc(a, 40);
		for (size_t i = 0; i < data->len; i++)
			data->data[i] = (uint8_t)fill_random(seed);
		break;
	}
	case PROTOBUF_C_TYPE_DOUBLE:
		*(double *)at = (double)(int64_t)r / (double)(1 + fill_random(seed) % 100000);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = fill_message(a, f->descriptor, seed, depth + 1);
		break;
	default:
		memcpy(at, &r, json_map_value_bytes(f->type));
	}
}

static inline void fill_repeated(struct arena *a, ProtobufCMessage *m,
				 const ProtobufCFieldDescriptor *f, uint64_t *seed, unsigned depth)
{
	size_t n = fill_random(seed) % 4;
	size_t step = json_map_value_bytes(f->type);
	uint8_t *values = arena_array(a, n, step);
	for (size_t i = 0; i < n; i++)
		fill_value(a, f, values + i * step, seed, depth);
	*(size_t *)json_map_at(m, f->quantifier_offset) = n;
	*(void **)json_map_at(m, f->offset) = values;
}

static inline ProtobufCMessage *fill_message(struct arena *a, const ProtobufCMessageDescriptor *d,
					     uint64_t *seed, unsigned depth)
{
	if (json_map_shape(d) == JSON_SHAPE_STRUCT)
		return fill_struct(a, seed);
	if (json_map_shape(d) == JSON_SHAPE_TIME)
		return fill_time(a, seed);
	ProtobufCMessage *m = api_message_new(a, d);
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		if (fill_random(seed) % 4 == 0 || depth > 5)
			continue;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			fill_repeated(a, m, f, seed, depth);
			continue;
		}
		if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
			*(uint32_t *)json_map_at(m, f->quantifier_offset) = f->id;
		fill_value(a, f, json_map_at(m, f->offset), seed, depth);
	}
	return m;
}

#endif
