// What an identity costs in bulk. The figures are printed; batches of 100 plain registrations have a ceiling.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { keccak256, toHex } from 'viem';
import { account, accounts, deliver, makeWorld, verify } from './world.mjs';
import { REGISTER, ROTATE, askedGas, operate, submit } from './registry.mjs';

const SOURCE_CEILING = 35_000;
const DESTINATION_CEILING = 2_500;

let world, main, proxy;
before(async () => {
	world = await makeWorld();
	({ a: main, b: proxy } = world);
});
after(() => world?.stop());

async function measure(operations) {
	const count = operations.length;
	const sent = await submit(proxy, operations);
	assert.equal(sent.batch.leaves.length, count);
	const verified = await verify(main, [sent.packet]);
	const delivered = await deliver(main, [sent.packet], { fields: () => ({ gasLimit: askedGas(sent.packet) }) });
	assert.equal(delivered.named('BatchAccepted').length, 1);
	return { send: sent.gas, verify: verified.gas, deliver: delivered.gas, there: verified.gas + delivered.gas };
}

const print = (t, what, count, gas) => t.diagnostic(`${what} x${count}: source ${gas.send} (${Math.round(gas.send / count)} each), `
	+ `verify ${gas.verify}, commit+receive ${gas.deliver}, destination ${gas.there} (${Math.round(gas.there / count)} each)`);

const many = (count, make) => Promise.all(Array.from({ length: count }, (_, i) => make(account(`owner ${i}`))));

test('gas of registrations', async (t) => {
	let salt = 0n;
	const make = (owner) => operate(proxy, main, REGISTER, owner, { salt: keccak256(toHex(salt++)) });
	await measure(await many(1, make));
	for (const count of [1, 10, 100]) {
		const gas = await measure(await many(count, make));
		print(t, 'registrations', count, gas);
		if (count < 100) continue;
		assert.ok(gas.send / count <= SOURCE_CEILING, `${gas.send / count} an identity on the source`);
		assert.ok(gas.there / count <= DESTINATION_CEILING, `${gas.there / count} an identity on the destination`);
	}
});
