// SPDX-License-Identifier: Apache-2.0
// Processes by identity: a process id alone may be given to another program, so it goes with its start time and boot.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

function read(file) {
	try {
		return readFileSync(file, 'utf8');
	} catch {
		return null;
	}
}

export const bootId = () => (read('/proc/sys/kernel/random/boot_id') ?? '').trim();

// The fields of /proc/PID/stat after the command's name, which may itself hold anything.
function statFields(pid) {
	const text = read(`/proc/${pid}/stat`);
	return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** {pid, start, boot} of a living process; null when there is none (a zombie is none). */
export function identify(pid) {
	const fields = Number.isInteger(pid) && pid > 1 ? statFields(pid) : null;
	if (!fields || fields[0] === 'Z' || fields[0] === 'X') return null;
	return { pid, start: fields[19], boot: bootId() };
}

export function isAlive(identity) {
	if (!identity) return false;
	const now = identify(identity.pid);
	return now !== null && now.start === identity.start && now.boot === identity.boot;
}

/** Resident memory in MiB; 0 when the process is gone. */
export function memoryMb(pid) {
	const text = read(`/proc/${pid}/statm`);
	return text === null ? 0 : Number(text.split(' ')[1]) * 4096 / 1048576;
}

/** Signals that very process and no other that took its number. False when it is gone. */
export function signal(identity, name) {
	if (!isAlive(identity)) return false;
	try {
		process.kill(identity.pid, name);
		return true;
	} catch (error) {
		if (error.code === 'ESRCH') return false;
		throw error;
	}
}

export async function waitGone(identity, timeoutMs) {
	const end = Date.now() + timeoutMs;
	while (isAlive(identity)) {
		if (Date.now() > end) return false;
		await sleep(POLL_MS);
	}
	return true;
}

/** Asks, waits, then kills. Returns false when only SIGKILL helped. */
export async function stopProcess(identity, { polite = 'SIGTERM', timeoutMs = 15000 } = {}) {
	if (!signal(identity, polite)) return true;
	if (await waitGone(identity, timeoutMs)) return true;
	signal(identity, 'SIGKILL');
	await waitGone(identity, 10000);
	return false;
}

/**
 * Starts a program in a process group of its own (so that Ctrl-C reaches only us), told by the kernel to end when we do.
 * `log` is an open file for both its outputs. The process id is the program's: setpriv becomes it.
 */
export function start({ command, args = [], env = process.env, cwd, ownDeathSignal = false }, log) {
	const [program, words] = ownDeathSignal ? [command, args] : ['setpriv', ['--pdeathsig', 'TERM', '--', command, ...args]];
	return spawn(program, words, { env, cwd, detached: true, stdio: ['ignore', log, log] });
}

const running = new Set();

/** Kills every program that run() waits for. */
export function stopRunning() {
	for (const child of running) child.kill('SIGKILL');
}

/** Runs a program to its end; {code, stdout, stderr}. A failure to start is code 127. `said` gets what it prints at once. */
export function run(command, args, { env = process.env, cwd, timeoutMs = 120000, said = () => {} } = {}) {
	return new Promise((resolve) => {
		const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
		running.add(child);
		const result = { code: 127, stdout: '', stderr: '' };
		const late = setTimeout(() => {
			result.stderr += `no end after ${timeoutMs / 1000} s; killed`;
			child.kill('SIGKILL');
		}, timeoutMs);
		child.stdout.on('data', (data) => {
			result.stdout = (result.stdout + data).slice(-65536);
			for (const line of data.toString().split('\n').filter(Boolean)) said(line);
		});
		child.stderr.on('data', (data) => { result.stderr = (result.stderr + data).slice(-65536); });
		child.on('error', (error) => { result.stderr += error.message; });
		child.on('close', (code, name) => {
			running.delete(child);
			clearTimeout(late);
			resolve({ ...result, code: code ?? (name ? 128 : 127) });
		});
	});
}

/** Writes by rename, so that a reader sees the old or the new and never a piece. */
export function writeAtomically(file, text, mode = 0o600) {
	const fresh = `${file}.${process.pid}.new`;
	writeFileSync(fresh, text, { mode });
	renameSync(fresh, file);
}

export function readJson(file) {
	try {
		return JSON.parse(readFileSync(file, 'utf8'));
	} catch {
		return null;
	}
}

function socketInode(port) {
	const hex = port.toString(16).toUpperCase().padStart(4, '0');
	for (const file of ['/proc/net/tcp', '/proc/net/tcp6'])
		for (const line of (read(file) ?? '').split('\n').slice(1)) {
			const fields = line.trim().split(/\s+/);
			if (fields[3] === '0A' && fields[1]?.endsWith(`:${hex}`)) return fields[9];
		}
	return null;
}

/** "name (process 123)" of who listens on the port, when we may see it; else null. */
export function processOnPort(port) {
	const inode = socketInode(port);
	if (!inode) return null;
	for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
		let files = [];
		try {
			files = readdirSync(`/proc/${pid}/fd`);
		} catch { /* not ours to see, or gone */ }
		for (const file of files) {
			try {
				if (readlinkSync(`/proc/${pid}/fd/${file}`) === `socket:[${inode}]`)
					return `${(read(`/proc/${pid}/comm`) ?? '?').trim()} (process ${pid})`;
			} catch { /* closed meanwhile */ }
		}
	}
	return null;
}
