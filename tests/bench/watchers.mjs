// SPDX-License-Identifier: Apache-2.0
// Memory with many watching: streams of single messages over SSE and gRPC, while the front end is loaded and the
// relay delivers what is watched. Every stream must come to its end.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));
const CHANNELS = 10; // of gRPC: a connection carries at most so many streams
const WIDTH = 32;
const PATIENCE_MS = 120000;

/** One message's events over SSE. `stream.open` is kept when the first one came, `stream.end` when the last one did. */
function watchSse(bench, id, agent) {
	const stream = {};
	stream.open = new Promise((open, refuse) => {
		stream.end = new Promise((end) => {
			const ask = http.get(`${bench.dev.http}/v1/messages/${id}/events`, {
				agent, headers: { authorization: `Bearer ${bench.dev.secret_key}`, accept: 'text/event-stream' },
			}, (answer) => {
				let last = '';
				if (answer.statusCode !== 200) return refuse(new Error(`an event stream was answered ${answer.statusCode}`));
				answer.on('data', (part) => {
					open();
					last = (last + part).slice(-2000);
				});
				answer.on('close', () => end(/^event: FINAL$/m.test(last)));
			});
			ask.on('error', (error) => { refuse(error); end(false); });
		});
	});
	return stream;
}

function watchGrpc(client, metadata, id) {
	const stream = {};
	stream.open = new Promise((open, refuse) => {
		stream.end = new Promise((end) => {
			let last = '';
			const call = client.WatchMessage({ id }, metadata);
			call.on('data', (event) => { open(); last = event.type; });
			call.on('error', (error) => { refuse(error); end(false); });
			call.on('end', () => end(last === 'FINAL'));
		});
	});
	return stream;
}

async function accept(bench, count) {
	const ids = [];
	let left = count;
	await Promise.all(Array.from({ length: WIDTH }, async () => {
		while (left-- > 0) ids.push((await bench.accept()).id);
	}));
	return ids;
}

/** What the load left is delivered before anything else is measured. */
async function settled(bench) {
	for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(500))
		if (bench.psql('SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE stage < 6)') === 't') return;
	throw new Error('what was accepted is not delivered in time');
}

export async function watchers(bench, { row, say, memory, seconds, mark, sse, calls }) {
	await bench.relayDown();
	bench.psql('TRUNCATE message, event, outbox');
	const ids = await accept(bench, sse + calls);
	const { MessageService } = grpc.loadPackageDefinition(loader.loadSync('ferry/v1/message_service.proto', { includeDirs: [PROTO], keepCase: true })).ferry.v1;
	const metadata = new grpc.Metadata();
	metadata.set('authorization', `Bearer ${bench.dev.secret_key}`);
	const clients = Array.from({ length: CHANNELS }, (_, i) => new MessageService(bench.dev.grpc, grpc.credentials.createInsecure(), { 'grpc.channel_id': i, 'grpc.use_local_subchannel_pool': 1 }));
	const agent = new http.Agent({ maxSockets: Infinity });
	try {
		const streams = ids.map((id, i) => (i < sse ? watchSse(bench, id, agent) : watchGrpc(clients[i % CHANNELS], metadata, id)));
		await Promise.all(streams.map((stream) => stream.open));
		say(`  ${sse} streams over SSE and ${calls} over gRPC are open`);
		await bench.relayUp();
		const load = await bench.load(bench.file('watched', [bench.post('/v1/messages', bench.body(), mark)]), { seconds });
		const ended = await Promise.race([Promise.all(streams.map((stream) => stream.end)), sleep(PATIENCE_MS, [], { ref: false })]);
		const whole = ended.filter(Boolean).length;
		if (whole !== ids.length) throw new Error(`${whole} of ${ids.length} streams came to their end`);
		row(`memory of serve, ${sse} SSE and ${calls} gRPC watchers`, `${Math.round(memory(bench.ferry, 'serve'))} MiB`,
			`accepts beside them: ${Math.round(load.per_s)} /s; every stream came to FINAL`, '', '≤ 96 MiB');
		await settled(bench);
	} finally {
		agent.destroy();
		for (const client of clients) client.close();
	}
}
