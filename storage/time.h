/* SPDX-License-Identifier: Apache-2.0
 *
 * timestamptz columns: PostgreSQL counts microseconds from 2000, everybody else from 1970.
 */
#ifndef FERRY_STORAGE_TIME_H
#define FERRY_STORAGE_TIME_H

#include "storage/db.h"

enum { TIME_2000_S = 946684800 };

/* Microseconds since 1970; 0 when NULL; INT64_MIN and INT64_MAX for the infinities. */
static inline int64_t row_time_us(const struct rows *r, int row, const char *column)
{
	if (row_is_null(r, row, column))
		return 0;
	int64_t v = row_i64(r, row, column);
	if (v == INT64_MIN || v == INT64_MAX)
		return v;
	return v + (int64_t)TIME_2000_S * 1000000;
}

#endif
