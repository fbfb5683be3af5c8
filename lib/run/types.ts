// What a run is to its caller, wherever it is decoded.
import type { MaskInput, RawImage } from '../fields/values.js'
import type { ImageFormat } from '../image/encode.js'
import type { TaskName } from '../requests/names.js'
import type { PreviewOptions, RunOptions } from '../requests/types/index.js'
import type { ImageResult, TextResult } from './results.js'
import type { ImageStep, TextStep } from './steps.js'

/** 'paused': held back by its owner; it has given back its slot and keeps its place. */
export type RunState = 'queued' | 'running' | 'paused' | 'done' | 'failed' | 'aborted'

/**
 * Iterate it for decoding steps (once), call `result()` for the end. Leaving the loop early (break, throw, return) aborts the run,
 * unless `result()` was called before. An aborted run rejects with the reason of the abort.
 */
export interface Run<Step, Result> extends AsyncIterable<Step, void, undefined>, AsyncDisposable {
  readonly id: string
  readonly task: TaskName
  readonly state: RunState
  /** Resolves when the run is done. May be called any number of times. */
  result(): Promise<Result>
  /** Does nothing to a run that has ended. */
  abort(reason?: unknown): void
  /**
   * Holds the run at its next step boundary until `continue()`: it gives back its slot, so that others decode, and keeps what it has.
   * It can be aborted, written down and remasked meanwhile; a deadline goes on. Does nothing to a run that has ended.
   */
  pause(): Promise<void>
  /** Lets a paused run go on. */
  continue(): Promise<void>
  /**
   * Bytes for `resume`, taken at the next step boundary; the run goes on. They hold the prompt and, where pixels are put back, the given
   * picture.
   *
   * @throws `request/invalid` for a run that has ended.
   */
  snapshot(): Promise<Uint8Array>
  /** The steps as a web stream; cancelling it aborts the run. */
  toWebStream(): ReadableStream<Step>
}

/** A run whose result is pictures. `Preview`: what `previews` asked for. */
export interface ImageRun<Preview = RawImage | Uint8Array> extends Run<ImageStep<Preview>, ImageResult> {
  /**
   * Masks a region of a picture of this run again from the next step on: rectangles in pixels (rounded outwards to cells), a mask of the
   * picture's size (white is masked), or cells by number. They are decoded in the steps that are left.
   *
   * @param options.image Which of the pictures that are decoded together. Default 0.
   * @throws `request/invalid` for a region outside the picture, an empty one, and after that picture's last step.
   */
  remask(region: MaskInput, options?: { readonly image?: number }): Promise<void>
  /** Draws a step of this run, also one that has travelled and lost its class: quality 'full' unless said. */
  decode(step: StepData, options?: PreviewOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(step: StepData, options: PreviewOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  decode(step: StepData, options?: PreviewOptions): Promise<RawImage | Uint8Array>
}

/** What of a step is needed to draw it. */
export type StepData = Pick<ImageStep, 'grid' | 'tokens' | 'guess'>

/** A run whose result is a text. */
export interface TextRun extends Run<TextStep, TextResult> {
  /** The text as it settles, a piece at a time; all pieces together are the result's text. */
  toTextStream(): ReadableStream<string>
}

/** A run of whatever kind. */
export type AnyRun = ImageRun | TextRun

/** The type of `step.preview` for these options. */
export type PreviewOf<Options extends RunOptions> = Options extends { readonly previews: infer Asked }
  ? Asked extends false
    ? never
    : Asked extends { readonly format: infer Format }
      ? Format extends 'raw'
        ? RawImage
        : Format extends ImageFormat
          ? Uint8Array
          : RawImage | Uint8Array
      : RawImage
  : RawImage | Uint8Array
