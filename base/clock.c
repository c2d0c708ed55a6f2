/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t clock_read_us(clockid_t id)
{
	struct timespec ts;
	int rc = clock_gettime(id, &ts);
	assert(rc == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_wall_us(void)
{
	return clock_read_us(CLOCK_REALTIME);
}

void clock_sleep_ms(int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&ts, &ts) != 0)
		continue;
}

void random_bytes(void *out, size_t n)
{
	assert(n <= 1 << 20);
	if (RAND_bytes(out, (int)n) != 1) {
		fprintf(stderr, "random_bytes: the system gives no randomness\n");
		abort();
	}
}

uint64_t random_u64(void)
{
	uint64_t v;
	random_bytes(&v, sizeof v);
	return v;
}

void clock_rfc3339(char out[CLOCK_RFC3339_BYTES], int64_t wall_us)
{
	const int64_t lowest = INT64_C(-62135596800) * 1000000;
	const int64_t highest = INT64_C(253402300799) * 1000000 + 999999;
	if (wall_us < lowest)
		wall_us = lowest;
	if (wall_us > highest)
		wall_us = highest;
	int64_t us = wall_us % 1000000;
	if (us < 0)
		us += 1000000;
	time_t s = (time_t)((wall_us - us) / 1000000);
	struct tm tm;
	gmtime_r(&s, &tm);
	snprintf(out, CLOCK_RFC3339_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100, (unsigned)us % 1000000);
}

void uuid_v7(uint8_t out[16])
{
	random_bytes(out, 16);
	uint64_t ms = (uint64_t)(clock_wall_us() / 1000);
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)(ms >> (40 - 8 * i));
	out[6] = (uint8_t)(0x70 | (out[6] & 0x0f));
	out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
}
