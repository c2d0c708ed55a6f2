/* SPDX-License-Identifier: Apache-2.0
 *
 * What a block says that concerns us: logs of our contracts, decoded, in order. Pure. Logs of other
 * contracts, and logs that do not decode, are no facts.
 */
#ifndef FERRY_RELAY_FACTS_H
#define FERRY_RELAY_FACTS_H

#include "chain/block.h"
#include "chain/events.h"
#include "chain/messenger.h"
#include "relay/oapp.h"

struct fact {
	struct events_event event;
	struct hash guid;       /* of the packet it is about; zero when it names a request only */
	struct hash request_id; /* of PACKET_SENT and SKIPPED */
	enum oapp app;          /* PACKET_SENT, SKIPPED: which of ours sent it, or did not */
	/* PACKET_SENT: what it carries. Of a registry's packet: author is who submitted the batch (zero for an answer),
	 * receiver the registry there, payload the whole message. */
	struct messenger_message message;
	bool received;          /* PACKET_DELIVERED: the receiving OApp's own Received is in the same transaction */
	struct hash tx_hash;
	int64_t block;
	struct hash block_hash;
	int64_t log_index;
	/* Of the whole transaction. */
	uint64_t tx_gas_used;
	struct u256 tx_gas_price;
};

struct facts {
	struct fact *v;
	size_t n;
};

/* Thread: any. Does not block. */
void facts_of_blocks(struct arena *a, struct facts *out, const struct relay_chain *chain,
		     const struct block *blocks, size_t n);

#endif
