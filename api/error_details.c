/* SPDX-License-Identifier: Apache-2.0 */
#include "api/error_details.h"

#include "api/json.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

/* Clients take 8 KiB of metadata, and this travels in base64. */
enum { ERROR_FIELD_BYTES_MAX = 4096, ERROR_STATUS_BYTES_MAX = 4096 };

#define TYPE_URL "type.googleapis.com/"

/* "messages[3].receiver" for "/messages/3/receiver", as AIP-193 names members. */
static char *field_of_pointer(struct arena *a, const char *pointer)
{
	struct buf b;
	buf_init(&b, a, ERROR_FIELD_BYTES_MAX);
	for (const char *p = pointer; *p == '/';) {
		size_t n = strcspn(++p, "/");
		bool index = n > 0 && strspn(p, "0123456789") >= n;
		if (index)
			buf_putc(&b, '[');
		else if (b.n > 0)
			buf_putc(&b, '.');
		buf_put(&b, p, n);
		if (index)
			buf_putc(&b, ']');
		p += n;
	}
	return (char *)(uintptr_t)buf_text(&b);
}

static struct api_error_detail error_info(struct ctx *cx)
{
	Google__Rpc__ErrorInfo__MetadataEntry retryable =
		GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry *metadata[] = {&retryable};
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	retryable.key = (char *)(uintptr_t)"retryable";
	retryable.value = (char *)(uintptr_t)(status_is_retryable(cx->err.status) ? "true" :
										      "false");
	info.reason = cx->err.code;
	info.domain = (char *)(uintptr_t)"ferry";
	info.metadata = metadata;
	info.n_metadata = 1;
	return (struct api_error_detail){"google.rpc.ErrorInfo",
					 api_proto_encode(cx->arena, &info.base)};
}

static struct api_error_detail bad_request(struct ctx *cx)
{
	Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
	Google__Rpc__BadRequest__FieldViolation list[CTX_DETAILS_MAX];
	Google__Rpc__BadRequest__FieldViolation *pointers[CTX_DETAILS_MAX];
	for (size_t i = 0; i < cx->err.details_count; i++) {
		const struct ctx_detail *detail = &cx->err.details[i];
		google__rpc__bad_request__field_violation__init(&list[i]);
		list[i].field = field_of_pointer(cx->arena, detail->pointer);
		list[i].description = (char *)(uintptr_t)detail->detail;
		list[i].reason = (char *)(uintptr_t)detail->code;
		pointers[i] = &list[i];
	}
	bad.n_field_violations = cx->err.details_count;
	bad.field_violations = pointers;
	return (struct api_error_detail){"google.rpc.BadRequest",
					 api_proto_encode(cx->arena, &bad.base)};
}

static struct api_error_detail retry_info(struct ctx *cx)
{
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;
	delay.seconds = cx->err.retry_after_s > 0 ? cx->err.retry_after_s : 1;
	retry.retry_delay = &delay;
	return (struct api_error_detail){"google.rpc.RetryInfo",
					 api_proto_encode(cx->arena, &retry.base)};
}

static struct api_error_detail request_info(struct ctx *cx)
{
	Google__Rpc__RequestInfo request = GOOGLE__RPC__REQUEST_INFO__INIT;
	request.request_id = (char *)(uintptr_t)cx->request_id;
	return (struct api_error_detail){"google.rpc.RequestInfo",
					 api_proto_encode(cx->arena, &request.base)};
}

size_t api_error_details(struct ctx *cx, struct api_error_detail out[API_ERROR_DETAILS_MAX])
{
	size_t n = 0;
	out[n++] = error_info(cx);
	if (cx->err.details_count > 0)
		out[n++] = bad_request(cx);
	if (cx->err.retry_after_s > 0 || status_is_retryable(cx->err.status))
		out[n++] = retry_info(cx);
	out[n++] = request_info(cx);
	return n;
}

static struct bytes encode_status(struct ctx *cx)
{
	struct api_error_detail details[API_ERROR_DETAILS_MAX];
	Google__Protobuf__Any any[API_ERROR_DETAILS_MAX];
	Google__Protobuf__Any *pointers[API_ERROR_DETAILS_MAX];
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	status.n_details = api_error_details(cx, details);
	for (size_t i = 0; i < status.n_details; i++) {
		google__protobuf__any__init(&any[i]);
		any[i].type_url = arena_printf(cx->arena, TYPE_URL "%s", details[i].type);
		any[i].value.data = (uint8_t *)(uintptr_t)details[i].value.p;
		any[i].value.len = details[i].value.n;
		pointers[i] = &any[i];
	}
	status.code = status_grpc(cx->err.status);
	status.message = cx->err.message;
	status.details = pointers;
	return api_proto_encode(cx->arena, &status.base);
}

struct bytes api_error_status(struct ctx *cx)
{
	size_t all = cx->err.details_count;
	struct bytes status = encode_status(cx);
	while (status.n > ERROR_STATUS_BYTES_MAX && cx->err.details_count > 0) {
		cx->err.details_count /= 2;
		status = encode_status(cx);
	}
	cx->err.details_count = all;
	return status;
}
