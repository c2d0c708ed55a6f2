/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte picks a message, the rest is protobuf from a client. What is accepted is written
 * and read again as the same, and becomes JSON that a parser takes.
 */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

#include "api/api.h"
#include "api/json.h"
#include "api/json_map.h"

static void check_json(struct arena *a, enum json_style style, const ProtobufCMessage *m)
{
	struct bytes text = api_json_encode(a, style, m);
	json_error_t error;
	json_t *v = json_loadb((const char *)text.p, text.n, 0, &error);
	fuzz_check(v != NULL);
	json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct api_method *method = &api_methods[(data[0] >> 1) % API_METHODS_COUNT];
	/* A reply that others define is only ever written. */
	bool reply = data[0] & 1 && json_map_shape(method->reply) == JSON_SHAPE_OBJECT;
	const ProtobufCMessageDescriptor *d = reply ? method->reply : method->request;
	struct ctx cx;
	ctx_init(&cx, arena_create(FUZZ_ARENA_BYTES), CTX_DEADLINE_NONE, "fuzz");
	ProtobufCMessage *m, *back;
	enum status st = api_proto_decode(&cx, d, bytes_of(data + 1, size - 1), &m);
	if (st == ST_OK) {
		struct bytes wire = api_proto_encode(cx.arena, m);
		fuzz_check(api_proto_decode(&cx, d, wire, &back) == ST_OK);
		fuzz_check(bytes_equal(wire, api_proto_encode(cx.arena, back)));
		check_json(cx.arena, JSON_REST, m);
		check_json(cx.arena, JSON_CONNECT, m);
	} else {
		fuzz_check(cx.err.status == st && cx.err.message[0]);
	}
	arena_destroy(cx.arena);
	return 0;
}
