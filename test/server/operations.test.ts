// Probes and metrics.
import { expect, test } from 'vitest'
import { DimooError } from '../../lib/base/errors.js'
import { ScriptedRunner } from './scripted.js'
import { eventsOf, eventually, serve } from './world.js'

const KEY = 'k'.repeat(20)

test('/healthz and /readyz need no key, and readiness ends before the server does', async () => {
  const runner = new ScriptedRunner()
  const { app, ask } = await serve(runner, { apiKeys: [{ name: 'a', key: KEY }], drainMs: 60_000 })
  expect(await (await ask('/healthz')).json()).toEqual({ status: 'ok' })
  await eventually(async () => (await ask('/readyz')).status === 200, 'readiness')
  expect((await ask('/metrics')).status).toBe(401)
  const headers = { authorization: `Bearer ${KEY}` }
  const begun = await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x' }, detach: true }, headers })
  expect(begun.status).toBe(202)
  void app.drain()
  const ending = await ask('/readyz')
  expect([ending.status, await ending.json()]).toEqual([503, { status: 'not ready', reason: 'the server is about to end' }])
  expect((await ask('/healthz')).status).toBe(200)
  const late = await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x' } }, headers })
  expect([late.status, late.headers.get('retry-after'), late.headers.get('connection')]).toEqual([503, '5', 'close'])
  runner.last.finish()
})

test('a model that does not answer makes the server not ready', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve({ broken: runner })
  runner.stats = () => Promise.reject(new DimooError('device/lost', 'gone'))
  const found = await ask('/readyz')
  expect([found.status, await found.json()]).toEqual([503, { status: 'not ready', reason: 'the model broken does not answer' }])
})

test('metrics count runs, steps, requests and keys, and hold nothing of what was asked', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { apiKeys: [{ name: 'alice', key: KEY }] })
  const headers = { authorization: `Bearer ${KEY}` }
  const begin = async (id: string): Promise<void> => {
    await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'a secret' }, options: { id } }, headers })
  }
  await begin('one')
  runner.last.step(2)
  runner.last.finish()
  await eventsOf(await ask('/v1/runs/one/events', { headers }))
  await begin('two')
  runner.last.fail(new DimooError('device/out-of-memory', 'no room'))
  await eventually(async () => ((await (await ask('/v1/runs/two', { headers })).json()) as { state: string }).state === 'failed')
  const text = await (await ask('/metrics', { headers })).text()
  for (const line of [
    'dimoo_runs_total{task="generate",outcome="done",key="alice"} 1',
    'dimoo_runs_total{task="generate",outcome="failed",key="alice"} 1',
    'dimoo_run_seconds_count{task="generate"} 2',
    'dimoo_queue_seconds_count{task="generate"} 1',
    'dimoo_step_seconds_count{cached="false"} 1',
    'dimoo_batch_sequences_count 2',
    'dimoo_oom_total 1',
    'dimoo_queue_depth 0',
    'dimoo_running 0',
    'dimoo_http_requests_total{method="POST",route="/v1/runs",status="202"} 2',
    'dimoo_estimated_wait_seconds{model="scripted"} 1.234',
  ])
    expect(text).toContain(`${line}\n`)
  for (const name of ['first_preview_seconds', 'tokens_forwarded_total', 'event_loop_lag_seconds', 'device_bytes', 'cache_reuse_ratio'])
    expect(text).toContain(`# TYPE dimoo_${name} `)
  expect(text).not.toMatch(/secret|="one"|="two"/)
})
