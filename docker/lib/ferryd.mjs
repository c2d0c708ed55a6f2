// SPDX-License-Identifier: Apache-2.0
// Everything that knows how ferryd is called and configured.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, writeAtomically } from './process.mjs';
import { LOOPBACK, Refusal } from './settings.mjs';

const READY_MS = 60000;
const FINALITY_BLOCKS = 1;
const CONFIRMATIONS = 1;

/** Finality and confirmations of every devnet chain, for those who publish them. */
export const devnetChain = { finality_blocks: FINALITY_BLOCKS, confirmations: CONFIRMATIONS, currency: 'ETH' };

// A JSON string is a YAML string; addresses must be quoted, or YAML takes them for numbers.
const text = (value) => JSON.stringify(value);

function chainLines(record, secrets, role) {
	const signer = (role) => {
		const { keystore } = secrets.accounts[`${record.name}-${role}`];
		return `{keystore: ${text(keystore)}, password_file: ${text(secrets.passwordFile)}}`;
	};
	const contracts = ['endpoint', 'send_uln', 'receive_uln', 'dvn', 'executor', 'messenger', 'batcher', 'proxy_registry', 'main_registry', 'test_receiver']
		.filter((name) => record.contracts[name] !== undefined)
		.map((name) => `${name}: ${text(record.contracts[name])}`);
	return [
		`  - name: ${record.name}`,
		`    eid: ${record.eid}`,
		`    chain_id: ${record.chain_id}`,
		`    rpc: [${text(record.rpc)}]`,
		`    finality_blocks: ${FINALITY_BLOCKS}`,
		`    confirmations: ${CONFIRMATIONS}`,
		`    currency: ${devnetChain.currency}`,
		`    deploy_block: ${record.deploy_block}`,
		'    contracts:',
		...contracts.map((line) => `      ${line}`),
		`    dvn_vid: ${record.dvn_vid}`,
		'    max_message_bytes: 10000',
		...(role === 'serve' ? [] : ['    signers:', `      submit: ${signer('submit')}`, `      deliver: ${signer('deliver')}`]),
	];
}

function configLines(settings, { databaseUrl, chains, secrets }, role) {
	const listen = (port) => text(`${settings.bind}:${port}`);
	const key = (name) => `{keystore: ${text(secrets.accounts[name].keystore)}, password_file: ${text(secrets.passwordFile)}}`;
	return [
		'# Written at every start; changes are lost. For a devnet only: one source a chain, light keys.',
		`database_url: ${text(databaseUrl)}`,
		`http: {listen: ${listen(settings.httpPort)}}`,
		`grpc: {listen: ${listen(settings.grpcPort)}}`,
		`admin: {listen: ${listen(settings.adminPort)}}`,
		...(settings.bind === LOOPBACK ? [] : ['plaintext_beyond_loopback: true']),
		'cors_origins: ["*"]',
		'publishable_keys: true',
		'unsafe_single_source: true',
		...(process.env.FERRY_LOG_LEVEL ? [`log_level: ${process.env.FERRY_LOG_LEVEL}`] : []),
		'daily_wei_per_app: "1000000000000000000000"',
		`page_token_key_file: ${text(secrets.pageTokenFile)}`,
		`receipt_key_file: ${text(secrets.receiptKeyFile)}`,
		...(role === 'serve' ? [] : ['committee:', '  quorum: 2', '  signers:', ...secrets.committee.map((name) => `    - ${key(name)}`)]),
		'chains:',
		...chains.flatMap((record) => chainLines(record, secrets, role)),
	];
}

/** Writes the configuration files of a development instance: a full one, and that of `serve`, which is told of no key. */
export function writeConfigs(settings, instance) {
	for (const [file, role] of [[settings.config, 'relay'], [settings.serveConfig, 'serve']])
		writeAtomically(file, `${configLines(settings, instance, role).join('\n')}\n`);
}

async function ferryd(settings, ...words) {
	const result = await run(settings.ferryd, [...words, '--config', settings.config], { cwd: settings.var });
	if (result.code !== 0) {
		const said = `${result.stderr}${result.stdout}`.trim().split('\n').slice(-12).join('\n  ');
		throw new Refusal(`ferryd ${words.join(' ')} ended with status ${result.code}:\n  ${said || '(it said nothing)'}`);
	}
	return result.stdout;
}

export const migrate = (settings) => ferryd(settings, 'migrate');

function find(output, pattern, what) {
	const found = pattern.exec(output);
	if (!found) throw new Refusal(`ferryd ${what} printed none: ${output.trim().slice(0, 200)}`);
	return found[0];
}

/** Makes an app with one key of each kind: {secret_key, publishable_key}. */
export async function createApp(settings, name) {
	const app = find(await ferryd(settings, 'app', 'create', name), /\bapp_[A-Za-z0-9_-]+/, 'app create');
	const key = async (kind, pattern) => find(await ferryd(settings, 'key', 'add', app, kind), pattern, `key add ${kind}`);
	return {
		secret_key: await key('secret', /\bsk_[A-Za-z0-9_-]+/),
		publishable_key: await key('publishable', /\bpk_[A-Za-z0-9_-]+/),
	};
}

/** The supervisor's child of a role: serve or relay. */
export function roleChild(settings, role) {
	const config = role === 'serve' ? settings.serveConfig : settings.config;
	return {
		name: role, polite: 'SIGTERM', timeoutMs: 20000,
		make: () => ({ command: settings.ferryd, args: [role, '--config', config], cwd: settings.var }),
	};
}

/** One HTTP request; {status, headers, text, json}. Rejects when nobody answers. */
export function request(method, url, { headers = {}, body, timeoutMs = 35000 } = {}) {
	return new Promise((resolve, reject) => {
		const payload = body === undefined ? undefined : JSON.stringify(body);
		const outgoing = http.request(url, {
			method, timeout: timeoutMs, agent: false,
			headers: { ...(payload ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) } : {}), ...headers },
		}, (answer) => {
			const parts = [];
			answer.on('data', (part) => parts.push(part));
			answer.on('error', reject);
			answer.on('end', () => {
				const said = Buffer.concat(parts).toString();
				let json = null;
				try {
					json = JSON.parse(said);
				} catch { /* not JSON: the text tells */ }
				resolve({ status: answer.statusCode, headers: answer.headers, text: said, json });
			});
		});
		outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${url}: no answer in ${timeoutMs / 1000} s`)));
		outgoing.on('error', reject);
		outgoing.end(payload);
	});
}

/** Waits until /readyz says yes. */
export async function waitReady(url, log) {
	const end = Date.now() + READY_MS;
	for (;;) {
		let said;
		try {
			const answer = await request('GET', `${url}/readyz?verbose`, { timeoutMs: 5000 });
			if (answer.status === 200) return;
			said = `status ${answer.status}: ${answer.text.trim().slice(0, 300)}`;
		} catch (error) {
			said = error.message;
		}
		if (Date.now() > end) throw new Refusal(`${url}/readyz does not say yes after ${READY_MS / 1000} s (${said})`, { log });
		await sleep(50);
	}
}
