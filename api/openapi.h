/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenAPI 3.1 document of the REST API, made at start from what the program itself runs on:
 * the methods (methods.def), the messages and the comments in proto/, the JSON mapping
 * (json_fields.def), the statuses (base/status.def), and openapi.def for what none of them knows.
 */
#ifndef FERRY_API_OPENAPI_H
#define FERRY_API_OPENAPI_H

#include "base/bytes.h"

/* The document as JSON text, in the arena. `version` is the program's. */
struct bytes api_openapi(struct arena *a, const char *version);

#endif
