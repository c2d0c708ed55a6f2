// SPDX-License-Identifier: Apache-2.0
//
// Makes identity.json: what viem (and a naive tree below) compute for the same input as our C.
//   node tests/vectors/identity.mjs > tests/vectors/identity.json      after npm ci in contracts/
// Everything is derived from a counter, so that the file only changes when this script does.
import { createRequire } from "node:module";
import { createHash } from "node:crypto";

const require = createRequire(new URL("../../contracts/package.json", import.meta.url));
const viem = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { keccak256, concat, toHex, size, encodeAbiParameters, encodePacked } = viem;

let counter = 0x1d00000;
const rand = (n) => {
	let out = "0x";
	while (size(out) < n) out = concat([out, keccak256(toHex(counter++))]);
	return out.slice(0, 2 + 2 * n);
};
const num = (bits) => BigInt(rand(32)) >> BigInt(256 - bits);
const addr = () => rand(20);
const abi = (types, values) => encodeAbiParameters(types.split(",").map((type) => ({ type })), values);
const text = (v) => JSON.parse(JSON.stringify(v, (_, x) => (typeof x === "bigint" ? x.toString() : x)));
const ZERO = `0x${"00".repeat(20)}`;
const NOTHING = `0x${"00".repeat(32)}`;

const KINDS = ["register", "update", "link", "rotate", "revoke"];
const types = { Operation: [
	["string", "operation"], ["uint32", "mainEid"], ["uint256", "homeChainId"], ["address", "firstOwner"], ["bytes32", "salt"], ["address", "owner"],
	["address", "account"], ["address", "recovery"], ["bytes32", "dataHash"], ["uint64", "version"], ["bool", "eager"], ["uint256", "deadline"],
].map(([type, name]) => ({ name, type })) };
const subjectOf = (o) => keccak256(abi("string,uint256,address,bytes32", ["ferry-identity", o.homeChainId, o.firstOwner, o.salt]));
const leafOf = (r) => keccak256(concat([keccak256(abi("bytes32,address,bytes32,uint64", [r.subject, r.owner, r.dataHash, r.version]))]));

const operations = [];
for (let i = 0; i < 15; i++) {
	const kind = 1 + i % 5;
	const account = privateKeyToAccount(rand(32));
	const verifyingContract = addr();
	const chainId = num(i % 2 ? 16 : 40);
	const op = { kind, version: kind === 1 ? 1n : num(i % 3 ? 20 : 64), eager: i % 2 === 1, homeChainId: i % 4 ? chainId : num(60),
		firstOwner: kind === 1 ? account.address : addr(), salt: rand(32), owner: account.address, account: kind === 3 || kind === 4 ? addr() : ZERO,
		recovery: kind <= 2 && i % 2 ? addr() : ZERO, dataHash: kind === 5 ? NOTHING : rand(32), deadline: num(40), signature: "0x", consent: kind === 3 || kind === 4 ? rand(65) : "0x" };
	const mainEid = Number(num(32));
	const typed = { domain: { name: "Ferry", version: "1", chainId, verifyingContract }, types, primaryType: "Operation", message: { operation: KINDS[kind - 1], mainEid, ...op } };
	op.signature = await account.signTypedData(typed);
	const subject = subjectOf(op);
	const reg = { subject, owner: kind === 5 ? ZERO : kind === 4 ? op.account : op.owner, dataHash: op.dataHash, version: op.version };
	operations.push({ ...op, chainId, registry: verifyingContract, mainEid, subject, reg, leaf: leafOf(reg), digest: viem.hashTypedData(typed),
		structHash: viem.hashStruct({ data: typed.message, types, primaryType: "Operation" }) });
}

// The tree as it is told: level by level, a lone node goes up as it is.
const node = (a, b) => keccak256(concat(BigInt(a) < BigInt(b) ? [a, b] : [b, a]));
function climb(level, index, path) {
	if (level.length === 1) return { root: level[0], path };
	const up = [];
	for (let i = 0; i < level.length; i += 2) up.push(i + 1 < level.length ? node(level[i], level[i + 1]) : level[i]);
	return climb(up, index >> 1, (index ^ 1) < level.length ? [...path, level[index ^ 1]] : path);
}
// Member i of a tree: what the C test makes as well.
const member = (i) => ({ subject: keccak256(toHex(i, { size: 32 })), owner: keccak256(toHex(i, { size: 31 })).slice(0, 42), dataHash: keccak256(toHex(i, { size: 30 })), version: BigInt(i + 1) });
const regsHash = (regs) => keccak256(encodeAbiParameters([{ type: "tuple[]", components: [["bytes32", "subject"], ["address", "owner"], ["bytes32", "dataHash"], ["uint64", "version"]]
	.map(([type, name]) => ({ name, type })) }], [regs]));
const trees = [1, 2, 3, 5, 7, 100, 500].map((n) => {
	const regs = Array.from({ length: n }, (_, i) => member(i));
	const leaves = regs.map(leafOf);
	return { n, root: climb(leaves, 0, []).root, regsHash: regsHash(regs), paths: [...new Set([0, 1, n >> 1, n - 2, n - 1])].filter((i) => i >= 0 && i < n)
		.map((index) => ({ index, path: climb(leaves, index, []).path })) };
});

const accounts = [[], ["eip155:31338:0x52908400098527886E0F7030069857D2E4169EE7"],
	["eip155:31338:0x52908400098527886E0F7030069857D2E4169EE7", "eip155:1:0xde709f2102306220921060314715629080e2fb77", "eip155:10:0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"]]
	.map((list) => ({ list, hash: keccak256(toHex(list.join("\n"))) }));
const documentHash = rand(32), encryptionKey = rand(32);
const data = { documentHash, encryptionKey, accounts, keyId: `x25519-${createHash("sha256").update(Buffer.from(encryptionKey.slice(2), "hex")).digest("hex").slice(0, 16)}`,
	dataHash: keccak256(abi("bytes32,bytes32,bytes32", [documentHash, encryptionKey, accounts[2].hash])) };

const writtenOf = (index, kind) => ({ index, kind, version: num(64), subject: rand(32), firstOwner: addr(), owner: addr(), newOwner: kind === 5 ? ZERO : addr(), dataHash: rand(32) });
const batches = [0, 1, 3, 50].map((n) => {
	const b = { number: num(60), submitter: addr(), requestId: rand(32), prevRoot: rand(32), root: rand(32), count: 2 * n + 1, dataHash: rand(32),
		written: Array.from({ length: n }, (_, i) => writtenOf(2 * i + 1, 1 + i % 5)) };
	const packed = b.written.map((w) => encodePacked(["uint32", "uint8", "uint64", "bytes32", "address", "address", "address", "bytes32"],
		[w.index, w.kind, w.version, w.subject, w.firstOwner, w.owner, w.newOwner, w.dataHash]));
	return { ...b, written: b.written.slice(0, 3), written_n: n, raw: concat([encodePacked(
		["uint8", "uint8", "uint64", "address", "bytes32", "bytes32", "bytes32", "uint32", "bytes32", "uint16"],
		[1, 1, b.number, b.submitter, b.requestId, b.prevRoot, b.root, b.count, b.dataHash, n]), ...packed]) };
});
const answers = [[0], [2, 0, 1], Array.from({ length: 32 }, (_, i) => i % 4)].map((lengths) => {
	const requestId = rand(32);
	const list = lengths.map((r, i) => ({ number: BigInt(i + 7), root: rand(32), accepted: Number(num(9)), rejected: Array.from({ length: r }, (_, k) => 3 * k + i) }));
	const raw = concat([encodePacked(["uint8", "uint8", "bytes32", "uint16"], [1, 2, requestId, list.length]), ...list.map((x) => concat([
		encodePacked(["uint64", "bytes32", "uint32", "uint16"], [x.number, x.root, x.accepted, x.rejected.length]), ...x.rejected.map((k) => encodePacked(["uint32"], [k]))]))]);
	return { requestId, batches: list, raw };
});

const OP = "(uint8 kind,uint64 version,bool eager,uint256 homeChainId,address firstOwner,bytes32 salt,address owner,address account,address recovery,bytes32 dataHash,uint256 deadline,bytes signature,bytes consent)";
const REG = "(bytes32 subject,address owner,bytes32 dataHash,uint64 version)";
const encode = (signature, args) => viem.encodeFunctionData({ abi: viem.parseAbi([`function ${signature}`]), args });
const requestId = rand(32), srcEid = 40245, batch = num(40), reg = operations[3].reg, path = [rand(32), rand(32), rand(32)];
const reasons = ["0x00000000", "0x5cd5d233", "0xffffffff"];
const calls = { requestId, srcEid, batch, path, take: 17n, written: 9n, reasons, answer: abi("bytes4[]", [reasons]), data: {
	submit: encode(`submit(${OP}[] ops,uint256 take,bytes32 requestId)`, [operations, 17n, requestId]), submitNone: encode(`submit(${OP}[] ops,uint256 take,bytes32 requestId)`, [[], 17n, requestId]),
	check: encode(`check(${OP}[] ops)`, [operations]), quote: encode("quote(uint256 written)", [9n]), hashOperation: encode(`hashOperation(${OP} op)`, [operations[2]]),
	answerOf: encode("answerOf(uint64 n)", [batch]), stateOf: encode("stateOf(bytes32 s)", [reg.subject]), answer: encode("answer(uint32 e,uint64 n,bytes32 r)", [srcEid, batch, requestId]),
	quoteAnswer: encode("quoteAnswer(uint32 e,uint64 n)", [srcEid, batch]), isMember: encode(`isMember(${REG} reg,uint32 e,uint64 b,bytes32[] p)`, [reg, srcEid, batch, path]),
	isMemberAlone: encode(`isMember(${REG} reg,uint32 e,uint64 b,bytes32[] p)`, [reg, srcEid, batch, []]), claim: encode(`claim(${REG} reg,uint32 e,uint64 b,bytes32[] p)`, [reg, srcEid, batch, path]),
	rootOf: encode("rootOf(uint32 e,uint64 b)", [srcEid, batch]), identityOf: encode("identityOf(bytes32 s)", [reg.subject]) } };

// Made last: what stands above stays as it was.
const wrapped = [[20, 65], [0, 0], [196, 65], [1500, 700], [32, 31]].map(([data, signature]) => {
	const parts = { address: addr(), data: data ? rand(data) : "0x", signature: signature ? rand(signature) : "0x" };
	return { ...parts, whole: viem.serializeErc6492Signature(parts) };
});
calls.wallet = { account: addr(), digest: rand(32), signature: wrapped[0].whole };
calls.data.checkSignature = encode("checkSignature(address,bytes32,bytes)", Object.values(calls.wallet));

console.log(JSON.stringify(text({ note: "Made by identity.mjs.", operations, trees, data, batches, answers, calls, wrapped }), null, 1));
