// SPDX-License-Identifier: Apache-2.0
// Who drives a lane, and what can go wrong with its transactions: two relays, one that sleeps through its lease, one
// that is killed, transactions that get lost or stuck, no money, no node, a restored backup.
//
//	node tests/e2e/lanes.test.mjs [WORDS OF A TITLE …]
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { run, sleep, toHex, until } from './lib.mjs';

const types = (events) => events.map((e) => e.type);
const many = (ferry, src, dst, n) => ferry.sendBatch(Array.from({ length: n }, () => ferry.body(src, dst)));
const lanes = (ferry) => ferry.sql('SELECT name, epoch, holder FROM lease ORDER BY name');
const signer = (ferry, eid, role) => `0x${ferry.sql(`SELECT encode(signer, 'hex') FROM lane WHERE eid = ${eid} AND role = '${role}'`)[0][0]}`;

function pg(program, ...words) {
	const ran = spawnSync(program, words, { encoding: 'utf8' });
	assert.equal(ran.status, 0, ran.stderr);
}

/** No node behind this port until the function returned is called. */
function freeze(ferry, chain) {
	const pid = ferry.instance.pid(chain.name);
	process.kill(pid, 'SIGSTOP');
	return () => process.kill(pid, 'SIGCONT');
}

const scenarios = {
	async 'two relays at once: each message exactly once'(ferry) {
		const { a, b } = ferry;
		const second = ferry.startRelay();
		const forth = await many(ferry, a, b, 100);
		const back = await many(ferry, b, a, 100);
		await ferry.deliveredOnce(a, b, forth);
		await ferry.deliveredOnce(b, a, back);
		const holders = new Set(lanes(ferry).map(([, , holder]) => holder));
		assert.equal(holders.size, 1, 'one relay drives, the other waits');
		await second.stop();
		await ferry.deliveredOnce(a, b, await many(ferry, a, b, 3));
	},

	async 'the leader sleeps longer than its lease: taken over; awake again it is fenced and sends nothing twice'(ferry) {
		const { a, b } = ferry;
		await many(ferry, a, b, 1);
		const second = ferry.startRelay();
		await until('the other one drives nothing yet', () => second.log().includes('relay.started'));
		const before = lanes(ferry);
		// in the middle of its work
		const sent = [...await many(ferry, a, b, 150), ...await many(ferry, a, b, 150)];
		await sleep(30);
		ferry.stopRelay();
		const stopped = Date.now();
		try {
			const more = await many(ferry, a, b, 50);
			await ferry.reach(more.at(-1).id, (m) => m.state !== 'ACCEPTED', 15000);
			assert.ok(Date.now() - stopped < 12000, `taken over after ${Date.now() - stopped} ms`);
			sent.push(...more);
			await until('every lease has a new epoch', () => lanes(ferry).every(([name, epoch]) =>
				Number(epoch) > Number(before.find(([n]) => n === name)[1])), 10000);
		} catch (error) {
			await second.stop('SIGKILL');
			throw error;
		} finally {
			ferry.goRelay();
		}
		sent.push(...await many(ferry, a, b, 50));
		await ferry.deliveredOnce(a, b, sent, 60000);
		await second.stop('SIGKILL');
		// the first takes over again: the dead process's leases are free at once
		const killed = Date.now();
		const [last] = await many(ferry, a, b, 1);
		await ferry.reach(last.id, (m) => m.state !== 'ACCEPTED');
		assert.ok(Date.now() - killed < 4000, `taken over after ${Date.now() - killed} ms`);
		await ferry.deliveredOnce(a, b, [last]);
	},

	async 'killed and started again: it goes on at once, whatever it was doing'(ferry) {
		const { a, b } = ferry;
		const sent = [];
		for (let i = 0; i < 5; i++) {
			sent.push(...await many(ferry, a, b, 20), ...await many(ferry, a, b, 20));
			await sleep(20 + 150 * i);
			const old = ferry.instance.kill('relay', 'SIGKILL');
			await ferry.instance.restarted('relay', old);
		}
		const started = Date.now();
		const [last] = await many(ferry, a, b, 1);
		await ferry.reach(last.id, (m) => m.state !== 'ACCEPTED');
		assert.ok(Date.now() - started < 3000, `it went on after ${Date.now() - started} ms`);
		await ferry.deliveredOnce(a, b, [...sent, last], 60000);
	},

	async 'a transaction that the node forgets is broadcast again'(ferry) {
		const { a, b } = ferry;
		await a.pause();
		let m;
		try {
			m = await ferry.send(ferry.body(a, b));
			await ferry.reach(m.id, 'SUBMITTED');
			await sleep(300);
			await a.ask('anvil_dropAllTransactions');
			assert.equal(Number((await a.ask('txpool_status')).pending), 0);
			await until('it is in the pool again', async () => Number((await a.ask('txpool_status')).pending) === 1, 15000);
		} finally {
			await a.resume();
		}
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'the base fee rises over what was offered: the fee is raised, the message says so and is delivered'(ferry) {
		const { a, b } = ferry;
		await a.pause();
		let m;
		try {
			m = await ferry.send(ferry.body(a, b));
			await ferry.reach(m.id, 'SUBMITTED');
			await sleep(300);
			await a.ask('anvil_setNextBlockBaseFeePerGas', toHex(50n * 10n ** 9n));
		} finally {
			await a.resume();
		}
		await ferry.reach(m.id, (now) => now.explanation?.reason === 'TRANSACTION_STUCK' || now.state !== 'SUBMITTED', 40000);
		const [done] = await ferry.deliveredOnce(a, b, [m], 60000);
		assert.ok(types(await ferry.events(m.id)).includes('FEE_RAISED'));
		const [[forms]] = ferry.sql(`SELECT count(DISTINCT x.hash) FROM journal j JOIN journal_tx x USING (eid, signer, nonce)
			WHERE j.purpose = 'SUBMIT' AND '${m.id.slice(4)}'::uuid = ANY (j.items_id)`);
		assert.ok(Number(forms) > 1);
		const nonces = ferry.sql(`SELECT nonce FROM journal WHERE purpose = 'SUBMIT' AND '${m.id.slice(4)}'::uuid = ANY (items_id)`);
		assert.equal(nonces.length, 1, 'the same nonce');
		assert.equal(done.state, 'DELIVERED');
	},

	async 'the submitting account has no money: said, and it goes on when it has'(ferry) {
		const { a, b } = ferry;
		const account = signer(ferry, a.eid, 'submit');
		const money = await a.ask('eth_getBalance', account, 'latest');
		await a.ask('anvil_setBalance', account, '0x1');
		let m;
		try {
			m = await ferry.send(ferry.body(a, b));
			const poor = await ferry.reach(m.id, (now) => now.explanation?.reason === 'SIGNER_OUT_OF_FUNDS');
			assert.equal(poor.explanation.owner, 'gateway');
			// the other direction is not stopped by it
			await ferry.deliveredOnce(b, a, [await ferry.send(ferry.body(b, a))]);
		} finally {
			await a.ask('anvil_setBalance', account, money);
		}
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'the executing account has no money: said, and it goes on when it has'(ferry) {
		const { a, b } = ferry;
		const account = signer(ferry, b.eid, 'deliver');
		const money = await b.ask('eth_getBalance', account, 'latest');
		await b.ask('anvil_setBalance', account, '0x1');
		let m;
		try {
			m = await ferry.send(ferry.body(a, b));
			await ferry.reach(m.id, (now) => now.explanation?.reason === 'SIGNER_OUT_OF_FUNDS');
		} finally {
			await b.ask('anvil_setBalance', account, money);
		}
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'a chain\'s node does not answer: said, and it goes on when it does'(ferry) {
		const { a, b } = ferry;
		const thaw = freeze(ferry, b);
		let m;
		try {
			m = await ferry.send(ferry.body(a, b));
			await ferry.reach(m.id, 'VERIFYING');
			const down = await ferry.reach(m.id, (now) => now.explanation?.reason === 'CHAIN_UNAVAILABLE', 40000);
			assert.equal(down.explanation.owner, 'chain');
		} finally {
			thaw();
		}
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'no relay at all: said'(ferry) {
		const { a, b } = ferry;
		ferry.stopRelay();
		let m;
		try {
			m = await ferry.send(ferry.body(a, b));
			await ferry.reach(m.id, (now) => now.explanation?.reason === 'RELAY_NOT_RUNNING', 15000);
		} finally {
			ferry.goRelay();
		}
		await ferry.deliveredOnce(a, b, [m]);
	},

	async 'a stranger used our key: the message takes another nonce, exactly once'(ferry) {
		const { a, b } = ferry;
		const account = signer(ferry, a.eid, 'submit');
		await a.pause();
		let m;
		try {
			m = await ferry.send(ferry.body(a, b));
			await ferry.reach(m.id, 'SUBMITTED');
			await sleep(300);
			ferry.stopRelay();
			await a.ask('anvil_dropAllTransactions');
			await a.ask('anvil_impersonateAccount', account);
			await a.ask('eth_sendTransaction', { from: account, to: account, value: '0x0', gas: '0x5208' });
			await a.ask('anvil_stopImpersonatingAccount', account);
			await a.mine(1);
		} finally {
			ferry.goRelay();
			await a.resume();
		}
		await ferry.deliveredOnce(a, b, [m], 60000);
		const states = ferry.sql(`SELECT state FROM journal WHERE purpose = 'SUBMIT' AND '${m.id.slice(4)}'::uuid = ANY (items_id) ORDER BY nonce`);
		assert.deepEqual(states.map(([s]) => s), ['REPLACED', 'FINAL']);
	},

	async 'a restored backup: the lane halts and says why, the doctor heals it, nothing is sent twice'(ferry) {
		const { a, b, dev } = ferry;
		const dump = path.join(ferry.instance.folder, 'early.dump');
		const before = await many(ferry, a, b, 5);
		await ferry.deliveredOnce(a, b, before);
		// some are known to the backup and not sent yet: they will have been sent by the part that is lost
		ferry.stopRelay();
		const known = [await ferry.send(ferry.body(a, b)), await ferry.send(ferry.body(b, a))];
		pg('pg_dump', '-Fc', '-f', dump, dev.database_url);
		ferry.goRelay();
		await ferry.deliveredOnce(a, b, [known[0]]);
		await ferry.deliveredOnce(b, a, [known[1]]);
		const lost = await many(ferry, a, b, 5);
		await ferry.deliveredOnce(a, b, lost);

		ferry.stopRelay();
		ferry.sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
		pg('pg_restore', '--clean', '--if-exists', '--single-transaction', '-d', dev.database_url, dump);
		rmSync(dump);
		const old = ferry.instance.kill('relay', 'SIGKILL');
		await ferry.instance.restarted('relay', old);

		const later = await ferry.send(ferry.body(a, b));
		const halted = await ferry.reach(later.id, (m) => m.explanation?.reason === 'JOURNAL_BEHIND_CHAIN');
		assert.equal(halted.explanation.owner, 'gateway');
		assert.match(halted.explanation.next_action, /nonce doctor/);
		// what the lost part did send is found by its request id, without sending it again
		await ferry.reach(known[0].id, (m) => m.state === 'DELIVERED', 30000);
		assert.equal((await ferry.get(later.id)).state, 'ACCEPTED');

		let said;
		await until(() => `the doctor heals: ${said.text}`, async () => {
			said = ferry.ferryd('nonce', 'doctor');
			await sleep(500);
			return said.code === 0;
		}, 30000);
		await ferry.deliveredOnce(a, b, [later, ...known.slice(0, 1)]);
		await ferry.deliveredOnce(b, a, [known[1]]);
		await ferry.deliveredOnce(a, b, await many(ferry, a, b, 20));
		await ferry.deliveredOnce(b, a, await many(ferry, b, a, 20));
		const [sent, received] = [await a.byRequest('Sent'), await b.byRequest('Received')];
		for (const m of [...before, ...known.slice(0, 1), ...lost]) {
			assert.equal(sent[m.request_id].length, 1);
			assert.equal(received[m.request_id].length, 1);
		}
	},
};

await run(scenarios, { ports: [18970, 18999] });
