// What the members of a pool say of themselves, one by one and as one.
import type { DeviceId } from '../native/info.js'
import type { SchedulerStats } from '../runner/runner.js'
import { sumsOf } from '../runner/scheduler-sums.js'
import type { MemberState } from './member.js'
import type { Member } from './pooled-run.js'

export interface MemberStats {
  /** From 0, as in `members`. */
  readonly member: number
  readonly state: MemberState
  readonly device: DeviceId | undefined
  /** Of a process. */
  readonly pid: number | undefined
  /** How often it has died. */
  readonly restarts: number
  /** Runs that it decodes or has queued, and rows times steps that they have left. */
  readonly runs: number
  readonly workLeft: number
  /** Its scheduler's; absent while it does not answer. */
  readonly scheduler?: SchedulerStats
}

/** Counts are sums over members, rates and waits as one scheduler would say them. */
export interface PoolStats extends SchedulerStats {
  readonly members: readonly MemberStats[]
  /** Runs that wait for a member. */
  readonly waiting: number
}

export async function memberStats(member: Member): Promise<MemberStats> {
  const scheduler = member.serves ? await member.link.stats().catch(() => undefined) : undefined
  const { number, state, info, pid, restarts, runs, workLeft } = member
  const own = { member: number, state, device: info?.device.id, pid, restarts, runs: runs.size, workLeft }
  return { ...own, ...(scheduler && { scheduler }) }
}

export function poolStats(members: readonly MemberStats[], waiting: number): PoolStats {
  const found = members.flatMap(({ scheduler }) => scheduler ?? [])
  const sums = sumsOf(found)
  return {
    ...sums,
    members,
    waiting,
    queued: sums.queued + waiting,
    estimatedWaitMs: found.length > 0 ? Math.min(...found.map((one) => one.estimatedWaitMs)) : 0,
  }
}
