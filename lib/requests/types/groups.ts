// What several requests hold alike. Written by scripts/generate.mjs from the descriptors of lib/requests: change those.
import type { MaskInput } from '../../fields/values.js'

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
