// SPDX-License-Identifier: Apache-2.0
// What the relay does with messages, good and bad ones, on chains that behave.
//
//	node tests/e2e/relay.test.mjs [WORDS OF A TITLE …]
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { createWalletClient, http } from 'viem';
import { keccak256, run, sleep, toHex, until } from './lib.mjs';

const types = (events) => events.map((e) => e.type);
const key = () => keccak256(randomBytes(32));
const person = () => privateKeyToAccount(generatePrivateKey());

const scenarios = {
	async 'both directions, unsigned and signed: exactly once, author and payload as sent'(ferry) {
		const { a, b } = ferry;
		for (const [src, dst] of [[a, b], [b, a]]) {
			const receiver = await dst.receiver();
			const alice = person();
			const unsigned = await ferry.send(ferry.body(src, dst, { receiver }));
			const signed = await ferry.send(await ferry.signed(src, dst, alice, { receiver }));
			assert.equal(signed.author_signed, true);
			assert.equal(unsigned.author_signed, false);
			const done = await ferry.deliveredOnce(src, dst, [unsigned, signed]);
			const got = await dst.got(receiver);
			assert.equal(got.length, 2);
			const of = (m) => got.find((g) => g.requestId === m.request_id);
			assert.equal(of(signed).author, alice.address);
			assert.equal(of(signed).payload, signed.payload);
			assert.equal(of(unsigned).payload, unsigned.payload);
			assert.equal(done[0].author.toLowerCase(), `eip155:${src.chain_id}:${of(unsigned).author}`.toLowerCase());
			assert.equal(await dst.read(receiver, dst.receiverAbi, 'count'), 2n);
			for (const m of done) {
				assert.equal(m.layerzero_status, 'DELIVERED');
				assert.equal(m.explanation, null);
				assert.deepEqual(m.verification, { required: 1, have: 1 });
				assert.deepEqual(types(await ferry.events(m.id)),
					['ACCEPTED', 'SUBMITTED', 'SENT', 'VERIFYING', 'VERIFIED', 'COMMITTED', 'DELIVERED', 'FINAL']);
			}
		}
	},

	async 'a batch of 200, some signed, each exactly once'(ferry) {
		const { a, b } = ferry;
		const alice = person();
		const deadline = await a.now() + 3600;
		const bodies = [];
		for (let i = 0; i < 200; i++) {
			const body = ferry.body(a, b);
			if (i % 10 === 0) Object.assign(body, {
				author: `eip155:${a.chain_id}:${alice.address}`, nonce: String(i), deadline: String(deadline), signature: await a.sign(alice, b, body, i, deadline),
			});
			bodies.push(body);
		}
		const sent = await ferry.sendBatch(bodies);
		await ferry.deliveredOnce(a, b, sent);
		const transactions = new Set((await ferry.reachAll(sent, 'DELIVERED')).map((m) => m.source.tx_hash));
		assert.ok(transactions.size < 20, `${transactions.size} source transactions for 200 messages`);
	},

	async 'a receiver that reverts delays nobody, is tried again on a visible schedule, and is delivered by :retry'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver({ reverting: true });
		const bad = await ferry.send(ferry.body(a, b, { receiver }));
		const good = [];
		for (let i = 0; i < 3; i++) good.push(await ferry.send(ferry.body(a, b)));
		await ferry.deliveredOnce(a, b, good);
		const failed = await ferry.reach(bad.id, (m) => m.state === 'EXECUTION_FAILED' && m.explanation.next_attempt_time);
		assert.equal(failed.layerzero_status, 'PAYLOAD_STORED');
		assert.equal(failed.explanation.reason, 'RECEIVER_REVERTED');
		assert.equal(failed.explanation.owner, 'you');
		assert.match(failed.explanation.evidence, /told to revert/);
		assert.equal(failed.destination, null);
		const tries = await until('four attempts', async () => {
			const now = (await ferry.events(bad.id)).filter((e) => e.type === 'EXECUTION_FAILED');
			return now.length >= 4 ? now : null;
		}, 40000);
		assert.deepEqual(tries.slice(0, 4).map((e) => Number(e.attempt)), [1, 2, 3, 4]);
		const gaps = tries.slice(1).map((e, i) => Date.parse(e.time) - Date.parse(tries[i].time));
		assert.ok(gaps[0] >= 1900 && gaps[1] >= 3900 && gaps[2] >= 7900, `attempts came ${gaps} ms apart`);
		for (const e of tries) assert.match(e.reason, /told to revert/);
		assert.equal((await b.received(bad.request_id)).length, 0);
		await b.setRevert(receiver, false);
		const begun = Date.now();
		assert.equal((await ferry.act(bad.id, 'retry')).status, 200);
		const [done] = await ferry.deliveredOnce(a, b, [bad]);
		assert.ok(Date.now() - begun < 10000, 'the retry did not wait for the schedule');
		assert.equal(types(await ferry.events(done.id)).filter((t) => t === 'DELIVERED').length, 1);
		assert.equal((await ferry.act(bad.id, 'retry')).status, 412);
	},

	async 'a receiver that is not there yet is delivered when it is'(ferry) {
		const { a, b } = ferry;
		const deployer = await b.richAccount();
		// the address of this account's first contract
		const { getContractAddress } = await import('viem');
		const receiver = getContractAddress({ from: deployer.address, nonce: 0n });
		const m = await ferry.send(ferry.body(a, b, { receiver }));
		const failed = await ferry.reach(m.id, 'EXECUTION_FAILED');
		assert.equal(failed.explanation.reason, 'RECEIVER_MISSING');
		const { artifact } = await import('../../contracts/compile.mjs');
		const { abi, bytecode } = artifact('TestReceiver');
		const wallet = createWalletClient({ account: deployer, chain: b.viemChain, transport: http(b.url) });
		await b.mined(await wallet.deployContract({ abi, bytecode, args: [b.contracts.messenger] }));
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'seventy messages that fail before it do not take a message its gas'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver({ reverting: true });
		const bad = await ferry.sendBatch(Array.from({ length: 70 }, () => ferry.body(a, b, { receiver })));
		await ferry.reachAll(bad, (m) => m.state === 'EXECUTION_FAILED');
		// the same again, for one that is sent while the others wait
		const good = await ferry.send(ferry.body(a, b));
		await ferry.deliveredOnce(a, b, [good]);
		assert.equal((await ferry.events(good.id)).filter((e) => e.type === 'EXECUTION_FAILED').length, 0, 'it never failed');
		await b.setRevert(receiver, false);
		await ferry.deliveredOnce(a, b, bad, 60000);
	},

	async 'out of gas is said, and :retry with more gas_limit delivers'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver();
		const m = await ferry.send(ferry.body(a, b, { receiver, options: { gas_limit: '30000', value: '0' } }));
		const failed = await ferry.reach(m.id, 'EXECUTION_FAILED');
		assert.equal(failed.explanation.reason, 'RECEIVER_OUT_OF_GAS');
		assert.match(failed.explanation.next_action, /:retry/);
		const retry = await ferry.act(m.id, 'retry', { gas_limit: '200000' });
		assert.equal(retry.status, 200, retry.text);
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'manual: stays COMMITTED and says why, until :execute'(ferry) {
		const { a, b } = ferry;
		const m = await ferry.send(ferry.body(a, b, { execution: 'manual' }));
		const later = await ferry.send(ferry.body(a, b));
		const waits = await ferry.reach(m.id, 'COMMITTED');
		assert.equal(waits.explanation.reason, 'WAITING_FOR_EXECUTOR');
		assert.equal(waits.explanation.owner, 'you');
		await ferry.deliveredOnce(a, b, [later]);
		await sleep(2500);
		assert.equal((await ferry.get(m.id)).state, 'COMMITTED');
		assert.equal((await b.received(m.request_id)).length, 0);
		assert.equal((await ferry.act(m.id, 'execute')).status, 200);
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'permissionless: a stranger executes it by the calls of GET /execution'(ferry) {
		const { a, b } = ferry;
		const m = await ferry.send(ferry.body(a, b, { execution: 'permissionless' }));
		await ferry.reach(m.id, 'COMMITTED');
		const how = await ferry.call('GET', `/v1/messages/${m.id}/execution`);
		assert.equal(how.status, 200, how.text);
		const stranger = await b.richAccount();
		const wallet = createWalletClient({ account: stranger, chain: b.viemChain, transport: http(b.url) });
		for (const call of how.json.calls)
			await b.mined(await wallet.sendTransaction({ to: call.to, data: call.data, gas: BigInt(call.gas_limit), value: BigInt(call.value) }));
		const [done] = await ferry.deliveredOnce(a, b, [m]);
		const { from } = await b.ask('eth_getTransactionByHash', done.destination.tx_hash);
		assert.equal(from, stranger.address.toLowerCase());
	},

	async 'cancelled before it is sent: never sent; afterwards it is too late'(ferry) {
		const { a, b } = ferry;
		ferry.stopRelay();
		let m, other;
		try {
			m = await ferry.send(ferry.body(a, b));
			other = await ferry.send(ferry.body(a, b));
			assert.equal((await ferry.get(m.id)).state, 'ACCEPTED');
			const cancelled = await ferry.act(m.id, 'cancel');
			assert.equal(cancelled.status, 200, cancelled.text);
			assert.equal(cancelled.json.state, 'CANCELLED');
		} finally {
			ferry.goRelay();
		}
		await ferry.deliveredOnce(a, b, [other]);
		assert.equal((await ferry.get(m.id)).state, 'CANCELLED');
		assert.equal((await a.sent(m.request_id)).length, 0);
		const late = await ferry.act(other.id, 'cancel');
		assert.equal(late.status, 412);
		assert.equal(late.json.code, 'STATE_NOT_ALLOWED');
	},

	async 'skipped: cleared at the endpoint by the delegate, and the path goes on'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver({ reverting: true });
		const m = await ferry.send(ferry.body(a, b, { receiver }));
		await ferry.reach(m.id, 'EXECUTION_FAILED');
		assert.equal((await ferry.act(m.id, 'skip')).status, 400);
		const asked = await ferry.act(m.id, 'skip', { reason: 'nobody wants it any more' });
		assert.equal(asked.status, 200, asked.text);
		const done = await ferry.reach(m.id, (now) => now.state === 'CLEARED' && now.destination.final);
		assert.equal(done.layerzero_status, 'APPLICATION_CLEARED');
		assert.equal((await b.received(m.request_id)).length, 0);
		assert.ok((await b.delivered(a.eid)).includes(Number(done.nonce)), 'the endpoint says PacketDelivered');
		await b.setRevert(receiver, false);
		const next = await ferry.send(ferry.body(a, b, { receiver }));
		await ferry.deliveredOnce(a, b, [next]);
		assert.equal((await b.got(receiver)).length, 1);
	},

	async 'skipped before it is executed: a manual one that waits'(ferry) {
		const { a, b } = ferry;
		const m = await ferry.send(ferry.body(a, b, { execution: 'manual' }));
		await ferry.reach(m.id, 'COMMITTED');
		assert.equal((await ferry.act(m.id, 'skip', { reason: 'changed my mind' })).status, 200);
		await ferry.reach(m.id, 'CLEARED');
		assert.equal((await b.received(m.request_id)).length, 0);
	},

	async 'an ordering key: five in order although the first fails, and another key is not held'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver({ reverting: true });
		const other = await b.receiver();
		const [one, two] = [key(), key()];
		const options = (k) => ({ gas_limit: '200000', value: '0', ordering_key: k });
		const held = await ferry.sendBatch(Array.from({ length: 5 }, () => ferry.body(a, b, { receiver, options: options(one) })));
		const free = await ferry.sendBatch(Array.from({ length: 3 }, () => ferry.body(a, b, { receiver: other, options: options(two) })));
		await ferry.deliveredOnce(a, b, free);
		assert.deepEqual((await b.got(other)).map((g) => g.requestId), free.map((m) => m.request_id));
		await ferry.reach(held[0].id, (m) => m.explanation?.reason === 'RECEIVER_REVERTED');
		for (const m of held.slice(1))
			assert.equal((await ferry.reach(m.id, 'EXECUTION_FAILED')).explanation.reason, 'WAITING_FOR_EARLIER_MESSAGE');
		await b.setRevert(receiver, false);
		// 412: an attempt of the relay's own is under way
		assert.ok([200, 412].includes((await ferry.act(held[0].id, 'retry')).status));
		await ferry.deliveredOnce(a, b, held);
		assert.deepEqual((await b.got(receiver)).map((g) => g.requestId), held.map((m) => m.request_id));
	},

	async 'an ordering key goes on after one of its messages was skipped'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver({ reverting: true });
		const options = { gas_limit: '200000', value: '0', ordering_key: key() };
		const all = await ferry.sendBatch(Array.from({ length: 4 }, () => ferry.body(a, b, { receiver, options })));
		await ferry.reachAll(all, 'EXECUTION_FAILED');
		// the third first: it has to wait for its turn
		for (const i of [2, 0]) assert.equal((await ferry.act(all[i].id, 'skip', { reason: 'broken' })).status, 200);
		await ferry.reach(all[0].id, 'CLEARED');
		assert.notEqual((await ferry.get(all[2].id)).state, 'CLEARED');
		await b.setRevert(receiver, false);
		await ferry.deliveredOnce(a, b, [all[1], all[3]]);
		assert.equal((await ferry.get(all[2].id)).state, 'CLEARED');
		assert.deepEqual((await b.got(receiver)).map((g) => g.requestId), [all[1].request_id, all[3].request_id]);
	},

	async 'many attempts at an end: the order of a long wait is not lost'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver({ reverting: true });
		const options = { gas_limit: '200000', value: '0', ordering_key: key() };
		const first = await ferry.send(ferry.body(a, b, { receiver, options }));
		const second = await ferry.send(ferry.body(a, b, { receiver, options }));
		await ferry.reachAll([first, second], 'EXECUTION_FAILED');
		await sleep(15000); // the second is looked at every second or so: that is no attempt of its receiver
		assert.equal((await ferry.get(second.id)).explanation.reason, 'WAITING_FOR_EARLIER_MESSAGE');
		const looks = (await ferry.events(second.id)).length;
		assert.ok(looks < 14, `${looks} events for a message that only waits`);
		await b.setRevert(receiver, false);
		await ferry.act(first.id, 'retry');
		await ferry.deliveredOnce(a, b, [first, second]);
	},
};

await run(scenarios, { ports: [18900, 18929] });
