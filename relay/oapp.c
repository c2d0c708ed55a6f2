/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/oapp.h"

struct addr oapp_addr(const struct relay_chain *chain, enum oapp app)
{
	if (app == OAPP_MESSENGER)
		return chain->messenger;
	return addr_is_zero(&chain->main_registry) ? chain->proxy_registry : chain->main_registry;
}

enum oapp oapp_of(const struct relay_chain *chain, const struct addr *a)
{
	for (enum oapp app = 0; app < OAPP_COUNT; app++) {
		struct addr own = oapp_addr(chain, app);
		if (!addr_is_zero(&own) && addr_equal(&own, a))
			return app;
	}
	return OAPP_COUNT;
}

enum oapp oapp_of_word(const struct relay_chain *chain, const struct hash *word)
{
	struct addr a;
	static const uint8_t zero[12];
	if (memcmp(word->b, zero, sizeof zero) != 0)
		return OAPP_COUNT;
	memcpy(a.b, word->b + 12, sizeof a.b);
	return oapp_of(chain, &a);
}
