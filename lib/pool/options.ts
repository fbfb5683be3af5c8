// What can be said about a pool: what its members load, where each computes, and what is done for their runs.
import { availableParallelism } from 'node:os'
import { invalid } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import { choice, group, integer, list, local, type Fields } from '../fields/field.js'
import type { LoadOptions, MemoryOptions } from '../model/types.js'
import { DEVICE, LOAD_FIELDS, MEMORY, THREADS } from '../model/options.js'
import type { ModelSource } from '../model/source.js'
import type { Device } from '../native/info.js'
import { LONGEST_TIMER_MS } from '../requests/run-options.js'
import { SNAPSHOT_EVERY_MS } from '../remote/checkpoints.js'

/** One model of a pool. */
export interface MemberOptions {
  /** Default 'auto': the CPU. */
  readonly device?: Device
  /** CPU threads. Default: an even share of those that this process may use, among the members that compute on the CPU. */
  readonly threads?: number
  /** Budgets. Default on the CPU: an even share of what is free, among the members there; mapped weights are shared and count once. */
  readonly memory?: MemoryOptions
}

export interface PoolOptions extends Pick<
  LoadOptions,
  'onDeviceUnavailable' | 'weights' | 'precision' | 'compat' | 'scheduler' | 'verify' | 'signal' | 'onProgress' | 'logger'
> {
  /** As for `loadModel`; without one, the miniature. A model on the Hub is fetched once. */
  readonly source?: ModelSource
  /** 1 to 64. */
  readonly members: readonly MemberOptions[]
  /** 'process' (default): a member that dies takes nothing with it. 'thread': in this process, each on another device. */
  readonly isolation?: 'process' | 'thread'
  /** Longest work of a run that a member's death may lose, in milliseconds, 50 to 3600000. Default 2000. */
  readonly snapshotEvery?: number
}

/** What a member is told to load. */
export interface MemberLoad {
  readonly source: string | undefined
  readonly options: Omit<LoadOptions, 'signal' | 'onProgress' | 'logger'>
}

const MEMBER = group({ device: DEVICE, threads: THREADS, memory: MEMORY }, { summary: 'One model.' })

const { device: _, memory: __, threads: ___, ...SHARED } = LOAD_FIELDS
export const SNAPSHOT_EVERY = integer(50, 3_600_000, {
  summary: 'Longest work of a run that a death may lose.',
  unit: 'milliseconds',
  default: { value: SNAPSHOT_EVERY_MS },
})

const POOL_FIELDS: Fields = {
  ...SHARED,
  source: local('any', 'Where the weights come from.'),
  members: list(MEMBER, { min: 1, max: 64, summary: 'The models.' }),
  isolation: choice(['process', 'thread'], { summary: 'What a member is.', default: { value: 'process' } }),
  snapshotEvery: SNAPSHOT_EVERY,
}

export const RESTART_FIELDS: Fields = {
  source: local('any', 'New weights.'),
  timeoutMs: integer(0, LONGEST_TIMER_MS, {
    summary: 'How long runs of a member may go on before they are aborted.',
    unit: 'milliseconds',
  }),
}

/** Throws `request/invalid`. */
export function checkPool(options: PoolOptions): void {
  checkOptions('createPool', options, { fields: POOL_FIELDS, required: ['members'] })
  if (options.isolation !== 'thread') return
  const devices = options.members.map(({ device = 'auto' }) => (device === 'auto' ? 'cpu' : device.replace(/^cuda$/, 'cuda:0')))
  const twice = devices.find((device, i) => devices.indexOf(device) !== i)
  if (twice)
    throw invalid(
      `createPool: members of isolation 'thread' must be on different devices, got ${twice} twice; one process has one engine a device`,
    )
}

/** What each member loads from a source: shares of processors and memory where the caller has not said otherwise. */
export function memberLoads(source: string | undefined, { members, scheduler, ...options }: PoolOptions): MemberLoad[] {
  const { onDeviceUnavailable, weights, precision, compat, verify } = options
  const onCpu = members.filter(({ device = 'auto' }) => device === 'auto' || device === 'cpu').length
  const threads = Math.max(1, Math.floor(availableParallelism() / Math.max(1, onCpu)))
  const maxHostBytes = Math.floor(freeBytes() / Math.max(1, onCpu))
  // How long a run may wait is kept on this side.
  const { maxQueueMs: _, ...shared } = scheduler ?? {}
  return members.map((member) => {
    const own =
      onCpu > 1 && (member.device ?? 'auto') !== 'cuda' && !member.device?.startsWith('cuda') ? { threads, memory: { maxHostBytes } } : {}
    return {
      source,
      options: { ...defined({ onDeviceUnavailable, weights, precision, compat, verify }), scheduler: shared, ...own, ...member },
    }
  })
}

// Absent in early releases of Node 20.
function freeBytes(): number {
  const { availableMemory } = process as { availableMemory?: () => number }
  return availableMemory ? availableMemory.call(process) : Number.MAX_SAFE_INTEGER
}

function defined<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never
}
