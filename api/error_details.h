/* SPDX-License-Identifier: Apache-2.0
 *
 * A failed call as gRPC and Connect tell it: google.rpc.Status and the messages it carries, made
 * from the same error that becomes the problem of REST.
 */
#ifndef FERRY_API_ERROR_DETAILS_H
#define FERRY_API_ERROR_DETAILS_H

#include "base/bytes.h"
#include "base/ctx.h"

enum { API_ERROR_DETAILS_MAX = 4 };

struct api_error_detail {
	const char *type; /* "google.rpc.ErrorInfo" */
	struct bytes value; /* its protobuf bytes */
};

/* What cx's error carries: ErrorInfo {reason = the code, domain "ferry"} and RequestInfo always,
 * BadRequest when members are wrong, RetryInfo when the same request may be sent again.
 * Returns: how many, in the arena. */
size_t api_error_details(struct ctx *cx, struct api_error_detail out[API_ERROR_DETAILS_MAX]);
/* The whole google.rpc.Status in protobuf bytes, as `grpc-status-details-bin` holds it. */
struct bytes api_error_status(struct ctx *cx);

#endif
