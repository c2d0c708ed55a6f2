// SPDX-License-Identifier: Apache-2.0
// Identities on real chains: registered on the rollup, final on the main registry. What is final is asked of the
// contracts, never of Ferry.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
	createWalletClient, encodeAbiParameters, encodeDeployData, encodeFunctionData, getContractAddress, hexToBigInt, http, keccak256,
	serializeErc6492Signature, slice, zeroAddress,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { artifact } from '../../contracts/compile.mjs';
import { run, toHex, until } from './lib.mjs';

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const SIDE_BY_SIDE = 16;
const ENDED = new Set(['FINAL', 'REJECTED', 'FAILED', 'EXPIRED']);

const newAccount = () => privateKeyToAccount(generatePrivateKey());
const caip = (chain, account) => `eip155:${chain.chain_id}:${account.address ?? account}`;

/** The API of identities as a dApp uses it. */
class Identities {
	constructor(ferry) {
		this.ferry = ferry;
		[this.main, this.proxy] = ferry.chains;
		this.mainAbi = artifact('MainRegistry').abi;
		this.proxyAbi = artifact('ProxyRegistry').abi;
	}

	async quote(operation, account, more = {}) {
		const answer = await this.ferry.call('POST', '/v1/quotes', { kind: 'registry', operation, account: caip(this.proxy, account), ...more });
		assert.equal(answer.status, 200, answer.text);
		return answer.json;
	}

	/** What a wallet does with a quote. */
	sign(account, { typed_data: { domain, types: { EIP712Domain: _, ...types }, primaryType, message } }) {
		return account.signTypedData({ domain, types, primaryType, message });
	}

	submit(where, body) {
		return this.ferry.call('POST', where, body);
	}

	async register(account, more) {
		const quote = await this.quote('register', account, more);
		const answer = await this.submit('/v1/identities', { quote_id: quote.quote_id, signature: await this.sign(account, quote) });
		assert.equal(answer.status, 202, answer.text);
		return answer.json;
	}

	/** Another operation on an identity, signed by `account`, with the consent of `other`. */
	async change(verb, identity, account, { other, ...more } = {}) {
		const quote = await this.quote(verb, account, { identity: identity.id, ...(other ? { new_account: caip(this.proxy, other) } : {}), ...more });
		const answer = await this.submit(`/v1/identities/${identity.id}:${verb}`, {
			quote_id: quote.quote_id, signature: await this.sign(account, quote), ...(other ? { consent: await this.sign(other, quote) } : {}),
		});
		assert.equal(answer.status, 202, answer.text);
		return answer.json;
	}

	async get(id) {
		const answer = await this.ferry.call('GET', `/v1/identities/${id}`);
		assert.equal(answer.status, 200, answer.text);
		return answer.json;
	}

	/** Waits until all operations have ended; the identity. */
	async settled(id, ms = 40000) {
		let last;
		return until(() => JSON.stringify(last), async () => {
			last = await this.get(id);
			return last.operations.every((o) => ENDED.has(o.state)) ? last : null;
		}, ms);
	}

	async proof(id) {
		const answer = await this.ferry.call('GET', `/v1/identities/${id}/proof`);
		assert.equal(answer.status, 200, answer.text);
		return answer.json;
	}

	/** The main registry's own word on a proof as the API gives it. */
	isMember({ reg, src_eid, batch_number, path }) {
		const { subject, owner, data_hash, version } = reg;
		return this.main.read(this.main.contracts.main_registry, this.mainAbi, 'isMember',
			[{ subject, owner, dataHash: data_hash, version: BigInt(version) }, src_eid, BigInt(batch_number), path]);
	}

	stateOf(subject) {
		return this.main.read(this.main.contracts.main_registry, this.mainAbi, 'identityOf', [subject]);
	}

	batches() {
		return this.proxy.events(this.proxy.contracts.proxy_registry, this.proxyAbi).then((list) => list.filter((e) => e.eventName === 'Batch'));
	}
}

/** A contract wallet of one key that nobody has deployed, as an account that signs; `plain` signs without what deploys it. */
function newWallet(factory, { key = newAccount(), signer = key, method = 'make' } = {}) {
	const salt = toHex(randomBytes(32));
	const { abi, bytecode } = artifact('TestOwnedWallet');
	const address = getContractAddress({ opcode: 'CREATE2', from: factory, salt, bytecode: encodeDeployData({ abi, bytecode, args: [key.address] }) });
	const data = encodeFunctionData({ abi: artifact('TestFactory').abi, functionName: method, args: method === 'fail' ? [] : [key.address, salt] });
	const signTypedData = (typed) => signer.signTypedData(typed);
	return {
		address, key, plain: { address, signTypedData },
		signTypedData: async (typed) => serializeErc6492Signature({ address: factory, data, signature: await signTypedData(typed) }),
	};
}

/** Runs jobs, some at a time. */
async function each(list, job) {
	const queue = list.map((item, i) => [item, i]);
	await Promise.all(Array.from({ length: SIDE_BY_SIDE }, async () => {
		for (let next = queue.shift(); next; next = queue.shift()) await job(...next);
	}));
}

/** The other signature that says the same: refused by everybody since EIP-2. */
function highS(signature) {
	const [r, s, v] = [slice(signature, 0, 32), hexToBigInt(slice(signature, 32, 64)), Number(slice(signature, 64))];
	return `${r}${(ORDER - s).toString(16).padStart(64, '0')}${(v === 27 ? 28 : 27).toString(16)}`;
}

/** Every way to be refused at the door: [code, body of the request, from a quote that was signed well]. */
const REFUSED = [
	['SIGNATURE_HIGH_S', ({ quote, signature }) => ({ quote_id: quote.quote_id, signature: highS(signature) })],
	['SIGNATURE_MISMATCH', async ({ api, quote }) => ({ quote_id: quote.quote_id, signature: await api.sign(newAccount(), quote) })],
	['SIGNATURE_MISMATCH', ({ quote }) => ({ quote_id: quote.quote_id, signature: `0x${'11'.repeat(64)}1b` })],
	['SIGNATURE_MISMATCH', async ({ api, quote, account }) => {
		const changed = structuredClone(quote);
		changed.typed_data.message.dataHash = toHex(randomBytes(32));
		return { quote_id: quote.quote_id, signature: await api.sign(account, changed) };
	}],
	['SIGNATURE_MISMATCH', async ({ api, quote, account }) => {
		const changed = structuredClone(quote);
		changed.typed_data.domain.chainId = 1;
		return { quote_id: quote.quote_id, signature: await api.sign(account, changed) };
	}],
	['QUOTE_USED', async ({ api, quote, signature }) => {
		const first = await api.submit('/v1/identities', { quote_id: quote.quote_id, signature });
		assert.equal(first.status, 202, first.text);
		const again = await api.submit('/v1/identities', { quote_id: quote.quote_id, signature });
		assert.equal(again.status, 202, again.text);
		assert.equal(again.json.id, first.json.id);
		return { quote_id: quote.quote_id, signature: `0x${'22'.repeat(64)}1b` };
	}],
];
/** And at the quote: [code, the account]. */
const REFUSED_QUOTES = [
	['ACCOUNT_CHAIN_MISMATCH', (api, account) => caip(api.main, account)],
	['ACCOUNT_CHECKSUM', (api, account) => `eip155:${api.proxy.chain_id}:${account.address.slice(0, 2)}${account.address.slice(2)
		.replace(/[a-fA-F]/, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))}`],
];

const problemCodes = (answer) => [answer.json?.code, ...(answer.json?.errors ?? []).map((e) => e.code)];

const scenarios = {
	async 'a dApp: quote, sign, register, watch, and a proof that the chain takes'(ferry) {
		const api = new Identities(ferry);
		const account = newAccount();
		const document_hash = toHex(randomBytes(32));
		const made = await api.register(account, { document_hash });
		assert.match(made.id, /^idn_[0-9a-f]{32}$/);
		assert.deepEqual([made.state, made.did, made.accounts], ['PENDING', `did:pkh:${caip(api.proxy, account)}`, [caip(api.proxy, account)]]);
		const early = await ferry.call('GET', `/v1/identities/${made.id}/proof`);
		assert.equal(early.status, 409, early.text);

		// the stream ends by itself when nothing is on its way any more
		const controller = AbortSignal.timeout(40000);
		const stream = await fetch(`${ferry.dev.http}/v1/identities/${made.id}/events`, { headers: { ...ferry.headers, accept: 'text/event-stream' }, signal: controller });
		assert.equal(stream.status, 200);
		let text = '';
		for await (const part of stream.body) {
			text += Buffer.from(part).toString();
			if (text.includes('FINAL')) break;
		}
		const types = [...text.matchAll(/"type": ?"([A-Z]+)"/g)].map((m) => m[1]);
		assert.deepEqual(types, ['ACCEPTED', 'BATCHED', 'SUBMITTED', 'SENT', 'VERIFYING', 'VERIFIED', 'COMMITTED', 'FINAL'], text);

		const identity = await api.get(`did:pkh:${caip(api.proxy, account)}`);
		assert.deepEqual([identity.id, identity.state, identity.operations[0].state], [made.id, 'FINAL', 'FINAL']);
		const proof = await api.proof(made.id);
		assert.equal(await api.isMember(proof), true);
		const [subject, owner] = [made.subject, account.address];
		assert.deepEqual([proof.reg.subject, proof.reg.owner.toLowerCase(), String(proof.reg.version)], [subject, owner.toLowerCase(), '1']);
		for (const wrong of [{ version: 2 }, { owner: newAccount().address }, { data_hash: toHex(randomBytes(32)) }])
			assert.equal(await api.isMember({ ...proof, reg: { ...proof.reg, ...wrong } }), false);
		const accountsHash = keccak256(Buffer.from(caip(api.proxy, account)));
		assert.equal(proof.reg.data_hash, keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'bytes32' }],
			[document_hash, `0x${'00'.repeat(32)}`, accountsHash])));

		const did = await ferry.call('GET', `/v1/identities/${made.id}/did.json`);
		assert.equal(did.status, 200, did.text);
		assert.equal(did.json.id, `did:pkh:${caip(api.proxy, account)}`);
		assert.equal(did.json.verificationMethod[0].blockchainAccountId, caip(api.proxy, account));
		const batch = await ferry.call('GET', `/v1/batches/${proof.batch_id}`);
		assert.equal(batch.status, 200, batch.text);
		assert.equal(batch.json.root, proof.root);
	},

	async 'a thousand registrations, one in ten wrong in every way'(ferry) {
		const api = new Identities(ferry);
		const all = Array.from({ length: 1000 }, (_, i) => ({ account: newAccount(), wrong: i % 10 === 9 ? Math.floor(i / 10) : null }));
		const wrongs = REFUSED.length + REFUSED_QUOTES.length;
		await each(all, async (one) => {
			const { account, wrong } = one;
			const kind = wrong === null ? null : wrong % wrongs;
			if (kind !== null && kind >= REFUSED.length) {
				const [code, name] = REFUSED_QUOTES[kind - REFUSED.length];
				const answer = await ferry.call('POST', '/v1/quotes', { kind: 'registry', operation: 'register', account: name(api, account) });
				assert.ok(answer.status >= 400 && problemCodes(answer).includes(code), `${code}: ${answer.text}`);
				return;
			}
			const quote = await api.quote('register', account);
			const signature = await api.sign(account, quote);
			if (kind === null) {
				const answer = await api.submit('/v1/identities', { quote_id: quote.quote_id, signature });
				assert.equal(answer.status, 202, answer.text);
				one.id = answer.json.id;
				return;
			}
			const [code, body] = REFUSED[kind];
			const answer = await api.submit('/v1/identities', await body({ api, quote, signature, account }));
			assert.ok(answer.status >= 400 && problemCodes(answer).includes(code), `${code}: ${answer.text}`);
			one.used = code === 'QUOTE_USED';
		});
		const valid = all.filter((one) => one.id);
		assert.equal(valid.length, 900);
		await until(() => ferry.sql('SELECT state, count(*) FROM operation GROUP BY 1').join(' '), () =>
			ferry.sql("SELECT 1 FROM operation WHERE state NOT IN ('FINAL', 'REJECTED', 'FAILED', 'EXPIRED') LIMIT 1").length === 0, 90000);
		await each(valid, async ({ id }) => {
			const proof = await api.proof(id);
			assert.equal(await api.isMember(proof), true, id);
		});
		// those that were refused left nothing behind, on no chain
		const owners = new Set((await api.batches()).flatMap((b) => b.args.leaves.map((leaf) => leaf.owner.toLowerCase())));
		for (const one of all.filter((x) => x.wrong !== null && !x.used)) assert.ok(!owners.has(one.account.address.toLowerCase()));
		for (const one of valid) assert.ok(owners.has(one.account.address.toLowerCase()));
	},

	async 'update, link, rotate and revoke: the registry follows, the old owner is out'(ferry) {
		const api = new Identities(ferry);
		const [first, second, friend] = [newAccount(), newAccount(), newAccount()];
		let identity = await api.register(first, { apply: 'eager' });
		identity = await api.change('update', identity, first, { document_hash: toHex(randomBytes(32)) });
		identity = await api.change('link', identity, first, { other: friend });
		identity = await api.settled(identity.id);
		assert.deepEqual(identity.operations.map((o) => [o.type, o.state]), [['register', 'FINAL'], ['update', 'FINAL'], ['link', 'FINAL']]);
		assert.deepEqual(identity.accounts, [first, friend].map((a) => caip(api.proxy, a)));
		assert.equal((await api.get(`did:pkh:${caip(api.proxy, friend)}`)).id, identity.id);
		assert.equal((await api.stateOf(identity.subject))[0].toLowerCase(), first.address.toLowerCase()); // eager: written
		const before = await api.proof(identity.id);
		assert.equal(await api.isMember(before), true);

		identity = await api.change('rotate', identity, first, { other: second });
		identity = await api.settled(identity.id);
		assert.equal(identity.operations.at(-1).state, 'FINAL');
		assert.equal((await api.stateOf(identity.subject))[0].toLowerCase(), second.address.toLowerCase());
		assert.equal(await api.isMember(before), false);
		assert.equal(await api.isMember(await api.proof(identity.id)), true);
		const refused = await ferry.call('POST', '/v1/quotes', { kind: 'registry', operation: 'update', account: caip(api.proxy, first), identity: identity.id, document_hash: toHex(randomBytes(32)) });
		assert.ok(refused.status >= 400, refused.text);

		identity = await api.change('revoke', identity, second);
		identity = await api.settled(identity.id);
		assert.equal(identity.state, 'REVOKED');
		assert.equal((await api.stateOf(identity.subject))[3], true);
		const gone = await ferry.call('GET', `/v1/identities/${identity.id}/proof`);
		assert.ok(gone.status >= 400, gone.text);
	},

	async 'a stranger sends our operation first: it joins his batch, and is final once'(ferry) {
		const api = new Identities(ferry);
		ferry.stopRelay();
		const account = newAccount();
		let identity;
		try {
			identity = await api.register(account);
			const [[kind, version, eager, home, owner, salt, hash, deadline, signature]] = ferry.sql(`SELECT o.kind, o.version, o.eager, i.home_chain_id,
				encode(i.first_owner, 'hex'), encode(i.salt, 'hex'), encode(o.data_hash, 'hex'), o.deadline, encode(o.signature, 'hex')
				FROM operation o JOIN identity i ON i.id = o.identity_id WHERE i.subject = '\\x${identity.subject.slice(2)}'`);
			const stranger = await api.proxy.richAccount();
			const wallet = createWalletClient({ account: stranger, chain: api.proxy.viemChain, transport: http(api.proxy.url) });
			const fee = await api.proxy.read(api.proxy.contracts.proxy_registry, api.proxyAbi, 'quote', [0n]);
			await api.proxy.mined(await wallet.writeContract({
				address: api.proxy.contracts.proxy_registry, abi: api.proxyAbi, functionName: 'submit', value: fee * 2n,
				args: [[{
					kind: Number(kind), version: BigInt(version), eager: eager === 't', homeChainId: BigInt(home), firstOwner: `0x${owner}`, salt: `0x${salt}`,
					owner: `0x${owner}`, account: zeroAddress, recovery: zeroAddress, dataHash: `0x${hash}`, deadline: BigInt(deadline), signature: `0x${signature}`, consent: '0x',
				}], 0n, toHex(randomBytes(32))],
			}));
		} finally {
			ferry.goRelay();
		}
		identity = await api.settled(identity.id);
		assert.equal(identity.operations[0].state, 'FINAL');
		assert.equal(await api.isMember(await api.proof(identity.id)), true);
		const leaves = (await api.batches()).flatMap((b) => b.args.leaves).filter((leaf) => leaf.subject === identity.subject);
		assert.equal(leaves.length, 1);
	},

	async 'a wallet that is not deployed yet registers, and lives on as any wallet'(ferry) {
		const api = new Identities(ferry);
		const factory = await api.proxy.deploy('TestFactory');
		const codeAt = (address) => api.proxy.ask('eth_getCode', address, 'latest');
		const wallet = newWallet(factory);
		const quote = await api.quote('register', wallet);
		const tried = async (signature) => api.submit('/v1/identities', { quote_id: quote.quote_id, signature });
		const good = await api.sign(wallet, quote);
		for (const [code, signature] of [
			['WALLET_NOT_DEPLOYABLE', await api.sign(newWallet(factory, { key: wallet.key, method: 'fail' }), quote)],
			['WALLET_NOT_DEPLOYABLE', await api.sign(newWallet(factory, { key: wallet.key }), quote)], // makes another one
			['SIGNATURE_MISMATCH', good.replace(slice(await api.sign(wallet.plain, quote), 0, 65).slice(2), (await api.sign(newAccount(), quote)).slice(2))],
			['SIGNATURE_INVALID', `0x${good.slice(66)}`],
			['SIGNATURE_MISMATCH', await api.sign(wallet.plain, quote)], // not there, so it agrees with nothing
		]) {
			const answer = await tried(signature);
			assert.ok(answer.status === 400 && problemCodes(answer).includes(code), `${code}: ${answer.text}`);
		}
		assert.equal(await codeAt(wallet.address), '0x');
		const made = await tried(good);
		assert.equal(made.status, 202, made.text);
		// Before it is there: the next operation is wrapped as well, and joins whatever batch comes.
		const document_hash = toHex(randomBytes(32));
		let identity = await api.change('update', made.json, wallet, { document_hash });
		identity = await api.settled(identity.id);
		assert.deepEqual(identity.operations.map((o) => o.state), ['FINAL', 'FINAL'], JSON.stringify(identity.operations));
		assert.notEqual(await codeAt(wallet.address), '0x');
		const proof = await api.proof(identity.id);
		assert.equal(proof.reg.owner.toLowerCase(), wallet.address.toLowerCase());
		assert.equal(await api.isMember(proof), true);

		const [friend, heir] = [newWallet(factory), newWallet(factory)];
		identity = await api.change('update', identity, wallet.plain, { document_hash: toHex(randomBytes(32)) });
		identity = await api.change('link', identity, wallet.plain, { other: friend });
		identity = await api.change('rotate', identity, wallet.plain, { other: heir });
		identity = await api.settled(identity.id);
		assert.ok(identity.operations.every((o) => o.state === 'FINAL'), JSON.stringify(identity.operations));
		assert.notEqual(await codeAt(friend.address), '0x');
		assert.equal((await api.stateOf(identity.subject))[0].toLowerCase(), heir.address.toLowerCase());
		assert.equal(await api.isMember(await api.proof(identity.id)), true);
	},

	async 'factories that do well when asked and burn gas in a transaction hold nobody up'(ferry) {
		const api = new Identities(ferry);
		const factory = await api.proxy.deploy('TestFactory');
		const made = [];
		ferry.stopRelay();
		try {
			await each(Array.from({ length: 24 }, (_, i) => (i % 2 ? newAccount() : newWallet(factory, { method: 'makeInCalls' }))), async (account) => {
				made.push([account, (await api.register(account)).id]);
			});
		} finally {
			ferry.goRelay();
		}
		for (const [account, id] of made) {
			const { operations: [operation] } = await api.settled(id, 60000);
			assert.deepEqual([operation.state, operation.reason], account.key ? ['FAILED', 'NoWallet'] : ['FINAL', null], id);
		}
		const skipped = (await api.proxy.events(api.proxy.contracts.proxy_registry, api.proxyAbi)).filter((e) => e.eventName === 'OperationSkipped');
		assert.ok(skipped.length >= 12, `${skipped.length} left out on the chain`);
	},

	async 'a batch whose block goes away is sent again, with all its members'(ferry) {
		const api = new Identities(ferry);
		await api.proxy.pause();
		const made = [];
		try {
			for (let i = 0; i < 3; i++) made.push(await api.register(newAccount()));
			await until('the batch is broadcast', () => ferry.sql(`SELECT 1 FROM operation WHERE state = 'SUBMITTED'`).length >= 3);
			await api.proxy.mine();
			await until('it is in a block', () => ferry.sql(`SELECT 1 FROM operation WHERE state = 'SENT'`).length >= 3);
			await api.proxy.reorg(1);
			await api.proxy.mine();
		} finally {
			await api.proxy.resume();
		}
		for (const { id } of made) {
			const identity = await api.settled(id);
			assert.equal(identity.operations[0].state, 'FINAL', JSON.stringify(identity.operations[0]));
			assert.equal(await api.isMember(await api.proof(id)), true);
		}
	},

	async 'every batch is answered, and the proxy registry knows'(ferry) {
		const api = new Identities(ferry);
		const wanted = (await api.batches()).map((b) => b.args.number);
		assert.ok(wanted.length > 0);
		let missing = [];
		await until(() => `all answers; missing: batches ${missing.join(', ')}`, async () => {
			missing = [];
			for (const number of wanted)
				if (!(await api.proxy.read(api.proxy.contracts.proxy_registry, api.proxyAbi, 'answerOf', [number]))[3]) missing.push(number);
			return missing.length === 0;
		}, 40000);
	},
};

await run(scenarios, { ports: [18850, 18869] });
