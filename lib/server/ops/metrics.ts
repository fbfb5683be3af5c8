// Metrics for Prometheus. Labels come from closed sets: tasks, outcomes, routes, names of keys; never a prompt, a user or an id.
import { Counter, Histogram, Registry as Metrics } from 'prom-client'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DimooError, errorToData } from '../../base/errors.js'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import { routeOf } from '../log.js'
import type { AnyStep } from '../runs/held-parts.js'
import type { HeldRun, Watch } from '../runs/held-run.js'
import { gauges } from './gauges.js'

const SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300]
const STEP_SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]

export function metricRoutes(app: App, house: House): void {
  const metrics = new Metrics()
  gauges(metrics, app, house)
  house.registry.watch(watching(metrics, house))
  countRequests(metrics, app)
  app.get('/metrics', { schema: { tags: ['operations'], summary: 'For Prometheus' } }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  )
}

function watching(metrics: Metrics, house: House): Watch {
  const registers = [metrics]
  const runs = new Counter({ name: 'dimoo_runs_total', help: 'Runs that ended.', labelNames: ['task', 'outcome', 'key'], registers })
  const seconds = histogram('dimoo_run_seconds', 'From the acceptance of a run to its end.', ['task'], SECONDS)
  const queued = histogram('dimoo_queue_seconds', 'From the acceptance of a run to its first step.', ['task'], SECONDS)
  const steps = histogram('dimoo_step_seconds', 'Between two steps of a run.', ['cached'], STEP_SECONDS)
  const first = histogram('dimoo_first_preview_seconds', 'From the acceptance of a run to its first picture of a step.', [], SECONDS)
  const batch = histogram('dimoo_batch_sequences', 'Runs that were being decoded when a step was done.', [], [1, 2, 4, 8, 16, 32, 64, 128])
  const forwarded = new Counter({ name: 'dimoo_tokens_forwarded_total', help: 'Rows that entered the first layer.', registers })
  const oom = new Counter({ name: 'dimoo_oom_total', help: 'Runs that were refused for want of device memory.', registers })
  const last = new WeakMap<HeldRun, number>()
  function histogram<Label extends string>(name: string, help: string, labelNames: Label[], buckets: number[]): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets, registers })
  }
  return {
    stepped: (run: HeldRun, step: AnyStep) => {
      const now = Date.now()
      const before = last.get(run)
      last.set(run, now)
      if (before === undefined) queued.observe({ task: run.task }, (now - run.created) / 1000)
      else steps.observe({ cached: String(step.pass === 'cached') }, (now - before) / 1000 / (1 + step.skipped))
      if (before === undefined && step.kind === 'image' && step.preview) first.observe((now - run.created) / 1000)
      batch.observe(house.registry.active.size - house.admission.queued)
    },
    ended: (run: HeldRun) => {
      const { outcome, task, owner } = run
      if (!outcome) return
      runs.inc({ task, outcome: run.state, key: owner.name })
      seconds.observe({ task }, (run.endedAt - run.created) / 1000)
      if ('result' in outcome) forwarded.inc(outcome.result.usage.forwardTokens)
      else if (DimooError.is(outcome.error) && errorToData(outcome.error).code === 'device/out-of-memory') oom.inc()
    },
  }
}

function countRequests(metrics: Metrics, app: App): void {
  const registers = [metrics]
  const labelNames = ['method', 'route', 'status'] as const
  const requests = new Counter({ name: 'dimoo_http_requests_total', help: 'Requests that were answered.', labelNames, registers })
  const seconds = new Histogram({
    name: 'dimoo_http_request_seconds',
    help: 'From a request to the end of its answer.',
    labelNames: ['route'],
    buckets: SECONDS,
    registers,
  })
  app.addHook('onResponse', async (request: FastifyRequest, reply: FastifyReply) => {
    const route = routeOf(request)
    requests.inc({ method: request.method, route, status: String(reply.raw.statusCode) })
    seconds.observe({ route }, reply.elapsedTime / 1000)
  })
}
