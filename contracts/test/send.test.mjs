// What leaves a Messenger, and what does not: signatures, nonces, deadlines, batches, fees.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
	concat, encodeAbiParameters, encodeFunctionData, hashStruct, hashTypedData, keccak256, pad, size, slice, toHex, zeroHash,
} from 'viem';
import { artifact } from '../compile.mjs';
import { rpcCall } from '../devnet.mjs';
import {
	SEND_TYPES, accounts, makeItem, makeWorld, messageOf, packetsOf, reasonText, sendAll, signed, total, typedData, unsigned,
} from './world.mjs';

const { alice, bob, relay, stranger, owner } = accounts;
const SECP256K1_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const ANSWER = { Yes: 0, No: 1, Short: 2, Padded: 3, Long: 4, Burn: 5, Bomb: 6, RevertBomb: 7, Reenter: 8 };

let world, a, b;
before(async () => {
	world = await makeWorld();
	({ a, b } = world);
});
after(() => world?.stop());

const ask = (item, from = relay) => a.ask(from, 'messenger', 'send', [item], { value: item.fee });
const refused = async (item, reason, from) => assert.equal((await ask(item, from)).reason, reason);
const accepted = async (item, from) => assert.equal((await ask(item, from)).reason, undefined);
const send = (item, from = relay) => a.write(from, 'messenger', 'send', [item], { value: item.fee });
const sendMany = (items, options = {}) =>
	a.write(options.from ?? relay, 'messenger', 'sendMany', [items], { value: total(items), ...options });
const skips = (receipt) => receipt.named('Skipped').map((s) => [Number(s.index), s.requestId, reasonText(s.reason)]);

async function wallet(answer = 'Yes', question = '0x') {
	const address = await a.deploy('TestWallet', [a.addresses.messenger]);
	await a.write(owner, ['TestWallet', address], 'setAnswer', [ANSWER[answer], question]);
	return address;
}

test('a signed item becomes a packet with the author in it', async () => {
	const item = await signed(a, b, alice, { payload: '0xc0ffee', gasLimit: 123456n, value: 7n });
	const receipt = await send(item);
	const [packet] = packetsOf(receipt);
	const id = hashStruct({ data: item, types: SEND_TYPES, primaryType: 'Send' });
	assert.deepEqual(messageOf(packet), {
		version: 1, flags: 1, author: alice.address.toLowerCase(), appId: zeroHash, requestId: id,
		receiver: item.receiver.toLowerCase(), gasLimit: 123456n, orderingKey: zeroHash, seq: 0n, payload: '0xc0ffee',
	});
	const gas = 123456n * 64n / 63n + 100000n;
	assert.equal(packet.options, concat(['0x000301002101', toHex(gas, { size: 16 }), toHex(7n, { size: 16 })]));
	assert.deepEqual(receipt.named('Sent'), [{ requestId: id, guid: packet.guid }]);
	assert.deepEqual(await a.read('messenger', 'hashItem', [item]), [id, hashTypedData(typedData(a, item))]);
	assert.equal(await a.read('messenger', 'nonceUsed', [alice.address, item.nonce]), true);
	assert.equal(await a.read('messenger', 'nonceBitmap', [alice.address, item.nonce >> 8n]), 1n << (item.nonce & 255n));
});

test('the struct hash may be given as requestId, nothing else', async () => {
	const item = await signed(a, b, alice);
	const [id] = await a.read('messenger', 'hashItem', [item]);
	await accepted({ ...item, requestId: id });
	await refused({ ...item, requestId: keccak256('0x01') }, `BadRequestId(${keccak256('0x01')})`);
});

test('an unsigned item is the submitter\'s', async () => {
	const item = await unsigned(a, b, { appId: keccak256('0xa9'), payload: '0x' });
	const [packet] = packetsOf(await send(item, bob));
	assert.deepEqual(messageOf(packet), {
		version: 1, flags: 0, author: bob.address.toLowerCase(), appId: item.appId, requestId: item.requestId,
		receiver: item.receiver.toLowerCase(), gasLimit: item.gasLimit, orderingKey: zeroHash, seq: 0n, payload: '0x',
	});
	assert.equal(size(packet.message), 174);
	await refused(item, `NonceUsed(${bob.address},${item.nonce})`, bob);
	await accepted(item, relay);
});

test('an unsigned item cannot name an author, a deadline, or no requestId', async () => {
	await refused(await unsigned(a, b, { author: alice.address }), 'BadAuthor');
	await refused(await unsigned(a, b, { author: relay.address }), 'BadAuthor');
	await refused(await unsigned(a, b, { deadline: 1n }), 'BadDeadline');
	await refused(await unsigned(a, b, { requestId: zeroHash }), `BadRequestId(${zeroHash})`);
});

test('a signature by another key, or over anything else, is refused', async () => {
	const item = await signed(a, b, alice);
	const other = pad(b.addresses.batcher);
	await accepted(item);
	await refused({ ...item, author: bob.address }, 'BadSignature');
	await refused({ ...item, signature: (await signed(a, b, bob, { nonce: item.nonce })).signature }, 'BadSignature');
	for (const change of [
		{ receiver: other }, { payload: '0x1235' }, { gasLimit: 200001n }, { orderingKey: other }, { nonce: 77n },
		{ deadline: item.deadline + 1n },
	]) await refused({ ...item, ...change }, 'BadSignature');
	await refused({ ...item, value: 1n, fee: item.fee * 2n }, 'BadSignature');
	await refused({ ...item, dstEid: a.eid }, 'BadSignature');
	const typed = typedData(a, item);
	for (const change of [
		{ chainId: b.chain_id }, { verifyingContract: b.addresses.batcher }, { name: 'Ferri' }, { version: '2' },
	]) {
		const signature = await alice.signTypedData({ ...typed, domain: { ...typed.domain, ...change } });
		await refused({ ...item, signature }, 'BadSignature');
	}
});

test('nobody can be the author 0, which is what ecrecover answers for nonsense', async () => {
	const nonsense = concat([toHex(1n, { size: 32 }), toHex(SECP256K1_N / 2n, { size: 32 }), '0x1b']);
	await refused(await makeItem(a, b, { signature: `0x${'00'.repeat(64)}1b` }), 'BadAuthor');
	await refused(await makeItem(a, b, { signature: nonsense }), 'BadAuthor');
});

test('v 0 and 1, high s, and other lengths are refused', async () => {
	const item = await signed(a, b, alice);
	const r = slice(item.signature, 0, 32);
	const s = BigInt(slice(item.signature, 32, 64));
	const v = Number(slice(item.signature, 64));
	const make = (s_, v_) => concat([r, toHex(s_, { size: 32 }), toHex(v_, { size: 1 })]);
	await accepted({ ...item, signature: make(s, v) });
	await refused({ ...item, signature: make(s, v - 27) }, 'BadSignature');
	await refused({ ...item, signature: make(s, v === 27 ? 28 : 27) }, 'BadSignature');
	await refused({ ...item, signature: make(SECP256K1_N - s, v === 27 ? 28 : 27) }, 'BadSignature');
	await refused({ ...item, signature: concat([item.signature, '0x00']) }, 'BadSignature');
	await refused({ ...item, signature: slice(item.signature, 0, 64) }, 'BadSignature');
	const vs = toHex(s | (BigInt(v - 27) << 255n), { size: 32 });
	await refused({ ...item, signature: concat([r, vs]) }, 'BadSignature');
});

test('a signed item carries no app id', async () => {
	const item = await signed(a, b, alice);
	await refused({ ...item, appId: keccak256('0x01') }, 'BadAppId');
});

test('the deadline is the last second', async () => {
	const late = await signed(a, b, alice, { deadline: BigInt(Math.floor(Date.now() / 1000) - 60) });
	await refused(late, `Expired(${late.deadline})`);
	const item = await signed(a, b, alice, { deadline: 2n ** 33n });
	const at = (time) => a.ask(relay, 'messenger', 'send', [item], { value: item.fee, time });
	assert.equal((await at(item.deadline)).reason, undefined);
	assert.equal((await at(item.deadline + 1n)).reason, `Expired(${item.deadline})`);
});

test('a nonce is used once, by whoever sends first', async () => {
	const item = await signed(a, b, alice);
	assert.equal((await send(item, stranger)).ok, true);
	await refused(item, `NonceUsed(${alice.address},${item.nonce})`);
	await refused(await signed(a, b, alice, { nonce: item.nonce, payload: '0x99' }), `NonceUsed(${alice.address},${item.nonce})`);
	await accepted(await signed(a, b, bob, { nonce: item.nonce }));
	for (const nonce of [0n, 255n, 256n, 2n ** 256n - 1n]) {
		const edge = await signed(a, b, alice, { nonce });
		assert.equal((await send(edge)).ok, true);
		await refused(edge, `NonceUsed(${alice.address},${nonce})`);
	}
	assert.equal(await a.read('messenger', 'nonceUsed', [alice.address, 1n]), false);
});

test('a stranger\'s copy in the same batch is skipped, the item goes once', async () => {
	const item = await signed(a, b, alice);
	const [id] = await a.read('messenger', 'hashItem', [item]);
	const receipt = await sendMany([item, item], { from: stranger });
	assert.deepEqual(skips(receipt), [[1, id, `NonceUsed(${alice.address},${item.nonce})`]]);
	assert.equal(receipt.named('Sent').length, 1);
});

test('a cancelled nonce is spent', async () => {
	const item = await signed(a, b, alice);
	const receipt = await a.write(alice, 'messenger', 'cancelNonce', [item.nonce]);
	assert.deepEqual(receipt.named('NonceCancelled'), [{ author: alice.address, nonce: item.nonce }]);
	await refused(item, `NonceUsed(${alice.address},${item.nonce})`);
	const again = await a.ask(alice, 'messenger', 'cancelNonce', [item.nonce]);
	assert.equal(again.reason, `NonceUsed(${alice.address},${item.nonce})`);
	const free = await signed(a, b, alice);
	await a.write(bob, 'messenger', 'cancelNonce', [free.nonce]);
	await accepted(free);
});

test('one bad item in a batch of many: the rest go, its fee comes back', async () => {
	const items = [];
	for (let i = 0; i < 40; i++)
		items.push(i % 2 ? await signed(a, b, alice) : await unsigned(a, b));
	items[7] = { ...items[7], author: bob.address };
	items[12] = { ...items[12], receiver: `0x01${'00'.repeat(31)}` };
	items[20] = { ...items[20], fee: 1n };
	items[21] = { ...items[21], dstEid: 49999 };
	items[22] = { ...items[22], payload: `0x${'11'.repeat(9827)}`, fee: items[22].fee * 2n };
	items[30] = { ...items[30], fee: 10n ** 20n };
	items[32] = { ...items[32], gasLimit: 0n };
	items[34] = { ...items[34], gasLimit: 2n ** 64n };
	const good = items.filter((_, i) => ![7, 12, 20, 21, 22, 30, 32, 34].includes(i));
	const value = total(items) - items[30].fee;
	const before = await a.balance(relay.address);
	const receipt = await sendMany(items, { value });
	const gone = skips(receipt);
	assert.equal(receipt.ok, true);
	assert.deepEqual(gone.map(([i]) => i), [7, 12, 20, 21, 22, 30, 32, 34]);
	const reasons = gone.map(([, , reason]) => reason.split('(')[0]);
	assert.equal(reasons[0], 'BadSignature');
	assert.equal(reasons[1], 'BadReceiver');
	assert.equal(reasons[3], 'BadSignature');
	assert.equal(reasons[5], 'FeeNotCovered');
	assert.deepEqual(reasons.slice(6), ['BadGasLimit', 'BadGasLimit']);
	assert.ok(gone.every(([, , reason]) => reason !== ''));
	assert.equal(gone[1][1], items[12].requestId);
	assert.equal(gone[0][1], (await a.read('messenger', 'hashItem', [items[7]]))[0]);
	assert.equal(receipt.named('Sent').length, good.length);
	const paid = BigInt(receipt.raw.gasUsed) * BigInt(receipt.raw.effectiveGasPrice);
	assert.equal(before - (await a.balance(relay.address)), total(good) + paid);
	assert.equal(await a.balance(a.addresses.messenger), 0n);
});

test('a fee that is more than needed comes back, also from the endpoint', async () => {
	const item = await signed(a, b, alice);
	const fee = item.fee;
	item.fee = fee * 3n;
	const before = await a.balance(relay.address);
	const receipt = await a.write(relay, 'messenger', 'send', [item], { value: fee * 5n });
	const paid = BigInt(receipt.raw.gasUsed) * BigInt(receipt.raw.effectiveGasPrice);
	assert.equal(before - (await a.balance(relay.address)), fee + paid);
	const short = await signed(a, b, alice);
	const answer = await a.ask(relay, 'messenger', 'send', [short], { value: short.fee - 1n });
	assert.equal(answer.reason, `FeeNotCovered(${short.fee},${short.fee - 1n})`);
});

test('money in the contract pays nobody\'s fee, and only the endpoint may send it some', async () => {
	await rpcCall(a.rpc, 'anvil_setBalance', [a.addresses.messenger, toHex(10n ** 18n)]);
	const item = await signed(a, b, alice);
	const receipt = await sendMany([item], { value: 0n });
	assert.equal(skips(receipt)[0][2], `FeeNotCovered(${item.fee},0)`);
	await sendMany([item]);
	assert.equal(await a.balance(a.addresses.messenger), 10n ** 18n);
	await rpcCall(a.rpc, 'anvil_setBalance', [a.addresses.messenger, '0x0']);
	assert.equal((await a.transact(stranger, { to: a.addresses.messenger, value: 1n, gas: 100000n })).ok, false);
});

test('sendItem is nobody\'s', async () => {
	const item = await unsigned(a, b);
	const answer = await a.ask(relay, 'messenger', 'sendItem', [item, alice.address, 0n]);
	assert.equal(answer.reason, 'OnlySelf');
});

test('a contract wallet says who may send, by one exact word', async () => {
	for (const [answer, ok] of Object.entries({
		Yes: true, Long: true, No: false, Short: false, Padded: false, Burn: false, Bomb: false, RevertBomb: false,
	})) {
		const item = await makeItem(a, b, { author: await wallet(answer), signature: '0xab' });
		if (ok) await accepted(item);
		else await refused(item, 'BadSignature');
	}
	await refused(await makeItem(a, b, { author: alice.address, signature: '0xab' }), 'BadSignature');
});

test('a contract wallet that said yes and then says no is just skipped', async () => {
	const address = await wallet('Yes');
	const item = await makeItem(a, b, { author: address, signature: '0xab' });
	await accepted(item);
	await a.write(owner, ['TestWallet', address], 'setAnswer', [ANSWER.No, '0x']);
	const others = [await signed(a, b, alice), await unsigned(a, b)];
	const receipt = await sendMany([others[0], item, others[1]]);
	const [id] = await a.read('messenger', 'hashItem', [item]);
	assert.deepEqual(skips(receipt), [[1, id, 'BadSignature']]);
	assert.equal(receipt.named('Sent').length, 2);
	assert.equal(await a.read('messenger', 'nonceUsed', [address, item.nonce]), false);
});

test('wallets that burn gas or answer megabytes cost a bounded amount and stop nobody', async () => {
	const plain = [await signed(a, b, alice), await signed(a, b, alice)];
	const { gas: least } = await sendMany(plain);
	for (const answer of ['Burn', 'Bomb', 'RevertBomb', 'Long']) {
		const hostile = await makeItem(a, b, { author: await wallet(answer), signature: '0xab' });
		const receipt = await sendMany([await signed(a, b, alice), hostile, await signed(a, b, alice)]);
		assert.equal(receipt.named('Sent').length, answer === 'Long' ? 3 : 2, answer);
		assert.ok(receipt.gas < least + 130000, `${answer}: ${receipt.gas} after ${least}`);
	}
});

test('a wallet cannot come back in while it is asked', async () => {
	const address = await wallet('Yes');
	for (const [functionName, args, reason] of [
		['cancelNonce', [5n], 'BadSignature'], ['nonceUsed', [address, 5n], undefined],
	]) {
		const question = encodeFunctionData({ abi: artifact('Messenger').abi, functionName, args });
		await a.write(owner, ['TestWallet', address], 'setAnswer', [ANSWER.Reenter, question]);
		assert.equal((await ask(await makeItem(a, b, { author: address, signature: '0xab' }))).reason, reason);
	}
});

test('a key still signs for an account that has code (EIP-7702)', async () => {
	const item = await signed(a, b, bob);
	await a.undoing(async () => {
		await rpcCall(a.rpc, 'anvil_setCode', [bob.address, '0x60006000fd']);
		await accepted(item);
		await refused({ ...item, payload: '0x77' }, 'BadSignature');
	});
});

test('a submitter that comes back during its refund gets nothing twice', async () => {
	const address = await a.deploy('TestSubmitter', [a.addresses.messenger]);
	const item = await unsigned(a, b);
	await rpcCall(a.rpc, 'anvil_setBalance', [a.addresses.messenger, toHex(10n ** 18n)]);
	const receipt = await a.write(relay, ['TestSubmitter', address], 'sendTwice', [item], { value: item.fee * 3n });
	assert.equal(receipt.ok, true);
	assert.equal(receipt.named('Sent').length, 1);
	assert.deepEqual(skips(receipt).map(([, , reason]) => reason.split('(')[0]).filter((x) => x !== 'FeeNotCovered'),
		['NonceUsed']);
	assert.equal(await a.balance(address), item.fee * 2n);
	assert.equal(await a.balance(a.addresses.messenger), 10n ** 18n);
	await rpcCall(a.rpc, 'anvil_setBalance', [a.addresses.messenger, '0x0']);
});

test('nobody comes back in between: not even a verifier that turned', async () => {
	const worker = await a.deploy('TestWorker');
	const [mine, other] = [await unsigned(a, b, { fee: 0n }), await unsigned(a, b, { fee: 0n })];
	const { abi } = artifact('Messenger');
	const uln = encodeAbiParameters([{ type: 'tuple', components: [
		{ type: 'uint64' }, { type: 'uint8' }, { type: 'uint8' }, { type: 'uint8' }, { type: 'address[]' },
		{ type: 'address[]' },
	] }], [[1n, 1, 0, 0, [worker], []]]);
	for (const [functionName, args] of [['send', [other]], ['sendMany', [[other]]]]) {
		await a.undoing(async () => {
			await a.write(relay, 'endpoint', 'setConfig', [a.addresses.messenger, a.addresses.send_uln,
				[{ eid: b.eid, configType: 2, config: uln }]]);
			await a.write(owner, ['TestWorker', worker], 'setData', [encodeFunctionData({ abi, functionName, args })]);
			const item = { ...mine, fee: await a.read('messenger', 'quote', [mine]) };
			assert.equal((await send(item)).ok, true);
			assert.equal(reasonText(await a.read(['TestWorker', worker], 'nestedReason')), 'Reentered');
		});
	}
});

test('an item is never lost to a batch that runs out of gas', async () => {
	const address = await wallet('Burn');
	const big = `0x${'11'.repeat(9700)}`;
	let tried = 0;
	for (let gas = 1_250_000n; gas < 3_500_000n; gas += 125_000n) {
		await a.undoing(async () => {
			const items = [
				await signed(a, b, alice, { payload: big, orderingKey: keccak256('0x77') }),
				await makeItem(a, b, { author: address, signature: '0xab', payload: big }),
				await unsigned(a, b, { payload: big }),
			];
			const receipt = await sendMany(items, { gas });
			assert.ok(receipt.ok, `gas ${gas}`);
			for (const [index, , reason] of skips(receipt))
				assert.match(reason, index === 1 ? /^(LowGas|BadSignature)/ : /^LowGas/, `gas ${gas}`);
			tried = receipt.named('Sent').length;
		});
	}
	assert.equal(tried, 2);
});

test('sequence numbers count by author, app, key and destination', async () => {
	const k1 = keccak256('0x01');
	const k2 = keccak256('0x02');
	const app = keccak256('0x0a');
	const items = [
		await signed(a, b, alice, { orderingKey: k1 }), await signed(a, b, alice, { orderingKey: k1 }),
		await signed(a, b, alice, { orderingKey: k2 }), await signed(a, b, bob, { orderingKey: k1 }),
		await unsigned(a, b, { orderingKey: k1, appId: app }), await unsigned(a, b, { orderingKey: k1 }),
		await unsigned(a, b, { orderingKey: k1, appId: app }), await signed(a, b, alice),
		await signed(a, b, alice, { orderingKey: k1 }),
	];
	const packets = await sendAll(a, relay, items);
	assert.deepEqual(packets.map((p) => messageOf(p).seq), [1n, 2n, 1n, 1n, 1n, 1n, 2n, 0n, 3n]);
	const bad = await sendMany([{ ...items[0] }, await signed(a, b, alice, { orderingKey: k2 })]);
	assert.deepEqual(packetsOf(bad).map((p) => messageOf(p).seq), [2n]);
	const key = await a.read('messenger', 'sequenceKey', [true, alice.address, zeroHash, k1]);
	assert.equal(await a.read('messenger', 'lastSent', [b.eid, key]), 3n);
});

test('quote is the exact fee, before there is a signature', async () => {
	const item = await makeItem(a, b, { author: alice.address, payload: '0xabcd' });
	const signature = await alice.signTypedData(typedData(a, item));
	await accepted({ ...item, signature });
	const less = { ...item, signature, fee: item.fee - 1n };
	assert.match((await ask(less)).data, /^0x4f3ec0d3/); // LZ_InsufficientFee
	const dear = await makeItem(a, b, { gasLimit: 1000000n });
	assert.ok(dear.fee > item.fee);
	assert.equal((await a.ask(null, 'messenger', 'quote', [{ ...item, dstEid: 49999 }])).reason, 'NoPeer(49999)');
});

test('peers and the delegate are the owner\'s to set', async () => {
	for (const [name, args] of [['setPeer', [b.eid, pad(stranger.address)]], ['setDelegate', [stranger.address]]]) {
		const answer = await a.ask(stranger, 'messenger', name, args);
		assert.match(answer.reason, /^OwnableUnauthorizedAccount/);
	}
	assert.equal(await a.read('messenger', 'owner'), owner.address);
	assert.equal(await a.read('endpoint', 'delegates', [a.addresses.messenger]), relay.address);
});
