/* SPDX-License-Identifier: Apache-2.0
 *
 * Our applications on LayerZero. A path leads from one on its source chain to the same one on its
 * destination: from Messenger to Messenger, between the main registry and a proxy registry. Pure.
 */
#ifndef FERRY_RELAY_OAPP_H
#define FERRY_RELAY_OAPP_H

#include "relay/relay.h"

enum oapp { OAPP_MESSENGER, OAPP_REGISTRY, OAPP_COUNT };

/* Its address on the chain; zero: the chain has none. */
struct addr oapp_addr(const struct relay_chain *chain, enum oapp app);
/* Which one this address is there; OAPP_COUNT: none. */
enum oapp oapp_of(const struct relay_chain *chain, const struct addr *a);
/* The same for an address as LayerZero writes it. */
enum oapp oapp_of_word(const struct relay_chain *chain, const struct hash *word);

#endif
