// SPDX-License-Identifier: Apache-2.0
// The orderly end: serve and relay are told to end (SIGTERM) again and again while REST, gRPC, streams and
// long waits are under way. Each ends in order and in time, nothing acknowledged is lost, and an instrumented
// program (SAN=asan, SAN=tsan) has nothing to report: the harness looks when it stops the instance.
//
//	node tests/e2e/end.test.mjs
//	END_ROUNDS=3 END_MESSAGES=0     (the defaults; with END_MESSAGES so many are sent after the rounds, and the
//	                                memory of serve and relay is told every thousand)
import http from 'node:http';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { request } from '../../docker/lib/ferryd.mjs';
import { startInstance } from '../../docker/lib/harness.mjs';
import { helloBody } from '../../docker/lib/hello.mjs';
import { memoryMb } from '../../docker/lib/process.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ROUNDS = Number(process.env.END_ROUNDS ?? 3);
const MESSAGES = Number(process.env.END_MESSAGES ?? 0);
const SLOW = process.env.SAN && process.env.SAN !== 'none' ? 4 : 1;
const SENDERS = 4;
const PAUSE_MS = 30;
const IN_TIME_MS = 8000;         // what is under way here takes two seconds at most
const SETTLE_MS = 60000 * SLOW;

let passed = 0;
let failed = 0;
function check(fact, what) {
	if (fact) passed++;
	else failed++;
	console.log(`${fact ? 'ok  ' : 'FAIL'} ${what}`);
}

const instance = await startInstance({ ports: [18700, 18799] });
const { dev } = instance;
const headers = { authorization: `Bearer ${dev.secret_key}` };
const known = new Set();
const refused = [];
let over = false;

// Traffic -----------------------------------------------------------------------------------------

const pause = () => sleep(PAUSE_MS);

async function sendByRest() {
	while (!over) {
		const key = randomUUID();
		for (let sent = false; !sent && !over; await pause()) {
			const answer = await request('POST', `${dev.http}/v1/messages`, { headers: { ...headers, 'idempotency-key': key }, body: helloBody(dev) }).catch(() => null);
			sent = answer?.status === 202;
			if (sent) known.add(answer.json.id);
			else if (answer && answer.status < 500 && answer.status !== 429) refused.push(`${answer.status} ${answer.text}`);
		}
	}
}

async function waitByRest() {
	while (!over) {
		const id = [...known].at(-1);
		if (id) await request('GET', `${dev.http}/v1/messages/${id}?wait_ms=2000&if_none_match=none`, { headers }).catch(() => null);
		await pause();
	}
}

/** Server-sent events of the app, opened again whenever they end. */
async function readEvents() {
	while (!over) {
		await new Promise((done) => {
			const stop = setInterval(() => over && outgoing.destroy(), PAUSE_MS);
			const outgoing = http.get(`${dev.http}/v1/events`, { headers: { ...headers, accept: 'text/event-stream' }, agent: false }, (answer) => answer.resume());
			outgoing.on('error', () => {});
			outgoing.once('close', () => {
				clearInterval(stop);
				done();
			});
		});
		await pause();
	}
}

const { ferry } = grpc.loadPackageDefinition(loader.loadSync('ferry/v1/message_service.proto', {
	includeDirs: [path.join(ROOT, 'proto'), '/usr/include'], keepCase: true, longs: String, enums: String,
}));
const rpc = new ferry.v1.MessageService(dev.grpc, grpc.credentials.createInsecure(), {
	'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 500,
});

function metadata(more = {}) {
	const out = new grpc.Metadata();
	for (const [name, value] of Object.entries({ ...headers, ...more })) out.set(name, value);
	return out;
}

async function sendByGrpc() {
	const { receiver, payload, ...rest } = helloBody(dev);
	const hex = (text) => Buffer.from(text.slice(2), 'hex');
	const body = { ...rest, kind: 'KIND_PUSH', submission: 'SUBMISSION_RELAYED', execution: 'EXECUTION_AUTOMATIC', receiver: hex(receiver), payload: hex(payload) };
	while (!over) {
		await new Promise((done) => {
			rpc.SendMessage(body, metadata({ 'idempotency-key': randomUUID() }), { deadline: Date.now() + 10000 }, (error, reply) => {
				if (reply) known.add(reply.id);
				else if (![1, 4, 8, 14].includes(error.code)) refused.push(error.message);
				done();
			});
		});
		await pause();
	}
}

async function watchByGrpc() {
	while (!over) {
		await new Promise((done) => {
			const stream = rpc.WatchEvents({}, metadata());
			const stop = setInterval(() => over && stream.cancel(), PAUSE_MS);
			stream.on('data', () => {});
			stream.on('error', () => {});
			stream.once('close', () => {
				clearInterval(stop);
				done();
			});
		});
		await pause();
	}
}

// Ends --------------------------------------------------------------------------------------------

const ended = (name) => instance.log(name).split(`"event":"${name}.ended"`).length - 1;

async function endInOrder(name) {
	const before = ended(name);
	const began = Date.now();
	const old = instance.kill(name, 'SIGTERM');
	await instance.restarted(name, old, 20000 * SLOW);
	const took = Date.now() - began;
	check(ended(name) === before + 1 && took < IN_TIME_MS, `${name} ended in order, ${took} ms from being told to being back`);
}

async function settle() {
	const end = Date.now() + SETTLE_MS;
	let open = [...known];
	while (open.length && Date.now() < end) {
		const next = [];
		for (const id of open) {
			const answer = await request('GET', `${dev.http}/v1/messages/${id}`, { headers });
			if (answer.json?.state !== 'DELIVERED') next.push(id);
		}
		open = next;
		if (open.length) await sleep(1000);
	}
	check(open.length === 0, `all ${known.size} acknowledged messages are delivered${open.length ? `; not ${open.slice(0, 3)}` : ''}`);
}

const memory = () => ['serve', 'relay'].map((name) => `${name} ${memoryMb(instance.pid(name)).toFixed(1)} MiB`).join(', ');

async function sendMany() {
	console.log(`     memory before: ${memory()}`);
	for (let sent = 0; sent < MESSAGES;) {
		const messages = Array.from({ length: 50 }, () => ({ ...helloBody(dev), idempotency_key: randomUUID() }));
		const answer = await request('POST', `${dev.http}/v1/messages:batch`, { headers, body: { messages } });
		if (answer.status !== 200) throw new Error(answer.text);
		for (const { message, problem } of answer.json.results)
			if (message) known.add(message.id);
			else refused.push(JSON.stringify(problem));
		sent += messages.length;
		if (sent % 1000 === 0) {
			await settle();
			console.log(`     memory after ${sent}: ${memory()}`);
		}
	}
}

async function rounds() {
	const traffic = [
		...Array.from({ length: SENDERS }, sendByRest), sendByGrpc(), waitByRest(), waitByRest(),
		readEvents(), readEvents(), watchByGrpc(), watchByGrpc(),
	];
	for (let i = 0; i < ROUNDS; i++)
		for (const names of [['serve'], ['relay'], ['serve', 'relay']]) {
			await sleep(2500);
			await Promise.all(names.map(endInOrder));
		}
	await sleep(2500);
	over = true;
	await Promise.all(traffic);
	await settle();
}

try {
	if (ROUNDS) await rounds();
	if (MESSAGES) await sendMany();
	check(refused.length === 0, `nothing was refused${refused.length ? `: ${refused.slice(0, 3).join('; ')}` : ''}`);
} catch (error) {
	check(false, `the run went through: ${error.stack}`);
} finally {
	over = true;
	if (failed) for (const name of ['supervisor', 'serve', 'relay']) console.log(`--- the end of ${name}'s log\n${instance.logTail(name, 60)}`);
	rpc.close();
	await instance.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
