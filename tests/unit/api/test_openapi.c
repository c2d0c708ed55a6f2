/* SPDX-License-Identifier: Apache-2.0
 *
 * `test_openapi --print` prints the document, for linters.
 */
#include "tests/unit/unit.h"

#include <jansson.h>

#include "api/api.h"
#include "api/json.h"
#include "api/json_map.h"
#include "api/openapi.h"
#include "api/protoset.h"
#include "ferry/v1/message_service.pb-c.h"

static json_t *document(struct ctx *cx)
{
	struct bytes text = api_openapi(cx->arena, "1.2.3");
	json_t *doc = NULL;
	ck_ok(cx, json_parse(cx, &doc, text, 16 * 1024 * 1024, 64));
	return doc;
}

static json_t *at(json_t *doc, const char *const *path)
{
	for (; *path; path++) {
		json_t *next = json_object_get(doc, *path);
		ck_assert_msg(next, "there is no %s", *path);
		doc = next;
	}
	return doc;
}
#define AT(doc, ...) at((doc), (const char *const[]){__VA_ARGS__, NULL})

START_TEST(every_method_with_a_path_is_there_and_no_other)
{
	struct ctx *cx = unit_ctx();
	json_t *doc = document(cx);
	size_t operations = 0, methods = 0;
	const char *path;
	json_t *item;
	json_object_foreach(AT(doc, "paths"), path, item)
		operations += json_object_size(item);
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *m = &api_methods[i];
		if (!*m->path)
			continue;
		methods++;
		json_t *o = AT(doc, "paths", m->path, strcmp(m->verb, "GET") ? "post" : "get");
		ck_assert_str_eq(json_string_value(AT(o, "operationId")) + 1, m->rpc + 1);
		ck_assert_ptr_nonnull(AT(o, "responses",
					 arena_printf(cx->arena, "%d", m->http), "content",
					 "application/json", "example"));
		ck_assert_str_ne(json_string_value(AT(o, "summary")), "");
	}
	ck_assert_uint_eq(operations, methods);
	ck_assert_str_eq(json_string_value(AT(doc, "info", "version")), "1.2.3");
	unit_ctx_end(cx);
}
END_TEST

static void assert_refs_resolve(json_t *doc, json_t *v)
{
	const char *key;
	json_t *sub;
	size_t i;
	if (json_is_array(v))
		json_array_foreach(v, i, sub)
			assert_refs_resolve(doc, sub);
	if (!json_is_object(v))
		return;
	const char *ref = json_string_value(json_object_get(v, "$ref"));
	if (ref) {
		char copy[200], *save = NULL;
		snprintf(copy, sizeof copy, "%s", ref + 2);
		json_t *to = doc;
		for (char *p = strtok_r(copy, "/", &save); p; p = strtok_r(NULL, "/", &save))
			to = json_object_get(to, p);
		ck_assert_msg(to, "%s leads nowhere", ref);
	}
	json_object_foreach(v, key, sub)
		assert_refs_resolve(doc, sub);
}

START_TEST(references_lead_somewhere)
{
	struct ctx *cx = unit_ctx();
	json_t *doc = document(cx);
	assert_refs_resolve(doc, doc);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(examples_of_requests_are_taken_by_the_decoder)
{
	struct ctx *cx = unit_ctx();
	json_t *doc = document(cx);
	int tried = 0;
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *m = &api_methods[i];
		if (strcmp(m->verb, "POST") != 0)
			continue;
		char *text = json_dumps(AT(doc, "paths", m->path, "post", "requestBody", "content",
					   "application/json", "example"),
					0);
		ProtobufCMessage *out;
		ck_ok(cx, api_json_decode(cx, JSON_REST, m->request, text, strlen(text), &out));
		free(text);
		tried++;
	}
	ck_assert_int_ge(tried, 5);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(examples_of_answers_are_what_the_encoder_writes)
{
	struct ctx *cx = unit_ctx();
	json_t *doc = document(cx);
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *m = &api_methods[i];
		if (!*m->path || json_map_shape(m->reply) != JSON_SHAPE_OBJECT)
			continue;
		json_t *example = AT(doc, "paths", m->path, strcmp(m->verb, "GET") ? "post" : "get",
				     "responses", arena_printf(cx->arena, "%d", m->http), "content",
				     "application/json", "example");
		char *text = json_dumps(example, 0);
		ProtobufCMessage *out;
		ck_ok(cx, api_json_decode(cx, JSON_REST, m->reply, text, strlen(text), &out));
		struct bytes again = api_json_encode(cx->arena, JSON_REST, out);
		json_t *back = NULL;
		ck_ok(cx, json_parse(cx, &back, again, 1 << 20, 32));
		char *written = json_dumps(back, 0);
		ck_assert_msg(json_equal(example, back), "%s:\n%s\nis written as\n%s", m->rpc, text,
			      written);
		free(text);
		free(written);
	}
	unit_ctx_end(cx);
}
END_TEST

START_TEST(the_nullable_members_of_the_tables_are_nullable)
{
	struct ctx *cx = unit_ctx();
	json_t *doc = document(cx);
	json_t *guid = AT(doc, "components", "schemas", "Message", "properties", "guid", "type");
	ck_assert_str_eq(json_string_value(json_array_get(guid, 1)), "null");
	json_t *id = AT(doc, "components", "schemas", "Message", "properties", "id", "type");
	ck_assert_str_eq(json_string_value(id), "string");
	ck_assert_ptr_nonnull(AT(doc, "components", "schemas", "Message", "properties", "state",
				 "$ref"));
	ck_assert_ptr_nonnull(AT(doc, "components", "schemas", "Message", "properties", "source",
				 "oneOf"));
	unit_ctx_end(cx);
}
END_TEST

START_TEST(every_method_is_declared_in_proto_and_the_reverse)
{
	struct protoset *set = protoset_create();
	char name[200];
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		snprintf(name, sizeof name, "%s.%s", api_methods[i].service, api_methods[i].rpc);
		ck_assert_msg(protoset_file_of(set, name), "%s is not in proto/", name);
		ck_assert_str_ne(protoset_comment(set, api_methods[i].service), "");
	}
	ck_assert_ptr_null(protoset_file_of(set, "ferry.v1.Nothing"));
	ck_assert_str_eq(protoset_file_of(set, "ferry.v1.BatchSendMessagesResponse.Result.index"),
			 "ferry/v1/message_service.proto");
	protoset_destroy(set);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		every_method_with_a_path_is_there_and_no_other,
		references_lead_somewhere,
		examples_of_requests_are_taken_by_the_decoder,
		examples_of_answers_are_what_the_encoder_writes,
		the_nullable_members_of_the_tables_are_nullable,
		every_method_is_declared_in_proto_and_the_reverse,
	};
	if (argc == 2 && strcmp(argv[1], "--print") == 0) {
		struct arena *a = arena_create(UNIT_ARENA_BYTES);
		struct bytes text = api_openapi(a, "0.0.0");
		size_t n = fwrite(text.p, 1, text.n, stdout);
		bool good = n == text.n;
		arena_destroy(a);
		return good ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	return unit_run("api/openapi", tests, sizeof tests / sizeof tests[0]);
}
