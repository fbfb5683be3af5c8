// `lumina-dimoo/client` against a server with the miniature: the bits of a local run for every task, the same steps, and a thread to its
// server that holds when connections and servers do not.
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { DimooError } from '../../lib/base/errors.js'
import { toJson } from '../../lib/base/json.js'
import { PICTURE_FIELDS } from '../../lib/client/prepare.js'
import { connect } from '../../lib/client/connect.js'
import type { Field, Fields } from '../../lib/fields/field.js'
import { loadModel } from '../../lib/model/load.js'
import type { DimooModel } from '../../lib/model/model.js'
import type { ModelInfo } from '../../lib/native/info.js'
import { DESCRIPTORS } from '../../lib/requests/index.js'
import { TASKS, type TaskName } from '../../lib/requests/names.js'
import type { TaskRequests } from '../../lib/requests/types/index.js'
import type { ImageResult, TextResult } from '../../lib/run/results.js'
import type { ImageStep } from '../../lib/run/steps.js'
import { createServer } from '../../lib/server/app.js'
import { INFO, ScriptedRunner } from './scripted.js'
import { cable, eventually, serve } from './world.js'

let model: DimooModel
let circle: ImageResult
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-client-'))

beforeAll(async () => {
  model = await loadModel()
  circle = await model.generate({ prompt: 'a red circle', steps: 4, seed: 1 }).result()
  writeFileSync(path.join(folder, 'circle.png'), await circle.encode('png'))
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true })
})

const few = { steps: 4, seed: '18446744073709551615' } as const
const requests = (): { readonly [Task in TaskName]: TaskRequests[Task] } => {
  const { image } = circle
  return {
    generate: { prompt: 'a blue square', n: 2, ...few, guidance: { text: 2, floor: 0.1 }, schedule: (progress: number) => 1 - progress },
    edit: { prompt: 'Change the red circle to blue.', image: path.join(folder, 'circle.png'), ...few },
    inpaint: { prompt: 'a red circle', image, mask: [{ left: 8, top: 8, width: 20, height: 20 }], composite: { feather: 2 }, ...few },
    outpaint: {
      prompt: 'a red circle',
      image: image,
      extend: { left: 16 },
      ...few,
      cache: true,
    },
    retouch: { from: circle, region: Uint32Array.of(0, 1, 9), ...few },
    control: { prompt: 'a red circle', image, control: 'canny', source: 'photo', ...few, bestOf: 2 },
    predict: { image, map: 'depth', ...few },
    subject: { prompt: 'a star on a gray background', image, ...few },
    style: { image, style: image, ...few },
    view: { image, view: 'left', ...few },
    ask: { prompt: 'What color is the circle?', images: [image, circle], seed: 3 },
    chat: { messages: [{ role: 'user', content: 'There is a red circle. What color is the circle?' }], seed: 3 },
  }
}

const untimed = ({ timings: _, ...result }: ImageResult | TextResult): unknown => toJson(result)

test.each(TASKS)('%s over HTTP has the bits of a local run, and its steps', async (task) => {
  const { url } = await serve(model)
  const client = connect(url)
  onTestFinished(() => client.close())
  const steps = async (runner: DimooModel | typeof client): Promise<unknown[]> => {
    const run = runner.run(task as 'generate', requests()[task] as TaskRequests['generate'], {
      delivery: 'all',
      previews: task === 'ask' || task === 'chat' ? false : { every: 3 },
    })
    const seen: unknown[] = []
    for await (const { elapsedMs: _, ...step } of run) seen.push(toJson(step))
    return [...seen, untimed(await run.result())]
  }
  const [here, there] = [await steps(model), await steps(client)]
  expect(there).toEqual(here)
  expect(there.length).toBeGreaterThan(3)
})

test('pictures, steps and runs have the comfort of local ones', async () => {
  const { url } = await serve(model)
  const client = connect(url)
  const run = client.generate({ prompt: 'a red circle', steps: 6, seed: 4 }, { id: 'mine', delivery: 'all' })
  expect([run.id, run.task, run.state]).toEqual(['mine', 'generate', 'queued'])
  const seen: ImageStep[] = []
  for await (const step of run) {
    seen.push(step)
    if (step.step === 2) expect((await step.decode()).width).toBe(64)
    if (step.step === 3)
      expect((await run.decode(structuredClone({ ...step }), { format: 'png', quality: 'draft' })).slice(1, 4)).toEqual(
        new TextEncoder().encode('PNG'),
      )
  }
  const result = await run.result()
  const local = await model.generate({ prompt: 'a red circle', steps: 6, seed: 4 }).result()
  expect(Buffer.compare(await result.encode('png'), await local.encode('png'))).toBe(0)
  expect((await result.images[0]!.encode('webp', { quality: 30 })).length).toBeGreaterThan(20)
  expect(JSON.parse(JSON.stringify(result))).toEqual(JSON.parse(JSON.stringify({ ...(toJson(local) as object), timings: result.timings })))
  expect(structuredClone({ ...seen[0] })).toMatchObject({ kind: 'image', step: 0 })
  expect(run.state).toBe('done')
  expect(() => run[Symbol.asyncIterator]()).toThrow(/iterated once/)
  await run.pause()
  await expect(run.snapshot()).rejects.toMatchObject({ code: 'request/invalid' })
  const text = client.ask({ prompt: 'What color is the circle?', images: [circle.image] })
  let said = ''
  for await (const piece of text.toTextStream()) said += piece
  expect(said).toBe((await text.result()).text)
  expect((await client.info()).name).toBe('miniature')
  expect((await client.stats()).completed).toBeGreaterThan(0)
  await client.close()
  expect(() => client.generate({ prompt: '' })).toThrow(expect.objectContaining({ code: 'disposed' }) as Error)
})

test('a run that is left, aborted or late ends on the server too', async () => {
  const { url, ask } = await serve(model)
  const client = connect(url)
  const state = async (id: string): Promise<unknown> => ((await (await ask(`/v1/runs/${id}`)).json()) as { state?: unknown }).state
  const left = client.generate({ prompt: 'a star', steps: 400 }, { id: 'left' })
  for await (const step of left) if (step.step >= 0) break
  await expect(left.result()).rejects.toMatchObject({ name: 'AbortError' })
  const why = new Error('enough')
  const aborted = client.generate({ prompt: 'a star', steps: 400 }, { id: 'aborted' })
  aborted.abort(why)
  await expect(aborted.result()).rejects.toBe(why)
  const controller = new AbortController()
  const signalled = client.generate({ prompt: 'a star', steps: 400 }, { id: 'signalled', signal: controller.signal })
  await signalled[Symbol.asyncIterator]().next()
  controller.abort(why)
  await expect(signalled.result()).rejects.toBe(why)
  await expect(client.generate({ prompt: 'a star', steps: 400 }, { id: 'late', deadlineMs: 100 }).result()).rejects.toMatchObject({
    code: 'run/deadline',
  })
  for (const id of ['left', 'signalled', 'late']) await eventually(async () => ['aborted', 'failed'].includes(String(await state(id))), id)
  await eventually(async () => [undefined, 'aborted'].includes((await state('aborted')) as string | undefined), 'aborted')
})

test('a run that its client gave up before the server had begun it ends there too', async () => {
  class Slow extends ScriptedRunner {
    override async info(): Promise<ModelInfo> {
      await new Promise((resolve) => setTimeout(resolve, 500))
      return INFO
    }
  }
  const slow = new Slow()
  const { url } = await serve({ slow })
  await expect(connect(url).generate({ prompt: 'x' }, { deadlineMs: 100 }).result()).rejects.toMatchObject({ code: 'run/deadline' })
  await eventually(() => slow.runs[0]?.state === 'aborted', 'its end')
})

test('a snapshot of a paused run goes on elsewhere, to the same end', async () => {
  const [here, there] = [await serve(model), await serve(model)]
  const request = { prompt: 'a blue square', steps: 24, seed: 9 }
  const run = connect(here.url).generate(request)
  let snapshot: Uint8Array | undefined
  for await (const step of run) {
    if (step.step < 3) continue
    snapshot = await run.snapshot()
    break
  }
  const resumed = connect(there.url).resume(snapshot!)
  expect(resumed.task).toBe('generate')
  const local = await model.generate(request).result()
  expect(((await resumed.result()) as ImageResult).tokens).toEqual(local.tokens)
  expect(() => connect(there.url).resume(new Uint8Array(30))).toThrow(/expected the bytes of a snapshot/)
})

test('cells are masked again over HTTP, and the result says so', async () => {
  const { url } = await serve(model)
  const client = connect(url)
  const run = client.generate({ prompt: 'a red circle', steps: 24, seed: 2 }, { delivery: 'all' })
  for await (const step of run) {
    if (step.step === 4) await run.remask({ left: 0, top: 0, width: 64, height: 64 })
    if (step.step === 8) step.remask(Uint32Array.from({ length: 64 }, (_, cell) => cell))
  }
  const { remasked } = await run.result()
  expect(remasked).toHaveLength(2)
  expect(remasked.every(({ image, cells }) => image === 0 && cells > 0)).toBe(true)
  const late = client.generate({ prompt: 'a red circle', steps: 4, seed: 2 })
  await expect(
    (async () => {
      for await (const step of late) if (step.masked === 0) step.remask(Uint32Array.of(1))
    })(),
  ).rejects.toMatchObject({ code: 'request/invalid' })
})

test('an order to mask again that comes twice under one name is followed once', async () => {
  const { url } = await serve(model)
  const run = connect(url).generate({ prompt: 'a red circle', steps: 24, seed: 2 }, { delivery: 'all' })
  const ask = async (name: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': name }
    const body = JSON.stringify({ region: { left: 0, top: 0, width: 64, height: 32 } })
    return (await fetch(`${url}/v1/runs/${run.id}/remask`, { method: 'POST', headers, body })).status
  }
  for await (const { step } of run) if (step === 4) expect(await Promise.all([ask('one'), ask('one'), ask('two')])).toEqual([200, 200, 200])
  expect((await run.result()).remasked).toHaveLength(2)
})

test('a step that is masked again as its run ends: the refusal is heard, however late', async () => {
  const runner = new ScriptedRunner()
  const { url } = await serve(runner)
  const run = connect(url).generate({ prompt: 'x' }, { delivery: 'all' })
  const reading = (async () => {
    for await (const step of run) {
      runner.last.remask = async () => {
        runner.last.finish()
        await run.result()
        throw new DimooError('request/invalid', 'remask: too late')
      }
      step.remask(Uint32Array.of(1))
    }
  })()
  while (runner.runs.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  runner.last.step()
  await expect(reading).rejects.toMatchObject({ code: 'request/invalid', message: 'remask: too late' })
})

describe('a thread that breaks', () => {
  const request = { prompt: 'a red circle', steps: 24, seed: 6 }
  const plain = (step: ImageStep): unknown => [step.step, step.skipped, [...step.tokens]]

  test('is taken up where it broke: every step once', async () => {
    const { url } = await serve(model)
    const line = await cable(url)
    const run = connect(line.url).generate(request, { delivery: 'all' })
    const seen: unknown[] = []
    for await (const step of run) {
      seen.push(plain(step))
      if ([2, 7, 8, 15].includes(step.step)) line.cut()
    }
    const local: unknown[] = []
    const alone = model.generate(request, { delivery: 'all' })
    for await (const step of alone) local.push(plain(step))
    expect(seen).toEqual(local)
    expect((await run.result()).tokens).toEqual((await alone.result()).tokens)
    expect(line.connections()).toBeGreaterThan(3)
  })

  test('a server that is gone is replaced by another, from the same seed', async () => {
    const first = createServer(model, { drainMs: 0 })
    const gone = await cable(await first.listen({ port: 0, host: '127.0.0.1' }))
    onTestFinished(() => first.close())
    const second = await serve(model)
    const client = connect([gone.url, second.url], { patienceMs: 300 })
    const run = client.generate({ prompt: 'a red circle', steps: 24 }, { delivery: 'all' })
    const seen: number[] = []
    for await (const step of run) {
      seen.push(step.step)
      if (step.step !== 5) continue
      gone.refuse(true)
      gone.cut()
    }
    expect(seen).toEqual(Array.from({ length: 24 }, (_, i) => i))
    const result = await run.result()
    const local = await model.generate({ prompt: 'a red circle', steps: 24, seed: result.seed }).result()
    expect(result.tokens).toEqual(local.tokens)
    expect((await client.generate({ prompt: 'a star', steps: 2 }).result()).images).toHaveLength(1)
  })

  test('a server that was started again has forgotten the run, and begins it again', async () => {
    const first = createServer(model, { drainMs: 0 })
    const address = await first.listen({ port: 0, host: '127.0.0.1' })
    const line = await cable(address)
    const run = connect(line.url).generate(request, { delivery: 'all' })
    const seen: number[] = []
    for await (const step of run) {
      seen.push(step.step)
      if (step.step !== 5) continue
      line.cut()
      await first.close()
      await serve(model, {}, { port: Number(new URL(address).port) })
    }
    expect(seen).toEqual(Array.from({ length: 24 }, (_, i) => i))
    expect((await run.result()).tokens).toEqual((await model.generate(request).result()).tokens)
  })

  test('no server at all is said after a while', async () => {
    const client = connect('http://127.0.0.1:9', { patienceMs: 200 })
    await expect(client.generate({ prompt: '' }).result()).rejects.toMatchObject({ code: 'server/unavailable', retryable: true })
    await expect(client.info()).rejects.toMatchObject({ code: 'server/unavailable' })
  })
})

test('what is wrong is told as a local model tells it', async () => {
  const { url } = await serve(model, { apiKeys: [{ name: 'a', key: 'a-key-of-16-chars' }] })
  const client = connect(url, { apiKey: 'a-key-of-16-chars' })
  for (const [task, request] of [
    ['generate', { promt: 'x' }],
    ['generate', { prompt: 'x', steps: 0 }],
    ['generate', { prompt: 'x', width: 60 }],
    ['edit', { prompt: 'x', image: new Uint8Array([1, 2, 3]) }],
    ['inpaint', { prompt: 'x', image: circle.image, mask: { left: 60, top: 0, width: 10, height: 4 } }],
    ['ask', { prompt: 'x', images: [] }],
    ['chat', { messages: [{ role: 'assistant', content: 'x' }] }],
  ] as const) {
    const told = async (runner: DimooModel | typeof client): Promise<unknown> => {
      try {
        return await runner.run(task, request as never).result()
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        return { code, message: message.replace(/^picture image/, 'picture') }
      }
    }
    expect(await told(client), `${task} ${JSON.stringify(request).slice(0, 60)}`).toEqual(await told(model))
  }
  await expect(connect(url).info()).rejects.toMatchObject({ code: 'server/denied' })
  for (const bad of [
    () => connect('ftp://x'),
    () => connect([]),
    () => connect(url, { apiKey: 'a b' }),
    () => connect(url, { key: 'x' } as never),
    () => client.run('draw' as never, {} as never),
  ]) {
    expect(bad).toThrow(expect.objectContaining({ code: 'request/invalid' }) as Error)
  }
})

test('the client knows which fields are pictures', () => {
  const found = new Set<string>()
  const visit = (fields: Fields): void => {
    for (const [name, field] of Object.entries(fields)) look(name, field)
  }
  const look = (name: string, field: Field): void => {
    if (field.kind === 'picture' || field.kind === 'region') found.add(name)
    else if (field.kind === 'list') look(name, field.of)
    else if (field.kind === 'either') field.of.forEach((one) => (one.kind === 'group' ? visit(one.fields) : look(name, one)))
    else if (field.kind === 'group') visit(field.fields)
  }
  for (const { fields } of Object.values(DESCRIPTORS)) visit(fields)
  expect([...found].sort()).toEqual([...PICTURE_FIELDS].sort())
})

test('runs that were begun before are listed, followed and given another priority', async () => {
  const { url } = await serve(model)
  const first = connect(url, { detach: true, model: 'miniature' })
  const run = first.generate({ prompt: 'a red circle', steps: 40, seed: 5 }, { id: 'again', delivery: 'all', buffer: 4096 })
  await eventually(async () => (await first.runs()).some(({ progress }) => progress), 'its first step')
  const second = connect(url)
  onTestFinished(() => second.close())
  const found = await second.attach('again')
  await found.reprioritise(3)
  expect(await second.runs()).toMatchObject([{ id: 'again', task: 'generate', detached: true, priority: 3, model: 'miniature' }])
  const steps: number[] = []
  for await (const step of found) steps.push(step.step)
  expect([steps.length, steps[0]]).toEqual([40, 0])
  expect(untimed(await found.result())).toEqual(untimed(await run.result()))
  await expect(second.attach('nobody')).rejects.toMatchObject({ message: expect.stringContaining('nobody') as string })
  await expect(found.reprioritise(4)).rejects.toMatchObject({ code: 'request/invalid' })
  const { tasks } = await second.schemas()
  expect(Object.keys(tasks)).toEqual([...TASKS])
})
