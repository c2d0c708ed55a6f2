/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person may ask for: cancel, retry, execute, skip. The database decides by compare-and-set;
 * the relay does the work.
 */
#include <string.h>

#include "api/read.h"
#include "api/validate.h"
#include "api/view.h"
#include "api/work.h"
#include "base/clock.h"
#include "ferry/v1/message_service.pb-c.h"

/* The message as it is now. */
static enum status act_answer(struct work *w, const struct message_ref *ref)
{
	struct message *m;
	TRY(message_read(w->cx, w->db, &m, ref, 1));
	if (!m)
		return fail(w->cx, ST_NOT_FOUND, "there is no such message");
	Ferry__V1__Message *reply = view_message(w->call->arena, &w->api->config, w->world, m,
						 clock_wall_us());
	w->call->reply = &reply->base;
	w->call->etag = view_etag(w->call->arena, m->version);
	return ST_OK;
}

static enum status act_refuse(struct work *w, const struct message *m, const char *what)
{
	return fail_code(w->cx, ST_PRECONDITION, "STATE_NOT_ALLOWED", "the message is %s%s: %s",
			 state_name(m->state), m->is_carried ? ", a transaction carries it" : "",
			 what);
}

/* A message somebody else's tenant follows may be looked at, not acted on. */
static enum status act_message(struct work *w, struct message **m, const char *name)
{
	TRY(read_message(w->cx, w->db, m, &w->call->who, name));
	if ((*m)->ref.app_id != w->call->who.app_id)
		return fail(w->cx, ST_FORBIDDEN, "the message is not the app's own");
	return ST_OK;
}

/* Asks; when the state does not allow it, says which it is now. */
static enum status act_ask(struct work *w, const struct message_ref *ref,
			   const struct message_ask *ask, const char *what)
{
	bool done;
	TRY(message_ask(w->cx, w->db, &done, ref, ask));
	if (done) {
		bell_ring(w->api->bell, true);
		return act_answer(w, ref);
	}
	struct message *m;
	TRY(message_read(w->cx, w->db, &m, ref, 1));
	if (!m)
		return fail(w->cx, ST_NOT_FOUND, "there is no such message");
	return act_refuse(w, m, what);
}

enum status act_cancel(struct work *w)
{
	const Ferry__V1__CancelMessageRequest *in =
		(const Ferry__V1__CancelMessageRequest *)w->call->request;
	struct message *m;
	bool done;
	TRY(act_message(w, &m, in->id));
	if (m->state == STATE_CANCELLED)
		return act_answer(w, &m->ref);
	TRY(message_cancel(w->cx, w->db, &done, &m->ref));
	if (done) {
		bell_ring(w->api->bell, false);
		return act_answer(w, &m->ref);
	}
	TRY(message_read(w->cx, w->db, &m, &m->ref, 1));
	return act_refuse(w, m, "only one that was never given to a transaction can be cancelled");
}

enum status act_retry(struct work *w)
{
	static const char *const states[] = {"EXECUTION_FAILED"};
	const Ferry__V1__RetryMessageRequest *in =
		(const Ferry__V1__RetryMessageRequest *)w->call->request;
	struct message *m;
	int64_t gas = 0;
	TRY(act_message(w, &m, in->id));
	if (in->gas_limit[0])
		gas = validate_gas(w->cx, in->gas_limit, "/gas_limit", m->gas_limit,
				   m->gas_limit > VALIDATE_GAS_MAX ? m->gas_limit
								   : VALIDATE_GAS_MAX);
	TRY(validate_end(w->cx));
	struct message_ask ask = {.type = "RETRY_REQUESTED", .states = states, .states_n = 1,
				  .retry_gas = gas};
	return act_ask(w, &m->ref, &ask, "only one whose execution failed can be retried");
}

enum status act_execute(struct work *w)
{
	static const char *const states[] = {"COMMITTED", "EXECUTION_FAILED"};
	const Ferry__V1__ExecuteMessageRequest *in =
		(const Ferry__V1__ExecuteMessageRequest *)w->call->request;
	struct message *m;
	TRY(act_message(w, &m, in->id));
	struct message_ask ask = {.type = "EXECUTE_REQUESTED", .states = states, .states_n = 2};
	return act_ask(w, &m->ref, &ask, "only one that is COMMITTED can be executed");
}

enum status act_skip(struct work *w)
{
	static const char *const states[] = {"VERIFYING", "VERIFIED", "COMMITTED",
					     "EXECUTION_FAILED"};
	const Ferry__V1__SkipMessageRequest *in =
		(const Ferry__V1__SkipMessageRequest *)w->call->request;
	struct message *m;
	TRY(act_message(w, &m, in->id));
	if (!in->reason[0])
		ctx_add_detail(w->cx, "/reason", "REQUIRED", "say why: skipping is final");
	else if (!validate_is_visible(in->reason, VALIDATE_REASON_CHARS_MAX, true))
		ctx_add_detail(w->cx, "/reason", "INVALID",
			       "a reason has up to %d characters of text",
			       VALIDATE_REASON_CHARS_MAX);
	TRY(validate_end(w->cx));
	if (m->act && strcmp(m->act, "SKIP") == 0)
		return act_answer(w, &m->ref); /* asked for already */
	struct message_ask ask = {.type = "SKIP_REQUESTED", .states = states, .states_n = 4,
				  .is_carried_too = true, .act = "SKIP", .reason = in->reason};
	return act_ask(w, &m->ref, &ask,
		       "only one that is final on its source and not yet delivered can be skipped");
}
