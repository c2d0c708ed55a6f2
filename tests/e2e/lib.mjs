// SPDX-License-Identifier: Apache-2.0
// What the end-to-end scenarios share: an instance of their own, its API, its database and its chains, read
// directly. Each file calls run([...scenarios], options) once; SAN or FERRYD choose the binary.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
	createPublicClient, createWalletClient, decodeEventLog, http, keccak256, pad, parseAbi, parseEther, toHex, zeroAddress, zeroHash,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { artifact } from '../../contracts/compile.mjs';
import { rpcCall } from '../../contracts/devnet.mjs';
import { request } from '../../docker/lib/ferryd.mjs';
import { startInstance } from '../../docker/lib/harness.mjs';

export { sleep, keccak256, toHex, zeroHash, parseEther };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const FERRYD = process.env.FERRYD ?? path.join(ROOT, 'build', process.env.SAN || 'none', 'ferryd');
const SLOW = process.env.SAN && process.env.SAN !== 'none' ? 4 : 1; // instrumented programs take their time
const POLL_MS = 100;

export const ENDPOINT = parseAbi([
	'event PacketSent(bytes encodedPayload, bytes options, address sendLibrary)',
	'event PacketVerified((uint32 srcEid, bytes32 sender, uint64 nonce) origin, address receiver, bytes32 payloadHash)',
	'event PacketDelivered((uint32 srcEid, bytes32 sender, uint64 nonce) origin, address receiver)',
]);
const TYPES = {
	Send: [
		{ name: 'dstEid', type: 'uint32' }, { name: 'receiver', type: 'bytes32' }, { name: 'payload', type: 'bytes' },
		{ name: 'gasLimit', type: 'uint128' }, { name: 'value', type: 'uint128' }, { name: 'orderingKey', type: 'bytes32' },
		{ name: 'nonce', type: 'uint256' }, { name: 'deadline', type: 'uint256' },
	],
};

/** Waits until `ask` answers something true; fails with `what()` after `ms`. */
export async function until(what, ask, ms = 20000) {
	const end = Date.now() + ms * SLOW;
	for (;;) {
		const answer = await ask();
		if (answer) return answer;
		if (Date.now() > end) throw new Error(`after ${ms * SLOW / 1000} s still not: ${typeof what === 'function' ? what() : what}`);
		await sleep(POLL_MS);
	}
}

// Chains ------------------------------------------------------------------------------------------

/** One chain of the instance: its contracts, its events, and the tricks a development node can do. */
export class Chain {
	constructor(record, key) {
		Object.assign(this, record);
		const chain = { id: record.chain_id, name: record.name, nativeCurrency: { name: 'ETH', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [record.url] } } };
		this.reader = createPublicClient({ chain, transport: http(record.url), pollingInterval: POLL_MS, cacheTime: 0 });
		this.account = privateKeyToAccount(key);
		this.wallet = createWalletClient({ account: this.account, chain, transport: http(record.url) });
		this.viemChain = chain;
		this.messengerAbi = artifact('Messenger').abi;
		this.receiverAbi = artifact('TestReceiver').abi;
	}

	async height() {
		return Number(await this.ask('eth_blockNumber'));
	}

	ask(method, ...params) {
		return rpcCall(this.url, method, params);
	}

	/** Waits until a block has the transaction. */
	async mined(hash) {
		const receipt = await this.reader.waitForTransactionReceipt({ hash, timeout: 20000 * SLOW });
		assert.equal(receipt.status, 'success', `transaction ${hash} on ${this.name}`);
		return receipt;
	}

	async write(address, abi, functionName, args = [], more = {}) {
		return this.mined(await this.wallet.writeContract({ address, abi, functionName, args, ...more }));
	}

	read(address, abi, functionName, args = []) {
		return this.reader.readContract({ address, abi, functionName, args });
	}

	async deploy(name, args) {
		const { abi, bytecode } = artifact(name);
		return (await this.mined(await this.wallet.deployContract({ abi, bytecode, args }))).contractAddress;
	}

	/** A receiver of a scenario's own, so that scenarios do not disturb each other. */
	async receiver({ reverting = false } = {}) {
		const address = await this.deploy('TestReceiver', [this.contracts.messenger]);
		if (reverting) await this.setRevert(address, true);
		return address;
	}

	setRevert(address, on) {
		return this.write(address, this.receiverAbi, 'setRevert', [on]);
	}

	/** An account with money on this chain. */
	async richAccount(balance = parseEther('10')) {
		const account = privateKeyToAccount(generatePrivateKey());
		await this.ask('anvil_setBalance', account.address, toHex(balance));
		return account;
	}

	async events(address, abi) {
		const logs = await this.ask('eth_getLogs', { fromBlock: '0x0', toBlock: 'latest', ...(address ? { address } : {}) });
		return logs.flatMap((log) => {
			try {
				return [{ ...decodeEventLog({ abi, data: log.data, topics: log.topics }), log }];
			} catch {
				return [];
			}
		});
	}

	/** Events of the Messenger with a name, by request id: {requestId: [{guid, log}]}. */
	async byRequest(name) {
		const found = {};
		for (const e of await this.events(this.contracts.messenger, this.messengerAbi.filter((x) => x.name === name)))
			(found[e.args.requestId] ??= []).push({ guid: e.args.guid, log: e.log });
		return found;
	}

	async sent(requestId) {
		return (await this.byRequest('Sent'))[requestId] ?? [];
	}

	async received(requestId) {
		return (await this.byRequest('Received'))[requestId] ?? [];
	}

	/** What a receiver got, in order: [{requestId, author, payload}]. */
	async got(receiver) {
		return (await this.events(receiver, this.receiverAbi)).filter((e) => e.eventName === 'Got').map((e) => e.args);
	}

	/** Nonces that left the path from `eid`, executed or cleared. */
	async delivered(eid) {
		return (await this.events(this.contracts.endpoint, ENDPOINT))
			.filter((e) => e.eventName === 'PacketDelivered' && e.args.origin.srcEid === eid).map((e) => Number(e.args.origin.nonce));
	}

	/** Throws away the newest `depth` blocks: their transactions are gone, from the pool too. */
	reorg(depth) {
		return this.ask('anvil_reorg', depth, []);
	}

	/** No block comes by itself until resume(). */
	pause() {
		return this.ask('evm_setIntervalMining', 0);
	}

	resume(seconds = 1) {
		return this.ask('evm_setIntervalMining', seconds);
	}

	async mine(n = 1) {
		for (let i = 0; i < n; i++) await this.ask('evm_mine');
	}

	/** An Item for the Messenger, unsigned unless given more. */
	item(dst, more = {}) {
		return {
			dstEid: dst.eid, receiver: pad(dst.contracts.test_receiver), payload: '0x68656c6c6f', gasLimit: 200000n, value: 0n, orderingKey: zeroHash,
			author: zeroAddress, nonce: BigInt(`0x${randomBytes(8).toString('hex')}`), deadline: 0n, signature: '0x', appId: zeroHash,
			requestId: zeroHash, fee: 0n, ...more,
		};
	}

	/** Sends an item by an account of a stranger; the receipt. */
	async sendItem(item, account) {
		const fee = await this.read(this.contracts.messenger, this.messengerAbi, 'quote', [item]);
		const wallet = createWalletClient({ account, chain: this.viemChain, transport: http(this.url) });
		return this.mined(await wallet.writeContract({
			address: this.contracts.messenger, abi: this.messengerAbi, functionName: 'send', args: [{ ...item, fee }], value: fee,
		}));
	}

	/** EIP-712 as viem does it, for a message body of the API. */
	sign(account, dst, body, nonce, deadline) {
		return account.signTypedData({
			domain: { name: 'Ferry', version: '1', chainId: this.chain_id, verifyingContract: this.contracts.messenger },
			types: TYPES, primaryType: 'Send',
			message: {
				dstEid: dst.eid, receiver: pad(body.receiver), payload: body.payload, gasLimit: BigInt(body.options.gas_limit), value: 0n,
				orderingKey: body.options.ordering_key ?? zeroHash, nonce: BigInt(nonce), deadline: BigInt(deadline),
			},
		});
	}

	async now() {
		return Number((await this.ask('eth_getBlockByNumber', 'latest', false)).timestamp);
	}
}

// The instance ------------------------------------------------------------------------------------

export class Ferry {
	constructor(instance) {
		this.instance = instance;
		const { dev } = instance;
		this.dev = dev;
		this.headers = { authorization: `Bearer ${dev.secret_key}` };
		this.chains = dev.chains.map(({ rpc: url, ...record }) => new Chain({ ...record, url }, dev.wallet.private_key));
		[this.a, this.b] = this.chains;
		this.config = path.join(instance.folder, 'ferry.yaml');
		this.extra = [];
	}

	// The API -------------------------------------------------------------------------------

	async call(method, where, body, headers = {}) {
		const answer = await request(method, `${this.dev.http}${where}`, { headers: { ...this.headers, ...headers }, body, timeoutMs: 40000 });
		return { status: answer.status, json: answer.json, text: answer.text, headers: answer.headers };
	}

	body(src, dst, more = {}) {
		return {
			kind: 'push', src_eid: src.eid, dst_eid: dst.eid, receiver: dst.contracts.test_receiver, payload: toHex(randomBytes(16)),
			options: { gas_limit: '200000', value: '0' }, submission: 'relayed', execution: 'automatic', ...more,
		};
	}

	/** Sends a body; the message. */
	async send(body, key = randomBytes(16).toString('hex')) {
		const answer = await this.call('POST', '/v1/messages', body, { 'idempotency-key': key });
		assert.equal(answer.status, 202, answer.text);
		return answer.json;
	}

	/** Sends many as batches; the messages in order. */
	async sendBatch(bodies) {
		const answer = await this.call('POST', '/v1/messages:batch',
			{ messages: bodies.map((body) => ({ ...body, idempotency_key: randomBytes(16).toString('hex') })) });
		assert.equal(answer.status, 200, answer.text);
		for (const result of answer.json.results) assert.ok(result.message, JSON.stringify(result));
		return answer.json.results.map((result) => result.message);
	}

	/** A signed body: the typed data comes from the quote. */
	async signed(src, dst, account, more = {}) {
		const body = this.body(src, dst, more);
		const author = `eip155:${src.chain_id}:${account.address}`;
		const quote = await this.call('POST', '/v1/quotes', {
			kind: 'push', src_eid: body.src_eid, dst_eid: body.dst_eid, receiver: body.receiver, payload: body.payload, options: body.options, author,
		});
		assert.equal(quote.status, 200, quote.text);
		const { domain, types, primaryType, message } = quote.json.typed_data;
		const { EIP712Domain: _, ...rest } = types;
		const signature = await account.signTypedData({ domain, types: rest, primaryType, message });
		return { ...body, author, nonce: String(message.nonce), deadline: String(message.deadline), signature };
	}

	async get(id) {
		const answer = await this.call('GET', `/v1/messages/${id}`);
		assert.equal(answer.status, 200, answer.text);
		return answer.json;
	}

	async events(id) {
		const answer = await this.call('GET', `/v1/messages/${id}/events`);
		assert.equal(answer.status, 200, answer.text);
		return answer.json.events;
	}

	act(id, verb, body = {}) {
		return this.call('POST', `/v1/messages/${id}:${verb}`, body);
	}

	/** Waits for a state, or for what `wanted(message)` says; the message. */
	async reach(id, wanted, ms = 25000) {
		const is = typeof wanted === 'function' ? wanted : (m) => m.state === wanted;
		let last;
		try {
			return await until('', async () => {
				last = await this.get(id);
				return is(last) ? last : null;
			}, ms);
		} catch (error) {
			const told = (await this.events(id)).map((e) => `${e.seq} ${e.type} ${e.time} ${e.block_number ?? ''} ${e.reason ?? ''}`).join('\n  ');
			throw new Error(`${id} is ${last.state}, wanted ${typeof wanted === 'string' ? wanted : wanted}\n${JSON.stringify(last.explanation)}\n  ${told}\n${error.message}`);
		}
	}

	async reachAll(messages, wanted, ms) {
		const reached = [];
		for (const m of messages) reached.push(await this.reach(m.id, wanted, ms));
		return reached;
	}

	/** DELIVERED, final, and exactly once by the chains' own events. Returns the messages as they are then. */
	async deliveredOnce(src, dst, messages, ms = 40000) {
		const done = await this.reachAll(messages, (now) => now.state === 'DELIVERED' && now.destination.final, ms);
		await this.onceOnChain(src, dst, done);
		return done;
	}

	async onceOnChain(src, dst, messages) {
		const [sent, received, nonces] = [await src.byRequest('Sent'), await dst.byRequest('Received'), await dst.delivered(src.eid)];
		for (const m of messages) {
			const [here, there] = [sent[m.request_id] ?? [], received[m.request_id] ?? []];
			assert.equal(here.length, 1, `${m.id} was sent ${here.length} times`);
			assert.equal(there.length, 1, `${m.id} was received ${there.length} times`);
			assert.deepEqual([m.guid, m.source.tx_hash, m.source.block_hash],
				[here[0].guid, here[0].log.transactionHash, here[0].log.blockHash], m.id);
			assert.deepEqual([m.guid, m.destination.tx_hash, m.destination.block_hash],
				[there[0].guid, there[0].log.transactionHash, there[0].log.blockHash], m.id);
			assert.equal(nonces.filter((n) => n === Number(m.nonce)).length, 1, `${m.id}: PacketDelivered`);
		}
	}

	// The database --------------------------------------------------------------------------

	/** Rows as arrays of texts. */
	sql(text) {
		const ran = spawnSync('psql', ['-qAtX', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-c', text, this.dev.database_url], { encoding: 'utf8', maxBuffer: 64 << 20 });
		if (ran.status !== 0) throw new Error(`psql: ${ran.stderr}`);
		return ran.stdout.split('\n').filter((line) => line !== '').map((line) => line.split('\t'));
	}

	// Processes -----------------------------------------------------------------------------

	ferryd(...words) {
		const ran = spawnSync(FERRYD, [...words, '--config', this.config], { encoding: 'utf8', timeout: 60000, cwd: this.instance.folder });
		return { code: ran.status, text: `${ran.stdout}${ran.stderr}` };
	}

	/** Changes the relay's configuration and starts it again with it. */
	async reconfigure(change) {
		writeFileSync(this.config, change(readFileSync(this.config, 'utf8')));
		await this.restartRelay();
	}

	async restartRelay(how = 'SIGTERM') {
		const from = this.relayStarts();
		const old = this.instance.kill('relay', how);
		await this.instance.restarted('relay', old);
		await until('the relay started', () => this.relayStarts() > from);
	}

	relayStarts() {
		return this.instance.log('relay').split('relay.started').length;
	}

	/** The relay does nothing until go(). */
	stopRelay() {
		process.kill(this.instance.pid('relay'), 'SIGSTOP');
	}

	goRelay() {
		process.kill(this.instance.pid('relay'), 'SIGCONT');
	}

	/** A relay beside the supervised one, with the same configuration. {pid, stop(), log()} */
	startRelay(config = this.config) {
		const child = spawn(FERRYD, ['relay', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.instance.folder });
		let said = '';
		for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { said = (said + data).slice(-200000); });
		const ended = new Promise((resolve) => child.once('exit', resolve));
		const relay = {
			pid: child.pid, log: () => said,
			async stop(how = 'SIGTERM') {
				child.kill('SIGCONT');
				child.kill(how);
				await Promise.race([ended, sleep(20000).then(() => child.kill('SIGKILL'))]);
			},
			signal: (how) => child.kill(how),
		};
		this.extra.push(relay);
		return relay;
	}

	async stop() {
		for (const relay of this.extra) await relay.stop('SIGKILL');
		const relay = this.instance.pid('relay');
		if (relay) process.kill(relay, 'SIGCONT');
		await this.instance.stop();
	}
}

// Running -----------------------------------------------------------------------------------------

// viem's errors hold whole ABIs: their first lines are enough.
const tell = (error) => String(error.stack ?? error).slice(0, 3000);

process.on('unhandledRejection', (error) => console.log(`     a promise nobody waited for: ${tell(error).slice(0, 500)}`));

/**
 * Runs the scenarios, {title: async (ferry) => …}, one after the other on one instance, then asks ferryd whether the
 * log explains every state. Words on the command line choose scenarios whose title has one of them.
 */
export async function run(scenarios, { ports, options = {} }) {
	const wanted = process.argv.slice(2);
	let passed = 0, failed = 0;
	const instance = await startInstance({ ports, ferryd: FERRYD, ...options });
	const ferry = new Ferry(instance);
	const check = async (title, job, ms) => {
		const begun = Date.now();
		let timer;
		try {
			const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`it took longer than ${ms * SLOW / 1000} s`)), ms * SLOW); });
			await Promise.race([job(ferry), late]);
			passed++;
			console.log(`ok   ${title} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
		} catch (error) {
			failed++;
			console.log(`FAIL ${title} (${((Date.now() - begun) / 1000).toFixed(1)} s)\n${tell(error)}\n--- relay\n${instance.logTail('relay', 12)}`);
		} finally {
			clearTimeout(timer);
		}
	};
	try {
		for (const [title, job] of Object.entries(scenarios))
			if (wanted.length === 0 || wanted.some((word) => title.includes(word))) await check(title, job, 120000);
		await check('the log explains every state', async () => {
			const said = ferry.ferryd('verify-journal');
			assert.equal(said.code, 0, said.text);
		}, 60000);
	} finally {
		if (process.env.KEEP) console.log(`left running: FERRY_VAR=${instance.folder} docker/dev.sh down`);
		else await ferry.stop();
	}
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
}
