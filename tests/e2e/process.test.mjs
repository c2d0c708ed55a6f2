// SPDX-License-Identifier: Apache-2.0
// ferryd as a process: its commands, what it refuses to start with, signals, a database that goes and comes back.
// Needs PostgreSQL's programs; no chain answers here, and none needs to.
import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { request } from '../../docker/lib/ferryd.mjs';
import { freePorts } from '../../docker/lib/harness.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FERRYD = process.env.FERRYD ?? path.join(ROOT, 'build', process.env.SAN || 'none', 'ferryd');
const home = mkdtempSync(path.join(os.tmpdir(), 'ferry-process-'));
chmodSync(home, 0o711);
const children = new Set();
const roles = [];
let passed = 0;
let failed = 0;

function check(fact, what, detail = '') {
	if (fact) passed++;
	else failed++;
	console.log(`${fact ? 'ok  ' : 'FAIL'} ${what}${fact ? '' : `\n     ${String(detail).slice(0, 1500)}`}`);
}

/** Runs a program to its end: {code, out, err}. */
function run(file, args, env = {}) {
	return new Promise((resolve) => {
		execFile(file, args, { env: { ...process.env, ...env }, timeout: 60000 }, (error, out, err) =>
			resolve({ code: error ? error.code ?? error.signal : 0, out, err }));
	});
}
const config = path.join(home, 'ferry.yaml');
const ferryd = (...words) => run(FERRYD, [...words, '--config', config]);
const postgres = (word) => run(path.join(ROOT, 'docker/postgres.sh'), [word], { FERRY_VAR: home });

/** Starts a role and collects its log; `ended` resolves to {code, signal}. */
function start(role, env = {}) {
	const child = spawn(FERRYD, [role, '--config', config], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
	const role_ = { child, log: '' };
	children.add(child);
	roles.push(role_);
	child.stderr.on('data', (part) => { role_.log += part; });
	role_.ended = new Promise((resolve) => child.once('close', (code, signal) => {
		children.delete(child);
		resolve({ code, signal });
	}));
	return role_;
}

async function until(question, ms = 15000) {
	const end = Date.now() + ms;
	for (;;) {
		if (await question()) return true;
		if (Date.now() > end) return false;
		await sleep(50);
	}
}

const [http, grpc, admin] = await freePorts([18750, 18799]).then((first) => [first, first + 1, first + 2]);
const get = (where, headers = {}) => request('GET', `http://127.0.0.1:${http}${where}`, { headers, timeoutMs: 40000 }).catch((error) => ({ status: 0, text: error.message, headers: {} }));
const isReady = async () => (await get('/readyz')).status === 200;

function writeConfig(databaseUrl, extra = '') {
	const address = (n) => `'0x${String(n).padStart(40, '0')}'`;
	const chain = (name, eid, id) => `
  - name: ${name}
    eid: ${eid}
    chain_id: ${id}
    rpc: ["http://127.0.0.1:1"]
    finality_blocks: 1
    confirmations: 1
    dvn_vid: ${eid % 30000}
    contracts: {endpoint: ${address(1)}, send_uln: ${address(2)}, receive_uln: ${address(3)}, dvn: ${address(4)}, executor: ${address(5)}, messenger: ${address(6)}, batcher: ${address(7)}}
    signers: {submit: {keystore: s${eid}, password_file: pw}, deliver: {keystore: d${eid}, password_file: pw}}`;
	writeFileSync(config, `database_url: "${databaseUrl}"
http: {listen: "127.0.0.1:${http}"}
grpc: {listen: "127.0.0.1:${grpc}"}
admin: {listen: "127.0.0.1:${admin}"}
unsafe_single_source: true
page_token_key_file: token
limits: {database_wait_ms: 3000, drain_ms: 3000}
committee: {quorum: 1, signers: [{keystore: k1, password_file: pw}]}
${extra}chains:${chain('one', 40161, 31337)}${chain('two', 40245, 31338)}
`);
}

async function commands() {
	check((await run(FERRYD, ['version'])).out.startsWith('ferryd '), 'version is printed');
	check((await run(FERRYD, [])).code === 2, 'no command is wrong usage');
	check((await run(FERRYD, ['--nope'])).code === 2, 'an unknown option is wrong usage');
	check((await run(FERRYD, ['key', 'add', 'x'])).code === 2, 'a missing argument is wrong usage');
	const help = await run(FERRYD, ['help', 'key', 'add']);
	check(help.code === 0 && help.out.includes('Usage: ferryd key add APP secret|publishable'), 'a command has its help', help.out);
	const checked = await ferryd('check-config');
	check(checked.code === 0 && checked.out === 'OK\n', 'check-config says OK', checked.out + checked.err);
	writeConfig('postgresql:///x', 'nonsense: 1\nlog_level: loud\n');
	const wrong = await ferryd('check-config');
	check(wrong.code === 3 && wrong.out.includes("unknown option 'nonsense'") && wrong.out.includes('log_level must be') && wrong.err === 'ferryd check-config: 2 problems found\n', 'check-config names every problem', wrong.out + wrong.err);
	const refused = await ferryd('serve');
	check(refused.code === 3 && refused.err.split('\n').length === 2, 'serve refuses a wrong configuration in one sentence', refused.err);
	const missing = await run(FERRYD, ['serve', '--config', '/nowhere.yaml']);
	check(missing.code === 3 && missing.err.includes('/nowhere.yaml cannot be opened'), 'and a missing one', missing.err);
}

async function schema(url) {
	const early = await ferryd('serve');
	check(early.code === 1 && early.err.includes('run ferryd migrate'), 'serve refuses a database that is not migrated', early.err);
	const first = await run(FERRYD, ['migrate'], { FERRY_DATABASE_URL: url });
	check(first.code === 0 && first.out.includes('applied 0001_outbox'), 'migrate needs no file when the environment says where', first.out + first.err);
	const second = await ferryd('migrate');
	check(second.code === 0 && second.out.startsWith('nothing to do'), 'a second migrate does nothing', second.out + second.err);
}

async function keys() {
	const app = JSON.parse((await ferryd('app', 'create', 'shop')).out);
	check(/^app_\d+$/.test(app.app) && app.name === 'shop', 'app create prints the app', JSON.stringify(app));
	const twice = await ferryd('app', 'create', 'shop');
	check(twice.code === 1 && twice.err.includes('there is an app named shop already'), 'a name is taken once', twice.err);
	const wrong = await ferryd('key', 'add', 'shop', 'golden');
	check(wrong.code === 1 && wrong.err.includes('secret or publishable'), 'there are two kinds of keys', wrong.err);
	const key = JSON.parse((await ferryd('key', 'add', 'shop', 'secret')).out);
	check(/^sk_[0-9a-f]{12}_[0-9a-f]{64}$/.test(key.key) && key.app === app.app, 'key add shows the key', JSON.stringify(key));
	const list = await ferryd('key', 'list', app.app);
	check(list.out.includes(key.key_id) && !list.out.includes(key.key), 'key list does not show it', list.out);
	return key;
}

async function serving(key) {
	const busy = net.createServer().listen(http, '127.0.0.1');
	await sleep(100);
	const taken = await ferryd('serve');
	check(taken.code !== 0 && taken.err.includes(`Cannot listen on 127.0.0.1:${http}`), 'serve says which port is taken', taken.err);
	busy.close();
	await sleep(100);
	const role = start('serve');
	check(await until(isReady), 'serve becomes ready', role.log);
	const authorization = { authorization: `Bearer ${key.key}` };
	check((await get('/v1/messages', authorization)).status === 200, 'the key opens');
	check((await get('/v1/messages')).status === 401, 'no key does not');
	const metrics = await request('GET', `http://127.0.0.1:${admin}/metrics`);
	check(metrics.status === 200 && metrics.text.includes('ferry_api_requests_total{method="ListMessages",status="OK"} 1') && metrics.text.includes('ferry_http_connections '), 'metrics count it', metrics.text.slice(0, 600));
	role.child.kill('SIGHUP');
	await sleep(200);
	check(await isReady() && role.log.includes('SIGHUP is ignored'), 'SIGHUP is ignored');

	await ferryd('key', 'revoke', 'shop', key.key_id);
	check(await until(async () => (await get('/v1/messages', authorization)).status === 401, 15000), 'a revoked key is refused within seconds');
	return role;
}

async function databaseAway(role) {
	await postgres('stop');
	check(await until(async () => (await get('/readyz')).status === 503, 15000), 'without its database serve is not ready', (await get('/readyz')).text);
	check((await get('/livez')).status === 200 && role.child.exitCode === null, 'but it lives');
	await postgres('start');
	check(await until(isReady, 20000), 'and it is ready again when the database is back', (await get('/readyz?verbose')).text);
}

async function ending(role) {
	role.child.kill('SIGTERM');
	const { code } = await role.ended;
	check(code === 0 && role.log.includes('Ended in order'), 'SIGTERM ends it in order', `${code} ${role.log.slice(-800)}`);
	check(!role.log.includes('ERROR: AddressSanitizer') && !role.log.includes('LeakSanitizer'), 'no sanitizer complains', role.log.slice(-1500));

	await postgres('stop');
	const waiting = start('serve');
	check(await until(() => waiting.log.includes('Waiting for the database')), 'serve waits for the database and says so', waiting.log);
	waiting.child.kill('SIGINT');
	check((await waiting.ended).code === 0, 'SIGINT ends the waiting');
	const alone = start('serve');
	check((await alone.ended).code === 4 && alone.log.includes('cannot be reached'), 'it gives up after database_wait_ms: try again later', alone.log);
}

async function relay() {
	await postgres('start');
	chmodSync(path.join(home, 'k1'), 0o644);
	const open = await ferryd('relay');
	check(open.code === 3 && open.err.includes('run chmod 600'), 'the relay refuses a key that others can read', open.err);
	chmodSync(path.join(home, 'k1'), 0o600);
	const broken = await ferryd('relay');
	check(broken.code !== 0 && broken.err.includes('ferryd relay: '), 'and a keystore that is none', broken.err);
	const verify = await ferryd('verify-journal');
	check(verify.code === 0, 'verify-journal finds nothing in an empty database', verify.out + verify.err);
}

try {
	for (const name of ['token', 'pw', 'k1', 's40161', 'd40161', 's40245', 'd40245'])
		writeFileSync(path.join(home, name), `${'07'.repeat(32)}\n`, { mode: 0o600 });
	writeConfig('postgresql:///x');
	await commands();
	const begun = await postgres('start');
	if (begun.code !== 0) throw new Error(begun.err);
	const url = (await postgres('url')).out.trim();
	writeConfig(url);
	await schema(url);
	const role = await serving(await keys());
	await databaseAway(role);
	await ending(role);
	await relay();
} catch (error) {
	check(false, 'the run went through', [error.stack, ...roles.map((role) => role.log.slice(-4000))].join('\n'));
} finally {
	for (const child of children) child.kill('SIGKILL');
	await postgres('wipe');
	rmSync(home, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
