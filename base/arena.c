/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 16 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t bytes;
	size_t used;
	alignas(max_align_t) uint8_t data[];
};

struct arena_deferred {
	struct arena_deferred *next;
	void (*release)(void *p);
	void *p;
};

struct arena {
	struct arena_block *blocks; /* the newest first */
	struct arena_deferred *deferred;
	size_t bytes;
	size_t bytes_max;
};

static _Noreturn void arena_die(const char *why, size_t bytes)
{
	fprintf(stderr, "arena: %s (%zu bytes)\n", why, bytes);
	abort();
}

static struct arena_block *arena_block_add(struct arena *a, size_t need)
{
	size_t bytes = need > ARENA_BLOCK_BYTES ? need : ARENA_BLOCK_BYTES;
	if (bytes > a->bytes_max || a->bytes > a->bytes_max - bytes)
		arena_die("limit reached", a->bytes_max);
	struct arena_block *block = malloc(sizeof *block + bytes);
	if (!block)
		arena_die("out of memory", bytes);
	block->bytes = bytes;
	block->used = 0;
	block->next = a->blocks;
	a->blocks = block;
	a->bytes += bytes;
	return block;
}

struct arena *arena_create(size_t bytes_max)
{
	assert(bytes_max >= ARENA_BLOCK_BYTES);
	struct arena *a = calloc(1, sizeof *a);
	if (!a)
		arena_die("out of memory", sizeof *a);
	a->bytes_max = bytes_max;
	return a;
}

static void arena_release(struct arena *a)
{
	while (a->deferred) {
		struct arena_deferred *d = a->deferred;
		a->deferred = d->next;
		d->release(d->p);
	}
}

void arena_destroy(struct arena *a)
{
	if (!a)
		return;
	arena_release(a);
	while (a->blocks) {
		struct arena_block *block = a->blocks;
		a->blocks = block->next;
		free(block);
	}
	free(a);
}

void arena_reset(struct arena *a)
{
	arena_release(a);
	struct arena_block *keep = NULL;
	while (a->blocks) {
		struct arena_block *block = a->blocks;
		a->blocks = block->next;
		if (!keep && block->bytes == ARENA_BLOCK_BYTES)
			keep = block;
		else
			free(block);
	}
	a->bytes = 0;
	if (!keep)
		return;
	keep->used = 0;
	keep->next = NULL;
	a->blocks = keep;
	a->bytes = keep->bytes;
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	if (n > SIZE_MAX - align)
		arena_die("size overflow", n);
	size_t need = (n + align - 1) / align * align;
	struct arena_block *block = a->blocks;
	if (!block || block->bytes - block->used < need)
		block = arena_block_add(a, need);
	void *p = block->data + block->used;
	block->used += need;
	memset(p, 0, need); /* here and not by the block: most blocks are never filled */
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;
	if (__builtin_mul_overflow(count, size, &n))
		arena_die("size overflow", count);
	return arena_alloc(a, n);
}

void *arena_copy(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);
	memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char first[128]; /* most texts fit and are formatted once */
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(first, sizeof first, fmt, ap);
	assert(n >= 0);
	char *s = arena_alloc(a, (size_t)n + 1);
	if ((size_t)n < sizeof first)
		memcpy(s, first, (size_t)n);
	else
		vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}

void arena_defer(struct arena *a, void (*release)(void *p), void *p)
{
	struct arena_deferred *d = arena_alloc(a, sizeof *d);
	d->release = release;
	d->p = p;
	d->next = a->deferred;
	a->deferred = d;
}

size_t arena_bytes(const struct arena *a)
{
	return a->bytes;
}
