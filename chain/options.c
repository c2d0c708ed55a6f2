/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/options.h"

#include <assert.h>

enum {
	OPTIONS_TYPE = 3,
	OPTIONS_WORKER_EXECUTOR = 1,
	OPTIONS_WORKER_DVN = 2,
	OPTIONS_LZ_RECEIVE = 1,
	OPTIONS_NATIVE_DROP = 2,
	OPTIONS_LZ_COMPOSE = 3,
	OPTIONS_ORDERED = 4,
	OPTIONS_LZ_READ = 5,
};

size_t options_lz_receive(uint8_t out[OPTIONS_LZ_RECEIVE_BYTES_MAX], struct u256 gas,
			  struct u256 value)
{
	assert(u256_fits(gas, 128));
	assert(u256_fits(value, 128));
	size_t body = u256_is_zero(value) ? 16 : 32;
	out[0] = 0;
	out[1] = OPTIONS_TYPE;
	out[2] = OPTIONS_WORKER_EXECUTOR;
	out[3] = 0;
	out[4] = (uint8_t)(1 + body);
	out[5] = OPTIONS_LZ_RECEIVE;
	u256_to_be(out + 6, 16, gas);
	if (body == 32)
		u256_to_be(out + 22, 16, value);
	return 6 + body;
}

/* Amounts are u128, the options few: their sum cannot pass 256 bits. */
static void options_sum(struct u256 *sum, const uint8_t *amount)
{
	bool fits = u256_add(sum, *sum, u256_of_be(amount, 16));
	assert(fits);
}

static enum status options_executor(struct options *o, uint8_t type, struct bytes body)
{
	switch (type) {
	case OPTIONS_LZ_RECEIVE:
		if (body.n != 16 && body.n != 32)
			return ST_INVALID;
		options_sum(&o->gas, body.p);
		if (body.n == 32)
			options_sum(&o->value, body.p + 16);
		o->lz_receive_count++;
		return ST_OK;
	case OPTIONS_NATIVE_DROP:
		if (body.n != 48)
			return ST_INVALID;
		options_sum(&o->drop, body.p);
		o->native_drop_count++;
		return ST_OK;
	case OPTIONS_LZ_COMPOSE:
		o->lz_compose_count++;
		return body.n == 18 || body.n == 34 ? ST_OK : ST_INVALID;
	case OPTIONS_ORDERED:
		o->is_ordered = true;
		return body.n == 0 ? ST_OK : ST_INVALID;
	case OPTIONS_LZ_READ:
		o->lz_read_count++;
		return body.n == 20 || body.n == 36 ? ST_OK : ST_INVALID;
	default:
		o->unknown_count++;
		return ST_OK;
	}
}

enum status options_decode(struct options *out, struct bytes in)
{
	*out = (struct options){.is_ordered = false};
	if (in.n < 2 || in.p[0] != 0 || in.p[1] != OPTIONS_TYPE)
		return ST_INVALID;
	size_t at = 2;
	for (unsigned count = 0; at < in.n; count++) {
		if (count == OPTIONS_COUNT_MAX || in.n - at < 4)
			return ST_INVALID;
		const uint8_t *p = in.p + at;
		size_t size = (size_t)p[1] << 8 | p[2];
		if (size == 0 || size > in.n - at - 3)
			return ST_INVALID;
		enum status st = ST_OK;
		if (p[0] == OPTIONS_WORKER_EXECUTOR)
			st = options_executor(out, p[3], (struct bytes){p + 4, size - 1});
		else if (p[0] == OPTIONS_WORKER_DVN && size >= 2)
			out->dvn_count++;
		else
			st = ST_INVALID;
		if (st != ST_OK)
			return st;
		at += 3 + size;
	}
	return ST_OK;
}
