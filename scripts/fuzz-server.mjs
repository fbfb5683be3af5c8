// Mutates requests to a server of the miniature (`node scripts/fuzz-server.mjs [seconds] [seed]`; needs dist/): JSON, multipart and paths of
// every route that takes a body. No answer may be a 5xx, none may be without words, the server must live and its memory must not grow.
// Ends with 1 and what was sent where one does.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { clearInterval, setInterval } from 'node:timers'

const [seconds = 60, seed = 1] = process.argv.slice(2).map(Number)
const root = path.resolve(import.meta.dirname, '..')
const TOGETHER = 8
const LATE_MS = 30_000
const MOST_GROWTH = 1.05 // of the last third's median over the middle one's
const BOUNDARY = 'a-boundary'

// mulberry32
let state = seed | 0
function random(below) {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
}
const pick = (list) => list[random(list.length)]

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEElEQVR4nGP4jwMwDC0JAJGhv0HwXzFYAAAAAElFTkSuQmCC', 'base64')
const url = `data:image/png;base64,${PNG.toString('base64')}`
const few = { steps: 1, seed: 1 }
const said = [
  {
    role: 'user',
    content: [
      { type: 'text', text: 'What is it?' },
      { type: 'image_url', image_url: { url } },
    ],
  },
]

/** Requests that are right. */
const JSONS = [
  ['POST', '/v1/images/generations', { prompt: 'a red circle', size: '64x64', quality: 'auto', n: 1, ...few }],
  [
    'POST',
    '/v1/images/generations',
    { prompt: 'x', stream: true, partial_images: 1, output_format: 'webp', output_compression: 50, ...few },
  ],
  ['POST', '/v1/images/edits', { prompt: 'Make it blue.', image: url, ...few }],
  ['POST', '/v1/images/edits', { prompt: 'x', images: [{ image_url: url }], mask: { image_url: url }, ...few }],
  ['POST', '/v1/chat/completions', { model: 'm', messages: said, max_tokens: 8, ...few }],
  [
    'POST',
    '/v1/chat/completions',
    {
      messages: [
        { role: 'system', content: 'x' },
        { role: 'user', content: 'y' },
      ],
      stream: true,
      max_tokens: 8,
      ...few,
    },
  ],
  ['POST', '/v1/responses', { input: 'a star', tools: [{ type: 'image_generation', size: '64x64' }], ...few }],
  [
    'POST',
    '/v1/responses',
    {
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'x' },
            { type: 'input_image', image_url: url },
          ],
        },
      ],
      stream: true,
    },
  ],
  ['POST', '/v1/runs', { task: 'generate', request: { prompt: 'x', width: 64, height: 64, ...few }, options: { priority: 1 } }],
  ['POST', '/v1/runs', { task: 'inpaint', request: { prompt: 'x', image: url, mask: { left: 0, top: 0, width: 8, height: 8 }, ...few } }],
  ['POST', '/v1/runs', { task: 'ask', request: { prompt: 'x', images: [url], length: 8, block: 8, steps: 2 } }],
  ['PATCH', '/v1/runs/none', { priority: 3 }],
  ['POST', '/v1/runs/none/remask', { region: [1, 2], image: 0 }],
  ['POST', '/sdapi/v1/txt2img', { prompt: 'x', negative_prompt: '', steps: 1, width: 64, height: 64, cfg_scale: 2, seed: 1 }],
  ['POST', '/sdapi/v1/img2img', { prompt: 'x', init_images: [url], steps: 1, denoising_strength: 1 }],
]
const part = (name, value, more = '') =>
  Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ])
const file = (name) => part(name, PNG, '; filename="a.png"\r\nContent-Type: image/png')
const form = (...parts) => Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)])
const FORMS = [
  ['POST', '/v1/images/edits', form(part('prompt', 'x'), part('steps', '1'), file('image[]'), file('image[]'))],
  ['POST', '/v1/images/edits', form(part('prompt', 'x'), part('steps', '1'), file('image'), file('mask'))],
  ['POST', '/v1/runs', form(part('task', 'edit'), part('prompt', 'x'), part('steps', '1'), file('image'))],
  ['POST', '/v1/runs', form(part('task', 'generate'), file('snapshot'))],
]

const hostile = () =>
  pick([
    () => null,
    () => pick([0, -1, 1e308, 2 ** 53, 0.5, 1e-9, 4096, 65536]),
    () =>
      pick([
        '',
        'auto',
        '\u0000',
        'x'.repeat(1 + random(5000)),
        '__proto__',
        '\ud800',
        '</user><answer>',
        'a\r\nb',
        '1e999',
        '../../etc/passwd',
        'data:image/png;base64,',
      ]),
    () => [],
    () => ({}),
    () => Array(1 + random(100)).fill(pick([0, 'x', null, {}])),
    () => JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`),
    () => ({ [pick(['constructor', 'toString', 'length', 'x'])]: 1 }),
    () => pick([true, false]),
    () => JSON.parse(JSON.stringify(pick(JSONS)[2])),
  ])()

/** Some value inside becomes another, goes, or comes under another name. */
function otherwise(value, depth = 0) {
  if (value === null || typeof value !== 'object' || depth > 4 || random(6) === 0) return hostile()
  const copy = Array.isArray(value) ? [...value] : { ...value }
  const names = Object.keys(copy)
  const name = names.length > 0 ? pick(names) : 'x'
  const kind = random(8)
  if (kind === 0 && !Array.isArray(copy)) delete copy[name]
  else if (kind === 1)
    copy[pick(['x', 'user', 'n', 'stream', 'size', 'guidance', 'cache', 'image', 'schedule', 'start', 'bestOf'])] = hostile()
  else copy[name] = otherwise(copy[name], depth + 1)
  return copy
}

const NOISE = [
  '"',
  '{',
  ']',
  '\\',
  '\u0000',
  '\xff',
  '--',
  '\r\n',
  '\r\n\r\n',
  `--${BOUNDARY}\r\n`,
  'filename="',
  'name="prompt"',
  ';;',
  'PNG',
  '9e999',
  '%00',
].map((text) => Buffer.from(text, 'latin1'))
function garbled(bytes) {
  let found = Buffer.from(bytes)
  for (let times = 1 + random(4); times > 0; times--) {
    const at = random(found.length + 1)
    const kind = random(5)
    if (kind === 0 && found.length > 0) found[Math.min(at, found.length - 1)] = random(256)
    else if (kind === 1) found = found.subarray(0, at)
    else if (kind === 2) found = Buffer.concat([found.subarray(0, at), pick(NOISE), found.subarray(at)])
    else if (kind === 3) found = Buffer.concat([found.subarray(0, at), found.subarray(random(found.length + 1))])
    else found = Buffer.concat([found.subarray(0, at), Buffer.concat(Array(1 + random(500)).fill(pick(NOISE))), found.subarray(at)])
  }
  return found
}

function nextRequest() {
  if (random(3) === 0) {
    const [method, where, body] = pick(FORMS)
    return { method, where, type: `multipart/form-data; boundary=${random(20) === 0 ? 'other' : BOUNDARY}`, body: garbled(body) }
  }
  const [method, where, given] = pick(JSONS)
  let changed = given
  for (let times = 1 + random(3); times > 0; times--) changed = otherwise(changed)
  const text = Buffer.from(JSON.stringify(changed) ?? '')
  const type =
    random(30) === 0 ? pick(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=x', '']) : 'application/json'
  return { method, where, type, body: random(4) === 0 ? garbled(text) : text }
}

/** The status and the text of the answer; the status is 0 where the connection was cut. */
function send({ method, where, type, body }) {
  return new Promise((resolve, reject) => {
    const headers = { ...(type && { 'content-type': type }), 'content-length': body.length }
    const request = http.request(new URL(where, base), { method, headers, agent: new http.Agent() }, (response) => {
      const pieces = []
      response.on('data', (piece) => pieces.push(piece))
      response.on('close', () => resolve({ status: response.statusCode, text: Buffer.concat(pieces).toString('utf8') }))
    })
    request.setTimeout(LATE_MS, () => request.destroy(new Error(`no answer in ${LATE_MS} ms`)))
    request.on('error', reject)
    request.end(body)
  })
}

const flags = [
  '--port',
  '0',
  '--a1111',
  '--no-studio',
  '--max-steps',
  '4',
  '--max-cells',
  '64',
  '--max-images',
  '2',
  '--threads',
  '1',
  '--result-ttl-ms',
  '5000',
]
const server = spawn(process.execPath, [path.join(root, 'dist/cli/main.js'), 'serve', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
const [output, troubles] = [[], []]
let ended
server.on('exit', (code, signal) => (ended = signal ?? code))
const base = await new Promise((resolve, reject) => {
  for (const stream of [server.stdout, server.stderr])
    stream.on('data', (piece) => {
      output.push(piece)
      troubles.push(
        ...String(piece)
          .split('\n')
          .filter((line) => line.includes('"level":50')),
      )
      if (output.length > 50) output.shift()
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(Buffer.concat(output).toString())
      if (found) resolve(found[0])
    })
  server.on('exit', () => reject(new Error(`the server ended: ${Buffer.concat(output)}`)))
})
const residentMiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
const end = Date.now() + seconds * 1000
const statuses = {}
const memory = []

async function fail(why, request, answer) {
  console.error(`fuzz-server: seed ${seed}: ${why}`)
  if (request) console.error(`${request.method} ${request.where} ${request.type}\n${request.body.toString('latin1').slice(0, 4000)}`)
  if (answer) console.error(`-> ${answer.status} ${answer.text.slice(0, 2000)}`)
  await new Promise((resolve) => setTimeout(resolve, 500)) // its log comes after its answer
  console.error(troubles.slice(-3).join('\n'))
  server.kill('SIGKILL')
  process.exit(1)
}

async function work() {
  while (Date.now() < end) {
    const request = nextRequest()
    const answer = await send(request).catch((error) =>
      fail(`${error.message}${ended === undefined ? '' : `, and it ended with ${ended}`}`, request),
    )
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
    if (answer.status >= 500) await fail('a 5xx', request, answer)
    if (answer.status >= 400 && !/"message":"[^"]{3}/.test(answer.text) && !/"(detail|error)"/.test(answer.text))
      await fail('no words', request, answer)
  }
}
const timer = setInterval(() => memory.push(residentMiB()), 1000)
await Promise.all(Array.from({ length: TOGETHER }, work))
clearInterval(timer)
const alive = await send({ method: 'GET', where: '/healthz', type: '', body: Buffer.alloc(0) })
if (alive.status !== 200) await fail('it is not well any more', undefined, alive)
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const third = Math.floor(memory.length / 3)
const [first, middle, last] = [0, 1, 2].map((at) => median(memory.slice(at * third, (at + 1) * third)))
console.log(JSON.stringify({ seconds, seed, statuses, memoryMiB: { first, middle, last } }))
if (seconds >= 300 && last > middle * MOST_GROWTH) await fail(`memory grew from ${middle} to ${last} MiB`)
server.kill('SIGTERM')
