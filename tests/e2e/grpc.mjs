// SPDX-License-Identifier: Apache-2.0
// A gRPC client that knows nothing of ours but reflection: @grpc/grpc-js against a running ferryd.
//
//	node --test tests/e2e/grpc.mjs        the devnet named by FERRY_DEV_JSON, else var/dev.json
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { randomBytes } from 'node:crypto'
import grpc from '@grpc/grpc-js'
import loader from '@grpc/proto-loader'
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema, anyUnpack } from '@bufbuild/protobuf/wkt'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dev = JSON.parse(readFileSync(process.env.FERRY_DEV_JSON ?? `${root}/var/dev.json`, 'utf8'))
const [src, dst] = dev.chains
const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true }
const plain = grpc.credentials.createInsecure()
const code = grpc.status
// The build's descriptor set, only to read error details.
const registry = createFileRegistry(
	fromBinary(FileDescriptorSetSchema, readFileSync(`${root}/build/gen/ferry.protoset`)))

const load = file =>
	grpc.loadPackageDefinition(loader.loadSync(file, { ...options, includeDirs: [`${root}/proto`] }))

const key = () => randomBytes(16).toString('hex')

function metadata(extra = {}) {
	const m = new grpc.Metadata()
	for (const [k, v] of Object.entries({ authorization: `Bearer ${dev.secret_key}`, ...extra }))
		if (v !== undefined) m.set(k, v)
	return m
}

// One unary call: {reply, headers} or an error with code, details (the sentence) and metadata.
function call(client, method, request, extra = {}, callOptions = {}) {
	return new Promise((resolve, reject) => {
		let headers
		const c = client[method](request, metadata(extra),
			{ deadline: Date.now() + 20000, ...callOptions },
			(error, reply) => error ? reject(error) : resolve({ reply, headers }))
		c.on('metadata', m => { headers = m })
	})
}

async function fails(promise, want) {
	const error = await promise.then(() => assert.fail('it did not fail'), e => e)
	assert.equal(error.code, want.code, `${error.code} ${error.details}`)
	if (want.reason) assert.equal(richStatus(error).ErrorInfo.reason, want.reason)
	return error
}

// The messages of a stream until `enough` says so, it ends, or it fails.
function watch(stream, enough, ms = 20000) {
	return new Promise((resolve, reject) => {
		const seen = []
		const timer = setTimeout(() => stream.cancel(), ms)
		const done = () => { clearTimeout(timer); resolve(seen) }
		stream.on('data', m => { seen.push(m); if (enough(seen)) { stream.cancel(); done() } })
		stream.on('end', done)
		stream.on('error', e => {
			clearTimeout(timer)
			e.code === code.CANCELLED ? resolve(seen) : reject(e)
		})
	})
}

// Reflection ------------------------------------------------------------------------------------

function reflect(version, requests) {
	const { ServerReflection } = load(`grpc/reflection/${version}/reflection.proto`).grpc.reflection[version]
	const client = new ServerReflection(dev.grpc, plain)
	return new Promise((resolve, reject) => {
		const replies = []
		const stream = client.ServerReflectionInfo()
		stream.on('data', r => replies.push(r))
		stream.on('error', reject)
		stream.on('end', () => { client.close(); resolve(replies) })
		for (const r of requests) stream.write(r)
		stream.end()
	})
}

// A FileDescriptorSet is its files one after the other: tag 1, length, bytes.
function descriptorSet(files) {
	const parts = []
	for (const f of files) {
		const length = []
		let n = f.length
		for (; n > 127; n >>>= 7) length.push((n & 127) | 128)
		length.push(n)
		parts.push(Buffer.from([0x0a, ...length]), f)
	}
	return Buffer.concat(parts)
}

const files = new Map()
let ferry, messages, quotes, operator

before(async () => {
	const services = ['IdentityService', 'MessageService', 'QuoteService', 'OperatorService']
	const replies = await reflect('v1', services.map(s => ({ file_containing_symbol: `ferry.v1.${s}` })))
	for (const reply of replies) {
		assert.equal(reply.message_response, 'file_descriptor_response')
		for (const f of reply.file_descriptor_response.file_descriptor_proto) files.set(f.toString('hex'), f)
	}
	const set = descriptorSet([...files.values()])
	ferry = grpc.loadPackageDefinition(loader.loadFileDescriptorSetFromBuffer(set, options)).ferry.v1
	messages = new ferry.MessageService(dev.grpc, plain)
	quotes = new ferry.QuoteService(dev.grpc, plain)
	operator = new ferry.OperatorService(dev.grpc, plain)
})

after(() => [messages, quotes, operator].forEach(c => c?.close()))

// grpc-status-details-bin as {ErrorInfo, BadRequest, …}.
function richStatus(error) {
	const [raw] = error.metadata.get('grpc-status-details-bin')
	assert.ok(raw, `no details: ${error.code} ${error.details}`)
	const status = fromBinary(registry.getMessage('google.rpc.Status'), raw)
	assert.equal(status.code, error.code)
	return Object.fromEntries(status.details.map(any => {
		const message = anyUnpack(any, registry)
		return [message.$typeName.split('.').pop(), message]
	}))
}

const push = (extra = {}) => ({
	kind: 'KIND_PUSH', src_eid: src.eid, dst_eid: dst.eid,
	receiver: Buffer.from(dst.contracts.test_receiver.slice(2), 'hex'), payload: Buffer.from('hello'),
	options: { gas_limit: '200000', value: '0' },
	submission: 'SUBMISSION_RELAYED', execution: 'EXECUTION_AUTOMATIC', ...extra,
})

test('reflection v1 and v1alpha list the same services, and files have no gaps', async () => {
	for (const version of ['v1', 'v1alpha']) {
		const [list, file, missing] = await reflect(version, [
			{ list_services: '*' }, { file_by_filename: 'ferry/v1/types.proto' },
			{ file_containing_symbol: 'ferry.v1.NotHere' }])
		assert.deepEqual(list.list_services_response.service.map(s => s.name).sort(), [
			'ferry.v1.IdentityService', 'ferry.v1.MessageService', 'ferry.v1.OperatorService', 'ferry.v1.QuoteService',
			'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection',
			'grpc.reflection.v1alpha.ServerReflection'])
		assert.equal(file.file_descriptor_response.file_descriptor_proto.length, 2)
		assert.equal(missing.error_response.error_code, code.NOT_FOUND)
	}
})

test('every method that reflection shows is answered', async () => {
	for (const [name, service] of Object.entries(ferry).filter(([, v]) => v.service))
		for (const method of Object.values(service.service)) {
			const client = new grpc.Client(dev.grpc, plain)
			const error = await new Promise(resolve => {
				const c = client.makeServerStreamRequest(method.path, b => b, b => b, Buffer.from([0xff]))
				c.on('error', resolve)
				c.on('data', () => {})
				c.on('end', () => resolve({ code: 0 }))
			})
			client.close()
			assert.equal(error.code, code.INVALID_ARGUMENT, `${name} ${method.path}: ${error.code}`)
		}
})

test('health says SERVING, for each service, and NOT_FOUND for others', async () => {
	const { Health } = load('grpc/health/v1/health.proto').grpc.health.v1
	const client = new Health(dev.grpc, plain)
	for (const service of ['', 'ferry.v1.MessageService'])
		assert.equal((await call(client, 'Check', { service })).reply.status, 'SERVING')
	await fails(call(client, 'Check', { service: 'nobody' }), { code: code.NOT_FOUND })
	const [now] = await watch(client.Watch({}), seen => seen.length === 1)
	assert.equal(now.status, 'SERVING')
	const [unknown] = await watch(client.Watch({ service: 'nobody' }), seen => seen.length === 1)
	assert.equal(unknown.status, 'SERVICE_UNKNOWN')
	client.close()
})

test('a call without a key, or with a wrong one, is refused', async () => {
	for (const authorization of [undefined, 'Bearer sk_nobody', 'Basic x'])
		await fails(call(messages, 'SendMessage', push(), { authorization, 'idempotency-key': key() }),
			{ code: code.UNAUTHENTICATED })
})

test('what is wrong with a request is said member by member', async () => {
	const error = await fails(
		call(messages, 'SendMessage', push({ src_eid: 7, receiver: Buffer.from([1]) }), { 'idempotency-key': key() }),
		{ code: code.INVALID_ARGUMENT })
	const rich = richStatus(error)
	assert.equal(rich.ErrorInfo.domain, 'ferry')
	const fields = rich.BadRequest.fieldViolations.map(v => v.field).sort()
	assert.deepEqual(fields, ['receiver', 'src_eid'])
	assert.equal(rich.RequestInfo.requestId, error.metadata.get('x-request-id')[0])
	const nul = await fails(
		call(messages, 'SendMessage', push({ client_ref: 'a\0b' }), { 'idempotency-key': key() }),
		{ code: code.INVALID_ARGUMENT })
	assert.equal(richStatus(nul).BadRequest.fieldViolations[0].field, 'client_ref')
})

test('a message is accepted once, replayed by its key, and refused when it differs', async () => {
	const k = key()
	const first = await call(messages, 'SendMessage', push({ client_ref: 'one' }), { 'idempotency-key': k })
	assert.match(first.reply.id, /^msg_[0-9a-f]{32}$/)
	assert.match(first.headers.get('x-request-id')[0], /^req_[0-9a-f]{32}$/)
	assert.equal(first.headers.get('idempotency-replayed').length, 0)
	const again = await call(messages, 'SendMessage', push({ client_ref: 'one' }), { 'idempotency-key': k })
	assert.equal(again.reply.id, first.reply.id)
	assert.equal(again.headers.get('idempotency-replayed')[0], 'true')
	await fails(call(messages, 'SendMessage', push({ client_ref: 'two' }), { 'idempotency-key': k }),
		{ code: code.INVALID_ARGUMENT })
	await fails(call(messages, 'SendMessage', push()), { code: code.INVALID_ARGUMENT })
})

test('a message is read, waited for, listed, and watched from its first event', async () => {
	const sent = await call(messages, 'SendMessage', push(), { 'idempotency-key': key() })
	const { id } = sent.reply
	const read = await call(messages, 'GetMessage', { id })
	assert.equal(read.reply.id, id)
	const etag = read.headers.get('etag')[0]
	assert.ok(etag)
	const moved = await call(messages, 'GetMessage', { id, wait_ms: 15000, if_none_match: etag })
	assert.ok(moved.reply.id === id || moved.headers.get('not-modified')[0] === 'true')
	const list = await call(messages, 'ListMessages', { page_size: 1 })
	assert.equal(list.reply.messages.length, 1)
	const events = await watch(messages.WatchMessage({ id }, metadata()), seen => seen.length >= 2)
	assert.equal(events[0].type, 'ACCEPTED')
	assert.deepEqual(events.map(e => e.seq), events.map((_, i) => String(i + 1)))
	const rest = await watch(messages.WatchMessage({ id, after_seq: '1' }, metadata()), seen => seen.length >= 1)
	assert.equal(rest[0].seq, '2')
	await fails(call(messages, 'GetMessage', { id: `msg_${'0'.repeat(32)}` }), { code: code.NOT_FOUND })
	await fails(watch(messages.WatchMessage({ id: `msg_${'0'.repeat(32)}` }, metadata()), () => false),
		{ code: code.NOT_FOUND })
})

test('a batch answers for each of its messages, in their order', async () => {
	const { reply } = await call(messages, 'BatchSendMessages', {
		messages: [push({ idempotency_key: key() }), push({ src_eid: 9, idempotency_key: key() }), push()],
	})
	assert.deepEqual(reply.results.map(r => r.index), [0, 1, 2])
	assert.deepEqual(reply.results.map(r => r.outcome), ['message', 'problem', 'problem'])
	assert.equal(reply.results[1].problem.errors[0].pointer.split('/').pop(), 'src_eid')
})

test('chains and lanes are shown', async () => {
	const { reply } = await call(operator, 'ListChains', {})
	assert.deepEqual(reply.chains.map(c => c.eid).sort(), dev.chains.map(c => c.eid).sort())
	const lanes = await call(operator, 'ListLanes', {})
	assert.ok(lanes.reply.lanes.length >= 1)
})

test('the feed of an app goes on from a cursor', async () => {
	const stream = messages.WatchEvents({}, metadata())
	const watching = watch(stream, seen => seen.length >= 2)
	await new Promise(resolve => stream.once('metadata', resolve))
	await call(messages, 'SendMessage', push(), { 'idempotency-key': key() })
	const seen = await watching
	assert.ok(seen.length >= 1)
	const next = watch(messages.WatchEvents({ cursor: seen[0].cursor }, metadata()), s => s.length >= 1)
	if (seen.length > 1) assert.equal((await next)[0].event.id, seen[1].event.id)
})

test('a deadline ends a call, and a cancelled one harms no other', async () => {
	const sent = await call(messages, 'SendMessage', push(), { 'idempotency-key': key() })
	await fails(call(messages, 'GetMessage', { id: sent.reply.id, wait_ms: 20000, if_none_match: 'x'.repeat(200) },
		{}, { deadline: Date.now() - 1 }), { code: code.DEADLINE_EXCEEDED })
	const stream = messages.WatchMessage({ id: sent.reply.id }, metadata())
	stream.on('error', () => {})
	stream.cancel()
	assert.equal((await call(messages, 'GetMessage', { id: sent.reply.id })).reply.id, sent.reply.id)
})

test('what is too large, compressed or unknown is refused', async () => {
	await fails(call(messages, 'SendMessage', push({ payload: Buffer.alloc(70000) }), { 'idempotency-key': key() }),
		{ code: code.RESOURCE_EXHAUSTED })
	await fails(call(messages, 'SendMessage', push({ payload: Buffer.alloc(2000000) }), { 'idempotency-key': key() }),
		{ code: code.RESOURCE_EXHAUSTED })
	const zip = new ferry.MessageService(dev.grpc, plain, { 'grpc.default_compression_algorithm': 2 })
	await fails(call(zip, 'SendMessage', push({ payload: Buffer.alloc(3000) }), { 'idempotency-key': key() }),
		{ code: code.UNIMPLEMENTED })
	zip.close()
	const raw = new grpc.Client(dev.grpc, plain)
	await fails(new Promise((resolve, reject) => raw.makeUnaryRequest('/ferry.v1.MessageService/Nothing',
		b => b, b => b, Buffer.alloc(0), (e, r) => e ? reject(e) : resolve(r))),
	{ code: code.UNIMPLEMENTED, reason: 'METHOD_UNKNOWN' })
	raw.close()
})
