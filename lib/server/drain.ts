// The end of a server that leaves nobody without an answer: no new runs, the running ones end or, after a while, are aborted with a
// reason, held ones as soon as only they are left; whoever has not yet heard how a run ended gets the time to ask.
import { setTimeout as sleep } from 'node:timers/promises'
import { DimooError } from '../base/errors.js'
import type { House } from './house.js'

const LOOK_MS = 100
const HELD = new DimooError('server/unavailable', 'the run was aborted: the server ends, and the run was paused')

const draining = new WeakMap<House, Promise<void>>()

/** `late`: whether answers can still be asked for. */
export function drain(house: House, late: 'answered' | 'closed'): Promise<void> {
  let known = draining.get(house)
  if (!known) draining.set(house, (known = drained(house, late)))
  return known
}

async function drained({ admission, registry, settings }: House, late: 'answered' | 'closed'): Promise<void> {
  admission.draining = true
  const until = performance.now() + settings.drainMs
  const reason = new DimooError('server/unavailable', `the run was aborted: the server ends, and waited ${settings.drainMs} ms for it`)
  // What a queue keeps goes on without this server: its clients are sent to another one.
  for (const run of [...registry.active.values()]) if (run.isKept) run.part(reason)
  while (performance.now() < until && [...registry.active.values()].some(({ state }) => state !== 'paused')) {
    const wait = Math.min(LOOK_MS, until - performance.now())
    await Promise.race([registry.idle(), sleep(Math.max(0, wait), undefined, { ref: false })])
  }
  // Nobody is waited for who is held: its client cannot let it go on before it is told.
  for (const run of registry.active.values()) run.abort(run.state === 'paused' ? HELD : reason)
  await registry.idle()
  const patience = Math.min(until, performance.now() + settings.graceMs)
  while (late === 'answered' && registry.untold.length > 0 && performance.now() < patience) await sleep(20)
}
