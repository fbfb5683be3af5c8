// What a loaded model and its device say of themselves: csrc/napi writes JSON in its files' own words, callers read it in the API's.
import type { NativeModel } from './binding.js'

/** A device as it is asked for. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`
/** A device as it is named in reports. */
export type DeviceId = 'cpu' | `cuda:${number}`
/** Arithmetic: docs/contracts.md#precision. */
export type Precision = 'fast' | 'f32'
/** Types of weights, by their names in GGUF. */
export type WeightType = 'bf16' | 'f16' | 'f32' | 'q8_0' | 'q6_k' | 'q5_k' | 'q4_k' | 'q4_0'

/** A device, and whether it can be used. */
export interface DeviceReport {
  readonly id: DeviceId
  readonly usable: boolean
  /** Why it is not usable. */
  readonly reason?: 'not-built' | 'no-driver' | 'driver-too-old' | 'no-device' | 'arch-unsupported' | 'out-of-memory' | 'disabled-by-env'
  readonly name: string
  readonly totalBytes: number
  readonly freeBytes: number
  readonly computeCapability?: string
  readonly driverVersion?: string
  readonly requiredDriverVersion?: string
}

/** Ids of the tokens with a role, from the model's files; -1 where a model that answers in text only has none. */
export interface TokenRoles {
  readonly mask: number
  readonly rowEnd: number
  readonly padding: number
  readonly endOfText: number
  readonly imageBegin: number
  readonly imageEnd: number
  readonly uncondition: number
  readonly answerBegin: number
  readonly answerEnd: number
}

/** A checkpoint's own generation defaults; what is missing is the released scripts'. */
export interface Defaults {
  /** Of generate, inpaint, outpaint and retouch. */
  readonly image?: Partial<Record<'width' | 'height' | 'steps' | 'guidance' | 'guidanceFloor' | 'temperature', number>>
  /** Of the other picture tasks. */
  readonly edit?: Partial<Record<'steps' | 'guidanceText' | 'guidanceImage' | 'guidanceFloor' | 'temperature' | 'imageArea', number>>
  /** Of ask and chat. */
  readonly text?: Partial<Record<'length' | 'block' | 'steps' | 'guidance' | 'temperature' | 'imageArea', number>>
  /**
   * How `bestOf` asks about a picture; `{prompt}` stands for the prompt. Without `answer` the question is one of yes or no; with it, the
   * score is how likely the model finds that answer. `by: 'redraw'`: nothing is asked, but the share of hidden cells counted that the model
   * draws again as they were.
   */
  readonly judge?: { readonly by?: 'redraw'; readonly question?: string; readonly answer?: string }
  /** Its own presets; those that are missing follow from the defaults. */
  readonly presets?: Partial<Record<'image' | 'edit' | 'text', Partial<TaskPresets>>>
}

/** How much work is put into a request. */
export type PresetName = 'fast' | 'balanced' | 'best'

/** What a preset sets in a request that does not say it itself. */
export interface Preset {
  /** Of answers: for their default length. */
  readonly steps?: number
  readonly guidance?: number | { readonly text?: number; readonly image?: number; readonly floor?: number }
  readonly temperature?: number
  readonly cache?: boolean | { readonly ratio?: number; readonly warmup?: number; readonly refresh?: number }
  /** Where fewer pictures are asked for. */
  readonly bestOf?: number
  readonly reuse?: 'none' | 'prefix'
  readonly threshold?: number
}

/** The presets of one task. */
export type TaskPresets = Readonly<Record<PresetName, Preset>>

/** The presets of every task. */
export type Presets = Readonly<
  Record<
    'generate' | 'edit' | 'inpaint' | 'outpaint' | 'retouch' | 'control' | 'predict' | 'subject' | 'style' | 'view' | 'ask' | 'chat',
    TaskPresets
  >
>

/** What a loaded model says of itself. */
export interface ModelInfo {
  readonly name: string
  readonly architecture: string
  readonly format: 'gguf' | 'safetensors'
  /** The type of most of the blocks' matrices. */
  readonly weights: WeightType
  /** The miniature that comes with the package. */
  readonly embedded: boolean
  /** Fingerprint over hyperparameters, tensor names, shapes, types and samples of each tensor. */
  readonly sha256: string
  readonly precision: Precision
  readonly compat: 'none' | 'reference'
  readonly hyper: {
    readonly dModel: number
    readonly nLayers: number
    readonly nHeads: number
    readonly nKvHeads: number
    readonly headDim: number
    readonly mlp: number
    readonly vocab: number
    /** Positions that the model was trained for. */
    readonly contextLength: number
    readonly ropeTheta: number
    readonly eps: number
  }
  readonly tokens: TokenRoles
  /** 0: a model that answers in text only. */
  readonly codebookSize: number
  /** Id of code 0. */
  readonly codeOffset: number
  /** Pixels per cell side. */
  readonly scale: number
  readonly defaults: Defaults
  /** What `preset` sets, by task. */
  readonly presets: Presets
  readonly device: DeviceReport
  /** Which variant of each operation was chosen. */
  readonly variants: Readonly<Record<string, string>>
  readonly bytes: { readonly weights: number }
}

/** What the addon says of a model, and what only this side of it knows. */
export function readInfo(native: NativeModel, known: Pick<ModelInfo, 'embedded' | 'compat'>): Omit<ModelInfo, 'presets'> {
  const { variants, ...found } = JSON.parse(native.info()) as { readonly variants?: Record<string, string> }
  // Names of operations are values here, not words of ours.
  return { ...(camelCased(found) as Omit<ModelInfo, 'embedded' | 'compat' | 'variants' | 'presets'>), variants: variants ?? {}, ...known }
}

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased)
  if (typeof value !== 'object' || value === null) return value
  const name = (key: string): string => key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [name(key), camelCased(one)]))
}

/** Bytes that a model and its runs need, by what for. */
export interface MemoryPlan {
  readonly weightsBytes: number
  readonly panelBytes: number
  readonly kvBytes: number
  readonly logitsBytes: number
  readonly activationsBytes: number
  readonly vqBytes: number
  readonly totalBytes: number
  readonly fits: boolean
  readonly availableBytes: number
  /** One sentence for a run of more positions than the checkpoint states: it would go on all the same. */
  readonly warnings: readonly string[]
}
