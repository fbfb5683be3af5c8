// Servers that vanish without a word: a socket that is accepted and never answered ends nobody's patience late.
import { createServer as createTcpServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../../lib/client/connect.js'
import { Server } from '../../lib/client/http.js'
import { Link, type Sink } from '../../lib/client/link.js'
import { Servers } from '../../lib/client/servers.js'
import type { ImageStep } from '../../lib/run/steps.js'
import { sequenceItem } from '../../lib/wire/sequence.js'
import { ScriptedRunner, type ScriptedRun } from './scripted.js'
import { cable, eventually, serve } from './world.js'

/** Takes connections, reads what comes, and says nothing. */
async function mute(): Promise<string> {
  const open = new Set<Socket>()
  const server = createTcpServer((socket) => {
    open.add(socket.on('error', () => undefined).resume())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

const away = expect.objectContaining({ code: 'server/unavailable', message: expect.stringContaining('silent') as string }) as Error
const late = (work: Promise<unknown>, ms = 15_000): Promise<unknown> =>
  Promise.race([work, sleep(ms).then(() => Promise.reject(new Error(`still waiting after ${ms} ms`)))])

test('a server that accepts and never answers is given up, and another one is asked', { timeout: 60_000 }, async () => {
  const client = connect(await mute(), { patienceMs: 100 })
  await Promise.all([
    expect(late(client.info())).rejects.toThrow(away),
    expect(late(client.stats())).rejects.toThrow(away),
    expect(late(client.runs())).rejects.toThrow(away),
    expect(late(client.schemas())).rejects.toThrow(away),
    expect(late(client.attach('r'))).rejects.toThrow(away),
    expect(late(client.generate({ prompt: 'x' }).result())).rejects.toThrow(away),
  ])
  const runner = new ScriptedRunner()
  const { url } = await serve(runner)
  const run = connect([await mute(), url], { patienceMs: 2000 }).generate({ prompt: 'x' })
  await late(eventually(() => runner.runs.length === 1, 'its beginning', 15_000))
  runner.last.finish()
  await late(run.result())
})

describe('where a server falls silent in the middle of a run', () => {
  const orders = ['pause', 'continue', 'snapshot', 'reprioritise', 'remask', 'decode'] as const

  test.each(orders)('%s says so', { timeout: 60_000 }, async (order) => {
    const { run, line, step } = await begun()
    line.swallow(true)
    const asked = {
      pause: () => run.pause(),
      continue: () => run.continue(),
      snapshot: () => run.snapshot(),
      reprioritise: () => run.reprioritise(1),
      remask: () => run.remask([{ left: 0, top: 0, width: 8, height: 8 }]),
      decode: () => run.decode(step),
    }
    await expect(late(asked[order]())).rejects.toMatchObject({ code: 'server/unavailable' })
  })

  test('a file of its result says so', { timeout: 60_000 }, async () => {
    const { run, line, scripted } = await begun()
    scripted.finish()
    const { image, encode } = await run.result().then((result) => ({ image: result.images[0]!, encode: 'png' as const }))
    line.swallow(true)
    await expect(late(image.encode(encode))).rejects.toThrow(away)
  })
})

test('a server that lives is waited for, however long its answer takes', { timeout: 60_000 }, async () => {
  const { run, scripted } = await begun()
  const remask = scripted.remask.bind(scripted)
  scripted.remask = async (...order) => {
    await sleep(7000)
    return remask(...order)
  }
  await run.remask([{ left: 0, top: 0, width: 8, height: 8 }])
  expect(scripted.asked.filter((one) => one.startsWith('remask'))).toHaveLength(1)
})

test('a run that fails ends what was asked of it', { timeout: 60_000 }, async () => {
  const { run, scripted } = await begun()
  scripted.remask = () => new Promise(() => undefined)
  const asked = run.remask([{ left: 0, top: 0, width: 8, height: 8 }])
  scripted.fail(new Error('broken'))
  await expect(late(asked, 5000)).rejects.toThrow()
})

async function begun(): Promise<{
  readonly run: ReturnType<ReturnType<typeof connect>['generate']> & { reprioritise: (priority: number) => Promise<void> }
  readonly line: Awaited<ReturnType<typeof cable>>
  readonly scripted: ScriptedRun
  readonly step: ImageStep
}> {
  const runner = new ScriptedRunner()
  const line = await cable((await serve(runner)).url)
  const client = connect(line.url, { patienceMs: 100 })
  onTestFinished(() => client.close())
  const run = client.generate({ prompt: 'x' }, { delivery: 'all', buffer: 64 })
  await eventually(() => runner.runs.length === 1)
  runner.last.step()
  const { value: step } = await run[Symbol.asyncIterator]().next()
  return { run, line, scripted: runner.last, step: step! } as never
}

test('a reader who takes a minute for a step loses neither its run nor a step', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const asked: string[] = []
  // Two steps and the end; the first connection is the only one that would be needed.
  const fetcher = async (url: string, init?: RequestInit): Promise<Response> => {
    asked.push(`${init?.method} ${new URL(url).pathname}`)
    if (!url.includes('/events')) return Response.json({})
    const after = Number((init!.headers as Record<string, string>)['last-event-id'] ?? 0)
    const events = [1, 2].map((id) => sequenceItem({ id, event: 'step', data: { step: { step: id - 1 } } }))
    const pieces = [...events.slice(after), sequenceItem({ id: 3, event: 'done', data: { result: { text: 'x' } } })]
    const body = new ReadableStream<Uint8Array>(
      {
        start: (stream) => init!.signal!.addEventListener('abort', () => stream.error(init!.signal!.reason)),
        pull: (stream) => {
          const piece = pieces.shift()
          if (piece === undefined) stream.close()
          else stream.enqueue(piece)
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body)
  }
  const seen: unknown[] = []
  const ended = new Promise<object>((resolve, reject) => {
    const sink: Sink = {
      step: async (json) => {
        seen.push(json)
        await new Promise((wake) => setTimeout(wake, 60_000))
      },
      state: () => undefined,
      done: resolve,
      failed: reject,
    }
    const servers = new Servers([new Server('http://there', {}, fetcher as typeof fetch, 30_000)], 30_000)
    new Link({ id: 'r', servers, body: Promise.resolve({}), sink }).want()
  })
  const settled = ended.then(
    (result) => result,
    (error: unknown) => error,
  )
  await vi.advanceTimersByTimeAsync(200_000)
  expect(await settled).toEqual({ text: 'x' })
  expect(seen).toEqual([{ step: 0 }, { step: 1 }])
  expect(asked).toEqual(['POST /v1/runs', 'GET /v1/runs/r/events'])
})
