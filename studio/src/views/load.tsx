// What a scheduler does: of one model, or the sums of a pool's members or a queue's workers, and then each of them.
import type { SchedulerStats } from 'lumina-dimoo/client'
import { bytes, Fact } from './facts.js'

/** What a server adds, by what it serves. */
export interface ServedStats extends SchedulerStats {
  readonly members?: readonly {
    readonly member: number
    readonly state: string
    readonly device?: string
    readonly restarts: number
    readonly scheduler?: SchedulerStats
  }[]
  readonly workers?: readonly {
    readonly host: string
    readonly pid: number
    readonly info: { readonly device: { readonly id: string } }
    readonly unwell?: string
    readonly scheduler?: SchedulerStats
  }[]
  /** Pictures and answers that wait, and how many may. */
  readonly server?: { readonly waiting: number; readonly maxQueue: number }
}

export function Load({ stats }: { readonly stats: ServedStats }) {
  const { deviceBytesUsed: used, deviceBytesFree: free, server } = stats
  return (
    <>
      <dl class="facts">
        <Fact name="Running" value={String(stats.running)} />
        <Fact name="Waiting" value={String(stats.queued)} />
        <Fact name="Paused" value={String(stats.paused)} />
        {server && <Fact name="Places in the queue" value={`${server.waiting} of ${server.maxQueue} taken`} />}
        <Fact name="A new run would wait" value={`${(stats.estimatedWaitMs / 1000).toFixed(1)} s`} />
        <Fact name="Steps a second" value={stats.stepsPerSecond.toFixed(1)} />
        <Fact name="Rows a pass" value={stats.meanRowsPerPass.toFixed(0)} />
        <Fact name="Rows spared by reuse" value={`${(100 * stats.reusedRowRatio).toFixed(1)} %`} />
        <Fact name="Passes" value={`${stats.forwardPasses}, ${(stats.forwardMs / 1000).toFixed(1)} s in the network`} />
        <Fact name="Finished, aborted, failed" value={`${stats.completed}, ${stats.aborted}, ${stats.failed}`} />
      </dl>
      <label class="field">
        <span>
          Memory: {bytes(used)} in use by runs, {bytes(free)} free
        </span>
        <meter min={0} max={Math.max(1, used + free)} value={used} />
      </label>
      <Devices {...stats} />
    </>
  )
}

function Devices({ members, workers }: ServedStats) {
  const all = members
    ? members.map(({ member, device = 'no device', state, restarts, scheduler }) => ({
        name: `Member ${member + 1}, ${device}`,
        state: restarts > 0 ? `${state}, started again ${restarts === 1 ? 'once' : `${restarts} times`}` : state,
        scheduler,
      }))
    : (workers ?? []).map(({ host, pid, info, unwell, scheduler }) => ({
        name: `${host} ${pid}, ${info.device.id}`,
        state: unwell ?? 'ready',
        scheduler,
      }))
  if (!members && !workers) return null
  return (
    <>
      <h2>Devices</h2>
      {all.length === 0 && <p class="hint">No worker is there: what is asked for waits until one comes.</p>}
      <dl class="facts wide">
        {all.map(({ name, state, scheduler }) => (
          <Fact key={name} name={name} value={scheduler ? `${state}; ${words(scheduler)}` : state} />
        ))}
      </dl>
    </>
  )
}

const words = ({
  running,
  queued,
  meanRowsPerPass: rows,
  reusedRowRatio: reused,
  deviceBytesUsed: used,
  deviceBytesFree: free,
}: SchedulerStats): string =>
  `${running} running, ${queued} waiting; ${rows.toFixed(0)} rows a pass, ${(100 * reused).toFixed(1)} % spared; ${bytes(used)} in use, ${bytes(free)} free`
