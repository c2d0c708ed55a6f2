// SPDX-License-Identifier: Apache-2.0
// Blocks that are taken back: on the source before and after they were final, on the destination. Whatever the relay
// believed, in the end every message is delivered exactly once by the canonical chains' own events.
//
//	node tests/e2e/reorg.test.mjs [WORDS OF A TITLE …]
import assert from 'node:assert/strict';
import { pad } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { keccak256, run, sleep, toHex, until } from './lib.mjs';

const FINALITY = 4; // blocks: room to be reorganised in before finality
const types = (events) => events.map((e) => e.type);
const person = () => privateKeyToAccount(generatePrivateKey());

/** Every block by hand on this chain while `job` runs. */
async function byHand(chain, job) {
	await chain.pause();
	try {
		return await job();
	} finally {
		await chain.resume();
	}
}

/** The newest blocks are replaced, and the new chain is longer, as one that wins is. */
async function lose(chain, depth) {
	await chain.reorg(depth);
	await chain.mine(1);
}

/** Mines until the message has the state. */
async function mineUntil(ferry, chain, id, state) {
	for (let i = 0; i < 30; i++) {
		await sleep(300);
		if ((await ferry.get(id)).state === state) return ferry.get(id);
		await chain.mine(1);
	}
	return ferry.reach(id, state, 2000);
}

const scenarios = {
	async 'finality is four blocks from here on'(ferry) {
		await ferry.reconfigure((text) => text.replaceAll(/finality_blocks: \d+/g, `finality_blocks: ${FINALITY}`));
	},

	async 'source, before finality: SENT, SUBMITTED, SENT again; the former guid still finds it'(ferry) {
		const { a, b } = ferry;
		const m = await byHand(a, async () => {
			const bodies = [ferry.body(a, b), await ferry.signed(a, b, person())];
			const list = [];
			for (const body of bodies) list.push(await ferry.send(body));
			await sleep(500);
			await a.mine(1);
			const sent = await ferry.reachAll(list, 'SENT');
			await lose(a, 1);
			const back = await ferry.reachAll(list, 'SUBMITTED');
			for (const [i, now] of back.entries()) {
				assert.equal(now.guid, null);
				assert.deepEqual(now.former_guids, [sent[i].guid]);
				assert.equal(now.source, null);
				assert.equal(now.explanation.reason, 'SOURCE_REORGED');
				assert.equal((await ferry.get(sent[i].guid)).id, now.id);
			}
			return list;
		});
		const done = await ferry.deliveredOnce(a, b, m);
		for (const now of done) {
			const told = types(await ferry.events(now.id));
			assert.ok(told.includes('REORGED'), told.join());
			assert.equal(told.filter((t) => t === 'SENT').length, 2);
		}
	},

	async 'source, with another packet at its place: a new guid, nothing attested for the old one'(ferry) {
		const { a, b } = ferry;
		const [m, before] = await byHand(a, async () => {
			await a.mine(FINALITY + 1);
			const first = await ferry.send(ferry.body(a, b));
			await sleep(500);
			await a.mine(1);
			const sent = await ferry.reach(first.id, 'SENT');
			ferry.stopRelay();
			try {
				await a.reorg(1);
				const item = a.item(b, { requestId: keccak256(toHex('another')) });
				const sending = a.sendItem(item, await a.richAccount());
				await sleep(500);
				await a.mine(1);
				await sending;
			} finally {
				ferry.goRelay();
			}
			return [first, sent];
		});
		const [done] = await ferry.deliveredOnce(a, b, [m]);
		assert.notEqual(done.guid, before.guid);
		assert.deepEqual(done.former_guids, [before.guid]);
		// a guid is a place on the path: the stranger's packet has it now, and is the only one attested there
		const attested = ferry.sql(`SELECT payload_hash FROM attestation WHERE guid = '\\x${before.guid.slice(2)}'`);
		assert.equal(attested.length, 1);
	},

	async 'source, after an attestation: taken back, and delivered exactly once'(ferry) {
		const { a, b } = ferry;
		const m = await byHand(b, () => byHand(a, async () => {
			const first = await ferry.send(ferry.body(a, b));
			await sleep(500);
			const sent = await mineUntil(ferry, a, first.id, 'VERIFYING');
			await until('its attestation is written down', () => ferry.sql(`SELECT 1 FROM attestation WHERE guid = '\\x${sent.guid.slice(2)}'`).length === 1);
			await sleep(500);
			// deeper than finality: what no chain should do
			await lose(a, FINALITY + 2);
			await ferry.reach(first.id, 'SUBMITTED');
			return first;
		}));
		await ferry.deliveredOnce(a, b, [m]);
		const told = types(await ferry.events(m.id));
		assert.ok(told.includes('REORGED'), told.join());
	},

	async 'source, after VERIFIED, and its place goes to another packet: retracted on chain, delivered exactly once'(ferry) {
		const { a, b } = ferry;
		const [m, before] = await byHand(b, () => byHand(a, async () => {
			const first = await ferry.send(ferry.body(a, b));
			await sleep(500);
			await mineUntil(ferry, a, first.id, 'VERIFYING');
			await sleep(700);
			// the verification alone gets into a block: commit and execution wait in the pool
			const pool = await b.ask('txpool_content');
			const waiting = Object.values(pool.pending).flatMap((byNonce) => Object.values(byNonce)).sort((x, y) => Number(x.nonce) - Number(y.nonce));
			for (const tx of waiting.slice(1)) await b.ask('anvil_dropTransaction', tx.hash);
			await b.mine(1);
			const verified = await ferry.reach(first.id, 'VERIFIED');
			ferry.stopRelay();
			try {
				await a.reorg(FINALITY + 3);
				const sending = a.sendItem(a.item(b, { requestId: keccak256(toHex('yet another')) }), await a.richAccount());
				await sleep(500);
				await a.mine(1);
				await sending;
			} finally {
				ferry.goRelay();
			}
			await ferry.reach(first.id, 'SUBMITTED');
			return [first, verified];
		}));
		const [done] = await ferry.deliveredOnce(a, b, [m], 60000);
		assert.notEqual(done.guid, before.guid);
		const [row] = ferry.sql(`SELECT retracted_at IS NOT NULL FROM attestation WHERE guid = '\\x${before.guid.slice(2)}'`);
		assert.deepEqual(row, ['t']);
	},

	async 'destination, after DELIVERED and before it is final: back to what the chain shows, delivered again, once'(ferry) {
		const { a, b } = ferry;
		const list = await byHand(b, async () => {
			const sent = [await ferry.send(ferry.body(a, b)), await ferry.send(await ferry.signed(a, b, person()))];
			await ferry.reachAll(sent, 'VERIFYING');
			await sleep(1500);
			for (const m of sent) await mineUntil(ferry, b, m.id, 'DELIVERED');
			await lose(b, 3);
			for (const m of sent) {
				const back = await ferry.reach(m.id, (now) => now.state !== 'DELIVERED');
				assert.equal(back.destination, null);
				assert.ok(['VERIFYING', 'VERIFIED', 'COMMITTED'].includes(back.state), back.state);
			}
			return sent;
		});
		await ferry.deliveredOnce(a, b, list);
		for (const m of list) assert.equal(types(await ferry.events(m.id)).filter((t) => t === 'DELIVERED').length, 2);
	},

	async 'destination, twice, the second time deeper'(ferry) {
		const { a, b } = ferry;
		const m = await byHand(b, async () => {
			await b.mine(6);
			const sent = await ferry.send(ferry.body(a, b));
			await ferry.reach(sent.id, 'VERIFYING');
			await sleep(1500);
			for (const depth of [1, 3]) {
				await mineUntil(ferry, b, sent.id, 'DELIVERED');
				await lose(b, depth);
				await ferry.reach(sent.id, (now) => now.state !== 'DELIVERED');
			}
			return sent;
		});
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'both chains at once, with traffic both ways'(ferry) {
		const { a, b } = ferry;
		const forth = await ferry.sendBatch(Array.from({ length: 40 }, () => ferry.body(a, b)));
		const back = await ferry.sendBatch(Array.from({ length: 40 }, () => ferry.body(b, a)));
		const more = { forth: [], back: [] };
		for (let i = 0; i < 4; i++) {
			await sleep(1500);
			await Promise.all([a.reorg(1 + i % 3), b.reorg(1 + (i + 1) % 3)]);
			more.forth.push(await ferry.send(ferry.body(a, b)));
			more.back.push(await ferry.send(ferry.body(b, a)));
		}
		await ferry.deliveredOnce(a, b, [...forth, ...more.forth], 60000);
		await ferry.deliveredOnce(b, a, [...back, ...more.back], 60000);
	},

	async 'a stranger\'s packet that comes again in another block is observed again and executed once'(ferry) {
		const { a, b } = ferry;
		const stranger = await a.richAccount();
		const requestId = keccak256(toHex(`${Math.random()}`));
		const guid = await byHand(a, async () => {
			await a.mine(6);
			const sending = a.sendItem(a.item(b, { requestId }), stranger);
			await sleep(500);
			await a.mine(1);
			const receipt = await sending;
			const [sent] = await a.sent(requestId);
			await until('it is known', async () => (await ferry.call('GET', `/v1/messages/${sent.guid}`)).status === 200);
			const raw = await a.ask('eth_getRawTransactionByHash', receipt.transactionHash);
			await lose(a, 1);
			await ferry.reach(sent.guid, 'FAILED');
			await a.ask('eth_sendRawTransaction', raw);
			await a.mine(1);
			assert.equal((await a.sent(requestId))[0].guid, sent.guid);
			return sent.guid;
		});
		const m = await ferry.send(ferry.body(a, b));
		await ferry.deliveredOnce(a, b, [m]);
		await ferry.reach(guid, 'DELIVERED');
		assert.equal((await b.received(requestId)).length, 1);
	},

	async 'a stranger\'s packet that is gone for good is not executed, and its place is taken by the next'(ferry) {
		const { a, b } = ferry;
		const stranger = await a.richAccount();
		const requestId = keccak256(toHex(`${Math.random()}`));
		const m = await byHand(a, async () => {
			await a.mine(6);
			const sending = a.sendItem(a.item(b, { requestId, receiver: pad(b.contracts.test_receiver) }), stranger);
			await sleep(500);
			await a.mine(1);
			await sending;
			const [{ guid }] = await a.sent(requestId);
			await until('it is known', async () => (await ferry.call('GET', `/v1/messages/${guid}`)).status === 200);
			await lose(a, 1);
			await ferry.reach(guid, 'FAILED');
			return ferry.send(ferry.body(a, b));
		});
		await ferry.deliveredOnce(a, b, [m]);
		assert.equal((await b.received(requestId)).length, 0);
	},
};

await run(scenarios, { ports: [18950, 18969] });
