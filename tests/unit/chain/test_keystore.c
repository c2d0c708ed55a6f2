/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/keystore.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/unit/unit.h"

/* The test vectors of the Web3 Secret Storage definition, password "testpassword". */
static const char keystore_pbkdf2[] =
	"{\"crypto\":{\"cipher\":\"aes-128-ctr\","
	"\"cipherparams\":{\"iv\":\"6087dab2f9fdbbfaddc31a909735c1e6\"},"
	"\"ciphertext\":\"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46\","
	"\"kdf\":\"pbkdf2\",\"kdfparams\":{\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\","
	"\"salt\":\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"},"
	"\"mac\":\"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2\"},"
	"\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";
static const char keystore_scrypt[] =
	"{\"address\":\"008aeeda4d805471df9b2a5b0f38a0c3bcba786b\","
	"\"crypto\":{\"cipher\":\"aes-128-ctr\","
	"\"cipherparams\":{\"iv\":\"83dbcc02d8ccb40e466191a123791e0e\"},"
	"\"ciphertext\":\"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c\","
	"\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":262144,\"p\":8,\"r\":1,"
	"\"salt\":\"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19\"},"
	"\"mac\":\"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097\"},"
	"\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";
static const char keystore_key[] =
	"0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
static const char keystore_owner[] = "0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b";

static struct arena *arena;
static struct ctx cx;
static char folder[] = "/tmp/ferry-keystore-XXXXXX";

static void keystore_begin(void)
{
	arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&cx, arena, CTX_DEADLINE_NONE, "test");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void keystore_end(void)
{
	ck_assert_int_eq(system(arena_printf(arena, "rm -r %s", folder)), 0); /* allowed: a test */
	arena_destroy(arena);
}

static const char *keystore_put(const char *name, const char *text, mode_t mode)
{
	char *path = arena_printf(arena, "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static struct keystore_password keystore_secret(const char *s)
{
	struct keystore_password p = {.n = strlen(s)};
	memcpy(p.b, s, p.n);
	return p;
}

static enum status keystore_try(const char *text, const char *secret, uint8_t key[32],
				struct addr *account)
{
	struct keystore_password p = keystore_secret(secret);
	return keystore_decrypt(&cx, key, account, bytes_of(text, strlen(text)), &p);
}

START_TEST(the_official_vectors_open)
{
	const char *texts[] = {keystore_pbkdf2, keystore_scrypt};
	keystore_begin();
	for (size_t i = 0; i < 2; i++) {
		uint8_t key[32];
		struct addr account;
		ck_assert_int_eq(keystore_try(texts[i], "testpassword", key, &account), ST_OK);
		unit_assert_hex(arena, bytes_of(key, 32), keystore_key);
		unit_assert_hex(arena, bytes_of(account.b, 20), keystore_owner);
		ck_assert_int_eq(keystore_try(texts[i], "testpassworD", key, &account),
				 ST_UNAUTHENTICATED);
		ck_assert_int_eq(keystore_try(texts[i], "", key, &account), ST_UNAUTHENTICATED);
		/* Nothing of a key is left behind. */
		for (size_t k = 0; k < 32; k++)
			ck_assert_uint_eq(key[k], 0);
	}
	keystore_end();
}
END_TEST

/* The pbkdf2 vector with one text replaced. */
static void keystore_refused(const char *from, const char *find, const char *replace,
			     enum status st, const char *sentence)
{
	uint8_t key[32];
	struct addr account;
	const char *at = strstr(from, find);
	ck_assert_ptr_nonnull(at);
	char *text = arena_printf(arena, "%.*s%s%s", (int)(at - from), from, replace,
				  at + strlen(find));
	enum status got = keystore_try(text, "testpassword", key, &account);
	ck_assert_msg(got == st, "%s: %s", replace, cx.err.message);
	ck_assert_msg(strstr(cx.err.message, sentence), "%s: %s", replace, cx.err.message);
}

START_TEST(changed_files_do_not_open)
{
	keystore_begin();
	keystore_refused(keystore_pbkdf2, "5318b4", "5318b5", ST_UNAUTHENTICATED, "password");
	keystore_refused(keystore_pbkdf2, "517ead", "517eae", ST_UNAUTHENTICATED, "password");
	keystore_refused(keystore_pbkdf2, "ae3cd4", "ae3cd5", ST_UNAUTHENTICATED, "password");
	/* The check does not cover iv: the account does, when the file names it. */
	keystore_refused(keystore_scrypt, "83dbcc", "83dbcd", ST_PRECONDITION,
			 "says it is another");
	keystore_refused(keystore_scrypt, "008aee", "008aef", ST_PRECONDITION,
			 "says it is another");
	keystore_refused(keystore_scrypt, "008aee", "xxxxxx", ST_PRECONDITION,
			 "says it is another");
	keystore_end();
}
END_TEST

START_TEST(what_is_no_keystore_is_refused_with_a_sentence)
{
	keystore_begin();
	const char *p = keystore_pbkdf2;
	keystore_refused(p, "\"version\":3", "\"version\":4", ST_INVALID, "\"version\" is 4");
	keystore_refused(p, "\"version\":3", "\"version\":\"3\"", ST_INVALID, "\"version\"");
	keystore_refused(p, "\"crypto\"", "\"Crypt\"", ST_INVALID, "\"crypto\" is missing");
	keystore_refused(p, "aes-128-ctr", "aes-128-cbc", ST_INVALID, "\"aes-128-ctr\"");
	keystore_refused(p, "\"pbkdf2\"", "\"argon2\"", ST_INVALID, "\"pbkdf2\"");
	keystore_refused(p, "hmac-sha256", "hmac-sha512", ST_INVALID, "\"hmac-sha256\"");
	keystore_refused(p, "5318b4d5", "5318b4", ST_INVALID, "\"ciphertext\" must be 32 bytes");
	keystore_refused(p, "5318b4d5", "5318b4d5d5", ST_INVALID, "\"ciphertext\"");
	keystore_refused(p, "5318b4d5", "5318b4dx", ST_INVALID, "\"ciphertext\"");
	keystore_refused(p, "6087da", "6087", ST_INVALID, "\"iv\" must be 16 bytes");
	keystore_refused(p, "517ead", "517e", ST_INVALID, "\"mac\" must be 32 bytes");
	keystore_refused(p, "\"dklen\":32", "\"dklen\":16", ST_INVALID, "\"dklen\" is 16");
	keystore_refused(p, "\"id\"", "\"version\":3,\"id\"", ST_INVALID, "duplicate");
	keystore_refused(p, "\"version\":3}", "", ST_INVALID, "not JSON");
	keystore_refused(p, p, "", ST_INVALID, "empty");
	keystore_refused(p, p, "[]", ST_INVALID, "an array");
	keystore_end();
}
END_TEST

START_TEST(what_costs_too_much_is_refused_at_once)
{
	keystore_begin();
	const char *s = keystore_scrypt;
	keystore_refused(keystore_pbkdf2, "262144", "2000000000", ST_INVALID, "\"c\"");
	keystore_refused(keystore_pbkdf2, "262144", "0", ST_INVALID, "\"c\" is 0");
	keystore_refused(keystore_pbkdf2, "262144", "-1", ST_INVALID, "\"c\" is -1");
	keystore_refused(s, "262144", "262143", ST_INVALID, "power of 2");
	keystore_refused(s, "262144", "0", ST_INVALID, "\"n\"");
	keystore_refused(s, "262144", "1", ST_INVALID, "\"n\"");
	keystore_refused(s, "262144", "-262144", ST_INVALID, "\"n\"");
	keystore_refused(s, "262144", "4611686018427387904", ST_INVALID, "\"n\"");
	keystore_refused(s, "262144", "8388608", ST_INVALID, "too much memory or work");
	keystore_refused(s, "\"r\":1", "\"r\":1024", ST_INVALID, "too much memory or work");
	keystore_refused(s, "\"r\":1", "\"r\":0", ST_INVALID, "\"r\"");
	keystore_refused(s, "\"p\":8", "\"p\":1024", ST_INVALID, "too much memory or work");
	keystore_refused(s, "\"p\":8", "\"p\":1000000000", ST_INVALID, "\"p\"");
	keystore_end();
}
END_TEST

START_TEST(password_files_lose_one_newline_and_nothing_else)
{
	static const struct {
		const char *text;
		const char *wanted;
	} rows[] = {{"secret", "secret"},       {"secret\n", "secret"}, {"secret\r\n", "secret"},
		    {"secret\n\n", "secret\n"}, {" s e\tc ", " s e\tc "}, {"", ""}, {"\n", ""}};
	struct keystore_password p;
	keystore_begin();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_int_eq(keystore_password_read(&cx, &p,
							keystore_put("pw", rows[i].text, 0600)),
				 ST_OK);
		ck_assert_uint_eq(p.n, strlen(rows[i].wanted));
		ck_assert_mem_eq(p.b, rows[i].wanted, p.n);
	}
	keystore_password_wipe(&p);
	ck_assert_uint_eq(p.n, 0);
	keystore_end();
}
END_TEST

START_TEST(password_files_open_to_others_are_refused)
{
	static const struct {
		mode_t mode;
		enum status st;
	} rows[] = {{0400, ST_OK}, {0600, ST_OK}, {0640, ST_OK}, {0440, ST_OK},
		    {0644, ST_PRECONDITION}, {0604, ST_PRECONDITION}, {0602, ST_PRECONDITION},
		    {0601, ST_PRECONDITION}, {0660, ST_PRECONDITION}, {0666, ST_PRECONDITION}};
	struct keystore_password p;
	keystore_begin();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *name = arena_printf(arena, "pw%zu", i);
		const char *path = keystore_put(name, "x", rows[i].mode);
		ck_assert_msg(keystore_password_read(&cx, &p, path) == rows[i].st, "%o",
			      (unsigned)rows[i].mode);
		if (rows[i].st != ST_OK)
			ck_assert_ptr_nonnull(strstr(cx.err.message, "chmod 0600"));
	}
	keystore_end();
}
END_TEST

START_TEST(what_is_no_password_file_is_refused)
{
	struct keystore_password p;
	keystore_begin();
	ck_assert_int_eq(keystore_password_read(&cx, &p, arena_printf(arena, "%s/no", folder)),
			 ST_NOT_FOUND);
	ck_assert_int_eq(keystore_password_read(&cx, &p, folder), ST_PRECONDITION);
	char *pipe_path = arena_printf(arena, "%s/pipe", folder);
	ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
	ck_assert_int_eq(keystore_password_read(&cx, &p, pipe_path), ST_PRECONDITION);
	ck_assert_ptr_nonnull(strstr(cx.err.message, "not a plain file"));
	char *long_text = arena_alloc(arena, 2000);
	memset(long_text, 'x', 1024);
	ck_assert_int_eq(keystore_password_read(&cx, &p, keystore_put("long", long_text, 0600)),
			 ST_PRECONDITION);
	ck_assert_ptr_nonnull(strstr(cx.err.message, "too long"));
	long_text[1023] = 0;
	ck_assert_int_eq(keystore_password_read(&cx, &p, keystore_put("fits", long_text, 0600)),
			 ST_OK);
	keystore_end();
}
END_TEST

START_TEST(what_is_written_can_be_read_and_nothing_is_overwritten)
{
	uint8_t key[32];
	uint8_t again[32];
	struct addr account;
	struct addr read_account;
	struct stat st;
	keystore_begin();
	const char *path = arena_printf(arena, "%s/key.json", folder);
	const char *secret_path = keystore_put("pw", "p\xc3\xa4ss w\n", 0600);
	struct keystore_password secret = keystore_secret("p\xc3\xa4ss w");
	ck_assert(hex_decode_fixed(keystore_key, 66, key, 32));
	ck_assert_int_eq(keystore_write(&cx, &account, path, key, &secret, 10), ST_OK);
	unit_assert_hex(arena, bytes_of(account.b, 20), keystore_owner);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(keystore_read(&cx, again, &read_account, path, secret_path), ST_OK);
	ck_assert_mem_eq(again, key, 32);
	ck_assert(addr_equal(&account, &read_account));
	ck_assert_int_eq(keystore_write(&cx, &account, path, key, &secret, 10), ST_CONFLICT);
	ck_assert_int_eq(keystore_read(&cx, again, &read_account, path,
				       keystore_put("pw2", "other", 0600)), ST_UNAUTHENTICATED);
	ck_assert_ptr_nonnull(strstr(cx.err.message, "key.json"));
	const char *nowhere = arena_printf(arena, "%s/no/key.json", folder);
	ck_assert_int_eq(keystore_write(&cx, &account, nowhere, key, &secret, 10),
			 ST_PRECONDITION);
	memset(key, 0, 32);
	ck_assert_int_eq(keystore_write(&cx, &account, nowhere, key, &secret, 10), ST_INVALID);
	memset(key, 0xff, 32);
	ck_assert_int_eq(keystore_write(&cx, &account, nowhere, key, &secret, 10), ST_INVALID);
	keystore_end();
}
END_TEST

UNIT_SUITE("chain/keystore", the_official_vectors_open, changed_files_do_not_open,
	   what_is_no_keystore_is_refused_with_a_sentence, what_costs_too_much_is_refused_at_once,
	   password_files_lose_one_newline_and_nothing_else,
	   password_files_open_to_others_are_refused, what_is_no_password_file_is_refused,
	   what_is_written_can_be_read_and_nothing_is_overwritten)
