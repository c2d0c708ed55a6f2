// What every test of this folder stands on: two real chains with everything deployed, and the words to use them.
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
	concat, decodeErrorResult, decodeEventLog, decodeFunctionResult, encodeDeployData, encodeFunctionData, keccak256, pad,
	serializeSignature, size, slice, toHex, toBytes, zeroAddress, zeroHash,
} from 'viem';
import { privateKeyToAccount, sign as signDigest } from 'viem/accounts';
import { artifact } from '../compile.mjs';
import { DEV_CHAINS, rpcCall, startDevnet } from '../devnet.mjs';
import { DEV_DEPLOYER_KEY, deployAll } from '../deploy.mjs';

const BLOCK_TIME_S = 0.05;
const RECEIPT_TIMEOUT_MS = 10000;
const FOREVER = 4102444800n;

const key = (name) => keccak256(toBytes(`ferry contracts test: ${name}`));
/** An account of this name: the same in every run, funded on every chain. */
export const account = (name) => ({ ...privateKeyToAccount(key(name)), key: key(name) });
export const accounts = Object.fromEntries(
	['relay', 'alice', 'bob', 'stranger'].map((name) => [name, account(name)]));
accounts.owner = { ...privateKeyToAccount(DEV_DEPLOYER_KEY), key: DEV_DEPLOYER_KEY };
/** Three committee signers, ascending by address, as DVN.sol wants signatures. */
export const committee = ['one', 'two', 'three'].map((name) => account(`committee ${name}`))
	.sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));

const CONTRACT_OF = {
	endpoint: 'EndpointV2', send_uln: 'SendUln302', receive_uln: 'ReceiveUln302', dvn: 'DVN', messenger: 'Messenger',
	batcher: 'Batcher', test_receiver: 'TestReceiver', executor: 'Executor', main_registry: 'MainRegistry',
	proxy_registry: 'ProxyRegistry',
};
const ALL = [...Object.values(CONTRACT_OF), 'TestTarget', 'TestWallet', 'TestPeer', 'TestCaller', 'TestFactory'];
const ERRORS = () => ALL.flatMap((name) => artifact(name).abi.filter((x) => x.type === 'error'));

/** The name and arguments in revert data: 'BadSignature', 'NonceUsed(0x…,7)'; '' for none. */
export function reasonText(data) {
	if (!data || data === '0x') return '';
	try {
		const { errorName, args } = decodeErrorResult({ abi: ERRORS(), data });
		return args?.length ? `${errorName}(${args.join(',')})` : errorName;
	} catch {
		return data;
	}
}

async function freePorts(count) {
	const servers = Array.from({ length: count }, () => net.createServer());
	const ports = await Promise.all(servers.map((server) =>
		new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))));
	await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
	return ports;
}

// Between finding a port and using it somebody else may take it: then try others.
async function startNodes(dir, names, tries = 5) {
	const ports = await freePorts(names.length);
	const chains = names.map((chain, i) => ({ ...chain, port: ports[i] }));
	try {
		return await startDevnet({ dir, chains, blockTime: BLOCK_TIME_S, history: 200 });
	} catch (error) {
		if (tries === 1) throw error;
		return startNodes(dir, names, tries - 1);
	}
}

export class Chain {
	constructor(record) {
		Object.assign(this, record, { nonces: new Map(), addresses: record.contracts });
	}

	/** `at`: a name of the record's contracts, or [contract name, address]. */
	locate(at) {
		return Array.isArray(at) ? at : [CONTRACT_OF[at], this.addresses[at]];
	}

	async nextNonce(from) {
		const next = this.nonces.get(from.address)
			?? Number(await rpcCall(this.rpc, 'eth_getTransactionCount', [from.address, 'pending']));
		this.nonces.set(from.address, next + 1);
		return next;
	}

	/** Sends a transaction, waits, and returns its receipt with decoded `events` and `gas` (used). */
	async transact(from, { to, data, value = 0n, gas = 15_000_000n }) {
		const raw = await from.signTransaction({
			type: 'eip1559', chainId: this.chain_id, nonce: await this.nextNonce(from), to, data, value, gas: BigInt(gas),
			maxFeePerGas: 20n * 10n ** 9n, maxPriorityFeePerGas: 1n,
		});
		const hash = await rpcCall(this.rpc, 'eth_sendRawTransaction', [raw]);
		const end = Date.now() + RECEIPT_TIMEOUT_MS;
		let polls = 0;
		for (;;) {
			const receipt = await rpcCall(this.rpc, 'eth_getTransactionReceipt', [hash]);
			if (receipt) return this.decodeReceipt(receipt);
			if (Date.now() > end) throw new Error(`${hash} is not mined`);
			// A node that was just put back can lose a transaction; sent again it is the same one.
			if (++polls % 200 === 0) await rpcCall(this.rpc, 'eth_sendRawTransaction', [raw]).catch(() => {});
			await sleep(5);
		}
	}

	decodeReceipt(receipt) {
		const abi = ALL.flatMap((name) => artifact(name).abi.filter((x) => x.type === 'event'));
		const events = [];
		for (const log of receipt.logs) {
			try {
				events.push({ address: log.address, ...decodeEventLog({ abi, data: log.data, topics: log.topics }) });
			} catch {
				events.push({ address: log.address, eventName: log.topics[0], args: {} });
			}
		}
		const named = (name) => events.filter((e) => e.eventName === name).map((e) => e.args);
		return { ok: receipt.status === '0x1', gas: Number(receipt.gasUsed), events, named, raw: receipt };
	}

	async deploy(name, args = []) {
		const receipt = await this.transact(accounts.owner, {
			data: encodeDeployData({ ...artifact(name), args }), gas: 8_000_000n,
		});
		if (!receipt.ok) throw new Error(`${name} was not deployed`);
		return receipt.raw.contractAddress;
	}

	write(from, at, functionName, args = [], options = {}) {
		const [name, to] = this.locate(at);
		return this.transact(from, {
			to, data: encodeFunctionData({ abi: artifact(name).abi, functionName, args }), ...options,
		});
	}

	/** An eth_call. Returns {result} or {reason, data}. */
	async ask(from, at, functionName, args = [], { value = 0n, gas = 16_000_000n, time } = {}) {
		const [name, to] = this.locate(at);
		const { abi } = artifact(name);
		const call = {
			from: from?.address ?? from ?? zeroAddress, to, data: encodeFunctionData({ abi, functionName, args }),
			value: toHex(value), gas: toHex(gas),
		};
		const response = await fetchRpc(this.rpc, 'eth_call',
			time ? [call, 'latest', {}, { time: toHex(time) }] : [call, 'latest']);
		if (response.error) return { reason: reasonText(response.error.data), data: response.error.data };
		return { result: decodeFunctionResult({ abi, functionName, data: response.result }) };
	}

	async read(at, functionName, args = []) {
		const answer = await this.ask(null, at, functionName, args);
		if ('reason' in answer) throw new Error(`${functionName}: ${answer.reason}`);
		return answer.result;
	}

	balance(address) {
		return rpcCall(this.rpc, 'eth_getBalance', [address, 'latest']).then(BigInt);
	}

	/** Runs `work` and puts the chain back as it was. */
	async undoing(work) {
		const id = await rpcCall(this.rpc, 'evm_snapshot');
		const nonces = new Map(this.nonces);
		try {
			return await work();
		} finally {
			await rpcCall(this.rpc, 'evm_revert', [id]);
			await rpcCall(this.rpc, 'anvil_dropAllTransactions');
			this.nonces = nonces;
		}
	}
}

// Like rpcCall, but keeps the error's data.
async function fetchRpc(url, method, params) {
	const response = await fetch(url, {
		method: 'POST', headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
	});
	return response.json();
}

/** One more rollup, for a second ProxyRegistry. */
export const SECOND_ROLLUP = { name: 'second', eid: 40231, chainId: 31339 };

/** Two chains and `more`, deployed: {a, b, c…, stop()}. */
export async function makeWorld(...more) {
	const dir = mkdtempSync(path.join(tmpdir(), 'ferry-contracts-'));
	const names = [...DEV_CHAINS, ...more];
	const devnet = await startNodes(dir, names);
	const stop = async () => {
		await devnet.stop();
		rmSync(dir, { recursive: true, force: true });
	};
	try {
		const options = {
			chains: devnet.nodes.map((node, i) => ({
				...names[i], rpc: node.rpc, admins: [accounts.relay.address], delegate: accounts.relay.address,
				funded: Object.values(accounts).map((x) => x.address),
			})),
			committee: { signers: committee.map((x) => x.address), quorum: 2 },
		};
		const { chains } = await deployAll(options);
		const [a, b, c] = chains.map((record) => new Chain(record));
		return { a, b, c, stop, options, records: chains };
	} catch (error) {
		await stop();
		throw error;
	}
}

// ---- items

let nonces = 1000n;

/** An item from a to b's test receiver; signed unless the fields say otherwise (see unsigned, sign). */
export async function makeItem(a, b, fields = {}) {
	const item = {
		dstEid: b.eid, receiver: pad(b.addresses.test_receiver), payload: '0x1234', gasLimit: 200000n, value: 0n,
		orderingKey: zeroHash, author: zeroAddress, nonce: nonces++, deadline: FOREVER, signature: '0x', appId: zeroHash,
		requestId: zeroHash, fee: 0n, ...fields,
	};
	item.fee = fields.fee ?? (await a.read('messenger', 'quote', [item]));
	return item;
}

export const SEND_TYPES = { Send: [
	{ name: 'dstEid', type: 'uint32' }, { name: 'receiver', type: 'bytes32' }, { name: 'payload', type: 'bytes' },
	{ name: 'gasLimit', type: 'uint128' }, { name: 'value', type: 'uint128' }, { name: 'orderingKey', type: 'bytes32' },
	{ name: 'nonce', type: 'uint256' }, { name: 'deadline', type: 'uint256' },
] };

export const typedData = (chain, item) => ({
	domain: { name: 'Ferry', version: '1', chainId: chain.chain_id, verifyingContract: chain.addresses.messenger },
	types: SEND_TYPES, primaryType: 'Send', message: item,
});

/** The item signed by `author`'s key. */
export async function signed(a, b, author, fields = {}) {
	const item = await makeItem(a, b, { author: author.address, ...fields });
	item.signature = await author.signTypedData(typedData(a, item));
	return item;
}

/** An item without signature: its author will be whoever submits it. */
export function unsigned(a, b, fields = {}) {
	return makeItem(a, b, { deadline: 0n, requestId: keccak256(toHex(nonces)), ...fields });
}

export const total = (items) => items.reduce((sum, item) => sum + item.fee, 0n);

// ---- packets

const tail = (data, from) => (size(data) > from ? slice(data, from) : '0x');

/** The LayerZero packets in a receipt, decoded. */
export function packetsOf(receipt) {
	return receipt.named('PacketSent').map(({ encodedPayload: packet, options }) => ({
		packet, options, header: slice(packet, 0, 81), nonce: BigInt(slice(packet, 1, 9)),
		sender: slice(packet, 13, 45), receiver: slice(packet, 61, 81), guid: slice(packet, 81, 113),
		message: tail(packet, 113), hash: keccak256(slice(packet, 81)),
	}));
}

/** The head of a Messenger's message. */
export function messageOf({ message }) {
	return {
		version: Number(slice(message, 0, 1)), flags: Number(slice(message, 1, 2)), author: slice(message, 2, 22),
		appId: slice(message, 22, 54), requestId: slice(message, 54, 86), receiver: slice(message, 86, 118),
		gasLimit: BigInt(slice(message, 118, 134)), orderingKey: slice(message, 134, 166),
		seq: BigInt(slice(message, 166, 174)), payload: tail(message, 174),
	};
}

/** Two of three committee members attest packets on `chain`, in one DVN.execute. Returns the receipt. */
export async function verify(chain, packets) {
	const params = await Promise.all(packets.map(async ({ header, hash }) => {
		const callData = encodeFunctionData({
			abi: artifact('ReceiveUln302').abi, functionName: 'verify', args: [header, hash, 1n],
		});
		const target = chain.addresses.receive_uln;
		const inner = keccak256(concat([toHex(chain.dvn_vid, { size: 4 }), target, toHex(FOREVER, { size: 32 }), callData]));
		const digest = keccak256(concat([toHex('\x19Ethereum Signed Message:\n32'), inner]));
		const signatures = await Promise.all(committee.slice(0, 2).map(async (member) =>
			serializeSignature(await signDigest({ hash: digest, privateKey: member.key }))));
		return { vid: chain.dvn_vid, target, callData, expiration: FOREVER, signatures: concat(signatures) };
	}));
	const receipt = await chain.write(accounts.relay, 'dvn', 'execute', [params]);
	if (receipt.named('PayloadVerified').length !== packets.length) throw new Error('packets were not verified');
	return receipt;
}

export const COMMIT = 1;
export const RECEIVE = 2;

/** The gas EndpointV2.lzReceive needs for a packet of a Messenger. */
export const receiveGas = (packet) => messageOf(packet).gasLimit * 64n / 63n + 100000n;

/** Commits and receives packets through the Batcher. `fields(packet, i)` changes single deliveries. */
export function deliver(chain, packets, { fields = () => ({}), from = accounts.relay, ...options } = {}) {
	const items = packets.map((packet, i) => {
		const changes = fields(packet, i);
		const gasLimit = changes.gasLimit ?? receiveGas(packet);
		return { packet: packet.packet, value: 0n, ops: COMMIT | RECEIVE, ...changes, gasLimit };
	});
	return chain.write(from, 'batcher', 'deliver', [items], options);
}

/** Sends items in one transaction of `from`, and returns their packets. */
export async function sendAll(a, from, items) {
	const receipt = await a.write(from, 'messenger', 'sendMany', [items], { value: total(items) });
	const skipped = receipt.named('Skipped');
	if (!receipt.ok || skipped.length) throw new Error(`not sent: ${skipped.map((s) => reasonText(s.reason))}`);
	return packetsOf(receipt);
}
