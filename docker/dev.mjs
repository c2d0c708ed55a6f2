// SPDX-License-Identifier: Apache-2.0
// Runs Ferry for development: PostgreSQL, two chains with LayerZero and our contracts, ferryd serve and relay.
//	docker/dev.sh run         everything, a first message, then stay until Ctrl-C
//	docker/dev.sh up          the same in the background; returns when the first message is delivered
//	docker/dev.sh down        stops it
//	docker/dev.sh status      what runs
//	docker/dev.sh devnet      without serve and relay (the containers have their own)
// docker/README.md has the environment variables and the files.
import { spawn } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { curlLine } from './lib/hello.mjs';
import { Instance } from './lib/instance.mjs';
import { openLog, tail } from './lib/logs.mjs';
import { identify, isAlive, readJson, signal, stopProcess, waitGone, writeAtomically } from './lib/process.mjs';
import { readSettings, Refusal, ROOT } from './lib/settings.mjs';
import { stopLeftovers } from './lib/supervisor.mjs';

const DOWN_MS = 90000;
const AGAIN_MS = 2000;
// tests: the instance ends when the process that started it is gone, however it went
const WITH_PARENT = process.env.FERRY_WITH_PARENT === '1';

function printFailure(error, say) {
	say(error instanceof Refusal ? error.message : error.stack ?? String(error));
	if (!error.log) return;
	say(`the end of ${error.log}:`);
	for (const line of tail(error.log)) say(`  | ${line}`);
}

function printDoors(dev, say) {
	say('');
	say(`  REST            ${dev.http}   (docs: ${dev.http}/docs)`);
	say(`  gRPC            ${dev.grpc}   (reflection is on)`);
	say(`  metrics         ${dev.admin}/metrics`);
	for (const chain of dev.chains) say(`  chain ${chain.name.padEnd(9)} ${chain.rpc}   (eid ${chain.eid}, chain id ${chain.chain_id})`);
	say(`  database        psql '${dev.database_url}'`);
	say('');
	say('  send one more:');
	say(`  ${curlLine(dev)}`);
	say('');
}

/** Runs an instance in this process until a signal ends it. `tell` gets {line}, then {ready} or {failed}. */
async function supervise(settings, tell, options) {
	const started = Date.now();
	const say = (text) => tell({ line: text === '' || text.startsWith(' ') ? text :
		`ferry ${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s  ${text}` });
	const over = {};
	over.promise = new Promise((resolve) => { over.resolve = resolve; });
	const instance = new Instance(settings, { say, lost: (sentence) => over.resolve({ code: 1, sentence }) });
	let first = 0;
	const ask = (name) => {
		if (first && name === 'SIGINT' && Date.now() - first > AGAIN_MS) {
			say('killing everything');
			instance.kill();
			process.exit(1);
		}
		first ||= Date.now();
		over.resolve({ code: 0, sentence: `${name}: stopping` });
	};
	for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => ask(name));
	if (WITH_PARENT) process.on('disconnect', () => ask('SIGTERM'));
	process.on('SIGUSR2', () => instance.supervisor.revive());
	writeAtomically(settings.record, `${JSON.stringify(identify(process.pid))}\n`);

	const up = instance.up(options).then(() => null, (error) => error);
	const early = await Promise.race([up, over.promise]);
	let end = early;
	if (early === null) {
		if (options?.roles?.length !== 0) printDoors(instance.dev, say);
		tell({ ready: true });
		end = await over.promise;
	} else if (early instanceof Error) {
		printFailure(early, say);
		end = { code: 1, sentence: 'it did not start; stopping what did' };
	}
	const quiet = instance.supervisor.children.size === 0;
	if (!quiet) say(end.sentence);
	await instance.down();
	rmSync(settings.record, { force: true });
	if (!quiet) say('stopped; nothing is left running');
	tell({ failed: end.code !== 0 });
	return end.code;
}

function toTerminal(message) {
	if (message.line !== undefined) process.stdout.write(`${message.line}\n`);
	if (message.ready) process.stdout.write('Ferry runs. Ctrl-C stops it.\n');
}

function toLauncher(message) {
	if (message.line !== undefined) process.stdout.write(`${message.line}\n`);
	// the launcher may be gone: then nobody needs to hear
	if (process.connected) process.send(message, () => {});
	if (message.ready && process.connected && !WITH_PARENT) process.disconnect();
}

/** Starts the supervisor in the background and shows what it says until it is ready or gone. */
async function up(settings) {
	const name = path.join(settings.logs, 'supervisor.log');
	if (existsSync(name)) renameSync(name, `${name}.1`);
	const log = openLog(settings.logs, 'supervisor');
	const child = spawn(path.join(ROOT, 'docker/dev.sh'), ['supervise'], { detached: true, stdio: ['ignore', log, log, 'ipc'] });
	const forward = () => signal(identify(child.pid), 'SIGTERM');
	for (const word of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(word, forward);
	return new Promise((resolve) => {
		let spoke = false;
		child.on('message', (message) => {
			spoke = true;
			if (message.line !== undefined) process.stdout.write(`${message.line}\n`);
			if (!message.ready) return;
			process.stdout.write('Ferry runs in the background; make down stops it.\n');
			child.unref();
			resolve(0);
		});
		child.on('error', (error) => { process.stderr.write(`ferry: ${error.message}\n`); resolve(1); });
		child.on('exit', (code) => {
			if (!spoke) for (const line of tail(name, 5)) process.stderr.write(`${line}\n`);
			resolve(code || 1);
		});
	});
}

async function down(settings) {
	const supervisor = readJson(settings.record);
	if (isAlive(supervisor)) {
		process.stdout.write(`ferry: stopping the instance in ${settings.var}\n`);
		signal(supervisor, 'SIGTERM');
		if (!await waitGone(supervisor, DOWN_MS)) {
			process.stderr.write(`ferry: process ${supervisor.pid} does not end; killing it\n`);
			await stopProcess(supervisor, { polite: 'SIGKILL' });
		}
	}
	const left = await stopLeftovers(readJson(settings.children));
	for (const file of [settings.devJson, settings.record, settings.children]) rmSync(file, { force: true });
	if (left.length) process.stdout.write(`ferry: ended what a killed supervisor left behind: ${left.join(', ')}\n`);
	process.stdout.write(supervisor || left.length ? 'ferry: stopped\n' : `ferry: nothing runs in ${settings.var}\n`);
	return 0;
}

function status(settings) {
	const supervisor = readJson(settings.record);
	if (!isAlive(supervisor)) {
		process.stdout.write(`ferry: nothing runs in ${settings.var}\n`);
		return 3;
	}
	const dev = readJson(settings.devJson);
	process.stdout.write(`ferry: supervisor ${supervisor.pid}, ${dev ? `ready at ${dev.http}` : 'not ready'}\n`);
	for (const [name, pid] of Object.entries(dev?.pids ?? {})) process.stdout.write(`  ${name.padEnd(10)} ${pid ?? 'dead'}\n`);
	return 0;
}

const COMMANDS = {
	run: (settings) => supervise(settings, toTerminal),
	supervise: (settings) => supervise(settings, toLauncher),
	devnet: (settings) => supervise(settings, toTerminal, { roles: [] }),
	up, down, status,
};

async function main() {
	const command = COMMANDS[process.argv[2]];
	if (!command || process.argv.length !== 3) throw new Refusal(`use: docker/dev.sh ${Object.keys(COMMANDS).join(' | ')}`);
	// a terminal that went away must not stop the stopping
	process.stdout.on('error', () => {});
	process.stderr.on('error', () => {});
	return command(readSettings());
}

main().then((code) => process.exit(code), (error) => {
	printFailure(error, (line) => process.stderr.write(`ferry: ${line}\n`));
	process.exit(1);
});
