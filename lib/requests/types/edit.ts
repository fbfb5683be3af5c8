// What a caller may ask of edit. Written by scripts/generate.mjs from the descriptors of lib/requests: change those.
import type { ImageInput, Schedule } from '../../fields/values.js'
import type { CacheOptions, ImageGuidance, StartOptions } from './groups.js'

/**
 * Changes a picture as an instruction says.
 *
 * @example
 * const { image: blue } = await model.edit({ prompt: 'Change the red circle to blue.', image }).result()
 */
export interface EditRequest {
  /** The instruction, e.g. "Remove the red circle." */
  readonly prompt: string
  /** Whether added tokens such as `<IMAGE>` in the text are tokens; else they are text like any other. Default: false. */
  readonly specialTokens?: boolean
  /** Steps and what else trades time for quality, set together (`info().presets` lists them); a field that is given stands above its preset. Default: none: the defaults. */
  readonly preset?: 'fast' | 'balanced' | 'best'
  /** Decoding steps, each one forward pass. 1 to 4096. Default: the checkpoint's, else 64. */
  readonly steps?: number
  /** How freely codes and tokens are drawn; 0 always takes the likeliest. 0 to 10. Default: the checkpoint's, else 1. */
  readonly temperature?: number
  /** Same seed, same result: every integer from 0 to 2^64 - 1, beyond 2^53 as a bigint or decimal digits. Default: random, reported in the result. */
  readonly seed?: number | bigint | string
  /** How strongly the text and the given pictures pull; a number is the text's. Default: the checkpoint's, else text 2.5 and image 4. */
  readonly guidance?: number | ImageGuidance
  /** ML-Cache, faster and approximate: computes only the least certain rows; true is ratio 0.9, warmup 0.3, refresh 5. Default: false. */
  readonly cache?: boolean | CacheOptions
  /** How many cells stay masked after each step: a curve, one share from 0 to 1 a step, or a function from progress to share. Default: cosine. */
  readonly schedule?: Schedule
  /** How many pictures, decoded in one batch; picture i uses seed + i. 1 to 64. Default: 1. */
  readonly n?: number
  /** Begins from another run's step, with another seed or prompt (a fork), and keeps cells (pins). */
  readonly start?: StartOptions
  /** The given picture. */
  readonly image: ImageInput
  /** Size of the given pictures: A crops to the best of the sizes of about A x A pixels that the model was trained with; 'native' keeps the picture, each side down to the grid. Default: the checkpoint's, else 512. */
  readonly imageArea?: 'native' | number
  /** What kind of change it is; written into the result's parameters. The model reads the same template for all. */
  readonly kind?: 'add' | 'remove' | 'replace' | 'background' | 'text'
}
