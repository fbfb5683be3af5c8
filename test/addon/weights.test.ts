// `weights`: another type than the checkpoint has, converted once while loading, found again by the next load and the next process.
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { convert, inspectModel, loadModel, type LoadOptions, type Progress } from '../../lib/index.js'
import { listConverted, removeConverted } from '../../lib/model/weights.js'
import { weightBytes, mainType } from '../../lib/model/sizes.js'
import { dimoo } from '../lib/cli-run.js'
import { splitGguf } from '../lib/split-gguf.js'
import { golden } from './native.js'

let folder: string
let cache: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-weights-'))
  cache = path.join(folder, 'cache')
  vi.stubEnv('DIMOO_CACHE', cache)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})
const checkpoint = path.join(golden, 'checkpoint')
const files = (): string[] => readdirSync(cache)

/** Its codes, and what was told while loading. */
async function draw(source: string, options: LoadOptions = {}): Promise<{ tokens: number[]; type: string; phases: string[] }> {
  const told: Progress[] = []
  const model = await loadModel(source, { ...options, onProgress: (progress) => told.push(progress) })
  const info = await model.info()
  const { tokens } = await model.generate({ prompt: 'x', width: 32, height: 32, steps: 2, temperature: 0, seed: 1 }).result()
  await model.close()
  return { tokens: [...tokens], type: info.weights, phases: [...new Set(told.map(({ phase }) => phase))] }
}

test('converted once, then found', async () => {
  const first = await draw(checkpoint, { weights: 'q8_0' })
  expect(first.type).toBe('q8_0')
  expect(first.phases).toContain('convert')
  expect(files()).toEqual([expect.stringMatching(/^checkpoint-q8_0-[0-9a-f]{16}\.gguf$/)])
  const again = await draw(checkpoint, { weights: 'q8_0' })
  expect(again.phases).not.toContain('convert')
  expect(again.tokens).toEqual(first.tokens)
  await convert(checkpoint, path.join(folder, 'by-hand.gguf'), { type: 'q8_0' })
  expect((await draw(path.join(folder, 'by-hand.gguf'))).tokens).toEqual(first.tokens)
})

test('what has the type already is loaded as it is', async () => {
  await draw(checkpoint, { weights: 'bf16' })
  await convert(checkpoint, path.join(folder, 'q4.gguf'), { type: 'q4_0' })
  await draw(path.join(folder, 'q4.gguf'), { weights: 'q4_0' })
  expect(readdirSync(folder)).not.toContain('cache')
})

test('a source that has changed is another one', async () => {
  const copy = path.join(folder, 'copy')
  cpSync(checkpoint, copy, { recursive: true })
  await draw(copy, { weights: 'q8_0' })
  const file = path.join(copy, 'model-00001-of-00002.safetensors')
  utimesSync(file, new Date(), new Date(statSync(file).mtimeMs + 5000))
  await draw(copy, { weights: 'q8_0' })
  expect(files()).toHaveLength(2)
  await draw(copy, { weights: 'q4_0' })
  expect(files()).toHaveLength(3)
})

test('two loads at once make one file', async () => {
  const both = await Promise.all([draw(checkpoint, { weights: 'q8_0' }), draw(checkpoint, { weights: 'q8_0' })])
  expect(both[0].tokens).toEqual(both[1].tokens)
  expect(both.filter(({ phases }) => phases.includes('convert'))).toHaveLength(1)
  expect(files()).toHaveLength(1)
})

test('a file in parts', async () => {
  await convert(checkpoint, path.join(folder, 'whole.gguf'), { type: 'bf16' })
  const [first] = splitGguf(path.join(folder, 'whole.gguf'), path.join(folder, 'parts'), 3)
  await draw(first!, { weights: 'q8_0' })
  expect(files()).toEqual([expect.stringMatching(/^parts-q8_0-/)])
})

test('an abort leaves nothing', async () => {
  const controller = new AbortController()
  const onProgress = ({ phase }: Progress): void => {
    if (phase === 'preview' || phase === 'convert') controller.abort(new Error('enough'))
  }
  await expect(loadModel(checkpoint, { weights: 'q8_0', signal: controller.signal, onProgress })).rejects.toThrow('enough')
  expect(files()).toEqual([])
})

test('a cache that cannot be written', async () => {
  writeFileSync(cache, '')
  await expect(loadModel(checkpoint, { weights: 'q8_0' })).rejects.toMatchObject({ code: 'output/failed' })
  await expect(loadModel(checkpoint, { weights: 'q3' as never })).rejects.toMatchObject({ code: 'request/invalid' })
})

describe('the command line', () => {
  test('--type on a command that draws; list and remove know the file', async () => {
    const out = path.join(folder, 'out.png')
    const args = ['generate', 'x', '--model', checkpoint, '--type', 'q8_0', '--size', '32x32', '--steps', '2', '-o', out]
    expect((await dimoo(args)).code).toBe(0)
    expect(files()).toHaveLength(1)
    expect((await dimoo(['list', '--cache', path.join(folder, 'none')])).out).toMatch(
      /^checkpoint-q8_0 {2}1\.\d\d MiB, converted by a load\n {2}.*\.gguf\n$/,
    )
    expect((await dimoo(['remove', 'checkpoint-q8_0'])).out).toMatch(/^checkpoint-q8_0: 1\.\d\d MiB freed\n$/)
    expect(files()).toEqual([])
  })

  test('--type is one of eight', async () => {
    expect(await dimoo(['generate', 'x', '--type', 'q3', '-o', 'x.png'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/must be one of 'bf16'/) as string,
    })
  })
})

test('what is there, and what is not', async () => {
  expect(await listConverted()).toEqual([])
  expect(await removeConverted('nothing')).toEqual([])
  await draw(checkpoint, { weights: 'q8_0' })
  const [found] = await listConverted()
  expect(found).toMatchObject({ name: 'checkpoint-q8_0', bytes: statSync(found!.path).size })
  expect(await removeConverted(found!.path)).toHaveLength(1)
})

test('bytes by type', async () => {
  const { tensors } = await inspectModel(checkpoint)
  expect(mainType(tensors)).toBe('bf16')
  expect(weightBytes(tensors, 'f32') - weightBytes(tensors, 'bf16')).toBeGreaterThan(0)
})
