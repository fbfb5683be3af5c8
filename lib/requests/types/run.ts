// What can be said about a run. Written by scripts/generate.mjs from the descriptors of lib/requests: change those.
import type { StepPreviews } from './groups.js'

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
