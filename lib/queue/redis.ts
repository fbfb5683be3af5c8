// Connections. BullMQ and ioredis are optional peers, loaded here and nowhere else.
import type * as BullMQ from 'bullmq'
import type { Redis, RedisOptions } from 'ioredis'

import { DimooError, invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { show } from '../base/show.js'

export type { Redis } from 'ioredis'

/** `redis://` or `rediss://`, or options of ioredis. */
export type ConnectionOptions = string | Readonly<Record<string, unknown>>

export interface Peers {
  readonly bullmq: typeof BullMQ
  readonly Redis: new (options: RedisOptions) => Redis
}

/** Throws `binding/not-found` with the command that helps. */
export async function loadPeers(): Promise<Peers> {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')])
    return { bullmq, Redis: ioredis.Redis as unknown as Peers['Redis'] }
  } catch (error) {
    throw new DimooError('binding/not-found', 'queue: expected the packages bullmq and ioredis, got none: npm install bullmq ioredis', {
      cause: error,
    })
  }
}

/** Throws `request/invalid`. */
export function checkConnection(where: string, connection: unknown): void {
  if (isObject(connection)) return
  const found = typeof connection === 'string' && URL.canParse(connection) ? new URL(connection).protocol : undefined
  if (found === 'redis:' || found === 'rediss:') return
  throw invalid(`${where}: connection must be a redis:// or rediss:// address or options of ioredis, got ${show(connection)}`)
}

/** 'patient': waits for Redis as long as it takes. 'brief': a command fails where it has not come back after about half a minute. */
export function connect({ Redis }: Peers, connection: ConnectionOptions, patience: 'patient' | 'brief', warn: Warn): Redis {
  const own: RedisOptions = {
    maxRetriesPerRequest: patience === 'patient' ? null : 30,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1000),
    reconnectOnError: () => false,
  }
  const given = typeof connection === 'string' ? optionsOf(connection) : (connection as RedisOptions)
  const client = new Redis({ ...own, ...given, ...(patience === 'patient' && { maxRetriesPerRequest: null }) })
  client.on('error', once(warn))
  return client
}

export type Warn = (details: object, message: string) => void

function optionsOf(address: string): RedisOptions {
  const { protocol, hostname, port, username, password, pathname } = new URL(address)
  const db = Number(pathname.slice(1) || 0)
  if (!Number.isInteger(db) || db < 0) throw invalid(`queue: expected a database's number after the address, got ${show(pathname)}`)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db,
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  }
}

// While Redis is away every attempt fails: it is said now and then.
function once(warn: Warn): (error: Error) => void {
  let before = -Infinity
  return (error) => {
    const now = performance.now()
    if (now - before < 10_000) return
    before = now
    warn({ error: error.message }, `queue: Redis does not answer (${error.message || (error as NodeJS.ErrnoException).code}); trying again`)
  }
}

/** Redis has not answered, in our words. */
export function unavailable(error: unknown): DimooError {
  if (DimooError.is(error)) return error
  return new DimooError('server/unavailable', `queue: expected an answer of Redis, got none (${(error as Error).message})`, {
    cause: error,
  })
}
