/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/scrypt.h"

#include "base/clock.h"
#include "tests/unit/unit.h"

typedef bool scrypt_function(uint8_t *, size_t, struct bytes, struct bytes, uint64_t, uint64_t,
			     uint64_t);

/* RFC 7914, 12: Test Vectors for scrypt, the three that are quick. */
static const struct {
	const char *password;
	const char *salt;
	uint64_t n, r, p;
	const char *out;
} rows[] = {
	{"", "", 16, 1, 1,
	 "0x77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
	 "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"},
	{"password", "NaCl", 1024, 8, 16,
	 "0xfdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
	 "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"},
	{"pleaseletmein", "SodiumChloride", 16384, 8, 1,
	 "0x7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
	 "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"},
};

START_TEST(the_vectors_of_the_standard_hold_with_and_without_openssl)
{
	static scrypt_function *const functions[] = {scrypt_derive, scrypt_derive_plain};
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t k = 0; k < 2; k++) {
			uint8_t out[64];
			ck_assert(functions[k](out, sizeof out,
					       bytes_of(rows[i].password, strlen(rows[i].password)),
					       bytes_of(rows[i].salt, strlen(rows[i].salt)),
					       rows[i].n, rows[i].r, rows[i].p));
			unit_assert_hex(a, bytes_of(out, sizeof out), rows[i].out);
		}
	}
	arena_destroy(a);
}
END_TEST

START_TEST(random_inputs_agree_with_openssl)
{
	static const uint64_t parameters[][3] = {{2, 1, 1},  {4, 1, 3},   {128, 2, 2}, {64, 3, 5},
						 {256, 8, 1}, {32, 17, 1}, {1024, 1, 8}};
	for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
		uint8_t in[96];
		uint8_t x[40];
		uint8_t y[40];
		const uint64_t *q = parameters[i];
		random_bytes(in, sizeof in);
		struct bytes password = bytes_of(in, 32 + i);
		struct bytes salt = bytes_of(in + 50, 10 + i);
		ck_assert(scrypt_derive(x, sizeof x, password, salt, q[0], q[1], q[2]));
		ck_assert(scrypt_derive_plain(y, sizeof y, password, salt, q[0], q[1], q[2]));
		ck_assert_mem_eq(x, y, sizeof x);
	}
}
END_TEST

UNIT_SUITE("chain/scrypt", the_vectors_of_the_standard_hold_with_and_without_openssl,
	   random_inputs_agree_with_openssl)
