// SPDX-License-Identifier: Apache-2.0
// One development instance: brings everything up in order, keeps dev.json true, takes everything down.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chainsCanResume, chainsDeploy, chainsForget, chainsStart, DEV_CHAINS } from './chains.mjs';
import { createApp, devnetChain, migrate, roleChild, waitReady, writeConfigs } from './ferryd.mjs';
import { sayHello, sayWho } from './hello.mjs';
import { prepareSecrets } from './keystore.mjs';
import { rotateLogs, tail } from './logs.mjs';
import { readJson, run, stopRunning, writeAtomically } from './process.mjs';
import { checkPorts, LOOPBACK, needFerryd, portsOf, Refusal, ROOT } from './settings.mjs';
import { stopLeftovers, Supervisor } from './supervisor.mjs';

const POSTGRES = path.join(ROOT, 'docker/postgres.sh');
const STOP_ORDER = [['relay', 'serve'], [...DEV_CHAINS.map((chain) => chain.name), 'postgres']];
const RELAY_MS = 60000;
const ROLES = ['serve', 'relay'];

export class Instance {
	/** say(line): progress for the person. lost(sentence): it cannot go on and is to be stopped. */
	constructor(settings, { say, lost }) {
		Object.assign(this, { settings, say });
		this.dev = null;
		this.supervisor = new Supervisor(settings, { say, changed: () => this.#publish(), ended: lost });
	}

	/** Everything up to the first delivered message; `roles` empty: the chains and the database only. */
	async up({ roles = ROLES } = {}) {
		const { settings, say, supervisor } = this;
		if (roles.length || existsSync(settings.ferryd)) needFerryd(settings);
		await this.#clearAway();
		await checkPorts(portsOf(settings, DEV_CHAINS).slice(roles.length ? 0 : 3), settings.bind);
		const resume = this.#resumes();
		mkdirSync(settings.logs, { recursive: true });
		rotateLogs(settings.logs, 'supervisor');
		const secrets = prepareSecrets(settings.secrets, DEV_CHAINS.map((chain) => chain.name));
		if (settings.databaseUrl && !resume) await this.#needEmpty(settings.databaseUrl);
		if (!resume) chainsForget(settings);

		const [databaseUrl, chains] = await Promise.all([this.#database(resume), this.#chains(secrets)]);
		writeConfigs(settings, { databaseUrl, chains, secrets });
		say('migrating the database');
		await migrate(settings);
		const keys = await this.#keys(resume);
		this.#describe({ databaseUrl, chains, secrets, keys });
		if (roles.length) {
			say('starting ferryd serve and ferryd relay');
			for (const role of roles) supervisor.launch(roleChild(settings, role));
			await supervisor.guard(waitReady(this.dev.http, supervisor.logOf('serve')));
			await supervisor.guard(this.#relayBegan());
		}
		supervisor.settle();
		this.ready = true;
		this.#publish();
		say(`ready; everything about it is in ${settings.devJson}`);
		if (!roles.length || !settings.firstMessage) return;
		await sayHello(this.dev, say, supervisor.logOf('relay'));
		await sayWho(this.dev, say, supervisor.logOf('relay'));
	}

	/** Takes it down; dev.json goes first, so that nobody finds an instance that is ending. */
	async down() {
		this.ending = true;
		rmSync(this.settings.devJson, { force: true });
		stopRunning();
		await this.supervisor.stop(STOP_ORDER);
		rmSync(this.settings.children, { force: true });
	}

	/** The outright end, when the person does not want to wait. */
	kill() {
		rmSync(this.settings.devJson, { force: true });
		this.supervisor.kill();
	}

	// A supervisor that was killed leaves its description, and children if the kernel did not end them.
	async #clearAway() {
		rmSync(this.settings.devJson, { force: true });
		const left = await stopLeftovers(readJson(this.settings.children));
		if (left.length) this.say(`ended what an earlier run left behind: ${left.join(', ')}`);
	}

	#resumes() {
		const { settings, say } = this;
		const can = chainsCanResume(settings) && (settings.databaseUrl !== null || existsSync(path.join(settings.var, 'pg/place')));
		if (settings.resume === '1' && !can) throw new Refusal(`FERRY_RESUME=1: there is nothing to go on from in ${settings.var}; leave it out for a fresh start`);
		const resume = can && settings.resume !== '0';
		if (can) say(resume ? 'going on with the chains and the database of the last run' :
			'starting afresh: the chains and the database of the last run are dropped (FERRY_RESUME=1 goes on with them)');
		return resume;
	}

	async #database(resume) {
		const { settings, supervisor, say } = this;
		if (settings.databaseUrl) return settings.databaseUrl;
		say('starting PostgreSQL');
		supervisor.launch({
			name: 'postgres', polite: 'SIGINT', timeoutMs: 30000,
			make: () => ({ command: POSTGRES, args: ['exec'], env: { ...process.env, FERRY_VAR: settings.var }, ownDeathSignal: true }),
		});
		await supervisor.guard(this.#postgres('wait'));
		if (!resume) await this.#postgres('reset');
		return (await this.#postgres('url')).trim();
	}

	// A database that was given to us is never emptied by us: it may be anything.
	async #needEmpty(url) {
		const count = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
		const result = await run('psql', ['-qAtX', '-c', count, url]);
		if (result.code !== 0) throw new Refusal(`FERRY_DATABASE_URL cannot be reached: ${result.stderr.trim()}`);
		if (result.stdout.trim() !== '0')
			throw new Refusal('the database of FERRY_DATABASE_URL is not empty, and its messages would not fit fresh chains; give an empty one or unset it');
	}

	async #postgres(word) {
		const result = await run(POSTGRES, [word], { env: { ...process.env, FERRY_VAR: this.settings.var } });
		if (result.code !== 0) throw new Refusal(`docker/postgres.sh ${word}: ${result.stderr.trim()}`, { log: this.supervisor.logOf('postgres') });
		return result.stdout;
	}

	async #chains(secrets) {
		const { settings, supervisor, say } = this;
		// in a process of its own: the compiler would keep this one from hearing signals
		const compiled = await run(process.execPath, [path.join(ROOT, 'contracts/compile.mjs')], {
			timeoutMs: 300000, said: (line) => line.startsWith('contracts:') && say(line),
		});
		if (compiled.code !== 0) throw new Refusal(`the contracts do not compile:\n${compiled.stderr.trim()}`);
		say(`starting the chains ${DEV_CHAINS.map((chain) => chain.name).join(' and ')}`);
		await chainsStart(settings, supervisor);
		return chainsDeploy(settings, secrets, supervisor, say);
	}

	// Keys are shown once when they are made, so those of a resumed database come from beside the other secrets.
	async #keys(resume) {
		const file = path.join(this.settings.secrets, 'api-keys.json');
		const kept = resume ? readJson(file) : null;
		if (kept) return kept;
		const keys = await createApp(this.settings, 'devnet');
		writeAtomically(file, `${JSON.stringify(keys)}\n`);
		return keys;
	}

	// The relay has no door to knock on: its log says when it has begun.
	async #relayBegan() {
		const log = this.supervisor.logOf('relay');
		const end = Date.now() + RELAY_MS;
		while (!tail(log, 1000).some((line) => line.includes('relay.started')))
			if (Date.now() > end) throw new Refusal(`relay has not begun after ${RELAY_MS / 1000} s`, { log });
			else await sleep(50);
	}

	#describe({ databaseUrl, chains, secrets, keys }) {
		const { settings } = this;
		const host = settings.bind === LOOPBACK ? LOOPBACK : 'localhost';
		this.dev = {
			version: 1,
			http: `http://${host}:${settings.httpPort}`, grpc: `${host}:${settings.grpcPort}`, admin: `http://${host}:${settings.adminPort}`,
			database_url: databaseUrl, ...keys, wallet: secrets.wallet,
			chains: chains.map(({ name, eid, chain_id, contracts }, i) => ({
				name, eid, chain_id, rpc: `http://${host}:${settings.devnetPort + i}`, finality_blocks: devnetChain.finality_blocks, contracts,
			})),
		};
	}

	#publish() {
		if (!this.ready || this.ending) return;
		const dev = { ...this.dev, pids: this.supervisor.pids() };
		writeAtomically(this.settings.devJson, `${JSON.stringify(dev, null, '\t')}\n`);
	}
}
