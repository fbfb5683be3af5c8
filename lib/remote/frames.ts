// The frames of a runner that is served over a channel (serve.ts, link.ts). Requests, steps, results, errors and snapshots ride along as messages
// of lib/wire; the rest is a few names and numbers.
import { errorToData } from '../base/errors.js'
import type { TaskName } from '../requests/names.js'
import type { PreviewOptions, ResumeOptions, RunOptions, TaskRequests } from '../requests/types/index.js'
import type { RunState } from '../run/types.js'
import { decodeMessage, encodeMessage, type Message } from '../wire/messages.js'
import type { Frame } from './channel.js'
import type { FarEnd, FarResult, FarStep } from './far.js'

/** To the side that decodes. */
export type Asked =
  | { readonly kind: 'run'; readonly run: number; readonly message: Uint8Array }
  | { readonly kind: 'resume'; readonly run: number; readonly bytes: Uint8Array; readonly options: ResumeOptions }
  | { readonly kind: 'pull' | 'abort' | 'snapshot' | 'pause' | 'continue'; readonly run: number }
  | { readonly kind: 'remask'; readonly run: number; readonly call: number; readonly region: unknown; readonly image: number }
  | {
      readonly kind: 'decode'
      readonly call: number
      readonly step: { readonly grid: object; readonly tokens: Int32Array; readonly guess: Int32Array }
      readonly options: PreviewOptions
    }
  | { readonly kind: 'info' | 'stats'; readonly call: number }
  | { readonly kind: 'close'; readonly call: number; readonly timeoutMs: number }

/** Back. `checkpoint`: a snapshot nobody asked for, taken as work goes on. */
export type Told =
  | { readonly kind: 'step' | 'end'; readonly run: number; readonly message: Uint8Array }
  | { readonly kind: 'state'; readonly run: number; readonly state: RunState }
  | { readonly kind: 'dry' | 'refused'; readonly run: number }
  | { readonly kind: 'snapshot' | 'checkpoint'; readonly run: number; readonly step: number; readonly bytes: Uint8Array }
  | { readonly kind: 'answer'; readonly call: number; readonly value?: unknown; readonly message?: Uint8Array }

export const asFrame = (frame: Asked | Told): Frame => frame

/** Between our own processes messages may be larger than a stranger's. */
const OWN = { maxBytes: 2 ** 31, maxDepth: 16, maxItems: 1 << 20 }
export const messageOf = (bytes: Uint8Array): Message => decodeMessage(bytes, OWN)

export const requestMessage = <Task extends TaskName>(task: Task, request: TaskRequests[Task], options: RunOptions): Uint8Array =>
  encodeMessage({ kind: 'request', task, request, options })
export const stepMessage = (task: TaskName, step: FarStep): Uint8Array => encodeMessage({ kind: 'step', task, step })
export const resultMessage = (task: TaskName, result: FarResult): Uint8Array => encodeMessage({ kind: 'result', task, result })
export const errorMessage = (error: unknown): Uint8Array => encodeMessage({ kind: 'error', error: errorToData(error) })

/** How a run ended, from the message that says so. */
export function endOf(bytes: Uint8Array): FarEnd {
  const message = messageOf(bytes)
  if (message.kind === 'result') return { result: message.result }
  if (message.kind === 'error') return { error: message.error }
  return { error: { code: 'internal', message: `expected a result or an error, got a ${message.kind}` } }
}
