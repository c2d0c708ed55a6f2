/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads tests/vectors/NAME.json. A member that is missing or of another type fails the test.
 */
#ifndef FERRY_TESTS_UNIT_CHAIN_VECTORS_H
#define FERRY_TESTS_UNIT_CHAIN_VECTORS_H

#include <jansson.h>

#include "chain/u256.h"
#include "tests/unit/unit.h"

static inline void vectors_release(void *p)
{
	json_decref(p);
}

static inline const json_t *vectors_load_path(struct arena *a, const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(root != NULL, "%s: %s (run from the project's root)", path, error.text);
	arena_defer(a, vectors_release, root);
	return root;
}

static inline const json_t *vectors_load(struct arena *a, const char *name)
{
	return vectors_load_path(a, arena_printf(a, "tests/vectors/%s.json", name));
}

static inline const json_t *vectors_get(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);
	ck_assert_msg(v != NULL, "vector has no member %s", name);
	return v;
}

static inline const json_t *vectors_get2(const json_t *object, const char *outer, const char *name)
{
	return vectors_get(vectors_get(object, outer), name);
}

static inline const char *vectors_text(const json_t *v)
{
	ck_assert(json_is_string(v));
	return json_string_value(v);
}

static inline struct bytes vectors_bytes(struct arena *a, const json_t *v)
{
	struct bytes out = {NULL, 0};
	const char *s = vectors_text(v);
	ck_assert_msg(hex_decode(a, s, strlen(s), SIZE_MAX / 4, &out), "not hex: %.40s", s);
	return out;
}

static inline void vectors_fixed(uint8_t *out, size_t n, const json_t *v)
{
	const char *s = vectors_text(v);
	ck_assert_msg(hex_decode_fixed(s, strlen(s), out, n), "not %zu bytes: %.80s", n, s);
}

static inline struct hash vectors_hash(const json_t *v)
{
	struct hash h;
	vectors_fixed(h.b, sizeof h.b, v);
	return h;
}

static inline struct addr vectors_addr(const json_t *v)
{
	struct addr a;
	vectors_fixed(a.b, sizeof a.b, v);
	return a;
}

/* A JSON integer, a decimal text, or a 0x quantity. */
static inline struct u256 vectors_u256(const json_t *v)
{
	struct u256 out;
	if (json_is_integer(v))
		return u256_of_u64((uint64_t)json_integer_value(v));
	const char *s = vectors_text(v);
	size_t n = strlen(s);
	enum status st = n > 1 && s[1] == 'x' ? u256_parse_quantity(&out, s, n)
					      : u256_parse(&out, s, n);
	ck_assert_msg(st == ST_OK, "not a number: %s", s);
	return out;
}

static inline uint64_t vectors_u64(const json_t *v)
{
	return u256_to_u64(vectors_u256(v));
}

static inline struct hash vectors_get_hash(const json_t *object, const char *name)
{
	return vectors_hash(vectors_get(object, name));
}

static inline struct addr vectors_get_addr(const json_t *object, const char *name)
{
	return vectors_addr(vectors_get(object, name));
}

static inline struct bytes vectors_get_bytes(struct arena *a, const json_t *object,
					     const char *name)
{
	return vectors_bytes(a, vectors_get(object, name));
}

static inline struct u256 vectors_get_u256(const json_t *object, const char *name)
{
	return vectors_u256(vectors_get(object, name));
}

static inline uint64_t vectors_get_u64(const json_t *object, const char *name)
{
	return vectors_u64(vectors_get(object, name));
}

#endif
