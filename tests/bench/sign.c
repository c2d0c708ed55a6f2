/* SPDX-License-Identifier: Apache-2.0
 *
 * Signs many messages of one author, as a wallet would: reads lines
 *	CHAIN_ID MESSENGER KEY DST_EID RECEIVER PAYLOAD GAS_LIMIT DEADLINE FIRST COUNT
 * on standard input (hex with 0x) and writes one signature a line, for the nonces from FIRST on.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "chain/eip712.h"
#include "chain/signer.h"

enum { SIGN_ARENA_BYTES = 64 * 1024 * 1024 };

int main(void)
{
	char messenger_hex[64], key_hex[80], receiver_hex[80], payload_hex[1024];
	uint64_t chain_id, dst_eid, gas, deadline, first, count;
	struct arena *arena = arena_create(SIGN_ARENA_BYTES);
	struct ctx cx;
	ctx_init(&cx, arena, CTX_DEADLINE_NONE, "sign");
	if (scanf("%" SCNu64 " %63s %79s %" SCNu64 " %79s %1023s %" SCNu64 " %" SCNu64 " %" SCNu64
		  " %" SCNu64,
		  &chain_id, messenger_hex, key_hex, &dst_eid, receiver_hex, payload_hex, &gas,
		  &deadline, &first, &count) != 10)
		return 2;
	struct addr messenger, receiver;
	uint8_t key[32];
	struct eip712_send send = {.dst_eid = (uint32_t)dst_eid};
	bool well = hex_decode_fixed(messenger_hex, strlen(messenger_hex), messenger.b, 20) &&
		    hex_decode_fixed(key_hex, strlen(key_hex), key, 32) &&
		    hex_decode_fixed(receiver_hex, strlen(receiver_hex), receiver.b, 20) &&
		    hex_decode(arena, payload_hex, strlen(payload_hex), 512, &send.payload);
	struct signer *signer;
	if (!well || signer_create(&cx, &signer, key) != ST_OK)
		return 1;
	send.receiver = hash_of_addr(&receiver);
	send.gas_limit = u256_of_u64(gas);
	send.deadline = u256_of_u64(deadline);
	struct hash domain = eip712_domain(chain_id, &messenger);
	for (uint64_t i = 0; i < count; i++) {
		uint8_t signature[SECP_SIGNATURE_BYTES];
		char text[2 * SECP_SIGNATURE_BYTES + 1] = {0};
		send.nonce = u256_of_u64(first + i);
		struct hash hash = eip712_send_hash(&send);
		struct hash digest = eip712_digest(&domain, &hash);
		signer_sign(signer, signature, &digest);
		hex_digits(text, signature, sizeof signature);
		printf("0x%s\n", text);
	}
	signer_destroy(signer);
	arena_destroy(arena);
	return 0;
}
