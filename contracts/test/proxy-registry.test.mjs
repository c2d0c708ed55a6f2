// What gets into a batch of a ProxyRegistry and what does not: forms, owners, versions, signatures, wallets, the queue.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
	concat, encodeAbiParameters, encodeFunctionData, getAddress, keccak256, pad, size, slice, toHex, zeroAddress, zeroHash,
} from 'viem';
import { artifact } from '../compile.mjs';
import { rpcCall } from '../devnet.mjs';
import { SECOND_ROLLUP, account, accounts, makeWorld, packetsOf, reasonText } from './world.mjs';
import {
	LINK, REGISTER, REVOKE, ROTATE, UPDATE, askedGas, batchOf, check, dataHashOf, digestOf, follow, newRequest, operate,
	operationData, subjectOf, submit, submitChecked,
} from './registry.mjs';

const { alice, bob, relay, stranger, owner } = accounts;
const [carol, mallory] = [account('carol'), account('mallory')];
const SECP256K1_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const ANSWER = { Yes: 0, No: 1, Short: 2, Padded: 3, Long: 4, Burn: 5, Bomb: 6, RevertBomb: 7, Reenter: 8 };
const lower = (text) => text.toLowerCase();

let world, main, proxy, second;
before(async () => {
	world = await makeWorld(SECOND_ROLLUP);
	({ a: main, b: proxy, c: second } = world);
});
after(() => world?.stop());

const make = (kind, who, fields) => operate(proxy, main, kind, who, fields);
const next = (operation, kind, who, fields) => follow(proxy, main, operation, kind, who, fields);
const go = (operations, options) => submitChecked(proxy, operations, options);
/** Not one of these gets in; each for its own reason. */
async function refused(cases) {
	const sent = await go(cases.map(([operation]) => operation));
	assert.deepEqual(sent.reasons, cases.map(([, reason]) => reason));
	assert.equal(sent.batch, undefined);
}
async function accepted(...operations) {
	const sent = await go(operations);
	assert.deepEqual(sent.reasons, operations.map(() => ''));
	return sent;
}
async function registered(who, fields) {
	const operation = await make(REGISTER, who, fields);
	await accepted(operation);
	return operation;
}
const stateOf = (operation, chain = proxy) => chain.read('proxy_registry', 'stateOf', [subjectOf(operation)]);
const recoveryOf = (operation) => proxy.read('proxy_registry', 'recoveryOf', [subjectOf(operation)]);

async function wallet(answer = 'Yes', question = '0x') {
	const address = await proxy.deploy('TestWallet', [proxy.addresses.proxy_registry]);
	await proxy.write(owner, ['TestWallet', address], 'setAnswer', [ANSWER[answer], question]);
	return getAddress(address);
}
const retell = (address, answer) => proxy.write(owner, ['TestWallet', address], 'setAnswer', [ANSWER[answer], '0x']);

// ---- batches

test('a registration becomes a leaf, a batch and a packet', async () => {
	const operation = await make(REGISTER, alice, { dataHash: keccak256('0xd0c0') });
	const before_ = await proxy.read('proxy_registry', 'lastNumber');
	const prevRoot = await proxy.read('proxy_registry', 'lastRoot');
	const { batch, packet, requestId, ...sent } = await accepted(operation);
	const subject = subjectOf(operation);
	const leaf = { subject, owner: alice.address, dataHash: operation.dataHash, version: 1n };
	assert.deepEqual(batch.leaves, [leaf]);
	assert.equal(batch.number, before_ + 1n);
	assert.deepEqual(batchOf(packet), {
		version: 1, type: 1, number: batch.number, submitter: lower(relay.address), requestId, prevRoot, root: batch.root,
		count: 1, dataHash: dataHashOf([leaf]), written: 0, records: [],
	});
	assert.equal(batch.root, keccak256(keccak256(encodeAbiParameters(
		[{ type: 'bytes32' }, { type: 'address' }, { type: 'bytes32' }, { type: 'uint64' }],
		[subject, alice.address, operation.dataHash, 1n]))));
	assert.deepEqual(sent.named('Sent'), [{ requestId, guid: packet.guid }]);
	assert.equal(batch.guid, packet.guid);
	assert.equal(askedGas(packet), await proxy.read('proxy_registry', 'RECEIVE_GAS'));
	assert.deepEqual(await stateOf(operation), [zeroAddress, 1n, false]);
	assert.deepEqual(await proxy.read('proxy_registry', 'hashOperation', [operation]),
		[subject, digestOf(proxy, main, operation)]);
	assert.equal(await proxy.read('proxy_registry', 'batchOf', [relay.address, requestId]), batch.number);
	assert.equal(await proxy.read('proxy_registry', 'lastRoot'), batch.root);
});

test('every kind, one after the other, in one batch: leaves, records, state', async () => {
	const first = await make(REGISTER, alice, { recovery: carol.address });
	const update = await next(first, UPDATE, alice, { recovery: bob.address });
	const link = await next(update, LINK, alice, { account: mallory, eager: true });
	const rotate = await next(link, ROTATE, alice, { account: bob });
	const later = await next(rotate, UPDATE, bob, { version: 9n, eager: true });
	const revoke = await next(later, REVOKE, bob);
	const operations = [first, update, link, rotate, later, revoke];
	const { batch, packet } = await accepted(...operations);
	const owners = [alice.address, alice.address, alice.address, bob.address, bob.address, zeroAddress];
	assert.deepEqual(batch.leaves, operations.map(({ dataHash, version }, i) =>
		({ subject: subjectOf(first), owner: owners[i], dataHash, version })));
	assert.equal(batch.leaves[5].dataHash, zeroHash);
	const was = [alice, alice, alice, alice, bob, bob];
	const { records, root, count, dataHash } = batchOf(packet);
	assert.deepEqual(records, [2, 3, 4, 5].map((i) => ({
		index: i, kind: operations[i].kind, version: operations[i].version, subject: subjectOf(first),
		firstOwner: lower(alice.address), owner: lower(was[i].address), ownerAfter: lower(owners[i]),
		dataHash: operations[i].dataHash,
	})));
	assert.deepEqual([root, count, dataHash], [batch.root, 6, dataHashOf(batch.leaves)]);
	const [receive, write] = await Promise.all(['RECEIVE_GAS', 'WRITE_GAS'].map((n) => proxy.read('proxy_registry', n)));
	assert.equal(askedGas(packet), receive + 4n * write);
	assert.deepEqual(await stateOf(first), [bob.address, 10n, true]);
	await refused([[await next(revoke, UPDATE, bob), 'IsRevoked'], [await next(revoke, ROTATE, bob, { account: alice }), 'IsRevoked'],
		[first, 'IsRevoked'], [revoke, 'IsRevoked']]);
});

test('batches of odd sizes: root and proofs follow from the event alone', async () => {
	let last = await proxy.read('proxy_registry', 'lastRoot');
	for (const count of [1, 2, 3, 5, 7, 100]) {
		const operations = await Promise.all(Array.from({ length: count }, (_, i) => make(REGISTER, account(`odd ${i}`))));
		const { batch, packet } = await submit(proxy, operations);
		const message = batchOf(packet);
		assert.equal(batch.leaves.length, count);
		assert.equal(message.count, count);
		assert.equal(message.root, batch.root, `${count} leaves`);
		assert.equal(message.dataHash, dataHashOf(batch.leaves));
		assert.equal(message.prevRoot, last);
		assert.equal(batch.prevRoot, last);
		assert.deepEqual(batch.leaves.map((x) => x.subject), operations.map(subjectOf));
		last = batch.root;
	}
});

test('one bad member among many is skipped with its reason, the others keep their order', async () => {
	const operations = [];
	for (let i = 0; i < 40; i++)
		operations.push(await make(REGISTER, account(`many ${i}`), i % 4 ? {} : { recovery: carol.address, eager: i % 8 === 0 }));
	operations[7].dataHash = keccak256('0x00');
	operations[12].owner = mallory.address;
	operations[13].deadline = 1n;
	operations[20] = operations[19];
	operations[39].signature = '0x';
	const bad = { 7: 'BadSignature', 12: 'BadOwner', 13: 'Expired', 20: 'AlreadyRegistered', 39: 'BadSignature' };
	const sent = await go(operations);
	assert.deepEqual(sent.reasons, operations.map((_, i) => bad[i] ?? ''));
	assert.deepEqual(sent.skipped.map((x) => x.subject), Object.keys(bad).map((i) => subjectOf(operations[i])));
	assert.deepEqual(sent.batch.leaves.map((x) => x.subject),
		operations.filter((_, i) => !bad[i]).map(subjectOf));
	const written = sent.batch.leaves.map((x) => x.subject)
		.flatMap((subject, i) => (operations.find((o) => subjectOf(o) === subject).eager ? [i] : []));
	assert.deepEqual(batchOf(sent.packet).records.map((r) => r.index), written);
	assert.equal(batchOf(sent.packet).root, sent.batch.root);
});

test('an operation twice in a batch counts once', async () => {
	const one = await make(REGISTER, alice);
	assert.deepEqual((await go([one, one, one])).reasons, ['', 'AlreadyRegistered', 'AlreadyRegistered']);
	const two = await next(one, UPDATE, alice, { recovery: carol.address });
	assert.deepEqual((await go([two, two])).reasons, ['', 'StaleVersion']);
	const three = await next(two, ROTATE, alice, { account: bob, signer: carol });
	assert.deepEqual((await go([three, three])).reasons, ['', 'StaleVersion']);
});

test('nothing good: no batch, no fee, said so', async () => {
	const bad = await make(REGISTER, alice, { signer: mallory });
	const number = await proxy.read('proxy_registry', 'lastNumber');
	for (const operations of [[], [bad]]) {
		const before_ = await proxy.balance(relay.address);
		const { requestId, ...sent } = await submit(proxy, operations, { take: 5n, value: 10n ** 18n });
		assert.equal(sent.ok, true);
		assert.deepEqual(sent.named('Skipped').map((s) => [s.index, s.requestId, reasonText(s.reason)]),
			[[0n, requestId, 'EmptyBatch']]);
		assert.equal(sent.named('Sent').length + sent.named('Batch').length + packetsOf(sent).length, 0);
		const paid = BigInt(sent.raw.gasUsed) * BigInt(sent.raw.effectiveGasPrice);
		assert.equal(before_ - (await proxy.balance(relay.address)), paid);
		// Nothing was sent under it, so it is still free.
		assert.equal(await proxy.read('proxy_registry', 'batchOf', [relay.address, requestId]), 0n);
		assert.ok((await submit(proxy, [await make(REGISTER, bob)], { requestId })).batch);
	}
	assert.equal(await proxy.read('proxy_registry', 'lastNumber'), number + 2n);
});

test('a requestId serves one batch a submitter', async () => {
	const requestId = newRequest();
	const operations = [await make(REGISTER, alice), await make(REGISTER, bob), await make(REGISTER, carol)];
	assert.ok((await submit(proxy, [operations[0]], { requestId })).batch);
	const before_ = await proxy.balance(relay.address);
	const again = await submit(proxy, [operations[1]], { requestId });
	assert.equal(again.ok, true);
	assert.deepEqual(again.named('Skipped').map((s) => [s.requestId, reasonText(s.reason)]), [[requestId, 'RequestUsed']]);
	assert.equal(again.batch, undefined);
	const paid = BigInt(again.raw.gasUsed) * BigInt(again.raw.effectiveGasPrice);
	assert.equal(before_ - (await proxy.balance(relay.address)), paid);
	assert.deepEqual(await stateOf(operations[1]), [zeroAddress, 0n, false]);
	// A stranger who takes the id first takes nothing from us.
	const other = newRequest();
	assert.ok((await submit(proxy, [operations[2]], { requestId: other, from: stranger })).batch);
	const ours = await submit(proxy, [operations[1]], { requestId: other });
	assert.equal(batchOf(ours.packet).submitter, lower(relay.address));
});

test('a stranger may submit our operations first: they count once, whoever sends them', async () => {
	const operations = [await make(REGISTER, alice), await make(REGISTER, bob)];
	const theirs = await submit(proxy, [operations[0]], { from: stranger });
	assert.equal(batchOf(theirs.packet).submitter, lower(stranger.address));
	const sent = await go(operations);
	assert.deepEqual(sent.reasons, ['AlreadyRegistered', '']);
	assert.deepEqual(sent.batch.leaves.map((x) => x.subject), [subjectOf(operations[1])]);
});

// ---- form, owners, versions

test('each form that cannot be is refused with its reason', async () => {
	const base = await registered(alice);
	await refused([
		[await make(0, alice), 'BadKind'],
		[await make(6, alice), 'BadKind'],
		[await make(255, alice), 'BadKind'],
		[await make(REGISTER, alice, { firstOwner: zeroAddress }), 'BadOwner'],
		[await make(REGISTER, zeroAddress, { signature: `0x${'00'.repeat(64)}1b` }), 'BadOwner'],
		[await make(REGISTER, alice, { owner: bob.address, signer: bob }), 'BadOwner'],
		[await make(REGISTER, alice, { owner: bob.address }), 'BadOwner'],
		[await make(REGISTER, alice, { account: bob, consent: '0x' }), 'BadAccount'],
		[await make(REGISTER, alice, { version: 0n }), 'BadVersion'],
		[await make(REGISTER, alice, { version: 2n }), 'BadVersion'],
		[await make(REGISTER, alice, { homeChainId: BigInt(second.chain_id) }), 'WrongChain'],
		[await make(REGISTER, alice, { homeChainId: 2n ** 256n - 1n }), 'WrongChain'],
		[await make(REGISTER, alice, { account: bob }), 'BadAccount'],
		[await make(REGISTER, alice, { deadline: 1n }), 'Expired'],
		[await make(REGISTER, alice, { consent: '0x00' }), 'BadConsent'],
		[await make(UPDATE, alice), 'NotRegistered'],
		[await make(REVOKE, alice), 'NotRegistered'],
		[await next(base, UPDATE, alice, { version: 0n }), 'BadVersion'],
		[await next(base, UPDATE, alice, { version: 1n }), 'BadVersion'],
		[await next(base, UPDATE, alice, { account: bob }), 'BadAccount'],
		[await next(base, LINK, alice), 'BadAccount'],
		[await next(base, LINK, alice, { account: alice }), 'BadAccount'],
		[await next(base, ROTATE, alice), 'BadAccount'],
		[await next(base, ROTATE, alice, { account: alice }), 'BadAccount'],
		[await next(base, REVOKE, alice, { account: bob }), 'BadAccount'],
		[await next(base, LINK, alice, { account: bob, recovery: carol.address }), 'BadRecovery'],
		[await next(base, ROTATE, alice, { account: bob, recovery: carol.address }), 'BadRecovery'],
		[await next(base, REVOKE, alice, { recovery: carol.address }), 'BadRecovery'],
		[await next(base, REVOKE, alice, { dataHash: keccak256('0x01') }), 'BadData'],
		[await next(base, UPDATE, alice, { consent: '0x00' }), 'BadConsent'],
		[await next(base, UPDATE, alice, { deadline: 1n }), 'Expired'],
		[base, 'AlreadyRegistered'],
	]);
	// Each is good with that one thing mended.
	await accepted(await make(REGISTER, alice), await next(base, LINK, alice, { account: bob }),
		await next(base, UPDATE, alice, { version: 3n }), await next(base, REVOKE, alice, { version: 4n }));
});

test('the deadline is the last second', async () => {
	const operation = await make(REGISTER, alice, { deadline: 2n ** 33n });
	const recoverable = await make(REGISTER, alice, { deadline: 2n ** 33n, recovery: bob.address });
	const said = async (time) => (await proxy.ask(null, 'proxy_registry', 'check', [[operation, recoverable]], { time })).result
		.map((reason) => reasonText(reason));
	const fee = await proxy.read('proxy_registry', 'quote', [0n]);
	const made = async (time) =>
		(await proxy.ask(relay, 'proxy_registry', 'submit', [[operation], 0n, newRequest()], { value: fee, time })).result[0];
	assert.deepEqual((await said(operation.deadline)).map((x) => BigInt(x)), [0n, 0n]);
	assert.deepEqual(await said(operation.deadline + 1n), ['Expired', 'Expired']);
	assert.notEqual(await made(operation.deadline), 0n);
	assert.equal(await made(operation.deadline + 1n), 0n);
});

test('versions only grow', async () => {
	const base = await registered(alice);
	const five = await next(base, UPDATE, alice, { version: 5n });
	await accepted(five);
	await refused([
		[five, 'StaleVersion'], [await next(base, UPDATE, alice, { version: 4n }), 'StaleVersion'],
		[await next(base, ROTATE, alice, { version: 5n, account: bob }), 'StaleVersion'],
		[await next(base, REVOKE, alice, { version: 2n }), 'StaleVersion'],
	]);
	await accepted(await next(five, UPDATE, alice), await next(five, LINK, alice, { version: 7n, account: bob }));
	await accepted(await next(base, UPDATE, alice, { version: 2n ** 64n - 1n }));
	await refused([[await next(base, UPDATE, alice, { version: 2n ** 64n - 1n }), 'StaleVersion']]);
});

test('who is not the owner changes nothing', async () => {
	const base = await registered(alice);
	await refused([
		[await next(base, UPDATE, mallory), 'BadOwner'],
		[await next(base, UPDATE, alice, { signer: mallory }), 'BadSignature'],
		[await next(base, UPDATE, mallory, { firstOwner: mallory.address }), 'NotRegistered'], // another subject
		[await next(base, ROTATE, alice, { account: mallory, signer: mallory }), 'BadSignature'],
		[await next(base, LINK, alice, { account: mallory, signer: mallory }), 'BadSignature'],
		[await next(base, REVOKE, alice, { signer: mallory }), 'BadSignature'],
	]);
	const turned = await next(base, ROTATE, alice, { account: bob });
	await accepted(turned);
	await refused([
		[await next(turned, UPDATE, alice), 'BadOwner'],
		[await next(turned, UPDATE, bob, { signer: alice }), 'BadSignature'],
		[await next(turned, ROTATE, alice, { account: alice.address, consenter: alice, owner: alice.address }), 'BadAccount'],
	]);
	await accepted(await next(turned, UPDATE, bob));
	// Back to the first owner, who then is one again.
	const back = await next(turned, ROTATE, bob, { version: 4n, account: alice });
	await accepted(back, await next(back, UPDATE, alice));
});

// ---- signatures

test('a signature covers every member, and is good for one registry on one chain', async () => {
	const change = {
		salt: keccak256('0x5a'), dataHash: keccak256('0xda'), deadline: 2n ** 40n, eager: true, recovery: carol.address,
	};
	for (const fields of [{}, { recovery: bob.address, eager: false }]) {
		const good = await make(REGISTER, alice, fields);
		const bad = Object.entries(change).map(([name, value]) => [{ ...good, [name]: value }, 'BadSignature']);
		for (const [forged, reason] of [
			[{ kind: UPDATE }, 'BadVersion'], [{ kind: REVOKE, version: 2n, dataHash: zeroHash, recovery: zeroAddress }, 'NotRegistered'],
			[{ version: 2n }, 'BadVersion'], [{ owner: bob.address }, 'BadOwner'], [{ account: bob.address }, 'BadAccount'],
			[{ firstOwner: bob.address, owner: bob.address }, 'BadSignature'], [{ consent: good.signature }, 'BadConsent'],
			[{ homeChainId: BigInt(second.chain_id) }, 'WrongChain'],
		]) bad.push([{ ...good, ...forged }, reason]);
		const typed = operationData(proxy, main, good);
		for (const domain of [
			{ chainId: main.chain_id }, { chainId: second.chain_id }, { verifyingContract: proxy.addresses.batcher },
			{ verifyingContract: proxy.addresses.messenger }, { name: 'Ferri' }, { version: '2' },
		]) {
			const signature = await alice.signTypedData({ ...typed, domain: { ...typed.domain, ...domain } });
			bad.push([{ ...good, signature }, 'BadSignature']);
		}
		for (const message of [{ mainEid: proxy.eid }, { operation: 'update' }, { operation: '' }]) {
			const signature = await alice.signTypedData({ ...typed, message: { ...typed.message, ...message } });
			bad.push([{ ...good, signature }, 'BadSignature']);
		}
		await refused(bad);
		await accepted(good);
		// The kinds are told apart by their words.
		const update = await next(good, UPDATE, alice);
		await refused([[{ ...await next(good, REVOKE, alice), signature: update.signature, dataHash: zeroHash }, 'BadSignature'],
			[{ ...update, version: 3n }, 'BadSignature']]);
	}
});

test('high s, v 0 and 1, other lengths and the zero signature are refused, in the plain case too', async () => {
	for (const fields of [{}, { recovery: bob.address }]) {
		const good = await make(REGISTER, alice, fields);
		const r = slice(good.signature, 0, 32);
		const s = BigInt(slice(good.signature, 32, 64));
		const v = Number(slice(good.signature, 64));
		const other = v === 27 ? 28 : 27;
		const word = (x, length = 32) => toHex(x, { size: length });
		await refused([
			concat([r, word(SECP256K1_N - s), word(other, 1)]), concat([r, word(s), word(v - 27, 1)]),
			concat([r, word(s), word(other, 1)]), concat([r, word(s), word(v + 8, 1)]), concat([good.signature, '0x00']),
			slice(good.signature, 0, 64), concat([r, word(s | (BigInt(v - 27) << 255n))]), '0x', `0x${'00'.repeat(65)}`,
			`0x${'00'.repeat(64)}1b`, concat([word(0n), word(s), word(v, 1)]), concat([r, word(0n), word(v, 1)]),
		].map((signature) => [{ ...good, signature }, 'BadSignature']));
		await accepted(good);
	}
});

test('a link or a rotation wants the other account\'s consent to this very operation', async () => {
	const base = await registered(alice);
	for (const kind of [LINK, ROTATE]) {
		const good = await next(base, kind, alice, { account: bob });
		const foreign = await next(base, kind, alice, { account: bob, consenter: mallory });
		const earlier = await next(base, kind, alice, { account: bob, dataHash: keccak256('0x77') });
		const high = slice(good.consent, 32, 64);
		await refused([
			[{ ...good, consent: '0x' }, 'BadConsent'], [foreign, 'BadConsent'],
			[{ ...good, consent: good.signature }, 'BadConsent'], [{ ...good, consent: earlier.consent }, 'BadConsent'],
			[{ ...good, consent: concat([slice(good.consent, 0, 32), toHex(SECP256K1_N - BigInt(high), { size: 32 }),
				slice(good.consent, 64) === '0x1b' ? '0x1c' : '0x1b']) }, 'BadConsent'],
			[{ ...good, account: mallory.address }, 'BadSignature'],
			// Consent to be linked is no consent to own.
			[{ ...await next(base, kind === LINK ? ROTATE : LINK, alice, { account: bob }), consent: good.consent }, 'BadConsent'],
		]);
	}
	await accepted(await next(base, LINK, alice, { account: bob }));
});

test('the recovery account rotates, and does nothing else', async () => {
	const base = await registered(alice, { recovery: carol.address });
	assert.equal(await recoveryOf(base), carol.address);
	await refused([
		[await next(base, UPDATE, alice, { signer: carol }), 'BadSignature'],
		[await next(base, REVOKE, alice, { signer: carol }), 'BadSignature'],
		[await next(base, LINK, alice, { signer: carol, account: bob }), 'BadSignature'],
		[await next(base, ROTATE, carol, { account: bob }), 'BadOwner'],
		[await next(base, ROTATE, alice, { signer: carol, account: bob, consenter: carol }), 'BadConsent'],
		[await next(base, ROTATE, alice, { signer: mallory, account: bob }), 'BadSignature'],
	]);
	const turned = await next(base, ROTATE, alice, { signer: carol, account: bob });
	await accepted(turned);
	assert.deepEqual((await stateOf(base)), [bob.address, 2n, false]);
	// It stays until an update names another, or none.
	const again = await next(turned, ROTATE, bob, { signer: carol, account: alice });
	const moved = await next(again, UPDATE, alice, { recovery: bob.address });
	await accepted(again, moved);
	assert.equal(await recoveryOf(base), bob.address);
	await refused([[await next(moved, ROTATE, alice, { signer: carol, account: carol }), 'BadSignature']]);
	const linked = await next(moved, LINK, alice, { account: carol });
	const gone = await next(linked, UPDATE, alice);
	await accepted(linked, gone);
	assert.equal(await recoveryOf(base), zeroAddress);
	await refused([[await next(gone, ROTATE, alice, { signer: bob, account: bob }), 'BadSignature']]);
	// Named and used in one batch; and taken away in one.
	const fresh = await make(REGISTER, alice, { recovery: carol.address });
	await accepted(fresh, await next(fresh, ROTATE, alice, { signer: carol, account: bob }));
	const other = await make(REGISTER, alice, { recovery: carol.address });
	const sent = await go([other, await next(other, UPDATE, alice),
		await next(other, ROTATE, alice, { version: 3n, signer: carol, account: bob })]);
	assert.deepEqual(sent.reasons, ['', '', 'BadSignature']);
});

test('an operation counts once on its registry, and never on another', async () => {
	const base = await registered(alice);
	const update = await next(base, UPDATE, alice);
	await accepted(update);
	await refused([[base, 'AlreadyRegistered'], [update, 'StaleVersion']]);
	const there = async (operations) => (await submitChecked(second, operations)).reasons;
	assert.deepEqual(await there([base, update]), ['WrongChain', 'BadSignature']);
	// Signed for there it is good there, although that registry has never heard of the identity.
	const own = await follow(second, main, base, UPDATE, alice);
	assert.deepEqual(await there([own]), ['']);
	assert.deepEqual(await stateOf(base, second), [zeroAddress, 2n, false]);
	await refused([[{ ...own, version: 3n }, 'BadSignature']]);
	const registration = await operate(second, main, REGISTER, alice);
	await refused([[registration, 'WrongChain'], [{ ...registration, homeChainId: BigInt(proxy.chain_id) }, 'BadSignature']]);
});

test('calldata that is none of an operation takes nothing and registers nothing', async () => {
	const operation = await make(REGISTER, alice);
	const fee = await proxy.read('proxy_registry', 'quote', [0n]);
	const data = encodeFunctionData({ abi: artifact('ProxyRegistry').abi, functionName: 'submit', args: [[operation], 0n, newRequest()] });
	const words = data.slice(10).match(/.{64}/g);
	const at = 5; // of the operation: after offset, take, requestId, length and the operation's own offset
	const ask = async (changes) => {
		const changed = words.map((x, i) => changes[i] ?? x).join('');
		const { error, result } = await (await fetch(proxy.rpc, {
			method: 'POST', headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params: [{
				from: relay.address, to: proxy.addresses.proxy_registry, data: data.slice(0, 10) + changed, value: toHex(fee),
			}, 'latest'] }),
		})).json();
		return error ? 'reverts' : BigInt(slice(result, 0, 32)) === 0n ? 'skips' : 'takes';
	};
	const dirty = (i) => `01${words[at + i].slice(2)}`;
	assert.equal(await ask({}), 'takes');
	for (const i of [0, 1, 2, 4, 6, 7, 8]) assert.equal(await ask({ [at + i]: dirty(i) }), 'reverts', `word ${i}`);
	assert.equal(await ask({ [at + 4]: dirty(4), [at + 6]: dirty(6) }), 'reverts');
	for (const i of [3, 5, 9]) assert.equal(await ask({ [at + i]: dirty(i) }), 'skips', `word ${i}`);
	const far = ['f'.repeat(64), toHex(2n ** 64n, { size: 32 }).slice(2), toHex(100000n, { size: 32 }).slice(2)];
	for (const offset of far) for (const i of [-1, 11]) assert.notEqual(await ask({ [at + i]: offset }), 'takes', `${i} ${offset}`);
	for (const length of far) for (const i of [13, 17]) assert.equal(await ask({ [at + i]: length }), 'reverts', `${i} ${length}`);
});

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
