// What a server serves: a model in this process, a pool of them, or a queue whose workers are elsewhere.
import type { Command } from 'commander'
import { invalid } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import { integer, text, type Fields } from '../fields/field.js'
import { LOAD_FIELDS } from '../model/options.js'
import type { LoadOptions } from '../model/types.js'
import type { MemberOptions } from '../pool/options.js'
import { QUEUE_NAME } from '../queue/options.js'
import type { Runner } from '../runner/runner.js'
import type { Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import { withModel, type ModelFlags } from './model.js'
import type { Reporter } from './progress.js'
import { withDownloads } from './transfer.js'

/** Where the queue is: of a server in front of it, and of a worker. */
export const QUEUE_FLAGS: Fields = {
  redis: text({ summary: 'Redis or Valkey, redis://host:port.', maxBytes: 2048, flag: { value: 'address' } }),
  store: text({ summary: 'Folder that servers and workers share, or s3://bucket/prefix.', maxBytes: 4096, flag: { value: 'place' } }),
  queue: QUEUE_NAME,
}
export const MEMBERS: Fields = {
  members: integer(1, 64, {
    summary: 'Models, each in a process of its own; with --device cuda each on another GPU.',
    default: { value: 1 },
  }),
}

export interface QueueFlags {
  readonly redis?: string
  readonly store?: string
  readonly queue?: string
}

export type FleetFlags = ModelFlags & QueueFlags & { readonly members?: number }

export function addFleetFlags(command: Command): Command {
  return addFlags(addFlags(command, MEMBERS), QUEUE_FLAGS)
}

/** Opens what the flags name and closes it, however `body` ends. */
export async function withRunner(
  flags: FleetFlags,
  context: Context,
  reporter: Pick<Reporter, 'loading'>,
  body: (runners: Runner | Readonly<Record<string, Runner>>, name: string) => Promise<void>,
): Promise<void> {
  const { redis, store, queue } = readFlags<QueueFlags>({ ...flags }, QUEUE_FLAGS)
  if (redis === undefined && store === undefined && queue === undefined) {
    await withMembers(flags, context, reporter, async (runner) => body(runner, (await runner.info()).name))
    return
  }
  if (redis === undefined || store === undefined) throw invalid('serve: a queue needs both --redis and --store')
  if (flags.model !== undefined || flags.members !== undefined)
    throw invalid('serve: with --redis no model is loaded here; --model and --members are for dimoo worker')
  const { createQueue } = await import('../queue/index.js')
  const opened = await createQueue({ connection: redis, store, ...(queue !== undefined && { name: queue }) })
  try {
    await body({ [queue ?? 'default']: opened }, `the queue at ${new URL(redis).host}`)
  } finally {
    await opened.close()
  }
}

/** A model, or with `--members` a pool. */
export async function withMembers(
  flags: ModelFlags & { readonly members?: number },
  context: Context,
  reporter: Pick<Reporter, 'loading'>,
  body: (runner: Runner) => Promise<void>,
): Promise<void> {
  const { members: count = 1 } = readFlags<{ members?: number }>({ ...flags }, MEMBERS)
  checkOptions('members', { members: count }, { fields: MEMBERS })
  if (count === 1) {
    await withModel(flags, context, reporter, body)
    return
  }
  const { device = 'auto', threads, memory, ...shared } = readFlags<LoadOptions>({ ...flags }, LOAD_FIELDS)
  const on = (i: number): MemberOptions => ({
    device: device === 'cuda' ? `cuda:${i}` : device,
    ...(threads !== undefined && { threads }),
    ...(memory !== undefined && { memory }),
  })
  const { createPool } = await import('../pool/index.js')
  const pool = await createPool({
    ...shared,
    ...(flags.model !== undefined && { source: flags.model }),
    members: Array.from({ length: count }, (_, i) => on(i)),
    signal: context.signal,
    onProgress: flags.json ? (progress) => reporter.loading(progress) : withDownloads(context, (progress) => reporter.loading(progress)),
  })
  try {
    await body(pool)
  } finally {
    await pool.close()
  }
}
