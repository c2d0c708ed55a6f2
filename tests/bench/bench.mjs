// SPDX-License-Identifier: Apache-2.0
// Measures an instance of its own and prints a table with ratios; see docs/OPERATIONS.md for what to expect where.
// Whatever is compared runs in turns on the same machine and the same cluster; every figure is the median of the rounds.
//
//	node tests/bench/bench.mjs [idle] [accept] [read] [e2e] [identity] [watch] [claim]
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { request } from '../../docker/lib/ferryd.mjs';
import { startInstance } from '../../docker/lib/harness.mjs';
import { identities } from './identities.mjs';
import { watchers } from './watchers.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = path.join(ROOT, 'build', process.env.SAN || 'none', 'tests/bench');
const PG_BIN = process.env.FERRY_PG_BIN ?? '/usr/lib/postgresql/15/bin';
const numberOf = (name, standard) => Number(process.env[name] ?? standard);
const ROUNDS = numberOf('BENCH_ROUNDS', 3);
const SECONDS = numberOf('BENCH_SECONDS', 5);
const MESSAGES = numberOf('BENCH_MESSAGES', 10000);
const CONNECTIONS = 64;
const MARK = '@'.repeat(24);
const GAS_LIMIT = 200000;
const IDENTITIES = numberOf('BENCH_IDENTITIES', 3000);
const SSE = numberOf('BENCH_SSE', 1000);
const GRPC_WATCHERS = numberOf('BENCH_GRPC_WATCHERS', 500);
const PARTS = ['idle', 'accept', 'read', 'e2e', 'identity', 'watch', 'claim'];

const started = Date.now();
const say = (line) => console.error(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`);
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rounded = (x, digits = 0) => Number(x).toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits, useGrouping: false });

/** The rows of the table: [what, measured, compared with, ratio, wanted]. */
const rows = [];
function row(what, measured, against = '', ratio = '', wanted = '') {
	rows.push([what, measured, against, ratio, wanted]);
	say(`${what}: ${measured}${against ? ` (${against}${ratio ? `, ${ratio}` : ''})` : ''}`);
}

// Requests ----------------------------------------------------------------------------------------

class Bench {
	constructor(ferry) {
		this.ferry = ferry;
		this.dev = ferry.dev;
		this.folder = mkdtempSync(path.join(os.tmpdir(), 'ferry-bench-'));
		this.port = new URL(this.dev.http).port;
		this.nonce = 1;
		[this.from, this.to] = this.dev.chains;
	}

	body(extra = {}) {
		return {
			kind: 'push', src_eid: this.from.eid, dst_eid: this.to.eid, receiver: this.to.contracts.test_receiver,
			payload: `0x${'5a'.repeat(32)}`, options: { gas_limit: String(GAS_LIMIT), value: '0' },
			submission: 'relayed', execution: 'automatic', ...extra,
		};
	}

	post(where, body, key) {
		const text = JSON.stringify(body);
		return Buffer.from(`POST ${where} HTTP/1.1\r\nHost: ferry\r\nAuthorization: Bearer ${this.dev.secret_key}\r\n` +
			`${key ? `Idempotency-Key: ${key}\r\n` : ''}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
	}

	get(where) {
		return Buffer.from(`GET ${where} HTTP/1.1\r\nHost: ferry\r\nAuthorization: Bearer ${this.dev.secret_key}\r\n\r\n`);
	}

	file(name, requests) {
		const at = path.join(this.folder, name);
		writeFileSync(at, Buffer.concat(requests.flatMap((one) => {
			const length = Buffer.alloc(4);
			length.writeUInt32LE(one.length);
			return [length, one];
		})));
		return at;
	}

	/** Bodies of signed messages of the wallet, each with a nonce of its own. */
	signed(count) {
		const deadline = Math.floor(Date.now() / 1000) + 86400;
		const { from, to, dev } = this;
		const payload = this.body().payload;
		const input = [from.chain_id, from.contracts.messenger, dev.wallet.private_key, to.eid, to.contracts.test_receiver,
			payload, GAS_LIMIT, deadline, this.nonce, count].join(' ');
		const signatures = execFileSync(path.join(BIN, 'sign'), { input, maxBuffer: 1 << 30 }).toString().trim().split('\n');
		const author = `eip155:${from.chain_id}:${dev.wallet.address}`;
		const bodies = signatures.map((signature, i) => this.body({ author, nonce: String(this.nonce + i), deadline: String(deadline), signature }));
		this.nonce += count;
		return bodies;
	}

	/** Runs the load client in a process of its own; its figures. */
	load(file, { connections = CONNECTIONS, seconds = SECONDS, rate = 0, loop = false, port = this.port } = {}) {
		return new Promise((resolve, reject) => {
			const child = spawn(path.join(BIN, 'load'), [port, connections, seconds, rate, file, ...(loop ? ['loop'] : [])].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
			let text = '';
			child.stdout.on('data', (part) => { text += part; });
			child.once('error', reject);
			child.once('close', (code) => {
				if (code !== 0) return reject(new Error(`load ended with status ${code}`));
				const figures = JSON.parse(text);
				if (figures.refused || figures.failed || figures.broken) say(`  of ${figures.answers} answers ${figures.refused} were 4xx, ${figures.failed} 5xx; ${figures.broken} connections broke`);
				resolve(figures);
			});
		});
	}

	psql(sql) {
		const result = spawnSync(path.join(PG_BIN, 'psql'), ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', this.dev.database_url, '-c', sql], { encoding: 'utf8' });
		if (result.status !== 0) throw new Error(`psql: ${result.stderr}`);
		return result.stdout.trim();
	}

	pgbench() {
		const file = (name) => path.join(ROOT, 'tests/bench', name);
		this.psql(readFileSync(file('accept_table.sql'), 'utf8'));
		const result = spawnSync(path.join(PG_BIN, 'pgbench'), ['-n', '-M', 'prepared', '-c', CONNECTIONS, '-j', 2, '-T', SECONDS, '-f', file('accept.sql'), this.dev.database_url].map(String), { encoding: 'utf8' });
		const found = /tps = ([0-9.]+)/.exec(result.stdout ?? '');
		if (!found) throw new Error(`pgbench: ${result.stderr ?? result.error}`);
		return Number(found[1]);
	}

	async accept(extra = {}) {
		const answer = await request('POST', `${this.dev.http}/v1/messages`, {
			headers: { authorization: `Bearer ${this.dev.secret_key}`, 'idempotency-key': randomBytes(16).toString('hex') }, body: this.body(extra),
		});
		if (answer.status !== 202) throw new Error(`accept: ${answer.status} ${answer.text}`);
		return answer.json;
	}

	async message(id) {
		return (await request('GET', `${this.dev.http}/v1/messages/${id}`, { headers: { authorization: `Bearer ${this.dev.secret_key}` } })).json;
	}

	async relayDown() {
		const pid = this.ferry.pid('relay');
		if (pid === null) return;
		this.ferry.kill('relay', 'SIGTERM');
		for (let i = 0; i < 200 && this.ferry.pid('relay') === pid; i++) await sleep(50);
		say('the relay is stopped');
	}

	async relayUp() {
		if (this.ferry.pid('relay') !== null) return;
		this.ferry.revive();
		await this.ferry.restarted('relay', null);
	}
}

// Parts -------------------------------------------------------------------------------------------

/** One message on an idle system. */
async function idle(bench) {
	const times = [];
	for (let i = 0; i < 8; i++) {
		const message = await bench.accept();
		for (;;) {
			await sleep(50);
			const now = await bench.message(message.id);
			if (now.state === 'DELIVERED') break;
		}
		times.push(Number(bench.psql(`SELECT extract(epoch FROM max(at) - min(at)) * 1000 FROM event
			WHERE message_id = '${message.id.slice(4)}'::uuid AND type IN ('ACCEPTED', 'DELIVERED')`)));
		await sleep(500 + 137 * i);
	}
	row('one message, idle, 1 s blocks', `${rounded(median(times))} ms`, '', `fastest ${rounded(Math.min(...times))} ms`, 'blocks waited for + 200 ms');
}

/** Many messages one way, from the first accept to the last delivery; gas. */
async function endToEnd(bench) {
	await bench.relayUp();
	const before = bench.psql('SELECT coalesce(max(num), 0) FROM message');
	const batch = bench.post('/v1/messages:batch', { messages: Array.from({ length: 1000 }, () => bench.body({ idempotency_key: MARK })) });
	const file = bench.file('e2e', Array.from({ length: Math.ceil(MESSAGES / 1000) }, () => batch));
	await bench.load(file, { connections: 2, seconds: 60 });
	for (let i = 0; ; i++) {
		await sleep(500);
		const left = Number(bench.psql(`SELECT count(*) FROM message WHERE num > ${before} AND state <> 'DELIVERED'`));
		if (i % 10 === 0) say(`  ${MESSAGES - left} of ${MESSAGES} delivered`);
		if (left === 0) break;
		if (i > 600) throw new Error(`${left} messages were not delivered in 5 minutes`);
	}
	const took = Number(bench.psql(`SELECT extract(epoch FROM max(e.at) - min(m.created_at)) FROM message m
		JOIN event e ON e.app_id = m.app_id AND e.message_id = m.id AND e.type = 'DELIVERED' WHERE m.num > ${before}`));
	row(`${MESSAGES} messages one way, first accept to last delivery`, `${rounded(MESSAGES / took)} msg/s`, `${rounded(took, 1)} s`, '', '≥ 1000 msg/s');
	const gas = (purposes) => Number(bench.psql(`SELECT coalesce(sum(gas_used), 0) FROM journal WHERE purpose IN (${purposes}) AND state IN ('MINED', 'FINAL')
		AND created_at >= (SELECT min(created_at) FROM message WHERE num > ${before})`)) / MESSAGES;
	row('gas a message in bulk, source', rounded(gas("'SUBMIT'")));
	row('gas a message in bulk, destination', rounded(gas("'VERIFY', 'DELIVER'")), 'with the test receiver', '', '≤ 94 k without the receiver');
}

/** Durable accepts, the relay stopped. */
async function accepts(bench) {
	await bench.relayDown();
	const single = bench.file('single', [bench.post('/v1/messages', bench.body(), MARK)]);
	const batch = bench.file('batch', [bench.post('/v1/messages:batch', { messages: Array.from({ length: 1000 }, () => bench.body({ idempotency_key: MARK })) })]);
	const perRound = numberOf('BENCH_SIGNED', 12000 * SECONDS);
	const figures = { pgbench: [], single: [], signed: [], batch: [], batchSigned: [] };
	const p99 = [];
	for (let round = 0; round < ROUNDS; round++) {
		bench.psql('TRUNCATE message, event, outbox');
		figures.pgbench.push(bench.pgbench());
		const one = await bench.load(single);
		figures.single.push(one.per_s);
		p99.push(one.p99_ms);
		const bodies = bench.signed(perRound);
		const signed = bench.file('signed', bodies.map((body) => bench.post('/v1/messages', body, MARK)));
		figures.signed.push((await bench.load(signed)).per_s);
		figures.batch.push((await bench.load(batch, { connections: 4 })).per_s * 1000);
		const more = bench.signed(perRound);
		const batches = Array.from({ length: Math.floor(more.length / 1000) }, (_, i) => bench.post('/v1/messages:batch',
			{ messages: more.slice(i * 1000, (i + 1) * 1000).map((body) => ({ ...body, idempotency_key: MARK })) }));
		figures.batchSigned.push((await bench.load(bench.file('batches', batches), { connections: 4 })).per_s * 1000);
		say(`  round ${round + 1}: pgbench ${rounded(figures.pgbench[round])}, single ${rounded(figures.single[round])}, signed ${rounded(figures.signed[round])}, batch ${rounded(figures.batch[round])}, signed ${rounded(figures.batchSigned[round])} a second`);
	}
	const base = median(figures.pgbench);
	const ratio = (name) => `${rounded(median(figures[name].map((x, i) => x / figures.pgbench[i])), 2)} ×`;
	row('pgbench -M prepared -c 64, one like row', `${rounded(base)} /s`);
	row('accepts, one a request, 64 connections', `${rounded(median(figures.single))} /s`, `pgbench ${rounded(base)} /s`, ratio('single'), '≥ 1.5 ×');
	row('the same, p99', `${rounded(median(p99), 1)} ms`, '', '', '≤ 10 ms');
	row('the same, each signed', `${rounded(median(figures.signed))} /s`, `pgbench ${rounded(base)} /s`, ratio('signed'), '≥ 0.9 ×');
	row('accepts by :batch of 1000', `${rounded(median(figures.batch))} /s`, `pgbench ${rounded(base)} /s`, ratio('batch'), '≥ 2.5 ×');
	row('accepts by :batch of 1000, signed', `${rounded(median(figures.batchSigned))} /s`, `pgbench ${rounded(base)} /s`, ratio('batchSigned'), '≥ 1.2 ×');
	bench.peak = median(figures.single);
}

/** Status reads against a server that does nothing, the answers of one size. */
async function reads(bench) {
	await bench.relayDown();
	bench.psql('TRUNCATE message, event, outbox');
	const made = await Promise.all(Array.from({ length: 200 }, () => bench.accept()));
	const file = bench.file('reads', made.map((m) => bench.get(`/v1/messages/${m.id}`)));
	const bytes = Buffer.byteLength(JSON.stringify(made[0]));
	const port = Number(bench.port) + 50;
	const bare = spawn(path.join(BIN, 'bare'), [port, bytes, 2].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
	await new Promise((resolve, reject) => {
		bare.stdout.once('data', resolve);
		bare.once('exit', () => reject(new Error('bare did not start')));
	});
	const ours = [];
	const theirs = [];
	const p99 = [];
	try {
		for (let round = 0; round < ROUNDS; round++) {
			theirs.push((await bench.load(file, { port, loop: true })).per_s);
			const one = await bench.load(file, { loop: true });
			ours.push(one.per_s);
			p99.push(one.p99_ms);
		}
	} finally {
		bare.kill('SIGKILL');
	}
	row('status reads over REST, 64 connections', `${rounded(median(ours))} /s`, `bare libmicrohttpd ${rounded(median(theirs))} /s, ${bytes} bytes`,
		`${rounded(median(ours.map((x, i) => 100 * x / theirs[i])))} %`, '≥ 60 %');
	row('the same, p99', `${rounded(median(p99), 1)} ms`);
	grpcReads(bench, made[0].id);
	bench.psql('TRUNCATE message, event, outbox');
}

/** GetMessage over gRPC: h2load sends one framed request for ever. It counts answers, it does not read them. */
function grpcReads(bench, id) {
	const message = Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id)]);
	const frame = path.join(bench.folder, 'frame');
	writeFileSync(frame, Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
	const rates = [];
	for (let round = 0; round < ROUNDS; round++) {
		const result = spawnSync('h2load', ['-t', 1, '-c', CONNECTIONS, '-D', SECONDS, '-d', frame, '-H', 'content-type: application/grpc', '-H', 'te: trailers',
			'-H', `authorization: Bearer ${bench.dev.secret_key}`, `http://${bench.dev.grpc}/ferry.v1.MessageService/GetMessage`].map(String), { encoding: 'utf8' });
		const found = /finished in .*?, ([0-9.]+) req\/s/.exec(result.stdout ?? '');
		if (!found) return say(`  no figure for gRPC: ${result.error?.message ?? result.stderr}`);
		rates.push(Number(found[1]));
	}
	row('status reads over gRPC, 64 connections', `${rounded(median(rates))} /s`, 'h2load, no bare server beside it');
}

/** From accepted to claimed, by the journal: the transaction that carries a message is written down when it is claimed. */
async function claims(bench) {
	const rate = Math.max(100, Math.floor((bench.peak ?? 4000) / 2));
	// the slow one first: what the fast one leaves on the chains is still worked off when it is over
	for (const [name, perSecond] of [['at 100 a second', 100], ['at half of peak accepts', rate]]) {
		await bench.relayDown();
		bench.psql('TRUNCATE message, event, outbox');
		await bench.relayUp();
		await sleep(3000);
		const file = bench.file('claim', [bench.post('/v1/messages', bench.body(), MARK)]);
		await bench.load(file, { rate: perSecond, seconds: SECONDS });
		await sleep(3000);
		const [count, p50, p99] = bench.psql(`SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY t), percentile_cont(0.99) WITHIN GROUP (ORDER BY t)
			FROM (SELECT extract(epoch FROM j.created_at - m.created_at) * 1000 AS t FROM journal j CROSS JOIN unnest(j.items_id) AS item (id)
			JOIN message m ON m.id = item.id WHERE j.purpose = 'SUBMIT') AS claimed`).split('|').map(Number);
		row(`accepted to claimed, ${name} (${perSecond} /s)`, `p50 ${rounded(p50, 1)} ms, p99 ${rounded(p99, 1)} ms`, `${count} messages`, '', 'p50 ≤ 3 ms, p99 ≤ 10 ms');
	}
}

// The table ---------------------------------------------------------------------------------------

function memory(ferry, name) {
	const status = readFileSync(`/proc/${ferry.pid(name)}/status`, 'utf8');
	return Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024;
}

function machine() {
	const cpu = os.cpus();
	return `${cpu[0].model.trim()}, ${cpu.length} cores, ${rounded(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release()}; the load client, PostgreSQL 15, two anvil chains, serve and relay share them`;
}

function write() {
	const heads = ['what', 'measured', 'beside', 'ratio', 'wanted'];
	const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((r) => r[i].length)));
	const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
	const table = [line(heads), `|${widths.map((w) => '-'.repeat(w + 2)).join('|')}|`, ...rows.map(line)].join('\n');
	const commit = spawnSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim();
	const text = `# Measured\n\n${new Date().toISOString().slice(0, 10)}, commit ${commit}, medians of ${ROUNDS} rounds of ${SECONDS} s. ${machine()}.\n\n${table}\n`;
	mkdirSync(path.join(ROOT, 'bench'), { recursive: true });
	writeFileSync(path.join(ROOT, 'bench/latest.md'), text);
	console.log(text);
}

const parts = process.argv.slice(2);
for (const part of parts)
	if (!PARTS.includes(part)) throw new Error(`there is no part ${part}; there are ${PARTS.join(' ')}`);
const wanted = (part) => parts.length === 0 || parts.includes(part);
const ferry = await startInstance({ ports: [18700, 18740], supervise: false });
const bench = new Bench(ferry);
try {
	const identity = async () => {
		await bench.relayUp();
		await identities(bench, { row, say, rounded, count: IDENTITIES });
	};
	const watch = () => watchers(bench, { row, say, memory, seconds: SECONDS, mark: MARK, sse: SSE, calls: GRPC_WATCHERS });
	// accepts and reads first: they leave nothing on the chains, and what the others leave in the database would slow them
	const jobs = { idle, accept: accepts, read: reads, e2e: endToEnd, identity, watch, claim: claims };
	for (const [name, job] of Object.entries(jobs)) {
		if (!wanted(name)) continue;
		say(`${name} …`);
		await job(bench);
	}
	row('memory at its highest, serve', `${rounded(memory(ferry, 'serve'))} MiB`, '', '', '≤ 96 MiB');
	if (ferry.pid('relay')) row('memory at its highest, relay', `${rounded(memory(ferry, 'relay'))} MiB`, '', '', '≤ 128 MiB');
	write();
} finally {
	rmSync(bench.folder, { recursive: true, force: true });
	await ferry.stop();
}
