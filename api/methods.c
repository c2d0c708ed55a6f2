/* SPDX-License-Identifier: Apache-2.0 */
#include "api/config.h"
#include "ferry/v1/identity_service.pb-c.h"
#include "ferry/v1/message_service.pb-c.h"
#include "ferry/v1/operator_service.pb-c.h"
#include "ferry/v1/quote_service.pb-c.h"
#include "google/protobuf/struct.pb-c.h"

/* A DID document is JSON as others define it. */
#define ferry__v1__did_document__descriptor google__protobuf__struct__descriptor

const struct api_method api_methods[API_METHODS_COUNT] = {
#define X(NAME, service_, rpc_, verb_, path_, request_, reply_, queue_, http_, access_, bytes)     \
	[API_##NAME] = {                                                                           \
		.id = API_##NAME,                                                                  \
		.service = service_,                                                               \
		.rpc = rpc_,                                                                       \
		.verb = verb_,                                                                     \
		.path = path_,                                                                     \
		.request = &ferry__v1__##request_##__descriptor,                                   \
		.reply = &ferry__v1__##reply_##__descriptor,                                       \
		.queue = API_QUEUE_##queue_,                                                       \
		.access = API_ACCESS_##access_,                                                    \
		.http = http_,                                                                     \
		.body_bytes_max = bytes,                                                           \
	},
#include "api/methods.def"
#undef X
};

const char *const api_method_names[API_METHODS_COUNT] = {
#define X(NAME, service, rpc, ...) [API_##NAME] = rpc,
#include "api/methods.def"
#undef X
};
