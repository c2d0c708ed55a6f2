// The development chains and the deployment themselves.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pad } from 'viem';
import { deployAll } from '../deploy.mjs';
import { nodeCommand, rpcCall, startNode } from '../devnet.mjs';
import { REGISTER, arrive, operate, submit } from './registry.mjs';
import { SECOND_ROLLUP, accounts, committee, deliver, makeWorld, sendAll, signed, verify } from './world.mjs';

const { alice, relay } = accounts;

let world;
before(async () => {
	world = await makeWorld(SECOND_ROLLUP);
});
after(() => world?.stop());

test('everything is there and wired', async () => {
	for (const [here, there] of [[world.a, world.b], [world.b, world.a], [world.b, world.c], [world.c, world.a]]) {
		assert.equal(here.dvn_vid, here.eid % 30000);
		assert.ok(here.deploy_block > 0);
		for (const [name, address] of Object.entries(here.contracts))
			assert.notEqual(await rpcCall(here.rpc, 'eth_getCode', [address, 'latest']), '0x', name);
		assert.equal(await here.read('messenger', 'peers', [there.eid]), pad(there.contracts.messenger).toLowerCase());
		assert.equal(await here.read('dvn', 'quorum'), 2n);
		assert.equal(await here.read('endpoint', 'eid'), here.eid);
		for (const member of committee) assert.equal(await here.read('dvn', 'signers', [member.address]), true);
		for (const one of Object.values(accounts)) assert.ok((await here.balance(one.address)) > 10n ** 21n);
	}
});

test('messages go both ways', async () => {
	for (const [here, there] of [[world.a, world.b], [world.b, world.a]]) {
		const packets = await sendAll(here, relay, [await signed(here, there, alice)]);
		await verify(there, packets);
		assert.equal((await deliver(there, packets)).named('Got').length, 1);
	}
});

test('the first chain has the main registry, each other one a proxy of it', async () => {
	const { a: main, b, c } = world;
	assert.deepEqual(world.records.map((r) => ['main_registry', 'proxy_registry'].filter((name) => name in r.contracts)),
		[['main_registry'], ['proxy_registry'], ['proxy_registry']]);
	for (const proxy of [b, c]) {
		assert.equal(await proxy.read('proxy_registry', 'mainEid'), main.eid);
		assert.equal(await proxy.read('proxy_registry', 'peers', [main.eid]), pad(main.contracts.main_registry).toLowerCase());
		assert.equal(await main.read('main_registry', 'peers', [proxy.eid]), pad(proxy.contracts.proxy_registry).toLowerCase());
		const { packet } = await submit(proxy, [await operate(proxy, main, REGISTER, alice)]);
		assert.equal((await arrive(main, [packet])).named('BatchAccepted').length, 1);
	}
	assert.equal(await b.read('proxy_registry', 'peers', [c.eid]), pad('0x'));
});

test('a second run does nothing, and a run on fresh chains starts over', async () => {
	const lines = [];
	const before_ = await rpcCall(world.a.rpc, 'eth_getTransactionCount', [accounts.owner.address, 'latest']);
	const again = await deployAll({ ...world.options, previous: world.records, log: (line) => lines.push(line) });
	assert.equal(again.deployed, false);
	assert.deepEqual(again.chains, world.records);
	assert.match(lines.join('\n'), /already deployed/);
	assert.equal(await rpcCall(world.a.rpc, 'eth_getTransactionCount', [accounts.owner.address, 'latest']), before_);
	const moved = world.records.map((r) => ({ ...r, contracts: { ...r.contracts, batcher: accounts.alice.address } }));
	assert.equal((await deployAll({ ...world.options, previous: moved })).deployed, true);
	// Records of a time without registries, and a registry that lost its peer.
	const older = world.records.map((r) => ({ ...r, contracts: { ...r.contracts, main_registry: undefined, proxy_registry: undefined } }));
	assert.equal((await deployAll({ ...world.options, previous: older })).deployed, true);
	for (const chain of [world.a, world.b, world.c]) chain.nonces.clear();
	await world.a.write(accounts.owner, 'main_registry', 'setPeer', [world.c.eid, pad('0x')]);
	assert.equal((await deployAll({ ...world.options, previous: world.records })).deployed, true);
});

test('a small eid is refused', async () => {
	const chains = [{ ...world.options.chains[0], eid: 101 }];
	await assert.rejects(deployAll({ ...world.options, chains }), /below 30000/);
});

test('a node writes only into its folder and leaves nothing; a taken port is said', async () => {
	const dir = mkdtempSync(path.join(tmpdir(), 'ferry-node-'));
	const port = Number(new URL(world.a.rpc).port);
	await assert.rejects(startNode({ port, chainId: 31399, dir }), /port [0-9]+ is taken/);
	assert.deepEqual(readdirSync(dir), []);
	const { args, env } = nodeCommand({ port, chainId: 1, dir });
	assert.equal(env.HOME, dir);
	assert.ok(args.includes('127.0.0.1') && args.includes('--enable-tx-gas-limit'));
	assert.deepEqual(readdirSync(dir), []);
	rmSync(dir, { recursive: true });
});
