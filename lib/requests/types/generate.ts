// What a caller may ask of generate. Written by scripts/generate.mjs from the descriptors of lib/requests: change those.
import type { Schedule } from '../../fields/values.js'
import type { CacheOptions, StartOptions, TextGuidance } from './groups.js'

/**
 * Draws pictures from a text.
 *
 * An empty prompt is allowed: the picture is then whatever the model likes, as without a prompt.
 *
 * @example
 * const { image } = await model.generate({ prompt: 'a red circle', seed: 7 }).result()
 */
export interface GenerateRequest {
  /** What the picture is to show. */
  readonly prompt: string
  /** Whether added tokens such as `<IMAGE>` in the text are tokens; else they are text like any other. Default: false. */
  readonly specialTokens?: boolean
  /** Width of the picture, a multiple of the model's cell (16 pixels for the released model). 1 to 1048576. In pixels. Default: the checkpoint's, else 1024. */
  readonly width?: number
  /** Height of the picture, a multiple of the model's cell (16 pixels for the released model). 1 to 1048576. In pixels. Default: the checkpoint's, else 1024. */
  readonly height?: number
  /** In place of a side: "16:9" keeps the default area, or follows the one side that is given. */
  readonly aspectRatio?: string
  /** Steps and what else trades time for quality, set together (`info().presets` lists them); a field that is given stands above its preset. Default: none: the defaults. */
  readonly preset?: 'fast' | 'balanced' | 'best'
  /** Decoding steps, each one forward pass. 1 to 4096. Default: the checkpoint's, else 64. */
  readonly steps?: number
  /** How freely codes and tokens are drawn; 0 always takes the likeliest. 0 to 10. Default: the checkpoint's, else 1. */
  readonly temperature?: number
  /** Same seed, same result: every integer from 0 to 2^64 - 1, beyond 2^53 as a bigint or decimal digits. Default: random, reported in the result. */
  readonly seed?: number | bigint | string
  /** How strongly the prompt pulls; 0 computes no unconditional branch. Default: the checkpoint's, else 4. */
  readonly guidance?: number | TextGuidance
  /** ML-Cache, faster and approximate: computes only the least certain rows; true is ratio 0.9, warmup 0.3, refresh 5. Default: false. */
  readonly cache?: boolean | CacheOptions
  /** How many cells stay masked after each step: a curve, one share from 0 to 1 a step, or a function from progress to share. Default: cosine. */
  readonly schedule?: Schedule
  /** How many pictures, decoded in one batch; picture i uses seed + i. 1 to 64. Default: 1. */
  readonly n?: number
  /** Begins from another run's step, with another seed or prompt (a fork), and keeps cells (pins). */
  readonly start?: StartOptions
  /** Draws this many (at least n) in one batch and returns the n that the model itself finds most like the prompt, best first, each with its `score`. 1 to 64. */
  readonly bestOf?: number
}
