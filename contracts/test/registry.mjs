// Words for the tests of the registries: operations, their signatures, the tree, batches on their way.
import assert from 'node:assert/strict';
import {
	concat, encodeAbiParameters, hashTypedData, keccak256, size, slice, toHex, zeroAddress, zeroHash,
} from 'viem';
import { accounts, deliver, packetsOf, reasonText, verify } from './world.mjs';

const FOREVER = 4102444800n;
export const KINDS = ['', 'register', 'update', 'link', 'rotate', 'revoke'];
export const [, REGISTER, UPDATE, LINK, ROTATE, REVOKE] = KINDS.keys();
export const RECORD_BYTES = 137;

export const OPERATION_TYPES = { Operation: [
	{ name: 'operation', type: 'string' }, { name: 'mainEid', type: 'uint32' }, { name: 'homeChainId', type: 'uint256' },
	{ name: 'firstOwner', type: 'address' }, { name: 'salt', type: 'bytes32' }, { name: 'owner', type: 'address' },
	{ name: 'account', type: 'address' }, { name: 'recovery', type: 'address' }, { name: 'dataHash', type: 'bytes32' },
	{ name: 'version', type: 'uint64' }, { name: 'eager', type: 'bool' }, { name: 'deadline', type: 'uint256' },
] };

/** An identity's name on its home chain. */
export const subjectOf = ({ homeChainId, firstOwner, salt }) => keccak256(encodeAbiParameters(
	[{ type: 'string' }, { type: 'uint256' }, { type: 'address' }, { type: 'bytes32' }],
	['ferry-identity', homeChainId, firstOwner, salt]));

export const operationData = (proxy, main, operation) => ({
	domain: { name: 'Ferry', version: '1', chainId: proxy.chain_id, verifyingContract: proxy.addresses.proxy_registry },
	types: OPERATION_TYPES, primaryType: 'Operation',
	message: { ...operation, operation: KINDS[operation.kind] ?? '', mainEid: main.eid },
});

let salts = 0n;
const address = (who) => who?.address ?? who ?? zeroAddress;

/**
 * An operation for `proxy`, signed by `signer` (default: the owner, if it has a key) and, where `account` has a key,
 * with its consent. Every operation without a salt is another identity's.
 */
export async function operate(proxy, main, kind, owner, fields = {}) {
	const { signer = owner, account: other, consenter = other, signature, consent, ...rest } = fields;
	const operation = {
		kind, version: kind === REGISTER ? 1n : 2n, eager: false, homeChainId: BigInt(proxy.chain_id),
		firstOwner: address(owner), salt: toHex(++salts, { size: 32 }), owner: address(owner), account: address(other),
		recovery: zeroAddress, dataHash: kind === REVOKE ? zeroHash : keccak256(toHex(salts)), deadline: FOREVER,
		signature: '0x', consent: '0x', ...rest,
	};
	const typed = operationData(proxy, main, operation);
	operation.signature = signature ?? (signer?.signTypedData ? await signer.signTypedData(typed) : '0x');
	operation.consent = consent ?? (consenter?.signTypedData ? await consenter.signTypedData(typed) : '0x');
	return operation;
}

/** What comes after `operation` for the same identity. */
export const follow = (proxy, main, operation, kind, owner, fields = {}) => operate(proxy, main, kind, owner, {
	homeChainId: operation.homeChainId, firstOwner: operation.firstOwner, salt: operation.salt,
	version: operation.version + 1n, ...fields,
});

export const digestOf = (proxy, main, operation) => hashTypedData(operationData(proxy, main, operation));

// ---- the tree, from nothing but the leaves of a Batch event

const LEAF = [{ type: 'bytes32' }, { type: 'address' }, { type: 'bytes32' }, { type: 'uint64' }];
const LEAVES = [{ type: 'tuple[]', components: [
	{ name: 'subject', type: 'bytes32' }, { name: 'owner', type: 'address' }, { name: 'dataHash', type: 'bytes32' },
	{ name: 'version', type: 'uint64' },
] }];

export const leafHash = ({ subject, owner, dataHash, version }) =>
	keccak256(keccak256(encodeAbiParameters(LEAF, [subject, owner, dataHash, version])));
export const dataHashOf = (leaves) => keccak256(encodeAbiParameters(LEAVES, [leaves]));
export const parent = (a, b) => keccak256(concat(BigInt(a) < BigInt(b) ? [a, b] : [b, a]));

/** {root, paths: one a leaf}. */
export function treeOf(leaves) {
	const paths = leaves.map(() => []);
	let level = leaves.map((leaf, i) => ({ hash: leafHash(leaf), members: [i] }));
	while (level.length > 1) {
		const next = [];
		for (let i = 0; i < level.length; i += 2) {
			const [a, b] = [level[i], level[i + 1]];
			if (!b) {
				next.push(a);
				continue;
			}
			for (const m of a.members) paths[m].push(b.hash);
			for (const m of b.members) paths[m].push(a.hash);
			next.push({ hash: parent(a.hash, b.hash), members: [...a.members, ...b.members] });
		}
		level = next;
	}
	return { root: level[0].hash, paths };
}

// ---- messages

const tail = (data, from) => (size(data) > from ? slice(data, from) : '0x');
const number = (data, from, to) => Number(slice(data, from, to));

/** A batch's message, field by field. */
export function batchOf({ message: m }) {
	const records = [];
	for (let rest = tail(m, 164); rest !== '0x'; rest = tail(rest, RECORD_BYTES))
		records.push({
			index: number(rest, 0, 4), kind: number(rest, 4, 5), version: BigInt(slice(rest, 5, 13)),
			subject: slice(rest, 13, 45), firstOwner: slice(rest, 45, 65), owner: slice(rest, 65, 85),
			ownerAfter: slice(rest, 85, 105), dataHash: slice(rest, 105, 137),
		});
	return {
		version: number(m, 0, 1), type: number(m, 1, 2), number: BigInt(slice(m, 2, 10)), submitter: slice(m, 10, 30),
		requestId: slice(m, 30, 62), prevRoot: slice(m, 62, 94), root: slice(m, 94, 126), count: number(m, 126, 130),
		dataHash: slice(m, 130, 162), written: number(m, 162, 164), records,
	};
}

/** The gas a packet asks of its executor for lzReceive. */
export const askedGas = ({ options }) => BigInt(slice(options, 6, 22));

// ---- on their way

let requests = 0n;
export const newRequest = () => keccak256(concat([toHex('request'), toHex(++requests, { size: 32 })]));

/**
 * Submits operations. Returns the receipt, with `batch` (the event's arguments, `paths` and `tree`), `packet`,
 * `skipped` ({index, subject, reason: selector}) and `requestId`; batch and packet are undefined when none was sent.
 */
export async function submit(proxy, operations, options = {}) {
	const { from = accounts.relay, take = 0n, requestId = newRequest(), value, ...rest } = options;
	const eager = operations.filter((x) => x.eager || x.kind >= ROTATE).length;
	const written = BigInt(Math.min(eager + Number(take), 50));
	const fee = value ?? (await proxy.read('proxy_registry', 'quote', [written]));
	const receipt = await proxy.write(from, 'proxy_registry', 'submit', [operations, take, requestId],
		{ value: fee, gas: 16_700_000n, ...rest });
	const [batch] = receipt.named('Batch');
	const [packet] = packetsOf(receipt);
	const skipped = receipt.named('OperationSkipped')
		.map(({ index, subject, reason }) => ({ index: Number(index), subject, reason }));
	return { ...receipt, requestId, skipped, packet, batch: batch && { ...batch, ...treeOf(batch.leaves) } };
}

/** Verifies and delivers packets of a registry. Returns the Batcher's receipt. */
export async function arrive(chain, packets, options = {}) {
	await verify(chain, packets);
	return deliver(chain, packets, { fields: (packet) => ({ gasLimit: askedGas(packet) }), ...options });
}

/** What `check` says of each operation: '' or the error's name. */
export const check = async (proxy, operations) =>
	(await proxy.read('proxy_registry', 'check', [operations])).map((reason) => (BigInt(reason) ? reasonText(reason) : ''));

/** Submits, and holds `check` to what it said before. Returns what submit does, with `reasons`, one an operation. */
export async function submitChecked(proxy, operations, options) {
	const expected = await check(proxy, operations);
	const sent = await submit(proxy, operations, options);
	const reasons = operations.map(() => '');
	for (const { index, reason } of sent.skipped) if (index < reasons.length) reasons[index] = reasonText(reason);
	assert.deepEqual(reasons, expected, 'check and submit agree');
	return { ...sent, reasons };
}
