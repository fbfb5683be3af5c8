// Watches the process that imports it: answers each message of its parent with what was used since the last one.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 5
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
let used = process.cpuUsage()

process.on('message', ({ reset, draw }) => {
  if (draw) return // another listener's
  const now = process.cpuUsage(used)
  used = process.cpuUsage()
  const late = (nanoseconds) => nanoseconds / 1e6 - RESOLUTION_MS
  process.send({
    rss: process.memoryUsage.rss(),
    cpuMs: (now.user + now.system) / 1000,
    delayMs: { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) },
  })
  if (reset) delay.reset()
})
