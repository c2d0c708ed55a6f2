// SPDX-License-Identifier: Apache-2.0
// Receipts, written from docs/RECEIPTS.md with Node's own Ed25519: what `ferry receipt verify` takes, and what not.
// Needs nothing running; cli.test.mjs asks a server for one.
import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FERRY = path.join(ROOT, 'build', process.env.SAN || 'none', 'ferry');
const folder = mkdtempSync(path.join(os.tmpdir(), 'ferry-receipts-'));
let passed = 0;
let failed = 0;

function check(fact, what, detail) {
	if (fact) passed++;
	else failed++;
	console.log(`${fact ? 'ok  ' : 'FAIL'} ${what}${fact ? '' : `\n     ${JSON.stringify(detail ?? null).slice(0, 1500)}`}`);
}

function file(name, content) {
	const where = path.join(folder, name);
	writeFileSync(where, content);
	return where;
}

function verify(receipt, ...words) {
	try {
		const out = execFileSync(FERRY, ['receipt', 'verify', '-', ...words], { input: receipt, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
		return { code: 0, out, err: '' };
	} catch (error) {
		return { code: error.status, out: String(error.stdout), err: String(error.stderr) };
	}
}

function newKey() {
	const { privateKey } = generateKeyPairSync('ed25519');
	const { x } = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'jwk' });
	const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
	return { privateKey, kid, jwk: { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' } };
}

function seal(key, payload, header = {}) {
	const part = (v) => Buffer.from(JSON.stringify(v)).toString('base64url');
	const text = `${part({ alg: 'EdDSA', kid: key.kid, typ: 'ferry-receipt', ...header })}.${part(payload)}`;
	return `${text}.${sign(null, Buffer.from(text), key.privateKey).toString('base64url')}`;
}

try {
	const key = newKey();
	const other = newKey();
	const body = '{"quote_id":"qte_1","signature":"0x00"}';
	const claims = { sub: 'idop_1', identity: 'idn_1', app: '7', request_sha256: createHash('sha256').update(body).digest('hex'), accepted_at: '2026-11-21T14:30:07.045Z' };
	const jwks = ['--jwks', file('jwks.json', JSON.stringify({ keys: [{ kty: 'RSA', n: 'x', e: 'AQAB' }, other.jwk, key.jwk] }))];
	const request = file('body.json', body);
	const receipt = seal(key, claims);

	let got = verify(receipt, ...jwks);
	check(got.code === 0 && ['idop_1 of idn_1', '2026-11-21T14:30:07.045Z', key.kid].every((word) => got.out.includes(word)), 'a receipt is read', got);
	got = verify(`${receipt}\n`, ...jwks, '--request', request, '--json');
	check(got.code === 0 && JSON.parse(got.out).sub === 'idop_1', 'and it is of this request', got);
	got = verify(receipt, ...jwks, '--request', file('other.json', `${body} `));
	check(got.code === 1 && got.err.includes('another request'), 'not of another one', got);
	got = verify(receipt, '--jwks', file('few.json', JSON.stringify({ keys: [other.jwk] })));
	check(got.code === 1 && got.err.includes(key.kid), 'a key that is not in the set is named', got);
	got = verify(seal({ ...other, kid: key.kid }, claims), ...jwks);
	check(got.code === 1 && got.err.includes('not signed by its key'), 'another key under its name is found out', got);
	const [head, , signature] = receipt.split('.');
	got = verify(`${head}.${Buffer.from(JSON.stringify({ ...claims, sub: 'idop_2' })).toString('base64url')}.${signature}`, ...jwks);
	check(got.code === 1, 'another statement under its signature is found out', got);
	for (const [what, header] of [['no algorithm', { alg: 'none' }], ['another type', { typ: 'JWT' }], ['an extension that is not known', { crit: ['exp'] }]])
		check(verify(seal(key, claims, header), ...jwks).code === 1, `${what} is refused`);
	check(verify(seal(key, { sub: 'x' }), ...jwks).code === 1, 'a statement that is no receipt is refused');
	check(verify('', ...jwks).code === 1 && verify('a.b.c', ...jwks).code === 1, 'what is none is refused');
	got = verify(receipt, '--url', 'http://127.0.0.1:9');
	check(got.code === 1 && got.err.includes('127.0.0.1:9'), 'without a key set the server is asked', got);
} catch (error) {
	check(false, 'the run went through', error.stack);
} finally {
	rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
