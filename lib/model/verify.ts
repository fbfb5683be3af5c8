// Is this checkpoint whole and sound, is it the released one, does it fit here, how long will it take, and what to do next. Looks at everything and
// says everything that it finds; only what hinders looking further ends it.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { DimooError } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import type { MemoryPlan, ModelInfo } from '../native/info.js'
import { runJob } from '../native/job.js'
import type { TaskName } from '../requests/names.js'
import type { InspectReport } from './inspect.js'
import { loadModel } from './load.js'
import type { DimooModel } from './model.js'
import { VERIFY_FIELDS } from './options.js'
import { ordinaryRun } from './plan.js'
import type { VerifyFinding, Note } from './findings.js'
import { RELEASED, RELEASED_VQ } from './released.js'
import { findSource, type ModelSource } from './source.js'
import type { VerifyOptions } from './types.js'
import { bestType, estimateSpeed, type SpeedEstimate, type TypeFit } from './verify-cost.js'
import { compareHashes, lookAtFiles } from './verify-files.js'
import { encodeKnown, lookAtTokens } from './verify-tokens.js'

/** What `verifyModel` found: faults and notes, memory by type of the weights, expected speed. Byte counts are of this machine and this file. */
export interface VerifyReport {
  /** The file or folder. */
  readonly path: string
  /** No fault was found. */
  readonly ok: boolean
  /** Its numbers are those of Alpha-VLLM/Lumina-DiMOO. */
  readonly released: boolean
  readonly findings: readonly VerifyFinding[]
  /** Hashes were compared: the files are those of the hub. */
  readonly hashed: boolean
  readonly architecture?: string
  readonly format?: 'gguf' | 'safetensors'
  readonly bytes?: number
  readonly memory?: {
    readonly availableBytes: number
    /** What a run of the checkpoint's default size takes beside the weights. */
    readonly runBytes: number
    readonly types: readonly TypeFit[]
    /** The best type whose weights fit here beside a run; absent: none does. */
    readonly best?: TypeFit['type']
  }
  readonly speed?: SpeedEstimate
}

/**
 * Looks a checkpoint over: files, hashes where the hub gave them, names and shapes of every tensor, every weight, token roles and the known ids of
 * the released tokenizer, memory by type, expected seconds a step. Without a source, the embedded miniature. Rejects where there is nothing to
 * look at (`model/not-found`, `hub/*`, `request/invalid`), and with `signal.reason`; everything else is in the report.
 */
export async function verifyModel(source?: ModelSource, options: VerifyOptions = {}): Promise<VerifyReport> {
  checkOptions('verifyModel', options, { fields: VERIFY_FIELDS })
  const { hashes = true, weights = true, speed = true, signal } = options
  const found = await findSource(source, options)
  const findings: VerifyFinding[] = []
  const note: Note = (level, check, message) => void findings.push({ level, check, message })
  await lookAtFiles(found, note)
  const hashed = hashes && (await compareHashes(found, note, options))
  const report = await inspect(found, weights && !findings.some(isFault), note, options)
  const released = report !== undefined && isReleased(report, note)
  await lookAtTokenizer(found, released, note)
  if (report) lookAtWeights(report, note)
  const model = report && (await open(found, note, signal))
  const done = (more: Partial<VerifyReport>): VerifyReport => ({
    path: found,
    ok: !findings.some(isFault),
    released,
    findings,
    hashed,
    ...more,
  })
  if (!model) return done({})
  try {
    const info = await model.info()
    if (info.codebookSize > 0) await encodeKnown((text) => model.tokenize(text), released, note)
    const { format, bytes, tensors } = report
    const { architecture } = info
    const plan = await guarded(() => planOrdinary(model, info, signal), note)
    const memory = plan && memoryOf(plan, tensors)
    return done({
      architecture,
      format,
      bytes,
      ...(memory && { memory }),
      ...(speed && { speed: await estimateSpeed(found, info, signal) }),
    })
  } finally {
    await model.close()
  }
}

const isFault = ({ level }: VerifyFinding): boolean => level === 'fault'

/** Headers, names and shapes; every weight unless something is wrong already. */
async function inspect(
  source: string,
  verify: boolean,
  note: Note,
  { signal, onProgress }: VerifyOptions,
): Promise<InspectReport | undefined> {
  return guarded(() => runJob<InspectReport>('inspect', { source, verify }, { signal, onProgress }), note)
}

async function open(source: string, note: Note, signal: AbortSignal | undefined): Promise<DimooModel | undefined> {
  return guarded(() => loadModel(source, { device: 'cpu', ...(signal && { signal }) }), note)
}

async function guarded<T>(body: () => Promise<T>, note: Note): Promise<T | undefined> {
  try {
    return await body()
  } catch (error) {
    if (!DimooError.is(error) || !/^(?:model|request|device)\//.test(error.code)) throw error
    note('fault', 'layout', error.message)
    return undefined
  }
}

function lookAtWeights({ verify }: InspectReport, note: Note): void {
  for (const { tensor, count } of verify?.nonFinite ?? []) note('fault', 'weights', `${tensor}: ${count} values are not finite`)
  const zeros = verify?.zeros ?? []
  for (const tensor of zeros.filter((name) => !name.startsWith('vq.'))) note('fault', 'weights', `${tensor}: nothing but zeros`)
  // Trained image tokenizers may have residuals that do nothing.
  const still = zeros.filter((name) => name.startsWith('vq.'))
  if (still.length > 0)
    note('note', 'weights', `${still.length} weights of the image tokenizer are nothing but zeros, the first ${still[0]!}`)
}

async function lookAtTokenizer(source: string, released: boolean, note: Note): Promise<void> {
  if (source.endsWith('.gguf')) return
  const json = await readFile(path.join(source, 'tokenizer.json'), 'utf8').catch(() => undefined)
  if (json !== undefined) lookAtTokens(json, released, note)
}

/** Says which numbers differ from the released ones. */
function isReleased({ settings, format }: InspectReport, note: Note): boolean {
  const [numbers, vq] = format === 'gguf' ? fromKeys(settings) : [settings['config'], settings['vq']]
  const differences = [...differing(numbers, RELEASED), ...differing(vq, RELEASED_VQ)]
  const shown = differences.slice(0, 3).join('; ')
  const more = differences.length > 3 ? `; ${differences.length - 3} more numbers differ` : ''
  if (differences.length > 0) note('note', 'released', `not the released checkpoint: ${shown}${more}`)
  return differences.length === 0
}

function fromKeys(keys: Readonly<Record<string, unknown>>): [object, object] {
  const key = (name: string): unknown => keys[`lumina-dimoo.${name}`]
  const transformer = {
    d_model: key('embedding_length'),
    n_layers: key('block_count'),
    n_heads: key('attention.head_count'),
    n_kv_heads: key('attention.head_count_kv'),
    mlp_hidden_size: key('feed_forward_length'),
    embedding_size: key('vocab_size'),
    mask_token_id: key('token.mask'),
  }
  const vq = {
    block_out_channels: key('vq.block_out_channels'),
    layers_per_block: key('vq.layers_per_block'),
    latent_channels: key('vq.latent_channels'),
    num_vq_embeddings: key('image.codebook_size'),
  }
  return [transformer, vq]
}

function differing(found: unknown, expected: object): string[] {
  const given = (found ?? {}) as Readonly<Record<string, unknown>>
  return Object.entries(expected)
    .filter(([name, value]) => JSON.stringify(given[name]) !== JSON.stringify(value))
    .map(
      ([name, value]) => `${name} is ${given[name] === undefined ? 'absent' : JSON.stringify(given[name])}, not ${JSON.stringify(value)}`,
    )
}

/** One guided picture of the checkpoint's default size, or an answer. */
function planOrdinary(model: DimooModel, { codebookSize }: ModelInfo, signal: AbortSignal | undefined): Promise<MemoryPlan> {
  const { task, request } = ordinaryRun(codebookSize > 0)
  return model.plan<TaskName>(task, request, signal && { signal })
}

function memoryOf(
  { totalBytes, weightsBytes, panelBytes, availableBytes }: MemoryPlan,
  tensors: InspectReport['tensors'],
): NonNullable<VerifyReport['memory']> {
  const runBytes = totalBytes - weightsBytes - panelBytes
  return { availableBytes, runBytes, ...bestType(tensors, runBytes, availableBytes) }
}
