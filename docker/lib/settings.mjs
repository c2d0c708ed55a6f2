// SPDX-License-Identifier: Apache-2.0
// What the environment says about one instance: where it lies, its ports, its binary. Read once, checked here.
import { existsSync, mkdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { processOnPort } from './process.mjs';

export const LOOPBACK = '127.0.0.1';
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** A mistake of the person at the keyboard: one clear sentence, no stack. `log` names a file whose end helps. */
export class Refusal extends Error {
	constructor(message, { log = null } = {}) {
		super(message);
		this.log = log;
	}
}

const NUMBERS = [
	// name, member, default, min, max
	['FERRY_HTTP_PORT', 'httpPort', 8080, 1, 65535],
	['FERRY_GRPC_PORT', 'grpcPort', 9090, 1, 65535],
	['FERRY_ADMIN_PORT', 'adminPort', 8081, 1, 65535],
	['FERRY_DEVNET_PORT', 'devnetPort', 8545, 1, 65500],
	['FERRY_BLOCK_TIME', 'blockTime', 1, 0.1, 60],
	['FERRY_LOG_MB', 'logMb', 16, 1, 4096],
	['FERRY_CHAIN_MB', 'chainMb', 1536, 256, 65536],
];
const SWITCHES = [
	['FERRY_SUPERVISE', 'supervise', true],
	['FERRY_FIRST_MESSAGE', 'firstMessage', true],
];

function numberOf(environment, [name, , standard, min, max]) {
	const text = environment[name];
	if (text === undefined || text === '') return standard;
	const value = Number(text);
	const whole = Number.isInteger(standard) && min >= 1;
	if (!/^[0-9.]+$/.test(text) || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
		throw new Refusal(`${name}=${text}: want a ${whole ? 'whole ' : ''}number from ${min} to ${max}`);
	return value;
}

function switchOf(environment, [name, , standard]) {
	const text = environment[name];
	if (text === undefined || text === '') return standard;
	if (text !== '0' && text !== '1') throw new Refusal(`${name}=${text}: want 0 or 1`);
	return text === '1';
}

// 1: go on or refuse; auto: go on if there is something to go on with
function resumeOf(environment) {
	const text = environment.FERRY_RESUME || '0';
	if (!['0', '1', 'auto'].includes(text)) throw new Refusal(`FERRY_RESUME=${text}: want 0, 1 or auto`);
	return text;
}

/** Everything an instance is made from; plain data, no side effect but the folder of FERRY_VAR. */
export function readSettings(environment = process.env) {
	const settings = {};
	for (const row of NUMBERS) settings[row[1]] = numberOf(environment, row);
	for (const row of SWITCHES) settings[row[1]] = switchOf(environment, row);
	settings.resume = resumeOf(environment);
	const folder = path.resolve(environment.FERRY_VAR || path.join(ROOT, 'var'));
	if (folder.includes('\n')) throw new Refusal('FERRY_VAR: the path has a line break in it; choose another');
	mkdirSync(folder, { recursive: true });
	const at = (...names) => path.join(folder, ...names);
	Object.assign(settings, {
		var: folder, devJson: at('dev.json'), config: at('ferry.yaml'), serveConfig: at('ferry-serve.yaml'), record: at('supervisor.json'),
		children: at('children.json'), deployed: at('deployed.json'), logs: at('log'), secrets: at('secrets'),
		chains: at('chains'),
		// only in containers: who may connect, and where the others are
		bind: environment.FERRY_BIND || LOOPBACK,
		devnetHost: environment.FERRY_DEVNET_HOST || LOOPBACK,
		databaseUrl: environment.FERRY_DATABASE_URL || null,
		ferryd: path.resolve(environment.FERRYD || path.join(ROOT, 'build', environment.SAN || 'none', 'ferryd')),
	});
	return settings;
}

export function needFerryd(settings) {
	if (!existsSync(settings.ferryd))
		throw new Refusal(`${settings.ferryd} is not built; run make first`);
}

/** [[what, port]]: in the order in which a person would look for them. */
export function portsOf(settings, chains) {
	return [
		['FERRY_HTTP_PORT', settings.httpPort], ['FERRY_GRPC_PORT', settings.grpcPort],
		['FERRY_ADMIN_PORT', settings.adminPort],
		...chains.map((_, i) => ['FERRY_DEVNET_PORT', settings.devnetPort + i]),
	];
}

function tryListen(port, host) {
	return new Promise((resolve) => {
		const server = net.createServer();
		server.once('error', (error) => resolve(error.code));
		server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
	});
}

/** Refuses with one sentence when a port is taken, used twice, or not ours to take. */
export async function checkPorts(ports, host) {
	const seen = new Map();
	for (const [name, port] of ports) {
		if (seen.has(port)) throw new Refusal(`${name} and ${seen.get(port)} both come to port ${port}; set one of them to another`);
		seen.set(port, name);
		const code = await tryListen(port, host);
		if (code === null) continue;
		if (code === 'EADDRINUSE') {
			const holder = processOnPort(port);
			throw new Refusal(`port ${port} is taken${holder ? ` by ${holder}` : ''}; set ${name} to a free one` +
				` (for example ${name}=${port + 10000 > 65000 ? port - 1000 : port + 10000}) or stop what has it`);
		}
		throw new Refusal(`port ${port} (${name}) cannot be opened: ${code}`);
	}
}

/** True when nobody listens on the port of this machine. */
export async function portIsFree(port, host = LOOPBACK) {
	return (await tryListen(port, host)) === null;
}
