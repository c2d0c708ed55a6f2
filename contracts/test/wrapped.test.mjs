// Signatures of wallets that are not deployed yet (ERC-6492) at a ProxyRegistry: what they may bring with them, and
// that nothing of it reaches the registry or the others in the batch.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
	concat, encodeAbiParameters, encodeFunctionData, getAddress, keccak256, pad, parseAbi, serializeErc6492Signature, size,
	slice, toHex, zeroAddress, zeroHash,
} from 'viem';
import { artifact } from '../compile.mjs';
import { rpcCall } from '../devnet.mjs';
import { account, accounts, makeWorld, reasonText } from './world.mjs';
import {
	LINK, REGISTER, ROTATE, UPDATE, check, digestOf, follow, newRequest, operate, subjectOf, submit, submitChecked,
} from './registry.mjs';

const { alice, bob, relay, stranger } = accounts;
const carol = account('carol');
const MAGIC = `0x${'6492'.repeat(16)}`;
const { abi: FACTORY } = artifact('TestFactory');
const { abi: REGISTRY } = artifact('ProxyRegistry');

let world, main, proxy, factory;
before(async () => {
	world = await makeWorld();
	({ a: main, b: proxy } = world);
	factory = getAddress(await proxy.deploy('TestFactory'));
});
after(() => world?.stop());

const make = (kind, who, fields) => operate(proxy, main, kind, who, fields);
const next = (operation, kind, who, fields) => follow(proxy, main, operation, kind, who, fields);
const go = (operations, options) => submitChecked(proxy, operations, options);
const codeAt = (address) => rpcCall(proxy.rpc, 'eth_getCode', [address, 'latest']);
const call = (functionName, args = []) => encodeFunctionData({ abi: FACTORY, functionName, args });
const askFactory = (name, args) => proxy.read(['TestFactory', factory], name, args);
const wrap = (signature, data, address = factory) => serializeErc6492Signature({ address, data, signature });

let names = 0;
/**
 * A wallet of one key that nobody has deployed: an account that signs. `data` is what its factory is told, made from
 * (owner, salt); `plain` signs without the wrapping; `key` signs instead of the owner.
 */
async function newWallet({ data = (...args) => call('make', args), at = factory, key } = {}) {
	const owner = account(`wallet ${++names}`);
	const salt = keccak256(toHex(names));
	const address = await askFactory('addressOf', [owner.address, salt]);
	const signTypedData = (typed) => (key ?? owner).signTypedData(typed);
	const order = data(owner.address, salt);
	return {
		address, owner, salt, order, plain: { address, signTypedData },
		signTypedData: async (typed) => wrap(await signTypedData(typed), order, at),
	};
}
async function accepted(...operations) {
	const sent = await go(operations);
	assert.deepEqual(sent.reasons, operations.map(() => ''));
	return sent;
}
/** Between two that are good, it is left out for this reason. */
async function refused(operation, reason, what = '') {
	const sent = await go([await make(REGISTER, alice), operation, await make(REGISTER, bob)]);
	assert.deepEqual(sent.reasons, ['', reason, ''], what);
	assert.equal(sent.batch.leaves.length, 2);
	return sent;
}

test('a wallet that is not there yet registers, is there then, and goes on as any wallet', async () => {
	const wallet = await newWallet();
	const operation = await make(REGISTER, wallet);
	assert.deepEqual(await check(proxy, [operation]), ['']);
	assert.equal(await codeAt(wallet.address), '0x'); // asking makes nothing
	const { batch } = await accepted(operation);
	assert.deepEqual(batch.leaves.map((x) => x.owner), [wallet.address]);
	assert.notEqual(await codeAt(wallet.address), '0x');
	// Made by somebody who may do nothing.
	const caller = await askFactory('lastCaller');
	assert.equal(caller, await proxy.read('proxy_registry', 'deployer'));
	assert.notEqual(caller, proxy.addresses.proxy_registry);
	const made = await askFactory('made');
	const update = await next(operation, UPDATE, wallet.plain);
	const again = await next(update, UPDATE, wallet); // still wrapped: nothing is made twice
	await accepted(update, again);
	assert.equal(await askFactory('made'), made);
});

test('as an account that is linked, as the next owner, and as the recovery account', async () => {
	const [linked, heir, saviour] = [await newWallet(), await newWallet(), await newWallet()];
	const base = await make(REGISTER, alice, { recovery: saviour.address });
	const link = await next(base, LINK, alice, { account: linked });
	const rotate = await next(link, ROTATE, alice, { account: heir });
	await accepted(base, link, rotate);
	// The owner is a wallet that is there and has not signed; the recovery account is not there and has.
	const back = await next(rotate, ROTATE, heir, { signer: saviour, account: bob });
	await accepted(back);
	for (const { address } of [linked, heir, saviour]) assert.notEqual(await codeAt(address), '0x');
	// The owner has a key, the recovery account is a wallet that is not there.
	const other = await newWallet();
	const second = await make(REGISTER, carol, { recovery: other.address });
	await accepted(second, await next(second, ROTATE, carol, { signer: other, account: bob }));
});

test('owner and next owner, neither there: an identity of another chain', async () => {
	const [from, to] = [await newWallet(), await newWallet()];
	const made = await askFactory('made');
	const operation = await make(ROTATE, from, { account: to, homeChainId: BigInt(main.chain_id) });
	await accepted(operation);
	assert.equal(await askFactory('made'), made + 2n);
});

test('one call may make both, and somebody may have made it in between', async () => {
	const [one, other] = [await newWallet(), await newWallet()];
	const both = call('makeTwo', [one.owner.address, other.owner.address, zeroHash]);
	const at = async (wallet) => {
		const address = await askFactory('addressOf', [wallet.owner.address, zeroHash]);
		return { address, signTypedData: async (typed) => wrap(await wallet.owner.signTypedData(typed), both) };
	};
	await accepted(await make(ROTATE, await at(one), { account: await at(other), homeChainId: BigInt(main.chain_id) }));
	const wallet = await newWallet();
	const operation = await make(REGISTER, wallet);
	assert.deepEqual(await check(proxy, [operation]), ['']);
	await proxy.write(stranger, ['TestFactory', factory], 'make', [wallet.owner.address, wallet.salt]);
	await accepted(operation);
});

test('a wallet that says no stays out, whoever made it', async () => {
	const wallet = await newWallet({ key: bob });
	const operation = await make(REGISTER, wallet);
	await refused(operation, 'BadSignature');
	assert.notEqual(await codeAt(wallet.address), '0x');
	await refused(operation, 'BadSignature');
	await refused(await next(await registered(), LINK, alice, { account: await newWallet({ key: bob }) }), 'BadConsent');
	// Over another digest.
	const good = await make(REGISTER, await newWallet());
	await refused({ ...good, dataHash: keccak256('0x77') }, 'BadSignature');
	await accepted(good);
});
async function registered(fields) {
	const operation = await make(REGISTER, alice, fields);
	await accepted(operation);
	return operation;
}

test('what makes no wallet where it should be is told so', async () => {
	const precompile = pad('0x02', { size: 20 });
	for (const [what, options] of Object.entries({
		reverts: { data: () => call('fail') }, burns: { data: () => call('burn') }, 'reverts at length': { data: () => call('revertWith', [100_000n]) },
		'answers more than it can pay': { data: (...args) => call('makeAndBomb', [...args, 1_000_000n]) },
		elsewhere: { data: (owner) => call('make', [owner, zeroHash]) }, 'no such method': { data: () => '0x12345678' },
		'no data': { data: () => '0x' }, 'a factory that is nobody': { at: carol.address }, 'the zero address': { at: zeroAddress },
		'a precompile': { at: precompile }, 'the registry': { at: proxy.addresses.proxy_registry }, 'the endpoint': { at: proxy.addresses.endpoint },
	})) {
		const wallet = await newWallet(options);
		await refused(await make(REGISTER, wallet), 'NoWallet', what);
		await refused(await next(await registered(), LINK, alice, { account: await newWallet(options) }), 'NoWallet', what);
		assert.equal(await codeAt(wallet.address), '0x', what);
	}
	// A key is not looked for in there, although it would do.
	const typed = { address: alice.address, signTypedData: async (x) => wrap(await alice.signTypedData(x), '0x') };
	await refused(await make(REGISTER, typed), 'NoWallet');
	await refused(await next(await registered({ recovery: carol.address }), ROTATE, alice, { account: bob, signer: typed }), 'NoWallet');
});

test('what comes back from a factory is not read', async () => {
	const gas = async (data) => (await accepted(await make(REGISTER, await newWallet({ data })))).gas;
	const plain = await gas();
	const long = await gas((...args) => call('makeAndBomb', [...args, 100_000n]));
	assert.ok(long < plain + 60_000, `${long} after ${plain}`); // of it what the factory paid itself
});

test('a factory that burns all it gets costs what it gets, and stops nobody', async () => {
	const some = async (wallet) => [await make(REGISTER, alice), ...(wallet ? [await make(REGISTER, wallet)] : []), await make(REGISTER, bob)];
	const { gas: least } = await submit(proxy, await some());
	const sent = await go(await some(await newWallet({ data: () => call('burn') })));
	assert.deepEqual(sent.reasons, ['', 'NoWallet', '']);
	const most = Number(await proxy.read('proxy_registry', 'DEPLOY_GAS')) + 60_000;
	assert.ok(sent.gas - least < most && sent.gas - least > 1_400_000, `${sent.gas} after ${least}`);
});

test('what is no ERC-6492 signature although it ends like one is a bad signature, and reverts nothing', async () => {
	const wallet = await newWallet();
	const good = await make(REGISTER, wallet);
	const words = good.signature.slice(2).match(/.{64}/g);
	const huge = ['f'.repeat(64), toHex(2n ** 64n, { size: 32 }).slice(2), toHex(BigInt(size(good.signature)), { size: 32 }).slice(2),
		toHex(BigInt(size(good.signature)) - 32n, { size: 32 }).slice(2), toHex(2n ** 256n - 32n, { size: 32 }).slice(2)];
	const bad = [MAGIC, concat(['0x00', MAGIC]), concat([pad('0x00', { size: 159 }), MAGIC]), concat([pad(factory), MAGIC])];
	const changed = (i, word) => `0x${words.map((x, k) => (k === i ? word : x)).join('')}`;
	// Word 0 the factory, 1 and 2 the offsets, 3 the length of its data; the signature's length after that.
	bad.push(changed(0, `01${words[0].slice(2)}`), changed(0, 'f'.repeat(64)));
	const inner = 3 + 1 + Math.ceil(size(wallet.order) / 32);
	for (const word of huge) for (const i of [1, 2, 3, inner]) bad.push(changed(i, word));
	for (const signature of bad) await tried({ ...good, signature }, 'BadSignature');
	const base = await registered();
	const link = await next(base, LINK, alice, { account: wallet });
	for (const consent of bad) await tried({ ...link, consent }, 'BadConsent');
	// Any word anything: never a revert, and it gets in only when it still says the same.
	for (let i = 0; i < words.length; i++) {
		for (const word of [zeroHash.slice(2), toHex(1n, { size: 32 }).slice(2), keccak256(toHex(i)).slice(2)])
			await check(proxy, [{ ...good, signature: changed(i, word) }]);
	}
	assert.equal(await codeAt(wallet.address), '0x');
	await accepted(good);
});
/** By eth_call of both. */
async function tried(operation, reason) {
	assert.deepEqual(await check(proxy, [await make(REGISTER, alice), operation]), ['', reason], operation.signature);
	const fee = await proxy.read('proxy_registry', 'quote', [0n]);
	const { result } = await proxy.ask(relay, 'proxy_registry', 'submit', [[operation], 0n, newRequest()], { value: fee });
	assert.equal(result?.[0], 0n, operation.signature); // nothing to send, and no revert
}

test('a good batch does not mind a bad one among many', async () => {
	const operations = [];
	for (let i = 0; i < 24; i++) operations.push(await make(REGISTER, account(`many ${i}`)));
	const wallets = [await newWallet(), await newWallet({ data: () => call('fail') }), await newWallet({ key: bob }), await newWallet()];
	for (const [i, wallet] of wallets.entries()) operations[6 * i + 3] = await make(REGISTER, wallet);
	operations[22] = { ...await make(REGISTER, await newWallet()), signature: MAGIC };
	const bad = { 9: 'NoWallet', 15: 'BadSignature', 22: 'BadSignature' };
	const sent = await go(operations);
	assert.deepEqual(sent.reasons, operations.map((_, i) => bad[i] ?? ''));
	assert.deepEqual(sent.batch.leaves.map((x) => x.subject), operations.filter((_, i) => !bad[i]).map(subjectOf));
});

// ---- what runs in the middle

/** A wallet whose factory calls `to` when it has made it; what came of that. */
async function during(to, data, operations = (x) => [x], options = {}) {
	const wallet = await newWallet({ data: (...args) => call('makeAndCall', [...args, to, data]) });
	const operation = await make(REGISTER, wallet);
	const sent = await submit(proxy, await operations(operation), options);
	const [ok, reason] = [await askFactory('nestedOk'), await askFactory('nestedReason')];
	return { ...sent, operation, ok, reason: ok ? '' : reasonText(reason) };
}

test('it cannot submit: not this batch again, not another one', async () => {
	const { proxy_registry: address } = proxy.addresses;
	const mine = await make(REGISTER, alice);
	const requestId = newRequest();
	for (const request of [requestId, newRequest()]) {
		const data = encodeFunctionData({ abi: REGISTRY, functionName: 'submit', args: [[mine], 0n, request] });
		const sent = await during(address, data, (x) => [x], { requestId: request === requestId ? requestId : newRequest() });
		assert.deepEqual([sent.ok, sent.reason], [false, 'Reentered']);
		assert.equal(sent.batch.leaves.length, 1);
	}
	await accepted(mine);
});

test('it may queue and ask, as any contract may; what it queues waits its turn', async () => {
	const { proxy_registry: address } = proxy.addresses;
	const enqueue = (salt) => encodeFunctionData({
		abi: REGISTRY, functionName: 'enqueue', args: [REGISTER, 1n, BigInt(proxy.chain_id), factory, keccak256(salt), zeroHash, true],
	});
	const queue = async () => [await proxy.read('proxy_registry', 'queueNext'), await proxy.read('proxy_registry', 'queueEnd')];
	const [start] = await queue();
	// The batch has room for what was there when it began: one, and nobody waited.
	const full = await during(address, enqueue('0x01'), undefined, { take: 9n });
	assert.deepEqual([full.ok, full.batch.leaves.length, full.skipped.length], [true, 1, 0]);
	assert.deepEqual(await queue(), [start, start + 1n]);
	const good = await make(REGISTER, bob);
	const sent = await during(address, enqueue('0x02'), (x) => [good, x, { ...good, signature: '0x' }], { take: 9n });
	assert.deepEqual(sent.skipped.map((x) => [x.index, reasonText(x.reason)]), [[2, 'AlreadyRegistered']]);
	assert.deepEqual(sent.batch.leaves.map((x) => x.owner), [bob.address, sent.operation.owner, factory, factory]);
	assert.deepEqual(await queue(), [start + 2n, start + 2n]);
	const asked = await during(address, encodeFunctionData({ abi: REGISTRY, functionName: 'check', args: [[good]] }));
	assert.deepEqual([asked.ok, asked.batch.leaves.length], [true, 1]);
});

test('it delivers nothing to the registry that a stranger could not, and has none of its rights', async () => {
	const { proxy_registry: address, endpoint } = proxy.addresses;
	const origin = { srcEid: main.eid, sender: pad(main.addresses.main_registry), nonce: 1n };
	const oapp = parseAbi(['function lzReceive((uint32 srcEid, bytes32 sender, uint64 nonce), bytes32, bytes, address, bytes) payable']);
	const receive = encodeFunctionData({ abi: oapp, functionName: 'lzReceive', args: [origin, zeroHash, '0x0102', relay.address, '0x'] });
	const asOApp = encodeFunctionData({
		abi: parseAbi(['function skip(address,uint32,bytes32,uint64)']), functionName: 'skip',
		args: [address, main.eid, pad(main.addresses.main_registry), 1n],
	});
	const peer = encodeFunctionData({ abi: REGISTRY, functionName: 'setPeer', args: [main.eid, pad(factory)] });
	const before_ = await proxy.read('proxy_registry', 'lastNumber');
	for (const [to, data] of [[address, receive], [endpoint, asOApp], [address, peer]]) {
		const sent = await during(to, data);
		assert.equal(sent.ok, false);
		assert.equal(sent.batch.leaves.length, 1);
	}
	assert.equal(await proxy.read('proxy_registry', 'lastNumber'), before_ + 3n);
	// Told to call them itself, it is still nobody.
	for (const [at, data] of [[address, peer], [endpoint, asOApp]])
		await refused(await make(REGISTER, await newWallet({ at, data: () => data })), 'NoWallet');
	const skipped = await proxy.read('endpoint', 'lazyInboundNonce', [address, main.eid, pad(main.addresses.main_registry)]);
	assert.equal(skipped, 0n);
	assert.equal(await proxy.read('proxy_registry', 'peers', [main.eid]), pad(main.addresses.main_registry).toLowerCase());
});

test('money that is on its way to the endpoint is not for it', async () => {
	const { proxy_registry: address } = proxy.addresses;
	const fee = await proxy.read('proxy_registry', 'quote', [0n]);
	const had = await proxy.balance(relay.address);
	const sent = await during(address, '0x', undefined, { value: fee * 5n });
	const paid = BigInt(sent.raw.gasUsed) * BigInt(sent.raw.effectiveGasPrice);
	assert.equal(had - (await proxy.balance(relay.address)), fee + paid);
	for (const who of [address, factory, await proxy.read('proxy_registry', 'deployer')]) assert.equal(await proxy.balance(who), 0n);
});

// ---- gas

test('none fails because gas ran out: it gets all it is promised, or waits', async () => {
	const gas = await proxy.read('proxy_registry', 'DEPLOY_GAS');
	// Of it a 64th stays with the one who calls, and a little for the call.
	const promised = gas - gas / 64n - 10_000n;
	const hungry = () => newWallet({ data: (...args) => call('makeWith', [...args, promised]) });
	const rotation = await make(ROTATE, await hungry(), { account: await hungry(), homeChainId: BigInt(main.chain_id), eager: true });
	const long = await hungry();
	const operations = [
		await make(REGISTER, alice), await make(REGISTER, await hungry(), { recovery: carol.address, eager: true }), rotation,
		await make(REGISTER, { ...long, signTypedData: async (x) => wrap(await long.owner.signTypedData(x), concat([long.order, pad('0x', { size: 6000 })])) }),
		await make(REGISTER, bob),
	];
	assert.deepEqual((await check(proxy, operations)), operations.map(() => ''));
	const counts = new Set();
	for (let limit = 1_000_000n; limit < 7_000_000n; limit += 150_000n) {
		await proxy.undoing(async () => {
			const sent = await submit(proxy, operations, { gas: limit });
			assert.ok(sent.ok, `gas ${limit}`);
			for (const { reason } of sent.skipped) assert.equal(reasonText(reason), 'LowGas', `gas ${limit}`);
			counts.add(sent.batch?.leaves.length ?? 0);
		});
	}
	assert.ok([0, 1, 5].every((x) => counts.has(x)), [...counts].join());
});

test('check says LowGas when it is asked with too little, and of those before what is so', async () => {
	const operations = [await make(REGISTER, alice), await make(REGISTER, await newWallet()), await make(REGISTER, await newWallet())];
	const said = new Set();
	for (let gas = 600_000n; gas < 3_000_000n; gas += 100_000n) {
		const { result } = await proxy.ask(null, 'proxy_registry', 'check', [operations], { gas });
		const reasons = result.map((x) => (BigInt(x) ? reasonText(x) : ''));
		assert.ok(reasons.every((x) => ['', 'LowGas'].includes(x)), `${gas}: ${reasons}`);
		said.add(reasons.join());
	}
	assert.ok(said.has(',LowGas,LowGas') && said.has(',,'), [...said].join(' | '));
});

test('one signature alone can be asked about', async () => {
	const ask = async (who, digest, signature, gas) => {
		const { result } = await proxy.ask(null, 'proxy_registry', 'checkSignature', [who, digest, signature], gas ? { gas } : {});
		return BigInt(result) ? reasonText(result) : '';
	};
	const wallet = await newWallet();
	const operation = await make(REGISTER, wallet);
	const digest = digestOf(proxy, main, operation);
	assert.equal(await ask(wallet.address, digest, operation.signature), '');
	assert.equal(await ask(wallet.address, digest, operation.signature, 1_900_000n), 'LowGas');
	assert.equal(await ask(wallet.address, zeroHash, operation.signature), 'BadSignature');
	assert.equal(await ask(bob.address, digest, operation.signature), 'NoWallet');
	assert.equal(await ask(wallet.address, digest, MAGIC), 'BadSignature');
	const key = await make(REGISTER, alice);
	assert.equal(await ask(alice.address, digestOf(proxy, main, key), key.signature), '');
	assert.equal(await ask(zeroAddress, zeroHash, `0x${'00'.repeat(64)}1b`), 'BadSignature');
	assert.equal(await codeAt(wallet.address), '0x');
});

test('what it costs', async (t) => {
	await accepted(await make(REGISTER, await newWallet()));
	const plain = await submit(proxy, [await make(REGISTER, alice, { recovery: bob.address })]);
	const wallet = await newWallet();
	const made = await submit(proxy, [await make(REGISTER, wallet)]);
	const direct = await newWallet();
	const own = await proxy.write(stranger, ['TestFactory', factory], 'make', [direct.owner.address, direct.salt]);
	const there = await submit(proxy, [await make(REGISTER, direct.plain)]);
	assert.ok(made.batch && there.batch && plain.batch && own.ok);
	t.diagnostic(`registration of a wallet: ${made.gas} when it is made, ${there.gas} when it is there (and ${own.gas} to make it); `
		+ `with a key and a recovery account ${plain.gas}`);
	assert.ok(made.gas < there.gas + own.gas);
});
