// SPDX-License-Identifier: Apache-2.0
// What an identity's owner can do alone: prove the registration against a block, prove that it was accepted, and
// read what is sealed to the identity's key. On real chains, with `ferry` as the only tool.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { getAddress } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { artifact } from '../../contracts/compile.mjs';
import { run, until } from './lib.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FERRY = path.join(ROOT, 'build', process.env.SAN || 'none', 'ferry');

function ferryCli(...words) {
	return ferryCliWith({}, ...words);
}

function ferryCliWith(env, ...words) {
	try {
		return { code: 0, out: execFileSync(FERRY, words.map(String), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } }), err: '' };
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

/** The text with one hex digit changed, or a number by one, for every value of the object and its lists. */
function* bent(bundle, at = []) {
	const one = at.reduce((value, key) => value[key], bundle);
	if (typeof one === 'object') {
		for (const key of Object.keys(one)) yield* bent(bundle, [...at, key]);
		return;
	}
	const last = String(one).length - 1;
	for (const place of /^0x/.test(one) ? [2, 2 + (last >> 1), last] : [last]) {
		const copy = structuredClone(bundle);
		const digit = String((Number.parseInt(String(one)[place], 16) + 1) % 10);
		const text = `${String(one).slice(0, place)}${digit}${String(one).slice(place + 1)}`;
		at.slice(0, -1).reduce((value, key) => value[key], copy)[at.at(-1)] = typeof one === 'number' ? Number(text) : text;
		yield { at: `${at.join('.')}[${place}]`, text: JSON.stringify(copy) };
	}
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

	async 'the gateway gives the bundle, which holds against a block that somebody else names'(ferry) {
		const [main] = ferry.chains;
		const made = await Promise.all([1, 2, 3].map(() => register(ferry, newAccount())));
		const pending = await ferry.call('GET', `/v1/identities/${made[0].identity.id}/proof?bundle=true`);
		assert.deepEqual([pending.status, pending.json.code], [409, 'NOT_FINAL'], pending.text);
		for (const { identity } of made) await isFinal(ferry, identity.id);
		const { id, did } = made[1].identity;
		const { json: plain } = await ferry.call('GET', `/v1/identities/${id}/proof`);
		const answers = await Promise.all([id, did, made[0].identity.id, made[2].identity.id].map((name) => ferry.call('GET', `/v1/identities/${name}/proof?bundle=true`)));
		for (const answer of answers) assert.equal(answer.status, 200, answer.text);
		const { bundle, ...rest } = answers[0].json;
		assert.deepEqual(rest, plain);
		assert.deepEqual((({ batch_id: _, ...same }) => same)(plain), (({ evidence: _, ...same }) => same)(bundle));
		assert.deepEqual((await ferry.call('GET', `/v1/identities/${id}/proof?bundle=false`)).json, plain);
		const wrong = await ferry.call('GET', `/v1/identities/${id}/proof?bundle=please`);
		assert.deepEqual([wrong.status, wrong.json.errors[0].pointer], [400, '/bundle'], wrong.text);

		const connect = async (request) => (await fetch(`${ferry.dev.http}/ferry.v1.IdentityService/GetIdentityProof`, {
			method: 'POST', body: JSON.stringify(request), headers: { authorization: `Bearer ${ferry.dev.secret_key}`, 'content-type': 'application/json' } })).json();
		const { bundle: canonical } = await connect({ id, bundle: true });
		assert.equal(`0x${Buffer.from(canonical.evidence.header, 'base64').toString('hex')}`, bundle.evidence.header);
		assert.deepEqual(canonical.evidence.receiptProof.map((node) => `0x${Buffer.from(node, 'base64').toString('hex')}`), bundle.evidence.receipt_proof);
		assert.equal((await connect({ id })).bundle, undefined);

		const { json: batch } = await ferry.call('GET', `/v1/batches/${plain.batch_id}`);
		const { hash } = await main.reader.getBlock({ blockNumber: BigInt(batch.message.destination.block_number) });
		const { hash: another } = await main.reader.getBlock({ blockNumber: BigInt(batch.message.destination.block_number) - 1n });
		const words = ['--block-hash', hash, '--main-registry', main.contracts.main_registry];
		for (const answer of answers) {
			const got = ferryCli('identity', 'verify', file(ferry, JSON.stringify(answer.json.bundle)), ...words);
			assert.equal(got.code, 0, got.out + got.err);
			assert.ok(got.out.includes(answer.json.reg.subject));
		}
		assert.equal(ferryCli('identity', 'verify', file(ferry, JSON.stringify(bundle)), '--block-hash', another).code, 1);

		/* dst_eid and these two are told, not proven: docs/PROOFS.md */
		const told = ['dst_eid', 'evidence.prev_root', 'evidence.data_hash'];
		let n = 0;
		for (const { at, text } of bent(bundle)) {
			if (told.some((name) => at.startsWith(name))) continue;
			const got = ferryCli('identity', 'verify', file(ferry, text), ...words);
			assert.equal(got.code, 1, `${at}: ${got.out}`);
			n++;
		}
		assert.ok(n > 30, `${n}`); /* more with a path */

		const env = { FERRY_URL: ferry.dev.http, FERRY_KEY: ferry.dev.publishable_key };
		const where = file(ferry, 'something older');
		let got = ferryCliWith(env, 'identity', 'proof', did, '--bundle', '-o', where);
		assert.equal(got.code, 0, got.err);
		assert.deepEqual(JSON.parse(readFileSync(where, 'utf8')), bundle);
		assert.equal(ferryCli('identity', 'verify', where, ...words).code, 0);
		got = ferryCliWith(env, 'identity', 'proof', id);
		assert.deepEqual(JSON.parse(got.out), plain);
		got = ferryCliWith(env, 'identity', 'proof', 'idn_00000000000000000000000000000000', '--bundle', '-o', where);
		assert.deepEqual([got.code, got.err], [1, 'ferry: there is no such identity\n']);
		assert.deepEqual(JSON.parse(readFileSync(where, 'utf8')), bundle);
		assert.equal(ferryCliWith(env, 'identity', 'proof', '../messages').code, 1);
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
		/* The same again, after more has happened: the same receipt. */
		const again = await fetch(`${ferry.dev.http}/v1/identities`, { method: 'POST', body, headers: { authorization: `Bearer ${ferry.dev.secret_key}`, 'content-type': 'application/json' } });
		assert.equal(again.status, 202);
		assert.equal(again.headers.get('ferry-receipt'), receipt);
	},

	async 'the DID document follows the rules of did:pkh'(ferry) {
		const [, proxy] = ferry.chains;
		const key = JSON.parse(ferryCli('x25519', 'new', '--out', path.join(path.dirname(file(ferry, '')), 'did.key'), '--json').out);
		const owner = newAccount();
		const { identity } = await register(ferry, owner, { encryption_key: key.encryption_key });
		const account = `eip155:${proxy.chain_id}:${getAddress(owner.address)}`;
		const did = `did:pkh:${account}`;
		const method = `${did}#blockchainAccountId`;
		const rules = (document) => {
			const [first, ...others] = document['@context'];
			assert.equal(first, 'https://www.w3.org/ns/did/v1');
			const terms = Object.assign({}, ...others.filter((one) => typeof one === 'object'));
			assert.equal(terms.blockchainAccountId, 'https://w3id.org/security#blockchainAccountId');
			assert.equal(terms.EcdsaSecp256k1RecoveryMethod2020, 'https://identity.foundation/EcdsaSecp256k1RecoverySignature2020#EcdsaSecp256k1RecoveryMethod2020');
			assert.equal(document.id, did);
			assert.deepEqual(document.verificationMethod[0], { id: method, type: 'EcdsaSecp256k1RecoveryMethod2020', controller: did, blockchainAccountId: account });
			assert.deepEqual([document.authentication, document.assertionMethod], [[method], [method]]);
			for (const name of ['authentication', 'assertionMethod', 'capabilityDelegation', 'capabilityInvocation', 'keyAgreement'])
				for (const one of document[name] ?? []) assert.ok(document.verificationMethod.some(({ id }) => id === one), one);
			for (const one of document.verificationMethod) assert.equal(one.controller, did);
		};
		/* From the account alone, as anybody could make it, before anything is final. */
		const early = await ferry.call('GET', `/v1/identities/${did}/did.json`);
		assert.equal(early.status, 200, early.text);
		rules(early.json);
		await isFinal(ferry, identity.id);
		const { json: ended } = await ferry.call('GET', `/v1/operations/${identity.operations[0].id}`);
		assert.deepEqual([ended.explanation, ended.reason, ended.next_action], [null, null, null]);
		for (const name of [identity.id, did]) {
			const { json: document } = await ferry.call('GET', `/v1/identities/${name}/did.json`);
			rules(document);
			assert.deepEqual(document.keyAgreement, [`${did}#${key.encryption_key_id}`]);
			const agreement = document.verificationMethod.find(({ id }) => id === document.keyAgreement[0]);
			assert.equal(agreement.type, 'JsonWebKey2020');
			assert.deepEqual(agreement.publicKeyJwk, { kty: 'OKP', crv: 'X25519', x: Buffer.from(key.encryption_key.slice(2), 'hex').toString('base64url') });
			assert.ok(document['@context'].includes('https://w3id.org/security/suites/jws-2020/v1'));
			assert.ok(!document.authentication.includes(document.keyAgreement[0]));
		}
		/* In other letters it is the same account, and the document is that of the DID that was asked for. */
		const { json: lower } = await ferry.call('GET', `/v1/identities/${did.toLowerCase()}/did.json`);
		assert.equal(lower.id, did.toLowerCase());
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
