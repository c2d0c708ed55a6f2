// Starts anvil nodes for development and tests: bounded in memory and disk, on loopback only.
//   node devnet.mjs --dir FOLDER [--port 8545] [--block-time 1] [--chain NAME:CHAIN_ID]...   runs until SIGINT or SIGTERM
// Chains take ports from --port on. All state lives in the process: a node that ends has lost its chain.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const BINARY = path.join(HERE, 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil');
const SETPRIV = '/usr/bin/setpriv';
const START_TIMEOUT_MS = 15000;
const STOP_TIMEOUT_MS = 5000;

/** The two chains every development set-up has. */
export const DEV_CHAINS = [
	{ name: 'identity', eid: 40161, chainId: 31337 },
	{ name: 'rollup', eid: 40245, chainId: 31338 },
];

/**
 * How to start one node: {command, args, env, rpc}; for a supervisor that starts processes itself.
 * `dir` is the node's own folder: nothing is written outside it. `history` bounds the states kept in memory;
 * with it nothing goes to disk. anvil 1.7.1 makes it 1500 when blocks are 2 s apart or less, and each state holds
 * the hashes of all blocks before: a node grows by about 0.3 MB a block (1.1 GB after 4000). Whoever keeps one for
 * hours has it save its state and starts it anew now and then. Without a block time anvil mines each transaction
 * alone and, with 1000 waiting, livelocks: so there is always one.
 */
export function nodeCommand({ port, chainId, dir, blockTime = 1, history = 1000 }) {
	const folder = path.resolve(dir);
	mkdirSync(folder, { recursive: true });
	return {
		command: BINARY,
		args: [
			'--host', '127.0.0.1', '--port', String(port), '--chain-id', String(chainId),
			'--block-time', String(blockTime), '--order', 'fifo',
			'--gas-limit', '1000000000', '--enable-tx-gas-limit',
			'--prune-history', String(history), '--slots-in-an-epoch', '1',
			'--no-request-size-limit', '--cache-path', folder, '--silent',
		],
		env: { ...process.env, HOME: folder, TMPDIR: folder, FOUNDRY_DIR: folder, XDG_CONFIG_HOME: folder },
		rpc: `http://127.0.0.1:${port}`,
	};
}

/** One JSON-RPC call over plain http; rejects with the node's message. */
export function rpcCall(url, method, params = []) {
	const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
	return new Promise((resolve, reject) => {
		const request = http.request(url, {
			method: 'POST', headers: { 'content-type': 'application/json' }, timeout: 10000,
		}, (response) => {
			const parts = [];
			response.on('data', (part) => parts.push(part));
			response.on('end', () => {
				try {
					const answer = JSON.parse(Buffer.concat(parts).toString());
					if (answer.error) reject(new Error(`${method}: ${answer.error.message}`));
					else resolve(answer.result);
				} catch (error) {
					reject(error);
				}
			});
		});
		request.on('timeout', () => request.destroy(new Error(`${method}: no answer in 10 s`)));
		request.on('error', reject);
		request.end(body);
	});
}

/** Fails when something listens on `port` already: its answers could pass for those of a node of ours. */
async function assertPortFree(port) {
	const server = net.createServer();
	await new Promise((resolve, reject) => {
		server.once('error', (error) => reject(new Error(`port ${port} is taken: ${error.message}`)));
		server.listen(port, '127.0.0.1', resolve);
	});
	await new Promise((resolve) => server.close(resolve));
}

/** Waits until the node at `url` answers with its chain id; `alive()` false ends the wait. */
export async function nodeReady(url, chainId, alive = () => true) {
	const end = Date.now() + START_TIMEOUT_MS;
	for (;;) {
		let answer = null;
		try {
			answer = Number(await rpcCall(url, 'eth_chainId'));
		} catch (error) {
			if (Date.now() > end) throw new Error(`${url} does not answer: ${error.message}`);
		}
		if (!alive()) throw new Error(`anvil for chain ${chainId} ended; is the port of ${url} taken?`);
		if (answer === chainId) return;
		if (answer !== null) throw new Error(`${url} is chain ${answer}, not ${chainId}: another node has the port`);
		await sleep(20);
	}
}

/** Starts one node and waits for it. Returns {pid, process, rpc, chainId, stop()}; stop removes the folder. */
export async function startNode(options) {
	await assertPortFree(options.port);
	const { command, args, env, rpc } = nodeCommand(options);
	// Where the system can do it, the node dies with this process, however that ends.
	const tied = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', command] : [command];
	const child = spawn(tied[0], [...tied.slice(1), ...args], {
		env, cwd: options.dir, stdio: ['ignore', 'ignore', 'pipe'],
	});
	let stderr = '';
	child.stderr.on('data', (data) => { stderr = (stderr + data).slice(-2000); });
	const ended = new Promise((resolve) => child.once('close', resolve));
	const kill = () => child.kill('SIGKILL');
	process.once('exit', kill);
	const stop = async () => {
		process.removeListener('exit', kill);
		if (child.exitCode === null && child.signalCode === null) {
			child.kill('SIGTERM');
			const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
			await ended;
			clearTimeout(late);
		}
		rmSync(options.dir, { recursive: true, force: true });
	};
	try {
		await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
		await nodeReady(rpc, options.chainId, () => child.exitCode === null && child.signalCode === null);
	} catch (error) {
		await stop();
		throw new Error(`${error.message}${stderr ? `\n${stderr}` : ''}`);
	}
	return { pid: child.pid, process: child, rpc, chainId: options.chainId, name: options.name, stop };
}

/** Starts a node a chain, on its own `port` or on ports from `port` on. Returns {nodes, stop()}. */
export async function startDevnet({ dir, port = 8545, chains = DEV_CHAINS, blockTime, history }) {
	const results = await Promise.allSettled(chains.map((chain, i) =>
		startNode({ port: port + i, ...chain, dir: path.join(dir, chain.name), blockTime, history })));
	const nodes = results.filter((r) => r.status === 'fulfilled').map((r) => r.value);
	const stop = () => Promise.all(nodes.map((node) => node.stop()));
	const failed = results.find((r) => r.status === 'rejected');
	if (failed) {
		await stop();
		throw failed.reason;
	}
	return { nodes, stop };
}

async function main() {
	const { values } = parseArgs({ options: {
		dir: { type: 'string' }, port: { type: 'string', default: '8545' },
		'block-time': { type: 'string', default: '1' }, chain: { type: 'string', multiple: true },
	} });
	if (!values.dir) throw new Error('give --dir FOLDER: where the nodes may write');
	const chains = values.chain?.map((text) => {
		const [name, chainId] = text.split(':');
		if (!/^[a-z0-9-]+$/.test(name) || !Number(chainId)) throw new Error(`--chain ${text}: want NAME:CHAIN_ID`);
		return { name, chainId: Number(chainId) };
	});
	let stopping = null;
	const devnet = await startDevnet({
		dir: values.dir, port: Number(values.port), chains, blockTime: Number(values['block-time']),
	});
	const stop = () => { stopping ??= devnet.stop().then(() => process.exit(0)); };
	process.on('SIGINT', stop).on('SIGTERM', stop);
	for (const node of devnet.nodes) {
		console.log(`devnet: ${node.name} chain ${node.chainId} at ${node.rpc} pid ${node.pid}`);
		node.process.once('exit', (code, signal) => {
			if (stopping) return;
			console.error(`devnet: ${node.name} ended (${signal ?? code})`);
			process.exitCode = 1;
			stopping = devnet.stop().then(() => process.exit(1));
		});
	}
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url))
	main().catch((error) => { console.error(`devnet: ${error.message}`); process.exit(1); });
