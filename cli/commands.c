/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/identity.h"
#include "cli/receipt.h"
#include "cli/seal.h"
#include "cli/show.h"

enum { CLI_PAYLOAD_BYTES_MAX = 64 * 1024, CLI_WAIT_MS = 1000, CLI_RETRIES_MAX = 60 };

/* Requests ------------------------------------------------------------------------------------ */

static enum status cli_need(struct cli_call *call, enum cli_option option, const char *name)
{
	if (call->options[option])
		return ST_OK;
	return fail(call->cx, ST_INVALID, "--%s is missing", name);
}

static enum status cli_put_number(struct cli_call *call, json_t *to, const char *member,
				  enum cli_option option, const char *name)
{
	const char *text = call->options[option];
	if (!text)
		return ST_OK;
	size_t n = strspn(text, "0123456789");
	if (n == 0 || n > 10 || text[n])
		return fail(call->cx, ST_INVALID, "--%s must be a number, not '%.40s'", name, text);
	json_object_set_new(to, member, json_integer((json_int_t)strtoll(text, NULL, 10)));
	return ST_OK;
}

static enum status cli_put_hex(struct cli_call *call, json_t *to, const char *member,
			       enum cli_option option, const char *name)
{
	const char *text = call->options[option];
	struct bytes b;
	if (!text)
		return ST_OK;
	if (!hex_decode(call->cx->arena, text, strlen(text), CLI_PAYLOAD_BYTES_MAX, &b))
		return fail(call->cx, ST_INVALID,
			    "--%s must be 0x and an even number of hex digits", name);
	json_object_set_new(to, member, json_string(show_base64(call->cx->arena, b)));
	return ST_OK;
}

static void cli_put_text(struct cli_call *call, json_t *to, const char *member,
			 enum cli_option option)
{
	if (call->options[option])
		json_object_set_new(to, member, json_string(call->options[option]));
}

static enum status cli_put_payload(struct cli_call *call, json_t *to)
{
	const char *text = call->options[CLI_TEXT];
	if (!text)
		return cli_put_hex(call, to, "payload", CLI_PAYLOAD, "payload");
	if (call->options[CLI_PAYLOAD])
		return fail(call->cx, ST_INVALID, "give --payload or --text, not both");
	struct bytes b = bytes_of(text, strlen(text));
	json_object_set_new(to, "payload", json_string(show_base64(call->cx->arena, b)));
	return ST_OK;
}

/* What SendMessage and CreateQuote have in common. */
static enum status cli_put_message(struct cli_call *call, json_t *to)
{
	TRY(cli_need(call, CLI_SRC, "src"));
	TRY(cli_need(call, CLI_DST, "dst"));
	TRY(cli_need(call, CLI_TO, "to"));
	json_object_set_new(to, "kind", json_string("KIND_PUSH"));
	TRY(cli_put_number(call, to, "srcEid", CLI_SRC, "src"));
	TRY(cli_put_number(call, to, "dstEid", CLI_DST, "dst"));
	TRY(cli_put_hex(call, to, "receiver", CLI_TO, "to"));
	TRY(cli_put_payload(call, to));
	json_t *options = json_object();
	json_object_set_new(to, "options", options);
	const char *gas = call->options[CLI_GAS];
	json_object_set_new(options, "gasLimit", json_string(gas ? gas : "200000"));
	cli_put_text(call, options, "value", CLI_VALUE);
	TRY(cli_put_hex(call, options, "orderingKey", CLI_ORDER, "ordering-key"));
	cli_put_text(call, to, "author", CLI_AUTHOR);
	return ST_OK;
}

/* {"id": ID} */
static json_t *cli_id(const struct cli_call *call)
{
	return json_pack("{s:s}", "id", call->id);
}

/* Calls the method and shows its answer. */
static enum status cli_ask(struct cli_call *call, const char *method, json_t *request,
			   void (*show)(struct arena *a, const json_t *value))
{
	json_t *answer;
	TRY(client_call(call->cx, call->client, &answer, method, request, NULL));
	if (call->json)
		show_json(answer);
	else
		show(call->cx->arena, answer);
	return ST_OK;
}

/* As cli_ask, for an answer with a list. */
static enum status cli_ask_list(struct cli_call *call, const char *method, json_t *request,
				const char *member,
				void (*show)(struct arena *a, const json_t *value))
{
	json_t *answer;
	TRY(client_call(call->cx, call->client, &answer, method, request, NULL));
	if (call->json) {
		show_json(answer);
		return ST_OK;
	}
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(answer, member), i, one) show(call->cx->arena, one);
	return ST_OK;
}

/* Commands ------------------------------------------------------------------------------------ */

static enum status cli_show_events(struct cli_call *call, struct ctx *cx, size_t *shown)
{
	json_t *answer;
	TRY(client_call(cx, call->client, &answer, "MessageService/ListMessageEvents", cli_id(call),
			NULL));
	const json_t *events = json_object_get(answer, "events");
	for (; *shown < json_array_size(events); ++*shown) {
		const json_t *event = json_array_get(events, *shown);
		if (call->json)
			show_json(event);
		else
			show_event(cx->arena, event);
	}
	return ST_OK;
}

/* One look: the new events, then a wait for the next change. *over: there will be none. */
static enum status cli_watch_once(struct cli_call *call, struct ctx *cx, size_t *shown, bool *over)
{
	json_t *message;
	TRY(cli_show_events(call, cx, shown));
	json_t *request = cli_id(call);
	json_object_set_new(request, "waitMs", json_integer(CLI_WAIT_MS));
	TRY(client_call(cx, call->client, &message, "MessageService/GetMessage", request, NULL));
	bool delivered;
	*over = show_is_over(message, &delivered);
	call->ended_badly = *over && !delivered;
	return *over ? cli_show_events(call, cx, shown) : ST_OK;
}

static enum status cli_watch(struct cli_call *call)
{
	size_t shown = 0;
	int failures = 0;
	for (bool over = false; !over;) {
		struct ctx cx;
		struct arena *a = arena_create(64 * 1024 * 1024);
		ctx_init(&cx, a, CTX_DEADLINE_NONE, "ferry");
		enum status st = cli_watch_once(call, &cx, &shown, &over);
		bool again = status_is_retryable(st) && ++failures < CLI_RETRIES_MAX;
		if (st == ST_OK)
			failures = 0;
		else if (!again)
			(void)fail(call->cx, st, "%s", cx.err.message);
		arena_destroy(a);
		if (st != ST_OK && !again)
			return st;
		if (st != ST_OK)
			clock_sleep_ms(CLI_WAIT_MS);
	}
	return ST_OK;
}

static const char *cli_idempotency_key(struct cli_call *call)
{
	uint8_t raw[16];
	if (call->options[CLI_IDEMPOTENCY])
		return call->options[CLI_IDEMPOTENCY];
	random_bytes(raw, sizeof raw);
	return hex_encode(call->cx->arena, raw, sizeof raw) + 2;
}

static enum status cli_fill_send(struct cli_call *call, json_t *request)
{
	TRY(cli_put_message(call, request));
	if (call->options[CLI_SEAL_TO])
		TRY(seal_request(call, request));
	else if (call->options[CLI_APP])
		return fail(call->cx, ST_INVALID, "--app goes with --seal-to");
	json_object_set_new(request, "submission", json_string("SUBMISSION_RELAYED"));
	json_object_set_new(request, "execution", json_string("EXECUTION_AUTOMATIC"));
	cli_put_text(call, request, "clientRef", CLI_REF);
	cli_put_text(call, request, "nonce", CLI_NONCE);
	cli_put_text(call, request, "deadline", CLI_DEADLINE);
	return cli_put_hex(call, request, "signature", CLI_SIGNATURE, "signature");
}

/* Sends until there is an answer: the idempotency key makes it once. */
static enum status cli_send_surely(struct cli_call *call, json_t *request, json_t **answer)
{
	const char *key = cli_idempotency_key(call);
	for (int failures = 0;; failures++) {
		enum status st =
			client_call(call->cx, call->client, answer, "MessageService/SendMessage",
				    json_incref(request), key);
		bool again = st == ST_UNAVAILABLE || st == ST_DEADLINE || st == ST_IN_PROGRESS;
		if (!again || failures == 2)
			return st;
		clock_sleep_ms(CLI_WAIT_MS);
	}
}

static void cli_release_json(void *p)
{
	json_decref(p);
}

static enum status cli_send(struct cli_call *call)
{
	json_t *request = json_object();
	arena_defer(call->cx->arena, cli_release_json, request);
	TRY(cli_fill_send(call, request));
	json_t *answer;
	TRY(cli_send_surely(call, request, &answer));
	call->id = json_string_value(json_object_get(answer, "id"));
	if (!call->id)
		return fail(call->cx, ST_INTERNAL, "the server's answer has no id");
	if (!call->options[CLI_WATCH]) {
		if (call->json)
			show_json(answer);
		else
			show_message(call->cx->arena, answer);
		return ST_OK;
	}
	if (!call->json)
		printf("%s\n", call->id);
	return cli_watch(call);
}

static enum status cli_get(struct cli_call *call)
{
	return cli_ask(call, "MessageService/GetMessage", cli_id(call), show_message);
}

static enum status cli_list(struct cli_call *call)
{
	json_t *request = json_object();
	arena_defer(call->cx->arena, cli_release_json, request);
	TRY(cli_put_number(call, request, "srcEid", CLI_SRC, "src"));
	TRY(cli_put_number(call, request, "dstEid", CLI_DST, "dst"));
	TRY(cli_put_number(call, request, "pageSize", CLI_LIMIT, "limit"));
	cli_put_text(call, request, "clientRef", CLI_REF);
	if (call->options[CLI_STATE])
		json_object_set_new(request, "state",
				    json_sprintf("STATE_%s", call->options[CLI_STATE]));
	return cli_ask_list(call, "MessageService/ListMessages", json_incref(request), "messages",
			    show_message_line);
}

static enum status cli_quote(struct cli_call *call)
{
	json_t *request = json_object();
	arena_defer(call->cx->arena, cli_release_json, request);
	TRY(cli_put_message(call, request));
	return cli_ask(call, "QuoteService/CreateQuote", json_incref(request), show_quote);
}

static enum status cli_chains(struct cli_call *call)
{
	return cli_ask_list(call, "OperatorService/ListChains", json_object(), "chains",
			    show_chain);
}

static enum status cli_lanes(struct cli_call *call)
{
	return cli_ask_list(call, "OperatorService/ListLanes", json_object(), "lanes", show_lane);
}

static enum status cli_retry(struct cli_call *call)
{
	json_t *request = cli_id(call);
	cli_put_text(call, request, "gasLimit", CLI_GAS);
	return cli_ask(call, "MessageService/RetryMessage", request, show_message);
}

static enum status cli_execute(struct cli_call *call)
{
	return cli_ask(call, "MessageService/ExecuteMessage", cli_id(call), show_message);
}

static enum status cli_cancel(struct cli_call *call)
{
	return cli_ask(call, "MessageService/CancelMessage", cli_id(call), show_message);
}

#define BIT(name) (1U << CLI_##name)
enum {
	CLI_OF_MESSAGE = BIT(SRC) | BIT(DST) | BIT(TO) | BIT(PAYLOAD) | BIT(TEXT) | BIT(GAS) |
			 BIT(VALUE) | BIT(ORDER) | BIT(AUTHOR),
	CLI_OF_SEND = CLI_OF_MESSAGE | BIT(REF) | BIT(IDEMPOTENCY) | BIT(NONCE) | BIT(DEADLINE) |
		      BIT(SIGNATURE) | BIT(WATCH) | BIT(SEAL_TO) | BIT(APP),
	CLI_OF_SEAL = BIT(SRC) | BIT(DST) | BIT(TO) | BIT(AUTHOR) | BIT(APP),
	CLI_OF_LIST = BIT(STATE) | BIT(SRC) | BIT(DST) | BIT(REF) | BIT(LIMIT),
};

const struct cli_command cli_commands[] = {
	{"send", NULL, CLI_OF_SEND, "Send a message.", cli_send},
	{"get", "ID", 0, "Show a message, by id or guid.", cli_get},
	{"watch", "ID", 0, "Show a message's events as they happen, until its end.", cli_watch},
	{"list", NULL, CLI_OF_LIST, "List messages, the newest first.", cli_list},
	{"quote", NULL, CLI_OF_MESSAGE,
	 "Say what sending would cost, and what an author would sign.", cli_quote},
	{"chains", NULL, 0, "List the chains and how far they are followed.", cli_chains},
	{"lanes", NULL, 0, "List the directions between chains: backlog and latency.", cli_lanes},
	{"retry", "ID", BIT(GAS), "Try a failed execution again now, with more gas if given.",
	 cli_retry},
	{"execute", "ID", 0, "Execute a committed message now.", cli_execute},
	{"cancel", "ID", 0, "Cancel a message that was never broadcast.", cli_cancel},
	{"x25519 new", NULL, BIT(OUT), "Make a key that payloads can be sealed to.", seal_new_key},
	{"seal", NULL, CLI_OF_SEAL | BIT(TO_KEY) | BIT(PAYLOAD) | BIT(TEXT),
	 "Encrypt a payload for one receiver on one way.", seal_payload},
	{"open", "PAYLOAD", CLI_OF_SEAL | BIT(SECRET_FILE) | BIT(RAW),
	 "Decrypt a payload that was sealed to one of your keys.", seal_open},
	{"identity proof", "ID", BIT(BUNDLE) | BIT(OUT),
	 "Get the proof of a registration from the server, by id or did.", identity_proof},
	{"identity bundle", "FILE", BIT(RPC) | BIT(BLOCK),
	 "Add to a proof what shows, out of a node's block, that it arrived.", identity_bundle},
	{"identity verify", "FILE", BIT(BLOCK_HASH) | BIT(MAIN_REGISTRY),
	 "Check the proof of a registration against a block, without a server.", identity_verify},
	{"receipt verify", "FILE", BIT(JWKS) | BIT(REQUEST),
	 "Check a receipt of what was accepted (- is the standard input).", receipt_verify},
};
const size_t cli_commands_n = sizeof cli_commands / sizeof cli_commands[0];
