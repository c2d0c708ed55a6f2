// SPDX-License-Identifier: Apache-2.0
// Sealed payloads over two chains: to the key that the gateway shows of an identity, read at the receiving contract,
// opened by npm's @hpke/core and by `ferry`. And all that must not be accepted, or must not open.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { bytes, ferry as cli, hex, library, newKey, openByLibrary, options, sealByLibrary } from './envelope.mjs';
import { run, toHex, until } from './lib.mjs';

const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));
const ENDED = new Set(['FINAL', 'REJECTED', 'FAILED', 'EXPIRED']);
const folder = mkdtempSync(path.join(os.tmpdir(), 'ferry-sealed-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const suite = await library();
let keys = 0;

const newAccount = () => privateKeyToAccount(generatePrivateKey());
const makeKey = () => newKey(folder, `key-${++keys}`);
const randomKey = () => randomBytes(16).toString('hex');
const keyIdIn = (payload) => `x25519-${payload.slice(4, 20)}`;

/** A party whom others seal to: an identity on the rollup with a key. */
class Party {
	constructor(ferry, owner = newAccount()) {
		Object.assign(this, { ferry, owner, account: `eip155:${ferry.b.chain_id}:${owner.address}` });
		this.did = `did:pkh:${this.account}`;
	}

	async operate(operation, where, more) {
		const quote = await this.ferry.call('POST', '/v1/quotes', { kind: 'registry', operation, account: this.account, ...more });
		assert.equal(quote.status, 200, quote.text);
		const { domain, types: { EIP712Domain: _, ...types }, primaryType, message } = quote.json.typed_data;
		const signature = await this.owner.signTypedData({ domain, types, primaryType, message });
		const answer = await this.ferry.call('POST', where, { quote_id: quote.json.quote_id, signature });
		assert.equal(answer.status, 202, answer.text);
		return answer.json;
	}

	async register(key) {
		const { id, subject } = await this.operate('register', '/v1/identities', { encryption_key: key.text });
		Object.assign(this, { id, subject });
		return this;
	}

	change(verb, more) {
		return this.operate(verb, `/v1/identities/${this.id}:${verb}`, { identity: this.id, ...more });
	}

	async get() {
		const answer = await this.ferry.call('GET', `/v1/identities/${this.id}`);
		assert.equal(answer.status, 200, answer.text);
		return answer.json;
	}

	/** Waits until all operations have ended; the identity. */
	async settled() {
		let last;
		return until(() => JSON.stringify(last), async () => {
			last = await this.get();
			return last.operations.every((o) => ENDED.has(o.state)) ? last : null;
		}, 40000);
	}
}

/** The id on chain of the app that the instance's keys belong to. */
function chainAppId(ferry) {
	const said = ferry.ferryd('app', 'list');
	assert.equal(said.code, 0, said.text);
	return said.text.match(/"chain_app_id": ?"(0x[0-9a-f]{64})"/)[1];
}

const wayTo = (ferry, to, sender) => ({ src: ferry.a.eid, dst: ferry.b.eid, to, ...sender });

function sealByFerry(w, key, text) {
	const got = cli('seal', ...options(w), '--to-key', hex(key), '--text', text);
	assert.equal(got.code, 0, got.err);
	return got.out;
}

/** Both open it. */
async function opens(w, key, payload, text) {
	const got = cli('open', payload, ...options(w), '--secret-file', key.file, '--raw');
	assert.deepEqual([got.code, got.out], [0, text], got.err);
	assert.equal(await openByLibrary(suite, w, key.secret, payload), text);
}

/** Neither does. */
async function staysShut(w, key, payload, what) {
	const got = cli('open', payload, ...options(w), '--secret-file', key.file, '--raw');
	assert.deepEqual([got.code, got.out], [1, ''], what);
	await assert.rejects(openByLibrary(suite, w, key.secret, payload), undefined, what);
}

/** DELIVERED and final; arrived() looks that it was once. Others use the paths too: answers to batches. */
const delivered = (ferry, messages) => ferry.reachAll(messages, (m) => m.state === 'DELIVERED' && m.destination.final, 40000);

/** The payload that the receiving contract got with a message. */
async function arrived(ferry, receiver, message) {
	const got = (await ferry.b.got(receiver)).filter((e) => e.requestId === message.request_id);
	assert.equal(got.length, 1, message.id);
	return got[0].payload;
}

const stored = (ferry) => Number(ferry.sql('SELECT count(*) FROM message WHERE app_id <> 0')[0][0]);

/** Is refused, alone and in a batch, and nothing is stored. Returns the sentence. */
async function refused(ferry, body, status, code, pointer, headers = {}) {
	const before = stored(ferry);
	const answer = await ferry.call('POST', '/v1/messages', body, { 'idempotency-key': randomKey(), ...headers });
	assert.deepEqual([answer.status, answer.json.code, answer.json.errors.map((e) => [e.pointer, e.code])], [status, code, [[pointer, code]]], answer.text);
	const batch = await ferry.call('POST', '/v1/messages:batch', { messages: [{ ...body, idempotency_key: randomKey() }] }, headers);
	assert.equal(batch.json.results[0].problem.code, code, batch.text);
	assert.equal(batch.json.results[0].problem.errors[0].pointer, pointer, batch.text);
	assert.equal(stored(ferry), before);
	return answer.json.errors[0].detail;
}

/** SendMessage over gRPC; {error} or the message. */
function sendByGrpc(ferry, body) {
	const load = loader.loadSync('ferry/v1/message_service.proto', { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true, includeDirs: [PROTO] });
	const { MessageService } = grpc.loadPackageDefinition(load).ferry.v1;
	const client = new MessageService(ferry.dev.grpc, grpc.credentials.createInsecure());
	const metadata = new grpc.Metadata();
	metadata.set('authorization', ferry.headers.authorization);
	metadata.set('idempotency-key', randomKey());
	const request = {
		...body, kind: 'KIND_PUSH', submission: 'SUBMISSION_RELAYED', execution: 'EXECUTION_AUTOMATIC',
		receiver: Buffer.from(bytes(body.receiver)), payload: Buffer.from(bytes(body.payload)),
	};
	return new Promise((resolve) => client.SendMessage(request, metadata, (error, message) => {
		client.close();
		resolve(error ? { error } : message);
	}));
}

const scenarios = {
	async 'what is sealed to the shown key arrives, and both libraries open it'(ferry) {
		const [key, author, app] = [makeKey(), newAccount(), chainAppId(ferry)];
		const party = await new Party(ferry).register(key);
		const identity = await party.settled();
		assert.deepEqual([identity.encryption_key, identity.encryption_key_id, identity.version, identity.final_version], [key.text, key.id, '1', '1']);
		// the command line asks for the key by itself
		const receiver = await ferry.b.receiver();
		const words = ['send', '--src', ferry.a.eid, '--dst', ferry.b.eid, '--to', receiver, '--text', 'by ferry send', '--seal-to', party.id].map(String);
		Object.assign(process.env, { FERRY_URL: ferry.dev.http, FERRY_KEY: ferry.dev.secret_key });
		const byCli = cli(...words, '--app', app, '--json');
		assert.equal(byCli.code, 0, byCli.err);
		assert.ok(cli(...words).err.includes('--app'));
		assert.ok(cli(...words, '--app', app, '--signature', '0x00').err.includes('ferry seal'));
		assert.ok(cli(...words.slice(0, -1), `idn_${'0'.repeat(32)}`, '--app', app).code === 1);
		const did = await ferry.call('GET', `/v1/identities/${party.id}/did.json`);
		const agreed = did.json.verificationMethod.find((m) => m.id === did.json.keyAgreement[0]);
		assert.equal(`0x${Buffer.from(agreed.publicKeyJwk.x, 'base64url').toString('hex')}`, identity.encryption_key);
		const shown = bytes(identity.encryption_key);
		const [unsigned, signed] = [wayTo(ferry, receiver, { app }), wayTo(ferry, receiver, { author: author.address })];
		const body = (payload, recipient) => ferry.body(ferry.a, ferry.b, { receiver, payload, payload_encryption: { recipient, key_id: identity.encryption_key_id } });
		const authored = async (payload, recipient) => ({
			...await ferry.signed(ferry.a, ferry.b, author, { receiver, payload }), payload_encryption: { recipient, key_id: identity.encryption_key_id },
		});
		const sent = [];
		const send = async (w, text, recipient, message) => {
			assert.deepEqual(message.payload_encryption, { recipient, key_id: key.id });
			sent.push({ w, text, message });
		};
		await send(unsigned, 'library, one', party.id, await ferry.send(body(await sealByLibrary(suite, unsigned, shown, 'library, one'), party.id)));
		await send(signed, 'ferry, zwei', party.did, await ferry.send(await authored(sealByFerry(signed, shown, 'ferry, zwei'), party.did)));
		const batch = [body(sealByFerry(unsigned, shown, 'ferry, drei'), party.subject), await authored(await sealByLibrary(suite, signed, shown, 'library, 四'), party.id)];
		const [third, fourth] = await ferry.sendBatch(batch);
		await send(unsigned, 'ferry, drei', party.subject, third);
		await send(signed, 'library, 四', party.id, fourth);
		const fifth = await sendByGrpc(ferry, body(sealByFerry(unsigned, shown, 'five'), party.id));
		assert.deepEqual([fifth.error, fifth.payload_encryption], [undefined, { recipient: party.id, key_id: key.id }]);
		for (const [text, id] of [['five', fifth.id], ['by ferry send', JSON.parse(byCli.out).id]]) {
			const message = await ferry.get(id);
			await send(unsigned, text, party.id, message);
		}

		const done = await delivered(ferry, sent.map((s) => s.message));
		const list = (await ferry.call('GET', '/v1/messages?page_size=200')).json.messages;
		for (const [i, { w, text, message }] of sent.entries()) {
			const payload = await arrived(ferry, receiver, message);
			assert.equal(payload, message.payload);
			await opens(w, key, payload, text);
			for (const now of [done[i], list.find((m) => m.id === message.id)]) assert.deepEqual(now.payload_encryption, message.payload_encryption);
		}
		const last = await ferry.b.read(receiver, ferry.b.receiverAbi, 'lastPayload');
		assert.ok(sent.some(({ message }) => message.payload === last), last);
		const plain = await ferry.send(ferry.body(ferry.a, ferry.b, { receiver }));
		assert.equal(plain.payload_encryption, null);
	},

	async 'a text taken to another receiver, chain or sender, cut or changed, does not open'(ferry) {
		const [key, author, app] = [makeKey(), newAccount(), chainAppId(ferry)];
		const party = await new Party(ferry).register(key);
		await party.settled();
		const [mine, other] = [await ferry.b.receiver(), await ferry.b.receiver()];
		const w = wayTo(ferry, mine, { author: author.address });
		const payload = await sealByLibrary(suite, w, key.public, 'only here');
		const payload_encryption = { recipient: party.id, key_id: key.id };
		const right = await ferry.send({ ...await ferry.signed(ferry.a, ferry.b, author, { receiver: mine, payload }), payload_encryption });
		// the gateway cannot see whether it opens: it carries these, and nobody can read them
		const thief = newAccount();
		const wrong = [
			[{ ...w, to: other }, await ferry.signed(ferry.a, ferry.b, author, { receiver: other, payload })],
			// more gas: the hash that is its request id does not cover the author
			[{ ...w, author: thief.address }, await ferry.signed(ferry.a, ferry.b, thief, { receiver: mine, payload, options: { gas_limit: '210000', value: '0' } })],
			[wayTo(ferry, mine, { app }), ferry.body(ferry.a, ferry.b, { receiver: mine, payload })],
			[w, await ferry.signed(ferry.a, ferry.b, author, { receiver: mine, payload: payload.slice(0, -2) })],
			[w, await ferry.signed(ferry.a, ferry.b, author, { receiver: mine, payload: `${payload.slice(0, -2)}${payload.endsWith('00') ? '01' : '00'}` })],
		];
		const messages = [];
		for (const [, body] of wrong) messages.push(await ferry.send({ ...body, payload_encryption }));
		await delivered(ferry, [right, ...messages]);
		await opens(w, key, await arrived(ferry, mine, right), 'only here');
		for (const [i, [way, body]] of wrong.entries()) await staysShut(way, key, await arrived(ferry, body.receiver, messages[i]), `text ${i}`);
		// the other way round between the same chains
		await staysShut({ ...w, src: w.dst, dst: w.src }, key, payload, 'the way back');
		await staysShut(w, makeKey(), payload, 'another key');
	},

	async 'what is not sealed to a current key of a known identity is refused, nothing is stored'(ferry) {
		const [key, stranger, app] = [makeKey(), makeKey(), chainAppId(ferry)];
		const party = await new Party(ferry).register(key);
		await party.settled();
		const receiver = ferry.b.contracts.test_receiver;
		const w = wayTo(ferry, receiver, { app });
		const payload = sealByFerry(w, key.public, 'x');
		const good = ferry.body(ferry.a, ferry.b, { payload, payload_encryption: { recipient: party.id, key_id: key.id } });
		const [recipient, keyId] = ['/payload_encryption/recipient', '/payload_encryption/key_id'];
		const to = (name) => ({ ...good, payload_encryption: { ...good.payload_encryption, recipient: name } });
		for (const cut of [payload.slice(0, 2 + 2 * 56), payload.slice(0, 18), '0x', '0x68656c6c6f', `0x02${payload.slice(4)}`])
			await refused(ferry, { ...good, payload: cut }, 400, 'PAYLOAD_NOT_SEALED', '/payload');
		const said = await refused(ferry, { ...good, payload_encryption: { recipient: party.id, key_id: stranger.id } }, 400, 'PAYLOAD_NOT_SEALED', '/payload');
		assert.ok(said.includes(key.id), said);
		const foreign = { ...good, payload: sealByFerry(w, stranger.public, 'x'), payload_encryption: { recipient: party.id, key_id: stranger.id } };
		await refused(ferry, foreign, 400, 'ENCRYPTION_KEY_UNKNOWN', keyId);
		const unknown = [`idn_${'0'.repeat(32)}`, `did:pkh:eip155:${ferry.b.chain_id}:${newAccount().address}`, `did:pkh:eip155:${ferry.a.chain_id}:${party.owner.address}`, toHex(randomBytes(32))];
		for (const name of unknown) await refused(ferry, to(name), 400, 'RECIPIENT_UNKNOWN', recipient);
		await refused(ferry, to('somebody'), 400, 'ID_INVALID', recipient);
		await refused(ferry, to(''), 400, 'REQUIRED', recipient);

		// an author's signature helps nobody; over gRPC it is the same
		const signed = { ...await ferry.signed(ferry.a, ferry.b, newAccount(), { payload: foreign.payload }), payload_encryption: foreign.payload_encryption };
		await refused(ferry, signed, 400, 'ENCRYPTION_KEY_UNKNOWN', keyId);
		await refused(ferry, signed, 400, 'ENCRYPTION_KEY_UNKNOWN', keyId, { authorization: `Bearer ${ferry.dev.publishable_key}` });
		const before = stored(ferry);
		const { error } = await sendByGrpc(ferry, foreign);
		assert.equal(error?.code, grpc.status.INVALID_ARGUMENT);
		assert.ok(error.metadata.get('grpc-status-details-bin')[0].includes('ENCRYPTION_KEY_UNKNOWN'));
		assert.equal(stored(ferry), before);

		// another tenant knows nobody of ours
		const made = ferry.ferryd('app', 'create', `rival-${randomKey().slice(0, 8)}`).text.match(/app_\d+/)[0];
		const rival = { authorization: `Bearer ${ferry.ferryd('key', 'add', made, 'secret').text.match(/sk_\w+/)[0]}` };
		for (const name of [party.id, party.did, party.subject]) await refused(ferry, to(name), 400, 'RECIPIENT_UNKNOWN', recipient, rival);
		await ferry.send(good);
	},

	async 'a key that is not final yet, one that was rotated, one of a revoked identity'(ferry) {
		const [old, next, app] = [makeKey(), makeKey(), chainAppId(ferry)];
		const receiver = await ferry.b.receiver();
		const w = wayTo(ferry, receiver, { app });
		const [recipient, keyId] = ['/payload_encryption/recipient', '/payload_encryption/key_id'];
		const to = (party, key) => ferry.body(ferry.a, ferry.b, { receiver, payload: sealByFerry(w, key.public, 'mail'), payload_encryption: { recipient: party.id, key_id: key.id } });
		const party = new Party(ferry);
		const accepted = [];
		const first = randomKey();
		ferry.stopRelay(); // nothing becomes final
		try {
			await party.register(old);
			await refused(ferry, to(party, old), 409, 'ENCRYPTION_KEY_NOT_FINAL', keyId);
		} finally {
			ferry.goRelay();
		}
		await party.settled();
		const body = to(party, old);
		accepted.push(await ferry.send(body, first));
		ferry.stopRelay();
		try {
			await party.change('update', { encryption_key: next.text });
			assert.equal((await party.get()).encryption_key_id, next.id);
			accepted.push(await ferry.send(to(party, old)));
			Object.assign(process.env, { FERRY_URL: ferry.dev.http, FERRY_KEY: ferry.dev.secret_key });
			const byCli = cli(...['send', '--src', w.src, '--dst', w.dst, '--to', receiver, '--app', app, '--text', 'mail', '--seal-to', party.did, '--json'].map(String));
			assert.equal(byCli.code, 0, byCli.err);
			accepted.push(await ferry.get(JSON.parse(byCli.out).id));
			assert.deepEqual(accepted.at(-1).payload_encryption, { recipient: party.did, key_id: old.id });
			await refused(ferry, to(party, next), 409, 'ENCRYPTION_KEY_NOT_FINAL', keyId);
		} finally {
			ferry.goRelay();
		}
		const identity = await party.settled();
		assert.deepEqual([identity.encryption_key_id, identity.final_version], [next.id, '2']);
		const said = await refused(ferry, to(party, old), 409, 'ENCRYPTION_KEY_ROTATED', keyId);
		assert.ok(said.includes(next.id), said);
		assert.equal((await ferry.send(body, first)).id, accepted[0].id); // asked again: the first answer
		accepted.push(await ferry.send(to(party, next)));
		await delivered(ferry, accepted);

		// who keeps the old key reads all, who has only the new one is told which is missing
		const ring = { file: path.join(folder, 'ring') };
		writeFileSync(ring.file, `${readFileSync(next.file, 'utf8')}${readFileSync(old.file, 'utf8')}`, { mode: 0o600 });
		for (const message of accepted) {
			const payload = await arrived(ferry, receiver, message);
			assert.equal(keyIdIn(payload), message.payload_encryption.key_id);
			await opens(w, { file: ring.file, secret: keyIdIn(payload) === old.id ? old.secret : next.secret }, payload, 'mail');
		}
		const late = cli('open', accepted[0].payload, ...options(w), '--secret-file', next.file);
		assert.ok(late.code === 1 && late.out === '' && late.err.includes(old.id), late.err);

		await party.change('revoke');
		await refused(ferry, to(party, next), 409, 'RECIPIENT_REVOKED', recipient);
		await party.settled();
		await refused(ferry, to(party, next), 409, 'RECIPIENT_REVOKED', recipient);
	},
};

if (suite) await run(scenarios, { ports: [18660, 18679] });
