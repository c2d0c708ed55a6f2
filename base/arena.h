/* SPDX-License-Identifier: Apache-2.0
 *
 * An arena: memory with one lifetime, that of a request or of one round of a worker.
 * Whoever begins the request creates it and frees it whole; nobody frees a part.
 * What is not memory joins it by arena_defer and is released with it, last in first out.
 * An arena belongs to one thread at a time. Running out of memory aborts: the outbox makes
 * a crash harmless. Reaching `bytes_max` aborts as well; callers bound their input first.
 */
#ifndef FERRY_BASE_ARENA_H
#define FERRY_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct arena *arena_create(size_t bytes_max);
/* Runs the deferred releases and frees everything. NULL is fine. */
void arena_destroy(struct arena *a);
/* As destroy and create, keeping the first block: for loops. */
void arena_reset(struct arena *a);

/* Zeroed memory, aligned for any type. n may be 0. */
void *arena_alloc(struct arena *a, size_t n);
/* Memory for `count` objects of `size`; an overflow aborts. */
void *arena_array(struct arena *a, size_t count, size_t size);
void *arena_copy(struct arena *a, const void *p, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);
/* Calls release(p) when the arena is reset or destroyed. */
void arena_defer(struct arena *a, void (*release)(void *p), void *p);
size_t arena_bytes(const struct arena *a);

#endif
