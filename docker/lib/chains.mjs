// SPDX-License-Identifier: Apache-2.0
// The devnet's chains as children of the supervisor. A node saves its chain every few seconds and when it is asked to
// end, and starts from what it saved: asked to end it loses nothing; killed outright, the last seconds.
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { DEV_CHAINS, nodeCommand, nodeReady } from '../../contracts/devnet.mjs';
import { deployAll } from '../../contracts/deploy.mjs';
import { readJson, writeAtomically } from './process.mjs';

export { DEV_CHAINS };

const HISTORY = 1000;
const SAVE_EVERY_S = 2;
const SAVE_BYTES_PER_S = 4 << 20;       // a larger state is saved less often
const QUICK_DEATHS_MAX = 4;

const folderOf = (settings, chain) => path.join(settings.chains, chain.name);
const stateOf = (settings, chain) => path.join(folderOf(settings, chain), 'state.json');

function saveInterval(file) {
	const bytes = existsSync(file) ? statSync(file).size : 0;
	return Math.max(SAVE_EVERY_S, Math.ceil(bytes / SAVE_BYTES_PER_S));
}

/** The supervisor's child of one chain. */
export function chainChild(settings, chain, port) {
	const state = stateOf(settings, chain);
	return {
		name: chain.name, polite: 'SIGTERM', timeoutMs: 20000, memoryMbMax: settings.chainMb,
		make() {
			const spec = nodeCommand({
				port, chainId: chain.chainId, dir: folderOf(settings, chain), blockTime: settings.blockTime, history: HISTORY,
			});
			spec.args[spec.args.indexOf('--host') + 1] = settings.bind;
			spec.args.push('--state', state, '--state-interval', String(saveInterval(state)));
			return { ...spec, cwd: folderOf(settings, chain) };
		},
		lost(quickDeaths) {
			if (existsSync(state) && quickDeaths < QUICK_DEATHS_MAX) return null;
			return 'its chain cannot be read back, so this devnet is lost; start again for a fresh one';
		},
	};
}

/** True when the chains of an earlier life can go on. */
export function chainsCanResume(settings) {
	return readJson(settings.deployed) !== null && DEV_CHAINS.every((chain) => existsSync(stateOf(settings, chain)));
}

export function chainsForget(settings) {
	rmSync(settings.chains, { recursive: true, force: true });
	rmSync(settings.deployed, { force: true });
}

/** Starts every node under the supervisor and waits until each answers. */
export async function chainsStart(settings, supervisor) {
	await Promise.all(DEV_CHAINS.map(async (chain, i) => {
		const port = settings.devnetPort + i;
		mkdirSync(folderOf(settings, chain), { recursive: true });
		supervisor.launch(chainChild(settings, chain, port));
		await supervisor.guard(nodeReady(`http://127.0.0.1:${port}`, chain.chainId));
	}));
}

/** Deploys the contracts, or finds them from an earlier life. Returns deploy.mjs's records, with the public RPC address. */
export async function chainsDeploy(settings, secrets, supervisor, say) {
	const address = (name) => secrets.accounts[name].address;
	const chains = DEV_CHAINS.map((chain, i) => ({
		...chain, rpc: `http://127.0.0.1:${settings.devnetPort + i}`,
		admins: [address(`${chain.name}-submit`), address(`${chain.name}-deliver`)],
		delegate: address(`${chain.name}-deliver`),
		funded: [address(`${chain.name}-submit`), address(`${chain.name}-deliver`), secrets.wallet.address],
	}));
	const committee = { signers: secrets.committee.map(address), quorum: 2 };
	const previous = readJson(settings.deployed)?.chains ?? null;
	const result = await supervisor.guard(deployAll({ chains, committee, previous, log: say }));
	writeAtomically(settings.deployed, `${JSON.stringify({ chains: result.chains }, null, '\t')}\n`, 0o644);
	return result.chains.map((record, i) => ({ ...record, rpc: `http://${settings.devnetHost}:${settings.devnetPort + i}` }));
}
