// From the tokens of an answer to what a reader sees of it: the text that is settled, and the best present text around what is masked.
// Characters can span tokens: a part of one is shown only when the rest of it is there.
import type { NativeStep } from '../native/binding.js'
import type { TextStep } from './steps.js'

/** Where the bytes of tokens come from. */
interface TokenBytes {
  textBytes(id: number): Uint8Array
}

export interface TextProgressOptions {
  /** Ids that end the text. */
  readonly ends: ReadonlySet<number>
  /** Tokens of a block. */
  readonly block: number
  /** The last token of a block may still be lost (the original's early stop), so it is not settled before the next block. */
  readonly losesLast: boolean
}

const MASKED = '\u2591'

export class TextProgress {
  readonly #coder: TokenBytes
  readonly #options: TextProgressOptions
  readonly #decoder = newDecoder()
  #settled = ''
  #count = 0 // tokens in `settled`
  #closed = false

  constructor(coder: TokenBytes, options: TextProgressOptions) {
    this.#coder = coder
    this.#options = options
  }

  /** The next step, in order; some may have been left out. */
  take(native: NativeStep): TextStep {
    const before = this.#settled.length
    this.#settle(native)
    const { step, steps, skipped, masked, elapsedMs, pass, rows, block, blocks } = native
    const settled = this.#settled
    const text = this.#closed ? settled : settled + this.#rest(native.tokens)
    return { kind: 'text', step, steps, skipped, masked, elapsedMs, pass, rows, block, blocks, text, settled, delta: settled.slice(before) }
  }

  #settle({ tokens, block }: NativeStep): void {
    const limit = this.#options.losesLast ? (block + 1) * this.#options.block - 1 : tokens.length
    while (!this.#closed && this.#count < limit) {
      const id = tokens[this.#count]!
      if (id < 0) return
      const ended = this.#options.ends.has(id)
      if (!ended) this.#settled += this.#decoder.decode(this.#coder.textBytes(id), { stream: true })
      this.#count++
      this.#closed = ended || this.#count === tokens.length
    }
    if (this.#closed) this.#settled += this.#decoder.decode()
  }

  // What follows the settled tokens: stretches of fixed ones between masked ones.
  #rest(tokens: Int32Array): string {
    let text = ''
    let bytes: number[] = []
    let afterMask = true
    const flush = (complete: boolean): void => {
      // The first bytes may belong to a character that begins before or under a mask, the last ones to one that ends there.
      const start = afterMask ? bytes.findIndex((byte) => (byte & 0xc0) !== 0x80) : 0
      if (start >= 0) text += newDecoder().decode(Uint8Array.from(bytes.slice(start)), { stream: !complete })
      bytes = []
    }
    for (const id of tokens.subarray(this.#count)) {
      if (id < 0) {
        flush(false)
        text += MASKED
        afterMask = true
      } else if (this.#options.ends.has(id)) {
        break
      } else {
        bytes.push(...this.#coder.textBytes(id))
      }
    }
    flush(true)
    return text
  }
}

function newDecoder(): InstanceType<typeof TextDecoder> {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}
