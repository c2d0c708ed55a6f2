/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets, the Messenger's message in them, and options: the first input byte chooses.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/messenger.h"
#include "chain/options.h"
#include "chain/packet.h"

static void packet_round_trip(struct arena *a, struct bytes in)
{
	struct packet p;
	if (packet_decode(&p, in) == ST_OK) {
		fuzz_check(bytes_equal(packet_encode(a, &p), in));
		struct hash guid = packet_guid(&p);
		fuzz_check(hash_equal(&guid, &p.guid));
	} else if (in.n >= PACKET_PREFIX_BYTES && in.p[0] == PACKET_VERSION) {
		/* Nearly impossible to hit: with the guid that belongs there it must pass. */
		uint8_t *fixed = arena_copy(a, in.p, in.n);
		struct bytes header = {fixed, PACKET_HEADER_BYTES};
		fuzz_check(packet_decode_header(&p, header) == ST_OK);
		struct hash guid = packet_guid(&p);
		memcpy(fixed + PACKET_HEADER_BYTES, guid.b, sizeof guid.b);
		fuzz_check(packet_decode(&p, bytes_of(fixed, in.n)) == ST_OK);
		fuzz_check(bytes_equal(packet_encode(a, &p), bytes_of(fixed, in.n)));
	}
}

static void options_bounds(struct bytes in)
{
	struct options o;
	if (options_decode(&o, in) != ST_OK)
		return;
	unsigned count = o.lz_receive_count + o.native_drop_count + o.lz_compose_count +
			 o.lz_read_count + o.dvn_count + o.unknown_count;
	fuzz_check(count <= OPTIONS_COUNT_MAX);
	fuzz_check(o.lz_receive_count > 0 || u256_is_zero(o.gas));
	fuzz_check(o.native_drop_count > 0 || u256_is_zero(o.drop));
	fuzz_check(u256_fits(o.gas, 128 + 6) && u256_fits(o.value, 128 + 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct bytes in = {data + 1, size - 1};
	struct messenger_message m;
	switch (data[0] % 3) {
	case 0:
		packet_round_trip(a, in);
		break;
	case 1:
		if (messenger_decode(&m, in) == ST_OK)
			fuzz_check(bytes_equal(messenger_encode(a, &m), in));
		break;
	default:
		options_bounds(in);
		break;
	}
	arena_destroy(a);
	return 0;
}
