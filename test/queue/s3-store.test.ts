// A bucket as a store: the AWS SDK itself against a server here that speaks as S3 does.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { DimooError } from '../../lib/index.js'
import { openStore, type BlobStore } from '../../lib/queue/index.js'
import { digestOf, fetchKept, keep } from '../../lib/queue/store.js'
import { failure } from '../fleet.js'

interface Answer {
  readonly status: number
  readonly code: string
}

const objects = new Map<string, Buffer>()
const asked: string[] = []
/** What the next requests are answered, in place of what was asked for. */
const refusals: Answer[] = []
let server: Server
let store: BlobStore
beforeAll(async () => {
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  vi.stubEnv('AWS_REGION', 'eu-central-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a-name')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'a-word')
  store = await openStore('s3://pictures/dimoo/')
})
afterEach(() => {
  asked.length = refusals.length = 0
})
afterAll(() => {
  vi.unstubAllEnvs()
  server.closeAllConnections()
  server.close()
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { method, url, headers } = request
  const place = new URL(url!, 'http://s3').pathname
  asked.push(`${method} ${place}`)
  const refuse = ({ status, code }: Answer): void => {
    response.writeHead(status, { 'content-type': 'application/xml' })
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} of the test</Message></Error>`)
  }
  const isKnown = /^AWS4-HMAC-SHA256 Credential=a-name\//.test(headers.authorization ?? '')
  const refusal = refusals.shift() ?? (isKnown ? undefined : { status: 403, code: 'SignatureDoesNotMatch' })
  const found = objects.get(place)
  if (refusal) refuse(refusal)
  else if (method === 'GET' && !found) refuse({ status: 404, code: 'NoSuchKey' })
  else {
    if (method === 'PUT') objects.set(place, Buffer.concat(chunks))
    if (method === 'DELETE') objects.delete(place)
    response.writeHead(method === 'DELETE' ? 204 : 200, method === 'GET' ? { 'content-length': found!.length } : {})
    response.end(method === 'GET' ? found : undefined)
  }
}

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) % 251)
const key = digestOf(bytes)
const place = `/pictures/dimoo/${key}`

test('keeps bytes under their digest, below the prefix, whole', async () => {
  expect(await keep(store, bytes)).toBe(key)
  expect(asked).toEqual([`PUT ${place}`])
  expect(objects.get(place)!.equals(bytes)).toBe(true) // no framing of the SDK's in it
  expect(await fetchKept(store, key)).toEqual(bytes)
})

test('what is not there is undefined, and is no failure to delete', async () => {
  const missing = 'f'.repeat(64)
  expect(await store.get(missing)).toBeUndefined()
  await store.delete(missing)
  expect(await failure(fetchKept(store, missing))).toSatisfy((error) => DimooError.is(error, 'output/failed'))
  await store.delete(key)
  expect(objects.has(place)).toBe(false)
  expect(await store.get(key)).toBeUndefined()
})

test('asks again where the bucket stumbles', async () => {
  refusals.push({ status: 500, code: 'InternalError' }, { status: 503, code: 'SlowDown' })
  await store.put(key, bytes)
  expect(asked).toEqual([`PUT ${place}`, `PUT ${place}`, `PUT ${place}`])
  refusals.push({ status: 500, code: 'InternalError' })
  expect(await store.get(key)).toEqual(bytes)
})

test('says whose word it is when it may not, and does not ask again', async () => {
  const denied = { status: 403, code: 'AccessDenied' }
  for (const refused of [() => store.put(key, bytes), () => store.get(key)]) {
    asked.length = 0
    refusals.push(denied)
    const error = await failure(refused())
    expect(error).toSatisfy((one) => DimooError.is(one, 'output/failed'))
    expect((error as Error).message).toBe('store: s3://pictures/dimoo/ cannot be used (AccessDenied: AccessDenied of the test)')
    expect(asked).toHaveLength(1)
  }
  refusals.push(denied)
  await store.delete(key) // a rule of the bucket will
})

test('a picture that was damaged on its way is found out', async () => {
  await store.put(key, bytes)
  objects.set(place, Buffer.from('something else'))
  expect(await failure(fetchKept(store, key))).toSatisfy((error) => DimooError.is(error, 'output/failed'))
})
