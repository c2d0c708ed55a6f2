/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include <openssl/evp.h>
#include <stdio.h>

const char *show_base64(struct arena *a, struct bytes b)
{
	char *text = arena_alloc(a, (b.n + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)text, b.p ? b.p : (const uint8_t *)"", (int)b.n);
	return text;
}

const char *show_hex(struct arena *a, const json_t *base64)
{
	const char *text = json_string_value(base64);
	size_t n = json_string_length(base64);
	if (!text || n == 0 || n % 4 != 0 || n > 1 << 20)
		return "";
	uint8_t *raw = arena_alloc(a, n / 4 * 3);
	int got = EVP_DecodeBlock(raw, (const unsigned char *)text, (int)n);
	if (got < 0)
		return "";
	size_t padding = (text[n - 1] == '=') + (text[n - 2] == '=');
	return hex_encode(a, raw, (size_t)got - padding);
}

const char *show_enum(const json_t *name, const char *prefix)
{
	const char *text = json_string_value(name);
	if (!text)
		return "";
	size_t n = strlen(prefix);
	return strncmp(text, prefix, n) == 0 ? text + n : text;
}

static const char *show_text(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "";
}

static long long show_number(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

/* "  name          value", nothing when there is no value. */
static void show_row(const char *name, const char *value)
{
	if (value[0])
		printf("  %-16s %s\n", name, value);
}

static void show_place(struct arena *a, const char *name, const json_t *place)
{
	if (!place)
		return;
	show_row(name,
		 arena_printf(a, "%s in block %s%s", show_hex(a, json_object_get(place, "txHash")),
			      show_text(place, "blockNumber"),
			      json_is_true(json_object_get(place, "final")) ? ", final" : ""));
}

static void show_explanation(struct arena *a, const json_t *why)
{
	if (!why)
		return;
	show_row("waiting for",
		 arena_printf(a, "%s (%s)", show_enum(json_object_get(why, "reason"), "REASON_"),
			      show_enum(json_object_get(why, "owner"), "OWNER_")));
	show_row("next", show_text(why, "nextAction"));
	show_row("evidence", show_text(why, "evidence"));
}

void show_message(struct arena *a, const json_t *message)
{
	printf("%s  %s\n", show_text(message, "id"),
	       show_enum(json_object_get(message, "state"), "STATE_"));
	show_row("from, to", arena_printf(a, "%lld, %lld", show_number(message, "srcEid"),
					  show_number(message, "dstEid")));
	show_row("receiver", show_hex(a, json_object_get(message, "receiver")));
	show_row("payload", show_hex(a, json_object_get(message, "payload")));
	const json_t *encryption = json_object_get(message, "payloadEncryption");
	if (encryption)
		show_row("sealed to", arena_printf(a, "%s, %s", show_text(encryption, "recipient"),
						   show_text(encryption, "keyId")));
	show_row("author", show_text(message, "author"));
	show_row("guid", show_hex(a, json_object_get(message, "guid")));
	show_row("LayerZero",
		 show_enum(json_object_get(message, "layerzeroStatus"), "LAYERZERO_STATUS_"));
	show_place(a, "source", json_object_get(message, "source"));
	show_place(a, "destination", json_object_get(message, "destination"));
	const json_t *hold = json_object_get(message, "hold");
	if (hold)
		show_row("held", show_text(hold, "reason"));
	show_explanation(a, json_object_get(message, "explanation"));
	show_row("reference", show_text(message, "clientRef"));
	show_row("accepted", show_text(message, "createTime"));
	show_row("changed", show_text(message, "updateTime"));
}

void show_message_line(struct arena *a, const json_t *message)
{
	(void)a;
	printf("%s  %-16s %lld-%lld  %s  %s\n", show_text(message, "id"),
	       show_enum(json_object_get(message, "state"), "STATE_"),
	       show_number(message, "srcEid"), show_number(message, "dstEid"),
	       show_text(message, "createTime"), show_text(message, "clientRef"));
}

void show_event(struct arena *a, const json_t *event)
{
	const char *tx = show_hex(a, json_object_get(event, "txHash"));
	const char *block = show_text(event, "blockNumber");
	const char *reason = show_text(event, "reason");
	printf("%s  %-18s", show_text(event, "time"), show_text(event, "type"));
	if (tx[0])
		printf("  %s", tx);
	if (block[0])
		printf("  block %s", block);
	if (reason[0])
		printf("  %s", reason);
	putchar('\n');
	fflush(stdout);
}

void show_quote(struct arena *a, const json_t *quote)
{
	const json_t *fee = json_object_get(quote, "fee");
	const json_t *gas = json_object_get(quote, "gas");
	const json_t *eta = json_object_get(quote, "eta");
	printf("%s\n", show_text(quote, "quoteId"));
	show_row("fee", arena_printf(a, "%s wei (%s)", show_text(fee, "native"),
				     show_text(fee, "currency")));
	show_row("gas", arena_printf(a, "%s on the source, %s on the destination",
				     show_text(gas, "source"), show_text(gas, "destination")));
	if (eta)
		show_row("takes", arena_printf(a, "%.1f s mostly, %.1f s at the 90th percentile",
					       json_number_value(json_object_get(eta, "p50S")),
					       json_number_value(json_object_get(eta, "p90S"))));
	show_row("expires", show_text(quote, "expireTime"));
	const json_t *typed = json_object_get(quote, "typedData");
	if (typed)
		show_json(typed);
}

void show_chain(struct arena *a, const json_t *chain)
{
	const char *detail = show_text(chain, "detail");
	printf("%-16s eid %-8lld %-16s block %-10s %s%s%s\n", show_text(chain, "name"),
	       show_number(chain, "eid"), show_text(chain, "caip2"),
	       show_text(chain, "blockNumber"),
	       json_is_true(json_object_get(chain, "healthy")) ? "followed" : "NOT FOLLOWED",
	       detail[0] ? ": " : "", detail);
	show_row("messenger", show_hex(a, json_object_get(chain, "messenger")));
}

void show_lane(struct arena *a, const json_t *lane)
{
	(void)a;
	const char *backlog = show_text(lane, "backlog");
	const char *detail = show_text(lane, "detail");
	printf("%-14s %s%s%s, %s waiting\n", show_text(lane, "id"),
	       json_is_true(json_object_get(lane, "healthy")) ? "runs" : "STOPPED",
	       detail[0] ? ": " : "", detail, backlog[0] ? backlog : "0");
	size_t i;
	const json_t *stage;
	json_array_foreach(json_object_get(lane, "latency"), i, stage) printf(
		"  %-16s p50 %.1f s  p90 %.1f s  p99 %.1f s  (%s)\n", show_text(stage, "stage"),
		json_number_value(json_object_get(stage, "p50S")),
		json_number_value(json_object_get(stage, "p90S")),
		json_number_value(json_object_get(stage, "p99S")), show_text(stage, "count"));
}

void show_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	fflush(stdout);
}

bool show_is_over(const json_t *message, bool *delivered)
{
	static const char *const ended[] = {"FAILED", "CANCELLED", "EXPIRED"};
	const char *state = show_enum(json_object_get(message, "state"), "STATE_");
	*delivered = strcmp(state, "DELIVERED") == 0;
	for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++)
		if (strcmp(state, ended[i]) == 0)
			return true;
	/* The others end when their destination block cannot change any more. */
	const json_t *place = json_object_get(message, "destination");
	return json_is_true(json_object_get(place, "final"));
}
