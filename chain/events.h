/* SPDX-License-Identifier: Apache-2.0
 *
 * Events out of logs. Everything here came from a node and is hostile until decoded. An event says
 * nothing about who emitted it: anybody can emit any of these, so compare log->address with the
 * contract of the configuration first, and for LzReceiveAlert the executor too.
 */
#ifndef FERRY_CHAIN_EVENTS_H
#define FERRY_CHAIN_EVENTS_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/identity.h"
#include "chain/packet.h"
#include "chain/u256.h"

struct log_entry {
	struct addr address;
	struct hash topics[4];
	unsigned topics_n;
	struct bytes data;
	uint32_t log_index;
};

enum events_kind {
#define X(NAME, name, topics, signature, ...) EVENTS_##NAME,
#include "chain/events.def"
#undef X
	EVENTS_COUNT
};

enum { EVENTS_BYTES_MAX = 128 * 1024 }; /* of one dynamic member */

/* Where an inbound event points: a position in a path on the destination. */
struct events_path {
	uint32_t src_eid;
	struct hash sender;
	uint64_t nonce;
	struct addr receiver;
};

/* Spans point into the log's data. */
struct events_packet_sent {
	struct packet packet;    /* decoded and its guid checked; message points into the data */
	struct bytes raw;        /* the packet as it was encoded */
	struct bytes options;
	struct addr send_library;
};
struct events_packet_verified {
	struct events_path path;
	struct hash payload_hash;
};
struct events_packet_delivered {
	struct events_path path;
};
struct events_lz_receive_alert {
	struct events_path path;
	struct addr executor; /* who called lzReceiveAlert */
	struct hash guid;
	struct u256 gas;
	struct u256 value;
	struct bytes message;
	struct bytes extra_data;
	struct bytes reason;
};
struct events_inbound_nonce_skipped {
	struct events_path path;
};
struct events_packet_nilified {
	struct events_path path;
	struct hash payload_hash;
};
struct events_packet_burnt {
	struct events_path path;
	struct hash payload_hash;
};
struct events_payload_verified {
	struct addr dvn;
	struct packet header; /* guid and message empty */
	uint8_t header_raw[PACKET_HEADER_BYTES];
	struct u256 confirmations; /* a DVN may give up to 2^64-1, LayerZero declares uint256 */
	struct hash payload_hash;
};
struct events_execute_failed {
	uint64_t index;
	struct bytes data; /* revert data: revert_describe */
};
struct events_verify_signatures_failed {
	uint64_t index;
};
struct events_sent {
	struct hash request_id;
	struct hash guid;
};
struct events_skipped {
	uint64_t index;
	struct hash request_id;
	struct bytes reason;
};
struct events_received {
	struct hash guid;
	struct hash request_id;
};
struct events_nonce_cancelled {
	struct addr author;
	struct u256 nonce;
};
struct events_commit_failed {
	uint64_t index;
	struct hash guid;
	struct bytes reason;
};
struct events_stopped {
	uint64_t index;
};

/* ProxyRegistry */
struct events_operation_skipped {
	struct hash request_id;
	uint64_t index;
	struct hash subject;
	uint32_t reason; /* selector of a custom error: revert_name */
};
struct events_batch {
	uint64_t number;
	struct hash request_id;
	struct hash guid;
	struct hash prev_root;
	struct hash root;
	struct bytes leaves; /* checked, leaves_n of them: events_batch_leaf */
	size_t leaves_n;     /* at most IDENTITY_OPERATIONS_MAX */
};
struct events_answered {
	uint64_t number;
	struct hash root;
	uint32_t accepted;
	struct bytes rejected; /* checked words, rejected_n of them: events_answered_index */
	size_t rejected_n;     /* at most IDENTITY_OPERATIONS_MAX */
};
struct events_enqueued {
	uint64_t position;
	struct hash subject;
	struct addr owner;
	uint8_t kind;
	uint64_t version;
	struct hash data_hash;
	bool eager;
};
/* MainRegistry */
struct events_batch_passed {
	uint32_t src_eid;
	uint64_t batch;
	struct hash root;
};
struct events_batch_accepted {
	uint32_t src_eid;
	uint64_t batch;
	struct hash root;
	uint32_t count;
	uint32_t rejected;
};
struct events_rejected {
	uint32_t src_eid;
	uint64_t batch;
	uint32_t index;
	struct hash subject;
	uint8_t reason; /* 1 revoked, 2 stale version, 3 not the owner */
};
struct events_recorded {
	struct hash subject;
	uint8_t kind;
	uint32_t src_eid;
	uint64_t batch;
	struct hash ref;
};

struct events_event {
	enum events_kind kind;
	union {
#define X(NAME, name, topics, signature, ...) struct events_##name name;
#include "chain/events.def"
#undef X
	};
};

/* Returns: ST_OK; ST_NOT_FOUND when topic0 is none of ours (a log without topics too);
 *          ST_INVALID when it is but topics or data are not what the event carries. */
MUST_USE enum status events_decode(struct events_event *out, const struct log_entry *log);
/* A leaf of a batch; index < leaves_n (asserted). */
struct identity_reg events_batch_leaf(const struct events_batch *batch, size_t index);
/* The index of a member that was rejected; i < rejected_n (asserted). */
uint32_t events_answered_index(const struct events_answered *answered, size_t i);
/* topic0, for filters. */
const struct hash *events_topic(enum events_kind kind);
/* "PacketSent(bytes,bytes,address)" */
const char *events_signature(enum events_kind kind);

#endif
