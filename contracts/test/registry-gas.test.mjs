// What identities cost in bulk. The figures are printed; batches of 100 plain registrations have a ceiling, and what
// the registries ask of executors has some room.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { keccak256, toHex } from 'viem';
import { SECOND_ROLLUP, account, accounts, deliver, makeWorld, packetsOf, verify } from './world.mjs';
import {
	LINK, REGISTER, REVOKE, ROTATE, UPDATE, arrive, askedGas, follow, newRequest, operate, subjectOf, submit,
} from './registry.mjs';

const { alice, bob, relay } = accounts;
const SOURCE_CEILING = 35_000;
const DESTINATION_CEILING = 2_500;
const CLAIM_CEILING = 81_000;
const ROOM = 11n; // tenths that what is asked is of what is needed, at least

let world, main, proxy, second;
before(async () => {
	world = await makeWorld(SECOND_ROLLUP);
	({ a: main, b: proxy, c: second } = world);
	await measure([await make(REGISTER, alice)]); // the first one writes where nothing was
});
after(() => world?.stop());

let salt = 0n;
const make = (kind, who, fields) => operate(proxy, main, kind, who, { salt: keccak256(toHex(salt++)), ...fields });
const many = (count, work) => Promise.all(Array.from({ length: count }, (_, i) => work(i)));

async function measure(operations) {
	const sent = await submit(proxy, operations);
	assert.equal(sent.batch.leaves.length, operations.length);
	const verified = await verify(main, [sent.packet]);
	const delivered = await deliver(main, [sent.packet], { fields: () => ({ gasLimit: askedGas(sent.packet) }) });
	assert.equal(delivered.named('BatchAccepted').length, 1);
	return { ...sent, send: sent.gas, verify: verified.gas, deliver: delivered.gas, there: verified.gas + delivered.gas };
}
function print(t, what, count, gas) {
	t.diagnostic(`${what} x${count}: source ${gas.send} (${Math.round(gas.send / count)} each), verify ${gas.verify}, `
		+ `commit+receive ${gas.deliver}, destination ${gas.there} (${Math.round(gas.there / count)} each)`);
}

test('plain registrations', async (t) => {
	for (const count of [1, 10, 100]) {
		const gas = await measure(await many(count, (i) => make(REGISTER, account(`owner ${i}`))));
		print(t, 'registrations', count, gas);
		const { leaves, paths, number } = gas.batch;
		const claimed = await main.write(relay, 'main_registry', 'claim', [leaves[0], proxy.eid, number, paths[0]]);
		t.diagnostic(`claim of one of ${count}: ${claimed.gas}`);
		assert.ok(claimed.ok && claimed.gas <= CLAIM_CEILING, `${claimed.gas} for a claim`);
		if (count < 100) continue;
		assert.ok(gas.send / count <= SOURCE_CEILING, `${gas.send / count} an identity on the source`);
		assert.ok(gas.there / count <= DESTINATION_CEILING, `${gas.there / count} an identity on the destination`);
	}
});

test('other operations', async (t) => {
	for (const count of [1, 10, 50]) {
		const base = await many(count, () => make(REGISTER, alice, { recovery: bob.address }));
		const kinds = {
			'registrations with a recovery account': base,
			'eager registrations': await many(count, () => make(REGISTER, alice, { eager: true })),
		};
		let last = base;
		for (const [name, kind, fields] of [
			['updates', UPDATE, { recovery: bob.address }], ['links', LINK, { account: bob }],
			['rotations', ROTATE, { account: bob }], ['revocations', REVOKE, { owner: bob.address, signer: bob }],
		]) last = kinds[name] = await many(count, (i) => follow(proxy, main, last[i], kind, alice, fields));
		for (const [name, operations] of Object.entries(kinds)) print(t, name, count, await measure(operations));
	}
});

/** A packet that is committed still arrives with a part of the gas it asks for; then it arrives. */
async function hasRoom(chain, packet, event) {
	await verify(chain, [packet]);
	const part = (gasLimit, ops = 2) => deliver(chain, [packet], { fields: () => ({ gasLimit, ops }) });
	await part(1n, 1);
	const { count, gas } = await chain.undoing(async () => {
		const receipt = await part(askedGas(packet) * 10n / ROOM);
		return { count: receipt.named(event).length, gas: receipt.gas };
	});
	assert.ok(count > 0, `${event}: ${askedGas(packet)} asked, less than a tenth too much`);
	await part(askedGas(packet));
	return gas;
}

test('what is asked of executors is enough, with room', async (t) => {
	const fresh = await many(50, () => make(REGISTER, alice, { eager: true }));
	const lazy = await many(50, () => make(REGISTER, alice));
	for (const [name, operations] of [
		['one', [await make(REGISTER, alice)]], ['one eager', [await make(REGISTER, alice, { eager: true })]],
		['50 fresh', fresh], ['50 lazy', lazy],
	]) {
		const { packet } = await submit(proxy, operations);
		t.diagnostic(`${name}: ${askedGas(packet)} asked, ${await hasRoom(main, packet, 'BatchAccepted')} used in all`);
	}
	// The first packet of a path, and 50 rejections.
	const revoked = await submit(second, await many(50, (i) => follow(second, main, lazy[i], REVOKE, alice, { version: 9n })));
	await hasRoom(main, revoked.packet, 'BatchAccepted');
	const late = await submit(proxy, await many(50, (i) => follow(proxy, main, lazy[i], UPDATE, alice, { eager: true })));
	await hasRoom(main, late.packet, 'Rejected');
	assert.equal((await main.read('main_registry', 'identityOf', [subjectOf(lazy[0])]))[3], true);
	// The answers, the first one and one with those rejections.
	for (const chain of [second, proxy]) {
		for (;;) {
			const fee = await main.read('main_registry', 'quoteAnswer', [chain.eid, 2n ** 64n - 1n]);
			if (fee === 0n) break;
			const sent = await main.write(relay, 'main_registry', 'answer', [chain.eid, 2n ** 64n - 1n, newRequest()], { value: fee });
			const [packet] = packetsOf(sent);
			const gas = await hasRoom(chain, packet, 'Answered');
			t.diagnostic(`answer: ${sent.gas} to send, ${askedGas(packet)} asked, ${gas} used in all`);
		}
	}
	await arrive(main, [(await submit(proxy, [await make(REGISTER, alice)])).packet]);
});
