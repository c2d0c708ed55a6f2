// SPDX-License-Identifier: Apache-2.0
// Secrets of a development instance: private keys as Web3 Secret Storage version 3, their password, tokens.
import { createCipheriv, createDecipheriv, randomBytes, randomUUID, scryptSync, timingSafeEqual } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { privateKeyToAddress } from '../../contracts/node_modules/viem/_esm/accounts/index.js';
import { keccak256 } from '../../contracts/node_modules/viem/_esm/utils/hash/keccak256.js';
import { writeAtomically } from './process.mjs';

// Light on purpose: these keys guard nothing but a devnet. A production key wants 2^18.
const SCRYPT = { n: 4096, r: 8, p: 1, dklen: 32 };
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

function derive(password, salt, { n, r, p, dklen }) {
	return scryptSync(password, salt, dklen, { N: n, r, p, maxmem: 256 * n * r });
}

const mac = (derived, ciphertext) =>
	Buffer.from(keccak256(Buffer.concat([derived.subarray(16, 32), ciphertext])).slice(2), 'hex');

/** The keystore of a 32-byte key as an object. */
export function encryptKey(key, password) {
	const salt = randomBytes(32);
	const iv = randomBytes(16);
	const derived = derive(password, salt, SCRYPT);
	const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
	const ciphertext = Buffer.concat([cipher.update(key), cipher.final()]);
	return {
		version: 3, id: randomUUID(), address: privateKeyToAddress(`0x${key.toString('hex')}`).slice(2).toLowerCase(),
		crypto: {
			cipher: 'aes-128-ctr', cipherparams: { iv: iv.toString('hex') }, ciphertext: ciphertext.toString('hex'),
			kdf: 'scrypt', kdfparams: { ...SCRYPT, salt: salt.toString('hex') }, mac: mac(derived, ciphertext).toString('hex'),
		},
	};
}

/** The key of a keystore object; throws when the password is wrong. */
export function decryptKey(keystore, password) {
	const { kdfparams, ciphertext, cipherparams, mac: want } = keystore.crypto;
	const derived = derive(password, Buffer.from(kdfparams.salt, 'hex'), kdfparams);
	const sealed = Buffer.from(ciphertext, 'hex');
	if (!timingSafeEqual(mac(derived, sealed), Buffer.from(want, 'hex'))) throw new Error('the password does not open the keystore');
	const cipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), Buffer.from(cipherparams.iv, 'hex'));
	return Buffer.concat([cipher.update(sealed), cipher.final()]);
}

export function newKey() {
	for (;;) {
		const key = randomBytes(32);
		const value = BigInt(`0x${key.toString('hex')}`);
		if (value > 0n && value < ORDER) return key;
	}
}

const COMMITTEE = ['committee-1', 'committee-2', 'committee-3'];

/**
 * Makes what is missing in `folder` (0700, each file 0600) and returns
 * {passwordFile, pageTokenFile, receiptKeyFile, accounts: {name: {address, keystore}}, committee: [name], wallet: {address, private_key}}.
 * Each chain has an account that submits and one that delivers.
 */
export function prepareSecrets(folder, chainNames) {
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	chmodSync(folder, 0o700);
	const file = (name, make) => {
		const where = path.join(folder, name);
		if (!existsSync(where)) writeAtomically(where, make());
		return where;
	};
	const passwordFile = file('password', () => `${randomBytes(24).toString('hex')}\n`);
	const password = readFileSync(passwordFile, 'utf8').trim();
	const accounts = {};
	for (const name of [...COMMITTEE, ...chainNames.flatMap((chain) => [`${chain}-submit`, `${chain}-deliver`])]) {
		const keystore = file(`${name}.json`, () => `${JSON.stringify(encryptKey(newKey(), password))}\n`);
		accounts[name] = { keystore, address: `0x${JSON.parse(readFileSync(keystore, 'utf8')).address}` };
	}
	const walletFile = file('wallet.key', () => `0x${newKey().toString('hex')}\n`);
	const privateKey = readFileSync(walletFile, 'utf8').trim();
	return {
		passwordFile, accounts, committee: COMMITTEE,
		receiptKeyFile: file('receipt.key', () => `${randomBytes(32).toString('hex')}\n`),
		pageTokenFile: file('page-token.key', () => `${randomBytes(32).toString('hex')}\n`),
		wallet: { address: privateKeyToAddress(privateKey), private_key: privateKey },
	};
}
