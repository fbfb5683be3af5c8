// `/v1/runs` over HTTP, with a runner that does what the test says.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { DimooError, QueueFullError } from '../../lib/base/errors.js'
import { toJson } from '../../lib/base/json.js'
import { runEvents } from '../../lib/client/events.js'
import type { WireEvent } from '../../lib/wire/sequence.js'
import { decodeMessage } from '../../lib/wire/messages.js'
import { encodeCbor } from '../../lib/wire/cbor.js'
import { ScriptedRunner, type ScriptedRun } from './scripted.js'
import { eventsOf, eventually, serve } from './world.js'

const BEGIN = { task: 'generate', request: { prompt: 'a red circle' } }
const body = async (response: Response): Promise<Record<string, unknown>> => (await response.json()) as Record<string, unknown>

test('a run is accepted, followed to its end, asked after and dropped', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const begun = await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'mine', priority: 2 } } })
  expect([begun.status, begun.headers.get('location')]).toEqual([202, '/v1/runs/mine'])
  expect(await begun.json()).toMatchObject({ id: 'mine', task: 'generate', state: 'queued', model: 'scripted', priority: 2 })
  expect(runner.last.request).toMatchObject({ prompt: 'a red circle', seed: expect.stringMatching(/^\d+$/) as string })
  const following = ask('/v1/runs/mine/events')
  runner.last.step(2)
  expect(await body(await ask('/v1/runs/mine'))).toMatchObject({
    state: 'running',
    progress: { step: expect.any(Number) as number, steps: 8 },
  })
  const early = await ask('/v1/runs/mine/images/0')
  expect([early.status, (await body(early))['error']]).toEqual([
    409,
    expect.objectContaining({ message: expect.stringMatching(/come with its end/) as string }),
  ])
  runner.last.finish()
  const response = await following
  expect(response.headers.get('x-accel-buffering')).toBe('no')
  const events = await eventsOf(response)
  expect(events.map(({ id, event }) => [id, event])).toEqual([
    ['1', 'state'],
    ['2', 'state'],
    ['3', 'step'],
    ['4', 'step'],
    ['5', 'done'],
  ])
  expect(JSON.parse(events[2]!.data)).toMatchObject({ version: 1, kind: 'step', task: 'generate', step: { step: 0, tokens: [0, -1] } })
  const told = await body(await ask('/v1/runs/mine'))
  expect(told).toMatchObject({ state: 'done', result: { images: [{ width: 2, height: 1, url: '/v1/runs/mine/images/0' }] } })
  expect(await body(await ask('/v1/runs/mine?pixels=true'))).toMatchObject({
    result: { images: [{ image: { data: 'BwcHBwcH' }, tokens: [1, 2] }] },
  })
  expect((await ask('/v1/runs/mine/images/0')).headers.get('content-type')).toBe('image/png')
  expect((await ask('/v1/runs/mine/images/1')).status).toBe(404)
  expect(await body(await ask('/v1/runs'))).toMatchObject({ runs: [{ id: 'mine' }] })
  expect((await ask('/v1/runs/mine', { method: 'DELETE' })).status).toBe(204)
  const gone = await ask('/v1/runs/mine')
  expect([gone.status, (await body(gone))['error']]).toEqual([410, expect.objectContaining({ code: 'gone' })])
  expect((await ask('/v1/runs/other')).status).toBe(404)
})

test('a stream that broke goes on where it broke: same events, none twice, none missing', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'r' } } })
  runner.last.step(3)
  const first = await eventsOf(await ask('/v1/runs/r/events'), ({ id }) => id === '4')
  runner.last.step(2)
  const second = await eventsOf(await ask('/v1/runs/r/events', { headers: { 'last-event-id': '4' } }), ({ id }) => id === '6')
  runner.last.finish()
  const third = await eventsOf(await ask('/v1/runs/r/events?after=6'))
  const all = await eventsOf(await ask('/v1/runs/r/events'))
  expect([...first, ...second, ...third]).toEqual(all)
  expect(all.map(({ id }) => id)).toEqual(all.map((_, i) => String(i + 1)))
  expect((await ask('/v1/runs/r/events', { headers: { 'last-event-id': 'x' } })).status).toBe(422)
})

test('a program that accepts a sequence of CBOR gets the same events as bytes', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { heartbeatMs: 100 })
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'r' } } })
  const accept = 'application/cbor-seq, text/event-stream;q=0.5'
  const following = await ask('/v1/runs/r/events', { headers: { accept, 'last-event-id': '99' } })
  expect(following.headers.get('content-type')).toBe('application/cbor-seq')
  let pieces = 0
  const events: WireEvent[] = []
  const reading = (async () => {
    for await (const event of runEvents(following, () => pieces++)) events.push(event)
  })()
  await eventually(() => pieces > 4, 'a sign of life')
  runner.last.step(2)
  runner.last.finish()
  await reading
  expect(events.slice(3, 4)).toMatchObject([{ id: 3, event: 'step', data: { step: { step: 0, tokens: Int32Array.from([0, -1]) } } }])
  const told = await eventsOf(await ask('/v1/runs/r/events', { headers: { 'last-event-id': '99' } }))
  const asJson = ({ id, event, data }: WireEvent): unknown => ({ id: id?.toString(), event, data: JSON.stringify(toJson(data)) })
  expect(events.map(asJson)).toEqual(told)
  expect(told.map(({ event }) => event)).toEqual(['gap', 'state', 'state', 'step', 'step', 'done'])
  const rest = await ask('/v1/runs/r/events', { headers: { accept, 'last-event-id': '3' } })
  const ids: unknown[] = []
  for await (const { id } of runEvents(rest, () => undefined)) ids.push(id)
  expect(ids).toEqual([4, 5])
})

test('a run is aborted some time after its last listener left, unless it is detached or the listener comes back', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { graceMs: 600 })
  for (const [id, detach] of [
    ['left', false],
    ['back', false],
    ['detached', true],
  ] as const) {
    await ask('/v1/runs', { json: { ...BEGIN, detach, options: { id } } })
    runner.last.step()
    await eventsOf(await ask(`/v1/runs/${id}/events`), ({ event }) => event === 'step')
  }
  await sleep(200)
  const back = ask('/v1/runs/back/events?after=2')
  await eventually(() => runner.runs[0]!.state === 'aborted', 'the abort')
  expect(await body(await ask('/v1/runs/left'))).toMatchObject({
    state: 'aborted',
    error: { code: 'aborted', message: expect.stringMatching(/nobody listened for 600 ms/) as string },
  })
  expect(runner.runs.map(({ state }) => state)).toEqual(['aborted', 'running', 'running'])
  await sleep(700)
  expect(runner.runs.map(({ state }) => state)).toEqual(['aborted', 'running', 'running'])
  runner.runs[1]!.finish()
  runner.runs[2]!.finish()
  expect((await eventsOf(await back)).at(-1)?.event).toBe('done')
  expect(await body(await ask('/v1/runs/detached'))).toMatchObject({ state: 'done', detached: true })
})

test('a run is held, let go, masked again, written down, drawn, and ended', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'r' } } })
  runner.last.step()
  expect(await body(await ask('/v1/runs/r/pause', { method: 'POST' }))).toMatchObject({ state: 'paused' })
  expect(await body(await ask('/v1/runs/r/continue', { method: 'POST' }))).toMatchObject({ state: 'running' })
  expect((await ask('/v1/runs/r/remask', { json: { region: { left: 0, top: 0, width: 8, height: 8 } } })).status).toBe(200)
  expect((await ask('/v1/runs/r/remask', { json: { region: [1, 2], image: 0 } })).status).toBe(200)
  const refused = await ask('/v1/runs/r/remask', { json: { region: '/etc/passwd' } })
  expect([refused.status, (await body(refused))['error']]).toEqual([422, expect.objectContaining({ param: 'region' })])
  expect(await (await ask('/v1/runs/r/snapshot', { method: 'POST' })).text()).toBe('snapshot-0')
  const step = { grid: { width: 2, height: 1 }, tokens: [1, 2], guess: [1, 2] }
  const drawn = await ask('/v1/runs/r/decode', { json: { step, masked: 'grey' } })
  expect([drawn.status, drawn.headers.get('content-type')]).toEqual([200, 'image/png'])
  expect(runner.last.asked).toEqual([
    'pause',
    'continue',
    'remask {"left":0,"top":0,"width":8,"height":8} {"image":0}',
    'remask {"0":1,"1":2} {"image":0}',
    'snapshot',
  ])
  expect((await ask('/v1/runs/r', { method: 'DELETE' })).status).toBe(204)
  await eventually(() => runner.last.state === 'aborted')
  for (const what of ['pause', 'continue', 'snapshot']) expect((await ask(`/v1/runs/r/${what}`, { method: 'POST' })).status, what).toBe(409)
})

test('another priority: what waits is begun anew, what runs goes on from where it is; readers notice nothing', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const change = (id: string, priority: unknown): Promise<Response> =>
    ask(`/v1/runs/${id}`, { method: 'PATCH', body: JSON.stringify({ priority }), headers: { 'content-type': 'application/json' } })
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'waits' } } })
  const { seed } = runner.runs[0]!.request as { seed: string }
  expect(await body(await change('waits', 5))).toMatchObject({ priority: 5, state: 'queued' })
  expect(runner.runs[0]!.asked).toEqual(['abort'])
  expect(runner.runs[1]).toMatchObject({ request: { prompt: 'a red circle', seed }, options: { id: 'waits', priority: 5 } })
  runner.runs[1]!.step(2)
  const following = ask('/v1/runs/waits/events')
  await eventually(async () => (await body(await ask('/v1/runs/waits')))['state'] === 'running')
  expect(await body(await change('waits', -3))).toMatchObject({ priority: -3 })
  expect(runner.resumed).toEqual([{ snapshot: 'snapshot-1', options: expect.objectContaining({ priority: -3 }) as object }])
  runner.runs[2]!.skipTo(1)
  runner.runs[2]!.step(2) // the step that was seen, and the next
  runner.runs[2]!.finish()
  const steps = (await eventsOf(await following)).filter(({ event }) => event === 'step')
  expect(steps.map(({ data }) => (JSON.parse(data) as { step: { step: number } }).step.step)).toEqual([0, 1, 2])
  expect((await change('waits', 1)).status).toBe(409)
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'other' } } })
  expect((await change('other', 'high')).status).toBe(422)
})

/** A run `r` that has taken its first step. */
async function stepped(): Promise<{ runner: ScriptedRunner; first: ScriptedRun; ask: Awaited<ReturnType<typeof serve>>['ask'] }> {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'r' } } })
  const first = runner.last
  first.step()
  await eventually(async () => (await body(await ask('/v1/runs/r')))['state'] === 'running')
  return { runner, first, ask }
}

test('what others ask while a run is begun again under another priority reaches the run that goes on', async () => {
  const { runner, ask, first } = await stepped()
  let open: () => void = () => undefined
  const bytes = new Promise<Uint8Array>((resolve) => (open = () => resolve(new Uint8Array(1))))
  first.snapshot = () => {
    first.asked.push('snapshot')
    return bytes
  }
  const change = (priority: number): Promise<Response> => ask('/v1/runs/r', { method: 'PATCH', json: { priority } })
  const changed = change(5)
  await eventually(() => first.asked.includes('snapshot'))
  const others = [
    change(7),
    ask('/v1/runs/r/pause', { method: 'POST' }),
    ask('/v1/runs/r/remask', { json: { region: { left: 0, top: 0, width: 8, height: 8 } } }),
    ask('/v1/runs/r/snapshot', { method: 'POST' }),
  ]
  await sleep(50)
  open()
  for (const response of await Promise.all([changed, ...others])) expect(response.status).toBe(200)
  expect(first.asked).toEqual(['snapshot', 'abort'])
  expect(await body(await ask('/v1/runs/r'))).toMatchObject({ state: 'paused', priority: 7 })
  expect(runner.last.asked).toEqual(expect.arrayContaining(['pause', expect.stringMatching(/^remask/), 'snapshot']))
})

test('a run that is ended while it changes its priority has ended', async () => {
  const { runner, ask, first } = await stepped()
  // As where the order to end comes between the snapshot and its use.
  first.snapshot = async () => {
    expect((await ask('/v1/runs/r', { method: 'DELETE' })).status).toBe(204)
    return new Uint8Array(1)
  }
  first.abort = () => undefined
  await ask('/v1/runs/r', { method: 'PATCH', json: { priority: 5 } })
  expect(runner.runs).toHaveLength(1)
  first.finish()
})

test('a snapshot goes on, from JSON, CBOR and a form', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const refused = await ask('/v1/runs', { json: { snapshot: Buffer.from('no').toString('base64') } })
  expect([refused.status, (await body(refused))['error']]).toEqual([
    422,
    expect.objectContaining({ message: expect.stringMatching(/resume: /) as string }),
  ])
  const cbor = await ask('/v1/runs', {
    method: 'POST',
    body: encodeCbor({ ...BEGIN, options: { id: 'c' } }),
    headers: { 'content-type': 'application/cbor' },
  })
  expect([cbor.status, await cbor.json()]).toEqual([202, expect.objectContaining({ id: 'c' })])
  runner.last.finish()
  await eventually(async () => (await body(await ask('/v1/runs/c')))['state'] === 'done')
  const answer = await ask('/v1/runs/c', { headers: { accept: 'application/cbor' } })
  expect(() => decodeMessage(new Uint8Array(Buffer.from('00', 'hex')))).toThrow()
  expect(Buffer.from(await answer.arrayBuffer()).includes('usage')).toBe(true)
  const form = new FormData()
  form.set('task', 'edit')
  form.set('prompt', 'Make it blue.')
  form.set('steps', '4')
  form.set('cache', 'true')
  form.set('priority', '3')
  form.set('detach', 'true')
  form.set('version', '1')
  form.set('image', new Blob([await tinyPng()]), 'a.png')
  const formed = await ask('/v1/runs', { method: 'POST', body: form })
  expect([formed.status, await formed.json()]).toEqual([202, expect.objectContaining({ task: 'edit', priority: 3, detached: true })])
  expect(runner.last.request).toMatchObject({ prompt: 'Make it blue.', steps: 4, cache: true, image: expect.any(Uint8Array) as Uint8Array })
})

async function tinyPng(): Promise<Uint8Array<ArrayBuffer>> {
  const { encodeImage } = await import('../../lib/image/encode.js')
  return new Uint8Array(await encodeImage({ data: new Uint8Array(64 * 64 * 3), width: 64, height: 64, channels: 3 }, 'png'))
}

test('Idempotency-Key: the same run again, a mistake with another body, a new try after a failure', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const send = (json: unknown, key = 'k1'): Promise<Response> => ask('/v1/runs', { json, headers: { 'idempotency-key': key } })
  const [one, two] = await Promise.all([send(BEGIN), send(BEGIN)])
  expect(await body(one)).toEqual(await body(two))
  expect([one, two].filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(1)
  expect(runner.runs).toHaveLength(1)
  const other = await send({ ...BEGIN, request: { prompt: 'else' } })
  expect([other.status, (await body(other))['error']]).toEqual([422, expect.objectContaining({ param: 'Idempotency-Key' })])
  runner.refuse = new QueueFullError('full', 2500)
  const full = await send(BEGIN, 'k2')
  expect([full.status, full.headers.get('retry-after')]).toEqual([429, '3'])
  runner.refuse = undefined
  expect((await send(BEGIN, 'k2')).status).toBe(202)
  expect((await send(BEGIN, 'a b')).status).toBe(422)
})

test('the queue is bounded, and its estimated wait is told', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { maxQueue: 2 })
  expect((await ask('/v1/runs', { json: BEGIN })).status).toBe(202)
  expect((await ask('/v1/runs', { json: BEGIN })).status).toBe(202)
  const full = await ask('/v1/runs', { json: BEGIN })
  expect([full.status, full.headers.get('retry-after'), (await body(full))['error']]).toEqual([
    429,
    '2',
    expect.objectContaining({ code: 'queue/full', details: { retryAfterMs: 1234 } }),
  ])
  runner.runs[0]!.step()
  expect((await ask('/v1/runs', { json: BEGIN })).status).toBe(202)
})

test('results stay within time and bytes, the oldest go first', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { maxResultBytes: 15_000, resultTtlMs: 1200 })
  const made: string[] = []
  for (let i = 0; i < 6; i++) {
    await ask('/v1/runs', { json: { ...BEGIN, detach: true, options: { id: `r${i}` } } })
    runner.last.finish()
    made.push(`r${i}`)
  }
  await eventually(async () => (await ask('/v1/runs/r5')).status === 200)
  const status = async (): Promise<number[]> => Promise.all(made.map(async (id) => (await ask(`/v1/runs/${id}`)).status))
  expect(await status()).toEqual([410, 410, 410, 200, 200, 200])
  await eventually(async () => (await status()).every((one) => one === 410), 'the end of their time')
})

test('a failed run says why, an unknown task and field are named, nothing names a file', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'r' } } })
  runner.last.fail(new DimooError('device/lost', 'the device is gone'))
  await eventually(async () => (await body(await ask('/v1/runs/r')))['state'] === 'failed')
  expect(await body(await ask('/v1/runs/r'))).toMatchObject({ error: { code: 'device/lost', message: 'the device is gone' } })
  expect((await ask('/v1/runs/r/images/0')).status).toBe(503)
  for (const [json, status, message] of [
    [{ task: 'draw', request: {} }, 422, /task must be one of/],
    [{ task: 'generate', request: { promt: '' } }, 422, /did you mean 'prompt'/],
    [{ task: 'generate', request: { prompt: '' }, optoins: {} }, 422, /unknown option 'optoins' \(did you mean 'options'/],
    [
      { task: 'edit', request: { prompt: '', image: '/etc/passwd' } },
      422,
      /must be the bytes of a picture or a data: URL where it travels/,
    ],
    [{ task: 'edit', request: { prompt: '', image: 'https://example.com/a.png' } }, 422, /must be the bytes/],
    [{ task: 'generate', request: { prompt: '', steps: 1025 } }, 422, /steps must be at most 1024 here/],
    [{ task: 'generate', request: { prompt: '', width: 2048, height: 1024 } }, 422, /at most 4096 cells/],
    [{ task: 'generate', request: { prompt: 'a'.repeat(40_000) } }, 422, /at most 32768 bytes/],
    [{ task: 'generate', request: { prompt: '', n: 17 } }, 422, /n must be at most 16 here/],
    [[1], 422, /expected \{task, request, options\}/],
  ] as const) {
    const response = await ask('/v1/runs', { json })
    expect([response.status, (await body(response))['error']], JSON.stringify(json).slice(0, 80)).toEqual([
      status,
      expect.objectContaining({ message: expect.stringMatching(message) as string }),
    ])
  }
})
