// Somebody else's words in our messages, wherever they come from: shown, not obeyed, and never more than a terminal's few lines of them.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inspectModel, loadModel, type DimooModel } from '../../lib/index.js'
import { dimoo } from '../lib/cli-run.js'
import { ggufBytes } from '../lib/gguf-bytes.js'
import { golden } from './native.js'

/** Takes the window's title, clears the screen, forges a line of a log, turns text around, and is long. */
const NASTY = '\x1b]0;PWNED\x07\x1b[2J\r\nerror: forged\u202e\u0085\u2028'
const LONG = NASTY.repeat(40_000)

const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-foreign-'))
const at = (name: string): string => path.join(folder, name)
let model: DimooModel
beforeAll(async () => {
  model = await loadModel(undefined, { device: 'cpu' })
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true })
})

type Json = Record<string, unknown>
function editJson(file: string, change: (json: Json) => void): void {
  const json = JSON.parse(readFileSync(file, 'utf8')) as Json
  change(json)
  writeFileSync(file, JSON.stringify(json))
}
/** The header of the first shard, as JSON, changed. */
function editShard(of: string, change: (entries: Record<string, Json>) => void): void {
  const file = path.join(of, 'model-00001-of-00002.safetensors')
  const bytes = readFileSync(file)
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<string, Json>
  change(header)
  const text = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(file, Buffer.concat([size, text, bytes.subarray(8 + length)]))
}
function checkpoint(name: string, change: (copy: string) => void): string {
  cpSync(path.join(golden, 'checkpoint'), at(name), { recursive: true })
  change(at(name))
  return at(name)
}
function gguf(name: string, keys: Record<string, string>, tensor?: string): string {
  const tensors = tensor === undefined ? [] : [{ name: tensor, shape: [2, 2, 2, 2, 2], values: new Float32Array(32) }]
  writeFileSync(at(name), ggufBytes(keys, tensors))
  return at(name)
}

const sources: readonly [string, (text: string) => string][] = [
  ['a tensor of a GGUF file', (text) => gguf('tensor.gguf', {}, text)],
  ['an architecture', (text) => gguf('architecture.gguf', { 'general.architecture': text })],
  ['a tensor of an index', (text) => checkpoint('index', (of) => editIndex(of, (map) => (map[text] = 'a/b')))],
  ['a shard of an index', (text) => checkpoint('shards', (of) => editIndex(of, (map) => (map['model.x'] = text.replaceAll('/', ''))))],
  [
    'a dtype',
    (text) => checkpoint('dtype', (of) => editShard(of, (header) => (Object.values(header).find((one) => one['dtype'])!['dtype'] = text))),
  ],
  [
    'a tensor of a shard',
    (text) => checkpoint('named', (of) => editShard(of, (header) => (header[text] = { dtype: 'F32', shape: [1], data_offsets: [0, 3] }))),
  ],
  ['a setting', (text) => checkpoint('setting', (of) => editJson(path.join(of, 'config.json'), (config) => (config['block_type'] = text)))],
]
function editIndex(of: string, change: (map: Record<string, string>) => void): void {
  editJson(path.join(of, 'model.safetensors.index.json'), ({ weight_map }) => change(weight_map as Record<string, string>))
}

/** What may be in a message, and how long that is. */
function expectHarmless(message: string): void {
  // eslint-disable-next-line no-control-regex
  expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/)
  expect(message.length).toBeLessThan(1500)
}

describe.each(sources)('%s', (_, write) => {
  test.each([
    ['steers no terminal', NASTY],
    ['is cut', LONG],
  ])('%s', async (__, text) => {
    const file = write(text)
    const error = await inspectModel(file).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: expect.stringMatching(/^model\//) as string, message: expect.stringContaining('PWNED') as string })
    expectHarmless((error as Error).message)
    const { err, out } = await dimoo(['inspect', file])
    expectHarmless(err.replace(/\n$/, ''))
    expect(out).toBe('')
  })
})

test('what a caller hands in', async () => {
  const calls: readonly (() => unknown)[] = [
    () => loadModel(LONG),
    () => loadModel(new URL(`file://${encodeURIComponent(NASTY)}/x`)),
    () => loadModel(undefined, { device: LONG as 'cpu' }),
    () => loadModel(undefined, { [LONG]: 1 }),
    () => model.generate({ prompt: 'x', aspectRatio: LONG }),
    () => model.generate({ prompt: 'x', [LONG]: 1 }),
    () => model.edit({ prompt: 'x', image: LONG }).result(),
    () => model.edit({ prompt: 'x', image: `/${NASTY}.png` }).result(),
    () => model.edit({ prompt: 'x', image: Buffer.from(LONG) }).result(),
    () => model.edit({ prompt: 'x', image: `data:${LONG}` }).result(),
    () => model.chat({ messages: [{ role: LONG as 'user', content: 'x' }] }),
    () => model.run(LONG as 'generate', { prompt: 'x' }),
    () => model.view({ image: LONG, view: LONG as 'left' }),
  ]
  for (const call of calls) {
    const error = await Promise.resolve()
      .then(call)
      .catch((reason: unknown) => reason)
    expect(error, String(call)).toBeInstanceOf(Error)
    expectHarmless((error as Error).message)
  }
})

test('what a command line holds', async () => {
  const lines = [
    [NASTY],
    ['generate', 'x', `--${NASTY}`],
    ['generate', 'x', '-o', `${NASTY}.bmp`],
    ['generate', 'x', '-o', `/${NASTY}/${'y'.repeat(5000)}.png`],
    ['generate', 'x', '--animate', NASTY],
    ['generate', '--like', `${NASTY}.png`],
    ['edit', 'x', '--image', NASTY],
    ['inspect', NASTY],
    ['chat', 'x', '--model', NASTY],
    ['doctor', NASTY],
  ]
  for (const line of lines) {
    const { err, code } = await dimoo(line)
    expect(code, line.join(' ')).not.toBe(0)
    expectHarmless(err.replace(/\n$/, ''))
  }
})
