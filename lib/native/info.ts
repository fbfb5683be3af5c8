// What a loaded model says of itself, as csrc/napi writes it (JSON), and as callers read it.
import type { DeviceReport, Precision } from '../model/devices.js'
import type { TokenRoles } from '../prompt/layout.js'
import type { EDIT_DEFAULTS, IMAGE_DEFAULTS } from '../requests/image.js'
import type { TEXT_DEFAULTS } from '../requests/text.js'

export type WeightType = 'bf16' | 'f16' | 'f32' | 'q8_0' | 'q6_k' | 'q5_k' | 'q4_k' | 'q4_0'

/** A checkpoint's own generation defaults (`lumina_dimoo` in generation_config.json); what is missing is the released scripts'. */
export interface Defaults {
  /** Of generate, inpaint, outpaint and retouch. */
  readonly image?: Partial<Record<keyof typeof IMAGE_DEFAULTS, number>>
  /** Of the other picture tasks. */
  readonly edit?: Partial<Record<keyof typeof EDIT_DEFAULTS, number>>
  /** Of ask and chat. */
  readonly text?: Partial<Record<keyof typeof TEXT_DEFAULTS, number>>
  /**
   * How `bestOf` asks about a picture; `{prompt}` stands for the prompt. Without `answer` the question is one of yes or no; with it, the
   * score is how likely the model finds that answer. `by: 'redraw'`: nothing is asked, but the share of hidden cells counted that the model
   * draws again as they were.
   */
  readonly judge?: { readonly by?: 'redraw'; readonly question?: string; readonly answer?: string }
}

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
  readonly hyper: {
    readonly d_model: number
    readonly n_layers: number
    readonly n_heads: number
    readonly n_kv_heads: number
    readonly head_dim: number
    readonly mlp: number
    readonly vocab: number
    readonly context_length: number
    readonly rope_theta: number
    readonly eps: number
  }
  readonly tokens: TokenRoles
  readonly codebook_size: number
  /** Id of code 0. */
  readonly code_offset: number
  /** Pixels per cell side. */
  readonly scale: number
  readonly defaults: Defaults
  readonly device: DeviceReport
  /** Which variant of each operation was chosen. */
  readonly variants: Readonly<Record<string, string>>
  readonly bytes: { readonly weights: number }
}
