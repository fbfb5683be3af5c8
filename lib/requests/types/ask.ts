// What a caller may ask of ask. Written by scripts/generate.mjs from the descriptors of lib/requests: change those.
import type { ImageInput } from '../../fields/values.js'
import type { CacheOptions } from './groups.js'

/**
 * Answers a question about pictures.
 *
 * @example
 * const { text } = await model.ask({ prompt: 'What color is the circle?', images: [image] }).result()
 */
export interface AskRequest {
  /** The question. */
  readonly prompt: string
  /** Whether added tokens such as `<IMAGE>` in the text are tokens; else they are text like any other. Default: false. */
  readonly specialTokens?: boolean
  /** Steps and what else trades time for quality, set together (`info().presets` lists them); a field that is given stands above its preset. Default: none: the defaults. */
  readonly preset?: 'fast' | 'balanced' | 'best'
  /** Decoding steps of all blocks together, each one forward pass; a multiple of the number of blocks. 1 to 4096. Default: the checkpoint's, else 128, for its default length; as many a token for another length, rounded up to a multiple of the blocks. */
  readonly steps?: number
  /** How freely codes and tokens are drawn; 0 always takes the likeliest. 0 to 10. Default: the checkpoint's, else 0. */
  readonly temperature?: number
  /** Same seed, same result: every integer from 0 to 2^64 - 1, beyond 2^53 as a bigint or decimal digits. Default: random, reported in the result. */
  readonly seed?: number | bigint | string
  /** How strongly question and pictures pull; 0 computes no second branch. 0 to 100. Default: the checkpoint's, else 0. */
  readonly guidance?: number
  /** ML-Cache, faster and approximate: computes only the least certain rows; true is ratio 0.9, warmup 0.3, refresh 5. Default: false. */
  readonly cache?: boolean | CacheOptions
  /** 'prefix' keeps keys and values of everything outside the current block within the block: faster, approximate; not together with `cache`. Default: none. */
  readonly reuse?: 'none' | 'prefix'
  /** Tokens reserved for the answer, a multiple of `block`. 1 to 16384. In tokens. Default: the checkpoint's, else 1024. */
  readonly length?: number
  /** Tokens decoded together; blocks follow each other. 1 to 16384. In tokens. Default: the checkpoint's, else 256. */
  readonly block?: number
  /** Which tokens a step fixes: the surest, or any. Default: confidence. */
  readonly remasking?: 'confidence' | 'random'
  /** Also fixes every token surer than this in the current block, so that fewer steps are needed. 0 to 1. */
  readonly threshold?: number
  /** The pictures it is about, in order. 1 to 64. */
  readonly images: readonly ImageInput[]
  /** Size of the given pictures: A crops to the best of the sizes of about A x A pixels that the model was trained with; 'native' keeps the picture, each side down to the grid. Default: the checkpoint's, else 1024. */
  readonly imageArea?: 'native' | number
}
