// What a trace of chromium says of a page's main thread, frame by frame.

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const quantile = (values, share) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
const round = (value) => Number(value.toFixed(2))

/** Events of the page's work, by what they are; what lies within one and has no kind of its own (a parse, a collection) is of its kind. */
const KINDS = {
  script:
    'FunctionCall v8.callFunction EvaluateScript FireAnimationFrame FireIdleCallback TimerFire EventDispatch RunMicrotasks BlinkScheduler_PerformMicrotaskCheckpoint MinorGC MajorGC V8.GCScavenger V8.GC_MC_INCREMENTAL',
  layout: 'UpdateLayoutTree ScheduleStyleRecalculation Layout HitTest IntersectionObserverController::computeIntersections',
  paint: 'PrePaint Paint PaintImage Layerize UpdateLayer UpdateLayerTree Commit CompositeLayers',
}
const kinds = new Map(Object.entries(KINDS).flatMap(([kind, names]) => names.split(' ').map((name) => [name, kind])))

/**
 * Milliseconds of the main thread from one frame to the next: `work` is script (collections of garbage with it), style and layout, and paint
 * (handing over to the compositor with it); `whole` is every task, with what the browser does there for itself (messages between processes,
 * the network's pieces, the tracing). As processor time, which other work on the machine does not lengthen, and by the clock.
 */
export function framesOf(trace) {
  const { traceEvents: events } = JSON.parse(trace)
  const own = busiest(events)
  // A frame is what lies between one commit and the next.
  const commits = own
    .filter(({ name }) => name === 'BeginCommitCompositorFrame')
    .map(({ ts }) => ts)
    .sort((a, b) => a - b)
  const frames = commits.slice(1).map(() => ({ cpu: spent(), clock: spent() }))
  let at = 0
  for (const { end, kind, cpuMs, clockMs } of selves(own)) {
    if (end <= commits[0]) continue
    while (at < frames.length && end > commits[at + 1]) at++
    if (at === frames.length) break
    frames[at].cpu[kind] += cpuMs
    frames[at].clock[kind] += clockMs
  }
  const sums = { work: ({ script, layout, paint }) => script + layout + paint, whole: (one) => sums.work(one) + one.other }
  const figures = (time, sum) => {
    const values = frames.map((frame) => sums[sum](frame[time]))
    return { median: round(median(values)), p95: round(quantile(values, 0.95)) }
  }
  const mean = (kind) => round(frames.reduce((sum, { cpu }) => sum + cpu[kind], 0) / Math.max(1, frames.length))
  return {
    frames: frames.length,
    workCpuMs: figures('cpu', 'work'),
    workClockMs: figures('clock', 'work'),
    wholeCpuMs: figures('cpu', 'whole'),
    wholeClockMs: figures('clock', 'whole'),
    /** Processor milliseconds a frame on average. */
    meanCpuMs: Object.fromEntries(Object.keys(spent()).map((kind) => [kind, mean(kind)])),
  }
}

const spent = () => ({ script: 0, layout: 0, paint: 0, other: 0 })

/** Events of the main thread that ran most functions: the page's. */
function busiest(events) {
  const thread = ({ pid, tid }) => `${pid} ${tid}`
  const mains = new Set(events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(thread))
  const calls = new Map()
  for (const event of events) {
    const key = thread(event)
    if (event.name === 'FunctionCall' && mains.has(key)) calls.set(key, (calls.get(key) ?? 0) + 1)
  }
  const [page] = [...calls].sort(([, a], [, b]) => b - a)[0] ?? []
  return events.filter((event) => thread(event) === page)
}

/** Of each event what is its own and not of one within it, by the end of the task it lies in. */
function selves(events) {
  const found = []
  const open = []
  const close = (until) => {
    while (open.length > 0 && open.at(-1).end <= until) open.pop()
  }
  const all = events.filter(({ ph }) => ph === 'X').sort((a, b) => a.ts - b.ts || b.dur - a.dur)
  for (const { name, ts, dur, tdur = 0 } of all) {
    close(ts)
    const around = open.at(-1)
    if (!around && name !== 'RunTask' && name !== 'ThreadControllerImpl::RunTask') continue
    const event = {
      end: ts + dur,
      task: around?.task,
      kind: kinds.get(name) ?? around?.kind ?? 'other',
      cpuMs: tdur / 1000,
      clockMs: dur / 1000,
    }
    event.task ??= event
    if (around) {
      around.cpuMs -= event.cpuMs
      around.clockMs -= event.clockMs
    }
    open.push(event)
    found.push(event)
  }
  return found.map((event) => ({ ...event, end: event.task.end })).sort((a, b) => a.end - b.end)
}
