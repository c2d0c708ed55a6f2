// Compiles src/*.sol and test/src/*.sol, and hands out artifacts: ours and those of LayerZero's packages.
//   node compile.mjs            compiles unless the cache has it
// The output is cached under $FERRY_CACHE (default ../build/contracts), keyed by everything it depends on.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const MODULES = path.join(HERE, 'node_modules');
const SOURCE_FOLDERS = ['src', 'test/src'];
const SETTINGS = {
	optimizer: { enabled: true, runs: 1000000 },
	viaIR: true,
	evmVersion: 'shanghai',
	metadata: { bytecodeHash: 'none' },
	outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
};
const PROTOCOL = '@layerzerolabs/lz-evm-protocol-v2/artifacts/contracts';
const MESSAGELIB = '@layerzerolabs/lz-evm-messagelib-v2/artifacts/contracts';
const LAYERZERO = {
	EndpointV2: `${PROTOCOL}/EndpointV2.sol/EndpointV2.json`,
	SendUln302: `${MESSAGELIB}/uln/uln302/SendUln302.sol/SendUln302.json`,
	ReceiveUln302: `${MESSAGELIB}/uln/uln302/ReceiveUln302.sol/ReceiveUln302.json`,
	ReceiveUln302View: `${MESSAGELIB}/uln/uln302/ReceiveUln302View.sol/ReceiveUln302View.json`,
	PriceFeed: `${MESSAGELIB}/PriceFeed.sol/PriceFeed.json`,
	Treasury: `${MESSAGELIB}/Treasury.sol/Treasury.json`,
	DVN: `${MESSAGELIB}/uln/dvn/DVN.sol/DVN.json`,
	DVNFeeLib: `${MESSAGELIB}/uln/dvn/DVNFeeLib.sol/DVNFeeLib.json`,
	Executor: `${MESSAGELIB}/Executor.sol/Executor.json`,
	ExecutorFeeLib: `${MESSAGELIB}/ExecutorFeeLib.sol/ExecutorFeeLib.json`,
};

let compiled = null;
const loaded = new Map();

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

function ownSources() {
	const sources = {};
	for (const folder of SOURCE_FOLDERS) {
		const absolute = path.join(HERE, folder);
		if (!existsSync(absolute)) continue;
		for (const name of readdirSync(absolute).filter((n) => n.endsWith('.sol')).sort())
			sources[`${folder}/${name}`] = { content: readFileSync(path.join(absolute, name), 'utf8') };
	}
	return sources;
}

// What is imported from packages is fixed by their versions, so those stand in for it.
function cacheKey(sources) {
	const hash = createHash('sha256').update(JSON.stringify([sources, SETTINGS]));
	for (const name of ['solc', '@layerzerolabs/oapp-evm', '@layerzerolabs/lz-evm-protocol-v2', '@openzeppelin/contracts'])
		hash.update(`${name}@${readJson(path.join(MODULES, name, 'package.json')).version}\n`);
	return hash.digest('hex').slice(0, 32);
}

function findImport(name) {
	const file = path.join(MODULES, name);
	return existsSync(file) ? { contents: readFileSync(file, 'utf8') } : { error: `not found: ${name}` };
}

function runCompiler(sources) {
	const solc = createRequire(import.meta.url)('solc');
	const input = { language: 'Solidity', sources, settings: SETTINGS };
	const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
	const messages = (output.errors || []).filter((e) => !e.sourceLocation?.file?.startsWith('@'));
	if (messages.length) throw new Error(messages.map((e) => e.formattedMessage).join('\n'));
	const result = {};
	for (const [file, contracts] of Object.entries(output.contracts)) {
		if (file.startsWith('@')) continue;
		for (const [name, c] of Object.entries(contracts)) {
			if (result[name]) throw new Error(`two contracts are named ${name}`);
			result[name] = { abi: c.abi, bytecode: '0x' + c.evm.bytecode.object };
		}
	}
	return result;
}

/** Compiles, or reads the cache. `log` gets a line when there is work to do. Returns {name: {abi, bytecode}}. */
export function compile({ log = () => {} } = {}) {
	if (compiled) return compiled;
	const sources = ownSources();
	const folder = path.resolve(process.env.FERRY_CACHE || path.join(HERE, '../build/contracts'));
	const file = path.join(folder, `${cacheKey(sources)}.json`);
	if (existsSync(file)) return (compiled = readJson(file));
	const start = Date.now();
	log(`contracts: compiling ${Object.keys(sources).length} files …`);
	compiled = runCompiler(sources);
	mkdirSync(folder, { recursive: true });
	writeFileSync(`${file}.${process.pid}`, JSON.stringify(compiled));
	renameSync(`${file}.${process.pid}`, file);
	log(`contracts: compiled in ${((Date.now() - start) / 1000).toFixed(1)} s`);
	return compiled;
}

/** {abi, bytecode} of one of our contracts or of LayerZero's. */
export function artifact(name) {
	if (!loaded.has(name)) {
		const found = LAYERZERO[name] ? readJson(path.join(MODULES, LAYERZERO[name])) : compile()[name];
		if (!found) throw new Error(`no contract named ${name}`);
		loaded.set(name, { abi: found.abi, bytecode: found.bytecode });
	}
	return loaded.get(name);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
	const contracts = compile({ log: console.log });
	for (const [name, c] of Object.entries(contracts))
		if (c.bytecode.length > 2) console.log(name.padEnd(24), `${c.bytecode.length / 2 - 1} bytes`);
}
