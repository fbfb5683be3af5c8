// What must be one step in Redis. Whoever decodes a job has its lock's token; a worker that was stopped and comes back has an old one, and is
// told so by whatever it does.
import type { Redis } from './redis.js'
import type { RunKeys } from './keys.js'

/** 'lost': somebody else has the job now, or it is further than this. 'cancelled': nobody wants it any more. */
export type Standing = 'ok' | 'lost' | 'cancelled'

// A higher step than the one that is there, or the same one with more orders in it. A higher step also forgives earlier stalls: BullMQ counts
// them in `stc`.
const CHECKPOINT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'cancelled' end
local had = redis.call('HMGET', KEYS[3], 'step', 'applied')
local step, before = tonumber(ARGV[2]), tonumber(had[1] or '-1')
if step < before then return 'lost' end
if step > before or had[2] ~= ARGV[3] then
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[3], 'step', ARGV[2], 'applied', ARGV[3], ARGV[4], ARGV[5])
end
if step > before then redis.call('HDEL', KEYS[4], 'stc') end
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return 'ok'`

// One more event. A step that is there already, from a life before this one, is dropped: readers see each once.
const PUBLISH = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'cancelled' end
local step = tonumber(ARGV[4])
if step >= 0 then
  if step <= tonumber(redis.call('HGET', KEYS[4], ARGV[3]) or '-1') then return 'ok' end
  redis.call('HSET', KEYS[4], ARGV[3], step)
end
local n = redis.call('HINCRBY', KEYS[4], 'n', 1)
redis.call('XADD', KEYS[3], 'MAXLEN', '=', ARGV[6], n .. '-0', 'kind', ARGV[2], 'message', ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[7])
redis.call('PEXPIRE', KEYS[4], ARGV[7])
if ARGV[8] ~= '' then redis.call('HSET', KEYS[5], 'progress', ARGV[8]) end
redis.call('PUBLISH', ARGV[9], n)
return 'ok'`

// Nobody who is there can go on with it: it is begun again, and what readers have seen no longer counts.
const ANEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
redis.call('DEL', KEYS[2])
local n = redis.call('HGET', KEYS[3], 'n') or '0'
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], 'n', n)
return 'ok'`

// Whoever has heard of events that are lost says so before there are others: numbers are never given twice.
const COUNT_FROM = `
if tonumber(redis.call('HGET', KEYS[1], 'n') or '0') < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'n', ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

export interface Publication {
  readonly kind: 'running' | 'resumed' | 'anew' | 'step' | 'answer'
  /** Of a step: which picture, which step. */
  readonly image?: number
  readonly step?: number
  readonly message?: Uint8Array | string
  /** Events that are kept. */
  readonly most: number
  /** JSON, for whoever looks at the job. */
  readonly progress?: string
}

/** How long what belongs to a run stays when nothing happens to it, in milliseconds. */
export const RUN_TTL_MS = 24 * 3600 * 1000
/** And how long its events stay for whoever still reads them once it has ended. */
export const EVENTS_MS = 60_000

export async function checkpoint(
  redis: Redis,
  keys: RunKeys,
  { token, step, applied, ...kept }: { token: string; step: number; applied: string } & ({ bytes: Uint8Array } | { blob: string }),
): Promise<Standing> {
  const [field, value] = 'bytes' in kept ? ['bytes', Buffer.from(kept.bytes)] : ['blob', kept.blob]
  const all = [keys.lock, keys.cancelled, keys.snapshot, keys.job]
  return (await redis.eval(CHECKPOINT, 4, ...all, token, step, applied, field, value, RUN_TTL_MS)) as Standing
}

export async function publish(redis: Redis, keys: RunKeys, token: string, told: Publication): Promise<Standing> {
  const { kind, image = 0, step = -1, message = '', most, progress = '' } = told
  const all = [keys.lock, keys.cancelled, keys.events, keys.seen, keys.job]
  const bytes = typeof message === 'string' ? message : Buffer.from(message)
  return (await redis.eval(PUBLISH, 5, ...all, token, kind, `i${image}`, step, bytes, most, RUN_TTL_MS, progress, keys.news)) as Standing
}

export async function beginAnew(redis: Redis, keys: RunKeys, token: string): Promise<Standing> {
  return (await redis.eval(ANEW, 3, keys.lock, keys.snapshot, keys.seen, token)) as Standing
}

export async function countFrom(redis: Redis, keys: RunKeys, heard: number): Promise<void> {
  await redis.eval(COUNT_FROM, 1, keys.seen, heard, RUN_TTL_MS)
}

/** What a run leaves behind is taken away; its events stay for whoever is still reading. */
export async function clear(redis: Redis, keys: RunKeys): Promise<void> {
  await redis
    .multi()
    .del(keys.snapshot, keys.orders)
    .pexpire(keys.cancelled, EVENTS_MS)
    .pexpire(keys.events, EVENTS_MS)
    .pexpire(keys.seen, EVENTS_MS)
    .publish(keys.news, 'end')
    .exec()
}
