// Events on node:diagnostics_channel, for logs and metrics. Costs nothing while nobody listens; a prompt never appears in one.
import { channel } from 'node:diagnostics_channel'
import type { ErrorCode } from '../base/errors.js'
import type { TaskName } from '../requests/names.js'

/** Events by the name of their channel on node:diagnostics_channel. */
export interface DiagnosticsEvents {
  'dimoo:model:load': { readonly source: string; readonly device: string; readonly ms: number }
  'dimoo:run:queued': { readonly id: string; readonly task: TaskName; readonly tag?: string }
  /** Sent with the first step or the end that is seen of a run; `queuedMs`: from its creation to its first pass, preparation included. */
  'dimoo:run:start': { readonly id: string; readonly task: TaskName; readonly queuedMs: number }
  'dimoo:step': {
    readonly id: string
    readonly step: number
    /** Since the run started. */
    readonly ms: number
    readonly rows: number
    readonly pass: 'full' | 'cached' | 'text'
  }
  /** Whoever decoded it has gone; somebody else goes on after `step` steps. */
  'dimoo:run:resumed': { readonly id: string; readonly task: TaskName; readonly step: number }
  'dimoo:run:end': {
    readonly id: string
    readonly task: TaskName
    readonly outcome: 'done' | 'failed' | 'aborted'
    /** Waiting time before the run started, and time from its creation to its end. */
    readonly queuedMs: number
    readonly ms: number
    readonly code?: ErrorCode
  }
}

export function emit<Name extends keyof DiagnosticsEvents>(name: Name, event: DiagnosticsEvents[Name]): void {
  const target = channel(name)
  if (target.hasSubscribers) target.publish(event)
}
