// Abort signals with many listeners: one real listener a signal, however many runs and jobs hang on it, and none left once they have ended.

const listening = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls back once when the signal is aborted, at once where it is already. Returns what takes that back. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (!signal) return () => undefined
  if (signal.aborted) {
    callback()
    return () => undefined
  }
  let callbacks = listening.get(signal)
  if (!callbacks) {
    callbacks = new Set()
    listening.set(signal, callbacks)
  }
  const entry = (): void => callback() // the same function may be given twice
  callbacks.add(entry)
  if (callbacks.size === 1) signal.addEventListener('abort', fire)
  return () => {
    const known = listening.get(signal)
    if (!known?.delete(entry) || known.size > 0) return
    signal.removeEventListener('abort', fire)
  }
}

function fire(event: Event): void {
  const signal = event.target as AbortSignal
  signal.removeEventListener('abort', fire)
  const callbacks = [...(listening.get(signal) ?? [])]
  listening.delete(signal)
  for (const callback of callbacks) callback()
}
