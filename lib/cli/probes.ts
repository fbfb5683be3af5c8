// What an orchestrator asks of a worker: whether the process lives, whether it takes jobs, and numbers for Prometheus.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { invalid } from '../base/errors.js'
import type { WorkerReport } from '../queue/fleet.js'
import type { Worker } from '../queue/worker.js'

export interface Probes {
  readonly port: number
  close(): Promise<void>
}

export async function answerProbes(worker: Worker, port: number, host: string): Promise<Probes> {
  const server = createServer((request, response) => {
    void answer(worker, request.url ?? '/').then(({ status, type, body }) => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
    })
  })
  server.on('error', () => undefined) // told by whoever waits for the next line
  server.listen(port, host)
  await once(server, 'listening').catch((error: unknown) => {
    throw invalid(`worker: cannot listen at ${host}:${port} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

async function answer(worker: Worker, url: string): Promise<Answer> {
  const json = (status: number, value: object): Answer => ({ status, type: 'application/json', body: JSON.stringify(value) })
  switch (url.split('?')[0]) {
    case '/healthz':
      return json(200, { status: 'ok' })
    case '/readyz': {
      const reason = await worker.obstacle()
      return reason === undefined ? json(200, { status: 'ready' }) : json(503, { status: 'not ready', reason })
    }
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4', body: metricsOf(await worker.stats()) }
    default:
      return json(404, { error: 'expected /healthz, /readyz or /metrics' })
  }
}

// Prometheus' text format.
function metricsOf({ jobs, ended, resumed, unwell, scheduler }: WorkerReport): string {
  const all: readonly (readonly [name: string, type: 'gauge' | 'counter', help: string, value: number | undefined])[] = [
    ['dimoo_worker_jobs', 'gauge', 'Jobs that this worker has.', jobs],
    ['dimoo_worker_ended_total', 'counter', 'Jobs that it has ended.', ended],
    ['dimoo_worker_resumed_total', 'counter', 'Jobs that it took over from a snapshot.', resumed],
    ['dimoo_worker_unwell', 'gauge', '1 while it takes no jobs.', unwell === undefined ? 0 : 1],
    ['dimoo_worker_steps_per_second', 'gauge', 'Steps of all its runs.', scheduler?.stepsPerSecond],
    ['dimoo_worker_device_bytes_used', 'gauge', 'Memory of the device.', scheduler?.deviceBytesUsed],
  ]
  const told = all.filter(([, , , value]) => value !== undefined)
  return told.map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value!}\n`).join('')
}
