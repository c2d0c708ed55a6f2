/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as JSON schemas and as examples, from their descriptors: one part of openapi.c.
 */
#ifndef FERRY_API_OPENAPI_SCHEMA_H
#define FERRY_API_OPENAPI_SCHEMA_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "api/protoset.h"

struct openapi {
	struct arena *arena;
	struct protoset *protoset;
	json_t *schemas; /* components/schemas */
};

/* {"$ref": …} to the message's schema; puts it, and all it refers to, into the components. */
json_t *openapi_schema(struct openapi *o, const ProtobufCMessageDescriptor *d, bool answer);
/* The schema of one member, as it stands among the properties or as a query parameter. */
json_t *openapi_member(struct openapi *o, const ProtobufCMessageDescriptor *d,
		       const ProtobufCFieldDescriptor *f, bool answer);
/* A message as a client would see or write it. `skip`: a member that is left out, or NULL. */
json_t *openapi_example(struct openapi *o, const ProtobufCMessageDescriptor *d, bool answer,
			const char *skip);
/* What proto/ says about a name; `member` may be NULL. */
const char *openapi_comment(struct openapi *o, const char *name, const char *member);
/* "SendMessageRequest", and "BatchSendMessagesResponse.Result" for what is nested. */
const char *openapi_name(const ProtobufCMessageDescriptor *d);
/* Must a request's member be given? */
bool openapi_is_required(const ProtobufCMessageDescriptor *d, const char *member);

#endif
