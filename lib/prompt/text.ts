// Where tokenising runs: short texts here and now, longer ones in a worker thread that starts with the first of them, so that
// the event loop never stops for over 10 ms.
import { Worker } from 'node:worker_threads'
import { DimooError } from '../base/errors.js'
import { Tokenizer } from './tokenizer.js'
import type { WorkerReply, WorkerTask } from './tokenizer-worker.js'

/** Texts up to this many bytes take a few milliseconds even in code that has not been compiled yet. */
const INLINE_BYTES = 1024
const INLINE_IDS = 1024

interface Pending {
  readonly resolve: (value: Int32Array | string) => void
  readonly reject: (error: Error) => void
}

export class TextCoder {
  readonly #tokenizer: Tokenizer
  // Shared memory: the worker must not cost a copy of megabytes on this thread.
  readonly #json: Uint8Array
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #count = 0

  constructor(json: string) {
    this.#tokenizer = new Tokenizer(json)
    const bytes = new TextEncoder().encode(json)
    this.#json = new Uint8Array(new SharedArrayBuffer(bytes.length))
    this.#json.set(bytes)
  }

  /** The ids, at once for a short text. */
  encode(text: string): Int32Array | Promise<Int32Array> {
    const bytes = Buffer.byteLength(text)
    if (bytes <= INLINE_BYTES) return this.#tokenizer.encode(text)
    return this.#ask({ text }) as Promise<Int32Array>
  }

  decode(ids: Int32Array, skipSpecial: boolean): string | Promise<string> {
    if (ids.length <= INLINE_IDS) return this.#tokenizer.decode(ids, skipSpecial)
    return this.#ask({ ids, skipSpecial }) as Promise<string>
  }

  /** The bytes of one token as text shows them: none for special tokens and unknown ids. */
  textBytes(id: number): readonly number[] {
    return this.#tokenizer.textBytes(id)
  }

  /** The id of an added token by its content, e.g. `<|eot_id|>`. */
  addedId(content: string): number | undefined {
    return this.#tokenizer.addedId(content)
  }

  /** Ends the worker; what it had not answered rejects. */
  async close(): Promise<void> {
    const worker = this.#worker
    this.#fail(new DimooError('disposed', 'the model was closed'))
    await worker?.terminate()
  }

  #ask(task: WorkerTask): Promise<Int32Array | string> {
    const worker = (this.#worker ??= this.#start())
    const id = this.#count++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ id, ...task })
    })
  }

  #start(): Worker {
    const worker = new Worker(workerFile(), { workerData: this.#json })
    worker.on('message', (reply: WorkerReply) => this.#settle(reply))
    worker.on('error', (error) => this.#fail(error))
    return worker
  }

  #settle({ id, value, error }: WorkerReply): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#worker?.unref()
    if (value === undefined) pending?.reject(new DimooError('internal', `tokenizer: ${error}`))
    else pending?.resolve(value)
  }

  #fail(error: Error): void {
    this.#worker = undefined
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const one of pending) one.reject(error)
  }
}

// Worker threads run JavaScript: a test that runs the sources uses the built worker.
function workerFile(): URL {
  const here = import.meta.url
  return new URL(here.endsWith('.ts') ? '../../dist/prompt/tokenizer-worker.js' : './tokenizer-worker.js', here)
}
