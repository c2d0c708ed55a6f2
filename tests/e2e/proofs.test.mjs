// SPDX-License-Identifier: Apache-2.0
// What an identity's owner can do alone: prove the registration against a block, prove that it was accepted, and
// read what is sealed to the identity's key. On real chains, with `ferry` as the only tool.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { artifact } from '../../contracts/compile.mjs';
import { run, until } from './lib.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FERRY = path.join(ROOT, 'build', process.env.SAN || 'none', 'ferry');

function ferryCli(...words) {
	try {
		return { code: 0, out: execFileSync(FERRY, words.map(String), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }), err: '' };
	} catch (error) {
		return { code: error.status, out: String(error.stdout), err: String(error.stderr) };
	}
}

/** Registers an account on the rollup; {identity, body, receipt} as they came. */
async function register(ferry, account, more = {}) {
	const proxy = ferry.chains[1];
	const quote = await ferry.call('POST', '/v1/quotes', { kind: 'registry', operation: 'register', account: `eip155:${proxy.chain_id}:${account.address}`, ...more });
	assert.equal(quote.status, 200, quote.text);
	const { domain, types: { EIP712Domain: _, ...types }, primaryType, message } = quote.json.typed_data;
	const body = JSON.stringify({ quote_id: quote.json.quote_id, signature: await account.signTypedData({ domain, types, primaryType, message }) });
	const answer = await fetch(`${ferry.dev.http}/v1/identities`, { method: 'POST', body, headers: { authorization: `Bearer ${ferry.dev.secret_key}`, 'content-type': 'application/json' } });
	const text = await answer.text();
	assert.equal(answer.status, 202, text);
	return { identity: JSON.parse(text), body, receipt: answer.headers.get('ferry-receipt') };
}

async function isFinal(ferry, id) {
	return until('it is final', async () => {
		const { json } = await ferry.call('GET', `/v1/identities/${id}`);
		return json.state === 'FINAL' ? json : null;
	}, 40000);
}

const newAccount = () => privateKeyToAccount(generatePrivateKey());
let named = 0;
function file(ferry, content) {
	const where = path.join(ferry.instance.folder, `proofs-${++named}`);
	writeFileSync(where, content);
	return where;
}

const scenarios = {
	async 'a registration is proven against a block, and nothing else is'(ferry) {
		const [main] = ferry.chains;
		const made = await Promise.all([1, 2, 3].map(() => register(ferry, newAccount())));
		for (const { identity } of made) await isFinal(ferry, identity.id);
		const { json: proof } = await ferry.call('GET', `/v1/identities/${made[1].identity.id}/proof`);
		const { json: batch } = await ferry.call('GET', `/v1/batches/${proof.batch_id}`);
		const number = BigInt(batch.message.destination.block_number);
		const { hash } = await main.reader.getBlock({ blockNumber: number });
		const { hash: another } = await main.reader.getBlock({ blockNumber: number - 1n });
		const registry = main.contracts.main_registry;

		const plain = file(ferry, JSON.stringify(proof));
		let got = ferryCli('identity', 'verify', plain, '--block-hash', hash);
		assert.equal(got.code, 1);
		assert.match(got.out, /FAILS {2}There is no evidence/);
		got = ferryCli('identity', 'bundle', plain, '--rpc', main.url, '--block', number);
		assert.equal(got.code, 0, got.err);
		const bundle = JSON.parse(got.out);
		const whole = file(ferry, got.out);
		got = ferryCli('identity', 'verify', whole, '--block-hash', hash, '--main-registry', registry);
		assert.equal(got.code, 0, got.out + got.err);
		assert.ok(!got.out.includes('FAILS') && got.out.includes(proof.reg.subject) && got.out.includes(hash), got.out);
		assert.equal(ferryCli('identity', 'verify', whole, '--block-hash', hash).code, 0);
		assert.equal(JSON.parse(ferryCli('identity', 'verify', whole, '--block-hash', hash, '--json').out).steps.every((s) => s.holds), true);

		assert.equal(ferryCli('identity', 'verify', whole, '--block-hash', another).code, 1);
		assert.equal(ferryCli('identity', 'verify', whole, '--block-hash', hash, '--main-registry', main.contracts.endpoint).code, 1);
		assert.equal(ferryCli('identity', 'verify', whole).code, 1);
		assert.equal(ferryCli('identity', 'bundle', plain, '--rpc', main.url, '--block', number - 1n).code, 1);
		const forged = [
			{ ...bundle, reg: { ...bundle.reg, owner: made[0].identity.owner.split(':').at(-1) } },
			{ ...bundle, reg: { ...bundle.reg, version: 2 } },
			{ ...bundle, main_registry: main.contracts.messenger },
			{ ...bundle, batch_number: String(Number(bundle.batch_number) + 1) },
			{ ...bundle, evidence: { ...bundle.evidence, request_id: bundle.root } },
			{ ...bundle, evidence: { ...bundle.evidence, receipt_proof: bundle.evidence.receipt_proof.slice(1) } },
			{ ...bundle, evidence: { ...bundle.evidence, header: `${bundle.evidence.header}00` } },
		];
		for (const [i, text] of forged.entries()) {
			got = ferryCli('identity', 'verify', file(ferry, JSON.stringify(text)), '--block-hash', hash);
			assert.equal(got.code, 1, `forged ${i}: ${got.out}`);
			assert.match(got.out, /FAILS/);
		}
	},

	async 'what was accepted has a receipt'(ferry) {
		const { identity, body, receipt } = await register(ferry, newAccount());
		assert.ok(receipt);
		const keys = await (await fetch(`${ferry.dev.http}/.well-known/jwks.json`)).text();
		const words = ['receipt', 'verify', file(ferry, receipt), '--jwks', file(ferry, keys)];
		const got = ferryCli(...words, '--request', file(ferry, body), '--json');
		assert.equal(got.code, 0, got.err);
		const claims = JSON.parse(got.out);
		assert.equal(claims.sub, identity.operations[0].id);
		assert.equal(claims.identity, identity.id);
		assert.ok(Math.abs(new Date(claims.accepted_at) - new Date(identity.create_time)) < 1000, claims.accepted_at);
		assert.equal(ferryCli(...words, '--request', file(ferry, `${body} `)).code, 1);
	},

	async 'a payload that is sealed to the identity\'s key arrives, and only its owner reads it'(ferry) {
		const [main, proxy] = ferry.chains;
		const secret = path.join(path.dirname(file(ferry, '')), 'x25519.key');
		const key = JSON.parse(ferryCli('x25519', 'new', '--out', secret, '--json').out);
		const { identity } = await register(ferry, newAccount(), { encryption_key: key.encryption_key });
		const now = await isFinal(ferry, identity.id);
		assert.equal(now.encryption_key, key.encryption_key);
		assert.equal(now.encryption_key_id, key.encryption_key_id);

		const sender = newAccount();
		const way = ['--src', proxy.eid, '--dst', main.eid, '--to', main.contracts.test_receiver, '--author', `eip155:${proxy.chain_id}:${sender.address}`];
		const payload = ferryCli('seal', ...way, '--to-key', now.encryption_key, '--text', 'for your eyes').out.trim();
		const sent = await ferry.send(await ferry.signed(proxy, main, sender, { payload }));
		await ferry.reach(sent.id, 'DELIVERED', 40000);
		const arrived = await main.read(main.contracts.test_receiver, artifact('TestReceiver').abi, 'lastPayload', []);
		assert.equal(arrived, payload);
		assert.equal(ferryCli('open', arrived, ...way, '--secret-file', secret, '--raw').out, 'for your eyes');
		const other = ['--src', main.eid, ...way.slice(2)];
		assert.equal(ferryCli('open', arrived, ...other, '--secret-file', secret).code, 1);
	},
};

await run(scenarios, { ports: [18870, 18889] });
