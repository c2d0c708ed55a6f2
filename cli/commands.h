/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of `ferry`: one table, one function each.
 */
#ifndef FERRY_CLI_COMMANDS_H
#define FERRY_CLI_COMMANDS_H

#include "cli/client.h"

/* X(NAME, option, argument, help): every option that some command takes. */
#define CLI_OPTIONS(X)                                                                             \
	X(SRC, "src", "EID", "source chain")                                                       \
	X(DST, "dst", "EID", "destination chain")                                                  \
	X(TO, "to", "HEX", "receiver, 20 or 32 bytes")                                             \
	X(PAYLOAD, "payload", "HEX", "payload, hex")                                               \
	X(TEXT, "text", "TEXT", "payload, the bytes of a text")                                    \
	X(GAS, "gas", "N", "gas for the receiver (200000)")                                        \
	X(VALUE, "value", "WEI", "native value for the receiver (0)")                              \
	X(ORDER, "ordering-key", "HEX", "32 bytes; messages with the same key arrive in order")    \
	X(REF, "ref", "TEXT", "your own reference")                                                \
	X(IDEMPOTENCY, "idempotency-key", "KEY", "sends the same only once (random)")              \
	X(AUTHOR, "author", "CAIP10", "eip155:CHAIN:0x…, who signed or is to sign")                \
	X(NONCE, "nonce", "N", "of the signature")                                                 \
	X(DEADLINE, "deadline", "SECONDS", "of the signature, Unix time")                          \
	X(SIGNATURE, "signature", "HEX", "of the typed data of a quote")                           \
	X(STATE, "state", "STATE", "only messages in this state")                                  \
	X(LIMIT, "limit", "N", "at most so many (50)")                                             \
	X(WATCH, "watch", NULL, "follow it to its end")                                            \
	X(APP, "app", "HEX", "app id, 32 bytes, of a message without a signature")                 \
	X(TO_KEY, "to-key", "HEX", "the receiver's X25519 key, 32 bytes")                          \
	X(SECRET_FILE, "secret-file", "FILE", "your X25519 private keys, one a line")              \
	X(OUT, "out", "FILE", "file to write, also -o; of a private key: a new one")               \
	X(RAW, "raw", NULL, "the bytes as they are, not in hex")                                   \
	X(JWKS, "jwks", "FILE", "key set of the server (asked for when not given)")                \
	X(REQUEST, "request", "FILE", "the body that was sent: must be that of the receipt")       \
	X(BLOCK_HASH, "block-hash", "HEX", "of a block you trust, of the main registry's chain")   \
	X(MAIN_REGISTRY, "main-registry", "HEX", "must be the registry of the proof")              \
	X(RPC, "rpc", "URL", "node of the main registry's chain")                                  \
	X(BLOCK, "block", "N", "in which the batch arrived")                                       \
	X(BUNDLE, "bundle", NULL, "the bundle, which identity verify takes")                       \
	X(SEAL_TO, "seal-to", "IDENTITY", "idn_… or did:pkh:…: seal it to its current key")

enum cli_option {
#define X(name, ...) CLI_##name,
	CLI_OPTIONS(X)
#undef X
	CLI_OPTIONS_COUNT
};

/* One call of ferry. */
struct cli_call {
	struct ctx *cx;
	struct client *client;
	bool json;
	const char *id; /* the argument, or NULL */
	const char *options[CLI_OPTIONS_COUNT]; /* NULL: not given; "" for one without argument */
	bool ended_badly; /* out: the message did not arrive */
};

struct cli_command {
	const char *name;     /* one word or two: "x25519 new" */
	const char *argument; /* "ID" or NULL */
	unsigned options;     /* bits of enum cli_option */
	const char *help;
	enum status (*run)(struct cli_call *call);
};
extern const struct cli_command cli_commands[];
extern const size_t cli_commands_n;

#endif
