// What a caller may ask of each task, and say about a run. Written by scripts/generate.mjs from the descriptors of lib/requests: change those.
import type { ImageInput, MaskInput, Schedule } from '../fields/values.js'

/**
 * Guidance of a task that a text alone guides.
 */
export interface TextGuidance {
  /** How strongly the text pulls; 0 computes no unconditional branch for it. 0 to 100. Default: the checkpoint's, else 4. */
  readonly text?: number
  /** Plausibility cut: only codes that are at least this share as likely as the likeliest, before guidance, may be chosen; 0: off. 0 to 1. Default: the checkpoint's, else 0. */
  readonly floor?: number
}

/**
 * ML-Cache: which rows are computed again in a step.
 */
export interface CacheOptions {
  /** Share of the rows that are not computed again. 0 to 1. Default: 0.9. */
  readonly ratio?: number
  /** Share of the steps at the start that compute everything. 0 to 1. Default: 0.3. */
  readonly warmup?: number
  /** Everything is computed again each so many steps. 1 to 4096. Default: 5. */
  readonly refresh?: number
}

/**
 * Where a run begins that does not begin with everything masked.
 */
export interface StartOptions {
  /** Codes on the grid, row by row, -1 where masked: a step's `tokens`. */
  readonly tokens: Int32Array
  /** The step that was done last, from 0: a step's `step`; decoding goes on with the next. 0 to 4095. */
  readonly step: number
  /** Cells that stay as they are to the end, remasking included; they must be settled. */
  readonly pinned?: MaskInput
}

/**
 * Guidance of a task that a text and pictures guide.
 */
export interface ImageGuidance {
  /** How strongly the text pulls; 0 computes no unconditional branch for it. 0 to 100. Default: the checkpoint's, else 2.5. */
  readonly text?: number
  /** How strongly the given pictures pull; with both at 0 no unconditional branch is computed. 0 to 100. Default: the checkpoint's, else 4. */
  readonly image?: number
  /** Plausibility cut: only codes that are at least this share as likely as the likeliest, before guidance, may be chosen; 0: off. 0 to 1. Default: the checkpoint's, else 0. */
  readonly floor?: number
}

/**
 * Puts the original pixels back in every cell that was not drawn anew; without it the whole picture comes out of the image tokenizer.
 */
export interface CompositeOptions {
  /** Width of the seam over which original and new pixels blend, outwards from the cells that were drawn. 0 to 256. In pixels. Default: 0. */
  readonly feather?: number
}

/**
 * Shares of a picture's sides, for the rectangle in its middle.
 */
export interface Ratio {
  /** Share of the picture's width. Over 0, at most 1. */
  readonly width: number
  /** Share of the picture's height. Over 0, at most 1. */
  readonly height: number
}

/**
 * How far each side grows, or `ratio`.
 */
export interface ExtendOptions {
  /** Pixels to add on the left, rounded up to the grid. 0 to 16384. In pixels. Default: 0. */
  readonly left?: number
  /** Pixels to add on the right, rounded up to the grid. 0 to 16384. In pixels. Default: 0. */
  readonly right?: number
  /** Pixels to add at the top, rounded up to the grid. 0 to 16384. In pixels. Default: 0. */
  readonly top?: number
  /** Pixels to add at the bottom, rounded up to the grid. 0 to 16384. In pixels. Default: 0. */
  readonly bottom?: number
  /** The original's way: everything outside a rectangle in the middle, by its shares of the sides, is drawn anew. */
  readonly ratio?: Ratio
}

/**
 * One message.
 */
export interface ChatMessage {
  /** Who says it. */
  readonly role: 'system' | 'user' | 'assistant'
  /** What is said. */
  readonly content: string
}

/**
 * Previews that come with the steps, made when the reader takes the step; never on the decoding path. `quality` is 'draft' unless said.
 */
export interface StepPreviews {
  /** 'draft' needs no network: one small patch of 4 x 4 pixels per code; 'full' runs the image tokenizer's decoder. */
  readonly quality?: 'draft' | 'full'
  /** How cells that are still masked look: the model's present guess, the guess blurred to about a cell, or grey. Default: held. */
  readonly masked?: 'held' | 'blurred' | 'grey'
  /** Pixels, or the bytes of a file. Default: raw. */
  readonly format?: 'raw' | 'png' | 'jpeg' | 'webp'
  /** A preview every so many steps, and of the last. 1 to 4096. In steps. Default: 1. */
  readonly every?: number
}

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

/**
 * Draws the masked part of a picture anew.
 *
 * @example
 * const { image: patched } = await model.inpaint({ prompt: 'a red circle', image, mask: { left: 16, top: 16, width: 32, height: 32 } }).result()
 */
export interface InpaintRequest {
  /** What the whole picture is to show. */
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
  /** Puts the original pixels back in every cell that was not drawn anew; without it the whole picture comes out of the image tokenizer. */
  readonly composite?: CompositeOptions
  /** The given picture. */
  readonly image: ImageInput
  /** Size of the given pictures: A crops to the best of the sizes of about A x A pixels that the model was trained with; 'native' keeps the picture, each side down to the grid. Default: native. */
  readonly imageArea?: 'native' | number
  /** What is decoded anew, by whole cells: white (or transparent) pixels of a picture, rectangles, cells; or the original's rectangle in the middle. */
  readonly mask: MaskInput | { readonly ratio: Ratio }
}

/**
 * Draws what lies around a picture.
 *
 * @example
 * const { image: wider } = await model.outpaint({ prompt: 'a red circle', image, extend: { left: 16 } }).result()
 */
export interface OutpaintRequest {
  /** What the whole picture is to show. */
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
  /** Puts the original pixels back in every cell that was not drawn anew; without it the whole picture comes out of the image tokenizer. */
  readonly composite?: CompositeOptions
  /** The given picture. */
  readonly image: ImageInput
  /** Size of the given pictures: A crops to the best of the sizes of about A x A pixels that the model was trained with; 'native' keeps the picture, each side down to the grid. Default: native. */
  readonly imageArea?: 'native' | number
  /** How far each side grows, or `ratio`. */
  readonly extend: ExtendOptions
}

/**
 * Decodes a region of a result or a picture again; no token outside it changes.
 *
 * @example
 * const { image: again } = await model.retouch({ from: image, region: { left: 0, top: 0, width: 16, height: 16 } }).result()
 */
export interface RetouchRequest {
  /** What the whole picture is to show. Default: the prompt of the result, an empty one for a picture. */
  readonly prompt?: string
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
  /** Puts the original pixels back in every cell that was not drawn anew; without it the whole picture comes out of the image tokenizer. */
  readonly composite?: CompositeOptions
  /** A result, whose tokens are taken as they are, or a picture. */
  readonly from: ImageInput
  /** What is decoded again; no token outside it changes. */
  readonly region: MaskInput
}

/**
 * Draws pictures from a text and a map: edges, depth or a pose.
 *
 * @example
 * const { image: drawn } = await model.control({ prompt: 'a red circle', image, control: 'canny', source: 'photo' }).result()
 */
export interface ControlRequest {
  /** What the picture is to show. */
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
  /** Draws this many (at least n) in one batch and returns the n that the model itself finds most like the prompt, best first, each with its `score`. 1 to 64. */
  readonly bestOf?: number
  /** What kind of map the picture is. */
  readonly control: 'canny' | 'hed' | 'depth' | 'openpose'
  /** Whether the picture is the map itself, or a photo that the map is drawn from first ('canny' only). Default: control. */
  readonly source?: 'control' | 'photo'
}

/**
 * Reads a map from a picture.
 *
 * @example
 * const { image: depth } = await model.predict({ image, map: 'depth' }).result()
 */
export interface PredictRequest {
  /** Only with `compat: 'reference'`, whose generic prompt it then is. */
  readonly prompt?: string
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
  /** The map to read from the picture. */
  readonly map: 'canny' | 'hed' | 'normal' | 'sam2mask' | 'depth' | 'openpose'
}

/**
 * Draws the subject of a picture in another scene.
 *
 * @example
 * const { image: scene } = await model.subject({ prompt: 'a star on a gray background', image }).result()
 */
export interface SubjectRequest {
  /** What the picture is to show; the subject itself comes from `image`. */
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
  /** Draws this many (at least n) in one batch and returns the n that the model itself finds most like the prompt, best first, each with its `score`. 1 to 64. */
  readonly bestOf?: number
}

/**
 * Draws a picture in the style of another, at the size of the other.
 *
 * @example
 * const { image: styled } = await model.style({ image, style: image }).result()
 */
export interface StyleRequest {
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
  /** The reference whose style is taken; the output has its size, as in the original. */
  readonly style: ImageInput
}

/**
 * Draws another view of what a front view shows.
 *
 * @example
 * const { image: left } = await model.view({ image, view: 'left' }).result()
 */
export interface ViewRequest {
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
  /** The view to make of the front view in `image`; which of them a checkpoint knows is its training's. */
  readonly view: 'left' | 'right' | 'back' | 'top' | 'bottom' | 'front'
}

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

/**
 * Continues a conversation.
 *
 * @example
 * const { text: said } = await model.chat({ messages: [{ role: 'user', content: 'There is a red circle and a blue square. What color is the circle?' }] }).result()
 */
export interface ChatRequest {
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
  /** The conversation: a system message first if any, then user and assistant in turns, a user's last. 0 to 4096. */
  readonly messages: readonly ChatMessage[]
  /** Pictures that it is about, in order; they stand where `ask` has them, at the end of the last user's message. 0 to 64. Default: none. */
  readonly images?: readonly ImageInput[]
  /** Size of the given pictures: A crops to the best of the sizes of about A x A pixels that the model was trained with; 'native' keeps the picture, each side down to the grid. Default: the checkpoint's, else 1024. */
  readonly imageArea?: 'native' | number
}

/**
 * How a step is drawn.
 */
export interface PreviewOptions {
  /** 'draft' needs no network: one small patch of 4 x 4 pixels per code; 'full' runs the image tokenizer's decoder. */
  readonly quality?: 'draft' | 'full'
  /** How cells that are still masked look: the model's present guess, the guess blurred to about a cell, or grey. Default: held. */
  readonly masked?: 'held' | 'blurred' | 'grey'
  /** Pixels, or the bytes of a file. Default: raw. */
  readonly format?: 'raw' | 'png' | 'jpeg' | 'webp'
}

/**
 * What can be said about a run, whatever its task.
 */
export interface RunOptions {
  /** Aborting it frees the run's slot within one unit of work; the run then rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** The run's name in events and logs; letters, digits and - _ . : only, at most 128. Default: one that is unique across processes and threads. */
  readonly id?: string
  /** From the run's creation, preparation included; what takes longer fails with `run/deadline`. 0 to 2147483647. In milliseconds. Default: none. */
  readonly deadlineMs?: number
  /** Larger goes first. -1000 to 1000. Default: 0. */
  readonly priority?: number
  /** Key of fair scheduling, and a name for logs and metrics (a tenant, never a prompt). At most 1024 bytes of UTF-8. Default: . */
  readonly tag?: string
  /** Pictures of the steps (`step.preview`), drafts unless said. Picture tasks only. Default: false. */
  readonly previews?: false | StepPreviews
  /** For readers slower than the model: 'latest' merges the steps that were missed, 'all' queues up to `buffer` and then holds this run only, 'none' delivers no step. Default: latest. */
  readonly delivery?: 'latest' | 'all' | 'none'
  /** Steps that wait for the reader under delivery 'all'. 1 to 4096. In steps. Default: 1. */
  readonly buffer?: number
}

/**
 * What can be said about a run that goes on from a snapshot.
 */
export interface ResumeOptions {
  /** Aborting it frees the run's slot within one unit of work; the run then rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** The run's name in events and logs; letters, digits and - _ . : only, at most 128. Default: one that is unique across processes and threads. */
  readonly id?: string
  /** From the run's creation, preparation included; what takes longer fails with `run/deadline`. 0 to 2147483647. In milliseconds. Default: none. */
  readonly deadlineMs?: number
  /** Larger goes first. -1000 to 1000. Default: 0. */
  readonly priority?: number
  /** Key of fair scheduling, and a name for logs and metrics (a tenant, never a prompt). At most 1024 bytes of UTF-8. Default: . */
  readonly tag?: string
  /** Pictures of the steps (`step.preview`), drafts unless said. Picture tasks only. Default: false. */
  readonly previews?: false | StepPreviews
  /** For readers slower than the model: 'latest' merges the steps that were missed, 'all' queues up to `buffer` and then holds this run only, 'none' delivers no step. Default: latest. */
  readonly delivery?: 'latest' | 'all' | 'none'
  /** Steps that wait for the reader under delivery 'all'. 1 to 4096. In steps. Default: 1. */
  readonly buffer?: number
  /** Whether only a device that gives the same bits may go on. false: another kind of device, CPU variant or precision of the same model may, and the result says so (`warnings`). Default: true. */
  readonly exact?: boolean
}

/** What each task takes. */
export interface TaskRequests {
  readonly generate: GenerateRequest
  readonly edit: EditRequest
  readonly inpaint: InpaintRequest
  readonly outpaint: OutpaintRequest
  readonly retouch: RetouchRequest
  readonly control: ControlRequest
  readonly predict: PredictRequest
  readonly subject: SubjectRequest
  readonly style: StyleRequest
  readonly view: ViewRequest
  readonly ask: AskRequest
  readonly chat: ChatRequest
}
