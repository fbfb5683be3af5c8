// What OpenAI's routes have in common: a run lives as long as the connection that asked for it, or, where the client can come back with
// its `Idempotency-Key`, a while longer.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TaskName } from '../../requests/names.js'
import type { RunOptions, TaskRequests } from '../../requests/types/index.js'
import type { House } from '../house.js'
import type { Served } from '../models.js'
import { Problem } from '../problem.js'
import { begin } from '../runs/begin.js'
import type { Outcome } from '../runs/held-parts.js'
import type { HeldRun } from '../runs/held-run.js'
import { idempotencyKey } from '../runs/replays.js'

/** Bad requests are 400 here, and every request makes a run. */
export const ASKED = { makesRuns: true, openai: true } as const

export interface Wish {
  readonly served: Served
  readonly task: TaskName
  readonly request: TaskRequests[TaskName]
  readonly options: RunOptions
}

/** A run that is being asked for. */
export interface Asked {
  readonly run: HeldRun
  /** Aborted when the client goes. */
  readonly signal: AbortSignal
  /** Called once it is answered: nobody can ask for the run again, unless its request had a key. */
  readonly done: () => void
}

/** Throws what `begin` throws. */
export async function ask(house: House, request: FastifyRequest, reply: FastifyReply, wish: Wish): Promise<Asked> {
  const signal = whileThere(reply)
  const key = idempotencyKey(request.headers['idempotency-key'])
  const { client } = request
  const { served, ...said } = wish
  const once = house.replays.once(client.name, key, { model: served.name, ...said }, () =>
    begin(house, { ...wish, client, release: request.keepBody(), ...(key === undefined && { graceMs: 0 }) }),
  )
  const { made: run, replayed } = await once
  const leave = run.listen()
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  if (replayed) void reply.header('idempotent-replayed', 'true')
  return {
    run,
    signal,
    done: () => {
      leave()
      if (key === undefined) house.registry.drop(run, 'answered')
    },
  }
}

function whileThere({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => gone.abort())
  if (raw.destroyed) gone.abort() // it left while its request was read
  return gone.signal
}

/** How it ended. Throws its error; for a client that has gone, a problem that nobody reads. */
export async function resultOf<Result extends Extract<Outcome, { result: unknown }>['result']>({ run, signal }: Asked): Promise<Result> {
  const outcome = await run.ended(signal)
  if (!outcome) throw new Problem(499, 'aborted', 'the client left')
  if ('error' in outcome) throw outcome.error
  return outcome.result as Result
}

export const seconds = (): number => Math.floor(Date.now() / 1000)
