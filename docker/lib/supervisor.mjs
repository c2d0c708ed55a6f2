// SPDX-License-Identifier: Apache-2.0
// Keeps the children of one instance alive and ends them in order. It knows nothing of what they are.
import { closeSync } from 'node:fs';
import path from 'node:path';
import { boundLogs, openLog } from './logs.mjs';
import { bootId, identify, isAlive, memoryMb, start, stopProcess, writeAtomically } from './process.mjs';
import { Refusal } from './settings.mjs';

const RESTART_FIRST_MS = 100;
const RESTART_MAX_MS = 10000;
const STABLE_MS = 2000;         // a child that lived this long failed for a new reason: no backing off
const CHECK_MS = 5000;

/**
 * A child is {name, make, polite, timeoutMs, memoryMbMax?, lost?}:
 *   make()       {command, args, env, cwd}: asked at every start
 *   polite       the signal that asks it to end; timeoutMs: how long it may take
 *   memoryMbMax  it is ended politely and started again when it passes that
 *   lost(times)  called before a restart, `times` quick deaths in a row: a sentence why there is no point in one, or null
 */
export class Supervisor {
	/** say(line) tells the person; changed() is called when a process id changed; ended(sentence) when a child is lost. */
	constructor(settings, { say, changed, ended }) {
		Object.assign(this, { settings, say, changed, ended });
		this.children = new Map();
		this.starting = true;
		this.stopping = false;
		this.firstDeath = new Promise((_, reject) => { this.reportDeath = reject; });
		this.firstDeath.catch(() => {});
		this.timer = setInterval(() => this.#check(), CHECK_MS);
		this.timer.unref();
	}

	/** Starts a child for the first time. */
	launch(child) {
		if (this.stopping) throw new Refusal(`${child.name} is not started: everything is being stopped`);
		this.children.set(child.name, { ...child, quickDeaths: 0, alive: false });
		this.#start(this.children.get(child.name));
	}

	/** Waits for `promise`, or throws what the first child that dies meanwhile has to say. */
	guard(promise) {
		return Promise.race([promise, this.firstDeath]);
	}

	/** From now on a child that dies is started again. */
	settle() {
		this.starting = false;
	}

	/** {name: pid, or null while it is dead}. */
	pids() {
		return Object.fromEntries([...this.children.values()].map((c) => [c.name, c.alive ? c.process.pid : null]));
	}

	logOf(name) {
		return path.join(this.settings.logs, `${name}.log`);
	}

	/** Starts at once whatever is dead (a test's wish; also with FERRY_SUPERVISE=0). */
	revive() {
		if (this.stopping) return;
		for (const child of this.children.values())
			if (!child.alive) this.#start(child);
		this.changed();
	}

	/** Ends the children, group by group: [[name]]. Never throws; says which had to be killed. */
	async stop(groups) {
		this.stopping = true;
		clearInterval(this.timer);
		for (const child of this.children.values()) clearTimeout(child.pending);
		for (const names of groups)
			await Promise.all(names.map(async (name) => {
				const child = this.children.get(name);
				if (!child?.identity) return;
				const { polite, timeoutMs } = child;
				if (!await stopProcess(child.identity, { polite, timeoutMs })) this.say(`${name} did not end within ${timeoutMs / 1000} s and was killed`);
			}));
	}

	/** Kills every child outright. */
	kill() {
		this.stopping = true;
		for (const child of this.children.values()) {
			clearTimeout(child.pending);
			if (child.alive) child.process.kill('SIGKILL');
		}
	}

	#start(child) {
		clearTimeout(child.pending);
		child.pending = null;
		const log = openLog(this.settings.logs, child.name);
		let made;
		try {
			made = start(child.make(), log);
		} finally {
			closeSync(log);
		}
		child.process = made;
		child.alive = true;
		child.since = Date.now();
		child.identity = made.pid ? identify(made.pid) : null;
		let over = false;
		const died = (how) => {
			if (!over) this.#died(child, how);
			over = true;
		};
		made.once('error', (error) => died(error.message));
		made.once('exit', (code, name) => died(name ?? `status ${code}`));
		this.#record();
	}

	#record() {
		const list = [...this.children.values()].filter((c) => c.alive && c.identity);
		const children = Object.fromEntries(list.map((c) => [c.name, { ...c.identity, polite: c.polite }]));
		writeAtomically(this.settings.children, `${JSON.stringify({ boot: bootId(), children })}\n`);
	}

	#died(child, how) {
		child.alive = false;
		if (this.stopping) return;
		if (this.starting) {
			this.reportDeath(new Refusal(`${child.name} ended while starting (${how})`, { log: this.logOf(child.name) }));
			return;
		}
		this.#record();
		this.changed();
		if (!this.settings.supervise) {
			this.say(`${child.name} ended (${how}); it stays dead (FERRY_SUPERVISE=0)`);
			return;
		}
		child.quickDeaths = Date.now() - child.since < STABLE_MS ? child.quickDeaths + 1 : 0;
		const lost = child.lost?.(child.quickDeaths, how);
		if (lost) {
			this.ended(`${child.name} ended (${how}): ${lost}`);
			return;
		}
		const delay = Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** Math.min(child.quickDeaths, 20));
		this.say(`${child.name} ended (${how}); starting it again in ${delay / 1000} s`);
		child.pending = setTimeout(() => {
			this.#start(child);
			this.changed();
		}, delay);
	}

	#check() {
		boundLogs(this.settings.logs, this.settings.logMb);
		for (const child of this.children.values()) {
			if (!child.memoryMbMax || !child.alive || this.starting) continue;
			const used = memoryMb(child.process.pid);
			if (used <= child.memoryMbMax) continue;
			this.say(`${child.name} uses ${Math.round(used)} MiB; starting it again from its saved state`);
			child.process.kill(child.polite);
		}
	}
}

/** Ends the children that an instance whose supervisor was killed left behind. Returns their names. */
export async function stopLeftovers(record) {
	const left = Object.entries(record?.children ?? {}).filter(([, child]) => isAlive(child));
	await Promise.all(left.map(([, child]) => stopProcess(child, { polite: child.polite, timeoutMs: 15000 })));
	return left.map(([name]) => name);
}
