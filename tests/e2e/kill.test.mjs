// SPDX-License-Identifier: Apache-2.0
// The torture run: messages both ways over REST, batch and gRPC, and registrations, while serve, relay and PostgreSQL are killed
// with -9 at random moments. In the end the chains' own events say that every acknowledged message was
// delivered exactly once, the registries' that every identity is registered exactly once, and `ferryd verify-journal`
// finds nothing.
//
//	node tests/e2e/kill.test.mjs
//	KILL_SEED=7 KILL_MESSAGES=2000 KILL_IDENTITIES=200 KILL_TIMES=50 KILL_SECONDS=170 KILL_KEEP=1   (the defaults; KEEP: leave the instance up)
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { createWalletClient, createPublicClient, http as viemHttp, parseAbi, toEventSelector } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { artifact } from '../../contracts/compile.mjs';
import { request } from '../../docker/lib/ferryd.mjs';
import { startInstance } from '../../docker/lib/harness.mjs';
import { Registrations } from './kill_identities.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const numberOf = (name, standard) => Number(process.env[name] ?? standard);
const SEED = numberOf('KILL_SEED', Date.now() % 1e9);
const MESSAGES = numberOf('KILL_MESSAGES', 2000);
const IDENTITIES = numberOf('KILL_IDENTITIES', 200);
const KILLS = numberOf('KILL_TIMES', 50);
const SECONDS = numberOf('KILL_SECONDS', 170);
const SETTLE_MS = numberOf('KILL_SETTLE_SECONDS', 240) * 1000;
const SEND_MS = 120000;         // an acknowledgement may take so long, kills included
const BATCH = 20;
const STABLE_MS = 2300;         // a child that lived longer is restarted without backing off
const TARGETS = ['serve', 'relay', 'serve', 'relay', 'postgres'];

// Chance ------------------------------------------------------------------------------------------

/** A generator that repeats: mulberry32. */
function chance(seed) {
	let a = seed >>> 0;
	return () => {
		a = (a + 0x6d2b79f5) >>> 0;
		let t = a;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}
const pick = (random, list) => list[Math.floor(random() * list.length)];

// Outcome -----------------------------------------------------------------------------------------

let passed = 0;
let failed = 0;
function check(fact, what) {
	if (fact) passed++;
	else failed++;
	console.log(`${fact ? 'ok  ' : 'FAIL'} ${what}`);
}
const started = Date.now();
const say = (line) => console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`);

// Sending -----------------------------------------------------------------------------------------

/** The messages, each with the way it takes: nothing but the seed decides. */
function plan(dev) {
	const random = chance(SEED);
	const list = [];
	for (let i = 0; i < MESSAGES; i++) {
		const [from, to] = random() < 0.5 ? dev.chains : [dev.chains[1], dev.chains[0]];
		const roll = random();
		list.push({
			index: i, from, to, key: `kill-${String(SEED).padStart(9, '0')}-${String(i).padStart(6, '0')}`,
			way: roll < 0.4 ? 'rest' : roll < 0.7 ? 'batch' : 'grpc',
			again: random() < 0.05, receiver: to.contracts.test_receiver,
			payload: `0x${createHash('sha256').update(`${SEED} ${i}`).digest('hex')}`,
		});
	}
	return list;
}

const bodyOf = (m) => ({
	kind: 'push', src_eid: m.from.eid, dst_eid: m.to.eid, receiver: m.receiver, payload: m.payload,
	options: { gas_limit: '200000', value: '0' }, submission: 'relayed', execution: 'automatic',
});

class Clients {
	constructor(dev) {
		this.dev = dev;
		this.headers = { authorization: `Bearer ${dev.secret_key}` };
		const definition = loader.loadSync('ferry/v1/message_service.proto', {
			includeDirs: [path.join(ROOT, 'proto'), '/usr/include'], keepCase: true, longs: String, enums: String,
		});
		const { ferry } = grpc.loadPackageDefinition(definition);
		this.grpc = new ferry.v1.MessageService(dev.grpc, grpc.credentials.createInsecure(), {
			'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 500,
		});
	}

	/** {ok: {id, request_id}} · {again: why} · {wrong: why} */
	async rest(m) {
		const answer = await request('POST', `${this.dev.http}/v1/messages`,
			{ headers: { ...this.headers, 'idempotency-key': m.key }, body: bodyOf(m), timeoutMs: 15000 });
		if (answer.status === 202) return { ok: answer.json };
		return verdict(answer.status, answer.text);
	}

	async batch(list) {
		const messages = list.map((m) => ({ ...bodyOf(m), idempotency_key: m.key }));
		const answer = await request('POST', `${this.dev.http}/v1/messages:batch`,
			{ headers: this.headers, body: { messages }, timeoutMs: 15000 });
		if (answer.status !== 200) return list.map(() => verdict(answer.status, answer.text));
		return answer.json.results.map((r) => r.message ? { ok: r.message } : verdict(r.problem.status, JSON.stringify(r.problem)));
	}

	call(m) {
		const hex = (text) => Buffer.from(text.slice(2), 'hex');
		const metadata = new grpc.Metadata();
		metadata.set('authorization', this.headers.authorization);
		metadata.set('idempotency-key', m.key);
		const body = {
			kind: 'KIND_PUSH', src_eid: m.from.eid, dst_eid: m.to.eid, receiver: hex(m.receiver), payload: hex(m.payload),
			options: { gas_limit: '200000', value: '0' }, submission: 'SUBMISSION_RELAYED', execution: 'EXECUTION_AUTOMATIC',
		};
		return new Promise((resolve) => {
			this.grpc.SendMessage(body, metadata, { deadline: Date.now() + 15000 }, (error, reply) => {
				if (!error) resolve({ ok: { id: reply.id, request_id: `0x${Buffer.from(reply.request_id).toString('hex')}` } });
				else if ([1, 4, 8, 10, 14].includes(error.code)) resolve({ again: error.message });
				else resolve({ wrong: `${error.code} ${error.details}` });
			});
		});
	}
}

function verdict(status, text) {
	if (status >= 500 || status === 429 || (status === 409 && /IN_PROGRESS/.test(text))) return { again: `${status}` };
	return { wrong: `${status} ${text.slice(0, 300)}` };
}

/** Sends one, or the messages of a batch, until each is answered. */
async function sendSurely(clients, list, tally) {
	let open = list;
	const end = Date.now() + SEND_MS;
	for (let wait = 50; open.length > 0; wait = Math.min(1000, wait * 2)) {
		let outcomes;
		try {
			outcomes = open[0].way === 'batch' ? await clients.batch(open) : [await (open[0].way === 'rest' ? clients.rest(open[0]) : clients.call(open[0]))];
		} catch (error) {
			outcomes = open.map(() => ({ again: error.message }));
		}
		const next = [];
		outcomes.forEach((outcome, i) => {
			const m = open[i];
			if (outcome.ok) acknowledge(m, outcome.ok, tally);
			else if (outcome.again && Date.now() < end) next.push(m);
			else tally.refused.push(`${m.way} ${m.index}: ${outcome.wrong ?? outcome.again}`);
		});
		tally.retries += next.length;
		open = next;
		if (open.length) await sleep(wait);
	}
}

function acknowledge(m, message, tally) {
	if (m.id && m.id !== message.id) tally.doubled.push(`${m.index}: ${m.id} and ${message.id}`);
	m.id = message.id;
	m.requestId = message.request_id;
	m.at ??= Date.now();
}

/** The whole plan, spread evenly over the time of the kills. */
async function sendAll(clients, list, tally) {
	const begun = Date.now();
	const work = [];
	const batches = { forth: [], back: [] };
	const due = (index) => begun + (index / MESSAGES) * SECONDS * 1000;
	for (const m of list) {
		const left = due(m.index) - Date.now();
		if (left > 0) await sleep(left);
		if (m.way === 'batch') {
			const batch = batches[m.from === clients.dev.chains[0] ? 'forth' : 'back'];
			batch.push(m);
			if (batch.length === BATCH) work.push(sendSurely(clients, batch.splice(0), tally));
		} else {
			// some are sent again after the answer: the same answer must come
			work.push(sendSurely(clients, [m], tally).then(() => m.again && m.id ? sendSurely(clients, [m], tally) : null));
		}
	}
	for (const batch of Object.values(batches))
		if (batch.length) work.push(sendSurely(clients, batch, tally));
	await Promise.all(work);
}

// Killing -----------------------------------------------------------------------------------------

/** Kills until `KILLS` hit and the messages are sent. Returns {serve, relay, postgres}: how often each. */
async function killOften(ferry, sent) {
	const random = chance(SEED ^ 0x5eed);
	const hits = { serve: 0, relay: 0, postgres: 0 };
	const since = { serve: 0, relay: 0, postgres: 0 };
	const seen = {};
	const total = () => hits.serve + hits.relay + hits.postgres;
	const mean = (SECONDS * 1000) / Math.max(1, KILLS);
	while (total() < KILLS || !sent.done) {
		await sleep(mean * (0.1 + random()));
		const name = pick(random, TARGETS);
		const pid = ferry.pid(name);
		if (pid !== seen[name]) [seen[name], since[name]] = [pid, Date.now()];
		// mostly when it has settled, so that the supervisor does not back off; sometimes while it starts
		if (pid === null || (Date.now() - since[name] < STABLE_MS && random() < 0.7)) continue;
		try {
			ferry.kill(name);
		} catch {
			continue; // it is just being restarted
		}
		hits[name]++;
		if (total() % 10 === 0) say(`${total()} kills (serve ${hits.serve}, relay ${hits.relay}, PostgreSQL ${hits.postgres})`);
		if (total() > KILLS * 4) break;
	}
	return hits;
}

// One message that is held ------------------------------------------------------------------------

const RECEIVER = parseAbi(['function setRevert(bool on)']);

/** A receiver of its own on the second chain, told to revert: {address, set(on)}. */
async function revertingReceiver(dev) {
	const chain = dev.chains[1];
	const transport = viemHttp(chain.rpc);
	const account = privateKeyToAccount(dev.wallet.private_key);
	const viemChain = { id: chain.chain_id, name: chain.name, nativeCurrency: { name: 'ETH', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [chain.rpc] } } };
	const wallet = createWalletClient({ account, chain: viemChain, transport });
	const reader = createPublicClient({ chain: viemChain, transport });
	const { abi, bytecode } = await artifact('TestReceiver');
	const mined = async (hash) => reader.waitForTransactionReceipt({ hash, pollingInterval: 200 });
	const code = bytecode.object ?? bytecode;
	const { contractAddress: address } = await mined(await wallet.deployContract({ abi, bytecode: code.startsWith('0x') ? code : `0x${code}`, args: [chain.contracts.messenger] }));
	const set = async (on) => mined(await wallet.writeContract({ address, abi: RECEIVER, functionName: 'setRevert', args: [on] }));
	await set(true);
	return { address, set };
}

// Waiting -----------------------------------------------------------------------------------------

async function messageNow(clients, id) {
	for (let i = 0; ; i++) {
		try {
			const answer = await request('GET', `${clients.dev.http}/v1/messages/${id}`, { headers: clients.headers, timeoutMs: 10000 });
			if (answer.status === 200) return answer.json;
			if (answer.status < 500 && answer.status !== 429) throw new Error(`GET ${id}: ${answer.status} ${answer.text}`);
		} catch (error) {
			if (i > 50) throw error;
		}
		await sleep(200);
	}
}

/** Runs `job` over the list, `width` at a time. */
async function each(list, width, job) {
	let next = 0;
	await Promise.all(Array.from({ length: width }, async () => {
		while (next < list.length) await job(list[next++]);
	}));
}

/** Waits until all are DELIVERED; returns those that are not. */
async function waitDelivered(clients, list) {
	const end = Date.now() + SETTLE_MS;
	let open = list;
	let shown = 0;
	while (open.length && Date.now() < end) {
		const next = [];
		await each(open, 8, async (m) => {
			const message = await messageNow(clients, m.id);
			m.last = message;
			if (message.state !== 'DELIVERED') next.push(m);
		});
		open = next;
		if (Date.now() - shown > 10000) {
			const states = {};
			for (const m of open) states[m.last.state] = (states[m.last.state] ?? 0) + 1;
			say(`${list.length - open.length} of ${list.length} delivered; ${JSON.stringify(states)}`);
			shown = Date.now();
		}
		if (open.length) await sleep(500);
	}
	return open;
}

// What the chains say -----------------------------------------------------------------------------

const TOPIC = {
	packetSent: toEventSelector('PacketSent(bytes,bytes,address)'),
	packetDelivered: toEventSelector('PacketDelivered((uint32,bytes32,uint64),address)'),
	sent: toEventSelector('Sent(bytes32,bytes32)'),
	received: toEventSelector('Received(bytes32,bytes32)'),
	got: toEventSelector('Got(bytes32,address,bytes)'),
};

async function rpc(url, method, params) {
	const answer = await request('POST', url, { body: { jsonrpc: '2.0', id: 1, method, params }, timeoutMs: 60000 });
	if (!answer.json || answer.json.error) throw new Error(`${method}: ${answer.text.slice(0, 300)}`);
	return answer.json.result;
}
const logs = (chain, address, topic) => rpc(chain.rpc, 'eth_getLogs', [{ fromBlock: '0x0', toBlock: 'latest', address, topics: [topic] }]);
const word = (data, i) => `0x${data.slice(2 + 64 * i, 66 + 64 * i)}`;

/** The packet in a PacketSent event: {path, nonce, guid, requestId}. */
function packetOf(log) {
	const at = 2 + 2 * Number(BigInt(word(log.data, 0)));
	const length = Number(BigInt(`0x${log.data.slice(at, at + 64)}`));
	const raw = log.data.slice(at + 64, at + 64 + 2 * length);
	const part = (from, n) => `0x${raw.slice(2 * from, 2 * (from + n))}`;
	// LayerZero's header: version 1, nonce 8, srcEid 4, sender 32, dstEid 4, receiver 32, guid 32; then ours
	return { path: part(9, 72), nonce: Number(BigInt(part(1, 8))), guid: part(81, 32), requestId: part(113 + 54, 32) };
}

function countBy(list, keyOf) {
	const counts = new Map();
	for (const one of list) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1);
	return counts;
}

async function readChain(chain) {
	const { endpoint, messenger } = chain.contracts;
	const [packets, delivered, sent, received, got] = await Promise.all([
		logs(chain, endpoint, TOPIC.packetSent), logs(chain, endpoint, TOPIC.packetDelivered),
		logs(chain, messenger, TOPIC.sent), logs(chain, messenger, TOPIC.received), logs(chain, undefined, TOPIC.got),
	]);
	const own = messenger.slice(2).toLowerCase().padStart(64, '0'); // the registries' packets have paths of their own
	return {
		packets: packets.map(packetOf).filter((p) => p.path.slice(10, 74) === own),
		delivered: delivered.filter((log) => word(log.data, 3).slice(2) === own).map((log) => ({ path: `${word(log.data, 0)}${word(log.data, 1)}${word(log.data, 3)}`, nonce: Number(BigInt(word(log.data, 2))) })),
		sent: countBy(sent, (log) => log.topics[1]),
		received: countBy(received, (log) => word(log.data, 1)),
		got: countBy(got, (log) => word(log.data, 0)),
	};
}

function gapless(list) {
	const paths = new Map();
	for (const { path: at, nonce } of list) paths.set(at, [...(paths.get(at) ?? []), nonce]);
	return [...paths.values()].every((nonces) => nonces.sort((a, b) => a - b).every((n, i) => n === i + 1));
}

async function countEvents(dev, list) {
	const [a, b] = await Promise.all(dev.chains.map(readChain));
	const once = (side, m) => (m.from === dev.chains[0] ? [a, b] : [b, a])[side];
	const off = (kind, side) => list.filter((m) => once(side, m)[kind].get(m.requestId) !== 1);
	check(off('sent', 0).length === 0, `every acknowledged message was sent exactly once (Sent), ${list.length} of them`);
	check(off('received', 1).length === 0, 'every acknowledged message was received exactly once (Received)');
	check(off('got', 1).length === 0, 'every receiver was called exactly once (Got)');
	for (const [kind, side] of [['sent', 0], ['received', 1]])
		for (const m of off(kind, side).slice(0, 5)) say(`  ${kind} ${once(side, m)[kind].get(m.requestId) ?? 0} times: ${m.id} ${m.requestId} ${m.last?.state}`);
	const all = [...a.packets, ...b.packets];
	const known = new Set(list.map((m) => m.requestId));
	check(all.length === list.length && all.every((p) => known.has(p.requestId)), `the endpoints sent ${all.length} packets, no other and none twice (PacketSent)`);
	check(new Set(all.map((p) => p.guid)).size === all.length, 'no guid was used twice');
	check(a.delivered.length + b.delivered.length === list.length, `the endpoints delivered ${a.delivered.length + b.delivered.length} packets (PacketDelivered)`);
	check([a, b].every((side) => gapless(side.packets) && gapless(side.delivered)), 'the nonces of every path have no gap, sent and delivered');
}

// The run -----------------------------------------------------------------------------------------

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];

async function torture(ferry) {
	const { dev } = ferry;
	const clients = new Clients(dev);
	const list = plan(dev);
	const tally = { retries: 0, refused: [], doubled: [] };
	const receiver = await revertingReceiver(dev);
	const held = { index: MESSAGES, from: dev.chains[0], to: dev.chains[1], key: `kill-${SEED}-held-message`, way: 'rest', receiver: receiver.address, payload: '0x68656c64' };
	await sendSurely(clients, [held], tally);
	say(`one message to a receiver that reverts: ${held.id}`);

	const sent = { done: false };
	const identities = new Registrations(dev, clients.headers, IDENTITIES);
	const traffic = Promise.all([sendAll(clients, list, tally), identities.send(SECONDS)]);
	const [hits] = await Promise.all([killOften(ferry, sent), traffic.finally(() => { sent.done = true; })]);
	const kills = hits.serve + hits.relay + hits.postgres;
	say(`${kills} kills and ${list.length} messages are through; ${tally.retries} times something was sent again`);
	check(kills >= KILLS, `${kills} kills: serve ${hits.serve}, relay ${hits.relay}, PostgreSQL ${hits.postgres}`);
	check(tally.refused.length === 0, `nothing was refused${tally.refused.length ? `: ${tally.refused.slice(0, 5).join('; ')}` : ''}`);
	check(tally.doubled.length === 0, `the same idempotency key always gave the same message${tally.doubled.slice(0, 3).join('; ')}`);
	const acknowledged = list.filter((m) => m.id);
	check(new Set(acknowledged.map((m) => m.id)).size === acknowledged.length, `${acknowledged.length} messages acknowledged, each with its own id`);

	const open = await waitDelivered(clients, acknowledged);
	check(open.length === 0, `all acknowledged messages are DELIVERED${open.slice(0, 3).map((m) => `; ${m.id} is ${m.last.state}: ${JSON.stringify(m.last.explanation)}`).join('')}`);
	const times = acknowledged.filter((m) => m.last?.state === 'DELIVERED').map((m) => Date.parse(m.last.update_time) - m.at).sort((x, y) => x - y);
	if (times.length) say(`accepted to final: p50 ${percentile(times, 0.5)} ms, p90 ${percentile(times, 0.9)} ms, slowest ${times.at(-1)} ms`);

	await identities.check(check, SETTLE_MS);

	const stuck = await messageNow(clients, held.id);
	check(['EXECUTION_FAILED', 'COMMITTED'].includes(stuck.state) && /REVERTED|ATTEMPTS|EXECUTION/.test(stuck.explanation?.reason ?? ''),
		`the held message stopped nobody and says why it waits: ${stuck.state} ${stuck.explanation?.reason}`);
	await receiver.set(false);
	const retry = await request('POST', `${dev.http}/v1/messages/${held.id}:retry`, { headers: clients.headers, body: {} });
	check(retry.status === 200, `the held message can be retried (${retry.status}${retry.status === 200 ? '' : ` ${retry.text.slice(0, 200)}`})`);
	check((await waitDelivered(clients, [held])).length === 0, 'and is delivered then');

	await countEvents(dev, [...acknowledged, held]);
	const journal = spawnSync(process.env.FERRYD ?? path.join(ROOT, 'build', process.env.SAN || 'none', 'ferryd'),
		['verify-journal', '--config', path.join(ferry.folder, 'ferry.yaml')], { encoding: 'utf8' });
	check(journal.status === 0, `ferryd verify-journal finds nothing${journal.status === 0 ? '' : `: ${(journal.stdout + journal.stderr).slice(-1000)}`}`);
	clients.grpc.close();
}

console.log(`seed ${SEED}: ${MESSAGES} messages, at least ${KILLS} kills, ${SECONDS} s`);
const ferry = await startInstance({ ports: [18700, 18799] });
say(`an instance runs in ${ferry.folder}`);
try {
	await torture(ferry);
} catch (error) {
	check(false, `the run went through: ${error.stack}`);
} finally {
	if (failed) for (const name of ['supervisor', 'serve', 'relay']) console.log(`--- the end of ${name}'s log\n${ferry.logTail(name, 15)}`);
	if (process.env.KILL_KEEP) say(`left running: ${ferry.folder}; stop it with FERRY_VAR=${ferry.folder} docker/dev.sh down`);
	else await ferry.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
