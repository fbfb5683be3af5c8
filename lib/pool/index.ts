// `lumina-dimoo/pool`: several models as one runner.
import { findSource } from '../model/source.js'
import { emitWarning } from 'node:process'
import { SNAPSHOT_EVERY_MS } from '../remote/checkpoints.js'
import { onAbort } from '../base/signals.js'
import { checkPool, memberLoads, type PoolOptions } from './options.js'
import { Pool } from './pool.js'
import { Roster } from './roster.js'

export type { MemberState } from './member.js'
export type { MemberOptions, PoolOptions } from './options.js'
export type { Pool, RestartOptions } from './pool.js'
export type { MemberStats, PoolStats } from './stats.js'

const MOST_WAITING = 1024

/**
 * Loads a model once for each member, in processes of their own unless said otherwise, and is a runner over all of them. A run goes to the member
 * with the least work left. When a member dies it is started again, and its runs go on elsewhere from their last snapshot, to the same bits.
 *
 * @throws What `loadModel` throws, for the first member that cannot load; `request/invalid` for options.
 * @example
 * const pool = await createPool({ source: 'lumina.gguf', members: [{ device: 'cuda:0' }, { device: 'cuda:1' }] })
 * const { image } = await pool.generate({ prompt: 'a red circle' }).result()
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  checkPool(options)
  const { signal, onProgress, logger, isolation = 'process', snapshotEvery = SNAPSHOT_EVERY_MS, scheduler } = options
  signal?.throwIfAborted()
  const warn = (details: object, message: string): void => (logger ? logger.warn(details, message) : emitWarning(message, 'DimooWarning'))
  // Fetched here, so that it is fetched once.
  const source = await findSource(options.source, { signal, onProgress, warn: logger && warn })
  const maxWaiting = scheduler?.maxQueue ?? MOST_WAITING
  const roster = new Roster(memberLoads(source, options), { isolation, snapshotEvery, maxWaiting, warn })
  const aborted = new Promise<never>((_, reject) => onAbort(signal, () => reject(signal!.reason as Error)))
  try {
    await Promise.race([roster.allReady(), aborted])
  } catch (error) {
    await roster.close()
    throw error
  }
  return new Pool(options, roster)
}
