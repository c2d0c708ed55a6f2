// What a ProxyRegistry withstands: contract wallets, money and who comes back in, limits and gas, the queue.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeAbiParameters, encodeFunctionData, keccak256, pad, size, toHex, zeroAddress, zeroHash } from 'viem';
import { artifact } from '../compile.mjs';
import { rpcCall } from '../devnet.mjs';
import {
	ANSWER, accepted, alice, bob, carol, go, lower, main, make, mallory, next, owner, proxy, recoveryOf,
	refused, registered, relay, retell, stateOf, stranger, wallet,
} from './proxy-registry.mjs';
import {
	LINK, REGISTER, REVOKE, ROTATE, UPDATE, batchOf, check, digestOf, newRequest, subjectOf, submit,
} from './registry.mjs';
import { account, reasonText } from './world.mjs';

// ---- contract wallets

test('a contract wallet signs by one exact word, as owner and as consenting account', async () => {
	for (const [answer, ok] of Object.entries({
		Yes: true, Long: true, No: false, Short: false, Padded: false, Burn: false, Bomb: false, RevertBomb: false,
	})) {
		const address = await wallet(answer);
		const operation = await make(REGISTER, address, { signature: '0xab' });
		const base = await make(REGISTER, alice);
		const link = await next(base, LINK, alice, { account: address, consent: '0xcd' });
		const sent = await go([operation, base, link]);
		assert.deepEqual(sent.reasons, ok ? ['', '', ''] : ['BadSignature', '', 'BadConsent'], answer);
	}
	await refused([[await make(REGISTER, alice, { signature: '0xab' }), 'BadSignature']]);
});

test('a wallet is asked about the digest that viem computes', async () => {
	const address = await wallet('Yes');
	const operation = await make(REGISTER, address, { signature: '0xab12' });
	const asked = encodeFunctionData({
		abi: artifact('TestWallet').abi, functionName: 'isValidSignature', args: [digestOf(proxy, main, operation), '0xab12'],
	});
	const trace = await rpcCall(proxy.rpc, 'debug_traceCall', [{
		to: proxy.addresses.proxy_registry,
		data: encodeFunctionData({ abi: artifact('ProxyRegistry').abi, functionName: 'check', args: [[operation]] }),
	}, 'latest', { tracer: 'callTracer' }]);
	assert.deepEqual(trace.calls.filter((c) => c.to === lower(address)).map((c) => c.input), [asked]);
});

test('a wallet as recovery account, and a wallet that becomes the owner', async () => {
	const address = await wallet('Yes');
	const base = await registered(alice, { recovery: address });
	const turned = await next(base, ROTATE, alice, { signature: '0x01', account: address, consent: '0x02' });
	await accepted(turned);
	await accepted(await next(turned, UPDATE, address, { signature: '0x03' }));
	await retell(address, 'No');
	await refused([[await next(turned, UPDATE, address, { version: 9n, signature: '0x03' }),
		'BadSignature']]);
});

test('a wallet that says yes and then no is skipped, and may say yes again', async () => {
	const address = await wallet('Yes');
	const operation = await make(REGISTER, address, { signature: '0xab' });
	assert.deepEqual(await check(proxy, [operation]), ['']);
	await retell(address, 'No');
	const sent = await go([await make(REGISTER, alice), operation, await make(REGISTER, bob)]);
	assert.deepEqual(sent.reasons, ['', 'BadSignature', '']);
	assert.deepEqual(await stateOf(operation), [zeroAddress, 0n, false]);
	await retell(address, 'Yes');
	await accepted(operation);
});

test('wallets that burn gas or answer megabytes cost a bounded amount and stop nobody', async () => {
	const some = async (extra = []) => [await make(REGISTER, alice), ...extra, await make(REGISTER, bob)];
	await submit(proxy, await some());
	const { gas: least } = await submit(proxy, await some());
	for (const answer of ['Burn', 'Bomb', 'RevertBomb']) {
		const sent = await go(await some([await make(REGISTER, await wallet(answer), { signature: '0xab' })]));
		assert.deepEqual(sent.reasons, ['', 'BadSignature', '']);
		assert.ok(sent.gas < least + 130000, `${answer}: ${sent.gas} after ${least}`);
	}
});

test('a wallet cannot come back in while it is asked', async () => {
	const address = await wallet('Yes');
	const { abi } = artifact('ProxyRegistry');
	const mine = await make(REGISTER, alice);
	for (const [functionName, args, reason] of [
		['enqueue', [REGISTER, 1n, BigInt(proxy.chain_id), address, zeroHash, zeroHash, false], 'BadSignature'],
		['submit', [[mine], 0n, newRequest()], 'BadSignature'], ['stateOf', [zeroHash], ''],
	]) {
		const question = encodeFunctionData({ abi, functionName, args });
		await proxy.write(owner, ['TestWallet', address], 'setAnswer', [ANSWER.Reenter, question]);
		const sent = await go([await make(REGISTER, address, { signature: '0xab' })]);
		assert.deepEqual(sent.reasons, [reason], functionName);
	}
	assert.deepEqual(await stateOf(mine), [zeroAddress, 0n, false]);
	assert.deepEqual(await queue(), [0n, 0n]);
});

test('a key still signs for an account that has code (EIP-7702)', async () => {
	const operation = await make(REGISTER, bob);
	await proxy.undoing(async () => {
		await rpcCall(proxy.rpc, 'anvil_setCode', [bob.address, '0x60006000fd']);
		await refused([[{ ...operation, dataHash: keccak256('0x77') }, 'BadSignature']]);
		await accepted(operation);
	});
});

// ---- money, and coming back in

test('quote is the exact fee; more comes back, less sends nothing', async () => {
	for (const written of [0n, 1n, 50n]) {
		const fee = await proxy.read('proxy_registry', 'quote', [written]);
		const operations = await Promise.all(Array.from({ length: Number(written) || 1 }, () =>
			make(REGISTER, alice, { eager: written > 0n })));
		const short = await proxy.ask(relay, 'proxy_registry', 'submit', [operations, 0n, newRequest()], { value: fee - 1n });
		assert.match(short.data, /^0x4f3ec0d3/); // LZ_InsufficientFee
		const before_ = await proxy.balance(relay.address);
		const sent = await submit(proxy, operations, { value: fee * 5n });
		assert.equal(batchOf(sent.packet).written, Number(written));
		const paid = BigInt(sent.raw.gasUsed) * BigInt(sent.raw.effectiveGasPrice);
		assert.equal(before_ - (await proxy.balance(relay.address)), fee + paid);
	}
	assert.equal((await proxy.ask(null, 'proxy_registry', 'quote', [51n])).reason, 'TooManyWritten');
});

test('money in the contract pays nobody\'s fee, and only the endpoint may send it some', async () => {
	const { proxy_registry: address } = proxy.addresses;
	await rpcCall(proxy.rpc, 'anvil_setBalance', [address, toHex(10n ** 18n)]);
	const answer = await proxy.ask(relay, 'proxy_registry', 'submit', [[await make(REGISTER, alice)], 0n, newRequest()]);
	assert.match(answer.data, /^0x4f3ec0d3/);
	await submit(proxy, [await make(REGISTER, alice)], { value: 10n ** 17n });
	await submit(proxy, [], { value: 10n ** 17n });
	assert.equal(await proxy.balance(address), 10n ** 18n);
	await rpcCall(proxy.rpc, 'anvil_setBalance', [address, '0x0']);
	for (const to of [address, main.addresses.main_registry])
		assert.equal((await (to === address ? proxy : main).transact(stranger, { to, value: 1n, gas: 100000n })).ok, false);
});

test('a submitter that comes back during its refund finds everything done', async () => {
	const caller = await proxy.deploy('TestCaller');
	const { abi } = artifact('ProxyRegistry');
	const call = (args) => encodeFunctionData({ abi, functionName: 'submit', args });
	const fee = await proxy.read('proxy_registry', 'quote', [0n]);
	const operation = await make(REGISTER, alice);
	const requestId = newRequest();
	const { proxy_registry: address } = proxy.addresses;
	await rpcCall(proxy.rpc, 'anvil_setBalance', [address, toHex(10n ** 18n)]);
	for (const [again, reason] of [
		[call([[operation], 0n, requestId]), 'RequestUsed'], [call([[operation], 0n, newRequest()]), 'EmptyBatch'],
	]) {
		const first = call([[await make(REGISTER, bob), operation], 0n, requestId]);
		const receipt = await proxy.write(relay, ['TestCaller', caller], 'callTwice', [address, first, again], { value: fee * 3n });
		assert.equal(receipt.ok, true);
		assert.ok(receipt.named('Skipped').map((s) => reasonText(s.reason)).includes(reason), reason);
		assert.equal(await proxy.balance(address), 10n ** 18n);
	}
	assert.equal(await proxy.balance(caller), fee * 5n);
	assert.deepEqual(await stateOf(operation), [zeroAddress, 1n, false]);
	await rpcCall(proxy.rpc, 'anvil_setBalance', [address, '0x0']);
});

test('nobody comes back in between: not even a verifier that turned', async () => {
	const worker = await proxy.deploy('TestWorker');
	const { abi } = artifact('ProxyRegistry');
	const uln = encodeAbiParameters([{ type: 'tuple', components: [
		{ type: 'uint64' }, { type: 'uint8' }, { type: 'uint8' }, { type: 'uint8' }, { type: 'address[]' },
		{ type: 'address[]' },
	] }], [[1n, 1, 0, 0, [worker], []]]);
	await proxy.undoing(async () => {
		await proxy.write(relay, 'endpoint', 'setConfig', [proxy.addresses.proxy_registry, proxy.addresses.send_uln,
			[{ eid: main.eid, configType: 2, config: uln }]]);
		const again = encodeFunctionData({ abi, functionName: 'submit', args: [[await make(REGISTER, bob)], 0n, newRequest()] });
		await proxy.write(owner, ['TestWorker', worker], 'setData', [again]);
		assert.ok((await submit(proxy, [await make(REGISTER, alice)])).batch);
		assert.equal(reasonText(await proxy.read(['TestWorker', worker], 'nestedReason')), 'Reentered');
	});
});

// ---- limits and gas

/** Gas that must be left for one of `count` operations to be tried. */
async function reserve(count) {
	const [batch, operation, each] = await Promise.all(['BATCH_GAS', 'OPERATION_GAS', 'OPERATION_GAS_EACH']
		.map((name) => proxy.read('proxy_registry', name)));
	return batch + operation + each * count;
}

test('fifty are written at most: the others wait for another batch', async () => {
	const operations = [];
	for (let i = 0; i < 52; i++) operations.push(await make(REGISTER, alice, { eager: true }));
	operations.push(await make(REGISTER, alice), await make(REGISTER, alice, { recovery: bob.address }));
	const sent = await go(operations);
	assert.deepEqual(sent.reasons, operations.map((_, i) => ([50, 51].includes(i) ? 'TooManyWritten' : '')));
	assert.equal(batchOf(sent.packet).records.length, 50);
	assert.equal(size(sent.packet.message), 164 + 50 * 137);
	await accepted(operations[50], operations[51]);
});

test('five hundred members at most', async () => {
	const all = await Promise.all(Array.from({ length: 501 }, (_, i) => make(REGISTER, account(`five hundred ${i % 20}`))));
	const said = await check(proxy, all);
	assert.deepEqual([said.filter((x) => x === '').length, said[500]], [500, 'BatchFull']);
	for (const part of [all.slice(0, 250), all.slice(250)]) assert.equal((await submit(proxy, part)).skipped.length, 0);
	const updates = await Promise.all(all.map((x, i) => next(x, UPDATE, account(`five hundred ${i % 20}`))));
	const plain = [await make(REGISTER, alice), await make(REGISTER, bob)];
	const sent = await go([...updates.slice(0, 499), ...plain, updates[499]]);
	assert.deepEqual(sent.reasons.slice(498), ['', '', 'BatchFull', 'BatchFull']);
	assert.equal(sent.batch.leaves.length, 500);
	assert.equal(batchOf(sent.packet).root, sent.batch.root);
	assert.deepEqual((await go([plain[1], updates[499], updates[0]])).reasons, ['', '', 'StaleVersion']);
});

test('no operation fails because the batch ran out of gas', async () => {
	const burning = await wallet('Burn');
	const saying = await wallet('Yes');
	const base = await registered(alice, { recovery: burning });
	const long = `0x${'11'.repeat(5000)}`;
	const operations = [
		await make(REGISTER, alice), await make(REGISTER, burning, { signature: long }),
		await next(base, ROTATE, alice, { account: saying, consent: long, signature: long }),
		await make(REGISTER, saying, { signature: long, recovery: carol.address, eager: true }), await make(REGISTER, bob),
	];
	const counts = new Set();
	for (let gas = 1_000_000n; gas < 3_000_000n; gas += 100_000n) {
		await proxy.undoing(async () => {
			const sent = await submit(proxy, operations, { gas });
			assert.ok(sent.ok, `gas ${gas}`);
			for (const { index, reason } of sent.skipped)
				assert.match(reasonText(reason), [1, 2].includes(index) ? /^(LowGas|BadSignature)$/ : /^LowGas$/, `gas ${gas}`);
			counts.add(sent.batch?.leaves.length ?? 0);
		});
	}
	assert.deepEqual([...counts].sort(), [0, 1, 2, 3]);
});

test('the gas kept for sending is enough for the largest message', async () => {
	const operations = [];
	for (let i = 0; i < 50; i++) operations.push(await make(REGISTER, account(`large ${i}`), { eager: true }));
	const full = await proxy.undoing(() => submit(proxy, operations));
	// Enough that the last one is tried.
	const most = BigInt(full.gas) + (await reserve(50n));
	const seen = new Set();
	for (let gas = BigInt(full.gas) + 300_000n; gas < most; gas += 100_000n) {
		await proxy.undoing(async () => {
			const sent = await submit(proxy, operations, { gas });
			assert.ok(sent.ok, `gas ${gas} of ${full.gas}`);
			assert.ok(sent.skipped.every((x) => reasonText(x.reason) === 'LowGas'));
			seen.add(sent.batch.leaves.length);
		});
	}
	assert.ok(seen.has(50) && seen.size > 3, [...seen].join());
});

// ---- the queue

const queue = async () => [await proxy.read('proxy_registry', 'queueNext'), await proxy.read('proxy_registry', 'queueEnd')];
const home = () => BigInt(proxy.chain_id);

/** `from` (an address: a TestWallet) puts an operation into the queue. */
async function enqueue(from, kind, fields = {}) {
	const { version = kind === REGISTER ? 1n : 2n, homeChainId = home(), firstOwner = from.address ?? from, salt = zeroHash,
		dataHash = kind === REVOKE ? zeroHash : keccak256('0xdd'), eager = false } = fields;
	const args = [kind, version, homeChainId, firstOwner, salt, dataHash, eager];
	const made = { homeChainId, firstOwner, salt, dataHash, version };
	if (from.address) return { ...await proxy.write(from, 'proxy_registry', 'enqueue', args), made };
	const data = encodeFunctionData({ abi: artifact('ProxyRegistry').abi, functionName: 'enqueue', args });
	return { ...await proxy.write(relay, ['TestWallet', from], 'call', [proxy.addresses.proxy_registry, data]), made };
}
const refusedQueue = async (from, args, reason) =>
	assert.equal((await proxy.ask(from, 'proxy_registry', 'enqueue', args)).reason, reason);

test('a contract enqueues, and joins the next batches in its turn', async () => {
	const [one, two] = [await wallet('No'), await wallet('No')];
	const [start] = await queue();
	const entries = [await enqueue(one, REGISTER), await enqueue(two, REGISTER, { eager: true }), await enqueue(alice, REGISTER),
		await enqueue(one, REGISTER, { salt: keccak256('0x02') })];
	for (const [i, entry] of entries.entries()) {
		assert.ok(entry.ok);
		const [told] = entry.named('Enqueued');
		assert.deepEqual([told.position, told.subject, told.version], [start + BigInt(i), subjectOf(entry.made), 1n]);
	}
	const given = await make(REGISTER, bob);
	const first = await submit(proxy, [given], { take: 2n });
	assert.deepEqual(first.batch.leaves.map((x) => [x.subject, x.owner]), [
		[subjectOf(given), bob.address], [subjectOf(entries[0].made), one], [subjectOf(entries[1].made), two]]);
	assert.deepEqual(batchOf(first.packet).records.map((r) => [r.index, r.owner, r.firstOwner]), [[2, lower(two), lower(two)]]);
	assert.equal(batchOf(first.packet).root, first.batch.root);
	assert.deepEqual(await queue(), [start + 2n, start + 4n]);
	assert.deepEqual(await proxy.read('proxy_registry', 'queued', [start]),
		[zeroHash, zeroHash, zeroAddress, 0n, 0, false, zeroAddress, false]);
	const none = await submit(proxy, [await make(REGISTER, bob)]);
	assert.equal(none.batch.leaves.length, 1);
	const second_ = await submit(proxy, [], { take: 2n ** 256n - 1n });
	assert.deepEqual(second_.batch.leaves.map((x) => x.owner), [alice.address, one]);
	assert.deepEqual(await queue(), [start + 4n, start + 4n]);
	assert.deepEqual(await stateOf(entries[3].made), [zeroAddress, 1n, false]);
});

test('only what is good now gets into the queue', async () => {
	const base = await registered(alice);
	const { salt } = base;
	const args = (kind, version, changes = {}) => {
		const x = { homeChainId: home(), firstOwner: alice.address, salt, dataHash: zeroHash, ...changes };
		return [kind, version, x.homeChainId, x.firstOwner, x.salt, x.dataHash, false];
	};
	await refusedQueue(alice, args(LINK, 2n), 'BadKind');
	await refusedQueue(alice, args(ROTATE, 2n), 'BadKind');
	await refusedQueue(alice, args(0, 2n), 'BadKind');
	await refusedQueue(alice, args(6, 2n), 'BadKind');
	await refusedQueue(mallory, args(UPDATE, 2n), 'BadOwner');
	await refusedQueue(mallory, args(REVOKE, 2n), 'BadOwner');
	await refusedQueue(mallory, args(REGISTER, 1n, { salt: keccak256('0x01') }), 'BadOwner');
	await refusedQueue(alice, args(REGISTER, 1n), 'AlreadyRegistered');
	await refusedQueue(alice, args(UPDATE, 1n), 'BadVersion');
	await refusedQueue(alice, args(REGISTER, 1n, { homeChainId: 1n }), 'WrongChain');
	await refusedQueue(alice, args(UPDATE, 2n, { salt: keccak256('0x01') }), 'NotRegistered');
	await refusedQueue(alice, args(REVOKE, 2n, { dataHash: keccak256('0x01') }), 'BadData');
	await refusedQueue(alice, args(UPDATE, 2n, { firstOwner: zeroAddress }), 'BadOwner');
	await refusedQueue(alice, args(UPDATE, 2n), undefined);
	await accepted(await next(base, REVOKE, alice));
	await refusedQueue(alice, args(UPDATE, 3n), 'IsRevoked');
});

test('what is no longer good when its turn comes is dropped with its reason', async () => {
	const one = await wallet('No');
	const first = await enqueue(one, REGISTER);
	await enqueue(one, REGISTER);
	const late = await enqueue(one, REGISTER, { salt: keccak256('0x0b') });
	const given = await make(REGISTER, alice);
	const sent = await submit(proxy, [given], { take: 9n });
	assert.deepEqual(sent.skipped.map((s) => [s.index, s.subject, reasonText(s.reason)]),
		[[2, subjectOf(first.made), 'AlreadyRegistered']]);
	assert.deepEqual(sent.batch.leaves.map((x) => x.subject), [given, first.made, late.made].map(subjectOf));
	assert.equal((await queue())[0], (await queue())[1]);
	// Both were good when they came; the update that joins first makes the other stale.
	await enqueue(one, UPDATE, { version: 5n });
	await enqueue(one, UPDATE, { version: 4n });
	await enqueue(one, REVOKE, { version: 6n });
	const again = await submit(proxy, [], { take: 9n });
	assert.deepEqual(again.skipped.map((s) => [s.index, reasonText(s.reason)]), [[1, 'StaleVersion']]);
	assert.deepEqual(again.batch.leaves.map((x) => [x.owner, x.version]), [[one, 5n], [zeroAddress, 6n]]);
	assert.deepEqual(batchOf(again.packet).records.map((r) => [r.index, r.kind]), [[1, REVOKE]]);
});

test('what there is no room or gas for stays next in the queue', async () => {
	const one = await wallet('No');
	const [start] = await queue();
	for (const salt of ['0x31', '0x32', '0x33']) await enqueue(one, REGISTER, { salt: keccak256(salt), eager: true });
	const eager = await Promise.all(Array.from({ length: 49 }, () => make(REGISTER, alice, { eager: true })));
	const sent = await submit(proxy, eager, { take: 3n });
	assert.equal(sent.batch.leaves.length, 50);
	assert.deepEqual(sent.skipped, []);
	assert.deepEqual(await queue(), [start + 1n, start + 3n]);
	// Enough for the one given, not for one more.
	const tight = await submit(proxy, [await make(REGISTER, bob)], { take: 2n, gas: (await reserve(3n)) + 58_000n });
	assert.deepEqual(await queue(), [start + 1n, start + 3n]);
	assert.equal(tight.batch.leaves.length, 1);
	assert.equal((await submit(proxy, [], { take: 2n })).batch.leaves.length, 2);
});

test('an update out of the queue leaves the recovery account, and a new owner may enqueue', async () => {
	const one = await wallet('Yes');
	const base = await registered(alice, { recovery: carol.address });
	const turned = await next(base, ROTATE, alice, { account: one, consent: '0x01' });
	await accepted(turned);
	const { firstOwner, salt } = base;
	assert.ok((await enqueue(one, UPDATE, { firstOwner, salt, version: 3n })).ok);
	await submit(proxy, [], { take: 1n });
	assert.deepEqual(await stateOf(base), [one, 3n, false]);
	assert.equal(await recoveryOf(base), carol.address);
	await accepted(await next(turned, ROTATE, one, { version: 4n, signer: carol, account: bob }));
	await refusedQueue(one, [UPDATE, 5n, home(), firstOwner, salt, zeroHash, false], 'BadOwner');
});

test('peers and the delegate are the owner\'s to set', async () => {
	for (const [chain, at] of [[proxy, 'proxy_registry'], [main, 'main_registry']]) {
		for (const [name, args] of [['setPeer', [main.eid, pad(stranger.address)]], ['setDelegate', [stranger.address]]])
			assert.match((await chain.ask(stranger, at, name, args)).reason, /^OwnableUnauthorizedAccount/);
		assert.equal(await chain.read('endpoint', 'delegates', [chain.addresses[at]]), relay.address);
	}
});
