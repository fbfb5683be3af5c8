// The worker thread for long texts: one tokenizer, requests answered in order. Started and owned by lib/prompt/text.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { Tokenizer } from './tokenizer.js'

export type WorkerTask = { readonly text: string } | { readonly ids: Int32Array; readonly skipSpecial: boolean }
export type WorkerRequest = WorkerTask & { readonly id: number }
export interface WorkerReply {
  readonly id: number
  readonly value?: Int32Array | string
  readonly error?: string
}

const tokenizer = new Tokenizer(new TextDecoder().decode(Uint8Array.from(workerData as Uint8Array)))

parentPort!.on('message', (request: WorkerRequest) => {
  const reply = (answer: Omit<WorkerReply, 'id'>): void => parentPort!.postMessage({ id: request.id, ...answer })
  try {
    reply({
      value: 'text' in request ? tokenizer.encode(request.text) : tokenizer.decode(request.ids, request.skipSpecial),
    })
  } catch (error) {
    reply({ error: error instanceof Error ? error.message : String(error) })
  }
})
