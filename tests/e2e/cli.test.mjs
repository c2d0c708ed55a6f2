// SPDX-License-Identifier: Apache-2.0
// `ferry`, the client on the command line, against a running instance.
import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startInstance } from '../../docker/lib/harness.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FERRY = path.join(ROOT, 'build', process.env.SAN || 'none', 'ferry');
let passed = 0;
let failed = 0;

function check(fact, what, detail) {
	if (fact) passed++;
	else failed++;
	console.log(`${fact ? 'ok  ' : 'FAIL'} ${what}${fact ? '' : `\n     ${JSON.stringify(detail).slice(0, 1500)}`}`);
}

function ferryWith(env) {
	return (...words) => new Promise((resolve) => {
		execFile(FERRY, words, { env: { ...process.env, ...env }, timeout: 120000 }, (error, out, err) =>
			resolve({ code: error ? error.code ?? error.signal : 0, out, err }));
	});
}

async function tryAll(dev, folder) {
	const [from, to] = dev.chains;
	const ferry = ferryWith({ FERRY_URL: dev.http, FERRY_KEY: dev.secret_key });
	const stranger = ferryWith({ FERRY_URL: dev.http, FERRY_KEY: '' });
	const way = ['--src', from.eid, '--dst', to.eid, '--to', to.contracts.test_receiver].map(String);

	let got = await stranger('lanes');
	check(got.code === 1 && got.err === 'ferry: the server wants a key: set FERRY_KEY or give --key-file\n', 'without a key it says what is missing', got);
	const file = path.join(folder, 'key');
	writeFileSync(file, `${dev.secret_key}\n`);
	chmodSync(file, 0o600);
	got = await stranger('chains', '--key-file', file);
	check(got.code === 0 && got.out.includes(`eid ${from.eid}`) && got.out.includes('eip155:31337'), 'the key may stand in a file; chains are listed', got);
	got = await ferry('lanes');
	check(got.code === 0 && got.out.includes(`${from.eid}-${to.eid}`), 'lanes are listed', got);
	got = await ferry('quote', ...way, '--text', 'hello');
	check(got.code === 0 && /^qte_/.test(got.out) && got.out.includes('wei (ETH)'), 'a quote names the fee', got);

	got = await ferry('send', ...way, '--text', 'hello', '--ref', 'order-7', '--idempotency-key', 'cli-test-0000000001');
	const id = /^(msg_[0-9a-f]{32})/.exec(got.out)?.[1];
	check(got.code === 0 && id && got.out.includes('0x68656c6c6f') && got.out.includes('order-7'), 'send shows the message', got);
	got = await ferry('send', ...way, '--text', 'hello', '--ref', 'order-7', '--idempotency-key', 'cli-test-0000000001', '--json');
	check(got.code === 0 && JSON.parse(got.out).id === id, 'the same key gives the same message', got);
	got = await ferry('watch', id);
	check(got.code === 0 && ['ACCEPTED', 'SUBMITTED', 'SENT', 'VERIFIED', 'COMMITTED', 'DELIVERED'].every((type) => got.out.includes(type)), 'watch follows it to its end', got);
	got = await ferry('get', id);
	check(got.code === 0 && got.out.includes('DELIVERED') && /guid +0x[0-9a-f]{64}/.test(got.out), 'get shows where it is', got);
	got = await ferry('list', '--state', 'DELIVERED', '--limit', '5');
	check(got.code === 0 && got.out.includes(id), 'list finds it', got);
	got = await ferry('cancel', id);
	check(got.code === 1 && got.err.startsWith('ferry: ') && got.err.split('\n').length === 2, 'what is delivered cannot be cancelled, in one sentence', got);
	got = await ferry('send', ...way, '--payload', '0x01', '--watch', '--json');
	const last = got.out.trim().split('\n').map((line) => JSON.parse(line)).at(-1);
	check(got.code === 0 && /^(DELIVERED|FINAL)/.test(last.type), 'send --watch --json prints events as they happen', got);

	const body = JSON.stringify({ kind: 'push', src_eid: from.eid, dst_eid: to.eid, receiver: to.contracts.test_receiver, payload: '0x01', options: { gas_limit: '200000' } });
	const answer = await fetch(`${dev.http}/v1/messages`, { method: 'POST', body, headers: { Authorization: `Bearer ${dev.secret_key}`, 'Content-Type': 'application/json', 'Idempotency-Key': 'cli-test-0000000002', Prefer: 'ferry-receipt' } });
	const accepted = await answer.json();
	writeFileSync(path.join(folder, 'receipt'), answer.headers.get('ferry-receipt') ?? '');
	writeFileSync(path.join(folder, 'body'), body);
	got = await stranger('receipt', 'verify', path.join(folder, 'receipt'), '--request', path.join(folder, 'body'));
	check(got.code === 0 && got.out.includes(accepted.id) && got.out.includes('that of the file'), 'the receipt of what was accepted is verified with the server\'s key', got);

	got = await ferry('get', 'msg_00000000000000000000000000000000');
	check(got.code === 1 && got.err.startsWith('ferry: '), 'an unknown message is a failure', got);
	got = await ferry('send', ...way, '--payload', 'xyz');
	check(got.code === 1 && got.err.includes('--payload must be 0x'), 'a wrong payload is refused before it is sent', got);
	got = await ferry('get', id, '--src', '1');
	check(got.code === 2 && got.err.includes('takes no --src'), 'options that mean nothing are refused', got);
	got = await ferryWith({ FERRY_URL: 'http://127.0.0.1:9' })('lanes');
	check(got.code === 1 && got.err.includes('127.0.0.1:9'), 'a server that is not there is named', got);
}

const instance = await startInstance({ ports: [18700, 18799] });
try {
	await tryAll(instance.dev, instance.folder);
} catch (error) {
	check(false, 'the run went through', error.stack);
} finally {
	await instance.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
