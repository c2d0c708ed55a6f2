// SPDX-License-Identifier: Apache-2.0
// Registrations among the torture run's traffic: quoted, signed and posted until answered, and in the end counted in
// the proxy registry's own events and asked of the main registry.
import { setTimeout as sleep } from 'node:timers/promises';
import { createPublicClient, decodeEventLog, http } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { artifact } from '../../contracts/compile.mjs';
import { accountOn, signTypedData } from '../../contracts/sign.mjs';
import { request } from '../../docker/lib/ferryd.mjs';

const SURELY_MS = 120000;
const WIDTH = 8;

export class Registrations {
	constructor(dev, headers, count) {
		Object.assign(this, { dev, headers, refused: [], doubled: [] });
		[this.main] = dev.chains;
		this.rollup = dev.chains.find((chain) => chain.contracts.proxy_registry);
		this.list = Array.from({ length: count }, () => ({ key: generatePrivateKey() }));
	}

	/** Asks until there is an answer that is none of a server that is just being killed. */
	async surely(method, where, body) {
		const end = Date.now() + SURELY_MS;
		for (let wait = 50; ; wait = Math.min(1000, wait * 2)) {
			try {
				const answer = await request(method, `${this.dev.http}${where}`, { headers: this.headers, body, timeoutMs: 15000 });
				if (answer.status < 500 && answer.status !== 429) return answer;
			} catch (error) {
				if (Date.now() > end) throw error;
			}
			if (Date.now() > end) throw new Error(`${method} ${where} was not answered`);
			await sleep(wait);
		}
	}

	async register(one) {
		const quote = await this.surely('POST', '/v1/quotes', { kind: 'registry', operation: 'register', account: accountOn(this.rollup.chain_id, one.key) });
		if (quote.status !== 200) return this.refused.push(quote.text.slice(0, 200));
		const body = { quote_id: quote.json.quote_id, signature: await signTypedData(one.key, quote.json.typed_data) };
		const answer = await this.surely('POST', '/v1/identities', body);
		if (answer.status !== 202) return this.refused.push(answer.text.slice(0, 200));
		[one.id, one.subject] = [answer.json.id, answer.json.subject];
		const again = await this.surely('POST', '/v1/identities', body);
		if (again.json?.id !== one.id) this.doubled.push(`${one.id}: ${again.text.slice(0, 200)}`);
		return one;
	}

	/** All of them, spread over the time. */
	async send(seconds) {
		const begun = Date.now();
		const work = [];
		for (const [i, one] of this.list.entries()) {
			const left = begun + (i / this.list.length) * seconds * 1000 - Date.now();
			if (left > 0) await sleep(left);
			work.push(this.register(one));
		}
		await Promise.all(work);
	}

	/** Waits until nothing is on its way; returns those that are not FINAL. */
	async settle(ms) {
		const end = Date.now() + ms;
		let open = this.list.filter((one) => one.id);
		while (open.length && Date.now() < end) {
			const next = [];
			await this.each(open, async (one) => {
				one.last = (await this.surely('GET', `/v1/identities/${one.id}`)).json;
				if (one.last.state !== 'FINAL') next.push(one);
			});
			open = next;
			if (open.length) await sleep(500);
		}
		return open;
	}

	async each(list, job) {
		const queue = [...list];
		await Promise.all(Array.from({ length: WIDTH }, async () => {
			for (let one = queue.shift(); one; one = queue.shift()) await job(one);
		}));
	}

	async check(check, settleMs) {
		const known = this.list.filter((one) => one.id);
		check(this.refused.length === 0 && known.length === this.list.length, `every registration was acknowledged, ${known.length} of them${this.refused.slice(0, 3).join('; ')}`);
		check(this.doubled.length === 0, `the same quote always gave the same identity${this.doubled.slice(0, 3).join('; ')}`);
		const open = await this.settle(settleMs);
		check(open.length === 0, `every identity is FINAL${open.slice(0, 3).map((one) => `; ${one.id}: ${JSON.stringify(one.last?.operations)}`).join('')}`);

		const proxy = artifact('ProxyRegistry').abi, main = artifact('MainRegistry').abi;
		const reader = (chain) => createPublicClient({ transport: http(chain.rpc) });
		const logs = await reader(this.rollup).request({ method: 'eth_getLogs', params: [{ fromBlock: '0x0', toBlock: 'latest', address: this.rollup.contracts.proxy_registry }] });
		const batches = logs.map((log) => decodeEventLog({ abi: proxy, data: log.data, topics: log.topics })).filter((e) => e.eventName === 'Batch');
		const times = new Map();
		for (const leaf of batches.flatMap((e) => e.args.leaves)) times.set(leaf.subject, (times.get(leaf.subject) ?? 0) + 1);
		check(known.every((one) => times.get(one.subject) === 1), `every identity stands in exactly one of ${batches.length} batches (Batch)`);
		check(batches.every((e, i) => Number(e.args.number) === i + 1), 'the batches are numbered without a gap');
		let members = 0;
		await this.each(known, async (one) => {
			const { reg, src_eid: srcEid, batch_number: batch, path } = (await this.surely('GET', `/v1/identities/${one.id}/proof`)).json;
			const isMember = await reader(this.main).readContract({
				address: this.main.contracts.main_registry, abi: main, functionName: 'isMember',
				args: [{ subject: reg.subject, owner: reg.owner, dataHash: reg.data_hash, version: BigInt(reg.version) }, srcEid, BigInt(batch), path],
			});
			members += isMember;
		});
		check(members === known.length, `the main registry knows ${members} of them (isMember)`);
	}
}
