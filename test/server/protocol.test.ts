// What HTTP itself asks of a server: methods of paths, packed bodies, byte order marks, what pages elsewhere may read; and small things that
// clients of other servers expect.
import { gzipSync } from 'node:zlib'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { loadModel } from '../../lib/index.js'
import { ScriptedRunner } from './scripted.js'
import { eventsOf, eventually, serve } from './world.js'

const told = async (response: Response): Promise<string> => ((await response.json()) as { error: { message: string } }).error.message

test.each([
  ['GET', '/v1/images/generations', 'POST'],
  ['PUT', '/v1/runs', 'GET, HEAD, POST'],
  ['POST', '/v1/runs/some', 'DELETE, GET, HEAD, PATCH'],
  ['DELETE', '/v1/models/a/b', 'GET, HEAD'],
  ['OPTIONS', '/v1/runs', 'GET, HEAD, POST'],
])('%s %s is 405 and says what may be', async (method, path, allow) => {
  const { ask } = await serve(new ScriptedRunner())
  const response = await ask(path, { method })
  expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
  expect(await told(response)).toBe(`${method}: this path takes ${allow}`)
})

test('what is not there is 404, under any method', async () => {
  const { ask } = await serve(new ScriptedRunner())
  for (const path of ['/v1/nothing', '/v1/runs/a/b/c', '/sdapi/v1/txt2img', '/v1xruns', '/v1/runs//events']) {
    expect([path, (await ask(path)).status, (await ask(path, { method: 'POST' })).status]).toEqual([path, 404, 404])
  }
  const empty = await ask('/v1/runs/')
  expect([empty.status, await told(empty)]).toEqual([404, 'GET: there is nothing at this path; /docs tells what there is'])
})

test('that a path or a method is not there matters more than a body that is none', async () => {
  const { ask } = await serve(new ScriptedRunner())
  const statuses = async (path: string): Promise<unknown> =>
    Promise.all(
      [
        { body: '{', headers: { 'content-type': 'application/json' } },
        { body: 'x', headers: { 'content-type': 'application/x-unknown' } },
        { body: 'x', headers: { 'content-type': 'multipart/form-data; boundary=b' } },
      ].map(async (init) => (await ask(path, { method: 'POST', ...init })).status),
    )
  expect(await statuses('/v1/nothing')).toEqual([404, 404, 404])
  expect(await statuses('/v1/models')).toEqual([405, 405, 405])
  expect((await ask('/v1/runs', { method: 'QUERY' })).status).toBe(405)
})

test('a packed body is 415, a byte order mark is read over', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const json = JSON.stringify({ task: 'generate', request: { prompt: 'x' } })
  const send = (body: string | Uint8Array<ArrayBuffer>, headers: object = {}): Promise<Response> =>
    ask('/v1/runs', { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
  const packed = await send(new Uint8Array(gzipSync(json)), { 'content-encoding': 'gzip' })
  expect([packed.status, await told(packed)]).toEqual([415, "content-encoding: bodies must come as they are, got 'gzip'"])
  expect((await send(json, { 'content-encoding': 'identity' })).status).toBe(202)
  expect((await send(`\ufeff${json}`)).status).toBe(202)
})

test('JSON is JSON with parameters too; letters of other charsets are refused, never guessed', async () => {
  const { ask } = await serve(new ScriptedRunner())
  const send = (type: string, body: string | Uint8Array<ArrayBuffer> = '{"task":"generate","request":{"prompt":"é"}}'): Promise<Response> =>
    ask('/v1/runs', { method: 'POST', body, headers: { 'content-type': type } })
  const taken = ['; charset=utf-8', ';charset=UTF-8', ' ; charset="utf-8"', ';', '; odata.metadata=minimal', '; charset=us-ascii']
  for (const more of taken) expect([more, (await send(`application/json${more}`)).status]).toEqual([more, 202])
  expect((await send('application/vnd.api+json; charset=utf-8')).status).toBe(202)
  for (const type of ['application/jsonp', 'application/json-patch', 'text/json; charset=utf-8'])
    expect((await send(type)).status).toBe(415)
  const latin = await send('application/json; charset=iso-8859-1')
  expect([latin.status, await told(latin)]).toEqual([415, "content-type: charset must be utf-8, got 'iso-8859-1'"])
  const broken = await send('application/json', new Uint8Array(Buffer.from('{"task":"generate","request":{"prompt":"\xe9"}}', 'latin1')))
  expect([broken.status, await told(broken)]).toEqual([422, 'body: expected JSON in UTF-8, got bytes that are none'])
})

test('no body is of no type; a form where none is read is 415', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { a1111: true })
  await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x' }, options: { id: 'r' } } })
  const post = (path: string, body: string | FormData, type?: string): Promise<Response> =>
    ask(path, { method: 'POST', body, ...(type !== undefined && { headers: { 'content-type': type } }) })
  for (const type of ['application/x-www-form-urlencoded', 'text/plain;charset=UTF-8', 'multipart/form-data; boundary=x'])
    expect([type, (await post('/v1/runs/r/pause', '', type)).status]).toEqual([type, 200])
  expect((await post('/sdapi/v1/interrupt', '', 'application/x-www-form-urlencoded')).status).toBe(200)
  expect((await post('/v1/runs/r/pause', 'a=b', 'application/x-www-form-urlencoded')).status).toBe(415)
  const form = new FormData()
  form.set('priority', '5')
  for (const path of ['/v1/runs/r/remask', '/v1/runs/r/decode', '/v1/responses', '/v1/chat/completions', '/sdapi/v1/txt2img']) {
    const refused = await post(path, form)
    expect([path, refused.status, await told(refused)]).toEqual([path, 415, 'content-type: expected application/json here, got a form'])
  }
})

test('pages of a named origin may read the headers that say what happened', async () => {
  const { ask } = await serve(new ScriptedRunner(), { corsOrigins: ['https://example.com'] })
  const response = await ask('/v1/info', { headers: { origin: 'https://example.com' } })
  const exposed = response.headers.get('access-control-expose-headers')!.split(', ')
  expect(exposed).toEqual(
    expect.arrayContaining(['warning', 'retry-after', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']),
  )
})

test('a model under any name, unless names are strict', async () => {
  const loose = await serve(new ScriptedRunner())
  expect(await (await loose.ask('/v1/models/gpt-image-1')).json()).toMatchObject({ id: 'gpt-image-1', object: 'model' })
  expect((await loose.ask('/v1/models/')).status).toBe(404)
  const strict = await serve(new ScriptedRunner(), { strictModelNames: true })
  expect((await strict.ask('/v1/models/scripted')).status).toBe(200)
  expect((await strict.ask('/v1/models/gpt-image-1')).status).toBe(404)
})

test('A1111: no pictures where none are wanted', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { a1111: true })
  const drawing = ask('/sdapi/v1/txt2img', { json: { prompt: 'x', send_images: false } })
  await eventually(() => runner.runs.length === 1)
  runner.last.finish()
  expect(await (await drawing).json()).toMatchObject({ images: [], info: expect.stringMatching(/"seed":1/) as string })
})

test('a paused run does not hold the end of a server, and hears why it ended', async () => {
  const runner = new ScriptedRunner()
  const { app, ask } = await serve(runner, { drainMs: 60_000 })
  for (const id of ['held', 'going']) {
    await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x' }, options: { id } } })
    runner.last.step()
  }
  await ask('/v1/runs/held/pause', { method: 'POST' })
  const events = ask('/v1/runs/held/events')
  const ended = app.drain()
  await sleep(300)
  expect(runner.runs.map(({ state }) => state)).toEqual(['paused', 'running'])
  runner.last.finish()
  const last = (await eventsOf(await events)).at(-1)!
  expect([last.event, last.data]).toEqual(['error', expect.stringMatching(/the server ends, and the run was paused/)])
  await ask('/v1/runs/going')
  await ended
})

test('a snapshot is read before its run is accepted: whole, of this model, of the task that is said beside it', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model)
  const run = model.generate({ prompt: 'a red circle', steps: 200 })
  await run[Symbol.asyncIterator]().next()
  await run.pause()
  const snapshot = Buffer.from(await run.snapshot())
  run.abort()
  run.result().catch(() => undefined)
  const send = (bytes: Buffer, more: object = {}): Promise<Response> =>
    ask('/v1/runs', { json: { snapshot: bytes.toString('base64'), ...more } })
  const refused = async (bytes: Buffer, more: object = {}): Promise<readonly [number, string]> => {
    const response = await send(bytes, more)
    return [response.status, await told(response)]
  }
  const spoilt = Buffer.from(snapshot)
  spoilt[spoilt.length - 40]! ^= 1
  expect(await refused(spoilt)).toEqual([422, 'resume: the snapshot is damaged: its digest is another'])
  expect(await refused(snapshot.subarray(0, 100))).toEqual([422, expect.stringMatching(/damaged/)])
  expect(await refused(snapshot, { task: 'edit' })).toEqual([422, "run: task must be that of the snapshot, generate, got 'edit'"])
  expect(await refused(snapshot, { task: 'paint' })).toEqual([422, expect.stringMatching(/task must be one of/)])
  const form = new FormData()
  form.append('snapshot', new Blob([new Uint8Array(snapshot)]))
  form.append('task', 'edit')
  expect((await ask('/v1/runs', { method: 'POST', body: form })).status).toBe(422)
  const taken = await send(snapshot, { task: 'generate', options: { id: 'on' } })
  expect(taken.status).toBe(202)
  const decode = (tokens: readonly number[], guess: readonly number[]): Promise<Response> =>
    ask('/v1/runs/on/decode', { json: { step: { grid: { width: 2, height: 1 }, tokens, guess } } })
  expect((await decode([1, -1], [1, 2])).status).toBe(200)
  const { codebookSize } = await model.info()
  for (const [tokens, guess, message] of [
    [[1, codebookSize], [1, 2], `decode: step.tokens must be codes from 0 to ${codebookSize - 1}, or -1, got ${codebookSize} at 1`],
    [[1, 1], [-2, 2], `decode: step.guess must be codes from 0 to ${codebookSize - 1}, or -1, got -2 at 0`],
    [[1, 2 ** 32], [1, 2], /tokens must be/],
    [[1, 0.5], [1, 2], /tokens must be/],
  ] as const) {
    const response = await decode(tokens, guess)
    expect([response.status, await told(response)]).toEqual([422, typeof message === 'string' ? message : expect.stringMatching(message)])
  }
  await ask('/v1/runs/on', { method: 'DELETE' })
}, 60_000)

test('time goes on where a run goes on under another priority', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model)
  await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'a red circle', steps: 400 }, options: { id: 'r' } } })
  const times: number[] = []
  let changed = false
  await eventsOf(await ask('/v1/runs/r/events'), ({ event, data }) => {
    if (event !== 'step') return false
    times.push((JSON.parse(data) as { step: { elapsedMs: number } }).step.elapsedMs)
    if (times.length === 10) void ask('/v1/runs/r', { method: 'PATCH', json: { priority: 3 } }).then(() => (changed = true))
    return times.length > 10 && changed && times.length % 40 === 0
  })
  expect(changed).toBe(true)
  expect(times).toEqual([...times].sort((one, other) => one - other))
  await ask('/v1/runs/r', { method: 'DELETE' })
}, 60_000)

test('events come as a sequence of CBOR to whoever takes one', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x' }, options: { id: 'r' } } })
  runner.last.finish()
  for (const [accept, type] of [
    ['application/cbor-seq', 'application/cbor-seq'],
    ['text/event-stream;q=0.5, application/cbor-seq;q=0.9', 'application/cbor-seq'],
    ['text/event-stream, application/cbor-seq;q=0', 'text/event-stream; charset=utf-8'],
    ['application/cbor-seq; q=0.0, */*', 'text/event-stream; charset=utf-8'],
    ['*/*', 'text/event-stream; charset=utf-8'],
  ] as const) {
    const response = await ask('/v1/runs/r/events', { headers: { accept } })
    expect([accept, response.headers.get('content-type')]).toEqual([accept, type])
    await response.arrayBuffer()
  }
})
