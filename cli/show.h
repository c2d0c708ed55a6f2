/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as people read them: enum names without prefix, bytes in hex, one line a thing.
 */
#ifndef FERRY_CLI_SHOW_H
#define FERRY_CLI_SHOW_H

#include "base/json.h"

/* Text of bytes for JSON (base64), and back as 0x…; both in the arena. show_hex gives "" for what
 * is missing or no base64. */
const char *show_base64(struct arena *a, struct bytes b);
const char *show_hex(struct arena *a, const json_t *base64);
/* "DELIVERED" of "STATE_DELIVERED". "" when missing. */
const char *show_enum(const json_t *name, const char *prefix);

void show_message(struct arena *a, const json_t *message);      /* everything, several lines */
void show_message_line(struct arena *a, const json_t *message); /* one line */
void show_event(struct arena *a, const json_t *event);
void show_quote(struct arena *a, const json_t *quote);
void show_chain(struct arena *a, const json_t *chain);
void show_lane(struct arena *a, const json_t *lane);
/* As it came, on one line. */
void show_json(const json_t *value);
/* Will nothing happen to the message any more? *delivered: and it arrived. */
bool show_is_over(const json_t *message, bool *delivered);

#endif
