// What the tests of a ProxyRegistry share: a world of their own with two of them, and short words for what is done there.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { getAddress } from 'viem';
import { REGISTER, follow, operate, subjectOf, submitChecked } from './registry.mjs';
import { SECOND_ROLLUP, account, accounts, makeWorld } from './world.mjs';

export const { alice, bob, relay, stranger, owner } = accounts;
export const [carol, mallory] = [account('carol'), account('mallory')];
export const SECP256K1_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
export const ANSWER = { Yes: 0, No: 1, Short: 2, Padded: 3, Long: 4, Burn: 5, Bomb: 6, RevertBomb: 7, Reenter: 8 };
export const lower = (text) => text.toLowerCase();

let world;
export let main, proxy, second; // once the tests run
before(async () => {
	world = await makeWorld(SECOND_ROLLUP);
	({ a: main, b: proxy, c: second } = world);
});
after(() => world?.stop());

export const make = (kind, who, fields) => operate(proxy, main, kind, who, fields);
export const next = (operation, kind, who, fields) => follow(proxy, main, operation, kind, who, fields);
export const go = (operations, options) => submitChecked(proxy, operations, options);
/** Not one of these gets in; each for its own reason. */
export async function refused(cases) {
	const sent = await go(cases.map(([operation]) => operation));
	assert.deepEqual(sent.reasons, cases.map(([, reason]) => reason));
	assert.equal(sent.batch, undefined);
}
export async function accepted(...operations) {
	const sent = await go(operations);
	assert.deepEqual(sent.reasons, operations.map(() => ''));
	return sent;
}
export async function registered(who, fields) {
	const operation = await make(REGISTER, who, fields);
	await accepted(operation);
	return operation;
}
export const stateOf = (operation, chain = proxy) => chain.read('proxy_registry', 'stateOf', [subjectOf(operation)]);
export const recoveryOf = (operation) => proxy.read('proxy_registry', 'recoveryOf', [subjectOf(operation)]);

export async function wallet(answer = 'Yes', question = '0x') {
	const address = await proxy.deploy('TestWallet', [proxy.addresses.proxy_registry]);
	await proxy.write(owner, ['TestWallet', address], 'setAnswer', [ANSWER[answer], question]);
	return getAddress(address);
}
export const retell = (address, answer) => proxy.write(owner, ['TestWallet', address], 'setAnswer', [ANSWER[answer], '0x']);
