// What a caller can say about a run, whatever its task, and what a run is to its caller.
import type { ImageFormat } from '../image/encode.js'
import type { MaskedCells } from '../image/masked.js'
import * as validate from '../fields/validate.js'

export type RunState = 'queued' | 'running' | 'done' | 'failed' | 'aborted'

/** How a step is drawn. */
export interface PreviewOptions {
  /** 'draft' needs no network: one small patch of 4 x 4 pixels per code. 'full' runs the image tokenizer's decoder. */
  readonly quality?: 'draft' | 'full'
  /** How cells that are still masked look. Default 'held': the model's present guess. */
  readonly masked?: MaskedCells
  /** Default 'raw'. */
  readonly format?: 'raw' | ImageFormat
}

/** Previews that come with the steps, made when the reader takes the step; never on the decoding path. */
export interface StepPreviews extends PreviewOptions {
  /** A preview every so many steps, and of the last; 1 to 4096. Default 1. */
  readonly every?: number
}

export interface RunOptions {
  /** Aborting it frees the run's slot within one unit of work; the run then rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** Milliseconds from the run's creation after which it fails with `run/deadline`. */
  readonly deadlineMs?: number
  /** Larger goes first, -1000 to 1000. Default 0. */
  readonly priority?: number
  /** Key of fair scheduling, and a name for logs and metrics (a tenant, never a prompt). */
  readonly tag?: string
  /** Pictures of the steps (`step.preview`); quality 'draft' unless said. Default false. Picture tasks only. */
  readonly previews?: false | StepPreviews
  /**
   * For readers slower than the model: 'latest' (default) merges the steps that were missed, 'all' queues up to `buffer` and then
   * pauses this run only, 'none' delivers no step.
   */
  readonly delivery?: 'latest' | 'all' | 'none'
  /** Steps that wait for the reader under delivery 'all', 1 to 4096. Default 1. */
  readonly buffer?: number
}

export const PREVIEW_FIELDS = {
  quality: validate.oneOf(['draft', 'full']),
  masked: validate.oneOf(['held', 'blurred', 'grey']),
  format: validate.oneOf(['raw', 'png', 'jpeg', 'webp']),
} satisfies validate.Fields

export const LONGEST_TIMER_MS = 2 ** 31 - 1

export const RUN_FIELDS = {
  signal: validate.signal(),
  deadlineMs: validate.number(0, LONGEST_TIMER_MS),
  priority: validate.integer(-1000, 1000),
  tag: validate.string(),
  previews: validate.valueOrGroup(
    'false or {quality, every, masked, format}',
    (value) => value === false,
    { ...PREVIEW_FIELDS, every: validate.integer(1, 4096) },
    {},
  ),
  delivery: validate.oneOf(['latest', 'all', 'none']),
  buffer: validate.integer(1, 4096),
} satisfies validate.Fields

/**
 * Iterate it for decoding steps (once), call `result()` for the end. Leaving the loop early (break, throw, return) aborts the run,
 * unless `result()` was called before. An aborted run rejects with the reason of the abort.
 */
export interface Run<Step, Result> extends AsyncIterable<Step, void, undefined>, AsyncDisposable {
  readonly id: string
  readonly state: RunState
  /** Resolves when the run is done. May be called any number of times. */
  result(): Promise<Result>
  /** Does nothing to a run that has ended. */
  abort(reason?: unknown): void
  /**
   * Bytes for `model.resume`, taken at the next step boundary; the run goes on. Rejects with `request/invalid` for a run that has
   * ended. The bytes hold the prompt and, where pixels are put back, the given picture.
   */
  snapshot(): Promise<Uint8Array>
  toWebStream(): ReadableStream<Step>
}
