// What gets into a batch of a ProxyRegistry and what does not: forms, owners, versions, signatures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	concat, encodeAbiParameters, encodeFunctionData, keccak256, size, slice, toHex, zeroAddress, zeroHash,
} from 'viem';
import { artifact } from '../compile.mjs';
import {
	SECP256K1_N, accepted, alice, bob, carol, go, lower, main, make, mallory, next, owner, proxy, recoveryOf,
	refused, registered, relay, second, stateOf, stranger,
} from './proxy-registry.mjs';
import {
	LINK, REGISTER, REVOKE, ROTATE, UPDATE, askedGas, batchOf, dataHashOf, digestOf, follow, newRequest,
	operate, operationData, subjectOf, submit, submitChecked,
} from './registry.mjs';
import { account, packetsOf, reasonText } from './world.mjs';

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
