// What a message costs in bulk. The figures are printed; the destination has a ceiling.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pad } from 'viem';
import { accounts, deliver, makeWorld, packetsOf, signed, total, unsigned, verify } from './world.mjs';

const { alice, relay } = accounts;
const DESTINATION_CEILING = 94_000;
const PAYLOAD = `0x${'5a'.repeat(64)}`;

let world, a, b, quiet;
before(async () => {
	world = await makeWorld();
	({ a, b } = world);
	quiet = await b.deploy('TestTarget');
});
after(() => world?.stop());

async function measure(count, make) {
	const items = await Promise.all(Array.from({ length: count }, () => make({ receiver: pad(quiet), payload: PAYLOAD })));
	const sent = await a.write(relay, 'messenger', 'sendMany', [items], { value: total(items) });
	const packets = packetsOf(sent);
	assert.equal(packets.length, count);
	const verified = await verify(b, packets);
	const delivered = await deliver(b, packets);
	assert.equal(delivered.named('Received').length, count);
	return { send: sent.gas / count, verify: verified.gas / count, deliver: delivered.gas / count };
}

test('gas a message', async (t) => {
	const kinds = { unsigned: (f) => unsigned(a, b, f), signed: (f) => signed(a, b, alice, f) };
	await measure(1, kinds.unsigned);
	await measure(1, kinds.signed);
	for (const [kind, make] of Object.entries(kinds)) {
		for (const count of [1, 10, 50, 100]) {
			const gas = await measure(count, make);
			const there = Math.round(gas.verify + gas.deliver);
			t.diagnostic(`${kind} x${count}: send ${Math.round(gas.send)}, verify ${Math.round(gas.verify)}, `
				+ `commit+receive ${Math.round(gas.deliver)}, destination ${there}`);
			if (count >= 50) assert.ok(there <= DESTINATION_CEILING, `${there} a message`);
		}
	}
});
