// SPDX-License-Identifier: Apache-2.0
//
// Makes chain.json: what viem (and a naive trie below) compute for the same input as our C.
//   node tests/vectors/make.mjs > tests/vectors/chain.json      after npm ci in contracts/
// Everything is derived from a counter, so that the file only changes when this script does.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../contracts/package.json", import.meta.url));
const viem = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { keccak256, toRlp, concat, toHex, pad, size } = viem;

let counter = 0;
const rand = (n) => {
	let out = "0x";
	while (size(out) < n) out = concat([out, keccak256(toHex(counter++))]);
	return out.slice(0, 2 + 2 * n);
};
const num = (bits) => BigInt(rand(32)) >> BigInt(256 - bits);
const addr = () => rand(20);
const text = (v) => JSON.parse(JSON.stringify(v, (_, x) => (typeof x === "bigint" ? x.toString() : x)));

const pattern = (n) => Uint8Array.from({ length: n }, (_, i) => (i * 7 + n) % 251);
const keccak = [...Array(301).keys(), 1000, 10000].map((n) => ({ n, hash: keccak256(pattern(n)) }));

const M = 1n << 256n;
const edge = [0n, 1n, 9n, 10n, (1n << 64n) - 1n, 1n << 64n, (1n << 128n) - 1n, 1n << 128n, M - 1n, M >> 1n];
const wide = [...edge, ...Array.from({ length: 30 }, (_, i) => num(8 * (i % 32) + 8))];
const u256 = wide.map((a, i) => {
	const b = wide[(i * 7 + 3) % wide.length];
	const m = num(64), d = (num(64) >> BigInt(i % 60)) + 1n, bps = Number(num(15)), up = (x, y) => (x + y - 1n) / y;
	return { a, b, m, d, bps, hex: "0x" + a.toString(16), add: (a + b) % M, add_fits: a + b < M, sub: (a - b + M) % M, sub_fits: a >= b,
		mul: (a * b) % M, mul_fits: a * b < M, div: a / d, rest: a % d, mul_div: up(a * m, d) % M, mul_div_fits: up(a * m, d) < M,
		mul_bps: up(a * BigInt(bps), 10000n) % M, mul_bps_fits: up(a * BigInt(bps), 10000n) < M };
});

const accounts = [
	"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
	"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", "0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77",
	...Array.from({ length: 20 }, () => viem.getAddress(addr())),
];

const sendTypes = { Send: [
	["uint32", "dstEid"], ["bytes32", "receiver"], ["bytes", "payload"], ["uint128", "gasLimit"], ["uint128", "value"], ["bytes32", "orderingKey"],
	["uint256", "nonce"], ["uint256", "deadline"]].map(([type, name]) => ({ name, type })) };
const eip712 = [];
for (let i = 0; i < 12; i++) {
	const account = privateKeyToAccount(rand(32));
	const domain = { name: "Ferry", version: "1", chainId: Number(num(i % 2 ? 16 : 40)), verifyingContract: addr() };
	const message = { dstEid: Number(num(32)), receiver: rand(32), payload: rand(i * 17), gasLimit: num(128), value: num(i * 10 + 1), orderingKey: rand(32),
		nonce: num(256), deadline: num(i % 3 ? 40 : 256) };
	const typed = { domain, types: sendTypes, primaryType: "Send", message };
	eip712.push({ ...domain, ...message, author: account.address, digest: viem.hashTypedData(typed),
		structHash: viem.hashStruct({ data: message, types: sendTypes, primaryType: "Send" }), signature: await account.signTypedData(typed) });
}

const tx = [];
for (let i = 0; i < 14; i++) {
	const account = privateKeyToAccount(rand(32));
	const accessList = i % 5 === 4 ? [{ address: addr(), storageKeys: [rand(32), rand(32)] }, { address: addr(), storageKeys: [] }] : [];
	const t = { type: "eip1559", chainId: Number(num(i % 2 ? 16 : 40)), nonce: Number(num(i * 3)), maxPriorityFeePerGas: num(i * 3), maxFeePerGas: num(40) + (1n << 41n),
		gas: num(24), to: i % 4 === 3 ? undefined : addr(), value: i % 2 ? num(80) : 0n, data: rand([0, 1, 31, 55, 56, 57, 300, 70000][i % 8] > 1000 ? 3000 : [0, 1, 31, 55, 56, 57, 300, 0][i % 8]), accessList };
	const raw = await account.signTransaction(t);
	tx.push({ ...t, to: t.to ?? null, from: account.address, unsigned: keccak256(viem.serializeTransaction(t)), raw, hash: keccak256(raw) });
}

const item = (i) => ({ dstEid: Number(num(32)), receiver: rand(32), payload: rand([0, 1, 31, 32, 33, 100][i % 6]), gasLimit: num(128), value: num(128), orderingKey: rand(32),
	author: addr(), nonce: num(256), deadline: num(256), signature: rand(i % 2 ? 65 : 0), appId: rand(32), requestId: rand(32), fee: num(256) });
const ITEM = "(uint32 dstEid,bytes32 receiver,bytes payload,uint128 gasLimit,uint128 value,bytes32 orderingKey,address author,uint256 nonce,uint256 deadline,bytes signature,bytes32 appId,bytes32 requestId,uint256 fee)";
const encode = (signature, args) => viem.encodeFunctionData({ abi: viem.parseAbi([`function ${signature}`]), args });
const packet = { nonce: num(60), srcEid: Number(num(32)), sender: pad(addr()), dstEid: Number(num(32)), receiver: pad(addr()), message: rand(77) };
const origin = { srcEid: packet.srcEid, sender: packet.sender, nonce: packet.nonce };
const to = viem.getAddress("0x" + packet.receiver.slice(26)), from = viem.getAddress("0x" + packet.sender.slice(26));
const header = viem.encodePacked(["uint8", "uint64", "uint32", "bytes32", "uint32", "bytes32"],
	[1, packet.nonce, packet.srcEid, packet.sender, packet.dstEid, packet.receiver]);
packet.guid = keccak256("0x" + header.slice(4));
packet.raw = concat([header, packet.guid, packet.message]);
packet.payloadHash = keccak256(concat([packet.guid, packet.message]));
const ORIGIN = "(uint32 srcEid,bytes32 sender,uint64 nonce)";
const path = [to, packet.srcEid, packet.sender], P = "address a,uint32 b,bytes32 c";
const items = Array.from({ length: 7 }, (_, i) => item(i));
const deliveries = [0, 1, 2].map((i) => ({ packet: rand(113 + 20 * i), gasLimit: num(40), value: num(128), ops: i + 1 }));
const params = [0, 1, 2].map((i) => ({ vid: Number(num(32)), target: addr(), callData: rand(228), expiration: num(40), signatures: rand(65 * i) }));
const nonce = num(256), author = addr(), digest = rand(32), signature = rand(200), dvn = addr();
const calls = { items, deliveries, params, packet, nonce, author, digest, signature, dvn, confirmations: 15, headerHash: keccak256(header), data: {
	sendMany: encode(`sendMany(${ITEM}[] items)`, [items]), sendNone: encode(`sendMany(${ITEM}[] items)`, [[]]),
	quote: encode(`quote(${ITEM} item)`, [items[3]]), hashItem: encode(`hashItem(${ITEM} item)`, [items[4]]),
	cancelNonce: encode("cancelNonce(uint256 n)", [nonce]), nonceBitmap: encode("nonceBitmap(address a,uint256 w)", [author, nonce >> 8n]),
	nonceUsed: encode("nonceUsed(address a,uint256 w)", [author, nonce]),
	deliver: encode("deliver((bytes packet,uint256 gasLimit,uint256 value,uint8 ops)[] items)", [deliveries]),
	verify: encode("verify(bytes h,bytes32 p,uint64 c)", [header, packet.payloadHash, 15n]),
	commitVerification: encode("commitVerification(bytes h,bytes32 p)", [header, packet.payloadHash]),
	hashLookup: encode("hashLookup(bytes32 h,bytes32 p,address d)", [keccak256(header), packet.payloadHash, dvn]),
	execute: encode("execute((uint32 vid,address target,bytes callData,uint256 expiration,bytes signatures)[] p)", [params]),
	lzReceive: encode(`lzReceive(${ORIGIN} o,address r,bytes32 g,bytes m,bytes e)`, [origin, to, packet.guid, packet.message, "0x"]),
	inboundPayloadHash: encode(`inboundPayloadHash(${P},uint64 n)`, [...path, packet.nonce]), lazyInboundNonce: encode(`lazyInboundNonce(${P})`, path),
	inboundNonce: encode(`inboundNonce(${P})`, path), outboundNonce: encode(`outboundNonce(${P})`, [from, packet.dstEid, packet.receiver]),
	clear: encode(`clear(address a,${ORIGIN} o,bytes32 g,bytes m)`, [to, origin, packet.guid, packet.message]),
	skip: encode(`skip(${P},uint64 n)`, [...path, packet.nonce]), nilify: encode(`nilify(${P},uint64 n,bytes32 h)`, [...path, packet.nonce, packet.payloadHash]),
	burn: encode(`burn(${P},uint64 n,bytes32 h)`, [...path, packet.nonce, packet.payloadHash]),
	isValidSignature: encode("isValidSignature(bytes32 d,bytes s)", [digest, signature]) } };

const log = (declaration, args) => {
	const abi = viem.parseAbi([`event ${declaration}`]);
	const inputs = abi[0].inputs;
	return { topics: viem.encodeEventTopics({ abi, args: Object.fromEntries(inputs.filter((x) => x.indexed).map((x) => [x.name, args[x.name]])) }),
		data: viem.encodeAbiParameters(inputs.filter((x) => !x.indexed), inputs.filter((x) => !x.indexed).map((x) => args[x.name])), args };
};
const ev = { encodedPayload: packet.raw, options: rand(22), sendLibrary: addr(), origin, receiver: to, executor: addr(), guid: packet.guid, payloadHash: packet.payloadHash,
	gas: num(256), value: num(256), message: packet.message, extraData: rand(5), reason: rand(100), srcEid: packet.srcEid, sender: packet.sender, nonce: packet.nonce,
	dvn, header, confirmations: 15n, proofHash: packet.payloadHash, index: 3n, requestId: rand(32), author };
const POS = "uint32 srcEid, bytes32 sender, address receiver, uint64 nonce";
const events = Object.fromEntries([
	"PacketSent(bytes encodedPayload, bytes options, address sendLibrary)", `PacketVerified(${ORIGIN} origin, address receiver, bytes32 payloadHash)`,
	`PacketDelivered(${ORIGIN} origin, address receiver)`,
	`LzReceiveAlert(address indexed receiver, address indexed executor, ${ORIGIN} origin, bytes32 guid, uint256 gas, uint256 value, bytes message, bytes extraData, bytes reason)`,
	`InboundNonceSkipped(${POS})`, `PacketNilified(${POS}, bytes32 payloadHash)`, `PacketBurnt(${POS}, bytes32 payloadHash)`,
	"PayloadVerified(address dvn, bytes header, uint256 confirmations, bytes32 proofHash)", "ExecuteFailed(uint256 index, bytes reason)",
	"VerifySignaturesFailed(uint256 index)", "Sent(bytes32 indexed requestId, bytes32 guid)", "Skipped(uint256 index, bytes32 requestId, bytes reason)",
	"Received(bytes32 guid, bytes32 requestId)", "NonceCancelled(address indexed author, uint256 nonce)", "CommitFailed(uint256 index, bytes32 guid, bytes reason)",
	"Stopped(uint256 index)"].map((d) => [d.slice(0, d.indexOf("(")), log(d, ev)]));

const messenger = [0, 1].map((signed) => {
	const m = { signed, author: addr(), appId: signed ? pad("0x0") : rand(32), requestId: rand(32), receiver: rand(32), gasLimit: num(128),
		orderingKey: signed ? rand(32) : pad("0x0"), seq: signed ? num(63) + 1n : 0n, payload: rand(50) };
	return { ...m, raw: viem.encodePacked(["uint8", "uint8", "address", "bytes32", "bytes32", "bytes32", "uint128", "bytes32", "uint64", "bytes"],
		[1, signed, m.author, m.appId, m.requestId, m.receiver, m.gasLimit, m.orderingKey, m.seq, m.payload]) };
});

const error = (signature, args) => viem.encodeErrorResult({ abi: viem.parseAbi([`error ${signature}`]), args });
const revert = {
	"reverted: not enough balance": error("Error(string s)", ["not enough balance"]),
	"reverted: ": error("Error(string s)", [""]),
	"panic 0x11: arithmetic overflow": error("Panic(uint256 c)", [0x11n]),
	"panic 0x99: unknown": error("Panic(uint256 c)", [0x99n]),
	"LZ_InvalidNonce(7)": error("LZ_InvalidNonce(uint64 n)", [7n]),
	"LZ_ULN_Verifying": error("LZ_ULN_Verifying()", []),
	"LZ_InsufficientFee(1, 2, 3, 4)": error("LZ_InsufficientFee(uint256 a,uint256 b,uint256 c,uint256 d)", [1n, 2n, 3n, 4n]),
	["NonceUsed(" + viem.getAddress(author) + ", " + nonce + ")"]: error("NonceUsed(address a,uint256 n)", [author, nonce]),
	["LZ_PayloadHashNotFound(" + digest + ", " + packet.guid + ")"]: error("LZ_PayloadHashNotFound(bytes32 a,bytes32 b)", [digest, packet.guid]),
	"InvalidOptions(0x0003)": error("InvalidOptions(bytes o)", ["0x0003"]),
	["MultiSig_StateNotSet(" + viem.getAddress(author) + ", true)"]: error("MultiSig_StateNotSet(address a,bool b)", [author, true]),
};

// The trie as the yellow paper writes it: a map from nibble strings to values.
const nibbles = (hex) => [...hex.slice(2)].map((c) => parseInt(c, 16));
const hp = (path, leaf) => { const f = (leaf ? 2 : 0) + (path.length % 2); const all = path.length % 2 ? [f, ...path] : [f, 0, ...path];
	return "0x" + all.map((x) => x.toString(16)).join(""); };
function node(pairs) { // -> RLP tree
	if (pairs.length === 0) return "0x";
	if (pairs.length === 1) return [hp(pairs[0][0], true), pairs[0][1]];
	let common = 0;
	while (pairs.every(([k]) => k.length > common && k[common] === pairs[0][0][common])) common++;
	if (common > 0) return [hp(pairs[0][0].slice(0, common), false), ref(node(pairs.map(([k, v]) => [k.slice(common), v])))];
	const out = [];
	for (let i = 0; i < 16; i++) out.push(ref(node(pairs.filter(([k]) => k[0] === i).map(([k, v]) => [k.slice(1), v]))));
	return [...out, pairs.find(([k]) => k.length === 0)?.[1] ?? "0x"];
}
const store = new Map();
function ref(tree) { if (tree === "0x") return tree; const rlp = toRlp(tree); if (size(rlp) < 32) return tree; store.set(keccak256(rlp), rlp); return keccak256(rlp); }
const root = (pairs) => { const rlp = toRlp(node(pairs)); store.set(keccak256(rlp), rlp); return keccak256(rlp); };
const value = (i, n) => toHex(Uint8Array.from({ length: 1 + (i * 37 + n) % 90 }, (_, j) => 1 + (i + j) % 255));
const mptRoots = [0, 1, 2, 3, 15, 16, 17, 127, 128, 129, 130, 255, 256, 257, 300, 1000].map((n) => ({ n,
	root: root(Array.from({ length: n }, (_, i) => [nibbles(toRlp(i === 0 ? "0x" : toHex(i))), value(i, n)])) }));
function prove(rootHash, key) {
	const proof = []; let tree = rootHash, path = nibbles(key);
	for (;;) {
		if (tree === "0x") return proof;
		if (typeof tree === "string") { proof.push(store.get(tree)); tree = viem.fromRlp(store.get(tree), "hex"); continue; }
		if (tree.length === 17) { if (path.length === 0) return proof; tree = tree[path.shift()]; continue; }
		const raw = nibbles(tree[0]), part = raw.slice(raw[0] % 2 ? 1 : 2);
		if (raw[0] >= 2 || part.some((x, i) => x !== path[i])) return proof;
		path = path.slice(part.length); tree = tree[1];
	}
}
const slots = Array.from({ length: 40 }, (_, i) => [rand(32), num(8 * (i % 32) + 1) + 1n]);
const hashed = slots.map(([k, v]) => [nibbles(keccak256(k)), toRlp(toHex(v))]);
const storageRoot = root(hashed);
const storage = { root: storageRoot, present: slots.slice(0, 12).map(([slot, v]) => ({ slot, value: v, proof: prove(storageRoot, keccak256(slot)) })),
	absent: Array.from({ length: 8 }, () => rand(32)).map((slot) => ({ slot, proof: prove(storageRoot, keccak256(slot)) })) };

const LEAF = "(bytes32 subject,address owner,bytes32 dataHash,uint64 version)";
const registry = { requestId: ev.requestId, index: 3n, subject: rand(32), reason: "0x5cd5d233", number: 7n, guid: packet.guid, prevRoot: rand(32), root: rand(32),
	leaves: [0, 1, 2].map(() => ({ subject: rand(32), owner: addr(), dataHash: rand(32), version: num(64) })), srcEid: packet.srcEid, batch: 7n, count: 3, rejected: 2,
	kind: 4, ref: rand(32), accepted: 1, indices: [0, 2],
	position: 5n, owner: author, version: 9n, dataHash: packet.payloadHash, eager: true };
for (const d of ["OperationSkipped(bytes32 indexed requestId, uint256 index, bytes32 subject, bytes4 reason)",
	`Batch(uint64 indexed number, bytes32 indexed requestId, bytes32 guid, bytes32 prevRoot, bytes32 root, ${LEAF}[] leaves)`,
	"BatchAccepted(uint32 indexed srcEid, uint64 indexed batch, bytes32 root, uint32 count, uint32 rejected)",
	"BatchPassed(uint32 indexed srcEid, uint64 indexed batch, bytes32 root)",
	"Enqueued(uint64 indexed position, bytes32 indexed subject, address owner, uint8 kind, uint64 version, bytes32 dataHash, bool eager)",
	"Recorded(bytes32 indexed subject, uint8 kind, uint32 srcEid, uint64 batch, bytes32 ref)"]) events[d.slice(0, d.indexOf("("))] = log(d, registry);
events.Rejected = log("Rejected(uint32 indexed srcEid, uint64 indexed batch, uint32 index, bytes32 subject, uint8 reason)", { ...registry, index: 3, reason: 2 });
events.Answered = log("Answered(uint64 indexed number, bytes32 root, uint32 accepted, uint32[] rejected)", { ...registry, rejected: registry.indices });
for (const e of Object.values(events)) delete e.args;
delete registry.reason;

console.log(JSON.stringify(text({ note: "Made by make.mjs.", keccak, u256, accounts, eip712, tx, calls, events, registry, messenger, revert, mpt_roots: mptRoots, storage }), null, 1));
