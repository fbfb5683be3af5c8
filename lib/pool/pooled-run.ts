// One run of a pool on its way from member to member: what it was asked for, how far it is known to have come, and what its reader waits for.
// A member that dies is nothing its reader sees; five in a row without a step further are.
import { invalid, type DimooError } from '../base/errors.js'
import type { MaskInput } from '../fields/values.js'
import type { TaskName } from '../requests/names.js'
import type { ResumeOptions } from '../requests/types/index.js'
import type { FarEnd, FarStep } from '../remote/far.js'
import { FarRun, type FarPort } from '../remote/far-run.js'
import type { LinkedRun, RunEars } from '../remote/link.js'
import { placement, type Placement } from '../remote/placement.js'
import type { Work } from '../runner/work.js'
import type { ModelInfo } from '../native/info.js'
import { emit } from '../run/diagnostics.js'
import { snapshotHeader } from '../snapshot/index.js'
import type { Member as AnyMember } from './member.js'

/** A member that decodes runs of ours. */
export type Member = AnyMember<PooledRun>

/** Members that may die over a run in a row without it coming further. */
const MOST_BARREN = 5

export interface Passenger {
  readonly id: string
  readonly task: TaskName
  /** A message of that kind; absent for a run that was resumed. */
  readonly request?: Uint8Array
  readonly snapshot?: Uint8Array
  /** Plain data, without what is kept on this side. */
  readonly options: ResumeOptions
  readonly work: Work
}

/** What the pool does for its runs. */
export interface Hosts {
  /** Finds a member for it, now or later. */
  place(run: PooledRun): void
  /** The member had no room: another one, or `end` where there is none. */
  full(run: PooledRun, member: Member, end: FarEnd): void
  ended(run: PooledRun): void
}

interface Remasking {
  readonly region: MaskInput
  readonly image: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class PooledRun implements FarPort, RunEars {
  readonly passenger: Passenger
  readonly far: FarRun
  readonly #hosts: Hosts
  readonly #created = performance.now()
  #snapshot: Uint8Array | undefined
  #step = 0
  #member: Member | undefined
  #linked: LinkedRun | undefined
  #boarded = 0
  #lives = 0
  #stepBefore = -1 // when the present life began
  #barren = 0
  #paused = false
  #snapshotAsked = false
  #moving = false
  readonly #remaskings = new Set<Remasking>()
  readonly refused = new Set<Member>() // had no room

  constructor(passenger: Passenger, hosts: Hosts, wake: () => void) {
    this.passenger = passenger
    this.#hosts = hosts
    this.#snapshot = passenger.snapshot
    if (passenger.snapshot) this.#step = snapshotHeader(passenger.snapshot).step
    this.far = new FarRun(this, wake)
  }

  get workLeft(): number {
    const { rows, steps } = this.passenger.work
    return rows * Math.max(1, steps - this.#step)
  }

  /** Somebody has decoded some of it: its place is no question of room any more. */
  get underWay(): boolean {
    return this.writtenDown || this.far.state() === 'running'
  }

  get writtenDown(): boolean {
    return this.#snapshot !== undefined
  }

  /** How it would go on with a model like this. */
  placeAt(info: ModelInfo, others: readonly ModelInfo[]): Placement {
    if (!this.#snapshot) return 'exactly'
    const found = placement(snapshotHeader(this.#snapshot), this.passenger.options.exact ?? true, info, others)
    return found === 'anew' && !this.passenger.request ? 'leave' : found
  }

  /** Goes on with this member. */
  board(member: Member, how: Exclude<Placement, 'leave'>): void {
    this.#member = member
    this.#boarded = performance.now()
    member.runs.add(this)
    if (how === 'anew') {
      this.#snapshot = undefined
      this.#step = 0
    }
    const { id, task, request, options } = this.passenger
    if (this.#lives++ > 0 && this.underWay) {
      this.far.resumed(how === 'exactly' ? 'exactly' : 'anew')
      emit('dimoo:run:resumed', { id, task, step: this.#step })
    }
    this.#stepBefore = this.#step
    this.#linked = this.#snapshot
      ? member.link.resume(this.#snapshot, { ...options, exact: how === 'exactly' }, this)
      : member.link.run(request!, this)
    if (this.#paused) this.#linked.tell('pause')
    for (const remasking of this.#remaskings) this.#send(remasking)
    if (this.#snapshotAsked) this.#linked.tell('snapshot')
    if (this.far.pulling) this.#linked.tell('pull')
  }

  /** Its member has died. */
  lost(error: DimooError): void {
    this.#leave()
    this.#barren = this.#step > this.#stepBefore ? 0 : this.#barren + 1
    if (this.#barren < MOST_BARREN) this.#hosts.place(this)
    else this.fail(error)
  }

  /** Leaves its member for another one, at its next step boundary. */
  move(): void {
    this.#moving = true
    this.#linked?.tell('snapshot')
  }

  fail(error: DimooError): void {
    this.#finish({ error: error.toJSON() })
  }

  // What its reader asks for ------------------------------------------------------------------------------------------------------------
  pull(): void {
    this.#linked?.tell('pull')
  }

  cancel(): void {
    this.#linked?.tell('abort')
    this.#leave()
    this.#refuse()
    this.#hosts.ended(this)
  }

  remask(image: number, cells: Uint32Array): void {
    this.remaskRegion(cells, image).catch(() => undefined) // too late is too late; `run.remask` tells
  }

  /** Resolves once it is in a snapshot that is here. */
  remaskRegion(region: MaskInput, image: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const remasking = { region, image, resolve, reject }
      this.#remaskings.add(remasking)
      this.#send(remasking)
    })
  }

  snapshot(): void {
    this.#snapshotAsked = true
    this.#linked?.tell('snapshot')
  }

  pause(): void {
    this.#paused = true
    this.#linked?.tell('pause')
  }

  continue(): void {
    this.#paused = false
    this.#linked?.tell('continue')
  }

  // What its member tells ---------------------------------------------------------------------------------------------------------------
  step(step: FarStep): void {
    this.far.deliver(step)
  }

  dry(): void {
    this.far.noMoreSteps()
  }

  running(): void {
    this.far.running()
  }

  taken(bytes: Uint8Array, step: number): void {
    if (this.#snapshotAsked) {
      this.#snapshotAsked = false
      this.far.snapshotTaken(bytes, step)
    }
    if (!this.#moving) return
    this.checkpoint(bytes, step)
    this.#linked?.tell('abort')
    this.#leave()
    this.#hosts.place(this)
  }

  noSnapshot(): void {
    if (!this.#snapshotAsked) return
    this.#snapshotAsked = false
    this.far.refused()
  }

  checkpoint(bytes: Uint8Array, step: number): void {
    this.#snapshot = bytes
    this.#step = step
  }

  end(end: FarEnd): void {
    const member = this.#member!
    const code = 'error' in end ? end.error.code : undefined
    // Its device is gone, and with it all that it was decoding: as if it had died.
    if (code === 'device/lost') {
      member.kill()
      return
    }
    this.#leave()
    if (code === 'queue/full') this.#hosts.full(this, member, end)
    else this.#finish(end)
  }

  /** Nobody had room. */
  turnAway(end: FarEnd): void {
    this.#finish(end)
  }

  #finish(end: FarEnd): void {
    this.#leave()
    this.#refuse()
    this.far.end('result' in end ? { result: this.#timed(end.result) } : end)
    this.#hosts.ended(this)
  }

  // What it waited for a member, and what earlier ones did for it, is time of this run.
  #timed<Result extends { readonly timings: { readonly queuedMs: number; readonly totalMs: number } }>(result: Result): Result {
    const before = this.#boarded - this.#created
    const { timings } = result
    return { ...result, timings: { ...timings, queuedMs: timings.queuedMs + before, totalMs: timings.totalMs + before } }
  }

  #send(remasking: Remasking): void {
    const settle = (work: () => void): void => {
      if (this.#remaskings.delete(remasking)) work()
    }
    const linked = this.#linked
    linked?.remask(remasking.region, remasking.image).then(
      () => settle(() => remasking.resolve()),
      (error: unknown) => {
        // Asked of somebody who has died: the next one is asked.
        if (linked === this.#linked) settle(() => remasking.reject(error))
      },
    )
  }

  #refuse(): void {
    const refused = [...this.#remaskings]
    this.#remaskings.clear()
    for (const { reject } of refused) reject(invalid('remask: expected a run that goes on, got one that has ended'))
  }

  #leave(): void {
    this.#member?.runs.delete(this)
    this.#member = this.#linked = undefined
    this.#moving = false
  }
}
