// One way to wait for the addon's threads: cancel through an AbortSignal, errors with the caller's stack.
// A job that was cancelled rejects with the signal's reason.
import { fromNative, isAborted } from '../base/errors.js'
import type { Progress } from '../base/progress.js'
import { onAbort } from '../base/signals.js'
import { binding, type JobName, type NativeJob } from './binding.js'

export interface JobOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Starts native work and waits for it. */
export async function settle<T>(start: () => NativeJob<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted()
  let release = (): void => undefined
  try {
    const job = start()
    release = onAbort(signal, () => job.cancel())
    return await job.promise
  } catch (error) {
    if (signal?.aborted && isAborted(error)) throw signal.reason
    throw fromNative(error)
  } finally {
    release()
  }
}

/** Runs one of the addon's jobs: options and result are JSON. */
export async function runJob<T>(name: JobName, options: object, control: JobOptions = {}): Promise<T> {
  const progress = toProgress(control.onProgress)
  return JSON.parse(await settle(() => binding().job(name, JSON.stringify(options), progress), control.signal)) as T
}

/** The addon reports `{phase, done, total}` as JSON text. */
export function toProgress(listener: JobOptions['onProgress']): ((json: string) => void) | undefined {
  if (!listener) return undefined
  return (json) => {
    const { phase, done, total } = JSON.parse(json) as { phase: string; done: number; total: number }
    listener({ phase, loadedBytes: done, totalBytes: total, fraction: total > 0 ? done / total : 0 })
  }
}
