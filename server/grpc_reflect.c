/* SPDX-License-Identifier: Apache-2.0
 *
 * Server reflection: clients without our .proto files learn the services, and the files by name or
 * by what they declare. v1 and v1alpha differ in nothing but their package: the messages of one
 * are read and written as those of the other.
 */
#include <assert.h>

#include "api/json.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "server/grpc_rpc.h"

/* Members of the two oneofs, by the generated names. */
#define ASKED(what) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define GIVEN(what) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what
#define reflect_request Grpc__Reflection__V1__ServerReflectionRequest
#define reflect_response Grpc__Reflection__V1__ServerReflectionResponse


static const char *const builtin_services[] = {
	"grpc.health.v1.Health",
	"grpc.reflection.v1.ServerReflection",
	"grpc.reflection.v1alpha.ServerReflection",
};

static void put_service(struct arena *a, Grpc__Reflection__V1__ListServiceResponse *list,
			const char *name)
{
	for (size_t i = 0; i < list->n_service; i++)
		if (strcmp(list->service[i]->name, name) == 0)
			return;
	Grpc__Reflection__V1__ServiceResponse *service =
		(Grpc__Reflection__V1__ServiceResponse *)api_message_new(
			a, &grpc__reflection__v1__service_response__descriptor);
	service->name = arena_strdup(a, name);
	list->service[list->n_service++] = service;
}

static void answer_services(struct arena *a, reflect_response *out)
{
	const size_t builtins = sizeof builtin_services / sizeof builtin_services[0];
	Grpc__Reflection__V1__ListServiceResponse *list =
		(Grpc__Reflection__V1__ListServiceResponse *)api_message_new(
			a, &grpc__reflection__v1__list_service_response__descriptor);
	list->service = arena_array(a, API_METHODS_COUNT + builtins, sizeof list->service[0]);
	for (size_t i = 0; i < API_METHODS_COUNT; i++)
		put_service(a, list, api_methods[i].service);
	for (size_t i = 0; i < builtins; i++)
		put_service(a, list, builtin_services[i]);
	out->message_response_case = GIVEN(LIST_SERVICES_RESPONSE);
	out->list_services_response = list;
}

static void answer_error(struct arena *a, reflect_response *out, int code, const char *sentence)
{
	Grpc__Reflection__V1__ErrorResponse *error =
		(Grpc__Reflection__V1__ErrorResponse *)api_message_new(
			a, &grpc__reflection__v1__error_response__descriptor);
	error->error_code = code;
	error->error_message = arena_strdup(a, sentence);
	out->message_response_case = GIVEN(ERROR_RESPONSE);
	out->error_response = error;
}

static void answer_files(struct arena *a, const struct protoset *set, reflect_response *out,
			 const char *file)
{
	struct bytes files[PROTOSET_FILES_MAX];
	size_t n = file ? protoset_files(set, file, files) : 0;
	if (n == 0) {
		answer_error(a, out, status_grpc(ST_NOT_FOUND), "there is no such file or name");
		return;
	}
	Grpc__Reflection__V1__FileDescriptorResponse *reply =
		(Grpc__Reflection__V1__FileDescriptorResponse *)api_message_new(
			a, &grpc__reflection__v1__file_descriptor_response__descriptor);
	reply->n_file_descriptor_proto = n;
	reply->file_descriptor_proto = arena_array(a, n, sizeof reply->file_descriptor_proto[0]);
	for (size_t i = 0; i < n; i++) {
		reply->file_descriptor_proto[i].data = (uint8_t *)(uintptr_t)files[i].p;
		reply->file_descriptor_proto[i].len = files[i].n;
	}
	out->message_response_case = GIVEN(FILE_DESCRIPTOR_RESPONSE);
	out->file_descriptor_response = reply;
}

static void answer_extensions(struct arena *a, reflect_response *out, const char *type)
{
	Grpc__Reflection__V1__ExtensionNumberResponse *reply =
		(Grpc__Reflection__V1__ExtensionNumberResponse *)api_message_new(
			a, &grpc__reflection__v1__extension_number_response__descriptor);
	reply->base_type_name = arena_strdup(a, type);
	out->message_response_case = GIVEN(ALL_EXTENSION_NUMBERS_RESPONSE);
	out->all_extension_numbers_response = reply;
}

static void answer(struct arena *a, const struct protoset *set, reflect_request *in,
		   reflect_response *out)
{
	int asked = (int)in->message_request_case;
	switch (asked) {
	case ASKED(LIST_SERVICES):
		answer_services(a, out);
		return;
	case ASKED(FILE_BY_FILENAME):
		answer_files(a, set, out, in->file_by_filename);
		return;
	case ASKED(FILE_CONTAINING_SYMBOL):
		answer_files(a, set, out, protoset_file_of(set, in->file_containing_symbol));
		return;
	case ASKED(ALL_EXTENSION_NUMBERS_OF_TYPE):
		if (protoset_file_of(set, in->all_extension_numbers_of_type))
			answer_extensions(a, out, in->all_extension_numbers_of_type);
		else
			answer_error(a, out, status_grpc(ST_NOT_FOUND), "there is no such type");
		return;
	case ASKED(FILE_CONTAINING_EXTENSION):
		answer_error(a, out, status_grpc(ST_NOT_FOUND), "there are no extensions");
		return;
	default:
		answer_error(a, out, status_grpc(ST_INVALID), "the request asks for nothing");
	}
}

enum status grpc_reflect_answer(struct grpc_rpc *rpc, struct ctx *cx,
				const ProtobufCMessage *request, ProtobufCMessage **out)
{
	/* The same numbers and types in both packages, hence the same bytes. */
	struct bytes wire = api_proto_encode(cx->arena, request);
	ProtobufCMessage *in;
	TRY(api_proto_decode(cx, &grpc__reflection__v1__server_reflection_request__descriptor, wire,
			     &in));
	reflect_response *reply = (reflect_response *)api_message_new(
		cx->arena, &grpc__reflection__v1__server_reflection_response__descriptor);
	reply->original_request = (reflect_request *)in;
	reply->valid_host = reply->original_request->host;
	answer(cx->arena, rpc->front->protoset, reply->original_request, reply);
	*out = &reply->base;
	return ST_OK;
}
