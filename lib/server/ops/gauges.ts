// What is read when somebody asks: queue, running runs, memory, the event loop.
import { Gauge, type Registry as Metrics } from 'prom-client'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import type { SchedulerStats } from '../../runner/runner.js'

export function gauges(metrics: Metrics, app: App, house: House): void {
  const registers = [metrics]
  const { registry, admission, streams, uploads } = house
  const own: readonly (readonly [name: string, help: string, read: () => number])[] = [
    ['dimoo_queue_depth', 'Pictures and answers that wait: what max-queue bounds.', () => admission.waiting],
    ['dimoo_running', 'Runs that are being decoded.', () => registry.active.size - admission.queued],
    ['dimoo_streams', 'Open event streams.', () => streams.open],
    ['dimoo_upload_bytes', 'Bytes of requests that are being read or wait.', () => uploads.taken],
    ['dimoo_draining', '1 while the server ends.', () => Number(admission.draining)],
    ['dimoo_event_loop_lag_seconds', 'Mean delay of timers over the last second.', () => app.memoryUsage().eventLoopDelay / 1000],
    ['dimoo_process_resident_bytes', 'Memory of the process.', () => process.memoryUsage.rss()],
  ]
  for (const [name, help, read] of own) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }
  const stats = (read: (stats: SchedulerStats) => readonly (readonly [value: number | undefined, labels?: Record<string, string>])[]) =>
    async function collect(this: Gauge): Promise<void> {
      for (const { name, runner } of house.models.all) {
        const found = await runner.stats().catch(() => undefined)
        if (!found) continue
        const estimatedWaitMs = Math.max(found.estimatedWaitMs, admission.waitMs(runner))
        for (const [value, labels] of read({ ...found, estimatedWaitMs }))
          if (value !== undefined) this.set({ model: name, ...labels }, value)
      }
    }
  new Gauge({
    name: 'dimoo_device_bytes',
    help: 'Memory of the device.',
    labelNames: ['model', 'kind'],
    registers,
    collect: stats(({ deviceBytesUsed, deviceBytesFree }) => [
      [deviceBytesUsed, { kind: 'used' }],
      [deviceBytesFree, { kind: 'free' }],
    ]),
  })
  const ofModels: readonly (readonly [name: string, help: string, read: (stats: SchedulerStats) => number | undefined])[] = [
    ['dimoo_cache_reuse_ratio', 'Share of the rows that a cache or prefix reuse spared.', ({ reusedRowRatio }) => reusedRowRatio],
    ['dimoo_rows_per_pass', 'Mean rows of a pass.', ({ meanRowsPerPass }) => meanRowsPerPass],
    ['dimoo_waiting', 'Runs that wait at the runner: behind a queue those of every server.', ({ queued }) => queued],
    ['dimoo_workers', 'Members or workers that are there.', (found) => workersOf(found)],
    ['dimoo_estimated_wait_seconds', 'How long a run that came now would wait.', ({ estimatedWaitMs }) => estimatedWaitMs / 1000],
  ]
  for (const [name, help, read] of ofModels) {
    new Gauge({ name, help, labelNames: ['model'], registers, collect: stats((found) => [[read(found)]]) })
  }
}

// Pools and queues say more than one scheduler does.
function workersOf(stats: SchedulerStats): number | undefined {
  const { members, workers } = stats as { readonly members?: readonly { readonly state: string }[]; readonly workers?: readonly unknown[] }
  return workers?.length ?? members?.filter(({ state }) => state === 'ready').length
}
