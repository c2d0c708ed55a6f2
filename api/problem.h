/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 9457 problems from what a ctx says went wrong. api_problem (api.h) is the same for a call.
 */
#ifndef FERRY_API_PROBLEM_H
#define FERRY_API_PROBLEM_H

#include "api/api.h"
#include "ferry/v1/types.pb-c.h"

/* In the arena, copied. */
Ferry__V1__Problem *problem_of(struct arena *a, const struct ctx_error *err,
			       const char *request_id);

#endif
