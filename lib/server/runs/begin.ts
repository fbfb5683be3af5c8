// From a checked request to a run that the server holds: weighed, admitted, its seed fixed, so that whoever decodes it twice draws the
// same.
import { randomUUID } from 'node:crypto'
import { invalid } from '../../base/errors.js'
import type { TaskName } from '../../requests/names.js'
import type { ResumeOptions, RunOptions, TaskRequests } from '../../requests/types.js'
import { snapshotHeader, type SnapshotHeader } from '../../snapshot/index.js'
import type { House } from '../house.js'
import type { Client } from '../keys.js'
import { weigh, type Limits } from '../limits.js'
import type { Served } from '../models.js'
import { Problem } from '../problem.js'
import { isRunKeeper } from '../../runner/runner.js'
import { HeldRun, MAX_EVENT_BYTES, type HeldParts } from './held-run.js'
import { keptOptions } from './keeper.js'

export interface Manner {
  readonly client: Client
  readonly served: Served
  readonly detached?: boolean
  /** How long the run goes on without a listener. Default: the server's. */
  readonly graceMs?: number
  /** Called once the run has ended: what its request held is free. */
  readonly release?: () => void
}

export interface Wanted extends Manner {
  readonly task: TaskName
  readonly request: TaskRequests[TaskName]
  readonly options: RunOptions
}

/** Throws `request/invalid`, `image/invalid`, 429 or 503. */
export async function begin(house: House, wanted: Wanted): Promise<HeldRun> {
  const { served, task, request } = wanted
  house.admission.check(wanted.client, served.runner)
  await weigh(task, request, await served.info(), house.settings)
  const seeded = { ...request, seed: request.seed ?? randomSeed() }
  return hold(house, wanted, task, wanted.options, (options) => served.runner.run(task, seeded, keptOptions(served.runner, options)))
}

/** A run that goes on from a snapshot. */
export async function beginAgain(house: House, snapshot: Uint8Array, options: ResumeOptions, manner: Manner): Promise<HeldRun> {
  const { runner } = manner.served
  const header = snapshotHeader(snapshot)
  checkSnapshot(header, house.settings)
  const { task } = header
  return hold(house, manner, task, options, (changed) => runner.resume(snapshot, { ...options, ...changed }))
}

function hold(house: House, manner: Manner, task: TaskName, asked: RunOptions, start: HeldParts['start']): HeldRun {
  const { registry, admission, settings } = house
  const { client, served, graceMs = settings.graceMs, release } = manner
  const { id = `run-${randomUUID()}` } = asked
  admission.check(client, served.runner)
  if (registry.has(client.name, id))
    throw new Problem(409, 'request/invalid', `run ${id}: there is one of this name already`, { param: 'options.id' })
  // With keys a tenant is a key: nobody has more of a share under many names.
  const options = { ...asked, id, ...(client.name !== '' && { tag: client.name }) }
  const parts = {
    id,
    owner: client,
    model: served.name,
    runner: served.runner,
    task,
    options,
    // Whoever can come back may come back to another server.
    detached: (manner.detached ?? false) || (isRunKeeper(served.runner) && graceMs > 0),
    graceMs,
    maxEventBytes: MAX_EVENT_BYTES,
    start,
  }
  const run = new HeldRun(parts, registry)
  registry.add(run)
  if (release) run.onEnd(release)
  return run
}

function checkSnapshot({ steps, sizes }: SnapshotHeader, { maxSteps, maxImages, maxCells }: Limits): void {
  const [images, cells] = 'tokens' in sizes ? [1, sizes.tokens] : [sizes.images, sizes.width * sizes.height]
  const counts = [
    ['steps', steps, maxSteps],
    ['pictures', images, maxImages],
    ['cells', cells, maxCells],
  ] as const
  for (const [name, value, most] of counts) {
    if (value > most) throw invalid(`resume: snapshot must be of at most ${most} ${name} here, got ${value}`)
  }
}

function randomSeed(): string {
  return String(globalThis.crypto.getRandomValues(new BigUint64Array(1))[0]!)
}
