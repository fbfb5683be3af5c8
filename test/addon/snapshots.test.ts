// A run that was written down goes on in another process to the same bytes: the first process is killed outright after every third step.
// Pictures with ML-Cache, several at a time, after a remask, composited; answers with prefix reuse.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DimooError, loadModel, type DimooModel, type ImageResult, type TextResult, type GenerateRequest } from '../../lib/index.js'
import { golden } from './native.js'

const root = path.resolve(import.meta.dirname, '../..')
const checkpoint = path.join(golden, 'checkpoint')
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-snapshots-'))
afterAll(() => rmSync(folder, { recursive: true }))

let model: DimooModel
beforeAll(async () => {
  model = await loadModel(checkpoint, { device: 'cpu', precision: 'f32' })
})
afterAll(() => model.close())

const grey = { data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 37) % 256), width: 64, height: 64, channels: 3 as const }
const base = { prompt: 'a lamp', steps: 9, temperature: 1, seed: 5 }
interface Case {
  readonly task: 'generate' | 'inpaint' | 'chat'
  readonly request: object
  /** The step at which a region is masked again. */
  readonly remaskAt?: number
}
const conversation = [{ role: 'user', content: 'Describe a lamp.' }]
const cases: Readonly<Record<string, Case>> = {
  'pictures with ML-Cache': {
    task: 'generate',
    request: { ...base, width: 64, height: 48, n: 2, cache: { ratio: 0.7, warmup: 0.2, refresh: 3 } },
  },
  'a picture after a remask': { task: 'generate', request: { ...base, width: 64, height: 64, guidance: 0 }, remaskAt: 2 },
  'an inpainted picture with its pixels': {
    task: 'inpaint',
    request: {
      ...base,
      guidance: { floor: 0.3 },
      mask: { left: 0, top: 0, width: 64, height: 40 },
      composite: { feather: 2 },
      imageArea: 'native',
    },
  },
  'an answer with prefix reuse': {
    task: 'chat',
    request: { messages: conversation, length: 16, block: 8, steps: 12, reuse: 'prefix', temperature: 0.6, seed: 4 },
  },
}
const given = (task: Case['task']): object => (task === 'inpaint' ? { image: grey } : {})

const script = ({ task, request, remaskAt = -1 }: Case, stop: number, file: string): string => `
  import { writeFileSync, renameSync } from 'node:fs'
  import { loadModel } from 'file://${root}/dist/index.js'
  const grey = { data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 37) % 256), width: 64, height: 64, channels: 3 }
  const model = await loadModel(${JSON.stringify(checkpoint)}, { device: 'cpu', precision: 'f32' })
  const given = ${task === 'inpaint'} ? { image: grey } : {}
  const run = model.run('${task}', { ...${JSON.stringify(request)}, ...given }, { delivery: 'all' })
  for await (const step of run) {
    if (step.step === ${remaskAt}) step.remask({ left: 0, top: 0, width: 32, height: 16 })
    if (step.step < ${stop}) continue
    writeFileSync(${JSON.stringify(file)} + '.part', await run.snapshot())
    renameSync(${JSON.stringify(file)} + '.part', ${JSON.stringify(file)})
    process.kill(process.pid, 'SIGKILL')
  }
  console.log('the run ended before it was killed')`

async function killedAt(one: Case, stop: number): Promise<Uint8Array> {
  const file = path.join(folder, `snapshot-${stop}`)
  rmSync(file, { force: true })
  const child = spawn(process.execPath, ['--input-type=module', '-e', script(one, stop, file)], { stdio: 'pipe' })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output += data.toString()))
  const signal = await new Promise((resolve) => child.on('exit', (_, how) => resolve(how)))
  expect(signal, output).toBe('SIGKILL')
  expect(existsSync(file)).toBe(true)
  return readFileSync(file)
}

const essence = (result: ImageResult | TextResult): unknown =>
  'images' in result ? result.images.map(({ tokens, image, seed }) => ({ tokens, data: image.data, seed })) : result.text

describe('goes on after a kill', () => {
  test.each(Object.entries(cases))('%s', { timeout: 120_000 }, async (_, one) => {
    const { task, request, remaskAt = -1 } = one
    // The end of a run that is never disturbed, but for its own remask.
    const whole = model.run(task as 'generate', { ...request, ...given(task) } as GenerateRequest, { delivery: 'all' })
    const remasked = async (): Promise<ImageResult> => {
      for await (const step of whole) if (step.step === remaskAt) step.remask({ left: 0, top: 0, width: 32, height: 16 })
      return whole.result()
    }
    const expected = essence(await remasked())
    for (const stop of [0, 3, 6]) {
      // A remask lies one step later where the run was ahead of its reader: only what the snapshot itself saw is compared then.
      if (remaskAt >= 0 && stop <= remaskAt) continue
      const snapshot = await killedAt(one, stop)
      const [first, second] = await Promise.all([model.resume(snapshot).result(), model.resume(snapshot).result()])
      expect(essence(first)).toEqual(essence(second))
      if (remaskAt < 0) expect(essence(first)).toEqual(expected)
      else expect((first as ImageResult).remasked.length).toBe(1)
    }
  })
})

describe('refuses', () => {
  const take = async (): Promise<Uint8Array> => {
    const run = model.generate({ ...base, width: 64, height: 48 }, { delivery: 'all' })
    for await (const step of run) if (step.step === 1) return await run.snapshot()
    throw new Error('the run ended')
  }
  const failure = async (bytes: Uint8Array, on = model): Promise<unknown> => {
    try {
      return await on.resume(bytes).result()
    } catch (error) {
      return error
    }
  }

  test('what was cut or damaged, wherever', async () => {
    const bytes = await take()
    for (const length of [0, 3, 20, bytes.length >> 1, bytes.length - 1]) {
      expect(DimooError.is(await failure(bytes.subarray(0, length)), 'request/invalid'), `${length} bytes`).toBe(true)
    }
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 60)) {
      const damaged = Uint8Array.from(bytes)
      damaged[at]! ^= 0x40
      expect(DimooError.is(await failure(damaged), 'request/invalid'), `byte ${at}`).toBe(true)
    }
  })

  test('another precision and another model, naming both', async () => {
    const bytes = await take()
    const fast = await loadModel(checkpoint, { device: 'cpu', precision: 'fast' })
    const other = await loadModel(undefined, { device: 'cpu', precision: 'f32' })
    expect((await failure(bytes, fast)) as Error).toMatchObject({
      code: 'request/invalid',
      message: expect.stringMatching(/f32.*fast|fast.*f32/) as string,
    })
    expect((await failure(bytes, other)) as Error).toMatchObject({ code: 'request/invalid' })
    await Promise.all([fast.close(), other.close()])
  })

  test('once the run has ended', async () => {
    const run = model.generate({ ...base, width: 64, height: 48 })
    await run.result()
    await expect(run.snapshot()).rejects.toMatchObject({ code: 'request/invalid' })
  })
})
