// `dimoo worker`: decodes what is in a queue until a signal ends it; then it writes down how far its runs are and gives them back.
import { Command } from 'commander'
import { DimooError, invalid } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import { integer, text, type Fields } from '../fields/field.js'
import { WORKER_FIELDS, type WorkerOptions } from '../queue/options.js'
import { printable, writeJson, type Context } from './context.js'
import { readEnvironment } from './environment.js'
import { MEMBERS, QUEUE_FLAGS, withMembers, type FleetFlags, type QueueFlags } from './fleet.js'
import { addFlags, readFlags } from './flags.js'
import { addModelFlags } from './model.js'
import { makeReporter } from './progress.js'

const PROBES: Fields = {
  probePort: integer(0, 65_535, {
    summary: 'Answer /healthz, /readyz and /metrics there; 0: any free port.',
    default: { words: 'nowhere' },
    flag: { help: 'answer /healthz, /readyz and /metrics there; 0: any free port (default: nowhere)', value: 'port' },
  }),
  probeHost: text({ summary: 'Address of that port.', default: { value: '0.0.0.0' }, flag: { value: 'address' } }),
}

const EXAMPLES = `
Every flag is an environment variable too: --redis is DIMOO_REDIS.

Examples:
  dimoo worker --redis redis://localhost --store /srv/dimoo                      the miniature
  dimoo worker --redis redis://10.0.0.5 --store s3://pictures/dimoo --model lumina.gguf --threads 8
  dimoo worker --redis redis://10.0.0.5 --store /mnt/shared --model lumina.gguf --device cuda --members 4`

type Flags = FleetFlags & Readonly<Record<string, unknown>>

export function command(context: Context): Command {
  const worker = new Command('worker')
    .description('Decodes what dimoo serve --redis and createQueue put into a queue, and resumes what other workers left.')
    .addHelpText('after', EXAMPLES)
  for (const fields of [QUEUE_FLAGS, WORKER_FIELDS, PROBES, MEMBERS]) addFlags(worker, fields)
  addModelFlags(worker)
  return worker.action(async () => {
    readEnvironment(worker, process.env)
    await work(worker.opts<Flags>(), context)
  })
}

async function work(flags: Flags, context: Context): Promise<void> {
  const { redis, store, queue } = readFlags<QueueFlags>(flags, QUEUE_FLAGS)
  if (redis === undefined || store === undefined) throw invalid('worker: expected --redis and --store')
  const own = readFlags<Partial<WorkerOptions>>(flags, WORKER_FIELDS)
  checkOptions('worker', own, { fields: WORKER_FIELDS })
  const { probePort, probeHost = '0.0.0.0' } = readFlags<{ probePort?: number; probeHost?: string }>(flags, PROBES)
  checkOptions('worker', { probePort, probeHost }, { fields: PROBES })
  await withMembers(flags, context, makeReporter(context, flags.json ?? false), async (runner) => {
    const { createWorker } = await import('../queue/index.js')
    const worker = await createWorker({ connection: redis, store, ...(queue !== undefined && { name: queue }), ...own, runner })
    const { answerProbes } = await import('./probes.js')
    const probes = probePort === undefined ? undefined : await answerProbes(worker, probePort, probeHost)
    const { name } = await runner.info()
    if (flags.json) writeJson(context.stdout, { event: 'working', worker: worker.id, ...(probes && { port: probes.port }) })
    else context.stderr.write(`dimoo: ${worker.id} decodes with ${printable(name)} what comes from ${new URL(redis).host}\n`)
    const lost = await Promise.race([interrupted(context.signal), worker.lost])
    if (!flags.json) context.stderr.write('dimoo: writing down what goes on, and giving it back\n')
    await worker.close()
    await probes?.close()
    // Whoever started it starts it again.
    if (lost) throw new DimooError('device/lost', lost.message)
  })
}

const interrupted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
