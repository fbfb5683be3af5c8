// The package's one error: a closed set of codes, the two things that disagree in the message, and the caller's stack.
// Errors of the addon become one of these here. Aborts are not errors of ours: they reject with `signal.reason` itself.
import { flat } from './show.js'

const CODES = [
  'binding/not-found',
  'binding/incompatible',
  'device/unavailable',
  'device/out-of-memory',
  'device/lost',
  'model/not-found',
  'model/unsupported',
  'model/corrupt',
  'model/unreadable',
  'request/invalid',
  'image/invalid',
  'queue/full',
  'queue/timeout',
  'run/deadline',
  'output/failed',
  'disposed',
  'hub/unavailable',
  'hub/denied',
  'hub/mismatch',
  'server/unavailable',
  'server/denied',
  'internal',
] as const

/** What happened: docs/contracts.md#errors has the cases. */
export type ErrorCode = (typeof CODES)[number]

/** Numbers and names beside the message, by code. */
export type ErrorDetails = Readonly<Record<string, unknown>>

const NAME = 'DimooError'
const RETRYABLE: readonly ErrorCode[] = ['queue/full', 'queue/timeout', 'device/lost', 'hub/unavailable', 'server/unavailable']

/** Everything this package throws, except aborts. `code` says what happened, the message what was expected and found. */
export class DimooError extends Error {
  // One name for all subclasses: `is` must still know an error that another copy of this module or another thread made.
  override readonly name = NAME
  readonly code: ErrorCode
  /** The same call may succeed later. */
  readonly retryable: boolean
  readonly details?: ErrorDetails

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    // Names from files and other programs' words are in it: no message may steer a terminal or forge a line of a log.
    super(flat(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = RETRYABLE.includes(code)
    if (options.details) this.details = options.details
  }

  /** What `JSON.stringify` writes: code, message and details. */
  toJSON(): ErrorData {
    return errorToData(this)
  }

  /** Works across copies of this package and worker threads, where `instanceof` does not. */
  static is(error: unknown, code?: ErrorCode): error is DimooError {
    if (typeof error !== 'object' || error === null) return false
    const { name, code: found } = error as { name?: unknown; code?: unknown }
    return name === NAME && isCode(found) && (code === undefined || code === found)
  }
}

/** The queue is full; `retryAfterMs` is the scheduler's estimate of the wait. */
export class QueueFullError extends DimooError {
  declare readonly code: 'queue/full'
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number, details: ErrorDetails = {}) {
    super('queue/full', message, { details: { ...details, retryAfterMs } })
    this.retryAfterMs = retryAfterMs
  }
}

/** The plan does not fit. Thrown before any work. */
export class OutOfMemoryError extends DimooError {
  declare readonly code: 'device/out-of-memory'
  readonly requiredBytes: number
  readonly availableBytes: number

  constructor(message: string, requiredBytes: number, availableBytes: number) {
    super('device/out-of-memory', message, { details: { requiredBytes, availableBytes } })
    this.requiredBytes = requiredBytes
    this.availableBytes = availableBytes
  }
}

/** A place where an addon was looked for, and why it did not do. */
export interface BindingAttempt {
  readonly path: string
  readonly message: string
}

/** The addon could not be loaded; `attempts` lists every place that was tried and why it did not do. */
export class BindingError extends DimooError {
  declare readonly code: 'binding/not-found' | 'binding/incompatible'
  readonly attempts: readonly BindingAttempt[]

  constructor(code: BindingError['code'], message: string, attempts: readonly BindingAttempt[], cause?: unknown) {
    super(code, message, { cause })
    this.attempts = attempts
  }
}

export function isCode(code: unknown): code is ErrorCode {
  return (CODES as readonly unknown[]).includes(code)
}

/** Shorthand for the commonest one. */
export function invalid(message: string): DimooError {
  return new DimooError('request/invalid', message)
}

/** The addon gave up because it was cancelled. */
export function isAborted(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'aborted'
}

/** Turns what the addon threw into ours. Call it where the caller's stack still stands (after an `await`, not in a callback). */
export function fromNative(error: unknown): Error {
  if (DimooError.is(error)) return error
  const { message, code, details } = error as { message?: string; code?: unknown; details?: unknown }
  const text = message ?? String(error)
  if (!isCode(code)) return new DimooError('internal', text, { cause: error })
  return made(code, text, parseDetails(details))
}

function made(code: ErrorCode, message: string, details: ErrorDetails | undefined): DimooError {
  const count = (key: string): number => (typeof details?.[key] === 'number' ? details[key] : 0)
  if (code === 'queue/full') return new QueueFullError(message, count('retryAfterMs'), details)
  if (code === 'device/out-of-memory') return new OutOfMemoryError(message, count('requiredBytes'), count('availableBytes'))
  return new DimooError(code, message, details ? { details } : {})
}

function parseDetails(details: unknown): ErrorDetails | undefined {
  if (typeof details !== 'string' || details === '') return undefined
  return JSON.parse(details) as ErrorDetails
}

/** An error as plain data. 'aborted': an abort, which is no error of ours. */
export interface ErrorData {
  readonly code: ErrorCode | 'aborted'
  readonly message: string
  readonly details?: ErrorDetails
}

/** What of an error travels: never its stack. */
export function errorToData(error: unknown): ErrorData {
  if (DimooError.is(error)) return { code: error.code, message: error.message, ...(error.details && { details: error.details }) }
  const { name, message = String(error) } = (error ?? {}) as { name?: unknown; message?: string }
  return name === 'AbortError' ? { code: 'aborted', message } : { code: 'internal', message }
}

/** The error that another process had, with the stack of whoever waits here. */
export function errorFromData({ code, message, details }: ErrorData): Error {
  if (code === 'aborted') return new DOMException(message, 'AbortError')
  return made(isCode(code) ? code : 'internal', message, details)
}
