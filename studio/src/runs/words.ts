// What went wrong, and what to do, in words for people.
import { DimooError } from 'lumina-dimoo/client'

const ADVICE: Readonly<Record<string, string>> = {
  'request/invalid': 'Change the field that is named and try again.',
  'image/invalid': 'Try another picture: PNG, JPEG, WebP, GIF, TIFF or AVIF.',
  'queue/timeout': 'The run waited too long. Start it again.',
  'run/deadline': 'It took longer than its deadline. Give it more time, or fewer steps.',
  'device/out-of-memory': 'Choose a smaller size, or fewer pictures at once.',
  'device/lost': 'The run cannot go on. Start it again.',
  'server/unavailable': 'Start it again once the server answers.',
  'server/denied': 'Enter an API key that the server knows.',
  disposed: 'Start it again.',
}

export function wordsOf(error: unknown): string {
  if (isAbort(error)) return (error as Error).message === '' ? 'The run was cancelled.' : sentence((error as Error).message)
  if (!DimooError.is(error)) return sentence(error instanceof Error ? error.message : String(error))
  if (error.code === 'queue/full') {
    const retryAfterMs = Number(error.details?.['retryAfterMs'])
    const when = Number.isFinite(retryAfterMs) ? `in about ${Math.max(1, Math.ceil(retryAfterMs / 1000))} s` : 'in a while'
    return `The queue of the server is full. Try again ${when}.`
  }
  // A file has no fields: what it was made with is what it needs.
  const advice = error.message.startsWith('resume:') ? 'Open it where that model is served.' : (ADVICE[error.code] ?? '')
  return `${sentence(error.message)} ${advice}`.trim()
}

/** Where a run takes more steps than it was asked for: how many, and why. */
export function moreSteps({ askedSteps }: { readonly askedSteps: number | undefined }, steps: number): string {
  return askedSteps === undefined || steps <= askedSteps
    ? ''
    : ` (${askedSteps}, and ${steps - askedSteps} more that its masked cells need)`
}

export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'

function sentence(text: string): string {
  const trimmed = text.trim()
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`
}
