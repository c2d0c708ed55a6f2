/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/retry.h"

#include "chain/revert.h"
#include "ferry/v1/types.pb-c.h"

enum { RETRY_FIRST_MS = 2000, RETRY_LAST_MS = 600000 };

int64_t retry_delay_ms(int64_t attempts)
{
	if (attempts >= RETRY_ATTEMPTS_MAX)
		return -1;
	int64_t ms = RETRY_FIRST_MS;
	for (int64_t i = 1; i < attempts && ms < RETRY_LAST_MS; i++)
		ms *= 2;
	return ms < RETRY_LAST_MS ? ms : RETRY_LAST_MS;
}

struct retry_cause retry_cause_of(struct arena *a, struct bytes revert_data)
{
	struct retry_cause c = {
		.reason = FERRY__V1__REASON__REASON_RECEIVER_REVERTED,
		.is_failure = true,
		.text = revert_describe(a, revert_data),
	};
	const char *name = revert_name(a, revert_data);
	if (revert_data.n == 0)
		c.reason = FERRY__V1__REASON__REASON_RECEIVER_OUT_OF_GAS;
	if (!name)
		return c;
	if (strcmp(name, "LZ_InvalidNonce") == 0 || strcmp(name, "LZ_PayloadHashNotFound") == 0) {
		c.reason = 0;
		c.is_failure = false;
	} else if (strcmp(name, "OutOfOrder") == 0 || strcmp(name, "BatchOutOfOrder") == 0) {
		c.reason = FERRY__V1__REASON__REASON_WAITING_FOR_EARLIER_MESSAGE;
	} else if (strcmp(name, "NoReceiver") == 0) {
		c.reason = FERRY__V1__REASON__REASON_RECEIVER_MISSING;
	} else if (strcmp(name, "InsufficientGas") == 0) {
		c.reason = FERRY__V1__REASON__REASON_WAITING_FOR_EXECUTION; /* we gave too little, not its sender */
	}
	return c;
}
