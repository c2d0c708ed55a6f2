// SPDX-License-Identifier: Apache-2.0
// The first message and the first identity: they prove that an instance works, and show how their lives look from outside.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { accountOn, signTypedData } from '../../contracts/sign.mjs';
import { request } from './ferryd.mjs';
import { Refusal } from './settings.mjs';

const TIMEOUT_MS = 120000;
const POLL_MS = 100;
const GIVEN_UP = new Set(['FAILED', 'CANCELLED', 'EXPIRED', 'CLEARED', 'SKIPPED', 'BURNED', 'REJECTED']);
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
	const block = event.block_number ? ` block ${event.block_number}` : '';
	const where = event.tx_hash ? `  chain ${event.chain_eid}${block} tx ${event.tx_hash}` : '';
	return `${at} s  ${String(event.to ?? event.type).padEnd(17)}${where}${event.reason ? `  (${event.reason})` : ''}`;
}

async function expect(status, method, url, options) {
	const answer = await request(method, url, options);
	if (answer.status !== status || !answer.json)
		throw new Refusal(`${method} ${url} answered ${answer.status}: ${answer.text.trim().slice(0, 500)}`);
	return answer.json;
}

/**
 * Shows the events of something until it is where it should be. Returns it as it is then.
 * isDone, isOver(thing, events): arrived; will never arrive.
 */
async function follow({ name, url, headers, since, isDone, isOver, say, log }) {
	const started = Date.parse(since);
	const end = Date.now() + TIMEOUT_MS;
	let shown = 0;
	for (;;) {
		const thing = await expect(200, 'GET', url, { headers });
		const { events } = await expect(200, 'GET', `${url}/events`, { headers });
		for (const event of events.slice(shown)) say(describe(event, started));
		shown = events.length;
		if (isDone(thing, events)) return thing;
		if (isOver(thing) || Date.now() > end) throw new Refusal(`${name} does not arrive: ${JSON.stringify(thing)}`, { log });
		await sleep(POLL_MS);
	}
}

/** Sends the first message and shows its timeline until it is delivered. Returns the delivered message. */
export async function sayHello(dev, say, log) {
	const headers = { authorization: `Bearer ${dev.secret_key}` };
	const accepted = await expect(202, 'POST', `${dev.http}/v1/messages`,
		{ headers: { ...headers, 'idempotency-key': `first-${randomUUID()}` }, body: helloBody(dev) });
	say(`first message ${accepted.id}: ${dev.chains[0].name} to the test receiver on ${dev.chains[1].name}`);
	return follow({
		name: 'the first message', url: `${dev.http}/v1/messages/${accepted.id}`, headers, since: accepted.create_time, say, log,
		isDone: (message, events) => message.state === 'DELIVERED' && (events.at(-1)?.to ?? 'DELIVERED') === 'DELIVERED',
		isOver: (message) => GIVEN_UP.has(message.state),
	});
}

/** Registers the wallet's first identity on the rollup and shows its timeline until the main registry has it for good. */
export async function sayWho(dev, say, log) {
	const headers = { authorization: `Bearer ${dev.secret_key}` };
	const rollup = dev.chains.find((chain) => chain.contracts.proxy_registry);
	const quote = await expect(200, 'POST', `${dev.http}/v1/quotes`,
		{ headers, body: { kind: 'registry', operation: 'register', account: accountOn(rollup.chain_id, dev.wallet.private_key) } });
	const accepted = await expect(202, 'POST', `${dev.http}/v1/identities`,
		{ headers, body: { quote_id: quote.quote_id, signature: await signTypedData(dev.wallet.private_key, quote.typed_data) } });
	say(`first identity ${accepted.id}: ${accepted.did}, registered on ${rollup.name}`);
	return follow({
		name: 'the first identity', url: `${dev.http}/v1/identities/${accepted.id}`, headers, since: accepted.create_time, say, log,
		isDone: (identity) => identity.state === 'FINAL',
		isOver: (identity) => GIVEN_UP.has(identity.operations[0].state),
	});
}
