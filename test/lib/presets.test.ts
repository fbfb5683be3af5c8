// Presets: what each task's stand for, what stands above them, and that a picture's parameters know only the numbers.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { exportModel, loadModel, readParameters, type DimooModel, type TaskName } from '../../lib/index.js'
import type { Defaults } from '../../lib/native/info.js'
import { readPresets } from '../../lib/model/presets.js'
import { checkRequest, resolveRequest } from '../../lib/requests/index.js'
import { TASKS } from '../../lib/requests/names.js'
import type { TaskRequests } from '../../lib/requests/types/index.js'
import { materialise } from '../../lib/runner/materialise.js'
import { dimoo } from './cli-run.js'

const resolve = (task: TaskName, request: object, defaults: Defaults = {}): object => {
  checkRequest(task, { ...request })
  return resolveRequest(task, { seed: 0, ...request } as TaskRequests[TaskName], { scale: 16, defaults })
}
const drawn = { prompt: 'x', preset: 'best' } as const
const told = { messages: [{ role: 'user', content: 'x' }], preset: 'fast' } as const

describe('what they stand for', () => {
  test('every task has the three, of its own defaults or the released ones', () => {
    const presets = readPresets({ edit: { steps: 10 }, text: { steps: 32 } })
    expect(Object.keys(presets)).toEqual(TASKS)
    expect(presets.generate).toEqual({ fast: { steps: 22 }, balanced: { steps: 43 }, best: { steps: 64, bestOf: 4 } })
    expect(presets.edit).toEqual({ fast: { steps: 4 }, balanced: { steps: 7 }, best: { steps: 10 } })
    expect(presets.control.best).toEqual({ steps: 10, bestOf: 4 })
    expect(presets.chat).toEqual({
      fast: { steps: 32, reuse: 'prefix', threshold: 0.9 },
      balanced: { steps: 32, reuse: 'prefix' },
      best: { steps: 32, reuse: 'none' },
    })
  })

  test('a request takes them, and what it says itself stands above', () => {
    expect(resolve('generate', drawn)).toMatchObject({ steps: 64, bestOf: 4 })
    expect(resolve('generate', { ...drawn, steps: 5, bestOf: undefined })).toMatchObject({ steps: 5, bestOf: 4 })
    expect(resolve('generate', { ...drawn, n: 4 })).not.toHaveProperty('bestOf')
    expect(resolve('chat', told)).toMatchObject({ steps: 128, reuse: { kind: 'prefix' }, threshold: 0.9 })
    expect(resolve('chat', { ...told, cache: true, threshold: 0.5 })).toMatchObject({ reuse: { kind: 'mlCache' }, threshold: 0.5 })
    // As many steps a token for another length.
    expect(resolve('chat', { ...told, length: 512 })).toMatchObject({ steps: 64, length: 512 })
  })

  test("a model's own come first, whole; a pull that is said leaves the others to the preset", () => {
    const fast = { steps: 3, guidance: { text: 2, image: 5 }, cache: { ratio: 0.5 } }
    const defaults: Defaults = { edit: { steps: 9 }, presets: { edit: { fast } } }
    const request = { prompt: 'x', image: 'x.png', preset: 'fast' }
    const cached = { kind: 'mlCache', ratio: 0.5, warmup: 0.3, refresh: 5 }
    expect(resolve('edit', request, defaults)).toMatchObject({ steps: 3, guidance: { text: 2, image: 5 }, reuse: cached })
    expect(resolve('edit', { ...request, guidance: 1, cache: false }, defaults)).toMatchObject({
      guidance: { text: 1, image: 5 },
      reuse: { kind: 'none' },
    })
    expect(resolve('edit', { ...request, preset: 'balanced' }, defaults)).toMatchObject({ steps: 6, reuse: { kind: 'none' } })
  })

  test('without one nothing changes; an unknown one is refused by name', () => {
    const { preset: _, ...plain } = drawn
    expect(resolve('generate', { ...plain, preset: undefined })).toEqual(resolve('generate', plain))
    expect(() => resolve('generate', { ...plain, preset: 'fastest' })).toThrow(
      "generate: preset must be one of 'fast', 'balanced', 'best', got 'fastest'",
    )
  })

  test('on the way elsewhere its numbers travel, not its name', async () => {
    const request = { ...drawn, seed: 1, schedule: (at: number): number => 1 - at }
    const whole = await materialise(
      'generate',
      { ...request, preset: 'fast' },
      { scale: 16, defaults: { image: { steps: 9 } }, compat: 'none' },
    )
    expect(whole).toEqual({
      prompt: 'x',
      seed: '1',
      steps: 3,
      schedule: [Math.fround(1 - 1 / 3), Math.fround(1 - 2 / 3), 0],
    })
  })

  test('damaged ones of a model are named', () => {
    for (const [presets, message] of [
      [7, 'generation defaults: presets must be an object of image, edit, text, got 7'],
      [{ image: { quick: {} } }, "generation defaults: presets.image must be an object of fast, balanced, best, got 'quick'"],
      [{ image: { fast: { steps: 0 } } }, 'generation defaults: presets.image.fast: steps must be an integer from 1 to 4096, got 0'],
      [{ text: { fast: { bestOf: 2 } } }, "generation defaults: presets.text.fast: unknown option 'bestOf'"],
    ] as const) {
      const error = (): unknown => readPresets({ presets: presets as unknown as NonNullable<Defaults['presets']> })
      expect(error).toThrow(expect.objectContaining({ code: 'model/corrupt' }))
      expect(error).toThrow(message)
    }
  })
})

describe('the miniature', () => {
  let model: DimooModel
  beforeAll(async () => void (model = await loadModel()))
  afterAll(() => model.close())

  test('draws with a preset what it draws with its numbers, which are all that its parameters know', async () => {
    const request = { prompt: 'a red circle', seed: 7 }
    const { steps = 0 } = (await model.info()).presets.generate.fast
    const chosen = await model.generate({ ...request, preset: 'fast' }).result()
    const spelt = await model.generate({ ...request, steps }).result()
    expect(chosen.image.data).toEqual(spelt.image.data)
    expect(chosen.images[0]!.parameters).toEqual(spelt.images[0]!.parameters)
    expect(await readParameters(await chosen.encode('png'))).toEqual(spelt.images[0]!.parameters)
  })

  test('is told by --preset, which has no place beside --like', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'presets-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = path.join(folder, 'circle.png')
    expect(await dimoo(['generate', 'a red circle', '--seed', '7', '--preset', 'fast', '-o', file])).toMatchObject({ code: 0 })
    expect(await readParameters(file)).toMatchObject({ steps: (await model.info()).presets.generate.fast.steps })
    const again = path.join(folder, 'again.png')
    expect(await dimoo(['generate', '--like', file, '-o', again])).toMatchObject({ code: 0 })
    expect(await readParameters(again)).toEqual(await readParameters(file))
    const both = await dimoo(['generate', '--like', file, '--preset', 'best', '-o', again])
    expect(both.code).not.toBe(0)
    expect(both.err).toContain('--preset must not be given with --like')
    const unknown = await dimoo(['ask', 'What is it?', '--image', file, '--preset', 'quick'])
    expect(unknown.err).toContain("preset must be one of 'fast', 'balanced', 'best', got 'quick'")
  })

  test('reads a folder with presets of its own', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'presets-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const target = path.join(folder, 'model')
    await exportModel(path.resolve(import.meta.dirname, '../../models/miniature.gguf'), target)
    const file = path.join(target, 'generation_config.json')
    const config = JSON.parse(readFileSync(file, 'utf8')) as { lumina_dimoo: Record<string, unknown> }
    config.lumina_dimoo['presets'] = { image: { fast: { steps: 2, best_of: 3 } } }
    writeFileSync(file, JSON.stringify(config))
    await using own = await loadModel(target)
    expect((await own.info()).presets.generate).toMatchObject({ fast: { steps: 2, bestOf: 3 }, balanced: { steps: 16 } })
    const { images, usage } = await own.generate({ prompt: 'a red circle', seed: 1, preset: 'fast' }).result()
    expect(images[0]).toMatchObject({ parameters: { steps: 2 }, score: expect.any(Number) as number })
    expect(usage.steps).toBe(2)
  })
})
