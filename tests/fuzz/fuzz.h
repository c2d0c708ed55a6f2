/* SPDX-License-Identifier: Apache-2.0
 *
 * A fuzz target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput; what it has found or needs is
 * in corpus/NAME/. Linked with replay.c it runs over files; with clang -fsanitize=fuzzer it hunts.
 * A target never only decodes: what was accepted must encode to the same bytes again.
 */
#ifndef FERRY_TESTS_FUZZ_FUZZ_H
#define FERRY_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_ARENA_BYTES = 64 * 1024 * 1024 };

/* assert() with the fact in words; stays in whatever NDEBUG says. */
#define fuzz_check(fact)                                                                           \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #fact);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Is the span inside the input? Empty ones need not be. */
static inline bool fuzz_inside(struct bytes span, const uint8_t *data, size_t size)
{
	return span.n == 0 || (span.p >= data && span.n <= size &&
			       (size_t)(span.p - data) <= size - span.n);
}

#endif
