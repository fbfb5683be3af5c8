// Mutates messages and snapshots' headers for some seconds (`node scripts/fuzz-wire.mjs [seconds] [seed]`): nothing but `request/invalid` may be
// thrown, nothing may take long, and memory must stay within the input's limits. Needs dist/.
import { decodeMessage, encodeMessage, messageFromJsonText, messageToJson } from '../dist/wire/messages.js'
import { decodeCbor } from '../dist/wire/cbor.js'
import { snapshotHeader } from '../dist/snapshot/index.js'

const seconds = Number(process.argv[2] ?? 15)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 32)
const LIMITS = { maxBytes: 1 << 20, maxDepth: 16, maxItems: 65_536 }
const LONGEST_MS = 500 // of this process's own time: the machine may be busy
const MOST_BYTES = 256 << 20

let state = seed >>> 0
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

const image = { data: new Uint8Array(48).fill(7), width: 4, height: 4, channels: 3 }
const step = {
  kind: 'image',
  image: 0,
  step: 1,
  steps: 4,
  skipped: 0,
  masked: 2,
  elapsedMs: 1.5,
  pass: 'full',
  rows: 8,
  grid: { width: 2, height: 2 },
}
const arrays = {
  tokens: Int32Array.of(1, -1, 3, -1),
  guess: Int32Array.of(1, 2, 3, 4),
  changed: Uint32Array.of(0),
  confidence: Float32Array.of(0.3),
}
const messages = [
  {
    kind: 'request',
    task: 'generate',
    request: { prompt: 'a red circle', seed: '7', cache: { ratio: 0.5 }, schedule: [0.5, 0] },
    options: { id: 'x' },
  },
  { kind: 'request', task: 'inpaint', request: { prompt: 'x', image, mask: [{ left: 0, top: 0, width: 1, height: 1 }] }, options: {} },
  { kind: 'request', task: 'chat', request: { messages: [{ role: 'user', content: 'hi' }] }, options: {} },
  { kind: 'step', task: 'edit', step: { ...step, ...arrays, preview: image } },
  { kind: 'error', error: { code: 'model/corrupt', message: 'bad', details: { at: [1, 2] } } },
  { kind: 'snapshot', task: 'edit', snapshot: new Uint8Array(64) },
]
const header = Buffer.from('DIMOOSNP\x02\0\0\0\x40\0\0\0\0\0\0\0{"version":2,"task":"edit"}', 'latin1')
const seeds = [
  ...messages.map((one) => Buffer.from(encodeMessage(one))),
  ...messages.map((one) => Buffer.from(JSON.stringify(messageToJson(one)))),
  header,
]
const NOISE = [
  '[',
  '{',
  '{"a":',
  '\x9b\xff\xff\xff\xff\xff\xff\xff\xff',
  '\xbb',
  '\xd8\x4e\x5a\x7f\xff\xff\xff',
  '9e999',
  '"__proto__":',
  '\x81\x81\x81\x81',
].map((one) => Buffer.from(one, 'latin1'))

function mutated(bytes) {
  let found = Buffer.from(bytes)
  for (let times = 1 + random(6); times > 0; times--) {
    const at = random(found.length + 1)
    const kind = random(6)
    if (kind === 0 && found.length > 0) found[Math.min(at, found.length - 1)] = random(256)
    else if (kind === 1) found = found.subarray(0, at)
    else if (kind === 2) found = Buffer.concat([found.subarray(0, at), NOISE[random(NOISE.length)], found.subarray(at)])
    else if (kind === 3) found = Buffer.concat([found.subarray(0, at), found.subarray(random(found.length + 1))])
    else if (kind === 4)
      found = Buffer.concat([
        found.subarray(0, at),
        Buffer.concat(Array(1 + random(2000)).fill(NOISE[random(NOISE.length)])),
        found.subarray(at),
      ])
    else if (found.length > 0) found[Math.min(at, found.length - 1)] ^= 1 << random(8)
  }
  return found.subarray(0, LIMITS.maxBytes)
}

const readers = {
  message: (bytes) => decodeMessage(bytes, LIMITS),
  cbor: (bytes) => decodeCbor(bytes, LIMITS),
  json: (bytes) => messageFromJsonText(bytes.toString('utf8'), LIMITS),
  snapshot: (bytes) => snapshotHeader(new Uint8Array(bytes)),
}

let [tried, taken] = [0, 0]
const before = process.memoryUsage().rss
const end = Date.now() + seconds * 1000
while (Date.now() < end) {
  const bytes = mutated(seeds[random(seeds.length)])
  for (const [name, read] of Object.entries(readers)) {
    const started = process.cpuUsage()
    const fail = (why) => {
      console.error(`fuzz-wire: seed ${seed}, try ${tried}, ${name}: ${why}\n${bytes.toString('base64').slice(0, 4000)}`)
      process.exit(1)
    }
    try {
      read(bytes)
      taken++
    } catch (error) {
      if (error.code !== 'request/invalid') fail(error.stack)
      if (error.message.length > 2000) fail(`a message of ${error.message.length} characters`)
    }
    const { user, system } = process.cpuUsage(started)
    if (user + system > 1000 * LONGEST_MS) fail(`took ${(user + system) / 1000} ms`)
  }
  if (++tried % 1000 === 0 && process.memoryUsage().rss - before > MOST_BYTES) {
    console.error(`fuzz-wire: seed ${seed}: ${process.memoryUsage().rss - before} bytes more than at the start`)
    process.exit(1)
  }
}
console.log(`fuzz-wire: ${tried} inputs in ${seconds} s, ${taken} taken, seed ${seed}`)
