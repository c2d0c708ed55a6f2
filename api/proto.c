/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf bytes to messages and back. protobuf-c reads the bytes; what it does not look at is
 * looked at here first, on the wire: UTF-8, NUL, enum values nobody defined, unknown members,
 * depth, and how much memory the message would take.
 */
#include <assert.h>

#include "api/json.h"
#include "api/json_map.h"
#include "api/json_path.h"
#include "google/protobuf/timestamp.pb-c.h"

enum {
	PROTO_FIELDS_MAX = 64,
	/* As other readers of protobuf. One level of JSON in a Struct is three here. */
	PROTO_DEPTH_MAX = 100,
	PROTO_NEED_BYTES_MAX = 6 * 1024 * 1024, /* of memory for one message */
	PROTO_FIELD_BYTES = 64, /* what protobuf-c notes for each field on the wire */
	PROTO_WIRE_VARINT = 0,
	PROTO_WIRE_FIXED64 = 1,
	PROTO_WIRE_BYTES = 2,
	PROTO_WIRE_FIXED32 = 5,
};

struct proto_scan {
	struct ctx *cx;
	size_t need; /* bytes of memory so far */
	bool malformed;
};

/* One field as it is on the wire. */
struct proto_field {
	uint32_t id;
	unsigned wire;
	uint64_t number;     /* VARINT */
	struct bytes bytes;  /* BYTES */
};

static bool read_varint(struct bytes *in, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; shift < 70 && in->n > 0; shift += 7) {
		uint8_t c = *in->p++;
		in->n--;
		if (shift < 64)
			*out |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return true;
	}
	return false;
}

static bool skip_bytes(struct bytes *in, uint64_t n)
{
	if (n > in->n)
		return false;
	in->p += n;
	in->n -= (size_t)n;
	return true;
}

static bool read_field(struct bytes *in, struct proto_field *out)
{
	uint64_t tag, n;
	*out = (struct proto_field){0};
	if (!read_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > (1u << 29) - 1)
		return false;
	out->id = (uint32_t)(tag >> 3);
	out->wire = (unsigned)(tag & 7);
	switch (out->wire) {
	case PROTO_WIRE_VARINT:
		return read_varint(in, &out->number);
	case PROTO_WIRE_FIXED64:
		return skip_bytes(in, 8);
	case PROTO_WIRE_FIXED32:
		return skip_bytes(in, 4);
	case PROTO_WIRE_BYTES:
		if (!read_varint(in, &n))
			return false;
		out->bytes.p = in->p;
		out->bytes.n = (size_t)n;
		return skip_bytes(in, n);
	default: /* groups, and what does not exist */
		return false;
	}
}

static void scan_message(struct proto_scan *scan, const struct json_path *path, unsigned depth,
			 const ProtobufCMessageDescriptor *d, struct bytes in);

static void scan_string(struct proto_scan *scan, const struct json_path *path, struct bytes text)
{
	scan->need += text.n + 1;
	if (!json_map_is_utf8(text.p, text.n))
		json_path_wrong(scan->cx, path, "UTF8", "the text is not valid UTF-8");
	else if (text.n > 0 && memchr(text.p, 0, text.n))
		json_path_wrong(scan->cx, path, "NUL", "the text holds a NUL character");
}

static void scan_enum(struct proto_scan *scan, const struct json_path *path,
		      const ProtobufCEnumDescriptor *d, uint64_t number)
{
	int v = (int)(uint32_t)number;
	if (!protobuf_c_enum_descriptor_get_value(d, v))
		json_path_wrong(scan->cx, path, "ENUM", "%d is no value of %s", v, d->name);
}

/* Repeated numbers in one run. Each takes at least a byte here and at most eight in memory. */
static void scan_packed(struct proto_scan *scan, const struct json_path *path,
			const ProtobufCFieldDescriptor *f, struct bytes in)
{
	scan->need += in.n * 8;
	while (f->type == PROTOBUF_C_TYPE_ENUM && in.n > 0) {
		uint64_t number;
		if (!read_varint(&in, &number)) {
			scan->malformed = true;
			return;
		}
		scan_enum(scan, path, f->descriptor, number);
	}
}

static void scan_field(struct proto_scan *scan, const struct json_path *path, unsigned depth,
		       const ProtobufCFieldDescriptor *f, const struct proto_field *field)
{
	bool bytes = field->wire == PROTO_WIRE_BYTES;
	if (f->type == PROTOBUF_C_TYPE_STRING && bytes)
		scan_string(scan, path, field->bytes);
	else if (f->type == PROTOBUF_C_TYPE_BYTES && bytes)
		scan->need += field->bytes.n;
	else if (f->type == PROTOBUF_C_TYPE_MESSAGE && bytes)
		scan_message(scan, path, depth + 1, f->descriptor, field->bytes);
	else if (f->type == PROTOBUF_C_TYPE_ENUM && field->wire == PROTO_WIRE_VARINT)
		scan_enum(scan, path, f->descriptor, field->number);
	else if (f->label == PROTOBUF_C_LABEL_REPEATED && bytes)
		scan_packed(scan, path, f, field->bytes);
	/* Any other mismatch of type and wire is for protobuf-c to refuse. */
}

static void scan_message(struct proto_scan *scan, const struct json_path *path, unsigned depth,
			 const ProtobufCMessageDescriptor *d, struct bytes in)
{
	size_t seen[PROTO_FIELDS_MAX] = {0};
	assert(d->n_fields <= PROTO_FIELDS_MAX);
	scan->need += d->sizeof_message + sizeof(void *);
	if (depth > PROTO_DEPTH_MAX) {
		scan->malformed = true;
		return;
	}
	while (in.n > 0 && !scan->malformed && scan->need <= PROTO_NEED_BYTES_MAX) {
		struct proto_field field;
		if (!read_field(&in, &field)) {
			scan->malformed = true;
			return;
		}
		scan->need += PROTO_FIELD_BYTES;
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field(d, field.id);
		if (!f) {
			json_path_wrong(scan->cx, path, "UNKNOWN_MEMBER",
					"%s has no field with the number %u", d->name, field.id);
			continue;
		}
		struct json_path member = {.up = path, .name = f->name};
		struct json_path item = {.up = &member, .index = seen[f - d->fields]++};
		bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
		scan_field(scan, repeated ? &item : &member, depth, f, &field);
	}
}

static void *proto_alloc(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

static void proto_free(void *arena, void *p)
{
	(void)arena; /* the arena goes as a whole */
	(void)p;
}

enum status api_proto_decode(struct ctx *cx, const ProtobufCMessageDescriptor *d, struct bytes in,
			     ProtobufCMessage **out)
{
	struct proto_scan scan = {.cx = cx};
	ctx_error_clear(cx);
	scan_message(&scan, NULL, 1, d, in);
	if (scan.need > PROTO_NEED_BYTES_MAX)
		return fail_code(cx, ST_TOO_LARGE, "TOO_MANY_VALUES",
				 "the message holds too many values for its size");
	ProtobufCAllocator allocator = {proto_alloc, proto_free, cx->arena};
	if (!scan.malformed) {
		TRY(json_path_verdict(cx));
		*out = protobuf_c_message_unpack(d, &allocator, in.n,
						 in.p ? in.p : (const uint8_t *)"");
		if (*out)
			return ST_OK;
	}
	ctx_error_clear(cx);
	return fail(cx, ST_INVALID, "the bytes are no %s in protobuf", d->name);
}

struct bytes api_proto_encode(struct arena *a, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *p = arena_alloc(a, n);
	size_t packed = protobuf_c_message_pack(m, p);
	assert(packed == n);
	return bytes_of(p, n);
}

ProtobufCMessage *api_message_new(struct arena *a, const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *m = arena_alloc(a, d->sizeof_message);
	protobuf_c_message_init(d, m);
	return m;
}

struct Google__Protobuf__Timestamp *api_timestamp_new(struct arena *a, int64_t wall_us)
{
	Google__Protobuf__Timestamp *t = (Google__Protobuf__Timestamp *)api_message_new(
		a, &google__protobuf__timestamp__descriptor);
	int64_t us = (wall_us % 1000000 + 1000000) % 1000000;
	t->seconds = (wall_us - us) / 1000000;
	t->nanos = (int32_t)us * 1000;
	return t;
}
