// SPDX-License-Identifier: Apache-2.0
// Sealed payloads: what `ferry seal` makes npm's @hpke/core opens, and the other way round, written from
// docs/ENCRYPTION.md alone. Needs nothing running.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FERRY = path.join(ROOT, 'build', process.env.SAN || 'none', 'ferry');
const folder = mkdtempSync(path.join(os.tmpdir(), 'ferry-encryption-'));
let passed = 0;
let failed = 0;

function check(fact, what, detail) {
	if (fact) passed++;
	else failed++;
	console.log(`${fact ? 'ok  ' : 'FAIL'} ${what}${fact ? '' : `\n     ${JSON.stringify(detail ?? null).slice(0, 1500)}`}`);
}

function ferry(...words) {
	try {
		return { code: 0, out: execFileSync(FERRY, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim(), err: '' };
	} catch (error) {
		return { code: error.status, out: String(error.stdout).trim(), err: String(error.stderr).trim() };
	}
}

const bytes = (hex) => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'));
const hex = (b) => `0x${Buffer.from(b).toString('hex')}`;
const word = (v) => { const b = Buffer.alloc(4); b.writeUInt32BE(v); return b; };
const idOf = (key) => createHash('sha256').update(key).digest().subarray(0, 8);
const pad = (b) => Buffer.concat([Buffer.alloc(32 - b.length), b]);

// X25519 is in WebCrypto from Node 18 on; some builds leave it out.
async function library() {
	try {
		const hpke = await import('@hpke/core');
		const suite = new hpke.CipherSuite({ kem: new hpke.DhkemX25519HkdfSha256(), kdf: new hpke.HkdfSha256(), aead: new hpke.Aes256Gcm() });
		await suite.kem.generateKeyPair();
		return suite;
	} catch (error) {
		console.log(`SKIP: @hpke/core does not run on this Node (${process.version}): ${error.message}`);
		return null;
	}
}

const ME = '0x52908400098527886E0F7030069857D2E4169EE7';
const way = { src: 40245, dst: 40161, to: '0xde709f2102306220921060314715629080e2fb77', author: ME };
const app = `0x${'ab'.repeat(32)}`;
const options = (w) => ['--src', w.src, '--dst', w.dst, '--to', w.to, ...(w.app ? ['--app', w.app] : ['--author', `eip155:31338:${w.author}`])].map(String);

function aadOf(w, keyId) {
	const sender = w.app ? Buffer.from(bytes(w.app)) : pad(Buffer.from(bytes(w.author)));
	return Buffer.concat([Buffer.from([1]), keyId, word(w.src), word(w.dst), pad(Buffer.from(bytes(w.to))), Buffer.from([w.app ? 0 : 1]), sender]);
}
const INFO = new TextEncoder().encode('ferry-payload-v1');

async function sealByLibrary(suite, w, key, text) {
	const id = idOf(key);
	const sender = await suite.createSenderContext({ recipientPublicKey: await suite.kem.deserializePublicKey(key), info: INFO });
	const sealed = await sender.seal(new TextEncoder().encode(text), aadOf(w, id));
	return hex(Buffer.concat([Buffer.from([1]), id, Buffer.from(sender.enc), Buffer.from(sealed)]));
}

async function openByLibrary(suite, w, secret, envelope) {
	const raw = bytes(envelope);
	const recipientKey = await suite.kem.importKey('raw', secret, false);
	const receiver = await suite.createRecipientContext({ recipientKey, enc: raw.slice(9, 41), info: INFO });
	return new TextDecoder().decode(await receiver.open(raw.slice(41), aadOf(w, raw.slice(1, 9))));
}

function newKey(name) {
	const file = path.join(folder, name);
	const got = ferry('x25519', 'new', '--out', file, '--json');
	const key = JSON.parse(got.out);
	return { file, id: key.encryption_key_id, public: bytes(key.encryption_key), secret: bytes(readFileSync(file, 'utf8').trim()), text: key.encryption_key };
}

async function both(suite, key) {
	for (const w of [way, { ...way, author: null, app }]) {
		const who = w.app ? 'an app' : 'an author';
		const ours = ferry('seal', ...options(w), '--to-key', key.text, '--text', 'from C: zwölf');
		check(ours.code === 0 && await openByLibrary(suite, w, key.secret, ours.out) === 'from C: zwölf', `the library opens what ferry sealed for ${who}`, ours);
		const theirs = await sealByLibrary(suite, w, key.public, 'from the library: 百');
		const got = ferry('open', theirs, ...options(w), '--secret-file', key.file, '--raw');
		check(got.code === 0 && got.out === 'from the library: 百', `ferry opens what the library sealed for ${who}`, got);
		let opened = true;
		await openByLibrary(suite, { ...w, dst: w.dst + 1 }, key.secret, ours.out).catch(() => { opened = false; });
		check(!opened, 'the library does not open it for another chain');
	}
}

function closed(key) {
	const sealed = ferry('seal', ...options(way), '--to-key', key.text, '--payload', '0x00ff').out;
	const open = (payload, w = way, file = key.file) => ferry('open', payload, ...options(w), '--secret-file', file);
	check(open(sealed).out === '0x00ff', 'it opens with its key and way', sealed);
	const ways = { src: 1, dst: 1, to: ME, author: way.to };
	for (const [name, value] of Object.entries(ways))
		check(open(sealed, { ...way, [name]: value }).code === 1, `not for another ${name}`);
	check(open(sealed, { ...way, author: null, app: hex(pad(Buffer.from(bytes(ME)))) }).code === 1, 'not for an app that looks like the author');
	let cut = 0;
	for (let n = 2; n < sealed.length; n += 2) cut += open(sealed.slice(0, n)).code === 1;
	check(cut === (sealed.length - 2) / 2, 'not when it was cut, wherever', cut);
	const other = newKey('other');
	const stranger = open(sealed, way, other.file);
	check(stranger.code === 1 && stranger.err.includes(key.id), 'a key that is not at hand is named', stranger);
	const ring = path.join(folder, 'ring');
	writeFileSync(ring, readFileSync(other.file, 'utf8') + readFileSync(key.file, 'utf8'), { mode: 0o600 });
	check(open(sealed, way, ring).out === '0x00ff', 'with the new key and the old one it opens');
	chmodSync(ring, 0o644);
	check(open(sealed, way, ring).err.includes('chmod 600'), 'keys that others can read are not used');
	check(ferry('seal', ...options(way), '--to-key', `0x${'00'.repeat(32)}`, '--text', 'x').code === 1, 'nothing is sealed to a point of low order');
	check(ferry('x25519', 'new', '--out', key.file).code === 1, 'a key is never overwritten');
	check(ferry('seal', '--help').out.includes('--to-key') && ferry('--help').out.includes('x25519 new'), 'help says how');
}

try {
	const key = newKey('key');
	closed(key);
	const suite = await library();
	if (suite) await both(suite, key);
} catch (error) {
	check(false, 'the run went through', error.stack);
} finally {
	rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
