// The worker thread for long texts: one tokenizer, one request at a time, which the other side may take back between two rests. Started by
// lib/prompt/thread.ts as a text (scripts/worker-source.mjs), so that it hangs on no file.
import { parentPort, workerData } from 'node:worker_threads'
import { DimooError, type ErrorCode } from '../base/errors.js'
import type { PromptText } from './prompt-text.js'
import { Tokenizer } from './tokenizer.js'

export type WorkerTask = { readonly text: PromptText } | { readonly ids: Int32Array; readonly skipSpecial: boolean }
export type WorkerRequest = WorkerTask & { readonly id: number }

export interface WorkerReply {
  /** -1: ready for the first request. */
  readonly id: number
  readonly value?: Int32Array | string
  readonly error?: { readonly code: ErrorCode; readonly message: string }
}

/** Shared memory, so that megabytes are not copied on the thread that must not stop. */
export interface WorkerData {
  readonly json: Uint8Array
  /** One entry: the id of a request that is not wanted any more. */
  readonly taken: Int32Array
}

const { json, taken } = workerData as WorkerData
const tokenizer = new Tokenizer(new TextDecoder().decode(Uint8Array.from(json)))
const reply = (answer: WorkerReply): void => parentPort!.postMessage(answer)

parentPort!.on('message', (request: WorkerRequest) => {
  const { id } = request
  try {
    const value = 'text' in request ? encode(id, request.text) : tokenizer.decode(request.ids, request.skipSpecial)
    reply({ id, ...(value !== undefined && { value }) })
  } catch (error) {
    const code = DimooError.is(error) ? error.code : 'internal'
    reply({ id, error: { code, message: error instanceof Error ? error.message : String(error) } })
  }
})
reply({ id: -1 })

/** undefined where it was taken back. */
function encode(id: number, text: PromptText): Int32Array | undefined {
  const work = tokenizer.encodeSlowly(text)
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    if (Atomics.load(taken, 0) === id) return undefined
  }
}
