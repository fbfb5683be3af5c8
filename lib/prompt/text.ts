// Where tokenising runs: short texts here and now, where the tokenizer's expressions are known to take linear time; all others in a worker
// thread, so that the event loop never stops for over 10 ms. Where no thread can start, linear ones are done here in turns with the loop.
import { breathe } from '../base/breathe.js'
import type { PromptText } from './prompt-text.js'
import { NoThread, TokenizerThread, type ThreadLimits } from './thread.js'
import { unsupported } from './tokenizer-json.js'
import { Tokenizer } from './tokenizer.js'

/** Texts up to this many bytes take a few milliseconds even in code that has not been compiled yet. */
const INLINE_BYTES = 1024
const INLINE_IDS = 1024

export class TextCoder {
  readonly #tokenizer: Tokenizer
  readonly #thread: TokenizerThread

  /** Throws `model/corrupt` and `model/unsupported` for a tokenizer.json that cannot be used. */
  constructor(json: string, limits?: ThreadLimits) {
    this.#tokenizer = new Tokenizer(json)
    this.#thread = new TokenizerThread(json, limits)
  }

  /** Whether `encode` answers at once. */
  isQuick({ text }: PromptText): boolean {
    return this.#tokenizer.linear && text.length <= INLINE_BYTES && Buffer.byteLength(text) <= INLINE_BYTES
  }

  /** The ids, at once for a short text. Rejects with the signal's reason. */
  encode(text: PromptText, signal?: AbortSignal): Int32Array | Promise<Int32Array> {
    if (this.isQuick(text)) return this.#tokenizer.encode(text)
    return this.#encodeElsewhere(text, signal)
  }

  /** The text, at once for few ids. */
  decode(ids: Int32Array, skipSpecial: boolean, signal?: AbortSignal): string | Promise<string> {
    if (ids.length <= INLINE_IDS) return this.#tokenizer.decode(ids, skipSpecial)
    return this.#thread.ask({ ids, skipSpecial }, signal).catch((error: unknown) => {
      if (error instanceof NoThread) return this.#tokenizer.decode(ids, skipSpecial)
      throw error
    }) as Promise<string>
  }

  /** The bytes of one token as text shows them: none for special tokens and unknown ids. */
  textBytes(id: number): Uint8Array {
    return this.#tokenizer.textBytes(id)
  }

  /** The id of an added token by its content, e.g. `<|eot_id|>`. */
  addedId(content: string): number | undefined {
    return this.#tokenizer.addedId(content)
  }

  /** Ends the thread; what it had not answered rejects. */
  close(): Promise<void> {
    return this.#thread.close()
  }

  async #encodeElsewhere(text: PromptText, signal: AbortSignal | undefined): Promise<Int32Array> {
    try {
      return (await this.#thread.ask({ text }, signal)) as Int32Array
    } catch (error) {
      if (error instanceof NoThread) return this.#encodeInTurns(text, signal, error)
      throw error
    }
  }

  async #encodeInTurns(text: PromptText, signal: AbortSignal | undefined, why: NoThread): Promise<Int32Array> {
    if (!this.#tokenizer.linear) {
      throw unsupported(
        `its expressions are none that are known to take linear time, so they need a worker thread, and none can start here (${why.message})`,
      )
    }
    const work = this.#tokenizer.encodeSlowly(text)
    for (;;) {
      const { done, value } = work.next()
      if (done) return value
      await breathe()
      signal?.throwIfAborted()
    }
  }
}
