// What arrives at a Messenger: who may deliver, order, gas, hostile receivers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
	concat, decodeErrorResult, encodeAbiParameters, encodeFunctionData, keccak256, pad, size, slice, toBytes,
	toHex, zeroHash,
} from 'viem';
import { artifact } from '../compile.mjs';
import {
	accounts, deliver, makeWorld, messageOf, packetsOf, reasonText, receiveGas, sendAll, signed, unsigned, verify, COMMIT,
	RECEIVE,
} from './world.mjs';

const { alice, bob, relay, stranger, owner } = accounts;
const MODE = { Quiet: 0, Record: 1, TellGas: 2, Burn: 3, BurnAndSucceed: 4, Bomb: 5, ReturnBomb: 6, Call: 7 };

let world, a, b;
before(async () => {
	world = await makeWorld();
	({ a, b } = world);
});
after(() => world?.stop());

async function target(mode) {
	const address = await b.deploy('TestTarget');
	await b.write(owner, ['TestTarget', address], 'setMode', [MODE[mode]]);
	return address;
}

/** Sends and verifies items on b; they still wait for commit and receive. */
async function verified(items) {
	const packets = await sendAll(a, relay, items);
	await verify(b, packets);
	return packets;
}
const to = async (address, fields = {}) => signed(a, b, alice, { receiver: pad(address), ...fields });
const alerts = (receipt) => receipt.named('LzReceiveAlert').map((x) => reasonText(x.reason));
const origin = (packet) => ({ srcEid: a.eid, sender: packet.sender, nonce: packet.nonce });
const lzReceive = (packet, gas, from = stranger) => b.ask(from, 'endpoint', 'lzReceive',
	[origin(packet), packet.receiver, packet.guid, packet.message, '0x'], { gas });

test('the receiver gets what the author wrote, once', async () => {
	const address = await target('Record');
	const app = keccak256('0x0a');
	const items = [
		await signed(a, b, alice, { receiver: pad(address), payload: '0xdeadbeef' }),
		await unsigned(a, b, { receiver: pad(address), payload: '0x', appId: app }),
	];
	const packets = await verified(items);
	const fields = (author, isSigned, appId, id, payload) => keccak256(encodeAbiParameters(
		['uint32', 'address', 'bool', 'bytes32', 'bytes32', 'bytes'].map((type) => ({ type })),
		[a.eid, author, isSigned, appId, id, payload],
	));
	for (const [i, expected] of [
		fields(alice.address, true, zeroHash, messageOf(packets[0]).requestId, '0xdeadbeef'),
		fields(relay.address, false, app, items[1].requestId, '0x'),
	].entries()) {
		const receipt = await deliver(b, [packets[i]]);
		assert.equal(receipt.named('PacketDelivered').length, 1);
		assert.deepEqual(receipt.named('Received'), [{ guid: packets[i].guid, requestId: messageOf(packets[i]).requestId }]);
		assert.equal(await b.read(['TestTarget', address], 'lastFields'), expected);
	}
	const again = await deliver(b, packets);
	assert.equal(again.ok, true);
	assert.equal(again.named('CommitFailed').length, 2);
	assert.equal(await b.read(['TestTarget', address], 'calls'), 2n);
});

test('TestReceiver counts, keeps the last, and reverts when told', async () => {
	const before_ = await b.read('test_receiver', 'count');
	const [packet] = await verified([await signed(a, b, bob, { payload: '0x5151' })]);
	await b.write(stranger, 'test_receiver', 'setRevert', [true]);
	assert.deepEqual(await b.read('test_receiver', 'reverting'), true);
	const failed = await deliver(b, [packet]);
	assert.equal(failed.named('Received').length, 0);
	assert.equal(alerts(failed).length, 1);
	assert.match(failed.named('LzReceiveAlert')[0].reason, /^0x08c379a0/);
	await b.write(stranger, 'test_receiver', 'setRevert', [false]);
	const receipt = await deliver(b, [packet], { fields: () => ({ ops: RECEIVE }) });
	assert.deepEqual(receipt.named('Got'),
		[{ requestId: messageOf(packet).requestId, author: bob.address, payload: '0x5151' }]);
	assert.equal(await b.read('test_receiver', 'count'), before_ + 1n);
	assert.equal(await b.read('test_receiver', 'lastAuthor'), bob.address);
	assert.equal(await b.read('test_receiver', 'lastPayload'), '0x5151');
	const forged = await b.ask(stranger, 'test_receiver', 'ferryReceive', [1, alice.address, true, zeroHash, zeroHash, '0x']);
	assert.equal(forged.reason, `OnlyMessenger(${stranger.address})`);
});

test('only the endpoint delivers, and only from the peer', async () => {
	const [packet] = await sendAll(a, relay, [await signed(a, b, alice)]);
	const args = [origin(packet), packet.guid, packet.message, stranger.address, '0x'];
	assert.equal((await b.ask(stranger, 'messenger', 'lzReceive', args)).reason, `OnlyEndpoint(${stranger.address})`);
	const { endpoint } = b.addresses;
	assert.equal((await b.ask(endpoint, 'messenger', 'lzReceive', args)).reason, undefined);
	const other = pad(stranger.address).toLowerCase();
	const wrong = [{ ...args[0], sender: other }, ...args.slice(1)];
	assert.equal((await b.ask(endpoint, 'messenger', 'lzReceive', wrong)).reason, `OnlyPeer(${a.eid},${other})`);
	const nowhere = [{ ...args[0], srcEid: 49999 }, ...args.slice(1)];
	assert.equal((await b.ask(endpoint, 'messenger', 'lzReceive', nowhere)).reason, 'NoPeer(49999)');
	await verify(b, [packet]);
	await deliver(b, [packet]);
});

test('a packet of a contract that is not the peer is not even committed', async () => {
	const impostor = await a.deploy('Messenger', [a.addresses.endpoint, owner.address]);
	await a.write(owner, ['Messenger', impostor], 'setPeer', [b.eid, pad(b.addresses.messenger)]);
	const item = await unsigned(a, b);
	const sent = await a.write(stranger, ['Messenger', impostor], 'send', [item], { value: item.fee });
	const packets = packetsOf(sent);
	assert.equal(packets.length, 1);
	await verify(b, packets);
	const receipt = await deliver(b, packets);
	assert.deepEqual(receipt.named('CommitFailed').map((x) => x.guid), [packets[0].guid]);
	assert.equal(receipt.named('CommitFailed')[0].reason, '0x751cb20f'); // LZ_PathNotInitializable
	assert.equal(receipt.named('Received').length, 0);
});

test('a message that no Messenger makes is refused, even from the peer', async () => {
	const peer = await a.deploy('TestPeer', [a.addresses.endpoint, owner.address]);
	const messenger = await b.deploy('Messenger', [b.addresses.endpoint, owner.address]);
	await a.write(owner, ['TestPeer', peer], 'setPeer', [b.eid, pad(messenger)]);
	await b.write(owner, ['Messenger', messenger], 'setPeer', [a.eid, pad(peer)]);
	const address = await target('Quiet');
	const make = ({ version = 1, flags = 1, receiver = pad(address), orderingKey = zeroHash, seq = 0n }) => concat([
		toHex(version, { size: 1 }), toHex(flags, { size: 1 }), alice.address, zeroHash, keccak256('0x01'), receiver,
		toHex(100000n, { size: 16 }), orderingKey, toHex(seq, { size: 8 }),
	]);
	const cases = [
		[make({}), undefined],
		['0x', 'BadMessage'], [slice(make({}), 0, 173), 'BadMessage'], [make({ version: 0 }), 'BadMessage'],
		[make({ version: 2 }), 'BadMessage'], [make({ flags: 2 }), 'BadMessage'], [make({ flags: 3 }), 'BadMessage'],
		[make({ flags: 0x81 }), 'BadMessage'], [make({ seq: 1n }), 'BadMessage'],
		[make({ orderingKey: keccak256('0x') }), 'OutOfOrder(1,0)'],
		[make({ receiver: pad(stranger.address) }), `NoReceiver(${stranger.address})`],
		[make({ receiver: zeroHash }), 'NoReceiver(0x0000000000000000000000000000000000000000)'],
		[concat([make({}), '0xaabb']), undefined],
		[make({ flags: 0 }), undefined],
	];
	for (const [message, reason] of cases) {
		const fee = await a.read(['TestPeer', peer], 'quoteRaw', [b.eid, message]);
		const packets = packetsOf(await a.write(owner, ['TestPeer', peer], 'sendRaw', [b.eid, message], { value: fee }));
		await verify(b, packets);
		const receipt = await deliver(b, packets, { fields: () => ({ gasLimit: 400000n }) });
		assert.deepEqual(alerts(receipt), reason ? [reason] : [], message);
		assert.equal(receipt.named('Received').length, reason ? 0 : 1, message);
	}
	const dirty = make({ receiver: concat(['0x01', slice(pad(address), 1)]) });
	const fee = await a.read(['TestPeer', peer], 'quoteRaw', [b.eid, dirty]);
	const packets = packetsOf(await a.write(owner, ['TestPeer', peer], 'sendRaw', [b.eid, dirty], { value: fee }));
	await verify(b, packets);
	assert.match(alerts(await deliver(b, packets, { fields: () => ({ gasLimit: 400000n }) }))[0], /^NoReceiver/);
});

test('ordered messages: the later one waits, the others do not', async () => {
	const k = keccak256('0x0d');
	const receiver = pad(await target('Quiet'));
	const [first, second, third, other, free] = await verified([
		await signed(a, b, alice, { orderingKey: k, receiver }), await signed(a, b, alice, { orderingKey: k, receiver }),
		await signed(a, b, alice, { orderingKey: k, receiver }), await signed(a, b, bob, { orderingKey: k, receiver }),
		await signed(a, b, alice, { receiver }),
	]);
	await deliver(b, [first, second, third, other, free], { fields: () => ({ ops: COMMIT }) });
	const receiveOnly = { fields: () => ({ ops: RECEIVE }) };
	const early = await deliver(b, [third, second, other, free], receiveOnly);
	assert.deepEqual(alerts(early), ['OutOfOrder(1,3)', 'OutOfOrder(1,2)']);
	assert.equal(early.named('Received').length, 2);
	const rest = await deliver(b, [first, second, third], receiveOnly);
	assert.deepEqual(alerts(rest), []);
	assert.equal(rest.named('Received').length, 3);
});

test('a message that fails holds its key, until the owner lets the key pass', async () => {
	const k = keccak256('0x0e');
	const burning = await target('Burn');
	const quiet = await target('Quiet');
	const [first, second] = await verified([
		await to(burning, { orderingKey: k, gasLimit: 50000n }), await to(quiet, { orderingKey: k }),
	]);
	const both = await deliver(b, [first, second]);
	assert.deepEqual(alerts(both), ['', 'OutOfOrder(1,2)']);
	const key = await b.read('messenger', 'sequenceKey', [true, alice.address, zeroHash, k]);
	assert.equal(await b.read('messenger', 'lastReceived', [a.eid, key]), 0n);
	// The delegate clears the packet at the endpoint; its sequence number is then passed.
	const clear = [b.addresses.messenger, origin(first), first.guid, first.message];
	assert.equal((await b.write(relay, 'endpoint', 'clear', clear)).ok, true);
	const pass = (from, seq) => b.ask(from, 'messenger', 'passSequence', [a.eid, key, seq]);
	assert.equal((await pass(stranger, 1n)).reason, 'OnlyOwnerOrDelegate');
	assert.equal((await pass(owner, 1n)).reason, undefined);
	assert.equal((await pass(relay, 2n)).reason, 'OutOfOrder(1,2)');
	assert.deepEqual((await b.write(relay, 'messenger', 'passSequence', [a.eid, key, 1n])).named('SequencePassed'),
		[{ srcEid: a.eid, key, seq: 1n }]);
	assert.equal((await deliver(b, [second], { fields: () => ({ ops: RECEIVE }) })).named('Received').length, 1);
});

test('whoever executes cannot make a message fail by giving too little gas', async () => {
	const address = await target('TellGas');
	const [packet] = await verified([await to(address, { gasLimit: 150000n, payload: `0x${'ab'.repeat(100)}` })]);
	await deliver(b, [packet], { fields: () => ({ ops: COMMIT }) });
	const entries = new Set();
	let insufficient = 0;
	for (let gas = 60000n; gas <= 300000n; gas += 1500n) {
		const { reason, data } = await lzReceive(packet, gas);
		if (/^InsufficientGas/.test(reason)) insufficient++;
		else if (/^GasWas/.test(reason)) entries.add(Number(decodeErrorResult({ abi: artifact('TestTarget').abi, data }).args[0]));
		else assert.ok(!reason || /out of gas|OutOfGas/i.test(reason), reason);
	}
	for (let gas = 200000n, low = 150000n, high = 300000n; high - low > 1n; gas = (low + high) / 2n) {
		const { reason, data } = await lzReceive(packet, gas);
		if (/^GasWas/.test(reason)) {
			entries.add(Number(decodeErrorResult({ abi: artifact('TestTarget').abi, data }).args[0]));
			high = gas;
		} else low = gas;
	}
	assert.ok(insufficient > 10);
	assert.equal(entries.size, 1, `the receiver began with ${[...entries]}`);
	const [left] = entries;
	assert.ok(left > 149000 && left < 150000, `${left}`);
});

test('the overhead covers the largest message for a receiver that uses all its gas', async (t) => {
	const address = await target('BurnAndSucceed');
	const [packet] = await verified([await to(address, {
		gasLimit: 1000000n, payload: `0x${'ab'.repeat(9826)}`, orderingKey: keccak256('0x0f'),
	})]);
	assert.equal(size(packet.message), 10000);
	await deliver(b, [packet], { fields: () => ({ ops: COMMIT }) });
	// An eth_call pays for its calldata first, as a transaction does.
	const args = [origin(packet), packet.receiver, packet.guid, packet.message, '0x'];
	const data = toBytes(encodeFunctionData({ abi: artifact('EndpointV2').abi, functionName: 'lzReceive', args }));
	const paid = data.reduce((sum, byte) => sum + (byte ? 16n : 4n), 21000n);
	let [low, high] = [1000000n, receiveGas(packet) + paid];
	while (high - low > 1n) {
		const gas = (low + high) / 2n;
		if ((await lzReceive(packet, gas)).reason === undefined) high = gas;
		else low = gas;
	}
	const needed = high - paid - 1000000n * 64n / 63n;
	assert.ok(needed < 90000n, `${needed}`);
	t.diagnostic(`needed beside gasLimit * 64 / 63: ${needed}`);
	const receipt = await deliver(b, [packet]);
	assert.deepEqual(alerts(receipt), []);
	assert.equal(receipt.named('Received').length, 1);
	assert.ok(receipt.gas > 1000000);
});

test('receivers that burn, bomb or return megabytes hurt only themselves', async () => {
	for (const [mode, good] of [['Burn', false], ['Bomb', false], ['ReturnBomb', true]]) {
		const address = await target(mode);
		const quiet = await target('Quiet');
		const packets = await verified([await to(quiet), await to(address, { gasLimit: 100000n }), await to(quiet)]);
		const receipt = await deliver(b, packets);
		assert.equal(receipt.named('Received').length, good ? 3 : 2, mode);
		assert.equal(receipt.named('LzReceiveAlert').length, good ? 0 : 1, mode);
		assert.ok(receipt.gas < 800000, `${mode}: ${receipt.gas}`);
		if (mode !== 'Bomb') continue;
		assert.equal(size(receipt.named('LzReceiveAlert')[0].reason), 1024);
		assert.equal(size((await lzReceive(packets[1], 400000n)).data), 1024);
	}
});

test('a receiver may use the Messenger and the Batcher while it is called', async () => {
	const address = await target('Quiet');
	const quiet = await target('Quiet');
	const item = await unsigned(b, a, { receiver: pad(a.addresses.test_receiver) });
	const [outer, inner, last] = await verified([await to(address, { gasLimit: 900000n }), await to(quiet), await to(quiet)]);
	const nested = async (to_, name, functionName, args) => b.write(owner, ['TestTarget', address], 'setCall',
		[to_, encodeFunctionData({ abi: artifact(name).abi, functionName, args })]);
	// its own packet again: the endpoint cleared it before the call
	await nested(b.addresses.batcher, 'Batcher', 'deliver', [[outer, inner].map((p) => ({
		packet: p.packet, gasLimit: receiveGas(inner), value: 0n, ops: COMMIT | RECEIVE,
	}))]);
	const receipt = await deliver(b, [outer, inner, last], { fields: (_, i) => (i === 0 ? { gasLimit: 1500000n } : {}) });
	assert.equal(await b.read(['TestTarget', address], 'nestedOk'), true);
	assert.equal(await b.read(['TestTarget', address], 'calls'), 1n);
	assert.equal(receipt.named('Received').length, 3);
	// an answer of its own (without money here: the reason says so)
	await nested(b.addresses.messenger, 'Messenger', 'send', [item]);
	const [again] = await verified([await to(address, { gasLimit: 900000n })]);
	await deliver(b, [again]);
	assert.equal(reasonText(await b.read(['TestTarget', address], 'nestedReason')), `FeeNotCovered(${item.fee},0)`);
});

test('value goes to the receiver', async () => {
	const address = await target('Record');
	const packets = await verified([await to(address, { value: 5n })]);
	const receipt = await deliver(b, packets, { value: 5n, fields: () => ({ value: 5n }) });
	assert.equal(receipt.named('Received').length, 1);
	assert.equal(await b.read(['TestTarget', address], 'lastValue'), 5n);
	assert.equal(await b.balance(address), 5n);
	assert.equal(await b.balance(b.addresses.messenger), 0n);
	const tell = await target('TellGas');
	const [packet] = await verified([await to(tell, { value: 5n, gasLimit: 150000n })]);
	await deliver(b, [packet], { fields: () => ({ ops: COMMIT }) });
	const entries = new Set();
	for (let low = 150000n, high = 350000n; high - low > 1n;) {
		const gas = (low + high) / 2n;
		const { reason, data } = await b.ask(stranger, 'endpoint', 'lzReceive',
			[origin(packet), packet.receiver, packet.guid, packet.message, '0x'], { gas, value: 5n });
		if (/^GasWas/.test(reason)) {
			entries.add(Number(decodeErrorResult({ abi: artifact('TestTarget').abi, data }).args[0]));
			high = gas;
		} else low = gas;
	}
	assert.equal(entries.size, 1);
	assert.ok([...entries][0] > 149000);
});
