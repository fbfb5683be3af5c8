// What is said of runs that are no more, and of events that never were: why a result is gone, what a key that was used before gives, and where
// a stream goes on whose reader names an event of another run.
import { expect, onTestFinished, test } from 'vitest'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../lib/client/connect.js'
import type { ModelInfo } from '../../lib/native/info.js'
import { INFO, ScriptedRunner } from './scripted.js'
import { eventsOf, eventually, serve } from './world.js'

const BEGIN = { task: 'generate', request: { prompt: 'a red circle' } }

async function told(response: Response): Promise<readonly [status: number, message: string]> {
  const { error } = (await response.json()) as { error: { message: string } }
  return [response.status, error.message]
}

test('410 says why: deleted, too old, or crowded out', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { maxResultBytes: 10_000, resultTtlMs: 1500 })
  const end = async (id: string): Promise<void> => {
    await ask('/v1/runs', { json: { ...BEGIN, detach: true, options: { id } } })
    runner.last.finish()
    await eventually(async () => ((await (await ask(`/v1/runs/${id}`)).json()) as { state: string }).state === 'done')
  }
  await end('one')
  expect((await ask('/v1/runs/one', { method: 'DELETE' })).status).toBe(204)
  expect(await told(await ask('/v1/runs/one'))).toEqual([410, 'run one: its client deleted it'])
  expect(await told(await ask('/v1/runs/one', { method: 'DELETE' }))).toEqual([410, 'run one: its client deleted it'])
  for (const id of ['two', 'three', 'four']) await end(id)
  expect(await told(await ask('/v1/runs/two'))).toEqual([
    410,
    'run two: its result made room for newer ones: at most 10000 bytes of them are kept',
  ])
  await eventually(async () => (await ask('/v1/runs/four')).status === 410, 'its end')
  expect(await told(await ask('/v1/runs/four'))).toEqual([410, 'run four: its result was kept for 1.5 s, and is gone'])
})

test('a key whose run was deleted gives 410, not the run', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const send = (): Promise<Response> => ask('/v1/runs', { json: { ...BEGIN, options: { id: 'r' } }, headers: { 'idempotency-key': 'k' } })
  expect((await send()).status).toBe(202)
  runner.last.finish()
  await eventually(async () => ((await (await ask('/v1/runs/r')).json()) as { state: string }).state === 'done')
  expect((await send()).status).toBe(202)
  await ask('/v1/runs/r', { method: 'DELETE' })
  expect(await told(await send())).toEqual([410, 'run r: its client deleted it'])
  expect(runner.runs).toHaveLength(1)
})

test.each(['/v1/images/generations', '/v1/chat/completions', '/v1/responses'])('%s: a key with another body is 400', async (path) => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const send = (text: string): Promise<Response> =>
    ask(path, {
      json: path.endsWith('s/generations')
        ? { prompt: text }
        : path.endsWith('responses')
          ? { input: text }
          : { messages: [{ role: 'user', content: text }] },
      headers: { 'idempotency-key': 'k' },
    })
  const first = send('one')
  await eventually(() => runner.runs.length === 1)
  const other = await send('two')
  const { error } = (await other.json()) as { error: object }
  expect([other.status, error]).toEqual([
    400,
    {
      message: 'Idempotency-Key: this key came before with another request',
      type: 'invalid_request_error',
      code: 'request/invalid',
      param: 'Idempotency-Key',
    },
  ])
  runner.last.fail(new Error('enough'))
  expect((await first).status).toBe(500)
})

test('a result is kept a tenth of the time from when its client was here last, heard or not; that of a detached run all of it', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { resultTtlMs: 10_000, graceMs: 500 })
  for (const detach of [false, true]) {
    const id = detach ? 'detached' : 'heard'
    await ask('/v1/runs', { json: { ...BEGIN, detach, options: { id } } })
    const following = ask(`/v1/runs/${id}/events`)
    runner.last.finish()
    await eventsOf(await following)
  }
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'unheard' } } })
  runner.last.finish()
  const answer = async (id: string): Promise<unknown> => {
    const response = await ask(`/v1/runs/${id}/images/0`)
    return response.ok ? response.status : ((await response.json()) as { error: { message: string } }).error.message
  }
  // Whoever asks stays.
  for (let i = 0; i < 10; i++) {
    expect(await answer('heard')).toBe(200)
    await sleep(200)
  }
  await sleep(2200)
  for (const id of ['heard', 'unheard'])
    expect(await answer(id)).toBe(`run ${id}: its result was kept for 1 s from when its client was here last (with detach: true longer)`)
  expect(await answer('detached')).toBe(200)
})

test('an event that is none of the run: a gap says so, then the run from its beginning', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'r' } } })
  runner.last.step(2)
  const names = async (last: string, until = 'done'): Promise<unknown> => {
    const response = await ask('/v1/runs/r/events', { headers: { 'last-event-id': last } })
    return (await eventsOf(response, ({ event }) => event === until)).map(({ id, event, data }) => (event === 'gap' ? data : [id, event]))
  }
  expect(await names('999', 'step')).toEqual(['{"missed":0,"unknown":999}', ['1', 'state'], ['2', 'state'], ['3', 'step']])
  runner.last.finish()
  await eventually(async () => ((await (await ask('/v1/runs/r')).json()) as { state: string }).state === 'done')
  expect(await names('999')).toEqual([
    '{"missed":0,"unknown":999}',
    ...[1, 2].map((id) => [String(id), 'state']),
    ...[3, 4].map((id) => [String(id), 'step']),
    ['5', 'done'],
  ])
  // Whoever has the end hears it again, rather than nothing.
  expect(await names('5')).toEqual([['5', 'done']])
  expect((await eventsOf(await ask('/v1/runs/r/events?steps=false&after=999'))).map(({ event }) => event)).toEqual(['gap', 'done'])
})

test('a run that is given up unheard takes no later one of its name with it', async () => {
  const runner = new ScriptedRunner()
  const { url, ask } = await serve(runner)
  // The first run's beginning is lost on its way; all else arrives.
  let lost = 0
  const deleted: number[] = []
  const fetcher: typeof fetch = async (place, init) => {
    if (init?.method === 'POST' && lost++ === 0) return new Promise((_, reject) => init.signal!.addEventListener('abort', reject))
    const response = await fetch(place, init)
    if (init?.method === 'DELETE') deleted.push(response.status)
    return response
  }
  const client = connect(url, { fetch: fetcher })
  onTestFinished(() => client.close())
  const first = client.generate({ prompt: 'one' }, { id: 'same' })
  await eventually(() => lost === 1)
  first.abort()
  await expect(first.result()).rejects.toMatchObject({ name: 'AbortError' })
  const second = client.generate({ prompt: 'two' }, { id: 'same' })
  await eventually(() => runner.runs.length === 1)
  await eventually(() => deleted.length > 1, 'the end of what the first one left behind', 10_000)
  expect(deleted).toEqual([404, 412])
  expect(runner.last.state).toBe('queued')
  second.abort()
  await eventually(() => runner.last.state === 'aborted')
  // One that was never asked for ends nothing either.
  await ask('/v1/runs', { json: { ...BEGIN, options: { id: 'theirs' }, detach: true } })
  await expect(client.generate({ prompt: 'x' }, { id: 'theirs', signal: AbortSignal.abort() }).result()).rejects.toThrow()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(runner.last.state).toBe('queued')
  expect(await told(await ask('/v1/runs/theirs', { method: 'DELETE', headers: { 'if-match': '"other"' } }))).toEqual([
    412,
    'run theirs: it was begun under another Idempotency-Key than If-Match names',
  ])
  expect((await ask('/v1/runs/theirs', { method: 'DELETE' })).status).toBe(204)
})

test.each([
  ['/v1/images/generations', { prompt: 'x', stream: true }],
  ['/v1/images/generations', { prompt: 'x' }],
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }], stream: true }],
  ['/v1/responses', { input: 'x', stream: true }],
])('%s: a client that left before its run began leaves nothing behind', async (path, json) => {
  let [asked, answer]: [boolean, () => void] = [false, () => undefined]
  const gate = new Promise<void>((resolve) => (answer = resolve))
  class Slow extends ScriptedRunner {
    override async info(): Promise<ModelInfo> {
      asked = true
      await gate
      return INFO
    }
  }
  const slow = new Slow()
  const { ask } = await serve({ slow })
  const leaving = new AbortController()
  const left = ask(path, { json, signal: leaving.signal }).catch(() => 'left')
  await eventually(() => asked)
  leaving.abort()
  expect(await left).toBe('left')
  await sleep(100)
  answer()
  await eventually(() => slow.runs[0]?.state === 'aborted', 'its end')
  await eventually(async () => /^dimoo_streams 0$/m.test(await (await ask('/metrics')).text()), 'the end of its stream')
})
