// The Batcher: many packets in one transaction, and none of them can stop the others.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeFunctionData, pad, size, slice } from 'viem';
import { artifact } from '../compile.mjs';
import {
	accounts, deliver, makeWorld, messageOf, packetsOf, reasonText, receiveGas, sendAll, signed, verify, COMMIT, RECEIVE,
} from './world.mjs';

const { alice, relay, stranger, owner } = accounts;
const MODE = { Quiet: 0, Record: 1, TellGas: 2, Burn: 3, Call: 7 };

let world, a, b, quiet;
before(async () => {
	world = await makeWorld();
	({ a, b } = world);
	quiet = await target('Quiet');
});
after(() => world?.stop());

async function target(mode) {
	const address = await b.deploy('TestTarget');
	await b.write(owner, ['TestTarget', address], 'setMode', [MODE[mode]]);
	return address;
}
const items = (count, fields = {}) =>
	Promise.all(Array.from({ length: count }, () => signed(a, b, alice, { receiver: pad(quiet), ...fields })));
async function verified(list) {
	const packets = await sendAll(a, relay, list);
	await verify(b, packets);
	return packets;
}
const guids = (receipt) => receipt.named('Received').map((x) => x.guid);
const indexes = (receipt, name) => receipt.named(name).map((x) => Number(x.index));

test('stops before the item its gas does not cover', async () => {
	const packets = await verified(await items(6));
	const all = await b.undoing(() => deliver(b, packets, { gas: 15_000_000n }));
	assert.equal(guids(all).length, 6);
	assert.deepEqual(indexes(all, 'Stopped'), []);
	let stopped = 0;
	for (let gas = 250_000n; gas < 1_300_000n; gas += 75_000n) {
		await b.undoing(async () => {
			const receipt = await deliver(b, packets, { gas });
			assert.ok(receipt.ok, `gas ${gas}`);
			assert.equal(receipt.named('LzReceiveAlert').length, 0, `gas ${gas}`);
			assert.equal(receipt.named('CommitFailed').length, 0, `gas ${gas}`);
			const done = guids(receipt).length;
			assert.equal(receipt.named('PacketVerified').length, done, `gas ${gas}`);
			assert.deepEqual(indexes(receipt, 'Stopped'), done === 6 ? [] : [done], `gas ${gas}`);
			if (done < 6) stopped++;
		});
	}
	assert.ok(stopped >= 3);
	for (let gas = 80_000n; gas < 500_000n; gas += 30_000n) {
		await b.undoing(async () => {
			const receipt = await deliver(b, packets.slice(0, 2), { gas, fields: () => ({ ops: COMMIT }) });
			assert.ok(receipt.ok, `gas ${gas}`);
			assert.equal(receipt.named('CommitFailed').length, 0, `gas ${gas}`);
		});
	}
	await deliver(b, packets);
});

test('an absurd gas limit stops the batch, it does not revert it', async () => {
	const packets = await verified(await items(3));
	for (const gasLimit of [2n ** 256n - 1n, 2n ** 64n, 10n ** 9n]) {
		await b.undoing(async () => {
			const receipt = await deliver(b, packets, { fields: (_, i) => (i === 1 ? { gasLimit } : {}) });
			assert.equal(receipt.ok, true);
			assert.deepEqual([guids(receipt).length, indexes(receipt, 'Stopped')], [1, [1]]);
		});
	}
	await deliver(b, packets);
});

test('burns no more than it said, and always has enough left for the alert', async () => {
	const burning = await target('Burn');
	const big = `0x${'ab'.repeat(9800)}`;
	const packets = await verified([
		...(await items(1, { receiver: pad(burning), gasLimit: 300000n, payload: big })), ...(await items(1)),
	]);
	let alerts = 0;
	for (let gas = 900_000n; gas < 2_200_000n; gas += 100_000n) {
		await b.undoing(async () => {
			const receipt = await deliver(b, packets, { gas });
			assert.ok(receipt.ok, `gas ${gas}`);
			const stopped = indexes(receipt, 'Stopped');
			const alert = receipt.named('LzReceiveAlert').length;
			assert.equal(alert, stopped[0] === 0 ? 0 : 1, `gas ${gas}`);
			assert.equal(guids(receipt).length, stopped.length ? 0 : 1, `gas ${gas}`);
			alerts += alert;
		});
	}
	assert.ok(alerts > 2);
	await deliver(b, packets, { fields: () => ({ ops: COMMIT }) });
	// Given so little more than the receiver burns that nothing of it is left for the alert.
	for (const gasLimit of [366_000n, 376_000n]) {
		for (let gas = 600_000n; gas < 680_000n; gas += 8_000n) {
			await b.undoing(async () => {
				const receipt = await deliver(b, packets.slice(0, 1), { gas, fields: () => ({ ops: RECEIVE, gasLimit }) });
				assert.ok(receipt.ok, `gas ${gas}`);
				const stopped = indexes(receipt, 'Stopped').length;
				assert.equal(receipt.named('LzReceiveAlert').length, 1 - stopped, `gas ${gas}, ${gasLimit} given`);
			});
		}
	}
	const all = await deliver(b, packets.slice(0, 1), { fields: () => ({ ops: RECEIVE, gasLimit: 376_000n }) });
	assert.equal(all.named('LzReceiveAlert')[0].reason, '0x');
});

test('a failed receive leaves the reason on the chain', async () => {
	const [packet] = await verified(await items(1, { receiver: pad(b.addresses.test_receiver) }));
	await b.write(owner, 'test_receiver', 'setRevert', [true]);
	const receipt = await deliver(b, [packet]);
	await b.write(owner, 'test_receiver', 'setRevert', [false]);
	const [alert] = receipt.named('LzReceiveAlert');
	assert.equal(alert.receiver, b.addresses.messenger);
	assert.equal(alert.executor, b.addresses.batcher);
	assert.deepEqual(alert.origin, { srcEid: a.eid, sender: packet.sender, nonce: packet.nonce });
	assert.equal(alert.guid, packet.guid);
	assert.equal(alert.gas, receiveGas(packet));
	assert.equal(alert.value, 0n);
	assert.equal(alert.message, packet.message);
	assert.equal(alert.extraData, '0x');
	assert.match(Buffer.from(alert.reason.slice(2), 'hex').toString('latin1'), /TestReceiver: told to revert/);
	assert.equal(receipt.named('PacketVerified').length, 1);
	assert.equal(guids(await deliver(b, [packet], { from: stranger, fields: () => ({ ops: RECEIVE }) })).length, 1);
});

test('what somebody else committed is received all the same', async () => {
	const packets = await verified(await items(3));
	await b.write(stranger, 'receive_uln', 'commitVerification', [packets[1].header, packets[1].hash]);
	const receipt = await deliver(b, packets);
	assert.deepEqual(guids(receipt), packets.map((p) => p.guid));
	assert.deepEqual(indexes(receipt, 'CommitFailed'), []);
});

test('what somebody else delivered does not stop the others', async () => {
	const packets = await verified(await items(4));
	await deliver(b, packets.slice(0, 2), { from: stranger });
	const receipt = await deliver(b, packets);
	assert.deepEqual(guids(receipt), packets.slice(2).map((p) => p.guid));
	assert.deepEqual(receipt.named('CommitFailed').map((x) => [Number(x.index), x.guid, slice(x.reason, 0, 4)]),
		[[0, packets[0].guid, '0x4c3118d4'], [1, packets[1].guid, '0x4c3118d4']]); // LZ_ULN_Verifying
	const receiveOnly = await deliver(b, packets, { fields: () => ({ ops: RECEIVE }) });
	assert.equal(receiveOnly.ok, true);
	assert.equal(receiveOnly.named('LzReceiveAlert').length, 4);
	assert.match(receiveOnly.named('LzReceiveAlert')[0].reason, /^0x7182306f/); // LZ_PayloadHashNotFound
});

test('unverified, forged and broken packets fail alone', async () => {
	const [good, late] = await sendAll(a, relay, await items(2));
	await verify(b, [good]);
	const forged = { ...good, packet: `${good.packet.slice(0, -2)}ff` };
	const list = [late, forged, { ...good, packet: '0x01' }, { ...good, packet: '0x' }, good];
	const receipt = await deliver(b, list, { fields: () => ({ gasLimit: 400000n }) });
	assert.deepEqual(indexes(receipt, 'CommitFailed'), [0, 1, 2, 3]);
	assert.deepEqual(receipt.named('CommitFailed').map((x) => reasonText(x.reason)).slice(2), ['BadPacket', 'BadPacket']);
	assert.deepEqual(guids(receipt), [good.guid]);
	await verify(b, [late]);
	assert.deepEqual(guids(await deliver(b, [late])), [late.guid]);
	const junk = { ...late, packet: `0x${'ff'.repeat(200)}` };
	const alone = await deliver(b, [junk], { fields: () => ({ gasLimit: 400000n }) });
	assert.deepEqual([alone.ok, indexes(alone, 'CommitFailed')], [true, [0]]);
});

test('commit only, receive only, neither', async () => {
	const [packet] = await verified(await items(1));
	const run = (ops) => deliver(b, [packet], { fields: () => ({ ops }) });
	assert.deepEqual((await run(0)).events, []);
	const committed = await run(COMMIT);
	assert.deepEqual([committed.named('PacketVerified').length, guids(committed).length], [1, 0]);
	assert.deepEqual(guids(await run(RECEIVE)), [packet.guid]);
});

test('an application that burns gas or reverts at length when asked about its path is bounded', async () => {
	const peer = await a.deploy('TestPeer', [a.addresses.endpoint, owner.address]);
	const burner = await b.deploy('TestPeer', [b.addresses.endpoint, owner.address]);
	await a.write(owner, ['TestPeer', peer], 'setPeer', [b.eid, pad(burner)]);
	const fee = await a.read(['TestPeer', peer], 'quoteRaw', [b.eid, '0x00']);
	const sent = await a.write(owner, ['TestPeer', peer], 'sendRaw', [b.eid, '0x00'], { value: fee });
	const hostile = packetsOf(sent);
	await verify(b, hostile);
	await b.write(owner, ['TestPeer', burner], 'setBombing', [true]);
	const bombed = await deliver(b, hostile, { fields: () => ({ gasLimit: 400000n }) });
	assert.equal(size(bombed.named('CommitFailed')[0].reason), 1024);
	await b.write(owner, ['TestPeer', burner], 'setBombing', [false]);
	const good = await verified(await items(2));
	const receipt = await deliver(b, [good[0], ...hostile, good[1]], { fields: () => ({ gasLimit: 400000n }) });
	assert.deepEqual([guids(receipt).length, indexes(receipt, 'CommitFailed')], [2, [1]]);
	assert.ok(receipt.gas < 700_000, `${receipt.gas}`);
	const more = await verified(await items(1));
	for (let gas = 200_000n; gas < 800_000n; gas += 40_000n) {
		await b.undoing(async () => {
			const tight = await deliver(b, [...more, ...hostile], { gas, fields: () => ({ ops: COMMIT, gasLimit: 0n }) });
			assert.ok(tight.ok, `gas ${gas}`);
		});
	}
	await deliver(b, more);
});

test('value is forwarded item by item, the rest comes back', async () => {
	const address = await target('Record');
	const packets = await verified(await items(4, { receiver: pad(address) }));
	await b.write(owner, 'test_receiver', 'setRevert', [true]);
	const [failing] = await verified(await items(1, { receiver: pad(b.addresses.test_receiver) }));
	const before_ = await b.balance(relay.address);
	const values = [3n, 5n, 7n, 0n, 100n];
	const list = [packets[0], failing, packets[1], packets[2], packets[3]];
	await deliver(b, list, { from: stranger, fields: () => ({ ops: COMMIT }) });
	const receipt = await deliver(b, list, { value: 20n, fields: (_, i) => ({ value: values[i], ops: RECEIVE }) });
	await b.write(owner, 'test_receiver', 'setRevert', [false]);
	assert.deepEqual(guids(receipt), [packets[0].guid, packets[1].guid, packets[2].guid]);
	const reasons = receipt.named('LzReceiveAlert').map((x) => x.reason);
	assert.match(reasons[0], /^0x08c379a0/);
	assert.equal(reasonText(reasons[1]), 'ValueNotCovered(100,10)');
	assert.equal(await b.balance(address), 10n);
	const paid = BigInt(receipt.raw.gasUsed) * BigInt(receipt.raw.effectiveGasPrice);
	assert.equal(before_ - (await b.balance(relay.address)), 10n + paid);
	assert.equal(await b.balance(b.addresses.batcher), 0n);
});

test('a receiver that calls the Batcher again cannot take the batch\'s money', async () => {
	const thief = await target('Quiet');
	const rich = await target('Record');
	const [bait, prize] = await verified([
		...(await items(1, { receiver: pad(thief), gasLimit: 500000n })), ...(await items(1, { receiver: pad(rich) })),
	]);
	const data = (list) => encodeFunctionData({ abi: artifact('Batcher').abi, functionName: 'deliver', args: [list] });
	await b.write(owner, ['TestTarget', thief], 'setCall', [b.addresses.batcher, data([{
		packet: prize.packet, gasLimit: 60000n, value: 0n, ops: RECEIVE,
	}])]);
	const before_ = await b.balance(relay.address);
	const receipt = await deliver(b, [bait, prize], { value: 1000n, fields: (_, i) => ({ value: i ? 400n : 0n }) });
	assert.equal(guids(receipt).length, 2);
	assert.equal(await b.read(['TestTarget', thief], 'nestedOk'), true);
	assert.equal(await b.balance(thief), 0n);
	assert.equal(await b.balance(rich), 400n);
	const paid = BigInt(receipt.raw.gasUsed) * BigInt(receipt.raw.effectiveGasPrice);
	assert.equal(before_ - (await b.balance(relay.address)), 400n + paid);
});

test('reasons are cut at 1 KiB', async () => {
	const bomb = await b.deploy('TestTarget');
	await b.write(owner, ['TestTarget', bomb], 'setMode', [5]);
	const [packet] = await verified(await items(1, { receiver: pad(bomb) }));
	const [alert] = (await deliver(b, [packet])).named('LzReceiveAlert');
	assert.equal(size(alert.reason), 1024);
	assert.equal(messageOf(packet).version, 1);
});
