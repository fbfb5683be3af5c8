// What pools, queues and clients share: steps seen once though a run is begun again, frames over sockets and ports, snapshots as work goes on,
// and a runner served over a channel, as whoever asks sees it frame by frame.
import { once } from 'node:events'
import { createServer, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test, vi, type Mock } from 'vitest'
import type { FarEnd, FarStep } from '../../lib/remote/far.js'
import type { TextStep } from '../../lib/run/steps.js'
import type { Channel, Frame } from '../../lib/remote/channel.js'
import type { LinkedRun, RunEars } from '../../lib/remote/link.js'
import { asked, behaviour, fake, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { DimooError, loadModel, snapshotHeader } = await import('../../lib/index.js')
const { Trail, merged } = await import('../../lib/remote/trail.js')
const { portChannel, socketChannel } = await import('../../lib/remote/channel.js')
const { Checkpoints } = await import('../../lib/remote/checkpoints.js')
const { Link } = await import('../../lib/remote/link.js')
const { serveRunner } = await import('../../lib/remote/serve.js')
const { requestMessage } = await import('../../lib/remote/frames.js')
const { placement } = await import('../../lib/remote/placement.js')

type Picture = Extract<FarStep, { kind: 'image' }>
const picture = (step: number, tokens: number[], changed: number[], more: Partial<Picture> = {}): Picture => ({
  kind: 'image',
  image: 0,
  step,
  steps: 9,
  skipped: 0,
  masked: tokens.filter((id) => id < 0).length,
  elapsedMs: step,
  pass: 'full',
  rows: 4,
  grid: { width: 4, height: 1 },
  tokens: Int32Array.from(tokens),
  guess: Int32Array.from(tokens),
  changed: Uint32Array.from(changed),
  confidence: Float32Array.from(changed, (cell) => cell / 8),
  ...more,
})
const client = await import('../../lib/client/steps.js')
const sentStep = (step: Picture): ReturnType<typeof client.stepFrom> =>
  client.stepFrom(step, { draw: () => Promise.reject(new Error('expected no drawing')), remask: () => undefined })
const words = (step: number, settled: string, delta: string): FarStep => ({
  ...{ kind: 'text', step, steps: 9, skipped: 0, masked: 1, elapsedMs: 0, pass: 'text', rows: 4, block: 0, blocks: 1 },
  ...{ text: `${settled}#`, settled, delta },
})

describe('a trail', () => {
  test('drops what was seen, and says what is new since then', () => {
    const trail = new Trail()
    expect(trail.take(picture(0, [5, -1, -1, -1], [0]))).toBeDefined()
    expect(trail.take(picture(2, [5, 6, 7, -1], [1, 2], { skipped: 1 }))).toBeDefined()
    trail.resumed('exactly') // from a snapshot after step 0
    expect(trail.take(picture(1, [5, 6, -1, -1], [1]))).toBeUndefined()
    expect(trail.take(picture(2, [5, 6, 7, -1], [2]))).toBeUndefined()
    const step = trail.take(picture(3, [5, 6, 7, 8], [1, 2, 3], { skipped: 2 })) as Picture
    expect([step.skipped, [...step.changed], [...step.confidence]]).toEqual([0, [3], [3 / 8]])
    expect(trail.take(picture(4, [5, 6, 7, 8], [0]))).toMatchObject({ changed: Uint32Array.of(0) }) // in the order of one life again
  })

  test('says what was forgotten between two steps', () => {
    const trail = new Trail()
    trail.take(picture(0, [5, -1, -1, -1], [0]))
    const step = trail.take(picture(3, [5, 6, -1, 8], [3])) as Picture
    expect([step.skipped, [...step.changed], [...step.confidence]]).toEqual([2, [1, 3], [0, 3 / 8]])
    // A client does so by itself, whichever server says what.
    const [before, after] = [picture(0, [5, -1, -1, -1], [0]), picture(3, [5, 6, -1, 8], [0, 3], { skipped: 3 })].map(sentStep)
    expect(client.since(before!, after!)).toMatchObject({ skipped: 2, changed: Uint32Array.of(1, 3) })
    expect(client.since(words(0, 'a ', 'a ') as TextStep, words(2, 'a red', 'red') as TextStep)).toMatchObject({ skipped: 1, delta: 'red' })
  })

  test('knows pictures that are decoded together apart', () => {
    const trail = new Trail()
    expect(trail.take(picture(1, [1, -1, -1, -1], [0], { image: 1 }))).toBeDefined()
    expect(trail.take(picture(0, [1, -1, -1, -1], [0], { image: 0 }))).toBeDefined()
    trail.resumed('anew')
    expect(trail.take(picture(0, [2, -1, -1, -1], [0], { image: 1 }))).toBeDefined()
  })

  test('goes on with a text where it was', () => {
    const trail = new Trail()
    trail.take(words(3, 'a red ', 'red '))
    trail.resumed('exactly')
    expect(trail.take(words(2, 'a ', 'a '))).toBeUndefined()
    expect(trail.take(words(5, 'a red circle', 'a red circle'))).toMatchObject({ delta: 'circle', skipped: 1 })
  })
})

test('steps that were missed are merged into the next', () => {
  const both = merged(picture(1, [5, 6, -1, -1], [0, 1]), picture(2, [5, -1, 7, -1], [2])) as Picture
  expect([both.step, both.skipped, [...both.changed]]).toEqual([2, 1, [0, 2]]) // cell 1 was masked again
  expect(merged(words(1, 'a ', 'a '), words(2, 'a red', 'red'))).toMatchObject({ delta: 'a red', skipped: 1 })
})

async function sockets(): Promise<[Socket, Socket]> {
  const server = createServer()
  const place =
    process.platform === 'win32' ? `\\\\.\\pipe\\dimoo-${process.pid}` : path.join(tmpdir(), `dimoo-${process.pid}-${Math.random()}`)
  server.listen(place)
  await once(server, 'listening')
  const near = connect(place)
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [near, far]
}
const gather = (channel: Channel): { frames: Frame[]; closed: Promise<void> } => {
  const frames: Frame[] = []
  const closed = new Promise<void>((resolve) => channel.listen({ frame: (frame) => frames.push(frame), closed: resolve }))
  return { frames, closed }
}

describe('a channel', () => {
  const large = new Uint8Array(3_000_000).map((_, i) => i)

  test('carries frames whole and in order over a socket', async () => {
    const [near, far] = await sockets()
    const channel = socketChannel(near)
    const { frames } = gather(socketChannel(far))
    for (let call = 0; call < 300; call++) channel.send({ kind: 'small', call })
    channel.send({ kind: 'large', message: large })
    channel.send({ kind: 'last' })
    await vi.waitUntil(() => frames.length === 302, { timeout: 10_000 })
    expect(frames.slice(0, 300).map(({ call }) => call)).toEqual(Array.from({ length: 300 }, (_, i) => i))
    expect(Buffer.compare(frames[300]!.message!, large)).toBe(0)
    expect(frames[301]).toEqual({ kind: 'last' })
    channel.close()
  })

  test('is not disturbed by how the bytes arrive, and ends when the other side does', async () => {
    const [near, far] = await sockets()
    const whole: Buffer[] = []
    far.on('data', (bytes) => whole.push(Buffer.from(bytes)))
    const sender = socketChannel(near)
    sender.send({ kind: 'a', call: 1 })
    sender.send({ kind: 'b', message: new Uint8Array(9) })
    await vi.waitUntil(() => Buffer.concat(whole).length > 30)
    const [from, to] = await sockets()
    const { frames, closed } = gather(socketChannel(to))
    for (const byte of Buffer.concat(whole)) {
      from.write(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    from.destroy()
    await closed
    expect(frames).toEqual([
      { kind: 'a', call: 1 },
      { kind: 'b', message: new Uint8Array(9) },
    ])
    sender.close()
    sender.send({ kind: 'after the end' })
  })

  test('over a port', async () => {
    const { port1, port2 } = new MessageChannel()
    const [one, other] = [portChannel(port1), portChannel(port2)]
    const { frames, closed } = gather(other)
    one.send({ kind: 'a', message: Uint8Array.of(1, 2) })
    await vi.waitUntil(() => frames.length === 1)
    expect(frames[0]).toEqual({ kind: 'a', message: Uint8Array.of(1, 2) })
    one.listen({ frame: () => undefined, closed: () => undefined })
    one.close()
    await closed
  })
})

type Model = Awaited<ReturnType<typeof loadModel>>
let model: Model
beforeEach(async () => {
  reset()
  model = await loadModel(undefined, { device: 'cpu' })
})
afterEach(() => model.close())

describe('checkpoints', () => {
  test('the first after the first step, then as often as said, each further than the last; none after the end', async () => {
    behaviour.queueMs = 60
    behaviour.stepMs = 25
    const run = model.generate({ prompt: '', steps: 16 }, { delivery: 'none' })
    const steps: number[] = []
    const checkpoints = new Checkpoints(run, 60, (bytes, step) => {
      expect(snapshotHeader(bytes).step).toBe(step)
      return steps.push(step) > 0
    })
    await run.result()
    await checkpoints.stop()
    expect(steps[0]).toBeGreaterThan(0)
    expect(steps[0]).toBeLessThan(4)
    expect(steps.length).toBeGreaterThan(2)
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b))
  })

  test('no more once they are not wanted', async () => {
    behaviour.stepMs = 10
    const run = model.generate({ prompt: '', steps: 30 }, { delivery: 'none' })
    let saved = 0
    new Checkpoints(run, 20, () => ++saved < 2)
    await run.result()
    expect(saved).toBe(2)
  })
})

/** A model of the fake addon at one end, a link at the other; what is told of one run. */
interface Told {
  readonly steps: FarStep[]
  readonly kept: number[]
  readonly ended: Promise<FarEnd>
  readonly linked: LinkedRun
  readonly dry: Mock<() => void>
  readonly running: Mock<() => void>
  readonly taken: Mock<(bytes: Uint8Array, step: number) => void>
  readonly noSnapshot: Mock<() => void>
}
function served(snapshotEveryMs = 10_000): { link: InstanceType<typeof Link>; lost: () => boolean; left: () => boolean; cut: () => void } {
  const { port1, port2 } = new MessageChannel()
  let [lost, left] = [false, false]
  const far = portChannel(port2)
  serveRunner(model, far, { snapshotEveryMs, left: () => (left = true) })
  const link = new Link(portChannel(port1), { extra: () => undefined, lost: () => (lost = true) })
  return { link, lost: () => lost, left: () => left, cut: () => far.close() }
}
function started(begin: (ears: RunEars) => LinkedRun): Told {
  const [steps, kept]: [FarStep[], number[]] = [[], []]
  let end: (end: FarEnd) => void
  const ended = new Promise<FarEnd>((resolve) => (end = resolve))
  const ears = {
    step: (step: FarStep) => void steps.push(step),
    dry: vi.fn(),
    running: vi.fn(),
    taken: vi.fn(),
    noSnapshot: vi.fn(),
    checkpoint: (_: Uint8Array, step: number) => void kept.push(step),
    end: (found: FarEnd) => end(found),
  }
  return Object.assign(ears, { steps, kept, ended, linked: begin(ears) })
}
const resultOf = (end: FarEnd): { images: { tokens: Int32Array }[] } => (end as unknown as { result: never }).result

describe('a runner over a channel', () => {
  test('answers what it is asked', async () => {
    const { link } = served()
    expect(await link.info()).toEqual(await model.info())
    expect(await link.stats()).toEqual(await model.stats())
    const run = model.generate({ prompt: '', steps: 2 }, { delivery: 'all' })
    for await (const step of run) {
      const { grid, tokens, guess } = step
      expect(await link.decode({ grid, tokens, guess }, { quality: 'draft' })).toEqual(await step.decode({ quality: 'draft' }))
    }
  })

  test('sends a step for each that is asked for, and holds the run meanwhile', async () => {
    const { link } = served()
    const told = started((ears) => link.run(requestMessage('generate', { prompt: '', steps: 5, seed: '1' }, { delivery: 'all' }), ears))
    await vi.waitUntil(() => asked.stepsMade > 0)
    await new Promise((resolve) => setTimeout(resolve, 60))
    // Unasked only what a snapshot is past: who goes on from there has to have seen it.
    const pastNow = (): number => Math.max(0, ...told.kept)
    await vi.waitUntil(() => told.steps.length === pastNow() && asked.stepsMade === pastNow() + 1)
    await new Promise((resolve) => setTimeout(resolve, 60))
    const past = pastNow()
    expect(told.steps).toHaveLength(past)
    expect(past).toBeLessThan(3)
    expect(asked.stepsMade).toBe(past + 1)
    for (let i = past; i < 3; i++) told.linked.tell('pull')
    await vi.waitUntil(() => told.steps.length === 3)
    expect(told.steps.map(({ step }) => step)).toEqual([0, 1, 2])
    expect(told.running).toHaveBeenCalled()
    for (let i = 0; i < 2; i++) told.linked.tell('pull')
    expect(resultOf(await told.ended).images).toHaveLength(1)
    expect(told.steps.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4])
    expect(told.dry).toHaveBeenCalledOnce()
  })

  test('sends what is left of a run that has ended: the last step, with those that were missed', async () => {
    const { link } = served()
    const told = started((ears) => link.run(requestMessage('generate', { prompt: '', steps: 5, n: 2, seed: '1' }, {}), ears))
    await told.ended
    expect(told.steps.map(({ step, skipped }) => [step, skipped])).toEqual([
      [4, 4],
      [4, 4],
    ])
  })

  test('tells errors with their codes, at once or later', async () => {
    const { link } = served()
    const wrong = started((ears) => link.run(requestMessage('generate', { prompt: '', width: 7, seed: '1' }, {}), ears))
    expect(await wrong.ended).toMatchObject({ error: { code: 'request/invalid' } })
    behaviour.startError = Object.assign(new Error('full'), { code: 'queue/full', details: '{"retryAfterMs":70}' })
    const full = started((ears) => link.run(requestMessage('generate', { prompt: '', seed: '1' }, {}), ears))
    expect(await full.ended).toMatchObject({ error: { code: 'queue/full', details: { retryAfterMs: 70 } } })
    behaviour.startError = undefined
    const aborted = started((ears) => link.run(requestMessage('generate', { prompt: '', seed: '1' }, { deadlineMs: 1 }), ears))
    expect(await aborted.ended).toMatchObject({ error: { code: 'run/deadline' } })
    await expect(link.decode({ grid: { width: 2, height: 2 }, tokens: new Int32Array(1), guess: new Int32Array(1) }, {})).rejects.toSatisfy(
      (error) => DimooError.is(error, 'request/invalid'),
    )
  })

  test('gives a snapshot, or says that the run is about to end', async () => {
    const { link } = served()
    const message = requestMessage('generate', { prompt: '', steps: 4, seed: '1' }, { delivery: 'all' })
    const told = started((ears) => link.run(message, ears))
    told.linked.tell('snapshot')
    await vi.waitUntil(() => told.taken.mock.calls.length === 1)
    const [bytes] = told.taken.mock.calls[0]!
    const again = started((ears) => link.resume(bytes, {}, ears))
    const end = resultOf(await again.ended)
    for (let i = 0; i < 4; i++) told.linked.tell('pull')
    expect(resultOf(await told.ended).images[0]!.tokens).toEqual(end.images[0]!.tokens)
    behaviour.stepMs = 20
    const late = started((ears) => link.run(requestMessage('generate', { prompt: '', steps: 1, seed: '1' }, { delivery: 'none' }), ears))
    await vi.waitUntil(() => late.running.mock.calls.length > 0 || asked.stepsMade > 0)
    late.linked.tell('snapshot')
    await late.ended
    expect(late.taken.mock.calls.length + late.noSnapshot.mock.calls.length).toBeLessThanOrEqual(1)
  })

  test('a remask is answered once a snapshot holds it', async () => {
    const { link } = served()
    const message = requestMessage('generate', { prompt: '', steps: 6, seed: '1' }, { delivery: 'all' })
    const told = started((ears) => link.run(message, ears))
    told.linked.tell('pull')
    await vi.waitUntil(() => told.steps.length > 0)
    const before = told.kept.length
    await told.linked.remask(Uint32Array.of(0), 0)
    expect(told.kept.length).toBeGreaterThan(before)
    await expect(told.linked.remask(Uint32Array.of(999), 0)).rejects.toSatisfy((error) => DimooError.is(error, 'request/invalid'))
    told.linked.tell('abort')
  })

  test('checkpoints come by themselves', async () => {
    behaviour.stepMs = 20
    const { link } = served(50)
    const told = started((ears) => link.run(requestMessage('generate', { prompt: '', steps: 16, seed: '1' }, { delivery: 'none' }), ears))
    await told.ended
    expect(told.kept.length).toBeGreaterThan(2)
    expect(told.kept[0]).toBeGreaterThan(0)
  })

  test('a cut channel aborts the runs there and tells nothing of them here', async () => {
    behaviour.stepMs = 20
    const { link, lost, left, cut } = served()
    const told = started((ears) => link.run(requestMessage('generate', { prompt: '', steps: 50, seed: '1' }, { delivery: 'none' }), ears))
    await vi.waitUntil(() => asked.stepsMade > 0)
    const call = link.stats()
    cut()
    await expect(call).rejects.toSatisfy((error) => DimooError.is(error, 'device/lost'))
    await vi.waitUntil(() => lost() && left() && asked.cancelled === 1)
    expect(await Promise.race([told.ended, Promise.resolve('nothing')])).toBe('nothing')
    await expect(link.info()).rejects.toSatisfy((error) => DimooError.is(error, 'device/lost'))
  })
})

test('where a run that was written down may go on', async () => {
  const run = model.generate({ prompt: '', steps: 4 }, { delivery: 'all' })
  const header = snapshotHeader(await run.snapshot())
  run.abort()
  run.result().catch(() => undefined)
  const here = await model.info()
  const otherVariant = { ...here, variants: { ...here.variants, linear: 'else' } }
  const otherModel = { ...here, sha256: 'cd'.repeat(32) }
  expect(placement(header, true, here, [otherVariant])).toBe('exactly')
  expect(placement(header, true, otherVariant, [here])).toBe('leave')
  expect(placement(header, false, otherVariant, [here])).toBe('leave')
  expect(placement(header, false, otherVariant, [otherModel])).toBe('inexactly')
  expect(placement(header, true, otherVariant, [otherModel])).toBe('anew')
  expect(placement(header, false, otherModel, [otherVariant])).toBe('leave')
  expect(placement(header, false, otherModel, [])).toBe('anew')
})
