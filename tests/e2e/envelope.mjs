// SPDX-License-Identifier: Apache-2.0
// Sealed payloads as others make and open them: npm's @hpke/core, written from docs/ENCRYPTION.md alone; and `ferry`.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FERRY = path.join(ROOT, 'build', process.env.SAN || 'none', 'ferry');

/** Runs ferry; {code, out, err}. */
export function ferry(...words) {
	try {
		return { code: 0, out: execFileSync(FERRY, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim(), err: '' };
	} catch (error) {
		return { code: error.status, out: String(error.stdout).trim(), err: String(error.stderr).trim() };
	}
}

export const bytes = (hex) => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'));
export const hex = (b) => `0x${Buffer.from(b).toString('hex')}`;
export const pad = (b) => Buffer.concat([Buffer.alloc(32 - b.length), b]);
const word = (v) => { const b = Buffer.alloc(4); b.writeUInt32BE(v); return b; };
const idOf = (key) => createHash('sha256').update(key).digest().subarray(0, 8);
const INFO = new TextEncoder().encode('ferry-payload-v1');

/** The suite; null where it does not run: X25519 is in WebCrypto from Node 18 on; some builds leave it out. */
export async function library() {
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

/** A way {src, dst, to, author, or app}, as words of a command line. */
export function options(w) {
	const sender = w.app ? ['--app', w.app] : ['--author', `eip155:31338:${w.author}`];
	return ['--src', w.src, '--dst', w.dst, '--to', w.to, ...sender].map(String);
}

function aadOf(w, keyId) {
	const sender = w.app ? Buffer.from(bytes(w.app)) : pad(Buffer.from(bytes(w.author)));
	return Buffer.concat([Buffer.from([1]), keyId, word(w.src), word(w.dst), pad(Buffer.from(bytes(w.to))), Buffer.from([w.app ? 0 : 1]), sender]);
}

export async function sealByLibrary(suite, w, key, text) {
	const id = idOf(key);
	const sender = await suite.createSenderContext({ recipientPublicKey: await suite.kem.deserializePublicKey(key), info: INFO });
	const sealed = await sender.seal(new TextEncoder().encode(text), aadOf(w, id));
	return hex(Buffer.concat([Buffer.from([1]), id, Buffer.from(sender.enc), Buffer.from(sealed)]));
}

export async function openByLibrary(suite, w, secret, envelope) {
	const raw = bytes(envelope);
	const recipientKey = await suite.kem.importKey('raw', secret, false);
	const receiver = await suite.createRecipientContext({ recipientKey, enc: raw.slice(9, 41), info: INFO });
	return new TextDecoder().decode(await receiver.open(raw.slice(41), aadOf(w, raw.slice(1, 9))));
}

/** Makes a key with ferry, in a folder. */
export function newKey(folder, name) {
	const file = path.join(folder, name);
	const key = JSON.parse(ferry('x25519', 'new', '--out', file, '--json').out);
	return { file, id: key.encryption_key_id, public: bytes(key.encryption_key), secret: bytes(readFileSync(file, 'utf8').trim()), text: key.encryption_key };
}
