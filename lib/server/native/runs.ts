// `/v1/runs`: a run of any task, begun, listed, asked after, held, changed and ended.
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { invalid } from '../../base/errors.js'
import { toJson } from '../../base/json.js'
import { show } from '../../base/show.js'
import { checkOptions } from '../../fields/check.js'
import { integer, region } from '../../fields/field.js'
import type { MaskInput } from '../../fields/values.js'
import type { ImageRun } from '../../run/types.js'
import { objectFromJson } from '../../wire/from-json.js'
import type { KeptRun } from '../../runner/runner.js'
import { encodeMessage } from '../../wire/messages.js'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import { Problem } from '../problem.js'
import { begin, beginAgain } from '../runs/begin.js'
import type { HeldRun } from '../runs/held-run.js'
import { digestOf, idempotencyKey } from '../runs/replays.js'
import { reportOf, summaryOf } from '../runs/summary.js'
import { errorToData } from '../../base/errors.js'
import { isOver } from '../../run/states.js'
import { zodObject } from '../zod.js'
import { warn } from '../warnings.js'
import { readRunBody, RUN_BODY, RUN_FORM } from './body.js'

export const RUN_ID = z.object({ id: z.string().min(1).max(128) })
const REMASK = {
  region: region({ summary: 'What is masked again: rectangles, a mask, or cells.' }),
  image: integer(0, 63, { summary: 'Which of the pictures that are decoded together.', default: { value: 0 } }),
}
const PRIORITY = { priority: integer(-1000, 1000, { summary: 'Larger goes first.' }) }
const LISTED = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100) })
const FORM = z.object({ pixels: z.enum(['true', 'false']).default('false').describe("Pictures' pixels and codes too.") })

export const heldRun = (house: House, request: FastifyRequest): HeldRun =>
  house.registry.get(request.client.name, (request.params as { readonly id: string }).id)

export function runRoutes(app: App, house: House): void {
  app.post(
    '/v1/runs',
    {
      config: { makesRuns: true, forms: true },
      schema: { tags: ['runs'], summary: 'Begins a run', body: RUN_BODY, form: RUN_FORM },
      validatorCompiler: anything,
    },
    async (request, reply) => {
      const { client } = request
      const body = await readRunBody(request, house.settings)
      const key = idempotencyKey(request.headers['idempotency-key'])
      const { made: run, replayed } = await house.replays.once(client.name, key, body, () => {
        const served = house.models.get(body.model)
        const manner = { client, served, detached: body.detach, release: request.keepBody() }
        return 'snapshot' in body ? beginAgain(house, body, manner) : begin(house, { ...manner, ...body })
      })
      run.key = key ?? ''
      const place = `/v1/runs/${encodeURIComponent(run.id)}`
      warn(reply, run.warnings)
      if (replayed) void reply.header('idempotent-replayed', 'true')
      return reply
        .code(202)
        .header('location', place)
        .send({ ...summaryOf(run), url: place, events: `${place}/events` })
    },
  )

  app.get('/v1/runs', { schema: { tags: ['runs'], summary: "One's own runs, the newest first", querystring: LISTED } }, async (request) => {
    const runs = house.registry.list(request.client.name).slice(0, request.query.limit)
    return { runs: runs.map(summaryOf) }
  })

  app.get(
    '/v1/runs/:id',
    { schema: { tags: ['runs'], summary: 'How far it is, or how it ended', params: RUN_ID, querystring: FORM } },
    async (request, reply) => {
      const run = heldRun(house, request)
      run.touch()
      run.told ||= run.outcome !== undefined
      if (!/\bapplication\/cbor\b/.test(request.headers.accept ?? '')) return reportOf(run, { whole: request.query.pixels === 'true' })
      return reply.type('application/cbor').send(Buffer.from(outcomeMessage(run)))
    },
  )

  app.patch(
    '/v1/runs/:id',
    {
      schema: { tags: ['runs'], summary: 'Another priority', params: RUN_ID, body: zodObject(PRIORITY, ['priority']) },
      validatorCompiler: anything,
    },
    async (request) => {
      const run = going(heldRun(house, request), 'another priority')
      checkOptions('run', request.body, { fields: PRIORITY, required: ['priority'] })
      await unlessEnded(run, 'another priority', run.reprioritise(request.body['priority'] as number))
      return summaryOf(run)
    },
  )

  app.delete(
    '/v1/runs/:id',
    { schema: { tags: ['runs'], summary: 'Ends it; drops the result of one that has ended', params: RUN_ID } },
    async (request, reply) => {
      const run = heldRun(house, request)
      checkKey(run, request.headers['if-match'])
      run.told = true
      if (run.outcome) house.registry.drop(run, 'deleted')
      else run.abort(new DOMException('the run was aborted: its client asked for it', 'AbortError'))
      return reply.code(204).send()
    },
  )

  for (const step of ['pause', 'continue'] as const) {
    const summary = step === 'pause' ? 'Holds it at its next step' : 'Lets it go on'
    app.post(`/v1/runs/:id/${step}`, { schema: { tags: ['runs'], summary, params: RUN_ID } }, async (request) => {
      const run = going(heldRun(house, request), step)
      await run[step]()
      return summaryOf(run)
    })
  }

  app.post(
    '/v1/runs/:id/remask',
    {
      schema: { tags: ['runs'], summary: 'Masks a region again', params: RUN_ID, body: zodObject(REMASK, ['region']) },
      validatorCompiler: anything,
    },
    async (request) => {
      const run = heldRun(house, request)
      if (!isImageRun(run)) throw invalid('remask: expected a run of pictures, got one of text')
      const body = objectFromJson(request.body, REMASK)
      checkOptions('remask', body, { fields: REMASK, required: ['region'] })
      const { region: where, image = 0 } = body as { readonly region: MaskInput; readonly image?: number }
      if (typeof where === 'string' && !/^data:/i.test(where))
        throw invalid(`remask: region must be rectangles, cells, or the bytes of a mask, got ${show(where)}`)
      const order = idempotencyKey(request.headers['idempotency-key'])
      // One that was followed is said again, also when the run has ended since.
      await run.orders.once(order, digestOf(request.body), async () => {
        // Another server of the queue may have given it before the end.
        const mayBeKnown = order !== undefined && run.isKept
        const hasEnded = run.outcome !== undefined
        if (!mayBeKnown) going(run, 'remask')
        const give = (named: KeptRun): Promise<void> => named.remask(where, { image, ...(mayBeKnown && { order }) })
        await run
          .remask((one) => give(one as ImageRun))
          .catch((error: unknown) => {
            if (hasEnded) going(run, 'remask')
            throw error
          })
      })
      return summaryOf(run)
    },
  )

  app.post(
    '/v1/runs/:id/snapshot',
    { schema: { tags: ['runs'], summary: 'Bytes from which it goes on elsewhere', params: RUN_ID } },
    async (request, reply) => {
      const run = going(heldRun(house, request), 'snapshot')
      const bytes = await unlessEnded(run, 'snapshot', run.snapshot())
      if (/\bapplication\/json\b/.test(request.headers.accept ?? '')) return toJson({ task: run.task, snapshot: bytes })
      return reply.type('application/octet-stream').send(Buffer.from(bytes))
    },
  )
}

/** Bodies that are checked in our own words. */
export const anything = (): ((value: unknown) => { value: unknown }) => (value) => ({ value })

/** Throws 409 for a run that has ended. */
export function going(run: HeldRun, what: string): HeldRun {
  run.touch()
  if (!run.outcome) return run
  throw ended(run, what)
}

const ended = ({ id, state }: HeldRun, what: string): Problem =>
  new Problem(409, 'request/invalid', `run ${id}: ${what} needs a run that goes on, got one that is ${state}`)

// What ends while it is asked is told as what had ended before.
async function unlessEnded<T>(run: HeldRun, what: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (isOver(run.state)) throw ended(run, what)
    throw error
  }
}

// A client that gives up a run whose beginning it never heard of does not end the next one of that name.
function checkKey({ id, key }: HeldRun, ifMatch: string | undefined): void {
  if (ifMatch === undefined || ifMatch === '*' || key === undefined || ifMatch === `"${key}"`) return
  throw new Problem(412, 'request/invalid', `run ${id}: it was begun under another Idempotency-Key than If-Match names`)
}

export function isImageRun(run: HeldRun): run is HeldRun & { readonly run: ImageRun } {
  return 'remask' in run.run
}

function outcomeMessage(run: HeldRun): Uint8Array {
  const { outcome, task } = run
  if (!outcome) return encodeMessage({ kind: 'error', error: { code: 'request/invalid', message: `run ${run.id}: it has not ended yet` } })
  if ('error' in outcome) return encodeMessage({ kind: 'error', error: errorToData(outcome.error) })
  return encodeMessage({ kind: 'result', task, result: outcome.result })
}
