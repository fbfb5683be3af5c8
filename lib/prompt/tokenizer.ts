// Text to token ids and back, exactly as the Rust tokenizers library does it for byte-level BPE (docs/model.md#tokenizer).
// Normalizers and pre-tokenizers are @huggingface/tokenizers'; added tokens, byte pairs and decoding are ours. Encoding is a generator that
// rests every few milliseconds; lib/prompt/text.ts decides on which thread it runs.
import { AddedTokenSplitter, type AddedToken, type Section } from './added-tokens.js'
import { BytePairs } from './byte-pairs.js'
import { Normalizer } from './normalizer.js'
import { PreTokenizer } from './pre-tokenizer.js'
import { join, pieces, said, words, type PromptText } from './prompt-text.js'
import { parseTokenizer } from './tokenizer-json.js'

export class Tokenizer {
  /** Whether a text's length bounds the time it takes; unknown expressions may take any. */
  readonly linear: boolean
  readonly #normalizer: Normalizer
  readonly #preTokenizer: PreTokenizer
  readonly #pairs: BytePairs
  readonly #verbatim: AddedTokenSplitter
  readonly #normalized: AddedTokenSplitter
  readonly #added = new Map<number, AddedToken>()
  readonly #tokens = new Map<number, string>()
  readonly #known = new Map<number, Uint8Array>() // bytes of the tokens that were decoded

  /** tokenizer.json, or `{"ggml": ...}`. Throws `model/unsupported` for anything but byte-level BPE, `model/corrupt` for what is no tokenizer.json. */
  constructor(json: string) {
    const { added, normalizers, preTokenizers, model } = parseTokenizer(json)
    this.#normalizer = new Normalizer(normalizers)
    this.#preTokenizer = new PreTokenizer(preTokenizers)
    this.linear = this.#normalizer.linear && this.#preTokenizer.linear
    this.#pairs = new BytePairs(model)
    for (const [token, id] of model.vocab) this.#tokens.set(id, token)
    const verbatim = new Map<string, AddedToken>()
    const normalized = new Map<string, AddedToken>()
    for (const token of added) {
      this.#added.set(token.id, token)
      if (token.normalized ?? !token.special) normalized.set(this.#normalizer.normalize(token.content), token)
      else verbatim.set(token.content, token)
    }
    this.#verbatim = new AddedTokenSplitter(verbatim)
    this.#normalized = new AddedTokenSplitter(normalized)
  }

  /** No start or end token is added. */
  encode(text: PromptText): Int32Array {
    const work = this.encodeSlowly(text)
    for (;;) {
      const { done, value } = work.next()
      if (done) return value
    }
  }

  /** The same with rests between which other work may be done. */
  *encodeSlowly(text: PromptText): Generator<void, Int32Array> {
    const ids: number[] = []
    for (const section of this.#sections(text)) {
      if (typeof section === 'number') {
        ids.push(section)
        continue
      }
      for (const split of this.#preTokenizer.split(section.text)) {
        for (const piece of split) yield* this.#pairs.encode(piece, ids)
        yield
      }
    }
    return Int32Array.from(ids)
  }

  /** Ids that the tokenizer does not know are skipped; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Int32Array, skipSpecial: boolean): string {
    const parts: Uint8Array[] = []
    for (const id of ids) if (!(skipSpecial && this.#added.get(id)?.special)) parts.push(this.#bytes(id))
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(parts))
  }

  /** The bytes of one token, perhaps a part of a character; none for special tokens and for ids that the tokenizer does not know. */
  textBytes(id: number): Uint8Array {
    return this.#added.get(id)?.special ? NONE : this.#bytes(id)
  }

  /** The id of an added token by its content. */
  addedId(content: string): number | undefined {
    for (const token of this.#added.values()) if (token.content === content) return token.id
    return undefined
  }

  #bytes(id: number): Uint8Array {
    const known = this.#known.get(id)
    if (known) return known
    const token = this.#added.get(id)?.content ?? this.#tokens.get(id)
    const bytes = token === undefined ? NONE : tokenBytes(token)
    this.#known.set(id, bytes)
    return bytes
  }

  *#sections(text: PromptText): Generator<Section> {
    for (const section of this.#verbatim.split(text)) {
      if (typeof section === 'number') yield section
      else yield* this.#normalized.split(this.#normalize(section))
    }
  }

  // Where it matters, the caller's stretches are followed through the normaliser by giving them to it one by one.
  #normalize(section: PromptText): PromptText {
    if (this.#normalizer.idle) return section
    if (section.plain.length === 0 || this.#normalized.isEmpty) return words(this.#normalizer.normalize(section.text))
    const made = pieces(section).map(({ text, plain }) => said(this.#normalizer.normalize(text), plain.length === 0))
    return join(made)
  }
}

const NONE = new Uint8Array(0)

// Byte-level BPE writes every byte as one printable character: Latin-1's printable ones stand for themselves, the others follow
// from U+0100 on.
const BYTE_OF: ReadonlyMap<string, number> = new Map(
  (() => {
    const printable = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    let next = 256
    return Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(printable(byte) ? byte : next++), byte] as const)
  })(),
)

// A token with any other character stands for its own UTF-8.
function tokenBytes(token: string): Uint8Array {
  const found = Array.from(token, (char) => BYTE_OF.get(char))
  return found.includes(undefined) ? new TextEncoder().encode(token) : Uint8Array.from(found as number[])
}
