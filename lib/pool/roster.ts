// Who decodes what: places runs with the member that has the least work left, keeps those for which there is none, and places them again when
// a member has died or another one is ready.
import { DimooError } from '../base/errors.js'
import type { ModelInfo } from '../native/info.js'
import type { FarEnd } from '../remote/far.js'
import { lostError } from '../remote/link.js'
import type { Placement } from '../remote/placement.js'
import { Member as AnyMember, type MemberSettings } from './member.js'
import type { MemberLoad } from './options.js'
import type { Hosts, Member, PooledRun } from './pooled-run.js'

export interface RosterOptions extends Pick<MemberSettings<PooledRun>, 'isolation' | 'snapshotEvery'> {
  /** Runs that may wait while no member is there. */
  readonly maxWaiting: number
  readonly warn: (details: object, message: string) => void
}

export interface ReplaceOptions {
  /** Its runs go on elsewhere at once; otherwise they end where they are. */
  readonly move: boolean
  /** How long that may take, before what is left is aborted. Default: as long as it takes. */
  readonly timeoutMs?: number | undefined
}

interface Seat {
  readonly member: Member
  readonly how: Exclude<Placement, 'leave'>
}

/** All members have failed so often in a row: nobody waits for them any more. */
const GIVE_UP = 5
/** Until a run under way for which nobody had room is offered again, in milliseconds. */
const OFFER_AGAIN_MS = 250
const LOOK_MS = 50

export class Roster implements Hosts {
  readonly #options: RosterOptions
  readonly #members: Member[]
  readonly #waiting = new Set<PooledRun>()
  readonly #wanted = new Set<() => void>() // told when somebody is ready, or nobody will be
  #info: ModelInfo | undefined
  #closed = false

  constructor(loads: readonly MemberLoad[], options: RosterOptions) {
    this.#options = options
    this.#members = loads.map((load, i) => this.#hire(i, load))
  }

  get members(): readonly Member[] {
    return this.#members
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Of the member that became ready last; there once `allReady` has resolved. */
  get info(): ModelInfo {
    return this.#info!
  }

  /** Rejects as soon as one of them cannot load. */
  async allReady(): Promise<void> {
    await Promise.all(this.#members.map(({ started }) => started))
  }

  /** A member that answers; waits for one. */
  async anyone(): Promise<Member> {
    for (;;) {
      const found = this.#members.find(({ serves }) => serves)
      if (found) return found
      if (this.#hopeless()) throw lostError()
      await new Promise<void>((resolve) => this.#wanted.add(resolve))
    }
  }

  place(run: PooledRun): void {
    const seat = this.#seatFor(run)
    if (seat) {
      this.#waiting.delete(run)
      run.board(seat.member, seat.how)
    } else if (this.#hopeless()) run.fail(lostError())
    else if (!run.underWay && this.#waiting.size >= this.#options.maxWaiting) run.turnAway(fullEnd(this.#waiting.size))
    else this.#waiting.add(run)
  }

  full(run: PooledRun, member: Member, end: FarEnd): void {
    run.refused.add(member)
    if (this.#seatFor(run)) this.place(run)
    else if (!run.underWay) run.turnAway(end)
    else {
      this.#waiting.add(run)
      setTimeout(() => {
        run.refused.clear()
        this.#offer()
      }, OFFER_AGAIN_MS)
    }
  }

  ended(run: PooledRun): void {
    this.#waiting.delete(run)
  }

  /** Another member in the place of this one; resolves when it is ready. Where it cannot load, the old one's weights come back. */
  async replace(i: number, load: MemberLoad, { move, timeoutMs }: ReplaceOptions): Promise<void> {
    const old = this.#members[i]!
    old.state = 'draining'
    if (move) for (const run of old.runs) run.move()
    await this.#drained(old, timeoutMs)
    await old.stop(0)
    const next = (this.#members[i] = this.#hire(i, load))
    try {
      await next.started
    } catch (error) {
      await next.stop(0)
      this.#members[i] = this.#hire(i, old.load)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const run of [...this.#waiting]) run.fail(lostError())
    this.#call()
    await Promise.all(this.#members.map((member) => member.stop(0)))
  }

  #hire(number: number, load: MemberLoad): Member {
    const { isolation, snapshotEvery } = this.#options
    return new AnyMember<PooledRun>(number, load, {
      isolation,
      snapshotEvery,
      ready: (member) => {
        this.#info = member.info
        this.#call()
        this.#offer()
      },
      lost: (member, runs, error) => {
        const { message } = error ?? lostError()
        this.#options.warn(
          { member: member.number, deaths: member.deaths, runs: runs.length },
          `a member of the pool has ended: ${message}`,
        )
        for (const run of runs) run.lost(lostError())
        if (!this.#hopeless()) return
        for (const run of [...this.#waiting]) run.fail(lostError())
        this.#call()
      },
    })
  }

  // Least work first. Members that drain take only what nobody else can go on with.
  #seatFor(run: PooledRun): Seat | undefined {
    const seats: Seat[] = []
    for (const member of this.#members) {
      if (!member.serves || run.refused.has(member)) continue
      const how = run.placeAt(member.info!, this.#infosBut(member))
      if (how === 'leave' || (member.state === 'draining' && !(how === 'exactly' && run.writtenDown))) continue
      seats.push({ member, how })
    }
    const order = ({ member, how }: Seat): readonly number[] => [
      how === 'exactly' ? 0 : 1,
      member.state === 'draining' ? 1 : 0,
      member.workLeft,
    ]
    return seats.sort((a, b) => compare(order(a), order(b)))[0]
  }

  // Members that have died will be back, unless they never come up.
  #infosBut(one: Member): ModelInfo[] {
    return this.#members.flatMap((member) => (member !== one && member.info && member.deaths < GIVE_UP ? [member.info] : []))
  }

  #offer(): void {
    for (const run of [...this.#waiting]) this.place(run)
  }

  #call(): void {
    for (const tell of this.#wanted) tell()
    this.#wanted.clear()
  }

  #hopeless(): boolean {
    return this.#closed || this.#members.every(({ deaths, serves }) => !serves && deaths >= GIVE_UP)
  }

  async #drained(member: Member, timeoutMs: number | undefined): Promise<void> {
    const until = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs
    const needed = (): boolean =>
      member.runs.size > 0 ||
      (member.info !== undefined && [...this.#waiting].some((run) => run.writtenDown && !this.#goesOnWithout(run, member)))
    while (needed() && !this.#closed) {
      if (performance.now() > until)
        for (const run of [...member.runs]) run.fail(new DimooError('disposed', 'the weights of the run were replaced'))
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  // Whether somebody else can go on with it.
  #goesOnWithout(run: PooledRun, member: Member): boolean {
    return this.#infosBut(member).some((info) => run.placeAt(info, []) === 'exactly')
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : a[at]! - b[at]!
}

function fullEnd(waiting: number): FarEnd {
  const message = `pool: expected a member, got none; ${waiting} runs wait for one`
  return { error: { code: 'queue/full', message, details: { retryAfterMs: 1000 } } }
}
