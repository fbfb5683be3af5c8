// What is asked of a run that is decoded elsewhere: a stream in Redis that its worker follows, so that whoever takes over hears of it too. A word
// on a channel says that there is something new; a look once a second finds it where that was lost.
import { invalid } from '../base/errors.js'
import { encodeCbor } from '../wire/cbor.js'
import type { RunKeys } from './keys.js'
import type { Redis } from './redis.js'
import { EVENTS_MS, RUN_TTL_MS } from './scripts.js'
import type { Subscriptions } from './subscriptions.js'

export interface Order {
  /** Its place in the stream. */
  readonly id: string
  /** What whoever gave it calls it. */
  readonly name: string
  readonly kind: 'remask' | 'snapshot' | 'pause' | 'continue'
  readonly message: Uint8Array
}

/** Before the first order. */
export const NOTHING = '0-0'
const LOOK_MS = 1000
/** Of one run, remaskings and whatever else. Remaskings are all kept: a run that begins again is told them again. */
const MOST_REMASKS = 1024
const MOST_REMASK_BYTES = 32 * 1024 * 1024
const MOST = 2 * MOST_REMASKS
/** How long an order's name is remembered: longer than a connection tries. */
const NAMES_MS = 600_000

// A connection that breaks sends again what it has no answer to, and so may whoever asks a server: under one name it is one order.
// Where there are too many, those that are in its snapshot make room.
const GIVE = `
if redis.call('EXISTS', KEYS[2]) == 0 then
  if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) then
    local applied = redis.call('HGET', KEYS[3], 'applied')
    for _, one in ipairs(applied and redis.call('XRANGE', KEYS[1], '-', applied) or {}) do
      if one[2][2] ~= 'remask' then redis.call('XDEL', KEYS[1], one[1]) end
    end
    if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
  end
  if ARGV[2] == 'remask' then
    local had = redis.call('HMGET', KEYS[4], 'remasks', 'remaskBytes')
    local bytes = tonumber(had[2] or '0') + #ARGV[3]
    if tonumber(had[1] or '0') >= tonumber(ARGV[8]) or bytes > tonumber(ARGV[9]) then return 0 end
    redis.call('HINCRBY', KEYS[4], 'remasks', 1)
    redis.call('HSET', KEYS[4], 'remaskBytes', bytes)
    redis.call('PEXPIRE', KEYS[4], ARGV[6])
  end
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[5])
  redis.call('XADD', KEYS[1], '*', 'kind', ARGV[2], 'name', ARGV[1], 'message', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
redis.call('PUBLISH', ARGV[7], 'order')
return 1`

/** An order that was given under this name before, within ten minutes, is not given again. Throws `request/invalid` for one too many. */
export async function give(redis: Redis, keys: RunKeys, name: string, kind: Order['kind'], message: object = {}): Promise<void> {
  const bytes = Buffer.from(encodeCbor(message))
  const all = [keys.orders, keys.order(name), keys.snapshot, keys.seen]
  const bounds = [MOST, NAMES_MS, RUN_TTL_MS, keys.calls, MOST_REMASKS, MOST_REMASK_BYTES]
  if ((await redis.eval(GIVE, 4, ...all, name, kind, bytes, ...bounds)) === 1) return
  const most = kind === 'remask' ? `${MOST_REMASKS}, in ${MOST_REMASK_BYTES} bytes` : MOST
  throw invalid(`${kind}: expected at most ${most} for one run in a queue, got one more`)
}

// Of a run that has ended nothing is kept. One that is not there may be on its way.
const CANCEL = `
if redis.call('HEXISTS', KEYS[2], 'finishedOn') == 1 then return 0 end
local there = redis.call('EXISTS', KEYS[2]) == 1
redis.call('SET', KEYS[1], '1', 'PX', there and ARGV[1] or ARGV[2])
redis.call('PUBLISH', ARGV[3], 'cancel')
return 1`

/** Nobody wants the run any more. */
export async function cancel(redis: Redis, keys: RunKeys): Promise<void> {
  await redis.eval(CANCEL, 2, keys.cancelled, keys.job, RUN_TTL_MS, EVENTS_MS, keys.calls)
}

export interface Followed {
  readonly cancelled: () => void
  /** One after the other. */
  readonly order: (order: Order) => Promise<void>
}

export class Orders {
  readonly #at: { readonly redis: Redis; readonly subscriptions: Subscriptions }
  readonly #keys: RunKeys
  readonly #followed: Followed
  #last: string
  #looking = false
  #again = false
  #ended = false
  #timer: NodeJS.Timeout | undefined
  #unlisten: (() => void) | undefined

  constructor(at: { readonly redis: Redis; readonly subscriptions: Subscriptions }, keys: RunKeys, last: string, followed: Followed) {
    this.#at = at
    this.#keys = keys
    this.#last = last
    this.#followed = followed
  }

  async begin(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    const unlisten = await this.#at.subscriptions.listen(this.#keys.calls, () => this.#look())
    if (this.#ended) unlisten()
    else this.#unlisten = unlisten
    this.#look()
  }

  end(): void {
    this.#ended = true
    clearInterval(this.#timer)
    this.#unlisten?.()
  }

  // What an order may have made of it.
  #over(): boolean {
    return this.#ended
  }

  #look(): void {
    this.#again = true
    if (this.#looking) return
    this.#looking = true
    void this.#all().finally(() => (this.#looking = false))
  }

  async #all(): Promise<void> {
    while (this.#again && !this.#ended) {
      this.#again = false
      try {
        const { redis } = this.#at
        const [cancelled, found] = await Promise.all([
          redis.exists(this.#keys.cancelled),
          redis.xrangeBuffer(this.#keys.orders, `(${this.#last}`, '+'),
        ])
        if (cancelled > 0) this.#followed.cancelled()
        for (const [id, fields] of found) {
          if (this.#over()) return
          await this.#followed.order({ id: id.toString(), ...read(fields) })
          this.#last = id.toString()
        }
      } catch {
        // Redis is away: looked for again in a second
      }
    }
  }
}

function read(fields: readonly Buffer[]): Omit<Order, 'id'> {
  const at = (name: string): Buffer => fields[fields.findIndex((one, i) => i % 2 === 0 && one.toString() === name) + 1]!
  return { name: at('name').toString(), kind: at('kind').toString() as Order['kind'], message: new Uint8Array(at('message')) }
}
