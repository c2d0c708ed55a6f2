/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/rpc_read.h"

#include <stddef.h>

enum rpc_field_kind { FIELD_HASH, FIELD_ADDR, FIELD_U64, FIELD_U256, FIELD_BLOOM, FIELD_NONCE };

/* One member of a header: present from the fork on that gave headers so many fields. */
struct rpc_field {
	const char *name;
	enum rpc_field_kind kind;
	size_t offset;
	enum header_fields since;
};

#define FIELD(name, kind, member, since) {name, kind, offsetof(struct header, member), since}
static const struct rpc_field header_fields[] = {
	FIELD("parentHash", FIELD_HASH, parent_hash, HEADER_FRONTIER),
	FIELD("sha3Uncles", FIELD_HASH, uncles_hash, HEADER_FRONTIER),
	FIELD("miner", FIELD_ADDR, miner, HEADER_FRONTIER),
	FIELD("stateRoot", FIELD_HASH, state_root, HEADER_FRONTIER),
	FIELD("transactionsRoot", FIELD_HASH, transactions_root, HEADER_FRONTIER),
	FIELD("receiptsRoot", FIELD_HASH, receipts_root, HEADER_FRONTIER),
	FIELD("logsBloom", FIELD_BLOOM, bloom, HEADER_FRONTIER),
	FIELD("difficulty", FIELD_U256, difficulty, HEADER_FRONTIER),
	FIELD("number", FIELD_U64, number, HEADER_FRONTIER),
	FIELD("gasLimit", FIELD_U64, gas_limit, HEADER_FRONTIER),
	FIELD("gasUsed", FIELD_U64, gas_used, HEADER_FRONTIER),
	FIELD("timestamp", FIELD_U64, timestamp, HEADER_FRONTIER),
	FIELD("mixHash", FIELD_HASH, mix_hash, HEADER_FRONTIER),
	FIELD("nonce", FIELD_NONCE, nonce, HEADER_FRONTIER),
	FIELD("baseFeePerGas", FIELD_U256, base_fee, HEADER_LONDON),
	FIELD("withdrawalsRoot", FIELD_HASH, withdrawals_root, HEADER_SHANGHAI),
	FIELD("blobGasUsed", FIELD_U64, blob_gas_used, HEADER_CANCUN),
	FIELD("excessBlobGas", FIELD_U64, excess_blob_gas, HEADER_CANCUN),
	FIELD("parentBeaconBlockRoot", FIELD_HASH, parent_beacon_root, HEADER_CANCUN),
	FIELD("requestsHash", FIELD_HASH, requests_hash, HEADER_PRAGUE),
};
#undef FIELD

enum status rpc_read_u256(struct ctx *cx, struct u256 *out, const json_t *v, const char *what)
{
	uint8_t be[32];
	TRY(json_read_u256(cx, be, v, what));
	*out = u256_of_be(be, sizeof be);
	return ST_OK;
}

static enum status rpc_read_field(struct ctx *cx, struct header *out,
				  const struct rpc_field *field, const json_t *v)
{
	void *at = (char *)out + field->offset;
	switch (field->kind) {
	case FIELD_HASH:
		return json_read_hash(cx, at, v, field->name);
	case FIELD_ADDR:
		return json_read_addr(cx, at, v, field->name);
	case FIELD_U64:
		return json_read_u64(cx, at, v, field->name);
	case FIELD_U256:
		return rpc_read_u256(cx, at, v, field->name);
	case FIELD_BLOOM:
		return json_read_fixed(cx, at, HEADER_BLOOM_BYTES, v, field->name);
	case FIELD_NONCE:
		return json_read_fixed(cx, at, sizeof out->nonce, v, field->name);
	}
	return fail(cx, ST_INTERNAL, "unknown kind of header field");
}

/* A member that is there and not null. */
static json_t *rpc_get(const json_t *object, const char *name)
{
	json_t *v = json_object_get(object, name);
	return json_is_null(v) ? NULL : v;
}

static enum header_fields rpc_header_fields(const json_t *block)
{
	enum header_fields fields = HEADER_FRONTIER;
	for (size_t i = 0; i < sizeof header_fields / sizeof header_fields[0]; i++) {
		if (header_fields[i].since > fields && rpc_get(block, header_fields[i].name))
			fields = header_fields[i].since;
	}
	return fields;
}

enum status rpc_read_header(struct ctx *cx, struct header *out, struct hash *hash,
			    const json_t *block)
{
	if (!json_is_object(block))
		return fail(cx, ST_INVALID, "the block is not an object");
	*out = (struct header){.fields = rpc_header_fields(block)};
	for (size_t i = 0; i < sizeof header_fields / sizeof header_fields[0]; i++) {
		const struct rpc_field *field = &header_fields[i];
		if (field->since <= out->fields)
			TRY(rpc_read_field(cx, out, field, json_object_get(block, field->name)));
	}
	TRY(json_read_data(cx, &out->extra, json_object_get(block, "extraData"), "extraData",
			   HEADER_EXTRA_BYTES_MAX));
	return json_read_hash(cx, hash, json_object_get(block, "hash"), "hash");
}

/* `to` of a transaction or receipt: null when it makes a contract. */
static enum status rpc_read_to(struct ctx *cx, bool *is_create, struct addr *to, const json_t *v)
{
	*to = (struct addr){{0}};
	*is_create = !v || json_is_null(v);
	return *is_create ? ST_OK : json_read_addr(cx, to, v, "to");
}

enum status rpc_read_tx(struct ctx *cx, struct rpc_tx *out, const json_t *tx)
{
	if (!json_is_object(tx))
		return fail(cx, ST_INVALID, "the transaction is not an object");
	*out = (struct rpc_tx){.mined = rpc_get(tx, "blockHash")};
	TRY(json_read_hash(cx, &out->hash, json_object_get(tx, "hash"), "hash"));
	TRY(json_read_addr(cx, &out->from, json_object_get(tx, "from"), "from"));
	TRY(json_read_u64(cx, &out->nonce, json_object_get(tx, "nonce"), "nonce"));
	TRY(rpc_read_to(cx, &out->is_create, &out->to, json_object_get(tx, "to")));
	TRY(rpc_read_u256(cx, &out->value, json_object_get(tx, "value"), "value"));
	TRY(json_read_data(cx, &out->input, json_object_get(tx, "input"), "input",
			   RPC_READ_DATA_BYTES_MAX));
	if (!out->mined)
		return ST_OK;
	TRY(json_read_hash(cx, &out->block_hash, json_object_get(tx, "blockHash"), "blockHash"));
	TRY(json_read_u64(cx, &out->tx_index, json_object_get(tx, "transactionIndex"),
			  "transactionIndex"));
	return json_read_u64(cx, &out->block_number, json_object_get(tx, "blockNumber"),
			     "blockNumber");
}

/* What a log says of where it stands must be what its receipt says. */
static enum status rpc_read_log_place(struct ctx *cx, const struct rpc_receipt *receipt,
				      const json_t *log)
{
	struct hash tx_hash;
	struct hash block_hash;
	uint64_t block_number;
	uint64_t tx_index;
	TRY(json_read_hash(cx, &tx_hash, json_object_get(log, "transactionHash"),
			   "a log's transactionHash"));
	TRY(json_read_hash(cx, &block_hash, json_object_get(log, "blockHash"),
			   "a log's blockHash"));
	TRY(json_read_u64(cx, &block_number, json_object_get(log, "blockNumber"),
			  "a log's blockNumber"));
	TRY(json_read_u64(cx, &tx_index, json_object_get(log, "transactionIndex"),
			  "a log's transactionIndex"));
	if (json_is_true(json_object_get(log, "removed")))
		return fail(cx, ST_INVALID, "a log of a receipt is marked as removed");
	if (!hash_equal(&tx_hash, &receipt->tx_hash) ||
	    !hash_equal(&block_hash, &receipt->block_hash) ||
	    block_number != receipt->block_number || tx_index != receipt->tx_index)
		return fail(cx, ST_INVALID,
			    "a log of transaction %s names another transaction or block",
			    hex_encode(cx->arena, &receipt->tx_hash, 32));
	return ST_OK;
}

static enum status rpc_read_log(struct ctx *cx, struct log_entry *out,
				const struct rpc_receipt *receipt, const json_t *log)
{
	if (!json_is_object(log))
		return fail(cx, ST_INVALID, "a log is not an object");
	TRY(rpc_read_log_place(cx, receipt, log));
	const json_t *topics = json_object_get(log, "topics");
	size_t topics_n = json_array_size(topics);
	if (!json_is_array(topics) || topics_n > 4)
		return fail(cx, ST_INVALID, "a log's topics must be an array of at most 4");
	*out = (struct log_entry){.topics_n = (unsigned)topics_n};
	for (size_t i = 0; i < topics_n; i++)
		TRY(json_read_hash(cx, &out->topics[i], json_array_get(topics, i),
				   "a log's topic"));
	TRY(json_read_addr(cx, &out->address, json_object_get(log, "address"), "a log's address"));
	TRY(json_read_data(cx, &out->data, json_object_get(log, "data"), "a log's data",
			   RPC_READ_DATA_BYTES_MAX));
	uint64_t log_index;
	TRY(json_read_u64(cx, &log_index, json_object_get(log, "logIndex"), "a log's logIndex"));
	if (log_index > UINT32_MAX)
		return fail(cx, ST_INVALID, "a log's logIndex does not fit 32 bits");
	out->log_index = (uint32_t)log_index;
	return ST_OK;
}

static enum status rpc_read_logs(struct ctx *cx, struct rpc_receipt *receipt, const json_t *logs)
{
	size_t n = json_array_size(logs);
	if (!json_is_array(logs) || n > RECEIPT_LOGS_MAX)
		return fail(cx, ST_INVALID, "logs must be an array of at most %d",
			    RECEIPT_LOGS_MAX);
	struct log_entry *entries = arena_array(cx->arena, n, sizeof *entries);
	for (size_t i = 0; i < n; i++)
		TRY(rpc_read_log(cx, &entries[i], receipt, json_array_get(logs, i)));
	receipt->body.logs = entries;
	receipt->body.logs_n = n;
	return ST_OK;
}

static enum status rpc_read_receipt_body(struct ctx *cx, struct rpc_receipt *out,
					 const json_t *receipt)
{
	uint64_t type = 0;
	uint64_t success;
	if (rpc_get(receipt, "type"))
		TRY(json_read_u64(cx, &type, json_object_get(receipt, "type"), "type"));
	if (type > RECEIPT_TYPE_MAX)
		return fail(cx, ST_INVALID, "receipts of type %lu are not known",
			    (unsigned long)type);
	TRY(json_read_u64(cx, &success, json_object_get(receipt, "status"), "status"));
	if (success > 1)
		return fail(cx, ST_INVALID, "status must be 0x0 or 0x1");
	TRY(json_read_u64(cx, &out->body.gas_cumulative,
			  json_object_get(receipt, "cumulativeGasUsed"), "cumulativeGasUsed"));
	out->body.type = (uint8_t)type;
	out->body.succeeded = success == 1;
	return rpc_read_logs(cx, out, json_object_get(receipt, "logs"));
}

enum status rpc_read_receipt(struct ctx *cx, struct rpc_receipt *out, const json_t *receipt)
{
	if (!json_is_object(receipt))
		return fail(cx, ST_INVALID, "the receipt is not an object");
	memset(out, 0, sizeof *out);
	TRY(json_read_hash(cx, &out->tx_hash, json_object_get(receipt, "transactionHash"),
			   "transactionHash"));
	TRY(json_read_hash(cx, &out->block_hash, json_object_get(receipt, "blockHash"),
			   "blockHash"));
	TRY(json_read_u64(cx, &out->block_number, json_object_get(receipt, "blockNumber"),
			  "blockNumber"));
	TRY(json_read_u64(cx, &out->tx_index, json_object_get(receipt, "transactionIndex"),
			  "transactionIndex"));
	TRY(json_read_addr(cx, &out->from, json_object_get(receipt, "from"), "from"));
	TRY(rpc_read_to(cx, &out->is_create, &out->to, json_object_get(receipt, "to")));
	if (rpc_get(receipt, "contractAddress"))
		TRY(json_read_addr(cx, &out->contract, json_object_get(receipt, "contractAddress"),
				   "contractAddress"));
	TRY(json_read_u64(cx, &out->gas_used, json_object_get(receipt, "gasUsed"), "gasUsed"));
	if (rpc_get(receipt, "effectiveGasPrice"))
		TRY(rpc_read_u256(cx, &out->gas_price,
				  json_object_get(receipt, "effectiveGasPrice"),
				  "effectiveGasPrice"));
	return rpc_read_receipt_body(cx, out, receipt);
}
