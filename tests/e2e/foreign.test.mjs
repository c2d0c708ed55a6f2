// SPDX-License-Identifier: Apache-2.0
// Others on the same contracts: strangers who send first, who pretend, who send on their own; authors who use up or
// cancel their nonces; deadlines that pass.
//
//	node tests/e2e/foreign.test.mjs [WORDS OF A TITLE …]
import assert from 'node:assert/strict';
import { createWalletClient, http, pad } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { keccak256, run, sleep, toHex, until } from './lib.mjs';

const types = (events) => events.map((e) => e.type);
const person = () => privateKeyToAccount(generatePrivateKey());

/** The chain's item of a signed body. */
const itemOf = (src, dst, body) => src.item(dst, {
	receiver: pad(body.receiver), payload: body.payload, gasLimit: BigInt(body.options.gas_limit), author: body.author.split(':')[2],
	nonce: BigInt(body.nonce), deadline: BigInt(body.deadline), signature: body.signature,
});

/** With the relay stopped: what must happen before it sees the message. */
async function whileStopped(ferry, job) {
	ferry.stopRelay();
	try {
		return await job();
	} finally {
		ferry.goRelay();
	}
}

async function cancelNonce(chain, account, nonce) {
	await chain.ask('anvil_setBalance', account.address, toHex(10n ** 18n));
	const wallet = createWalletClient({ account, chain: chain.viemChain, transport: http(chain.url) });
	return chain.mined(await wallet.writeContract({ address: chain.contracts.messenger, abi: chain.messengerAbi, functionName: 'cancelNonce', args: [BigInt(nonce)] }));
}

/** A signed body whose deadline is `seconds` from now. */
async function signedUntil(ferry, src, dst, author, seconds, more = {}) {
	const body = ferry.body(src, dst, more);
	const deadline = await src.now() + seconds;
	const nonce = BigInt(keccak256(toHex(`${Math.random()}`))) >> 200n;
	return {
		...body, author: `eip155:${src.chain_id}:${author.address}`, nonce: String(nonce), deadline: String(deadline),
		signature: await src.sign(author, dst, body, nonce, deadline),
	};
}

const scenarios = {
	async 'a stranger sends a signed item first: adopted, delivered once'(ferry) {
		const { a, b } = ferry;
		const stranger = await a.richAccount();
		const body = await ferry.signed(a, b, person());
		const m = await whileStopped(ferry, async () => {
			const accepted = await ferry.send(body);
			await a.sendItem(itemOf(a, b, body), stranger);
			return accepted;
		});
		const [done] = await ferry.deliveredOnce(a, b, [m]);
		const events = await ferry.events(m.id);
		assert.ok(types(events).includes('SENT_BY_OTHER'), types(events).join());
		const { from } = await a.ask('eth_getTransactionByHash', done.source.tx_hash);
		assert.equal(from, stranger.address.toLowerCase());
	},

	async 'a stranger wins the race against our transaction: ours is skipped, the message delivered once'(ferry) {
		const { a, b } = ferry;
		const stranger = await a.richAccount();
		const body = await ferry.signed(a, b, person());
		await a.pause();
		const fast = createWalletClient({ account: stranger, chain: a.viemChain, transport: http(a.url) });
		const item = itemOf(a, b, body);
		const fee = await a.read(a.contracts.messenger, a.messengerAbi, 'quote', [item]);
		// fifo order: the stranger's is in the pool before ours
		await fast.writeContract({ address: a.contracts.messenger, abi: a.messengerAbi, functionName: 'send', args: [{ ...item, fee }], value: fee, gas: 900000n });
		const m = await ferry.send(body);
		await ferry.reach(m.id, 'SUBMITTED');
		await sleep(500);
		await a.resume();
		await ferry.deliveredOnce(a, b, [m]);
		const [row] = ferry.sql(`SELECT count(*) FROM journal WHERE purpose = 'SUBMIT' AND '${m.id.slice(4)}'::uuid = ANY (items_id)`);
		assert.equal(row[0], '1', 'ours was sent once too, and skipped');
	},

	async 'a stranger pretends with our request id: not adopted'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver();
		const stranger = await a.richAccount();
		const { m, spoof } = await whileStopped(ferry, async () => {
			const accepted = await ferry.send(ferry.body(a, b, { receiver }));
			const [app] = ferry.sql('SELECT encode(chain_app_id, \'hex\') FROM app WHERE app_id > 0 LIMIT 1');
			const item = a.item(b, {
				receiver: pad(receiver), payload: accepted.payload, requestId: accepted.request_id, appId: `0x${app[0]}`,
			});
			await a.sendItem(item, stranger);
			return { m: accepted, spoof: await a.sent(accepted.request_id) };
		});
		const done = await ferry.reach(m.id, (now) => now.state === 'DELIVERED' && now.destination.final, 40000);
		assert.notEqual(done.guid, spoof[0].guid);
		assert.ok(!types(await ferry.events(m.id)).includes('SENT_BY_OTHER'));
		const sent = await a.sent(m.request_id);
		assert.deepEqual(sent.map((s) => s.guid).sort(), [done.guid, spoof[0].guid].sort());
		const got = await until('both arrive', async () => {
			const list = await b.got(receiver);
			return list.length === 2 ? list : null;
		});
		assert.ok(got.some((g) => g.author === stranger.address), 'the stranger is named as the author of the stranger\'s');
		const foreign = await ferry.reach(spoof[0].guid, 'DELIVERED');
		assert.equal(foreign.kind, 'observed');
		assert.notEqual(foreign.id, m.id);
	},

	async 'a stranger\'s own packet is followed and executed, readable by its guid'(ferry) {
		for (const [src, dst] of [[ferry.a, ferry.b], [ferry.b, ferry.a]]) {
			const receiver = await dst.receiver();
			const stranger = await src.richAccount();
			const requestId = keccak256(toHex(`${Math.random()}`));
			await src.sendItem(src.item(dst, { receiver: pad(receiver), payload: '0x1234', requestId }), stranger);
			const [{ guid }] = await src.sent(requestId);
			await until('it is known', async () => (await ferry.call('GET', `/v1/messages/${guid}`)).status === 200);
			const done = await ferry.reach(guid, (m) => m.state === 'DELIVERED' && m.destination.final);
			assert.equal(done.kind, 'observed');
			assert.equal(done.guid, guid);
			assert.equal(done.payload, '0x1234');
			assert.equal((await dst.received(requestId)).length, 1);
			const got = await dst.got(receiver);
			assert.deepEqual(got, [{ requestId, author: stranger.address, payload: '0x1234' }]);
			// nobody's to act on
			assert.equal((await ferry.act(guid, 'skip', { reason: 'mine' })).status, 403);
			const list = await ferry.call('GET', '/v1/messages?kind=observed');
			assert.equal(list.json.messages.length, 0, 'it is in no app\'s list');
		}
	},

	async 'a stranger\'s packet that fails stops nobody and is delivered when it can be'(ferry) {
		const { a, b } = ferry;
		const receiver = await b.receiver({ reverting: true });
		const stranger = await a.richAccount();
		const requestId = keccak256(toHex(`${Math.random()}`));
		await a.sendItem(a.item(b, { receiver: pad(receiver), requestId }), stranger);
		const m = await ferry.send(ferry.body(a, b));
		await ferry.deliveredOnce(a, b, [m]);
		const [{ guid }] = await a.sent(requestId);
		await ferry.reach(guid, 'EXECUTION_FAILED');
		await b.setRevert(receiver, false);
		await ferry.reach(guid, 'DELIVERED');
		assert.equal((await b.received(requestId)).length, 1);
	},

	async 'a stranger commits and executes our packet'(ferry) {
		const { a, b } = ferry;
		const m = await ferry.send(ferry.body(a, b, { execution: 'permissionless' }));
		await ferry.reach(m.id, 'COMMITTED');
		const { json } = await ferry.call('GET', `/v1/messages/${m.id}/execution`);
		const stranger = await b.richAccount();
		const wallet = createWalletClient({ account: stranger, chain: b.viemChain, transport: http(b.url) });
		const call = json.calls.at(-1);
		// too little gas first: that is his loss, not a failure of the message
		const poor = await wallet.sendTransaction({ to: call.to, data: call.data, gas: 150000n });
		await b.reader.waitForTransactionReceipt({ hash: poor });
		assert.equal((await ferry.get(m.id)).state, 'COMMITTED');
		await b.mined(await wallet.sendTransaction({ to: call.to, data: call.data, gas: BigInt(call.gas_limit) }));
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'the author cancels the nonce on chain: FAILED once that is final, not before'(ferry) {
		const { a, b } = ferry;
		const alice = person();
		const body = await ferry.signed(a, b, alice);
		const m = await whileStopped(ferry, async () => {
			const accepted = await ferry.send(body);
			await cancelNonce(a, alice, body.nonce);
			return accepted;
		});
		const done = await ferry.reach(m.id, 'FAILED');
		assert.equal(done.layerzero_status, 'FAILED');
		const failed = (await ferry.events(m.id)).find((e) => e.type === 'FAILED');
		assert.match(failed.reason, /nonce is used or cancelled/);
		assert.equal((await a.sent(m.request_id)).length, 0);
		const [journal] = ferry.sql(`SELECT state, block_number FROM journal WHERE purpose = 'SUBMIT' AND '${m.id.slice(4)}'::uuid = ANY (items_id)`);
		assert.equal(journal?.[0], 'FINAL', 'the transaction that found it out is final');
	},

	async 'the nonce is cancelled while ours is in the pool: no word before it is final'(ferry) {
		const { a, b } = ferry;
		const alice = person();
		await a.ask('anvil_setBalance', alice.address, toHex(10n ** 18n));
		const body = await ferry.signed(a, b, alice);
		await a.pause();
		const wallet = createWalletClient({ account: alice, chain: a.viemChain, transport: http(a.url) });
		await wallet.writeContract({ address: a.contracts.messenger, abi: a.messengerAbi, functionName: 'cancelNonce', args: [BigInt(body.nonce)], gas: 100000n });
		const m = await ferry.send(body);
		await ferry.reach(m.id, 'SUBMITTED');
		await sleep(300);
		await a.mine(1);
		await until('the block is worked through', async () => types(await ferry.events(m.id)).includes('NOT_SENT'));
		assert.equal((await ferry.get(m.id)).state, 'SUBMITTED');
		await a.resume();
		await ferry.reach(m.id, 'FAILED');
		assert.equal((await a.sent(m.request_id)).length, 0);
	},

	async 'another message with the same nonce was sent by the author: FAILED'(ferry) {
		const { a, b } = ferry;
		const alice = person();
		const body = await ferry.signed(a, b, alice);
		const other = { ...ferry.body(a, b), author: body.author, nonce: body.nonce, deadline: body.deadline };
		other.signature = await a.sign(alice, b, other, body.nonce, body.deadline);
		const stranger = await a.richAccount();
		const m = await whileStopped(ferry, async () => {
			const accepted = await ferry.send(body);
			await a.sendItem(itemOf(a, b, other), stranger);
			return accepted;
		});
		await ferry.reach(m.id, 'FAILED');
		assert.equal((await a.sent(m.request_id)).length, 0);
	},

	async 'the deadline passes before it is sent: EXPIRED'(ferry) {
		const { a, b } = ferry;
		const body = await signedUntil(ferry, a, b, person(), 60);
		const m = await whileStopped(ferry, async () => {
			const accepted = await ferry.send(body);
			await a.ask('evm_increaseTime', 120);
			await a.mine(1);
			return accepted;
		});
		const done = await ferry.reach(m.id, 'EXPIRED');
		assert.equal(done.layerzero_status, 'FAILED');
		assert.equal(done.explanation, null);
		await sleep(1500);
		assert.equal((await a.sent(m.request_id)).length, 0);
	},

	async 'the deadline passes while its transaction waits: EXPIRED only when a final block is past it'(ferry) {
		const { a, b } = ferry;
		const body = await signedUntil(ferry, a, b, person(), 90);
		await a.pause();
		const m = await ferry.send(body);
		await ferry.reach(m.id, 'SUBMITTED');
		await sleep(300);
		await a.ask('evm_increaseTime', 200);
		await a.mine(1);
		await until('the Messenger left it out', async () => types(await ferry.events(m.id)).includes('NOT_SENT'));
		assert.equal((await ferry.get(m.id)).state, 'SUBMITTED', 'not final: its signature is public');
		await a.resume();
		await ferry.reach(m.id, 'EXPIRED');
		assert.equal((await a.sent(m.request_id)).length, 0);
	},
};

await run(scenarios, { ports: [18930, 18949] });
