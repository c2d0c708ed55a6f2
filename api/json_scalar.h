/* SPDX-License-Identifier: Apache-2.0
 *
 * One value of a message from one text: what a JSON string, a query parameter or a path segment
 * holds. Each reader notes what is wrong (json_path.h) and returns false, or sets the value.
 */
#ifndef FERRY_API_JSON_SCALAR_H
#define FERRY_API_JSON_SCALAR_H

#include "api/json.h"
#include "api/json_path.h"

/* `at` is where the value of a field of this type lives; anything but messages. The text has n
 * bytes and a NUL behind them. Strings and bytes are put into cx's arena. */
bool json_scalar_set(struct ctx *cx, const struct json_path *path, enum json_style style,
		     const ProtobufCFieldDescriptor *f, void *at, const char *text, size_t n);
/* The same from an integer. Only for integer and enum types. */
bool json_scalar_set_integer(struct ctx *cx, const struct json_path *path,
			     const ProtobufCFieldDescriptor *f, void *at, int64_t v);
/* RFC 3339, any offset, up to nine fractional digits. */
bool json_scalar_time(struct ctx *cx, const struct json_path *path, const char *text, size_t n,
		      struct Google__Protobuf__Timestamp **out);
/* Is the field an integer of 64 or of 32 bits? */
bool json_scalar_is_wide(ProtobufCType type);
bool json_scalar_is_narrow(ProtobufCType type);

#endif
