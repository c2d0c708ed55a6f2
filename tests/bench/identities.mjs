// SPDX-License-Identifier: Apache-2.0
// Registrations: how many a second are accepted, how many become final, and what one costs on both chains.
import { setTimeout as sleep } from 'node:timers/promises';
import { generatePrivateKey } from 'viem/accounts';
import { accountOn, signTypedData } from '../../contracts/sign.mjs';
import { request } from '../../docker/lib/ferryd.mjs';

const WIDTH = 32;
// contracts of the same shape, measured before they were written: source gas, destination gas, by members a batch
const EXPECTED = { 1: [176014, 257109], 10: [430995, 236289], 100: [3322220, 236169] };
const WANTED = { 100: ['≤ 35 k', '≤ 2.5 k'] };

/** Quotes that are signed: bodies for POST /v1/identities. */
async function prepare(bench, count) {
	const rollup = bench.dev.chains.find((chain) => chain.contracts.proxy_registry);
	const headers = { authorization: `Bearer ${bench.dev.secret_key}` };
	const bodies = [];
	let left = count;
	await Promise.all(Array.from({ length: WIDTH }, async () => {
		while (left-- > 0) {
			const key = generatePrivateKey();
			const quote = await request('POST', `${bench.dev.http}/v1/quotes`,
				{ headers, body: { kind: 'registry', operation: 'register', account: accountOn(rollup.chain_id, key) } });
			if (quote.status !== 200) throw new Error(`quote: ${quote.status} ${quote.text}`);
			bodies.push({ quote_id: quote.json.quote_id, signature: await signTypedData(key, quote.json.typed_data) });
		}
	}));
	return bodies;
}

async function untilFinal(bench, since, count) {
	for (let i = 0; i < 1200; i++) {
		const done = Number(bench.psql(`SELECT count(*) FROM operation WHERE num > ${since} AND state = 'FINAL'`));
		if (done === count) return;
		await sleep(100);
	}
	throw new Error(`not all of ${count} registrations became final: ${bench.psql(`SELECT state, count(*) FROM operation WHERE num > ${since} GROUP BY 1`)}`);
}

const newest = (bench) => Number(bench.psql('SELECT coalesce(max(num), 0) FROM operation'));

/** One batch with so many members; gas of its transactions on both chains. */
async function gasOf(bench, members, accept) {
	const since = newest(bench);
	await accept(await prepare(bench, members));
	await untilFinal(bench, since, members);
	const gas = (purposes) => Number(bench.psql(`SELECT coalesce(sum(j.gas_used / cardinality(j.items_id)), 0) FROM journal j
		WHERE j.purpose IN (${purposes}) AND j.items_id && (SELECT array_agg(DISTINCT message_id) FROM operation WHERE num > ${since})`));
	const batches = Number(bench.psql(`SELECT count(DISTINCT message_id) FROM operation WHERE num > ${since}`));
	return { batches, source: gas("'SUBMIT'"), destination: gas("'VERIFY', 'DELIVER'") };
}

/** tools: {row, say, rounded, count}. */
export async function identities(bench, { row, say, rounded, count }) {
	await bench.relayUp();
	const headers = { authorization: `Bearer ${bench.dev.secret_key}` };
	// all at once, so that they are in one batch
	const accept = (bodies) => Promise.all(bodies.map(async (body) => {
		const answer = await request('POST', `${bench.dev.http}/v1/identities`, { headers, body });
		if (answer.status !== 202) throw new Error(`register: ${answer.status} ${answer.text}`);
	}));
	for (const members of Object.keys(EXPECTED).map(Number)) {
		const { batches, source, destination } = await gasOf(bench, members, accept);
		if (batches !== 1) say(`  ${members} registrations took ${batches} batches`);
		const [expectedSource, expectedDestination] = EXPECTED[members];
		const [wantedSource, wantedDestination] = WANTED[members] ?? ['', ''];
		row(`gas an identity, ${members} a batch, source`, rounded(source / members), `designed ${rounded(expectedSource / members)}`, '', wantedSource);
		row(`gas an identity, ${members} a batch, destination`, rounded(destination / members), `designed ${rounded(expectedDestination / members)}`, '', wantedDestination);
	}
	const since = newest(bench);
	const bodies = await prepare(bench, count);
	const figures = await bench.load(bench.file('identities', bodies.map((body) => bench.post('/v1/identities', body))), { seconds: 60 });
	row('registrations accepted, one a request, 64 connections', `${rounded(figures.per_s)} /s`, 'the relay at work', '', '');
	await untilFinal(bench, since, count);
	const took = Number(bench.psql(`SELECT extract(epoch FROM max(e.at) - min(o.created_at)) FROM operation o
		JOIN event e ON e.app_id = o.app_id AND e.message_id = o.id AND e.type = 'FINAL' WHERE o.num > ${since}`));
	row(`${count} registrations, first accept to last FINAL`, `${rounded(count / took)} /s`, `${rounded(took, 1)} s`, '', '');
}
