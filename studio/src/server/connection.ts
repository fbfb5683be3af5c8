// The server that this page came from, as a runner; what it says of its model, and whether it is there. Everything else asks here.
import { computed, signal } from '@preact/signals'
import { connect, DimooError, type ModelInfo, type RemoteRunner, type ServerSchemas } from 'lumina-dimoo/client'
import { recall, remember } from '../kept/settings.js'

/** 'key': it wants one, or another one. 'away': it does not answer. */
export type ServerState = 'asking' | 'ready' | 'key' | 'away'

export const serverState = signal<ServerState>('asking')
export const info = signal<ModelInfo | undefined>(undefined)
export const schemas = signal<ServerSchemas | undefined>(undefined)
/** Why it is not ready, in words. */
export const trouble = signal('')

/** A model that answers in text only has no codes. */
export const drawsPictures = computed(() => (info.value?.codebookSize ?? 1) > 0)

const RETRY_MS = 2000
const PULSE_MS = 4000
let runner: RemoteRunner | undefined
let retry: ReturnType<typeof setTimeout> | undefined

/** Runs of the studio outlive their page. */
export function client(): RemoteRunner {
  return (runner ??= open(recall('apiKey')))
}

function open(apiKey: string | undefined): RemoteRunner {
  return connect(location.origin, { detach: true, patienceMs: 60_000, ...(apiKey !== undefined && { apiKey }) })
}

/** Asks who is there, again and again until somebody is. */
export async function greet(): Promise<void> {
  clearTimeout(retry)
  try {
    // Short of patience: the page says at once that nobody answers.
    const asked = connect(location.origin, { patienceMs: 0, ...keyOption() })
    const [found, forms] = await Promise.all([asked.info(), schemas.value ?? asked.schemas()])
    // Its memory changes all the time, and nobody wants to be told here.
    if (!info.value || info.value.sha256 !== found.sha256) info.value = found
    schemas.value = forms
    serverState.value = 'ready'
  } catch (error) {
    hear(error)
  }
}

/** Asks now and then whether the server is still there, until the function that it returns is called. */
export function watchServer(): () => void {
  const pulse = (): void => {
    if (serverState.value === 'ready' && !document.hidden) void greet()
  }
  const timer = setInterval(pulse, PULSE_MS)
  const changed = (): void => void greet()
  addEventListener('online', changed)
  addEventListener('offline', changed)
  return () => {
    clearInterval(timer)
    removeEventListener('online', changed)
    removeEventListener('offline', changed)
  }
}

function keyOption(): { apiKey?: string } {
  const apiKey = recall('apiKey')
  return apiKey === undefined ? {} : { apiKey }
}

/** What any failed call says about the server. */
export function hear(error: unknown): void {
  if (DimooError.is(error, 'server/denied')) {
    serverState.value = 'key'
    trouble.value = recall('apiKey') === undefined ? '' : 'This key is not known to the server. Enter another one.'
  } else if (isAway(error)) {
    serverState.value = 'away'
    trouble.value = 'The server does not answer. It is asked again every two seconds; nothing here is lost.'
    clearTimeout(retry)
    retry = setTimeout(() => void greet(), RETRY_MS)
  }
}

export function isAway(error: unknown): boolean {
  return DimooError.is(error, 'server/unavailable') || error instanceof TypeError
}

/** Takes a key, or forgets it. Runs of the old key are left to the server. */
export async function useKey(key: string | undefined): Promise<void> {
  try {
    const next = open(key)
    void runner?.close({ reason: new DOMException('another key is used now', 'AbortError') })
    runner = next
  } catch {
    trouble.value = 'A key is 16 or more printable characters without spaces.'
    return
  }
  remember('apiKey', key)
  serverState.value = 'asking'
  await greet()
}
