// SPDX-License-Identifier: Apache-2.0
// The first message: proves that an instance works, and shows how a message's life looks from outside.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from './ferryd.mjs';
import { Refusal } from './settings.mjs';

const TIMEOUT_MS = 120000;
const POLL_MS = 100;
const GIVEN_UP = new Set(['FAILED', 'CANCELLED', 'EXPIRED', 'CLEARED', 'SKIPPED', 'BURNED']);
const GREETING = 'Hello from Ferry';

/** The body of a message from the first chain of dev.json to the test receiver of the second. */
export function helloBody(dev, greeting = GREETING) {
	const [from, to] = dev.chains;
	return {
		kind: 'push', src_eid: from.eid, dst_eid: to.eid, receiver: to.contracts.test_receiver,
		payload: `0x${Buffer.from(greeting).toString('hex')}`, options: { gas_limit: '200000', value: '0' },
		submission: 'relayed', execution: 'automatic',
	};
}

/** A line for the shell that sends one message more. */
export function curlLine(dev) {
	return `curl -s ${dev.http}/v1/messages -H 'Authorization: Bearer ${dev.secret_key}' -H 'Content-Type: application/json'` +
		` -H "Idempotency-Key: try-$(date +%s%N)" -d '${JSON.stringify(helloBody(dev))}'`;
}

function describe(event, started) {
	const at = ((Date.parse(event.time) - started) / 1000).toFixed(3).padStart(8);
	const where = event.tx_hash ? `  chain ${event.chain_eid} block ${event.block_number} tx ${event.tx_hash}` : '';
	return `${at} s  ${String(event.to ?? event.type).padEnd(17)}${where}${event.reason ? `  (${event.reason})` : ''}`;
}

async function expect(status, method, url, options) {
	const answer = await request(method, url, options);
	if (answer.status !== status || !answer.json)
		throw new Refusal(`${method} ${url} answered ${answer.status}: ${answer.text.trim().slice(0, 500)}`);
	return answer.json;
}

/** Sends the first message and shows its timeline until it is delivered. Returns the delivered message. */
export async function sayHello(dev, say, log) {
	const headers = { authorization: `Bearer ${dev.secret_key}` };
	const accepted = await expect(202, 'POST', `${dev.http}/v1/messages`,
		{ headers: { ...headers, 'idempotency-key': `first-${randomUUID()}` }, body: helloBody(dev) });
	say(`first message ${accepted.id}: ${dev.chains[0].name} to the test receiver on ${dev.chains[1].name}`);
	const url = `${dev.http}/v1/messages/${accepted.id}`;
	const started = Date.parse(accepted.create_time);
	const end = Date.now() + TIMEOUT_MS;
	let shown = 0;
	for (;;) {
		const message = await expect(200, 'GET', url, { headers });
		const { events } = await expect(200, 'GET', `${url}/events`, { headers });
		for (const event of events.slice(shown)) say(describe(event, started));
		shown = events.length;
		const last = events.at(-1)?.to ?? message.state;
		if (message.state === 'DELIVERED' && last === 'DELIVERED') return message;
		if (GIVEN_UP.has(message.state) || Date.now() > end) {
			const why = message.explanation ? `: ${JSON.stringify(message.explanation)}` : '';
			throw new Refusal(`the first message is ${message.state} and not delivered${why}`, { log });
		}
		await sleep(POLL_MS);
	}
}
