/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte picks a message and a style, the rest is JSON from a client. What is accepted is
 * written, read again and written the same; and it survives protobuf.
 */
#include "tests/fuzz/fuzz.h"

#include "api/api.h"
#include "api/json.h"
#include "api/json_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	enum json_style style = data[0] & 1 ? JSON_CONNECT : JSON_REST;
	const struct api_method *method = &api_methods[(data[0] >> 2) % API_METHODS_COUNT];
	/* A reply that others define is only ever written. */
	bool reply = data[0] & 2 && json_map_shape(method->reply) == JSON_SHAPE_OBJECT;
	const ProtobufCMessageDescriptor *d = reply ? method->reply : method->request;
	struct ctx cx;
	ctx_init(&cx, arena_create(FUZZ_ARENA_BYTES), CTX_DEADLINE_NONE, "fuzz");
	ProtobufCMessage *m, *back;
	enum status st = api_json_decode(&cx, style, d, (const char *)data + 1, size - 1, &m);
	if (st == ST_OK) {
		struct bytes once = api_json_encode(cx.arena, style, m);
		fuzz_check(api_json_decode(&cx, style, d, (const char *)once.p, once.n, &back) ==
			   ST_OK);
		fuzz_check(bytes_equal(once, api_json_encode(cx.arena, style, back)));
		struct bytes wire = api_proto_encode(cx.arena, m);
		fuzz_check(api_proto_decode(&cx, d, wire, &back) == ST_OK);
		fuzz_check(bytes_equal(wire, api_proto_encode(cx.arena, back)));
	} else {
		fuzz_check(cx.err.status == st && cx.err.message[0]);
	}
	arena_destroy(cx.arena);
	return 0;
}
