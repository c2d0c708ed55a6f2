/* SPDX-License-Identifier: Apache-2.0 */
#include "api/problem.h"

#include <string.h>

static char *text(struct arena *a, const char *s)
{
	return arena_strdup(a, s ? s : "");
}

static Ferry__V1__FieldError *problem_error(struct arena *a, const struct ctx_detail *d)
{
	Ferry__V1__FieldError *e = arena_alloc(a, sizeof *e);
	ferry__v1__field_error__init(e);
	e->pointer = text(a, d->pointer);
	e->code = text(a, d->code);
	e->detail = text(a, d->detail);
	return e;
}

Ferry__V1__Problem *problem_of(struct arena *a, const struct ctx_error *err, const char *request_id)
{
	Ferry__V1__Problem *p = arena_alloc(a, sizeof *p);
	enum status st = err->status == ST_OK ? ST_INTERNAL : err->status;
	ferry__v1__problem__init(p);
	p->code = text(a, err->code[0] ? err->code : status_name(st));
	p->type = arena_printf(a, "/docs#%s", p->code);
	p->title = text(a, status_title(st));
	p->status = (uint32_t)status_http(st);
	p->detail = text(a, err->message);
	p->request_id = text(a, request_id);
	p->retryable = status_is_retryable(st);
	p->n_errors = err->details_count;
	p->errors = arena_array(a, p->n_errors, sizeof *p->errors);
	for (size_t i = 0; i < p->n_errors; i++)
		p->errors[i] = problem_error(a, &err->details[i]);
	return p;
}

struct Ferry__V1__Problem *api_problem(struct ctx *cx)
{
	return problem_of(cx->arena, &cx->err, cx->request_id);
}
