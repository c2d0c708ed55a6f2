// Deploys LayerZero V2 and our contracts on development chains and wires all of them both ways.
//   node deploy.mjs --config FILE --out FILE
// The config is the JSON of deployAll's argument. Run again on chains that have it all, it does nothing.
import { readFileSync, existsSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { encodeDeployData, encodeFunctionData, getContractAddress, pad, toHex, zeroAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { artifact, compile } from './compile.mjs';
import { rpcCall } from './devnet.mjs';

/** The first account of every anvil: publicly known, worth nothing, the default deployer and owner. */
export const DEV_DEPLOYER_KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
export const MAX_MESSAGE_BYTES = 10000;

const DEPLOY_GAS = 8_000_000n;
const CALL_GAS = 2_000_000n;
const RECEIPTS_TIMEOUT_MS = 60000;
const NATIVE = 10n ** 18n;
const PRICE_RATIO = 10n ** 20n;         // 1 : 1
const USD = 10n ** 20n;
// What has peers and a delegate, and its name in a chain's record.
const OAPPS = { Messenger: 'messenger', MainRegistry: 'main_registry', ProxyRegistry: 'proxy_registry' };
// PriceFeed and the libraries look an eid up under eid % 30000; by convention the verifier id is the same.
const shortEid = (eid) => eid % 30000;

/** One chain's plan: transactions are signed with known nonces and addresses, and sent all at once. */
class Plan {
	constructor(chain, deployer, nonce, baseFee) {
		Object.assign(this, { chain, deployer, nonce, baseFee, steps: [], addresses: {} });
	}

	deploy(name, args = [], as = name) {
		const { abi, bytecode } = artifact(name);
		const address = getContractAddress({ from: this.deployer.address, nonce: BigInt(this.nonce + this.steps.length) });
		this.addresses[as] = { address, name };
		this.steps.push({ what: `deploy ${as}`, data: encodeDeployData({ abi, bytecode, args }), gas: DEPLOY_GAS });
		return address;
	}

	call(as, functionName, args = []) {
		const { address, name } = this.addresses[as];
		const data = encodeFunctionData({ abi: artifact(name).abi, functionName, args });
		this.steps.push({ what: `${as}.${functionName}`, to: address, data, gas: CALL_GAS });
	}

	transfer(to, value) {
		this.steps.push({ what: `fund ${to}`, to, value, gas: 21000n });
	}

	at(as) {
		return this.addresses[as].address;
	}

	async run() {
		const hashes = [];
		for (const [i, step] of this.steps.entries()) {
			const raw = await this.deployer.signTransaction({
				type: 'eip1559', chainId: this.chain.chainId, nonce: this.nonce + i, to: step.to, data: step.data,
				value: step.value ?? 0n, gas: step.gas, maxFeePerGas: this.baseFee * 4n + 10n ** 9n, maxPriorityFeePerGas: 1n,
			});
			hashes.push(await rpcCall(this.chain.rpc, 'eth_sendRawTransaction', [raw]));
		}
		const end = Date.now() + RECEIPTS_TIMEOUT_MS;
		let last = 0;
		for (const [i, hash] of hashes.entries()) {
			let receipt;
			while (!(receipt = await rpcCall(this.chain.rpc, 'eth_getTransactionReceipt', [hash]))) {
				if (Date.now() > end) throw new Error(`${this.chain.name}: ${this.steps[i].what} is not mined after 60 s`);
				await sleep(20);
			}
			if (receipt.status !== '0x1') throw new Error(`${this.chain.name}: ${this.steps[i].what} failed in ${hash}`);
			last = Number(receipt.blockNumber);
		}
		return last;
	}
}

function planLayerZero(plan, { remotes, admins, committee, confirmations }) {
	const { chain, deployer } = plan;
	const eids = [...remotes, chain.eid];
	const endpoint = plan.deploy('EndpointV2', [chain.eid, deployer.address]);
	const sendUln = plan.deploy('SendUln302', [endpoint, 100000n, 0n]);
	const receiveUln = plan.deploy('ReceiveUln302', [endpoint]);
	const priceFeed = plan.deploy('PriceFeed');
	plan.call('PriceFeed', 'initialize', [deployer.address]);
	const executor = plan.deploy('Executor');
	plan.call('Executor', 'initialize',
		[endpoint, zeroAddress, [sendUln], priceFeed, deployer.address, [...admins, deployer.address]]);
	plan.deploy('ExecutorFeeLib', [chain.eid, NATIVE]);
	plan.deploy('DVNFeeLib', [chain.eid, NATIVE]);
	plan.deploy('Treasury');
	const dvn = plan.deploy('DVN', [chain.eid, shortEid(chain.eid), [sendUln], priceFeed, committee.signers,
		BigInt(committee.quorum), [...admins, deployer.address]]);
	plan.call('DVN', 'setWorkerFeeLib', [plan.at('DVNFeeLib')]);
	plan.call('Executor', 'setWorkerFeeLib', [plan.at('ExecutorFeeLib')]);
	plan.call('Treasury', 'setNativeFeeBP', [500n]);
	plan.call('SendUln302', 'setTreasury', [plan.at('Treasury')]);
	plan.call('PriceFeed', 'setEndpoint', [endpoint]);
	plan.call('PriceFeed', 'setNativeTokenPriceUSD', [3000n * USD]);
	const price = { priceRatio: PRICE_RATIO, gasPriceInUnit: 2n * 10n ** 9n, gasPerByte: 16 };
	plan.call('PriceFeed', 'setPrice', [eids.map((eid) => ({ eid: shortEid(eid), price }))]);
	plan.call('DVN', 'setDstConfig', [eids.map((dstEid) =>
		({ dstEid, gas: 90000n, multiplierBps: 12000, floorMarginUSD: 0n }))]);
	plan.call('Executor', 'setDstConfig', [eids.map((dstEid) => ({
		dstEid, lzReceiveBaseGas: 60000n, lzComposeBaseGas: 40000n, multiplierBps: 12000, floorMarginUSD: 0n,
		nativeCap: NATIVE,
	}))]);
	// A library knows an eid by its default configuration; only then the endpoint takes it as default library.
	const uln = {
		confirmations: BigInt(confirmations), requiredDVNCount: 1, optionalDVNCount: 0, optionalDVNThreshold: 0,
		requiredDVNs: [dvn], optionalDVNs: [],
	};
	const perRemote = (config) => remotes.map((eid) => ({ eid, config }));
	plan.call('SendUln302', 'setDefaultUlnConfigs', [perRemote(uln)]);
	plan.call('SendUln302', 'setDefaultExecutorConfigs', [perRemote({ maxMessageSize: MAX_MESSAGE_BYTES, executor })]);
	plan.call('ReceiveUln302', 'setDefaultUlnConfigs', [perRemote(uln)]);
	plan.call('EndpointV2', 'registerLibrary', [sendUln]);
	plan.call('EndpointV2', 'registerLibrary', [receiveUln]);
	for (const eid of remotes) {
		plan.call('EndpointV2', 'setDefaultSendLibrary', [eid, sendUln]);
		plan.call('EndpointV2', 'setDefaultReceiveLibrary', [eid, receiveUln, 0n]);
	}
	plan.deploy('ReceiveUln302View');
	plan.call('ReceiveUln302View', 'initialize', [endpoint, receiveUln]);
}

function planFerry(plan, { delegate }, mainEid) {
	const endpoint = plan.at('EndpointV2');
	const owner = plan.deployer.address;
	const messenger = plan.deploy('Messenger', [endpoint, owner]);
	plan.deploy('Batcher', [plan.at('ReceiveUln302'), endpoint]);
	plan.deploy('TestReceiver', [messenger]);
	if (plan.chain.eid === mainEid) plan.deploy('MainRegistry', [endpoint, owner]);
	else plan.deploy('ProxyRegistry', [endpoint, owner, mainEid]);
	if (delegate)
		for (const name of Object.keys(OAPPS))
			if (plan.addresses[name]) plan.call(name, 'setDelegate', [delegate]);
}

/** What each of our contracts on `here` must know as its peer on `there`: [name here, name there]. */
function peersOf(here, there, mainEid) {
	const peers = [['Messenger', 'Messenger']];
	if (here === mainEid) peers.push(['MainRegistry', 'ProxyRegistry']);
	else if (there === mainEid) peers.push(['ProxyRegistry', 'MainRegistry']);
	return peers;
}

/** The names under which a chain's contracts are known outside. */
const namesOf = (isMain) => ({
	endpoint: 'EndpointV2', send_uln: 'SendUln302', receive_uln: 'ReceiveUln302', receive_uln_view: 'ReceiveUln302View',
	dvn: 'DVN', executor: 'Executor', price_feed: 'PriceFeed', treasury: 'Treasury', messenger: 'Messenger',
	batcher: 'Batcher', test_receiver: 'TestReceiver',
	...(isMain ? { main_registry: 'MainRegistry' } : { proxy_registry: 'ProxyRegistry' }),
});

function chainRecord(plan, block, mainEid) {
	const { name, eid, chainId, rpc } = plan.chain;
	const names = Object.entries(namesOf(eid === mainEid));
	const contracts = Object.fromEntries(names.map(([key, as]) => [key, plan.at(as)]));
	return { name, eid, chain_id: chainId, rpc, deploy_block: block, dvn_vid: shortEid(eid), contracts };
}

/** True when every contract is in the record and there, and knows all its peers. */
async function isDeployed(chains, previous) {
	if (previous?.length !== chains.length) return false;
	const mainEid = chains[0].eid;
	for (const chain of chains) {
		const old = previous.find((p) => p.name === chain.name && p.eid === chain.eid && p.chain_id === chain.chainId);
		if (!old) return false;
		for (const key of Object.keys(namesOf(chain.eid === mainEid))) {
			const address = old.contracts[key];
			if (!address || (await rpcCall(chain.rpc, 'eth_getCode', [address, 'latest'])) === '0x') return false;
		}
	}
	for (const chain of chains) {
		const old = previous.find((p) => p.eid === chain.eid);
		for (const remote of previous.filter((p) => p.eid !== chain.eid))
			for (const [here, there] of peersOf(chain.eid, remote.eid, mainEid)) {
				const data = encodeFunctionData({ abi: artifact(here).abi, functionName: 'peers', args: [remote.eid] });
				const to = old.contracts[OAPPS[here]];
				const peer = await rpcCall(chain.rpc, 'eth_call', [{ to, data }, 'latest']);
				if (peer !== pad(remote.contracts[OAPPS[there]]).toLowerCase()) return false;
			}
	}
	return true;
}

async function fund(plan, addresses, amount) {
	for (const address of addresses) {
		const balance = BigInt(await rpcCall(plan.chain.rpc, 'eth_getBalance', [address, 'latest']));
		if (balance >= amount) continue;
		try {
			await rpcCall(plan.chain.rpc, 'anvil_setBalance', [address, toHex(amount)]);
		} catch {
			plan.transfer(address, amount - balance);
		}
	}
}

/**
 * Deploys everything on every chain, or finds that it is there already.
 *   chains     [{name, eid, rpc, chainId, admins: [address], delegate: address, funded: [address]}]; eid >= 30000
 *              the first one gets the MainRegistry, each other one a ProxyRegistry
 *              admins may call DVN.execute and Executor.execute302
 *              delegate is the Messenger's and the registry's at the endpoint
 *   committee  {signers: [address], quorum}
 *   deployerKey private key, also the owner of all; confirmations of the default pathway; fundWei an account
 *   previous   what an earlier run returned as `chains`
 *   log        gets progress lines
 * Returns {chains: [record], deployed: boolean}; the record is as in the README.
 */
export async function deployAll({
	chains, committee, deployerKey = DEV_DEPLOYER_KEY, confirmations = 1, fundWei = 10000n * NATIVE, previous = null,
	log = () => {},
}) {
	const start = Date.now();
	const deployer = privateKeyToAccount(deployerKey);
	const mainEid = chains[0].eid;
	for (const chain of chains)
		if (!(chain.eid >= 30000)) throw new Error(`${chain.name}: eid ${chain.eid} is below 30000, which LayerZero treats as V1`);
	compile({ log });
	if (await isDeployed(chains, previous)) {
		for (const chain of chains) {
			const plan = new Plan(chain, deployer, 0, 0n);
			await fund(plan, chain.funded ?? [], BigInt(fundWei));
		}
		log('contracts: already deployed, nothing to do');
		return { chains: chains.map((c) => ({ ...previous.find((p) => p.eid === c.eid), rpc: c.rpc })), deployed: false };
	}
	const plans = await Promise.all(chains.map(async (chain) => {
		const nonce = Number(await rpcCall(chain.rpc, 'eth_getTransactionCount', [deployer.address, 'latest']));
		const block = await rpcCall(chain.rpc, 'eth_getBlockByNumber', ['latest', false]);
		const plan = new Plan(chain, deployer, nonce, BigInt(block.baseFeePerGas ?? 0));
		plan.before = Number(block.number);
		planLayerZero(plan, {
			remotes: chains.filter((c) => c !== chain).map((c) => c.eid), admins: chain.admins ?? [], committee, confirmations,
		});
		planFerry(plan, chain, mainEid);
		return plan;
	}));
	for (const plan of plans) {
		for (const remote of plans.filter((p) => p !== plan))
			for (const [here, there] of peersOf(plan.chain.eid, remote.chain.eid, mainEid))
				plan.call(here, 'setPeer', [remote.chain.eid, pad(remote.at(there))]);
		await fund(plan, plan.chain.funded ?? [], BigInt(fundWei));
	}
	const records = await Promise.all(plans.map(async (plan) => {
		await plan.run();
		log(`contracts: ${plan.chain.name} (eid ${plan.chain.eid}): ${plan.steps.length} transactions`);
		return chainRecord(plan, plan.before + 1, mainEid);
	}));
	log(`contracts: deployed in ${((Date.now() - start) / 1000).toFixed(1)} s`);
	return { chains: records, deployed: true };
}

async function main() {
	const { values } = parseArgs({ options: { config: { type: 'string' }, out: { type: 'string' } } });
	if (!values.config || !values.out) throw new Error('give --config FILE --out FILE');
	const config = JSON.parse(readFileSync(values.config, 'utf8'));
	const previous = existsSync(values.out) ? JSON.parse(readFileSync(values.out, 'utf8')).chains : null;
	const { chains } = await deployAll({ ...config, previous, log: console.log });
	writeFileSync(`${values.out}.${process.pid}`, JSON.stringify({ chains }, null, '\t') + '\n');
	renameSync(`${values.out}.${process.pid}`, values.out);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url))
	main().catch((error) => { console.error(`contracts: ${error.message}`); process.exit(1); });
