/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/signer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain/keccak.h"
#include "chain/keystore.h"
#include "tests/unit/unit.h"

/* The first account of the well-known development mnemonic ("test test ... junk"). */
static const char signer_key[] =
	"0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
static const char signer_owner[] = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

static struct arena *arena;
static struct ctx cx;

static struct signer *signer_begin(void)
{
	uint8_t key[32];
	struct signer *signer = NULL;
	arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&cx, arena, CTX_DEADLINE_NONE, "test");
	ck_assert(hex_decode_fixed(signer_key, 66, key, 32));
	ck_assert_int_eq(signer_create(&cx, &signer, key), ST_OK);
	return signer;
}

static void signer_end(struct signer *signer)
{
	signer_destroy(signer);
	arena_destroy(arena);
}

START_TEST(the_account_is_the_keys)
{
	struct signer *signer = signer_begin();
	unit_assert_hex(arena, bytes_of(signer_account(signer)->b, 20), signer_owner);
	signer_end(signer);
	signer_destroy(NULL);
}
END_TEST

START_TEST(signatures_recover_to_the_account_with_a_low_s)
{
	/* Half of the group order. */
	static const char half[] =
		"0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";
	uint8_t limit[32];
	struct signer *signer = signer_begin();
	ck_assert(hex_decode_fixed(half, 66, limit, 32));
	bool seen[2] = {false, false};
	for (unsigned i = 0; i < 200; i++) {
		uint8_t signature[65];
		uint8_t again[65];
		struct addr from;
		struct hash digest = keccak256(&i, sizeof i);
		signer_sign(signer, signature, &digest);
		ck_assert(signature[64] == 27 || signature[64] == 28);
		seen[signature[64] - 27] = true;
		ck_assert_int_le(memcmp(signature + 32, limit, 32), 0);
		ck_assert_int_eq(secp_recover(&from, &digest, signature), ST_OK);
		ck_assert(addr_equal(&from, signer_account(signer)));
		signer_sign(signer, again, &digest);
		ck_assert_mem_eq(signature, again, 65);
	}
	ck_assert(seen[0] && seen[1]);
	signer_end(signer);
}
END_TEST

START_TEST(transactions_decode_to_what_was_signed)
{
	struct signer *signer = signer_begin();
	uint8_t *data = arena_alloc(arena, TX_RAW_BYTES_MAX);
	struct tx tx = {.chain_id = 31337,
			.nonce = 7,
			.max_priority_fee = u256_of_u64(1),
			.max_fee = u256_of_u64(2000000000),
			.gas = 100000,
			.to = {{0x12}},
			.value = u256_of_u64(5),
			.data = bytes_of(data, 1000)};
	struct bytes raw;
	struct hash hash;
	struct tx decoded;
	struct tx_signature parts;
	struct addr from;
	ck_assert_int_eq(signer_sign_tx(&cx, signer, &raw, &hash, &tx), ST_OK);
	ck_assert_int_eq(tx_decode(&decoded, &parts, raw), ST_OK);
	ck_assert_uint_eq(decoded.nonce, 7);
	ck_assert_uint_eq(decoded.data.n, 1000);
	ck_assert_int_eq(tx_sender(arena, &from, &decoded, &parts), ST_OK);
	ck_assert(addr_equal(&from, signer_account(signer)));
	struct hash computed = keccak256_bytes(raw);
	unit_assert_hash_eq(hash, computed);
	tx.data.n = TX_RAW_BYTES_MAX;
	ck_assert_int_eq(signer_sign_tx(&cx, signer, &raw, &hash, &tx), ST_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(cx.err.message, "131072"));
	signer_end(signer);
}
END_TEST

/* The transaction of viem's signTransaction({chainId: 1, nonce: 785, to: 0x7099..79c8, value: 1
 * ether, gas: 21000, maxFeePerGas: 2 gwei, maxPriorityFeePerGas: 2 gwei, type: "eip1559"}). */
START_TEST(a_transaction_is_byte_for_byte_that_of_another_implementation)
{
	struct signer *signer = signer_begin();
	struct tx tx = {.chain_id = 1,
			.nonce = 785,
			.max_priority_fee = u256_of_u64(2000000000),
			.max_fee = u256_of_u64(2000000000),
			.gas = 21000,
			.value = u256_of_u64(1000000000000000000)};
	struct bytes raw;
	struct hash hash;
	ck_assert(hex_decode_fixed("0x70997970c51812dc3a010c7d01b50e0d17dc79c8", 42, tx.to.b, 20));
	ck_assert_int_eq(signer_sign_tx(&cx, signer, &raw, &hash, &tx), ST_OK);
	unit_assert_hex(arena, raw,
			"0x02f87401820311847735940084773594008252089470997970c51812dc3a010c7d01b5"
			"0e0d17dc79c8880de0b6b3a764000080c001a01f192e6b7faf5a49a0139f55b50e15cafd"
			"13202aeda8f53f51175354080de760a02ee907d30a363648246c234fbd25183c8f510765"
			"93b99ba9ec7e97001905a923");
	unit_assert_hex(arena, bytes_of(hash.b, 32),
			"0x2948326a36f1a9f61830080191341c8ee8fcbb46378bbeb58ad55bbcf842a807");
	signer_end(signer);
}
END_TEST

START_TEST(keys_out_of_range_are_refused)
{
	/* The group order. */
	static const char order[] =
		"0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
	struct signer *signer = signer_begin();
	struct signer *none = NULL;
	uint8_t key[32] = {0};
	ck_assert_int_eq(signer_create(&cx, &none, key), ST_INVALID);
	ck_assert_ptr_null(none);
	ck_assert(hex_decode_fixed(order, 66, key, 32));
	ck_assert_int_eq(signer_create(&cx, &none, key), ST_INVALID);
	key[31]--;
	ck_assert_int_eq(signer_create(&cx, &none, key), ST_OK);
	signer_destroy(none);
	signer_end(signer);
}
END_TEST

struct signer_job {
	const struct signer *signer;
	unsigned from;
	bool ok;
};

static void *signer_work(void *arg)
{
	struct signer_job *job = arg;
	job->ok = true;
	for (unsigned i = job->from; i < job->from + 200; i++) {
		uint8_t signature[65];
		struct addr from;
		struct hash digest = keccak256(&i, sizeof i);
		signer_sign(job->signer, signature, &digest);
		job->ok = job->ok && secp_recover(&from, &digest, signature) == ST_OK &&
			  addr_equal(&from, signer_account(job->signer));
	}
	return NULL;
}

START_TEST(several_threads_sign_at_once)
{
	struct signer *signer = signer_begin();
	struct signer_job jobs[4];
	pthread_t threads[4];
	for (unsigned i = 0; i < 4; i++) {
		jobs[i] = (struct signer_job){signer, i * 1000, false};
		pthread_create(&threads[i], NULL, signer_work, &jobs[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(jobs[i].ok);
	}
	signer_end(signer);
}
END_TEST

START_TEST(a_keystore_opens_as_a_signer)
{
	char folder[] = "/tmp/ferry-signer-XXXXXX";
	struct signer *signer = signer_begin();
	struct signer *opened = NULL;
	struct addr account;
	uint8_t key[32];
	struct keystore_password secret = {.n = 3, .b = "abc"};
	ck_assert_ptr_nonnull(mkdtemp(folder));
	char *path = arena_printf(arena, "%s/key.json", folder);
	char *secret_path = arena_printf(arena, "%s/pw", folder);
	int fd = open(secret_path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "abc\n", 4), 4);
	ck_assert(hex_decode_fixed(signer_key, 66, key, 32));
	ck_assert_int_eq(keystore_write(&cx, &account, path, key, &secret, 10), ST_OK);
	ck_assert_int_eq(signer_open(&cx, &opened, path, secret_path), ST_OK);
	unit_assert_hex(arena, bytes_of(signer_account(opened)->b, 20), signer_owner);
	signer_destroy(opened);
	opened = NULL;
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	ck_assert_int_eq(signer_open(&cx, &opened, path, secret_path), ST_PRECONDITION);
	ck_assert_int_eq(signer_open(&cx, &opened, "/nonexistent", secret_path), ST_NOT_FOUND);
	ck_assert_ptr_null(opened);
	close(fd);
	unlink(path);
	unlink(secret_path);
	rmdir(folder);
	signer_end(signer);
}
END_TEST

/* How the kernel describes the mapping that holds `needle`: finds the key in our own memory. */
static bool signer_smaps_has(uintptr_t at, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false;
	bool found = false;
	while (f && fgets(line, sizeof line, f)) {
		unsigned long from;
		unsigned long to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = at >= from && at < to;
		if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag);
	}
	if (f)
		fclose(f);
	return found;
}

START_TEST(the_key_lies_in_a_page_that_is_not_dumped_and_wiped_in_children)
{
	struct signer *signer = signer_begin();
	/* The first member of struct signer is the page. */
	uint8_t *page;
	memcpy(&page, signer, sizeof page);
	unit_assert_hex(arena, bytes_of(page, 32), signer_key);
	ck_assert(signer_smaps_has((uintptr_t)page, " dd"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they make mlock do nothing */
	ck_assert(signer_smaps_has((uintptr_t)page, " lo"));
#endif
	pid_t child = fork();
	if (child == 0)
		_exit(page[0] == 0 && page[31] == 0 ? 0 : 1);
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	signer_end(signer);
}
END_TEST

START_TEST(a_process_can_refuse_core_dumps)
{
	pid_t child = fork();
	if (child == 0) {
		struct rlimit limit;
		struct arena *a = arena_create(UNIT_ARENA_BYTES);
		struct ctx c;
		ctx_init(&c, a, CTX_DEADLINE_NONE, "test");
		if (signer_protect_process(&c) != ST_OK || getrlimit(RLIMIT_CORE, &limit) != 0 ||
		    limit.rlim_max != 0)
			_exit(1);
#ifndef __SANITIZE_ADDRESS__ /* see signer_protect_process */
		if (prctl(PR_GET_DUMPABLE) != 0)
			_exit(1);
#endif
		_exit(0);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

UNIT_SUITE("chain/signer", the_account_is_the_keys,
	   signatures_recover_to_the_account_with_a_low_s, transactions_decode_to_what_was_signed,
	   a_transaction_is_byte_for_byte_that_of_another_implementation,
	   keys_out_of_range_are_refused, several_threads_sign_at_once,
	   a_keystore_opens_as_a_signer,
	   the_key_lies_in_a_page_that_is_not_dumped_and_wiped_in_children,
	   a_process_can_refuse_core_dumps)
