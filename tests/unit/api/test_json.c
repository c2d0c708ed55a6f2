/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "fill.h"

#define SEND (&ferry__v1__send_message_request__descriptor)

static ProtobufCMessage *decode(struct ctx *cx, enum json_style style,
				const ProtobufCMessageDescriptor *d, const char *text)
{
	ProtobufCMessage *m = NULL;
	ck_ok(cx, api_json_decode(cx, style, d, text, strlen(text), &m));
	return m;
}

static const char *encode(struct ctx *cx, enum json_style style, const ProtobufCMessage *m)
{
	struct bytes b = api_json_encode(cx->arena, style, m);
	return arena_strndup(cx->arena, (const char *)b.p, b.n);
}

static void assert_same(struct ctx *cx, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	struct bytes x = api_proto_encode(cx->arena, a), y = api_proto_encode(cx->arena, b);
	ck_assert_msg(bytes_equal(x, y), "%s: %s\nis not %s", a->descriptor->name,
		      encode(cx, JSON_REST, a), encode(cx, JSON_REST, b));
}

START_TEST(every_message_survives_both_styles_and_protobuf)
{
	uint64_t seed = 1;
	for (int round = 0; round < 200; round++) {
		struct ctx *cx = unit_ctx();
		const ProtobufCMessageDescriptor *d = fill_types[round % FILL_TYPES_COUNT];
		ProtobufCMessage *m = fill_message(cx->arena, d, &seed, 0), *back = NULL;
		for (int style = JSON_REST; style <= JSON_CONNECT; style++) {
			struct bytes text = api_json_encode(cx->arena, (enum json_style)style, m);
			ck_ok(cx, api_json_decode(cx, (enum json_style)style, d,
						  (const char *)text.p, text.n, &back));
			assert_same(cx, m, back);
			json_t *seen = json_loadb((const char *)text.p, text.n,
						  JSON_REJECT_DUPLICATES, NULL);
			ck_assert_ptr_nonnull(seen);
			json_decref(seen);
		}
		struct bytes wire = api_proto_encode(cx->arena, m);
		ck_ok(cx, api_proto_decode(cx, d, wire, &back));
		assert_same(cx, m, back);
		unit_ctx_end(cx);
	}
}
END_TEST

START_TEST(rest_is_as_the_contract_says)
{
	struct ctx *cx = unit_ctx();
	Ferry__V1__Message *m = (Ferry__V1__Message *)api_message_new(
		cx->arena, &ferry__v1__message__descriptor);
	ck_assert_str_eq(
		encode(cx, JSON_REST, &m->base),
		"{\"id\":\"\",\"state\":null,\"layerzero_status\":null,\"hold\":null,\"kind\":null,"
		"\"src_eid\":0,\"dst_eid\":0,\"receiver\":\"0x\",\"payload\":\"0x\",\"author\":null,"
		"\"author_signed\":false,\"request_id\":\"0x\",\"guid\":null,\"former_guids\":[],"
		"\"nonce\":null,\"source\":null,\"destination\":null,\"verification\":null,"
		"\"fee\":null,\"explanation\":null,\"client_ref\":null,\"create_time\":null,"
		"\"update_time\":null,\"options\":null,\"submission\":null,\"execution\":null,"
		"\"payload_encryption\":null}");
	m->state = FERRY__V1__STATE__STATE_EXECUTION_FAILED;
	m->layerzero_status = FERRY__V1__LAYERZERO_STATUS__LAYERZERO_STATUS_PAYLOAD_STORED;
	m->kind = FERRY__V1__KIND__KIND_PUSH;
	m->submission = FERRY__V1__SUBMISSION__SUBMISSION_RELAYED;
	m->execution = FERRY__V1__EXECUTION__EXECUTION_AUTOMATIC;
	m->nonce = UINT64_MAX;
	m->guid.data = (uint8_t *)(uintptr_t)"\xde\xad";
	m->guid.len = 2;
	m->create_time = api_timestamp_new(cx->arena, INT64_C(1763719872123456));
	const char *text = encode(cx, JSON_REST, &m->base);
	static const char *const members[] = {
		"\"state\":\"EXECUTION_FAILED\"", "\"layerzero_status\":\"PAYLOAD_STORED\"",
		"\"kind\":\"push\"",		  "\"submission\":\"relayed\"",
		"\"execution\":\"automatic\"",	  "\"nonce\":\"18446744073709551615\"",
		"\"guid\":\"0xdead\"",		  "\"create_time\":\"2025-11-21T10:11:12.123456Z\"",
	};
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		ck_assert_msg(strstr(text, members[i]), "%s is not in %s", members[i], text);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(connect_is_canonical_proto3)
{
	struct ctx *cx = unit_ctx();
	Ferry__V1__Event e = FERRY__V1__EVENT__INIT;
	ck_assert_str_eq(encode(cx, JSON_CONNECT, &e.base), "{}");
	e.seq = 7;
	e.to = FERRY__V1__STATE__STATE_SENT;
	e.chain_eid = 40161;
	e.tx_hash.data = (uint8_t *)(uintptr_t)"\xfb\xff";
	e.tx_hash.len = 2;
	ck_assert_str_eq(encode(cx, JSON_CONNECT, &e.base),
			 "{\"seq\":\"7\",\"to\":\"STATE_SENT\",\"chainEid\":40161,\"txHash\":\"+/8=\"}");
	/* What a parser must take beside that. */
	static const char *const same[] = {
		"{\"seq\":7,\"to\":4,\"chain_eid\":\"40161\",\"tx_hash\":\"-_8\"}",
		"{\"seq\":7.0,\"to\":\"STATE_SENT\",\"chainEid\":4.0161e4,\"txHash\":\"+/8\","
		"\"fee\":null}",
	};
	for (size_t i = 0; i < 2; i++)
		assert_same(cx, &e.base, decode(cx, JSON_CONNECT, e.base.descriptor, same[i]));
	unit_ctx_end(cx);
}
END_TEST

START_TEST(only_the_chosen_member_of_a_oneof_is_there)
{
	struct ctx *cx = unit_ctx();
	Ferry__V1__BatchSendMessagesResponse__Result r =
		FERRY__V1__BATCH_SEND_MESSAGES_RESPONSE__RESULT__INIT;
	Ferry__V1__Problem p = FERRY__V1__PROBLEM__INIT;
	ck_assert_str_eq(encode(cx, JSON_REST, &r.base), "{\"index\":0}");
	r.outcome_case = FERRY__V1__BATCH_SEND_MESSAGES_RESPONSE__RESULT__OUTCOME_PROBLEM;
	r.problem = &p;
	ck_assert_str_eq(encode(cx, JSON_REST, &r.base),
			 "{\"index\":0,\"problem\":{\"type\":\"\",\"title\":\"\",\"status\":0,"
			 "\"detail\":\"\",\"code\":\"\",\"request_id\":\"\",\"retryable\":false,"
			 "\"errors\":[]}}");
	ProtobufCMessage *m;
	const char *both = "{\"message\":{},\"problem\":{}}";
	ck_fails(cx, api_json_decode(cx, JSON_REST, r.base.descriptor, both, strlen(both), &m),
		 ST_INVALID, "only one of");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(a_log_index_is_null_only_without_its_block)
{
	struct ctx *cx = unit_ctx();
	Ferry__V1__Event e = FERRY__V1__EVENT__INIT;
	ck_assert_ptr_nonnull(strstr(encode(cx, JSON_REST, &e.base), "\"log_index\":null"));
	e.block_hash.data = (uint8_t *)(uintptr_t)"\x01";
	e.block_hash.len = 1;
	ck_assert_ptr_nonnull(strstr(encode(cx, JSON_REST, &e.base), "\"log_index\":0"));
	unit_ctx_end(cx);
}
END_TEST

START_TEST(text_that_is_not_utf8_does_not_break_the_answer)
{
	struct ctx *cx = unit_ctx();
	Ferry__V1__FieldError e = FERRY__V1__FIELD_ERROR__INIT;
	e.code = (char *)(uintptr_t)"a\xff" "b\xc3\"\xed\xa0\x80\x01";
	ck_assert_str_eq(encode(cx, JSON_REST, &e.base),
			 "{\"pointer\":\"\",\"code\":\"a\xef\xbf\xbd" "b\xef\xbf\xbd\\\""
			 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\u0001\",\"detail\":\"\"}");
	unit_ctx_end(cx);
}
END_TEST

struct wrong {
	const char *text;
	const char *pointer;
	const char *code;
};

static void assert_wrong(enum json_style style, const ProtobufCMessageDescriptor *d,
			 const struct wrong *w)
{
	struct ctx *cx = unit_ctx();
	ProtobufCMessage *m;
	enum status st = api_json_decode(cx, style, d, w->text, strlen(w->text), &m);
	ck_assert_msg(st == ST_INVALID, "%s: %s", w->text, status_name(st));
	ck_assert_msg(cx->err.details_count > 0, "%s: no details", w->text);
	ck_assert_str_eq(cx->err.details[0].pointer, w->pointer);
	ck_assert_str_eq(cx->err.details[0].code, w->code);
	ck_assert_str_ne(cx->err.message, "");
	unit_ctx_end(cx);
}

START_TEST(each_wrong_member_has_its_pointer_and_code)
{
	static const struct wrong list[] = {
		{"{\"nope\":1}", "/nope", "UNKNOWN_MEMBER"},
		{"{\"a/b~c\":1}", "/a~1b~0c", "UNKNOWN_MEMBER"},
		{"{\"srcEid\":1}", "/srcEid", "UNKNOWN_MEMBER"},
		{"{\"src_eid\":\"1\"}", "/src_eid", "TYPE"},
		{"{\"src_eid\":1.0}", "/src_eid", "TYPE"},
		{"{\"src_eid\":true}", "/src_eid", "TYPE"},
		{"{\"src_eid\":[1]}", "/src_eid", "TYPE"},
		{"{\"src_eid\":-1}", "/src_eid", "RANGE"},
		{"{\"src_eid\":4294967296}", "/src_eid", "RANGE"},
		{"{\"src_eid\":-9223372036854775808}", "/src_eid", "RANGE"},
		{"{\"receiver\":\"\"}", "/receiver", "HEX"},
		{"{\"receiver\":\"0x1\"}", "/receiver", "HEX"},
		{"{\"receiver\":\"0xzz\"}", "/receiver", "HEX"},
		{"{\"receiver\":\"0X11\"}", "/receiver", "HEX"},
		{"{\"receiver\":\"abcd\"}", "/receiver", "HEX"},
		{"{\"receiver\":7}", "/receiver", "TYPE"},
		{"{\"kind\":\"PUSH\"}", "/kind", "ENUM"},
		{"{\"kind\":\"KIND_PUSH\"}", "/kind", "ENUM"},
		{"{\"kind\":\"unspecified\"}", "/kind", "ENUM"},
		{"{\"kind\":\"\"}", "/kind", "ENUM"},
		{"{\"kind\":1}", "/kind", "TYPE"},
		{"{\"options\":[]}", "/options", "TYPE"},
		{"{\"options\":{\"gas_limit\":5}}", "/options/gas_limit", "TYPE"},
		{"{\"options\":{\"x\":5}}", "/options/x", "UNKNOWN_MEMBER"},
		{"{\"client_ref\":{}}", "/client_ref", "TYPE"},
	};
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		assert_wrong(JSON_REST, SEND, &list[i]);
	static const struct wrong batch[] = {
		{"{\"messages\":{}}", "/messages", "TYPE"},
		{"{\"messages\":[null]}", "/messages/0", "TYPE"},
		{"{\"messages\":[{},{\"kind\":\"x\"}]}", "/messages/1/kind", "ENUM"},
	};
	for (size_t i = 0; i < sizeof batch / sizeof batch[0]; i++)
		assert_wrong(JSON_REST, &ferry__v1__batch_send_messages_request__descriptor,
			     &batch[i]);
	static const struct wrong watch[] = {
		{"{\"after_seq\":5}", "/after_seq", "TYPE"},
		{"{\"after_seq\":\"05\"}", "/after_seq", "DECIMAL"},
		{"{\"after_seq\":\"+5\"}", "/after_seq", "DECIMAL"},
		{"{\"after_seq\":\"\"}", "/after_seq", "DECIMAL"},
		{"{\"after_seq\":\"5 \"}", "/after_seq", "DECIMAL"},
		{"{\"after_seq\":\"-1\"}", "/after_seq", "RANGE"},
		{"{\"after_seq\":\"18446744073709551616\"}", "/after_seq", "DECIMAL"},
	};
	for (size_t i = 0; i < sizeof watch / sizeof watch[0]; i++)
		assert_wrong(JSON_REST, &ferry__v1__watch_message_request__descriptor, &watch[i]);
	static const struct wrong connect[] = {
		{"{\"nope\":1}", "/nope", "UNKNOWN_MEMBER"},
		{"{\"srcEid\":1,\"src_eid\":1}", "/src_eid", "DUPLICATE"},
		{"{\"kind\":99}", "/kind", "ENUM"},
		{"{\"kind\":\"push\"}", "/kind", "ENUM"},
		{"{\"receiver\":\"0x00\"}", "/receiver", "BASE64"},
		{"{\"receiver\":\"A\"}", "/receiver", "BASE64"},
		{"{\"receiver\":\"====\"}", "/receiver", "BASE64"},
		{"{\"srcEid\":1.5}", "/srcEid", "TYPE"},
		{"{\"srcEid\":1e10}", "/srcEid", "RANGE"},
	};
	for (size_t i = 0; i < sizeof connect / sizeof connect[0]; i++)
		if (strcmp(connect[i].text, "{\"receiver\":\"0x00\"}") != 0) /* is base64, too */
			assert_wrong(JSON_CONNECT, SEND, &connect[i]);
}
END_TEST

START_TEST(all_wrong_members_are_named_at_once_up_to_sixteen)
{
	struct ctx *cx = unit_ctx();
	ProtobufCMessage *m;
	const char *two = "{\"kind\":\"x\",\"src_eid\":\"1\",\"payload\":\"0x\"}";
	ck_fails(cx, api_json_decode(cx, JSON_REST, SEND, two, strlen(two), &m), ST_INVALID,
		 "2 members are wrong");
	struct buf b;
	buf_init(&b, cx->arena, 4096);
	buf_puts(&b, "{\"m0\":0");
	for (int i = 1; i < 40; i++)
		buf_printf(&b, ",\"m%d\":0", i);
	buf_putc(&b, '}');
	ck_fails(cx, api_json_decode(cx, JSON_REST, SEND, (const char *)b.p, b.n, &m), ST_INVALID,
		 "16 or more members");
	ck_assert_uint_eq(cx->err.details_count, CTX_DETAILS_MAX);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(what_is_not_one_json_object_is_refused)
{
	static const struct {
		const char *text;
		size_t n;
	} list[] = {
#define T(s) {s, sizeof s - 1}
		T("[]"), T("1"), T("\"a\""), T("null"), T("{"), T("}"), T("{}x"), T("{}{}"),
		T("{\"kind\":\"push\",}"), T("{'kind':\"push\"}"), T("{kind:1}"), T("\xff\xfe"),
		T("{\"kind\":\"push\",\"kind\":\"push\"}"), T("{\"author\":\"\xff\"}"),
		T("{\"author\":\"\xed\xa0\x80\"}"), T("{\"author\":\"\\ud800\"}"),
		T("{\"author\":\"\\u0000\"}"), T("{\"author\":\"a\0b\"}"), T("{}\0"),
		T("{\"\\u0000\":1}"), T("{\"src_eid\":01}"), T("{\"src_eid\":0x1}"),
		T("{\"src_eid\":NaN}"), T("{\"src_eid\":1e999}"),
		T("{\"src_eid\":99999999999999999999999999}"), T(" "),
#undef T
	};
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		struct ctx *cx = unit_ctx();
		ProtobufCMessage *m;
		enum status st =
			api_json_decode(cx, JSON_REST, SEND, list[i].text, list[i].n, &m);
		ck_assert_msg(st == ST_INVALID, "%zu: %s is %s", i, list[i].text, status_name(st));
		ck_assert_str_ne(cx->err.message, "");
		unit_ctx_end(cx);
	}
	struct ctx *cx = unit_ctx();
	ProtobufCMessage *m;
	ck_ok(cx, api_json_decode(cx, JSON_REST, SEND, "", 0, &m));
	ck_assert_ptr_eq(m->descriptor, SEND);
	unit_ctx_end(cx);
}
END_TEST

static const char *repeated(struct ctx *cx, const char *head, const char *piece, int n,
			    const char *tail)
{
	struct buf b;
	buf_init(&b, cx->arena, 8 * 1024 * 1024);
	buf_puts(&b, head);
	for (int i = 0; i < n; i++)
		buf_puts(&b, piece);
	buf_puts(&b, tail);
	return buf_text(&b);
}

START_TEST(depth_and_density_have_an_end)
{
	struct ctx *cx = unit_ctx();
	ProtobufCMessage *m;
	const ProtobufCMessageDescriptor *quote = &ferry__v1__quote__descriptor;
	const char *deep = repeated(cx, "{\"typed_data\":", "{\"a\":", 40,
				    "1}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}");
	ck_fails(cx, api_json_decode(cx, JSON_REST, quote, deep, strlen(deep), &m), ST_INVALID,
		 "deeper than 32");
	const char *fine = repeated(cx, "{\"typed_data\":", "{\"a\":", 30,
				    "1}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}");
	ck_ok(cx, api_json_decode(cx, JSON_REST, quote, fine, strlen(fine), &m));
	static const char *const pieces[] = {"{},", "[],", "0,", "\"\","};
	for (size_t i = 0; i < 4; i++) {
		const char *dense = repeated(cx, "{\"messages\":[", pieces[i], 100000, "0]}");
		ck_fails(cx,
			 api_json_decode(cx, JSON_REST,
					 &ferry__v1__batch_send_messages_request__descriptor, dense,
					 strlen(dense), &m),
			 ST_TOO_LARGE, "too many values");
		ck_assert_str_eq(cx->err.code, "TOO_MANY_VALUES");
	}
	/* The largest batch a client may send is far from that. */
	const char *item = "{\"kind\":\"push\",\"src_eid\":40161,\"dst_eid\":40245,\"receiver\":\"0x"
			   "1111111111111111111111111111111111111111\",\"payload\":\"0x01\","
			   "\"options\":{\"gas_limit\":\"1\"},\"idempotency_key\":\"0123456789abcdef\"},";
	const char *full = repeated(cx, "{\"messages\":[", item, 999, "{}]}");
	ck_ok(cx, api_json_decode(cx, JSON_REST,
				  &ferry__v1__batch_send_messages_request__descriptor, full,
				  strlen(full), &m));
	unit_ctx_end(cx);
}
END_TEST

START_TEST(times_are_rfc_3339)
{
	struct ctx *cx = unit_ctx();
	static const struct {
		const char *in, *out;
	} good[] = {
		{"2026-11-21T10:11:12Z", "2026-11-21T10:11:12.000000Z"},
		{"2026-11-21t10:11:12.5z", "2026-11-21T10:11:12.500000Z"},
		{"2026-11-21T10:11:12.123456789+05:30", "2026-11-21T04:41:12.123456Z"},
		{"2024-02-29T23:59:59-00:01", "2024-03-01T00:00:59.000000Z"},
		{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
		{"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
		{"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
		{"2000-03-01T00:00:00Z", "2000-03-01T00:00:00.000000Z"},
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ProtobufCMessage *m =
			decode(cx, JSON_REST, &ferry__v1__hold__descriptor,
			       arena_printf(cx->arena, "{\"since\":\"%s\"}", good[i].in));
		ck_assert_ptr_nonnull(strstr(encode(cx, JSON_REST, m), good[i].out));
	}
	static const char *const bad[] = {
		"", "2026-11-21", "2026-11-21 10:11:12Z", "2026-11-21T10:11:12",
		"2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z", "2026-11-21T10:11:60Z",
		"2026-11-21T10:11:12.Z", "2026-11-21T10:11:12.1234567890Z",
		"2026-11-21T10:11:12+5:30", "2026-11-21T10:11:12Zx", "0000-01-01T00:00:00Z",
		"+026-11-21T10:11:12Z", "2026-11-21T10:11:12+24:00",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct wrong w = {arena_printf(cx->arena, "{\"since\":\"%s\"}", bad[i]), "/since",
				  "TIME"};
		assert_wrong(JSON_REST, &ferry__v1__hold__descriptor, &w);
	}
	unit_ctx_end(cx);
}
END_TEST

START_TEST(query_parameters_set_members)
{
	struct ctx *cx = unit_ctx();
	Ferry__V1__ListMessagesRequest *r = (Ferry__V1__ListMessagesRequest *)api_message_new(
		cx->arena, &ferry__v1__list_messages_request__descriptor);
	ck_ok(cx, api_json_set(cx, &r->base, "state", "EXECUTION_FAILED"));
	ck_ok(cx, api_json_set(cx, &r->base, "kind", "push"));
	ck_ok(cx, api_json_set(cx, &r->base, "src_eid", "40161"));
	ck_ok(cx, api_json_set(cx, &r->base, "receiver", "0xAb"));
	ck_ok(cx, api_json_set(cx, &r->base, "page_size", "-1"));
	ck_ok(cx, api_json_set(cx, &r->base, "author", ""));
	ck_assert_int_eq(r->state, FERRY__V1__STATE__STATE_EXECUTION_FAILED);
	ck_assert_int_eq(r->kind, FERRY__V1__KIND__KIND_PUSH);
	ck_assert_uint_eq(r->src_eid, 40161);
	ck_assert_uint_eq(r->receiver.data[0], 0xab);
	ck_assert_int_eq(r->page_size, -1);
	ck_fails(cx, api_json_set(cx, &r->base, "nope", "1"), ST_INVALID, "no such parameter");
	ck_assert_str_eq(cx->err.details[0].pointer, "/nope");
	ck_assert_str_eq(cx->err.details[0].code, "UNKNOWN_MEMBER");
	ck_fails(cx, api_json_set(cx, &r->base, "src_eid", "1x"), ST_INVALID, "decimal");
	ck_fails(cx, api_json_set(cx, &r->base, "src_eid", "4294967296"), ST_INVALID, "4294967295");
	ck_fails(cx, api_json_set(cx, &r->base, "page_size", "2147483648"), ST_INVALID, "32 bits");
	ck_fails(cx, api_json_set(cx, &r->base, "guid", "12"), ST_INVALID, "hex");
	ck_fails(cx, api_json_set(cx, &r->base, "client_ref", "\xff"), ST_INVALID, "UTF-8");
	Ferry__V1__SendMessageRequest *s =
		(Ferry__V1__SendMessageRequest *)api_message_new(cx->arena, SEND);
	ck_ok(cx, api_json_set(cx, &s->base, "options.gas_limit", "5"));
	ck_assert_str_eq(s->options->gas_limit, "5");
	ck_fails(cx, api_json_set(cx, &s->base, "options", "5"), ST_INVALID, "no such");
	ck_fails(cx, api_json_set(cx, &s->base, "options.", "5"), ST_INVALID, "no such");
	ck_fails(cx, api_json_set(cx, &s->base, ".", "5"), ST_INVALID, "no such");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(protobuf_strings_are_checked_on_the_wire)
{
	static const struct {
		const char *wire;
		size_t n;
		const char *words;
	} list[] = {
#define T(s, words) {s, sizeof s - 1, words}
		T("\x4a\x03" "a\0b", "NUL"),
		T("\x4a\x01\xff", "UTF-8"),
		T("\x4a\x05" "ab", "no ferry.v1.SendMessageRequest"),
		T("\x4a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "no ferry.v1"),
		T("\x08\x63", "99 is no value of ferry.v1.Kind"),
		T("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "-1 is no value"),
		T("\xfa\x06\x01x", "number 111"),
		T("\x0b\x0c", "no ferry.v1"),                    /* a group */
		T("\x00\x00", "no ferry.v1"),                    /* field 0 */
		T("\x0a\x01x", "no ferry.v1"),                   /* an enum of bytes */
		T("\x32\x03\x0a\x01\xff", "/options/gas_limit"), /* one level down */
		T("\x08", "no ferry.v1"), T("\xff", "no ferry.v1"),
#undef T
	};
	struct ctx *cx = unit_ctx();
	ProtobufCMessage *m;
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		ck_fails(cx, api_proto_decode(cx, SEND, bytes_of(list[i].wire, list[i].n), &m),
			 ST_INVALID, list[i].words);
	ck_ok(cx, api_proto_decode(cx, SEND, bytes_of(NULL, 0), &m));
	ck_assert_ptr_eq(m->descriptor, SEND);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(a_small_wire_cannot_take_much_memory)
{
	struct ctx *cx = unit_ctx();
	ProtobufCMessage *m;
	size_t n = 1024 * 1024;
	uint8_t *wire = arena_alloc(cx->arena, n);
	for (size_t i = 0; i < n; i += 2)
		wire[i] = 0x0a; /* messages: {} {} {} … */
	size_t before = arena_bytes(cx->arena);
	ck_fails(cx,
		 api_proto_decode(cx, &ferry__v1__batch_send_messages_request__descriptor,
				  bytes_of(wire, n), &m),
		 ST_TOO_LARGE, "too many values");
	ck_assert_uint_lt(arena_bytes(cx->arena) - before, 1024 * 1024);
	ck_ok(cx, api_proto_decode(cx, &ferry__v1__batch_send_messages_request__descriptor,
				   bytes_of(wire, 2000), &m));
	ck_assert_uint_eq(((Ferry__V1__BatchSendMessagesRequest *)m)->n_messages, 1000);
	unit_ctx_end(cx);
}
END_TEST

/* A ListValue of a Value of a ListValue …, two levels a round. */
static struct bytes nested_lists(struct arena *a, int rounds)
{
	struct bytes wire = bytes_of("", 0);
	for (int i = 0; i < 2 * rounds; i++) {
		struct buf b;
		buf_init(&b, a, 4096);
		buf_putc(&b, i % 2 == 0 ? 0x32 : 0x0a); /* Value.list_value, ListValue.values */
		if (wire.n >= 128)
			buf_putc(&b, (char)(0x80 | (wire.n & 0x7f)));
		buf_putc(&b, (char)(wire.n >= 128 ? wire.n >> 7 : wire.n));
		buf_put(&b, wire.p, wire.n);
		wire = buf_bytes(&b);
	}
	return wire;
}

START_TEST(protobuf_nesting_has_an_end)
{
	struct ctx *cx = unit_ctx();
	const ProtobufCMessageDescriptor *list = &google__protobuf__list_value__descriptor;
	ProtobufCMessage *m;
	ck_ok(cx, api_proto_decode(cx, list, nested_lists(cx->arena, 49), &m));
	ck_fails(cx, api_proto_decode(cx, list, nested_lists(cx->arena, 51), &m), ST_INVALID,
		 "no google.protobuf.ListValue");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(structs_become_json_and_back)
{
	struct ctx *cx = unit_ctx();
	const char *text = "{\"domain\":{\"name\":\"Ferry\",\"chainId\":31337},"
			   "\"types\":{\"Send\":[{\"name\":\"dstEid\",\"type\":\"uint32\"}]},"
			   "\"x\":null,\"y\":[true,1.5,\"\"]}";
	json_t *o = json_loads(text, 0, NULL);
	struct Google__Protobuf__Struct *s;
	ck_ok(cx, api_struct_of_json(cx, o, &s));
	ck_assert_str_eq(encode(cx, JSON_REST, &s->base), text);
	ck_assert(json_equal(o, api_json_of_struct(cx->arena, s)));
	json_t *big = json_pack("{s:I}", "n", (json_int_t)9007199254740993);
	ck_fails(cx, api_struct_of_json(cx, big, &s), ST_INVALID, "2^53");
	json_t *list = json_array();
	ck_fails(cx, api_struct_of_json(cx, list, &s), ST_INVALID, "object");
	json_decref(o);
	json_decref(big);
	json_decref(list);
	unit_ctx_end(cx);
}
END_TEST

SUITE("api/json", every_message_survives_both_styles_and_protobuf, rest_is_as_the_contract_says,
      connect_is_canonical_proto3, only_the_chosen_member_of_a_oneof_is_there,
      a_log_index_is_null_only_without_its_block, text_that_is_not_utf8_does_not_break_the_answer,
      each_wrong_member_has_its_pointer_and_code, all_wrong_members_are_named_at_once_up_to_sixteen,
      what_is_not_one_json_object_is_refused, depth_and_density_have_an_end, times_are_rfc_3339,
      query_parameters_set_members, protobuf_strings_are_checked_on_the_wire,
      a_small_wire_cannot_take_much_memory, protobuf_nesting_has_an_end,
      structs_become_json_and_back)
