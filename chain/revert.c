/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/revert.h"

#include "chain/abi.h"
#include "chain/account.h"
#include "chain/u256.h"

enum {
	REVERT_ERROR = 0x08c379a0, /* Error(string) */
	REVERT_PANIC = 0x4e487b71, /* Panic(uint256) */
	REVERT_WORK_MAX = 4096,    /* before it is cut */
	REVERT_BYTES_SHOWN = 32,
};

static const struct revert_row {
	uint32_t selector;
	const char *signature;
} revert_rows[] = {
#define X(selector, signature) {selector, signature},
#include "chain/revert.def"
#undef X
};

static const struct {
	unsigned code;
	const char *meaning;
} revert_panics[] = {
	{0x00, "compiler panic"},
	{0x01, "assertion failed"},
	{0x11, "arithmetic overflow"},
	{0x12, "division by zero"},
	{0x21, "value outside of its enum"},
	{0x22, "storage byte array encoded wrongly"},
	{0x31, "pop of an empty array"},
	{0x32, "index out of bounds"},
	{0x41, "too much memory"},
	{0x51, "call of an empty function"},
};

static const struct revert_row *revert_find(struct bytes data)
{
	if (data.n < 4)
		return NULL;
	uint64_t selector = u256_of_be(data.p, 4).limb[0];
	for (size_t i = 0; i < sizeof revert_rows / sizeof *revert_rows; i++)
		if (revert_rows[i].selector == selector)
			return &revert_rows[i];
	return NULL;
}

/* Printable ASCII as it is, the rest as \xNN. */
static void revert_put_text(struct buf *b, struct bytes s)
{
	size_t shown = s.n < REVERT_TEXT_MAX ? s.n : REVERT_TEXT_MAX;
	for (size_t i = 0; i < shown; i++) {
		if (s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '\\')
			buf_putc(b, (char)s.p[i]);
		else
			buf_printf(b, "\\x%02x", s.p[i]);
	}
}

static void revert_put_hex(struct buf *b, struct bytes s)
{
	size_t shown = s.n < REVERT_BYTES_SHOWN ? s.n : REVERT_BYTES_SHOWN;
	buf_puts(b, hex_encode(b->arena, s.p, shown));
	if (shown < s.n)
		buf_printf(b, "... (%zu bytes)", s.n);
}

/* One argument of an error, of the type named by n characters. */
static void revert_put_argument(struct buf *b, struct abi_reader *r, const char *type, size_t n)
{
	if (n == 7 && memcmp(type, "address", n) == 0) {
		char text[ACCOUNT_TEXT_BYTES];
		struct addr a = abi_next_addr(r);
		account_format(text, &a);
		buf_puts(b, text);
	} else if (n == 7 && memcmp(type, "bytes32", n) == 0) {
		struct hash h = abi_next_hash(r);
		buf_puts(b, hex_encode(b->arena, h.b, sizeof h.b));
	} else if (n == 5 && memcmp(type, "bytes", n) == 0) {
		revert_put_hex(b, abi_next_bytes(r, r->in.n));
	} else if (n == 4 && memcmp(type, "bool", n) == 0) {
		buf_puts(b, abi_next_bool(r) ? "true" : "false");
	} else { /* uint8 .. uint256: the table has no others */
		char text[U256_DECIMAL_BYTES];
		u256_format(text, abi_next_u256(r));
		buf_puts(b, text);
	}
}

/* "Name(1, 0x2)"; "Name(...)" when the arguments are not what the signature says. */
static void revert_put_known(struct buf *b, const char *signature, struct bytes arguments)
{
	size_t name_n = strcspn(signature, "(");
	buf_put(b, signature, name_n);
	const char *type = signature + name_n + 1;
	if (*type == ')')
		return;
	size_t mark = b->n;
	struct abi_reader r = abi_read(arguments);
	for (const char *separator = "("; *type != '\0'; separator = ", ") {
		size_t n = strcspn(type, ",)");
		buf_puts(b, separator);
		revert_put_argument(b, &r, type, n);
		type += n + 1;
	}
	buf_putc(b, ')');
	if (abi_done(&r) != ST_OK) {
		b->n = mark;
		buf_puts(b, "(...)");
	}
}

/* Error(string), taking what is there of a text that was cut short on its way. */
static bool revert_put_error(struct buf *b, struct bytes arguments)
{
	struct abi_reader r = abi_read(arguments);
	uint64_t offset = abi_next_u64(&r);
	uint64_t n = abi_next_u64(&r);
	if (abi_done(&r) != ST_OK || offset != ABI_WORD)
		return false;
	size_t there = arguments.n - r.at;
	buf_puts(b, "reverted: ");
	revert_put_text(b, bytes_of(arguments.p + r.at, n < there ? (size_t)n : there));
	return true;
}

static bool revert_put_panic(struct buf *b, struct bytes arguments)
{
	struct abi_reader r = abi_read(arguments);
	uint32_t code = abi_next_u32(&r);
	if (abi_done(&r) != ST_OK)
		return false;
	const char *meaning = "unknown";
	for (size_t i = 0; i < sizeof revert_panics / sizeof *revert_panics; i++)
		if (revert_panics[i].code == code)
			meaning = revert_panics[i].meaning;
	buf_printf(b, "panic 0x%02x: %s", code, meaning);
	return true;
}

static void revert_put(struct buf *b, struct bytes data)
{
	if (data.n == 0) {
		buf_puts(b, "no reason given (out of gas or a bare revert)");
		return;
	}
	if (data.n < 4) {
		buf_puts(b, "reverted with ");
		revert_put_hex(b, data);
		return;
	}
	struct bytes arguments = {data.p + 4, data.n - 4};
	uint32_t selector = (uint32_t)u256_of_be(data.p, 4).limb[0];
	const struct revert_row *row = revert_find(data);
	if (row)
		revert_put_known(b, row->signature, arguments);
	else if (!(selector == REVERT_ERROR && revert_put_error(b, arguments)) &&
		 !(selector == REVERT_PANIC && revert_put_panic(b, arguments)))
		buf_printf(b, "unknown error 0x%08x (%zu bytes of data)", selector, data.n);
}

const char *revert_describe(struct arena *a, struct bytes data)
{
	static const char cut[] = "...";
	struct buf b;
	buf_init(&b, a, REVERT_WORK_MAX);
	revert_put(&b, data);
	if (b.overflow || b.n > REVERT_TEXT_MAX) {
		b.n = REVERT_TEXT_MAX - (sizeof cut - 1);
		b.overflow = false;
		buf_puts(&b, cut);
	}
	return buf_text(&b);
}

const char *revert_name(struct arena *a, struct bytes data)
{
	const struct revert_row *row = revert_find(data);
	return row ? arena_strndup(a, row->signature, strcspn(row->signature, "(")) : NULL;
}
