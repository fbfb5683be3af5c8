// From a checked request to a run that the server holds: weighed, admitted, its seed fixed, so that whoever decodes it twice draws the
// same.
import { randomUUID } from 'node:crypto'
import { DimooError, invalid } from '../../base/errors.js'
import { workOf, type Work } from '../../runner/work.js'
import { quote, show } from '../../base/show.js'
import type { TaskName } from '../../requests/names.js'
import type { ResumeOptions, RunOptions, TaskRequests } from '../../requests/types/index.js'
import { wholeSnapshot, type SnapshotHeader } from '../../snapshot/index.js'
import type { House } from '../house.js'
import type { Client } from '../keys.js'
import { weigh } from '../limits.js'
import type { Limits } from '../options.js'
import type { Served } from '../models.js'
import { Problem } from '../problem.js'
import { isRunKeeper } from '../../runner/runner.js'
import type { HeldParts } from './held-parts.js'
import { HeldRun, MAX_EVENT_BYTES } from './held-run.js'
import { keptOptions } from './keeper.js'
import { digestOf } from './replays.js'

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

/** The same request under the same name is the same run. Throws `request/invalid`, `image/invalid`, 409, 429 or 503. */
export async function begin(house: House, wanted: Wanted): Promise<HeldRun> {
  return orGivenBack(wanted, () => beginNew(house, wanted))
}

// Nobody keeps the body of a run that was refused.
async function orGivenBack({ release }: Manner, make: () => Promise<HeldRun>): Promise<HeldRun> {
  try {
    return await make()
  } catch (error) {
    release?.()
    throw error
  }
}

async function beginNew(house: House, wanted: Wanted): Promise<HeldRun> {
  const { served, task, request, options, client, release } = wanted
  const { runner } = served
  const { id } = options
  const asked = id === undefined ? undefined : digestOf({ task, request })
  const found = id === undefined ? undefined : house.registry.find(client.name, id)
  // Another server has begun it.
  if (found && id !== undefined && found.asked === undefined && isRunKeeper(runner)) {
    if (await runner.isOf({ id, tag: client.name || undefined }, task, request)) found.asked = asked
  }
  const known = sameRun(house, client, id, asked)
  if (known) {
    release?.()
    return known
  }
  house.admission.check(client, runner)
  const info = await served.info()
  const { request: own, warnings, drawn } = await weigh(task, request, info, house.settings)
  // A queue draws one itself, once for all servers.
  const seeded = isRunKeeper(runner) ? own : { ...own, seed: own.seed ?? randomSeed() }
  const asking = { task, asked, options, work: workOf(task, own, info), pictures: drawn, warnings }
  return hold(house, wanted, asking, (changed) => runner.run(task, seeded, keptOptions(runner, changed)))
}

export interface Again {
  readonly snapshot: Uint8Array
  /** Where it was said too. */
  readonly task?: TaskName
  readonly options: ResumeOptions
}

/** A run that goes on from a snapshot, which is whole and of this model. */
export async function beginAgain(house: House, again: Again, manner: Manner): Promise<HeldRun> {
  return orGivenBack(manner, () => resumed(house, again, manner))
}

async function resumed(house: House, { task, snapshot, options }: Again, manner: Manner): Promise<HeldRun> {
  const { runner } = manner.served
  const header = await wholeSnapshot(snapshot)
  if (task !== undefined && task !== header.task) throw invalid(`run: task must be that of the snapshot, ${header.task}, got ${show(task)}`)
  const { name, sha256 } = await manner.served.info()
  if (sha256 !== header.model.sha256)
    throw invalid(`resume: expected a snapshot of model ${quote(name)}, got one of ${quote(header.model.name)} (another checkpoint)`)
  checkSnapshot(header, house.settings)
  const asked = options.id === undefined ? undefined : digestOf({ snapshot })
  const { work, pictures } = burdenOf(header)
  return hold(house, manner, { task: header.task, asked, options, work, pictures, warnings: [] }, (changed) =>
    runner.resume(snapshot, { ...options, ...changed }),
  )
}

// A client asks again for a run of its own whose answer it did not hear, or that it lost with another server.
function sameRun({ registry }: House, client: Client, id: string | undefined, asked: string | undefined): HeldRun | undefined {
  const found = id === undefined ? undefined : registry.find(client.name, id)
  if (!found) return undefined
  if (found.asked !== asked || asked === undefined)
    throw new Problem(409, 'request/invalid', `run ${id}: there is one of this name already`, { param: 'options.id' })
  // This server had lost sight of it.
  const { outcome } = found
  if (!found.isKept || !outcome || !('error' in outcome) || !DimooError.is(outcome.error, 'server/unavailable')) return found
  registry.drop(found, 'lost')
  return undefined
}

interface Asking {
  readonly task: TaskName
  /** Of the request, where the run has a name. */
  readonly asked: string | undefined
  readonly options: RunOptions
  readonly work: Work
  readonly pictures: number
  readonly warnings: readonly string[]
}

function hold(house: House, manner: Manner, { task, asked, options: given, ...about }: Asking, start: HeldParts['start']): HeldRun {
  const { registry, admission, settings } = house
  const { client, served, graceMs = settings.graceMs, release } = manner
  const { id = `run-${randomUUID()}` } = given
  const known = sameRun(house, client, given.id, asked)
  if (known) {
    release?.()
    return known
  }
  admission.check(client, served.runner, about.pictures)
  // With keys a tenant is a key: nobody has more of a share under many names.
  const options = { ...given, id, ...(client.name !== '' && { tag: client.name }) }
  const parts = {
    id,
    owner: client,
    model: served.name,
    runner: served.runner,
    task,
    ...about,
    options,
    // Whoever can come back may come back to another server.
    detached: (manner.detached ?? false) || (isRunKeeper(served.runner) && graceMs > 0),
    graceMs,
    maxEventBytes: MAX_EVENT_BYTES,
    start,
    ...(asked !== undefined && { asked }),
  }
  const run = new HeldRun(parts, registry)
  registry.add(run)
  if (release) run.onEnd(release)
  return run
}

/** Rows of a prompt, in round numbers. */
const WORDS = 64

function burdenOf({ sizes, step, steps }: SnapshotHeader): { readonly work: Work; readonly pictures: number } {
  const left = Math.max(1, steps - step)
  if ('tokens' in sizes) return { work: { rows: WORDS + sizes.tokens, steps: left }, pictures: 1 }
  const { images, width, height } = sizes
  return { work: { rows: 2 * (WORDS + width * height) * images, steps: left }, pictures: images }
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
