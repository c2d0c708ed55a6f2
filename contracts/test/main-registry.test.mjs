// What a MainRegistry takes from its proxies, holds for true, writes down and answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { concat, encodeFunctionData, keccak256, pad, slice, toHex, zeroAddress, zeroHash } from 'viem';
import { artifact } from '../compile.mjs';
import { rpcCall } from '../devnet.mjs';
import { SECOND_ROLLUP, account, accounts, deliver, makeWorld, packetsOf, reasonText, verify } from './world.mjs';
import {
	LINK, REGISTER, REVOKE, ROTATE, UPDATE, arrive, askedGas, batchOf, dataHashOf, follow, leafHash, newRequest, operate, parent,
	subjectOf, submit,
} from './registry.mjs';

const { alice, bob, relay, stranger, owner } = accounts;
const [carol, mallory] = [account('carol'), account('mallory')];
const REASON = { Revoked: 1, StaleVersion: 2, WrongOwner: 3 };
const MAX64 = 2n ** 64n - 1n;
const NOBODY = [zeroAddress, zeroHash, 0n, false];

let world, main, proxy, second;
before(async () => {
	world = await makeWorld(SECOND_ROLLUP);
	({ a: main, b: proxy, c: second } = world);
});
after(() => world?.stop());

const make = (kind, who, fields) => operate(proxy, main, kind, who, fields);
const next = (operation, kind, who, fields) => follow(proxy, main, operation, kind, who, fields);
const there = (operation, kind, who, fields) => follow(second, main, operation, kind, who, fields);

/** One batch, on its way to the end. Returns submit's answer with the main registry's receipt as `arrived`. */
async function settle(chain, operations, options) {
	const sent = await submit(chain, operations, options);
	assert.deepEqual(sent.skipped, []);
	const arrived = await arrive(main, [sent.packet]);
	assert.equal(arrived.named('BatchAccepted').length, 1, alertOf(arrived));
	return { ...sent, arrived, chain };
}
const alertOf = (receipt) => receipt.named('LzReceiveAlert').map((x) => reasonText(x.reason)).join();
const proofOf = ({ batch, chain }, i) => [batch.leaves[i], chain.eid, batch.number, batch.paths[i]];
const isMember = (...proof) => main.read('main_registry', 'isMember', proof);
const identityOf = (operation) => main.read('main_registry', 'identityOf', [subjectOf(operation)]);
const claim = (proof, from = stranger) => main.write(from, 'main_registry', 'claim', proof);
const refusedClaim = async (proof, reason) =>
	assert.equal((await main.ask(stranger, 'main_registry', 'claim', proof)).reason, reason);
const rejections = ({ arrived }) => arrived.named('Rejected').map((x) => [x.index, x.subject, x.reason]);

// ---- batches, members, claims

test('a batch arrives: its root, its members, and a claim by anyone', async () => {
	const operations = [await make(REGISTER, alice), await make(REGISTER, bob), await make(REGISTER, carol)];
	const sent = await settle(proxy, operations);
	const { batch, packet, requestId, arrived } = sent;
	assert.deepEqual(arrived.named('BatchAccepted'),
		[{ srcEid: proxy.eid, batch: batch.number, root: batch.root, count: 3, rejected: 0 }]);
	assert.deepEqual(arrived.named('Received'), [{ guid: packet.guid, requestId }]);
	assert.equal(await main.read('main_registry', 'rootOf', [proxy.eid, batch.number]), batch.root);
	for (let i = 0; i < 3; i++) {
		assert.equal(await isMember(...proofOf(sent, i)), true);
		assert.deepEqual(await identityOf(operations[i]), NOBODY);
		const receipt = await claim(proofOf(sent, i));
		assert.deepEqual(receipt.named('Recorded'), [{
			subject: subjectOf(operations[i]), kind: 0, srcEid: proxy.eid, batch: batch.number, ref: leafHash(batch.leaves[i]),
		}]);
		assert.deepEqual(await identityOf(operations[i]), [operations[i].owner, operations[i].dataHash, 1n, false]);
		assert.equal(await isMember(...proofOf(sent, i)), true);
		await refusedClaim(proofOf(sent, i), 'AlreadyClaimed');
	}
});

test('every member of batches of odd sizes has its proof, and no other', async () => {
	for (const count of [1, 2, 3, 5, 7, 100]) {
		const sent = await settle(proxy, await Promise.all(Array.from({ length: count }, (_, i) =>
			make(REGISTER, account(`odd ${i}`)))));
		const { leaves, paths, number, root } = sent.batch;
		assert.equal(await main.read('main_registry', 'rootOf', [proxy.eid, number]), root);
		const answers = await Promise.all(leaves.map((_, i) => isMember(...proofOf(sent, i))));
		assert.deepEqual(answers, leaves.map(() => true), `${count}`);
		for (let i = 0; i < count; i += 1 + Math.floor(count / 7)) {
			const path = paths[(i + 1) % count];
			if (count > 1) assert.equal(await isMember(leaves[i], proxy.eid, number, path), false, `${i} of ${count}`);
			if (paths[i].length) assert.equal(await isMember(leaves[i], proxy.eid, number, paths[i].slice(1)), false);
			assert.equal(await isMember(leaves[i], proxy.eid, number, [...paths[i], zeroHash]), false);
		}
	}
});

test('a forged leaf is no member and cannot be claimed', async () => {
	const sent = await settle(proxy, await Promise.all([alice, bob, carol, mallory, stranger].map((x) => make(REGISTER, x))));
	for (let i = 0; i < 5; i++) {
		const [leaf, eid, number, path] = proofOf(sent, i);
		for (const change of [
			{ subject: keccak256('0x01') }, { owner: relay.address }, { dataHash: keccak256('0x02') }, { version: 2n },
			{ version: 0n }, { subject: sent.batch.leaves[(i + 1) % 5].subject }, { owner: zeroAddress }, { version: MAX64 },
		]) {
			const forged = [{ ...leaf, ...change }, eid, number, path];
			assert.equal(await isMember(...forged), false, Object.keys(change)[0]);
			await refusedClaim(forged, 'NotMember');
		}
		for (const forged of [[leaf, second.eid, number, path], [leaf, main.eid, number, path], [leaf, eid, number - 1n, path],
			[leaf, eid, number + 1n, path], [leaf, eid, 0n, path]]) {
			assert.equal(await isMember(...forged), false);
			await refusedClaim(forged, 'NotMember');
		}
		assert.equal(await isMember(leaf, eid, number, path), true);
	}
});

test('an inner node is no leaf, whatever it is dressed as', async () => {
	const sent = await settle(proxy, await Promise.all(Array.from({ length: 4 }, () => make(REGISTER, alice))));
	const { leaves, root, number } = sent.batch;
	const hashes = leaves.map(leafHash);
	const [left, right] = [parent(hashes[0], hashes[1]), parent(hashes[2], hashes[3])];
	assert.equal(parent(left, right), root);
	// Were members taken as bare hashes, each of these would be one.
	const [a, b] = [hashes[0], hashes[1]].sort();
	const dressed = [
		{ subject: left, owner: zeroAddress, dataHash: zeroHash, version: 0n },
		{ subject: a, owner: slice(b, 12), dataHash: b, version: BigInt(slice(b, 24)) },
		{ subject: left, owner: slice(right, 12), dataHash: right, version: 1n },
		{ subject: root, owner: alice.address, dataHash: root, version: 1n },
	];
	for (const leaf of dressed)
		for (const path of [[right], [left], [], [hashes[1], right], [hashes[2], left]]) {
			assert.equal(await isMember(leaf, proxy.eid, number, path), false);
			await refusedClaim([leaf, proxy.eid, number, path], 'NotMember');
		}
	assert.equal(await isMember(leaves[0], proxy.eid, number, [hashes[1], right]), true);
});

test('isMember says false to anything absurd', async () => {
	const { batch, chain } = await settle(proxy, [await make(REGISTER, alice)]);
	const [leaf] = batch.leaves;
	const nobody = { subject: zeroHash, owner: zeroAddress, dataHash: zeroHash, version: 0n };
	const long = Array.from({ length: 2000 }, () => zeroHash);
	for (const proof of [
		[nobody, 0, 0n, []], [nobody, 2 ** 32 - 1, MAX64, []], [nobody, chain.eid, batch.number, []],
		[nobody, chain.eid, batch.number, [batch.root]], [nobody, chain.eid, 0n, [zeroHash]], [leaf, chain.eid, batch.number, long],
		[leaf, chain.eid, MAX64, []], [{ ...leaf, version: MAX64 }, chain.eid, batch.number, []],
		[{ ...leaf, subject: batch.root }, chain.eid, batch.number, Array(33).fill(batch.root)],
	]) {
		const { result, reason } = await main.ask(null, 'main_registry', 'isMember', proof, { gas: 100_000n + 1_000_000n });
		assert.deepEqual([result, reason], [false, undefined]);
	}
	assert.equal(await isMember(leaf, chain.eid, batch.number, []), true);
});

test('a newer version in state makes an older leaf stale; claiming goes forward only', async () => {
	const one = await make(REGISTER, alice);
	const two = await next(one, UPDATE, alice);
	const three = await next(two, UPDATE, alice);
	const sent = await settle(proxy, [one, two, three]);
	const proofs = [0, 1, 2].map((i) => proofOf(sent, i));
	for (const proof of proofs) assert.equal(await isMember(...proof), true); // nothing is in state yet
	await claim(proofs[1]);
	assert.deepEqual(await identityOf(one), [alice.address, two.dataHash, 2n, false]);
	assert.deepEqual(await Promise.all(proofs.map((p) => isMember(...p))), [false, true, true]);
	await refusedClaim(proofs[0], 'StaleVersion');
	await refusedClaim(proofs[1], 'AlreadyClaimed');
	await claim(proofs[2]);
	assert.deepEqual(await Promise.all(proofs.map((p) => isMember(...p))), [false, false, true]);
	await refusedClaim(proofs[1], 'StaleVersion');
	assert.deepEqual(await identityOf(one), [alice.address, three.dataHash, 3n, false]);
});

test('the same version with other data is not what is in state', async () => {
	const one = await make(REGISTER, alice);
	const mine = await settle(proxy, [one, await next(one, UPDATE, alice, { eager: true })]);
	const other = await settle(second, [await there(one, UPDATE, alice, { dataHash: keccak256('0x0d') })]);
	assert.equal(await isMember(...proofOf(mine, 1)), true);
	assert.equal(await isMember(...proofOf(other, 0)), false);
	await refusedClaim(proofOf(other, 0), 'StaleVersion');
});

// ---- written on arrival

test('eager operations, rotations and revocations are written on arrival', async () => {
	const lazy = await make(REGISTER, alice);
	const eager = await make(REGISTER, bob, { eager: true });
	const update = await next(eager, UPDATE, bob, { eager: true, version: 4n });
	const link = await next(update, LINK, bob, { eager: true, account: carol });
	const rotate = await next(lazy, ROTATE, alice, { account: carol });
	const gone = await make(REGISTER, mallory);
	const revoke = await next(gone, REVOKE, mallory);
	const sent = await settle(proxy, [lazy, eager, update, link, rotate, gone, revoke]);
	const { batch, arrived } = sent;
	assert.deepEqual(arrived.named('Recorded'), [[1, eager], [2, update], [3, link], [4, rotate], [6, revoke]].map(([i, x]) => ({
		subject: subjectOf(x), kind: x.kind, srcEid: proxy.eid, batch: batch.number, ref: leafHash(batch.leaves[i]),
	})));
	assert.deepEqual(await identityOf(eager), [bob.address, link.dataHash, 5n, false]);
	assert.deepEqual(await identityOf(lazy), [carol.address, rotate.dataHash, 2n, false]);
	assert.deepEqual(await identityOf(gone), [zeroAddress, zeroHash, 2n, true]);
	const members = await Promise.all(batch.leaves.map((_, i) => isMember(...proofOf(sent, i))));
	assert.deepEqual(members, [false, false, false, true, true, false, false]);
	const reasons = ['StaleVersion', 'StaleVersion', 'StaleVersion', 'AlreadyClaimed', 'AlreadyClaimed', 'IsRevoked', 'NotMember'];
	for (const [i, reason] of reasons.entries()) await refusedClaim(proofOf(sent, i), reason);
});

test('a revoked identity is no member any more, through no registry', async () => {
	const one = await make(REGISTER, alice);
	const first = await settle(proxy, [one]);
	await claim(proofOf(first, 0));
	const elsewhere = await settle(second, [await there(one, UPDATE, alice, { version: 50n })]);
	assert.equal(await isMember(...proofOf(elsewhere, 0)), true);
	await settle(proxy, [await next(one, REVOKE, alice)]);
	for (const sent of [first, elsewhere]) {
		assert.equal(await isMember(...proofOf(sent, 0)), false);
		await refusedClaim(proofOf(sent, 0), 'IsRevoked');
	}
	const late = await settle(second, [
		await there(one, UPDATE, alice, { version: 60n, eager: true }), await there(one, ROTATE, alice, { version: 70n, account: bob }),
		await there(one, REVOKE, alice, { version: 80n, owner: bob.address, signer: bob }),
	]);
	assert.deepEqual(rejections(late), [0, 1, 2].map((i) => [i, subjectOf(one), REASON.Revoked]));
	assert.equal(late.arrived.named('BatchAccepted')[0].rejected, 3);
	for (let i = 0; i < 3; i++) assert.equal(await isMember(...proofOf(late, i)), false);
	assert.deepEqual(await identityOf(one), [zeroAddress, zeroHash, 2n, true]);
});

test('two registries race rotations of one identity: the first arrival wins, the loser is rejected and told', async () => {
	const one = await make(REGISTER, alice);
	await settle(proxy, [one]);
	const [mine, theirs] = [
		await submit(proxy, [await next(one, ROTATE, alice, { account: bob })]),
		await submit(second, [await operate(second, main, REGISTER, carol), await there(one, ROTATE, alice, { account: mallory })]),
	];
	const won = await arrive(main, [theirs.packet]);
	assert.equal(won.named('Recorded').length, 1);
	const lost = await arrive(main, [mine.packet]);
	assert.deepEqual(lost.named('Rejected'), [{
		srcEid: proxy.eid, batch: mine.batch.number, index: 0, subject: subjectOf(one), reason: REASON.StaleVersion,
	}]);
	assert.equal(lost.named('BatchAccepted')[0].rejected, 1);
	assert.deepEqual((await identityOf(one))[0], mallory.address);
	assert.equal(await isMember(mine.batch.leaves[0], proxy.eid, mine.batch.number, mine.batch.paths[0]), false);
	await refusedClaim([mine.batch.leaves[0], proxy.eid, mine.batch.number, mine.batch.paths[0]], 'StaleVersion');
	await tell(proxy);
	assert.deepEqual(await proxy.read('proxy_registry', 'answerOf', [mine.batch.number]), [mine.batch.root, 0, 1, true]);
	// A higher version does not help the loser: it is not the owner's.
	const more = await settle(proxy, [await next(one, ROTATE, bob, { version: 9n, account: carol })]);
	assert.deepEqual(rejections(more), [[0, subjectOf(one), REASON.WrongOwner]]);
	assert.deepEqual((await identityOf(one))[0], mallory.address);
});

test('after a rotation the old owner changes nothing through the other registry', async () => {
	const one = await make(REGISTER, alice);
	const first = await settle(proxy, [one]);
	await settle(proxy, [await next(one, ROTATE, alice, { account: bob })]);
	// That registry knows nothing of the rotation and believes alice.
	const sent = await settle(second, [
		await there(one, UPDATE, alice, { version: 7n }), await there(one, UPDATE, alice, { version: 8n, eager: true }),
		await there(one, ROTATE, alice, { version: 9n, account: mallory }),
		await there(one, UPDATE, mallory, { version: 10n, signer: mallory, eager: true }),
		await there(one, REVOKE, mallory, { version: 11n }),
	]);
	assert.deepEqual(rejections(sent), [1, 2, 3, 4].map((i) => [i, subjectOf(one), REASON.WrongOwner]));
	for (let i = 0; i < 5; i++) assert.equal(await isMember(...proofOf(sent, i)), false, `${i}`);
	await refusedClaim(proofOf(sent, 0), `WrongOwner(${bob.address})`);
	await refusedClaim(proofOf(sent, 4), 'NotMember');
	assert.equal(await isMember(...proofOf(first, 0)), false);
	assert.deepEqual((await identityOf(one)).slice(0, 1), [bob.address]);
	// The new owner goes on where it was rotated.
	const on = await settle(proxy, [await next(one, UPDATE, bob, { version: 12n })]);
	assert.equal(await isMember(...proofOf(on, 0)), true);
	await claim(proofOf(on, 0));
	assert.deepEqual((await identityOf(one)).slice(0, 1), [bob.address]);
});

test('before a rotation arrives the old owner\'s update counts, afterwards not', async () => {
	const one = await make(REGISTER, alice);
	await settle(proxy, [one]);
	const update = await settle(second, [await there(one, UPDATE, alice, { version: 3n })]);
	assert.equal(await isMember(...proofOf(update, 0)), true);
	const late = await submit(proxy, [await next(one, ROTATE, alice, { account: bob })]);
	await claim(proofOf(update, 0));
	// Version 3 is written; the rotation, version 2, comes too late: the first arrival counts.
	const lost = await arrive(main, [late.packet]);
	assert.equal(lost.named('Rejected')[0].reason, REASON.StaleVersion);
	assert.deepEqual(await identityOf(one), [alice.address, update.batch.leaves[0].dataHash, 3n, false]);
});

test('one bad member of a full message does not hold the others up', async () => {
	const taken = await make(REGISTER, alice);
	await settle(second, [await there(taken, ROTATE, alice, { account: bob, version: 9n })]);
	await settle(proxy, [taken]);
	const operations = [];
	for (let i = 0; i < 49; i++) operations.push(await make(REGISTER, account(`full ${i}`), { eager: true }));
	operations.splice(17, 0, await next(taken, UPDATE, alice, { eager: true }));
	operations.splice(3, 0, await make(REGISTER, carol));
	const sent = await settle(proxy, operations);
	assert.deepEqual(rejections(sent), [[18, subjectOf(taken), REASON.StaleVersion]]);
	assert.equal(sent.arrived.named('Recorded').length, 49);
	assert.deepEqual(sent.arrived.named('BatchAccepted')[0],
		{ srcEid: proxy.eid, batch: sent.batch.number, root: sent.batch.root, count: 51, rejected: 1 });
});

// ---- order, peers, messages

test('batches are taken in order only; what came too early is taken later', async () => {
	const sents = [];
	for (let i = 0; i < 3; i++) sents.push(await submit(proxy, [await make(REGISTER, alice)]));
	const packets = sents.map((s) => s.packet);
	await verify(main, packets);
	const fields = (packet) => ({ gasLimit: askedGas(packet) });
	await deliver(main, packets, { fields: (p) => ({ ...fields(p), ops: 1 }) });
	const early = await deliver(main, [packets[2], packets[1]], { fields: (p) => ({ ...fields(p), ops: 2 }) });
	const [first] = sents;
	assert.equal(alertOf(early), [3n, 2n].map((n) =>
		`BatchOutOfOrder(${first.batch.number},${first.batch.number + n - 1n})`).join());
	assert.equal(await main.read('main_registry', 'rootOf', [proxy.eid, first.batch.number]), zeroHash);
	assert.equal(await isMember(sents[2].batch.leaves[0], proxy.eid, sents[2].batch.number, []), false);
	const done = await deliver(main, packets, { fields: (p) => ({ ...fields(p), ops: 2 }) });
	assert.deepEqual(done.named('BatchAccepted').map((x) => x.batch), sents.map((s) => s.batch.number));
	// And each once: the endpoint has no such packet any more.
	const twice = await deliver(main, packets.slice(0, 1), { fields: (p) => ({ ...fields(p), ops: 2 }) });
	assert.equal(twice.named('BatchAccepted').length, 0);
	assert.equal(twice.named('LzReceiveAlert').length, 1);
});

/** `message` handed to the registry as if it came through the endpoint. */
function receive(chain, at, message, { srcEid, sender, from = chain.addresses.endpoint, value } = {}) {
	const remote = { [main.eid]: main, [proxy.eid]: proxy, [second.eid]: second }[srcEid];
	const peer = sender ?? pad(remote.addresses[at === 'main_registry' ? 'proxy_registry' : 'main_registry']);
	const origin = { srcEid, sender: peer, nonce: 7n };
	return chain.ask(from, at, 'lzReceive', [origin, zeroHash, message, zeroAddress, '0x'], { value });
}
const word = (x, bytes) => toHex(x, { size: bytes });
function batchMessage(fields = {}) {
	const x = { head: '0x0101', number: 1n, prevRoot: zeroHash, root: keccak256('0x01'), count: 1, written: 0, records: '0x', ...fields };
	return concat([x.head, word(x.number, 8), relay.address, zeroHash, x.prevRoot, x.root, word(x.count, 4), zeroHash,
		word(x.written, 2), x.records]);
}

test('only its proxy\'s batches through the endpoint; only the next one; only whole ones', async () => {
	const { last } = await progress(proxy);
	const prevRoot = await proxy.read('proxy_registry', 'lastRoot');
	assert.equal(await main.read('main_registry', 'rootOf', [proxy.eid, last]), prevRoot);
	const number = last + 1n;
	const good = { number, prevRoot };
	const say = (fields, options) => receive(main, 'main_registry', batchMessage({ ...good, ...fields }), { srcEid: proxy.eid, ...options });
	assert.equal((await say({})).reason, undefined);
	const record = `0x${'00'.repeat(137)}`;
	for (const [fields, reason, options] of [
		[{ number: last }, `BatchOutOfOrder(${number},${last})`], [{ number: number + 1n }, `BatchOutOfOrder(${number},${number + 1n})`],
		[{ number: 0n }, `BatchOutOfOrder(${number},0)`], [{ number: MAX64 }, `BatchOutOfOrder(${number},${MAX64})`],
		[{ prevRoot: zeroHash }, `WrongPrevRoot(${prevRoot},${zeroHash})`],
		[{ prevRoot: keccak256('0x02') }, `WrongPrevRoot(${prevRoot},${keccak256('0x02')})`],
		[{ head: '0x0102' }, 'BadMessage'], [{ head: '0x0201' }, 'BadMessage'], [{ head: '0x0000' }, 'BadMessage'],
		[{ written: 1 }, 'BadMessage'], [{ records: record }, 'BadMessage'], [{ records: '0x00' }, 'BadMessage'],
		[{ written: 1, records: concat([record, '0x00']) }, 'BadMessage'],
		[{ written: 1, records: slice(record, 1) }, 'BadMessage'], [{ written: 2, records: concat([record, record]) }, 'BadMessage'],
		[{}, `OnlyPeer(${proxy.eid},${pad(mallory.address).toLowerCase()})`, { sender: pad(mallory.address).toLowerCase() }],
		[{}, `OnlyPeer(${proxy.eid},${pad(proxy.addresses.messenger).toLowerCase()})`, { sender: pad(proxy.addresses.messenger).toLowerCase() }],
		[{}, `OnlyEndpoint(${mallory.address})`, { from: mallory.address }],
		[{}, 'NoPeer(49999)', { srcEid: 49999, sender: pad(proxy.addresses.proxy_registry) }],
	]) assert.equal((await say(fields, options)).reason, reason, reason);
	assert.equal((await receive(main, 'main_registry', '0x', { srcEid: proxy.eid })).reason, 'BadMessage');
	assert.equal((await receive(main, 'main_registry', slice(batchMessage(good), 0, 163), { srcEid: proxy.eid })).reason, 'BadMessage');
	await rpcCall(main.rpc, 'anvil_setBalance', [main.addresses.endpoint, toHex(10n ** 18n)]);
	assert.equal((await say({}, { value: 1n })).reason, 'UnexpectedValue');
	assert.equal((await say({ written: 1, records: record })).reason, undefined);
});

test('a message of another contract of the rollup does not even get committed', async () => {
	const fake = await proxy.deploy('TestPeer', [proxy.addresses.endpoint, owner.address]);
	const at = ['TestPeer', fake];
	await proxy.write(owner, at, 'setPeer', [main.eid, pad(main.addresses.main_registry)]);
	const message = batchMessage({ number: (await progress(proxy)).last + 1n, prevRoot: await proxy.read('proxy_registry', 'lastRoot') });
	const fee = await proxy.read(at, 'quoteRaw', [main.eid, message]);
	const packets = packetsOf(await proxy.write(relay, at, 'sendRaw', [main.eid, message], { value: fee }));
	const receipt = await arrive(main, packets);
	assert.deepEqual(receipt.named('CommitFailed').map((x) => reasonText(x.reason)), ['LZ_PathNotInitializable']);
	assert.equal(receipt.named('BatchAccepted').length, 0);
	// Even as the endpoint's, it is not the peer's.
	assert.match((await receive(main, 'main_registry', message, { srcEid: proxy.eid, sender: pad(fake).toLowerCase() })).reason, /^OnlyPeer/);
});

test('a peer that lies about the order is not followed, and the honest one goes on', async () => {
	const fake = await proxy.deploy('TestPeer', [proxy.addresses.endpoint, owner.address]);
	const at = ['TestPeer', fake];
	const last = (await progress(proxy)).last;
	const prevRoot = await proxy.read('proxy_registry', 'lastRoot');
	await main.undoing(async () => {
		await proxy.write(owner, at, 'setPeer', [main.eid, pad(main.addresses.main_registry)]);
		await main.write(owner, 'main_registry', 'setPeer', [proxy.eid, pad(fake)]);
		for (const [fields, reason] of [[{ number: last + 2n, prevRoot }, /^BatchOutOfOrder/], [{ number: last + 1n }, /^WrongPrevRoot/]]) {
			const message = batchMessage(fields);
			const fee = await proxy.read(at, 'quoteRaw', [main.eid, message]);
			const sent = packetsOf(await proxy.write(relay, at, 'sendRaw', [main.eid, message], { value: fee }));
			assert.match(alertOf(await arrive(main, sent)), reason);
		}
	});
	await settle(proxy, [await make(REGISTER, alice)]);
});

// ---- reorgs, and batches given up

test('a batch that its chain took back before it arrived leaves no trace', async () => {
	const operation = await make(REGISTER, alice);
	const { sent, packet } = await proxy.undoing(async () => {
		const once = await submit(proxy, [operation, await make(REGISTER, mallory)]);
		return { sent: once, packet: once.packet };
	});
	const again = await settle(proxy, [operation]);
	assert.equal(again.batch.number, sent.batch.number);
	assert.equal(again.packet.nonce, packet.nonce);
	assert.equal(await isMember(sent.batch.leaves[0], proxy.eid, sent.batch.number, sent.batch.paths[0]), false);
	assert.equal(await isMember(...proofOf(again, 0)), true);
	// The old packet, attested by mistake, finds its place taken.
	const late = await arrive(main, [packet]);
	assert.deepEqual(late.named('CommitFailed').map((x) => reasonText(x.reason)), ['LZ_PathNotVerifiable']);
	assert.equal(late.named('BatchAccepted').length, 0);
});

test('a batch that its chain took back after it arrived stops the chain of roots, until the owner passes one', async () => {
	const [one, two, three] = [await make(REGISTER, alice), await make(REGISTER, bob), await make(REGISTER, carol)];
	await main.undoing(() => proxy.undoing(async () => {
		const gone = await proxy.undoing(() => settle(proxy, [one]));
		const other = await submit(proxy, [two]);
		assert.equal(other.batch.number, gone.batch.number);
		const after_ = await submit(proxy, [three]);
		const receipt = await arrive(main, [after_.packet]);
		assert.equal(alertOf(receipt), `WrongPrevRoot(${gone.batch.root},${other.batch.root})`);
		assert.equal(await isMember(after_.batch.leaves[0], proxy.eid, after_.batch.number, []), false);
		const pass = [proxy.eid, after_.batch.number, after_.batch.root];
		assert.match((await main.ask(stranger, 'main_registry', 'passBatch', pass)).reason, /^OwnableUnauthorizedAccount/);
		assert.equal((await main.ask(owner, 'main_registry', 'passBatch', [proxy.eid, after_.batch.number + 1n, zeroHash])).reason,
			`BatchOutOfOrder(${after_.batch.number},${after_.batch.number + 1n})`);
		const passed = await main.write(owner, 'main_registry', 'passBatch', pass);
		assert.deepEqual(passed.named('BatchPassed'), [{ srcEid: proxy.eid, batch: after_.batch.number, root: after_.batch.root }]);
		// What was passed over counts for nothing, and cannot come any more.
		assert.equal(await main.read('main_registry', 'rootOf', [proxy.eid, after_.batch.number]), zeroHash);
		assert.equal(await isMember(after_.batch.leaves[0], proxy.eid, after_.batch.number, []), false);
		const late = await deliver(main, [after_.packet], { fields: (p) => ({ ops: 2, gasLimit: askedGas(p) }) });
		assert.match(alertOf(late), /^BatchOutOfOrder/);
		// The members come again as updates, and the chain goes on.
		const on = await settle(proxy, [await next(three, UPDATE, carol)]);
		assert.equal(await isMember(...proofOf(on, 0)), true);
		await tell(proxy);
		assert.deepEqual(await proxy.read('proxy_registry', 'answerOf', [after_.batch.number]), [zeroHash, 0, 0, true]);
		assert.deepEqual(await proxy.read('proxy_registry', 'answerOf', [on.batch.number]), [on.batch.root, 1, 0, true]);
	}));
});

// ---- answers

async function progress(chain) {
	const [last, answered] = await main.read('main_registry', 'progressOf', [chain.eid]);
	return { last, answered };
}
/** The main registry's answer, sent. */
async function answer(chain, upTo = MAX64, options = {}) {
	const requestId = newRequest();
	const fee = await main.read('main_registry', 'quoteAnswer', [chain.eid, upTo]);
	const receipt = await main.write(relay, 'main_registry', 'answer', [chain.eid, upTo, requestId], { value: fee, ...options });
	return { ...receipt, requestId, packet: packetsOf(receipt)[0] };
}
/** Answers all there is to answer. Returns the proxy's receipts. */
async function tell(chain) {
	const receipts = [];
	for (;;) {
		const { last, answered } = await progress(chain);
		if (last === answered) return receipts;
		receipts.push(await arrive(chain, [(await answer(chain)).packet]));
	}
}

test('answers are stored by the proxy, once, up to what was asked', async () => {
	await tell(proxy);
	const start = (await progress(proxy)).answered;
	const taken = await make(REGISTER, alice);
	await settle(second, [await there(taken, ROTATE, alice, { account: bob, version: 9n })]);
	const sents = [
		await settle(proxy, [taken, await make(REGISTER, bob)]),
		await settle(proxy, [await make(REGISTER, bob), await next(taken, UPDATE, alice, { eager: true }),
			await make(REGISTER, carol, { eager: true }), await next(taken, ROTATE, alice, { version: 10n, account: carol })]),
		await settle(proxy, [await make(REGISTER, carol)]),
	];
	assert.deepEqual(sents.map((s) => s.batch.number), [1n, 2n, 3n].map((n) => start + n));
	const first = await answer(proxy, start + 2n);
	assert.deepEqual(first.named('Sent'), [{ requestId: first.requestId, guid: first.packet.guid }]);
	assert.equal(first.packet.message, concat(['0x0102', first.requestId, '0x0002',
		word(start + 1n, 8), sents[0].batch.root, word(2, 4), '0x0000',
		word(start + 2n, 8), sents[1].batch.root, word(2, 4), '0x0002', word(1, 4), word(3, 4)]));
	assert.deepEqual(await proxy.read('proxy_registry', 'answerOf', [start + 1n]), [zeroHash, 0, 0, false]);
	const told = await arrive(proxy, [first.packet]);
	assert.deepEqual(told.named('Answered'), [
		{ number: start + 1n, root: sents[0].batch.root, accepted: 2, rejected: [] },
		{ number: start + 2n, root: sents[1].batch.root, accepted: 2, rejected: [1, 3] },
	]);
	assert.deepEqual(told.named('Received'), [{ guid: first.packet.guid, requestId: first.requestId }]);
	assert.deepEqual(await proxy.read('proxy_registry', 'answerOf', [start + 2n]), [sents[1].batch.root, 2, 2, true]);
	assert.deepEqual(await proxy.read('proxy_registry', 'answerOf', [start + 3n]), [zeroHash, 0, 0, false]);
	// Up to there, nothing is left to say.
	for (const upTo of [start + 2n, start, 0n]) {
		assert.equal(await main.read('main_registry', 'quoteAnswer', [proxy.eid, upTo]), 0n);
		const balance = await main.balance(relay.address);
		const none = await answer(proxy, upTo, { value: 10n ** 18n });
		assert.deepEqual(none.named('Skipped').map((s) => [s.requestId, reasonText(s.reason)]), [[none.requestId, 'NothingToAnswer']]);
		assert.equal(none.packet, undefined);
		const paid = BigInt(none.raw.gasUsed) * BigInt(none.raw.effectiveGasPrice);
		assert.equal(balance - (await main.balance(relay.address)), paid);
	}
	assert.equal((await tell(proxy)).length, 1);
	assert.equal((await main.ask(relay, 'main_registry', 'answer', [49999, 1n, zeroHash])).reason, undefined);
});

test('the fee of an answer is exact; more comes back, less sends nothing', async () => {
	await settle(proxy, [await make(REGISTER, alice)]);
	const fee = await main.read('main_registry', 'quoteAnswer', [proxy.eid, MAX64]);
	const short = await main.ask(relay, 'main_registry', 'answer', [proxy.eid, MAX64, zeroHash], { value: fee - 1n });
	assert.match(short.data, /^0x4f3ec0d3/); // LZ_InsufficientFee
	const balance = await main.balance(stranger.address);
	const requestId = newRequest();
	const sent = await main.write(stranger, 'main_registry', 'answer', [proxy.eid, MAX64, requestId], { value: fee * 4n });
	const paid = BigInt(sent.raw.gasUsed) * BigInt(sent.raw.effectiveGasPrice);
	assert.equal(balance - (await main.balance(stranger.address)), fee + paid);
	await arrive(proxy, packetsOf(sent));
});

test('an answer that is known stands', async () => {
	const sent = await settle(proxy, [await make(REGISTER, alice)]);
	await tell(proxy);
	const { number, root } = sent.batch;
	await proxy.undoing(async () => {
		const { endpoint } = proxy.addresses;
		await rpcCall(proxy.rpc, 'anvil_setBalance', [endpoint, toHex(10n ** 20n)]);
		await rpcCall(proxy.rpc, 'anvil_impersonateAccount', [endpoint]);
		const origin = { srcEid: main.eid, sender: pad(main.addresses.main_registry), nonce: 7n };
		const entry = (n, r) => concat([word(n, 8), r, word(0, 4), '0x0001', word(0, 4)]);
		const message = concat(['0x0102', zeroHash, '0x0002', entry(number, zeroHash), entry(number + 1n, keccak256('0x01'))]);
		const hash = await rpcCall(proxy.rpc, 'eth_sendTransaction', [{
			from: endpoint, to: proxy.addresses.proxy_registry, gas: toHex(1_000_000n),
			data: encodeFunctionData({
				abi: artifact('ProxyRegistry').abi, functionName: 'lzReceive', args: [origin, zeroHash, message, zeroAddress, '0x'],
			}),
		}]);
		let receipt;
		while (!(receipt = await rpcCall(proxy.rpc, 'eth_getTransactionReceipt', [hash])));
		const told = proxy.decodeReceipt(receipt);
		assert.equal(told.ok, true);
		assert.deepEqual(told.named('Answered').map((x) => x.number), [number + 1n]);
		assert.deepEqual(await proxy.read('proxy_registry', 'answerOf', [number]), [root, 1, 0, true]);
	});
});

test('a proxy takes whole answers of its main registry only', async () => {
	const entry = concat([word(9000n, 8), keccak256('0x01'), word(1, 4)]);
	const say = (message, options) => receive(proxy, 'proxy_registry', message, { srcEid: main.eid, ...options });
	const head = (n, kind = '0x0102') => concat([kind, zeroHash, word(n, 2)]);
	for (const [message, reason, options] of [
		[head(0), undefined], [concat([head(1), entry, '0x0000']), undefined], [concat([head(1), entry, '0x0001', word(4, 4)]), undefined],
		['0x', 'BadMessage'], [head(1), 'BadMessage'], [slice(head(0), 0, 35), 'BadMessage'], [head(0, '0x0101'), 'BadMessage'],
		[concat([head(0), entry, '0x0000']), 'BadMessage'], [concat([head(1), entry, '0x00']), 'BadMessage'],
		[concat([head(1), entry, '0x0001', word(4, 3)]), 'BadMessage'], [concat([head(1), entry, '0xffff', word(4, 4)]), 'BadMessage'],
		[concat([head(1), entry, '0x0000', '0x00']), 'BadMessage'], [concat([head(2), entry, '0x0000']), 'BadMessage'],
		[head(0), `OnlyEndpoint(${mallory.address})`, { from: mallory.address }],
		[head(0), `OnlyPeer(${main.eid},${pad(mallory.address).toLowerCase()})`, { sender: pad(mallory.address).toLowerCase() }],
		[head(0), `NoPeer(${second.eid})`, { srcEid: second.eid, sender: pad(second.addresses.proxy_registry) }],
	]) assert.equal((await say(message, options)).reason, reason, `${message.slice(0, 80)} ${reason}`);
	await rpcCall(proxy.rpc, 'anvil_setBalance', [proxy.addresses.endpoint, toHex(10n ** 18n)]);
	assert.equal((await say(head(0), { value: 1n })).reason, 'UnexpectedValue');
});

test('thirty-two batches fit into one answer, with all their rejections', async () => {
	await tell(proxy);
	const start = (await progress(proxy)).answered;
	await main.undoing(() => proxy.undoing(async () => {
		// Batches of 50 updates of identities that are revoked: 50 rejections each.
		const revoked = [];
		for (let i = 0; i < 50; i++) revoked.push(await make(REGISTER, alice));
		await settle(proxy, revoked);
		await settle(second, await Promise.all(revoked.map((x) => there(x, REVOKE, alice, { version: 1000n }))));
		for (let v = 2n; v < 35n; v++)
			await settle(proxy, await Promise.all(revoked.map((x) => next(x, UPDATE, alice, { version: v, eager: true }))));
		const first = await answer(proxy);
		assert.equal((await progress(proxy)).answered, start + 32n);
		assert.equal(first.packet.message.length / 2 - 1, 36 + 32 * 46 + 31 * 50 * 4);
		const told = await arrive(proxy, [first.packet]);
		assert.equal(told.named('Answered').length, 32, alertOf(told));
		assert.equal(told.named('Answered')[31].rejected.length, 50);
		const rest = await answer(proxy);
		assert.equal((await arrive(proxy, [rest.packet])).named('Answered').length, 2);
		assert.equal((await progress(proxy)).answered, start + 34n);
	}));
});

test('nobody comes back in while an answer is sent', async () => {
	await settle(proxy, [await make(REGISTER, alice)]);
	const caller = await main.deploy('TestCaller');
	const data = encodeFunctionData({ abi: artifact('MainRegistry').abi, functionName: 'answer', args: [proxy.eid, MAX64, newRequest()] });
	const fee = await main.read('main_registry', 'quoteAnswer', [proxy.eid, MAX64]);
	const receipt = await main.write(relay, ['TestCaller', caller], 'callTwice', [main.addresses.main_registry, data, data], { value: fee * 3n });
	assert.equal(packetsOf(receipt).length, 1);
	assert.deepEqual(receipt.named('Skipped').map((s) => reasonText(s.reason)), ['NothingToAnswer']);
	assert.equal(await main.balance(main.addresses.main_registry), 0n);
	await arrive(proxy, packetsOf(receipt));
});

test('the message says what the batch is, to whoever reads only the packet', async () => {
	const { batch, packet } = await submit(proxy, [await make(REGISTER, alice), await make(REGISTER, bob, { eager: true })]);
	const read = batchOf(packet);
	assert.equal(read.dataHash, dataHashOf(batch.leaves));
	assert.equal(read.root, batch.root);
	await arrive(main, [packet]);
});
