// SPDX-License-Identifier: Apache-2.0
// Sealed payloads: what `ferry seal` makes npm's @hpke/core opens, and the other way round (envelope.mjs).
// Needs nothing running; sealed.test.mjs sends them.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bytes, ferry, hex, library, newKey, openByLibrary, options, pad, sealByLibrary } from './envelope.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'ferry-encryption-'));
let passed = 0;
let failed = 0;

function check(fact, what, detail) {
	if (fact) passed++;
	else failed++;
	console.log(`${fact ? 'ok  ' : 'FAIL'} ${what}${fact ? '' : `\n     ${JSON.stringify(detail ?? null).slice(0, 1500)}`}`);
}

const ME = '0x52908400098527886E0F7030069857D2E4169EE7';
const way = { src: 40245, dst: 40161, to: '0xde709f2102306220921060314715629080e2fb77', author: ME };
const app = `0x${'ab'.repeat(32)}`;

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
	const other = newKey(folder, 'other');
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
	const key = newKey(folder, 'key');
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
