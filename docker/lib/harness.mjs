// SPDX-License-Identifier: Apache-2.0
// For tests: a whole instance in a folder of its own, on free ports, whose children can be killed and looked at.
//
//	const ferry = await startInstance({ ports: [18300, 18399] });
//	ferry.dev.http …; const pid = ferry.kill('relay'); await ferry.restarted('relay', pid); await ferry.stop();
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tail } from './logs.mjs';
import { identify, isAlive, readJson, signal, stopProcess, waitGone } from './process.mjs';
import { portIsFree, ROOT } from './settings.mjs';

const POLL_MS = 20;
const PORTS_WANTED = 5;
const ATTEMPTS = 50;

// What an instrumented program (SAN=asan, SAN=tsan) says about a fault of its own.
const REPORT = /AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:/;
const REPORT_LINES = 60;
process.env.ASAN_OPTIONS ??= 'detect_leaks=1';
process.env.UBSAN_OPTIONS ??= 'print_stacktrace=1';
process.env.TSAN_OPTIONS ??= `suppressions=${path.join(ROOT, 'tests/tsan.supp')}`;

const DEV_SH = path.join(ROOT, 'docker/dev.sh');

/** The first of five free ports in a row, from a random place in [low, high]. */
export async function freePorts([low, high] = [20000, 29999]) {
	for (let i = 0; i < ATTEMPTS; i++) {
		const first = low + Math.floor(Math.random() * (high - low - PORTS_WANTED + 2));
		const free = await Promise.all(Array.from({ length: PORTS_WANTED }, (_, n) => portIsFree(first + n)));
		if (free.every(Boolean)) return first;
	}
	throw new Error(`no ${PORTS_WANTED} free ports in a row from ${low} to ${high}`);
}

export class RunningInstance {
	constructor(folder, child, ownFolder) {
		Object.assign(this, { folder, child, ownFolder, output: '' });
	}

	/** dev.json as it is now; null while there is none. */
	get dev() {
		return readJson(path.join(this.folder, 'dev.json'));
	}

	/** The process id of a child (serve, relay, postgres, identity, rollup); null while it is dead. */
	pid(name) {
		return this.dev?.pids[name] ?? null;
	}

	/** Signals a child. Returns the process id it had; throws when it has none. */
	kill(name, how = 'SIGKILL') {
		const pid = this.pid(name);
		if (!signal(identify(pid), how)) throw new Error(`${name} does not run`);
		return pid;
	}

	/** Waits until a child runs under another process id than `old`; returns the new one. */
	async restarted(name, old, timeoutMs = 15000) {
		const end = Date.now() + timeoutMs;
		for (;;) {
			const pid = this.pid(name);
			if (pid !== null && pid !== old && isAlive(identify(pid))) return pid;
			if (Date.now() > end) throw new Error(`${name} was not started again in ${timeoutMs / 1000} s\n${this.logTail('supervisor')}`);
			await sleep(POLL_MS);
		}
	}

	/** Starts at once what is dead: for instances with supervise: false. */
	revive() {
		signal(identify(this.child.pid), 'SIGUSR2');
	}

	/** The end of a child's log, or what the supervisor said. */
	logTail(name, lines = 30) {
		if (name === 'supervisor') return this.output.split('\n').slice(-lines).join('\n');
		return tail(path.join(this.folder, 'log', `${name}.log`), lines).join('\n');
	}

	/** Everything a child has logged, up to the limit of log files. */
	log(name) {
		return readFileSync(path.join(this.folder, 'log', `${name}.log`), 'utf8');
	}

	/** The beginnings of what instrumented programs reported, one text a log file. */
	reports() {
		const folder = path.join(this.folder, 'log');
		return readdirSync(folder).filter((name) => /\.log(\.1)?$/.test(name)).flatMap((name) => {
			const lines = readFileSync(path.join(folder, name), 'utf8').split('\n');
			const at = lines.findIndex((line) => REPORT.test(line));
			return at < 0 ? [] : [`${name}:\n${lines.slice(Math.max(0, at - 1), at + REPORT_LINES).join('\n')}`];
		});
	}

	/**
	 * Stops everything and deletes the folder if it was made here. Throws when the supervisor, serve or relay had to be
	 * killed, or when an instrumented program reported a fault; the folder then stays.
	 */
	async stop() {
		const identity = identify(this.child.pid);
		signal(identity, 'SIGTERM');
		const clean = await waitGone(identity, 90000);
		if (!clean) await stopProcess(identity, { polite: 'SIGKILL' });
		const reports = this.reports();
		if (this.ownFolder) {
			await runScript(['docker/postgres.sh', 'wipe'], this.folder);
			if (!reports.length) rmSync(this.folder, { recursive: true, force: true });
		}
		if (reports.length) throw new Error(`a program reported a fault of its own; its logs are in ${this.folder}/log\n${reports.join('\n')}`);
		const killed = /^.*\b(serve|relay) did not end within.*$/m.exec(this.output);
		if (killed) throw new Error(killed[0]);
		if (!clean) throw new Error(`the supervisor did not end\n${this.logTail('supervisor')}`);
	}
}

function runScript([script, ...words], folder) {
	return new Promise((resolve) => {
		spawn(path.join(ROOT, script), words, { env: { ...process.env, FERRY_VAR: folder }, stdio: 'ignore' })
			.once('close', resolve).once('error', resolve);
	});
}

/**
 * Starts an instance and waits until dev.json is there (and the first message delivered, if asked for). It ends with us.
 *   folder        FERRY_VAR; a new temporary folder, deleted by stop(), unless given
 *   ports         [low, high] to choose five in a row from; FERRY_TEST_PORTS=low-high wins
 *   firstMessage  false unless given; supervise true; blockTime seconds; ferryd path of the binary; env more environment
 */
export async function startInstance({
	folder = null, ports, firstMessage = false, supervise = true, blockTime = 1, ferryd, env = {}, resume = false,
} = {}) {
	const own = folder === null;
	const home = own ? mkdtempSync(path.join(os.tmpdir(), 'ferry-test-')) : folder;
	const first = await freePorts(process.env.FERRY_TEST_PORTS?.split('-').map(Number) ?? ports);
	const child = spawn(DEV_SH, ['supervise'], {
		detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
		env: {
			...process.env, FERRY_VAR: home, FERRY_HTTP_PORT: String(first), FERRY_GRPC_PORT: String(first + 1),
			FERRY_ADMIN_PORT: String(first + 2), FERRY_DEVNET_PORT: String(first + 3), FERRY_BLOCK_TIME: String(blockTime),
			FERRY_FIRST_MESSAGE: firstMessage ? '1' : '0', FERRY_SUPERVISE: supervise ? '1' : '0',
			FERRY_RESUME: resume ? '1' : '0', FERRY_WITH_PARENT: '1', ...(ferryd ? { FERRYD: ferryd } : {}), ...env,
		},
	});
	const instance = new RunningInstance(home, child, own);
	const listen = (data) => { instance.output = (instance.output + data).slice(-65536); };
	child.stdout.on('data', listen);
	child.stderr.on('data', listen);
	await new Promise((resolve, reject) => {
		child.on('message', (message) => { if (message.ready) resolve(); });
		child.once('error', reject);
		child.once('exit', (code) => reject(new Error(`the instance ended with status ${code} before it was ready\n${instance.output}`)));
	});
	for (const handle of [child, child.channel, child.stdout, child.stderr]) handle.unref();
	return instance;
}
