// What a checkpoint costs on this machine: bytes by type of the weights, and seconds a step from a short measurement.
import type { ModelInfo, WeightType } from '../native/info.js'
import { runJob } from '../native/job.js'
import type { InspectReport } from './inspect.js'
import { mainType, weightBytes } from './sizes.js'

/** What the weights take in one type (bytes), and whether that fits into this machine's free memory beside a run. */
export interface TypeFit {
  readonly type: WeightType
  readonly weightBytes: number
  /** The weights and a run of the default size fit into what this process may use. */
  readonly fits: boolean
}

/** Expected seconds a step of the checkpoint's default size on this CPU, from a measurement of five seconds; give or take a third. */
export interface SpeedEstimate {
  /** Of the size that was counted with: pictures, or an answer where there are none. */
  readonly width?: number
  readonly height?: number
  readonly tokens?: number
  readonly steps: number
  /** A full step with guidance, without ML-Cache. */
  readonly secondsPerStep: number
  readonly operationsPerSecond: number
}

/** From the most exact to the smallest; what a checkpoint no longer has cannot come back. */
const ORDER: readonly WeightType[] = ['f32', 'bf16', 'f16', 'q8_0', 'q6_k', 'q5_k', 'q4_k', 'q4_0']

export function bestType(
  tensors: InspectReport['tensors'],
  runBytes: number,
  availableBytes: number,
): { readonly types: readonly TypeFit[]; readonly best?: WeightType } {
  const own = mainType(tensors) ?? 'f32'
  const offered = ORDER.slice(ORDER.indexOf(own)).filter((type) => type === own || !['f16', 'q4_0'].includes(type))
  const types = offered.map((type): TypeFit => {
    const bytes = Math.round(weightBytes(tensors, type))
    return { type, weightBytes: bytes, fits: bytes + runBytes <= availableBytes }
  })
  const best = types.find(({ fits }) => fits)?.type
  return { types, ...(best !== undefined && { best }) }
}

interface SpeedReport {
  readonly operationsPerSecond: number
}

const SECONDS = 5
const PROMPT = 64
const ANSWER = 256
const SIDE = 1024
const STEPS = 64

/** Measures one layer for five seconds and counts what a step of the default size multiplies. */
export async function estimateSpeed(source: string, info: ModelInfo, signal: AbortSignal | undefined): Promise<SpeedEstimate> {
  const options = { source, device: 'cpu', precision: 'fast', threads: 0, verify: 'sizes', seconds: SECONDS }
  const { operationsPerSecond } = await runJob<SpeedReport>('speed', options, { signal })
  const { codebookSize, scale, defaults, hyper } = info
  if (codebookSize === 0) {
    const operations = layers(hyper, PROMPT + ANSWER) + 2 * ANSWER * hyper.dModel * hyper.vocab
    return { tokens: ANSWER, steps: ANSWER, secondsPerStep: operations / operationsPerSecond, operationsPerSecond }
  }
  const { width = SIDE, height = SIDE, steps = STEPS } = defaults.image ?? {}
  const [columns, rows] = [width / scale, height / scale]
  const head = 2 * rows * columns * hyper.dModel * codebookSize
  const operations = 2 * (layers(hyper, PROMPT + rows * (columns + 1)) + head) // with guidance every row twice
  return { width, height, steps, secondsPerStep: operations / operationsPerSecond, operationsPerSecond }
}

/** Multiplications and additions of all layers for one sequence. */
function layers({ dModel: d, nLayers, nKvHeads, headDim, mlp }: ModelInfo['hyper'], length: number): number {
  const products = 2 * length * (2 * d * d + 2 * nKvHeads * headDim * d + 3 * d * mlp)
  return nLayers * (products + 4 * length * length * d)
}
