// What went wrong, as HTTP says it: a status, and a body in OpenAI's form `{ error: { message, type, code, param } }`, whose code is ours
// (docs/contracts.md#errors). `details` carries what a client of ours needs to make the same error again.
import { DimooError, errorToData, type ErrorCode, type ErrorDetails } from '../base/errors.js'
import { flat } from '../base/show.js'

export interface ErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly code: string
    readonly param: string | null
    readonly details?: ErrorDetails
  }
}

export interface ProblemOptions {
  /** The field that is wrong. */
  readonly param?: string | undefined
  /** When to come again. */
  readonly retryAfterMs?: number | undefined
  readonly details?: ErrorDetails | undefined
  readonly cause?: unknown
}

export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly param: string | undefined
  readonly retryAfterMs: number | undefined
  readonly details: ErrorDetails | undefined

  constructor(status: number, code: string, message: string, { param, retryAfterMs, details, cause }: ProblemOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
    this.code = code
    this.param = param
    this.retryAfterMs = retryAfterMs
    this.details = details
  }

  as(status: number): Problem {
    return status === this.status ? this : new Problem(status, this.code, this.message, this)
  }

  /** The same in other words. */
  inWords(words: (message: string) => string): Problem {
    return new Problem(this.status, this.code, words(this.message), this)
  }

  get body(): ErrorBody {
    const { message, code, param = null, details } = this
    return { error: { message: flat(message), type: typeOf(this.status), code, param, ...(details && { details }) } }
  }

  get headers(): Readonly<Record<string, string>> {
    const after = this.retryAfterMs
    return {
      ...(after !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(after / 1000))) }),
      // OpenAI's clients try 408, 409 and 5xx again unless told otherwise.
      ...([408, 409, 500].includes(this.status) && { 'x-should-retry': 'false' }),
    }
  }
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'server_error'
}

/** Errors of ours whose status is the same everywhere. What is missing is a bad request. */
const STATUS: Partial<Readonly<Record<ErrorCode | 'aborted', number>>> = {
  'queue/full': 429,
  'queue/timeout': 503,
  'run/deadline': 408,
  'device/unavailable': 503,
  'device/lost': 503,
  'binding/not-found': 500,
  'binding/incompatible': 500,
  'model/not-found': 500,
  'model/corrupt': 500,
  'model/unreadable': 500,
  'output/failed': 500,
  'hub/unavailable': 503,
  'hub/denied': 503,
  'hub/mismatch': 500,
  'server/unavailable': 503,
  'server/denied': 500, // a runner of ours was turned away elsewhere
  disposed: 503,
  aborted: 409,
  internal: 500,
}

/** The problem of any error. `invalid` is the status of a bad request: 400 where OpenAI's clients ask, 422 elsewhere. */
export function problemOf(error: unknown, invalid: 400 | 422 = 422): Problem {
  if (error instanceof Problem) return error.status === 400 && error.code === 'request/invalid' ? error.as(invalid) : error
  const { code, message, details } = errorToData(error)
  const status = STATUS[code] ?? invalid
  const after = details?.['retryAfterMs']
  const shown = code === 'internal' ? 'the server failed; its log says why, under this request id' : message
  return new Problem(status, code, shown, {
    param: paramOf(message),
    details,
    cause: error,
    ...(typeof after === 'number' && { retryAfterMs: after }),
    ...(status === 503 && { retryAfterMs: 5000 }),
  })
}

/** The field that a message of ours is about: `generate: steps must be ...` is about `steps`. */
export function paramOf(message: string): string | undefined {
  const picture = /^picture ([\w[\]]+)[ :]/.exec(message) ?? /^([\w.[\]]+): expected (?:bytes as base64|\d+ x \d+ pixels)/.exec(message)
  if (picture) return picture[1]
  const found = /^[\w /]+: (?:unknown option '([\w.-]+)'|(?:(\w+): )?([\w.[\]]+) must )/.exec(message)
  if (!found) return undefined
  const [, unknown, group, field] = found
  return unknown ?? (group ? `${group}.${field!}` : field)
}

export const notFound = (message: string): Problem => new Problem(404, 'not-found', message)
/** Of the status that bad requests have where it is answered. */
export const badRequest = (message: string, param?: string): Problem => new Problem(400, 'request/invalid', message, { param })

/** An error of ours, kept as it is for a status that the caller decides. */
export const isInvalid = (error: unknown): boolean => DimooError.is(error, 'request/invalid') || DimooError.is(error, 'image/invalid')
