/* SPDX-License-Identifier: Apache-2.0
 *
 * Time and randomness. Monotonic time for leases, deadlines and back-off; wall time only to show
 * and to compare with what a person signed. None of these blocks or fails: a kernel that gives no
 * time or no randomness aborts the process.
 */
#ifndef FERRY_BASE_CLOCK_H
#define FERRY_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
/* Microseconds since 1970 UTC. */
int64_t clock_wall_us(void);
void clock_sleep_ms(int ms);

/* Unpredictable bytes (OpenSSL's generator). */
void random_bytes(void *out, size_t n);
uint64_t random_u64(void);

enum { CLOCK_RFC3339_BYTES = 40 };
/* "2026-11-21T10:11:12.123456Z"; year 0001..9999, else clamped. */
void clock_rfc3339(char out[CLOCK_RFC3339_BYTES], int64_t wall_us);

/* A UUIDv7 (RFC 9562): time-ordered, 74 random bits. */
void uuid_v7(uint8_t out[16]);

#endif
