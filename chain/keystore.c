/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/keystore.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <secp256k1.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "chain/keccak.h"
#include "chain/scrypt.h"
#include "chain/secp.h"

enum {
	KEYSTORE_SALT_BYTES_MAX = 256,
	KEYSTORE_DERIVED_BYTES = 32, /* 16 for the cipher, 16 for the check */
	KEYSTORE_IV_BYTES = 16,
	KEYSTORE_JSON_DEPTH_MAX = 8,
	KEYSTORE_SCRYPT_R = 8,
	KEYSTORE_SCRYPT_P = 1,
};

/* The members of "crypto" that matter. */
struct keystore_file {
	uint8_t cipher_text[KEYSTORE_KEY_BYTES];
	uint8_t iv[KEYSTORE_IV_BYTES];
	struct hash mac;
	bool is_scrypt;
	uint64_t n, r, p; /* scrypt */
	uint64_t rounds;  /* pbkdf2 */
	struct bytes salt;
	const char *address; /* without 0x; NULL when not given */
};

void keystore_password_wipe(struct keystore_password *password)
{
	OPENSSL_cleanse(password, sizeof *password);
}

/* Reads a small plain file whole. n is set to what was read, at most max. */
static enum status keystore_file_read(struct ctx *cx, int fd, uint8_t *out, size_t *n, size_t max,
				      const char *path)
{
	*n = 0;
	while (*n < max) {
		ssize_t got = read(fd, out + *n, max - *n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(cx, ST_PRECONDITION, "%s cannot be read: %m", path);
		if (got == 0)
			return ST_OK;
		*n += (size_t)got;
	}
	return fail(cx, ST_PRECONDITION, "%s is too long: at most %zu bytes are taken", path,
		    max - 1);
}

/* Opens a plain file; O_NONBLOCK so that a pipe cannot hold us up. */
static enum status keystore_file_open(struct ctx *cx, int *fd, struct stat *st, const char *path)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return fail(cx, ST_NOT_FOUND, "%s cannot be opened: %m", path);
	if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode))
		return ST_OK;
	close(*fd);
	return fail(cx, ST_PRECONDITION, "%s is not a plain file", path);
}

static void keystore_password_trim(struct keystore_password *password)
{
	if (password->n > 0 && password->b[password->n - 1] == '\n')
		password->n--;
	if (password->n > 0 && password->b[password->n - 1] == '\r')
		password->n--;
}

enum status keystore_password_read(struct ctx *cx, struct keystore_password *out, const char *path)
{
	int fd;
	struct stat st;
	TRY(keystore_file_open(cx, &fd, &st, path));
	if (st.st_mode & (S_IRWXO | S_IWGRP)) {
		close(fd);
		return fail(cx, ST_PRECONDITION,
			    "the password file %s has mode %04o: others may read it, or its group "
			    "may write it; chmod 0600 it",
			    path, (unsigned)st.st_mode & 07777);
	}
	enum status rc = keystore_file_read(cx, fd, out->b, &out->n, sizeof out->b, path);
	close(fd);
	if (rc != ST_OK) {
		keystore_password_wipe(out);
		return rc;
	}
	keystore_password_trim(out);
	return ST_OK;
}

/* Hex as the format has it: without 0x. */
static enum status keystore_hex(struct ctx *cx, struct bytes *out, const json_t *object,
				const char *name, size_t bytes_max)
{
	json_t *v = NULL;
	TRY(json_read_member(cx, &v, object, name, JSON_STRING));
	const char *s = json_string_value(v);
	if (strncmp(s, "0x", 2) != 0)
		s = arena_printf(cx->arena, "0x%s", s);
	if (!hex_decode(cx->arena, s, strlen(s), bytes_max, out))
		return fail(cx, ST_INVALID, "\"%s\" must be at most %zu bytes in hexadecimal", name,
			    bytes_max);
	return ST_OK;
}

static enum status keystore_hex_fixed(struct ctx *cx, uint8_t *out, size_t n,
				      const json_t *object, const char *name)
{
	struct bytes b = {0};
	TRY(keystore_hex(cx, &b, object, name, n));
	if (b.n != n)
		return fail(cx, ST_INVALID, "\"%s\" must be %zu bytes in hexadecimal", name, n);
	memcpy(out, b.p, n);
	return ST_OK;
}

static enum status keystore_number(struct ctx *cx, uint64_t *out, const json_t *object,
				   const char *name, uint64_t min, uint64_t max)
{
	json_t *v = NULL;
	TRY(json_read_member(cx, &v, object, name, JSON_INTEGER));
	json_int_t value = json_integer_value(v);
	if (value < 0 || (uint64_t)value < min || (uint64_t)value > max)
		return fail(cx, ST_INVALID, "\"%s\" is %lld; from %lu to %lu is taken", name, value,
			    (unsigned long)min, (unsigned long)max);
	*out = (uint64_t)value;
	return ST_OK;
}

static enum status keystore_name(struct ctx *cx, const json_t *object, const char *name,
				 const char *wanted)
{
	json_t *v = NULL;
	TRY(json_read_member(cx, &v, object, name, JSON_STRING));
	if (strcmp(json_string_value(v), wanted) != 0)
		return fail(cx, ST_INVALID, "\"%s\" must be \"%s\"", name, wanted);
	return ST_OK;
}

static enum status keystore_kdf(struct ctx *cx, struct keystore_file *out, const json_t *crypto)
{
	json_t *kdf = NULL;
	json_t *params = NULL;
	uint64_t derived;
	TRY(json_read_member(cx, &kdf, crypto, "kdf", JSON_STRING));
	TRY(json_read_member(cx, &params, crypto, "kdfparams", JSON_OBJECT));
	TRY(keystore_hex(cx, &out->salt, params, "salt", KEYSTORE_SALT_BYTES_MAX));
	TRY(keystore_number(cx, &derived, params, "dklen", KEYSTORE_DERIVED_BYTES,
			    KEYSTORE_DERIVED_BYTES));
	out->is_scrypt = strcmp(json_string_value(kdf), "scrypt") == 0;
	if (!out->is_scrypt) {
		TRY(keystore_name(cx, crypto, "kdf", "pbkdf2"));
		TRY(keystore_name(cx, params, "prf", "hmac-sha256"));
		return keystore_number(cx, &out->rounds, params, "c", 1,
				       KEYSTORE_PBKDF2_ROUNDS_MAX);
	}
	/* Each bounded first, so that the products cannot overflow. */
	TRY(keystore_number(cx, &out->n, params, "n", 2, KEYSTORE_SCRYPT_WORK_MAX));
	TRY(keystore_number(cx, &out->r, params, "r", 1, 1024));
	TRY(keystore_number(cx, &out->p, params, "p", 1, 1024));
	if (out->n & (out->n - 1))
		return fail(cx, ST_INVALID, "scrypt's \"n\" must be a power of 2");
	if (128 * out->n * out->r > KEYSTORE_MEMORY_BYTES_MAX ||
	    128 * out->r * out->p > KEYSTORE_MEMORY_BYTES_MAX / 8 ||
	    out->n * out->r * out->p > KEYSTORE_SCRYPT_WORK_MAX)
		return fail(cx, ST_INVALID, "scrypt's n, r and p ask for too much memory or work");
	return ST_OK;
}

static enum status keystore_parse(struct ctx *cx, struct keystore_file *out, struct bytes text)
{
	json_t *root = NULL;
	json_t *crypto = NULL;
	json_t *cipher = NULL;
	uint64_t version;
	memset(out, 0, sizeof *out);
	TRY(json_parse(cx, &root, text, KEYSTORE_FILE_BYTES_MAX, KEYSTORE_JSON_DEPTH_MAX));
	TRY(keystore_number(cx, &version, root, "version", 3, 3));
	TRY(json_read_member(cx, &crypto, root, "crypto", JSON_OBJECT));
	TRY(keystore_name(cx, crypto, "cipher", "aes-128-ctr"));
	TRY(json_read_member(cx, &cipher, crypto, "cipherparams", JSON_OBJECT));
	TRY(keystore_hex_fixed(cx, out->iv, sizeof out->iv, cipher, "iv"));
	TRY(keystore_hex_fixed(cx, out->cipher_text, sizeof out->cipher_text, crypto,
			       "ciphertext"));
	TRY(keystore_hex_fixed(cx, out->mac.b, sizeof out->mac.b, crypto, "mac"));
	out->address = json_string_value(json_object_get(root, "address"));
	return keystore_kdf(cx, out, crypto);
}

static enum status keystore_derive(struct ctx *cx, uint8_t derived[KEYSTORE_DERIVED_BYTES],
				   const struct keystore_file *file,
				   const struct keystore_password *password)
{
	bool ok;
	if (file->is_scrypt)
		ok = scrypt_derive(derived, KEYSTORE_DERIVED_BYTES,
				   bytes_of(password->b, password->n), file->salt, file->n, file->r,
				   file->p);
	else
		ok = PKCS5_PBKDF2_HMAC((const char *)password->b, (int)password->n, file->salt.p,
				       (int)file->salt.n, (int)file->rounds, EVP_sha256(),
				       KEYSTORE_DERIVED_BYTES, derived) == 1;
	if (!ok)
		return fail(cx, ST_UNAVAILABLE,
			    "the key cannot be derived from the password: not enough memory?");
	return ST_OK;
}

/* keccak256(the second half of what was derived | cipher text) */
static struct hash keystore_mac(const uint8_t derived[KEYSTORE_DERIVED_BYTES],
				const uint8_t cipher_text[KEYSTORE_KEY_BYTES])
{
	struct keccak k;
	keccak_init(&k);
	keccak_update(&k, derived + 16, 16);
	keccak_update(&k, cipher_text, KEYSTORE_KEY_BYTES);
	struct hash mac = keccak_final(&k);
	OPENSSL_cleanse(&k, sizeof k);
	return mac;
}

/* Counter mode: the same call goes both ways. */
static void keystore_cipher(uint8_t out[KEYSTORE_KEY_BYTES], const uint8_t in[KEYSTORE_KEY_BYTES],
			    const uint8_t key[16], const uint8_t iv[KEYSTORE_IV_BYTES])
{
	int n = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
		 EVP_EncryptUpdate(c, out, &n, in, KEYSTORE_KEY_BYTES) == 1;
	EVP_CIPHER_CTX_free(c);
	assert(ok);
	assert(n == KEYSTORE_KEY_BYTES);
}

enum status keystore_account(struct ctx *cx, struct addr *out,
			     const uint8_t key[KEYSTORE_KEY_BYTES])
{
	const secp256k1_context *secp = secp_context();
	secp256k1_pubkey pub;
	uint8_t xy[65];
	size_t n = sizeof xy;
	if (!secp256k1_ec_pubkey_create(secp, &pub, key))
		return fail(cx, ST_INVALID, "the private key is 0 or not below the group order");
	secp256k1_ec_pubkey_serialize(secp, xy, &n, &pub, SECP256K1_EC_UNCOMPRESSED);
	*out = secp_address(xy + 1);
	return ST_OK;
}

static enum status keystore_account_check(struct ctx *cx, const struct keystore_file *file,
					  const struct addr *account)
{
	struct addr named;
	if (!file->address)
		return ST_OK;
	const char *s = file->address;
	if (strncmp(s, "0x", 2) != 0)
		s = arena_printf(cx->arena, "0x%s", s);
	if (hex_decode_fixed(s, strlen(s), named.b, sizeof named.b) && addr_equal(&named, account))
		return ST_OK;
	return fail(cx, ST_PRECONDITION, "the keystore holds the key of %s, but says it is another",
		    hex_encode(cx->arena, account->b, 20));
}

static enum status keystore_open(struct ctx *cx, uint8_t key[KEYSTORE_KEY_BYTES],
				 struct addr *account, const struct keystore_file *file,
				 const uint8_t derived[KEYSTORE_DERIVED_BYTES])
{
	struct hash mac = keystore_mac(derived, file->cipher_text);
	if (CRYPTO_memcmp(mac.b, file->mac.b, sizeof mac.b) != 0)
		return fail(cx, ST_UNAUTHENTICATED,
			    "the password does not open this keystore (or the file was changed)");
	keystore_cipher(key, file->cipher_text, derived, file->iv);
	TRY(keystore_account(cx, account, key));
	return keystore_account_check(cx, file, account);
}

enum status keystore_decrypt(struct ctx *cx, uint8_t key[KEYSTORE_KEY_BYTES],
			     struct addr *account, struct bytes text,
			     const struct keystore_password *password)
{
	struct keystore_file file;
	uint8_t derived[KEYSTORE_DERIVED_BYTES];
	TRY(keystore_parse(cx, &file, text));
	enum status st = keystore_derive(cx, derived, &file, password);
	if (st == ST_OK)
		st = keystore_open(cx, key, account, &file, derived);
	OPENSSL_cleanse(derived, sizeof derived);
	if (st != ST_OK)
		OPENSSL_cleanse(key, KEYSTORE_KEY_BYTES);
	return st;
}

enum status keystore_read(struct ctx *cx, uint8_t key[KEYSTORE_KEY_BYTES], struct addr *account,
			  const char *path, const char *password_path)
{
	int fd;
	struct stat info;
	uint8_t *text = arena_alloc(cx->arena, KEYSTORE_FILE_BYTES_MAX + 1);
	size_t n;
	TRY(keystore_file_open(cx, &fd, &info, path));
	enum status st = keystore_file_read(cx, fd, text, &n, KEYSTORE_FILE_BYTES_MAX + 1, path);
	close(fd);
	if (st != ST_OK)
		return st;
	struct keystore_password password;
	TRY(keystore_password_read(cx, &password, password_path));
	st = keystore_decrypt(cx, key, account, bytes_of(text, n), &password);
	keystore_password_wipe(&password);
	if (st == ST_OK)
		return ST_OK;
	const char *why = arena_strdup(cx->arena, cx->err.message);
	return fail(cx, st, "%s: %s", path, why);
}

static const char *keystore_text(struct arena *a, const struct keystore_file *file,
				 const struct addr *account)
{
	uint8_t id[16];
	random_bytes(id, sizeof id);
	id[6] = (uint8_t)(0x40 | (id[6] & 0x0f)); /* a random UUID */
	id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
	char hex[33] = {0};
	hex_digits(hex, id, sizeof id);
	return arena_printf(
		a,
		"{\"address\":\"%s\",\"crypto\":{\"cipher\":\"aes-128-ctr\",\"ciphertext\":\"%s\","
		"\"cipherparams\":{\"iv\":\"%s\"},\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":%d,"
		"\"n\":%lu,\"p\":%lu,\"r\":%lu,\"salt\":\"%s\"},\"mac\":\"%s\"},"
		"\"id\":\"%.8s-%.4s-%.4s-%.4s-%.12s\",\"version\":3}\n",
		hex_encode(a, account->b, 20) + 2,
		hex_encode(a, file->cipher_text, sizeof file->cipher_text) + 2,
		hex_encode(a, file->iv, sizeof file->iv) + 2, KEYSTORE_DERIVED_BYTES,
		(unsigned long)file->n, (unsigned long)file->p, (unsigned long)file->r,
		hex_encode(a, file->salt.p, file->salt.n) + 2,
		hex_encode(a, file->mac.b, sizeof file->mac.b) + 2, hex, hex + 8, hex + 12,
		hex + 16, hex + 20);
}

static bool keystore_write_all(int fd, const char *s)
{
	size_t n = strlen(s);
	while (n > 0) {
		ssize_t put = write(fd, s, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		s += put;
		n -= (size_t)put;
	}
	return fsync(fd) == 0;
}

/* The name must be as durable as the content. */
static bool keystore_sync_folder(struct arena *a, const char *path)
{
	int fd = open(dirname(arena_strdup(a, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = fsync(fd) == 0;
	close(fd);
	return ok;
}

static enum status keystore_file_write(struct ctx *cx, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EEXIST)
		return fail(cx, ST_CONFLICT, "%s exists; a keystore is never overwritten", path);
	if (fd < 0)
		return fail(cx, ST_PRECONDITION, "%s cannot be created: %m", path);
	bool ok = keystore_write_all(fd, text);
	ok = close(fd) == 0 && ok;
	if (ok && keystore_sync_folder(cx->arena, path))
		return ST_OK;
	int why = errno;
	unlink(path);
	errno = why;
	return fail(cx, ST_UNAVAILABLE, "%s cannot be written: %m", path);
}

enum status keystore_write(struct ctx *cx, struct addr *account, const char *path,
			   const uint8_t key[KEYSTORE_KEY_BYTES],
			   const struct keystore_password *password, unsigned log2_n)
{
	assert(log2_n >= 1);
	assert(log2_n <= 19);
	uint8_t *salt = arena_alloc(cx->arena, 32);
	random_bytes(salt, 32);
	struct keystore_file file = {
		.is_scrypt = true,
		.n = UINT64_C(1) << log2_n,
		.r = KEYSTORE_SCRYPT_R,
		.p = KEYSTORE_SCRYPT_P,
		.salt = bytes_of(salt, 32),
	};
	random_bytes(file.iv, sizeof file.iv);
	TRY(keystore_account(cx, account, key));
	uint8_t derived[KEYSTORE_DERIVED_BYTES];
	TRY(keystore_derive(cx, derived, &file, password));
	keystore_cipher(file.cipher_text, key, derived, file.iv);
	file.mac = keystore_mac(derived, file.cipher_text);
	OPENSSL_cleanse(derived, sizeof derived);
	return keystore_file_write(cx, path, keystore_text(cx->arena, &file, account));
}
