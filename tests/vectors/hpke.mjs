// SPDX-License-Identifier: Apache-2.0
//
// Makes hpke.json: what @hpke/core seals for the same keys as our C.
//   node tests/vectors/hpke.mjs > tests/vectors/hpke.json      after npm ci in tests/
// Keys are derived from a counter, so that the file only changes when this script does.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../package.json', import.meta.url));
const { Aes128Gcm, Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } = require('@hpke/core');

let counter = 0;
const rand = (n) => Buffer.concat(Array.from({ length: Math.ceil(n / 32) }, () => createHash('sha256').update(`hpke ${counter++}`).digest())).subarray(0, n);
const hex = (b) => `0x${Buffer.from(b).toString('hex')}`;
const word = (v) => { const b = Buffer.alloc(4); b.writeUInt32BE(v); return b; };

async function seal(aead, secret, ephemeral, info, aad, plain) {
	const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead });
	const pair = async (raw) => {
		const privateKey = await suite.kem.importKey('raw', new Uint8Array(raw), false);
		const jwk = require('node:crypto').createPublicKey(require('node:crypto').createPrivateKey(
			{ key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), raw]), format: 'der', type: 'pkcs8' })).export({ format: 'jwk' });
		const publicRaw = new Uint8Array(Buffer.from(jwk.x, 'base64url'));
		return { privateKey, publicKey: await suite.kem.importKey('raw', publicRaw, true), publicRaw };
	};
	const receiver = await pair(secret);
	const sender = await suite.createSenderContext({ recipientPublicKey: receiver.publicKey, info, ekm: await pair(ephemeral) });
	const sealed = await sender.seal(new Uint8Array(plain), new Uint8Array(aad));
	return { publicKey: hex(receiver.publicRaw), enc: hex(sender.enc), sealed: hex(sealed) };
}

const plain = [];
for (const [aead, n] of [[1, 0], [1, 29], [2, 0], [2, 1], [2, 29], [2, 300]]) {
	const v = { aead, secret: rand(32), ephemeral: rand(32), info: rand(n % 40), aad: rand(n), plain: rand(n) };
	const got = await seal(aead === 1 ? new Aes128Gcm() : new Aes256Gcm(), v.secret, v.ephemeral, v.info, v.aad, v.plain);
	plain.push({ aead, ...Object.fromEntries(Object.entries(v).filter(([, x]) => typeof x !== 'number').map(([k, x]) => [k, hex(x)])), ...got });
}

// Envelopes, as docs/ENCRYPTION.md tells them.
const envelopes = [];
for (const signed of [0, 1]) {
	const path = { srcEid: 40245, dstEid: 40161, receiver: rand(32), signed, author: rand(20), appId: rand(32) };
	const secret = rand(32), text = rand(77);
	const probe = await seal(new Aes256Gcm(), secret, rand(32), Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0));
	const publicRaw = Buffer.from(probe.publicKey.slice(2), 'hex');
	const keyId = createHash('sha256').update(publicRaw).digest().subarray(0, 8);
	const sender = signed ? Buffer.concat([Buffer.alloc(12), path.author]) : path.appId;
	const aad = Buffer.concat([Buffer.from([1]), keyId, word(path.srcEid), word(path.dstEid), path.receiver, Buffer.from([signed]), sender]);
	const got = await seal(new Aes256Gcm(), secret, rand(32), Buffer.from('ferry-payload-v1'), aad, text);
	envelopes.push({ ...path, receiver: hex(path.receiver), author: hex(path.author), appId: hex(path.appId), secret: hex(secret), publicKey: probe.publicKey,
		keyName: `x25519-${keyId.toString('hex')}`, plain: hex(text), aad: hex(aad),
		raw: hex(Buffer.concat([Buffer.from([1]), keyId, Buffer.from(got.enc.slice(2), 'hex'), Buffer.from(got.sealed.slice(2), 'hex')])) });
}

console.log(JSON.stringify({ note: 'Made by hpke.mjs.', plain, envelopes }, null, 1));
