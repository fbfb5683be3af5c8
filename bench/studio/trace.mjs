// What a trace of chromium says of a page's main thread, frame by frame.

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const quantile = (values, share) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
const round = (value) => Number(value.toFixed(2))

/**
 * Milliseconds of the main thread from one frame to the next: all of its tasks (script, style, layout, paint, and whatever came in between),
 * as processor time, which other work on the machine does not lengthen, and by the clock.
 */
export function framesOf(trace) {
  const { traceEvents: events } = JSON.parse(trace)
  const mains = new Set(
    events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`),
  )
  const ofMain = events.filter(({ pid, tid }) => mains.has(`${pid} ${tid}`))
  const count = new Map()
  for (const { name, pid, tid } of ofMain) if (name === 'FunctionCall') count.set(`${pid} ${tid}`, (count.get(`${pid} ${tid}`) ?? 0) + 1)
  const [busiest] = [...count].sort(([, a], [, b]) => b - a)[0] ?? []
  const own = ofMain.filter(({ pid, tid }) => `${pid} ${tid}` === busiest)
  // A frame is what lies between one commit and the next.
  const commits = own
    .filter(({ name }) => name === 'BeginCommitCompositorFrame')
    .map(({ ts }) => ts)
    .sort((a, b) => a - b)
  const tasks = own.filter(({ name, ph }) => name === 'RunTask' && ph === 'X')
  const frames = commits.slice(0, -1).map((from, i) => {
    const within = tasks.filter(({ ts, dur }) => ts + dur > from && ts + dur <= commits[i + 1])
    return {
      cpuMs: within.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / 1000,
      clockMs: within.reduce((sum, { dur }) => sum + dur, 0) / 1000,
    }
  })
  const [cpu, clock] = [frames.map(({ cpuMs }) => cpuMs), frames.map(({ clockMs }) => clockMs)]
  const spent = {}
  for (const { name, tdur = 0 } of own) {
    if (!PARTS.includes(name)) continue
    spent[name] = (spent[name] ?? 0) + tdur / 1000
  }
  return {
    frames: frames.length,
    cpuMsMedian: round(median(cpu)),
    cpuMsP95: round(quantile(cpu, 0.95)),
    clockMsMedian: round(median(clock)),
    clockMsP95: round(quantile(clock, 0.95)),
    /** Processor milliseconds a frame on average; parts lie within each other. */
    parts: Object.fromEntries(Object.entries(spent).map(([name, ms]) => [name, round(ms / Math.max(1, frames.length))])),
  }
}

const PARTS = 'FunctionCall FireAnimationFrame RunMicrotasks UpdateLayoutTree Layout PrePaint Paint Layerize Commit MinorGC MajorGC'.split(
  ' ',
)
