// What can go wrong between us and a hub, whether it may pass, and the sentence that a user gets: what was asked for, its URL, what
// came back, and what to do.
import { DimooError } from '../base/errors.js'

export interface FailureFacts {
  readonly url: string
  /** Of an answer; absent: there was none. */
  readonly status?: number
  /** The hub's own word for it (`X-Error-Code`), e.g. 'GatedRepo', 'RepoNotFound', 'RevisionNotFound', 'EntryNotFound'. */
  readonly reason?: string | undefined
  /** How long the hub wants us to wait. */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
  /** An answer that cannot be used, and will not be better next time. */
  readonly final?: boolean
}

/** One request that did not bring what it should. Becomes a `DimooError` by `explain` where it leaves this room. */
export class HubFailure extends Error {
  readonly facts: FailureFacts

  constructor(message: string, facts: FailureFacts) {
    super(message, { cause: facts.cause })
    this.facts = facts
  }

  /** The same request may do better later. */
  get passing(): boolean {
    const { status, final = false } = this.facts
    return !final && (status === undefined || status === 408 || status === 429 || status >= 500)
  }
}

/** `what`: what was asked for, in the user's words, e.g. "hf:owner/repo". */
export function explain(error: unknown, what: string): unknown {
  if (!(error instanceof HubFailure)) return error
  const { status, reason, url } = error.facts
  const page = pageOf(url)
  if (reason === 'GatedRepo' || status === 403) {
    return denied(`${what} is gated: accept its terms at ${page} and put a token of that account into HF_TOKEN`, error)
  }
  if (status === 401) {
    return denied(
      `${what}: no such repository, or a private one: expected the name as at ${page}, or a token with access in HF_TOKEN`,
      error,
    )
  }
  if (status === 404) {
    const missing = { RevisionNotFound: 'no such revision', EntryNotFound: 'no such file' }[reason ?? ''] ?? 'no such repository or file'
    return new DimooError('model/not-found', `${what}: ${missing} at ${url}`, { cause: error })
  }
  if (status === 416) return mismatch(`${what}: expected a longer file, the hub has none of the bytes asked for (HTTP 416, ${url})`, error)
  return new DimooError('hub/unavailable', `${what}: ${error.message} (${url})`, { cause: error })
}

function denied(message: string, cause: HubFailure): DimooError {
  return new DimooError('hub/denied', `${message}, got HTTP ${cause.facts.status ?? 403}`, { cause })
}

/** The page of the repository that a request was about. */
function pageOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname.replace(/\/api\/models\//, '/').replace(/\/(?:revision|tree|resolve)\/.*$/, '')
}

/** Bytes that are not those which the hub promised. */
export function mismatch(message: string, cause?: unknown): DimooError {
  return new DimooError('hub/mismatch', message, { cause })
}
