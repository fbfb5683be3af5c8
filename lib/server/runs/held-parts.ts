// What a held run is made of, and what comes of it.
import type { TaskName } from '../../requests/names.js'
import type { RunOptions } from '../../requests/types/index.js'
import type { ImageResult, TextResult } from '../../run/results.js'
import type { ImageStep, TextStep } from '../../run/steps.js'
import type { AnyRun } from '../../run/types.js'
import type { Runner } from '../../runner/runner.js'
import type { Work } from '../../runner/work.js'
import type { Client } from '../keys.js'

export type AnyStep = ImageStep | TextStep
export type Outcome = { readonly result: ImageResult | TextResult } | { readonly error: unknown }

/** What begins a run, or goes on with one, under options that may have changed. */
export type Start = (options: RunOptions) => AnyRun

export interface HeldParts {
  readonly id: string
  readonly owner: Client
  /** The name under which its runner is served. */
  readonly model: string
  readonly runner: Runner
  readonly task: TaskName
  /** How much it is, about. */
  readonly work: Work
  /** Pictures that are decoded together; an answer is one. */
  readonly pictures: number
  /** What was made of the request. */
  readonly warnings: readonly string[]
  readonly options: RunOptions
  readonly detached: boolean
  /** How long it goes on without a listener. */
  readonly graceMs: number
  /** Of its events. */
  readonly maxEventBytes: number
  readonly start: Start
  readonly asked?: string
}

/** The preview may be raw pixels: nobody keeps those to say how far a run came. */
export function withoutPreview(step: AnyStep): AnyStep {
  if (step.kind === 'text') return step
  const { preview: _, ...rest } = step
  return rest
}
