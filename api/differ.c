/* SPDX-License-Identifier: Apache-2.0
 *
 * In which members two requests differ, by the message's descriptor: so that a client whose
 * idempotency key was used before sees what it changed.
 */
#include <string.h>

#include "api/validate.h"

/* Only singular members: requests that are accepted have no others (asserted by a test). */
static const void *member_at(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	return (const uint8_t *)m + f->offset;
}

static bool bytes_differ(const void *a, const void *b)
{
	const ProtobufCBinaryData *x = a, *y = b;
	return x->len != y->len || (x->len && memcmp(x->data, y->data, x->len) != 0);
}

static bool texts_differ(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x ? *x : "", *y ? *y : "") != 0;
}

static bool members_differ(const ProtobufCFieldDescriptor *f, const void *a, const void *b)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return texts_differ(a, b);
	case PROTOBUF_C_TYPE_BYTES:
		return bytes_differ(a, b);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return memcmp(a, b, 8) != 0;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_BOOL:
		return memcmp(a, b, 4) != 0;
	case PROTOBUF_C_TYPE_MESSAGE:
		return false;
	}
	return false;
}

static void differ_walk(struct ctx *cx, const ProtobufCMessage *was, const ProtobufCMessage *is,
			const char *path)
{
	const ProtobufCMessageDescriptor *d = is->descriptor;
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		const char *pointer = arena_printf(cx->arena, "%s/%s", path, f->name);
		const void *a = member_at(was, f), *b = member_at(is, f);
		if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
			const ProtobufCMessage *x = *(ProtobufCMessage *const *)a;
			const ProtobufCMessage *y = *(ProtobufCMessage *const *)b;
			if (x && y)
				differ_walk(cx, x, y, pointer);
			else if (x || y)
				ctx_add_detail(cx, pointer, "DIFFERS", "the first request %s it",
					       x ? "had" : "did not have");
		} else if (members_differ(f, a, b)) {
			ctx_add_detail(cx, pointer, "DIFFERS",
				       "the first request with this key had another value");
		}
	}
}

static void unpacked_release(void *m)
{
	protobuf_c_message_free_unpacked(m, NULL);
}

static ProtobufCMessage *unpack(struct ctx *cx, struct bytes packed)
{
	Ferry__V1__SendMessageRequest *m =
		ferry__v1__send_message_request__unpack(NULL, packed.n, packed.p);
	if (m)
		arena_defer(cx->arena, unpacked_release, &m->base);
	return m ? &m->base : NULL;
}

void validate_differences(struct ctx *cx, struct bytes was, struct bytes is)
{
	const ProtobufCMessage *a = unpack(cx, was), *b = unpack(cx, is);
	if (a && b)
		differ_walk(cx, a, b, "");
}
