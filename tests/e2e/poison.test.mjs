// SPDX-License-Identifier: Apache-2.0
// What may stand in the way of everybody else: packets nobody can execute, blocks that strangers' packets vanish
// with, authors who sign the same words.
//
//	node tests/e2e/poison.test.mjs [WORDS OF A TITLE …]
import assert from 'node:assert/strict';
import { pad } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { keccak256, run, toHex, until } from './lib.mjs';

const random = () => keccak256(toHex(`${Math.random()}`));
const person = () => privateKeyToAccount(generatePrivateKey());

/** Waits until a stranger's packet is followed. */
const followed = (ferry, guid) => until('it is known', async () => (await ferry.call('GET', `/v1/messages/${guid}`)).status === 200);

const scenarios = {
	async 'two authors sign the same words: both are sent, and told apart'(ferry) {
		const { a, b } = ferry;
		const body = ferry.body(a, b);
		const deadline = await a.now() + 3600;
		const accepted = [];
		for (const author of [person(), person()]) {
			accepted.push(await ferry.send({
				...body, author: `eip155:${a.chain_id}:${author.address}`, nonce: '7', deadline: String(deadline),
				signature: await a.sign(author, b, body, 7, deadline),
			}));
		}
		assert.equal(accepted[0].request_id, accepted[1].request_id);
		const done = await ferry.reachAll(accepted, (now) => now.state === 'DELIVERED' && now.destination.final, 30000);
		assert.notEqual(done[0].guid, done[1].guid);
		assert.equal((await a.sent(done[0].request_id)).length, 2);
		assert.equal((await b.received(done[0].request_id)).length, 2);
	},

	async 'a packet with a gas limit that fits no transaction stops nobody'(ferry) {
		const { a, b } = ferry;
		const stranger = await a.richAccount(10n ** 36n);
		const requestId = random();
		await a.sendItem(a.item(b, { requestId, gasLimit: 30_000_000n }), stranger);
		const huge = random();
		await a.sendItem(a.item(b, { requestId: huge, gasLimit: (1n << 64n) - 1n }), stranger);
		const m = await ferry.send(ferry.body(a, b));
		await ferry.deliveredOnce(a, b, [m]);
		for (const id of [requestId, huge]) {
			const [{ guid }] = await a.sent(id);
			await followed(ferry, guid);
			await ferry.reach(guid, 'EXECUTION_FAILED');
		}
	},

	async 'a stranger\'s packet vanishes with its block: nobody sends it for him, and the path goes on'(ferry) {
		const { a, b } = ferry;
		const stranger = await a.richAccount();
		const item = a.item(b, { receiver: pad(await b.receiver()), requestId: random() });
		const other = a.item(b, { receiver: item.receiver, requestId: random() });
		await b.pause();
		await a.sendItem(item, stranger);
		const [{ guid }] = await a.sent(item.requestId);
		await followed(ferry, guid);
		const gone = await ferry.get(guid);
		const height = await a.height();
		await a.reorg(height - Number(gone.source.block_number) + 1);
		assert.equal((await a.sent(item.requestId)).length, 0);
		await a.mine(3);
		await until('the relay has seen it', 
			async () => ferry.sql(`SELECT 1 FROM event WHERE type = 'REORGED' AND message_id = '${gone.id.slice(4)}'`).length === 1);
		await b.resume();
		await a.ask('anvil_setBalance', stranger.address, toHex(10n ** 19n));
		await a.sendItem(other, stranger);
		const m = await ferry.send(ferry.body(a, b));
		await ferry.deliveredOnce(a, b, [m]);
		const [{ guid: second }] = await a.sent(other.requestId);
		await followed(ferry, second);
		await ferry.reach(second, 'DELIVERED');
		assert.equal((await a.sent(item.requestId)).length, 0, 'the gateway sent a stranger\'s packet');
		await a.sendItem(item, stranger);
		const [{ guid: again }] = await a.sent(item.requestId);
		await followed(ferry, again);
		const done = await ferry.reach(again, (now) => now.state === 'DELIVERED' && now.destination.final);
		assert.equal(done.kind, 'observed');
		assert.deepEqual((await b.got(`0x${item.receiver.slice(26)}`)).map((g) => g.author), [stranger.address, stranger.address]);
	},
};

await run(scenarios, { ports: [18970, 18999] });
