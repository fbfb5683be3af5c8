// `/v1/runs/:id/events`: the run as events with numbers, server-sent ones or a sequence of CBOR for programs that accept it. Whoever comes
// back with `Last-Event-ID` gets what follows it, once and in order; what was forgotten meanwhile is counted in a `gap`, which also says
// where an event is none of this run's. How a run ended is told in any case, so that no stream ends without a word.
import { z } from 'zod'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import { badRequest } from '../problem.js'
import type { RunEvent } from '../runs/event-log.js'
import { sequenceItem } from '../../wire/sequence.js'
import { CBOR, SSE } from '../sse.js'
import { heldRun, RUN_ID } from './runs.js'

const QUERY = z.object({
  after: z.coerce.number().int().min(0).optional().describe('The last event that is known, where the header cannot be set.'),
  steps: z.enum(['true', 'false']).default('true').describe('false: only how it ends.'),
})

// Unless it says that it takes none of it.
const TAKES_CBOR = /\bapplication\/cbor-seq\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i

export function eventRoutes(app: App, house: House): void {
  app.get(
    '/v1/runs/:id/events',
    { schema: { tags: ['runs'], summary: 'Its steps, as they come', params: RUN_ID, querystring: QUERY } },
    async (request, reply) => {
      const run = heldRun(house, request)
      const { after, steps } = request.query
      const last = lastEvent(request.headers['last-event-id']) ?? after ?? 0
      const form = TAKES_CBOR.test(request.headers.accept ?? '') ? CBOR : SSE
      const stream = house.streams.start(reply, form)
      const { signal } = stream
      const send = ({ id, name, item, text }: RunEvent): Promise<void> =>
        form === CBOR ? stream.sendItem(item) : stream.send({ id, event: name, data: text() })
      const gap = (data: object): Promise<void> =>
        form === CBOR
          ? stream.sendItem(sequenceItem({ id: undefined, event: 'gap', data }))
          : stream.send({ event: 'gap', data: JSON.stringify(data) })
      if (steps === 'false') await run.ended(signal)
      const isBeyond = run.isBeyond(last)
      if (isBeyond) await gap({ missed: 0, unknown: last })
      for await (const { event, missed } of run.follow(isBeyond ? 0 : last, signal, { onlyEnd: steps === 'false' })) {
        if (missed > 0) await gap({ missed })
        await send(event)
      }
      stream.end()
    },
  )
}

function lastEvent(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header)
  throw badRequest('Last-Event-ID: expected the number of an event', 'Last-Event-ID')
}
