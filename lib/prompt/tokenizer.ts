// Text to token ids and back, exactly as the Rust tokenizers library does it for byte-level BPE (docs/model.md#tokenizer).
// The work is @huggingface/tokenizers'; added tokens, two corners of its regular expressions and decoding are mended here.
// Synchronous: lib/prompt/text.ts decides on which thread it runs.
import { Tokenizer as LibraryClass } from '@huggingface/tokenizers'
import { DimooError } from '../base/errors.js'
import { AddedTokenSplitter, type AddedToken } from './added-tokens.js'
import { fromGgml, type GgmlTokenizer } from './ggml-tokenizer.js'
import { mendPattern } from './pattern.js'

/** What is used of the library; its own declarations do not resolve under `nodenext`. */
interface Library {
  readonly normalizer: { normalize(text: string): string } | null
  readonly pre_tokenizer: { pre_tokenize(text: string): string[] } | null
  readonly model: { encode(pieces: string[]): string[] }
  token_to_id(token: string): number | undefined
  id_to_token(id: number): string | undefined
}
const Library = LibraryClass as unknown as new (tokenizer: object, config: object) => Library

/** The parts of tokenizer.json that are read here. */
interface TokenizerJson {
  readonly added_tokens?: readonly AddedToken[]
  readonly normalizer?: object | null
  readonly pre_tokenizer?: PreTokenizer | null
  readonly decoder?: { readonly type?: string } | null
  readonly model?: { readonly type?: string }
}

interface PreTokenizer {
  readonly type?: string
  readonly pretokenizers?: readonly PreTokenizer[]
  readonly pattern?: { readonly Regex?: string; readonly String?: string }
  readonly behavior?: string
  readonly invert?: boolean
  readonly use_regex?: boolean
  readonly add_prefix_space?: boolean
}

// GPT-2's expression, which ByteLevel carries built in. Spelt out, so that its \s is Unicode's white space: the library's own
// copy uses JavaScript's, which differs in U+0085 and U+FEFF.
const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

export class Tokenizer {
  readonly #library: Library
  readonly #verbatim: AddedTokenSplitter
  readonly #normalized: AddedTokenSplitter
  readonly #added = new Map<number, AddedToken>()
  readonly #known = new Map<number, readonly number[]>() // bytes of the tokens that were decoded

  /** tokenizer.json, or `{"ggml": ...}`. Throws `model/unsupported` for anything but byte-level BPE, `model/corrupt` for what is no tokenizer.json. */
  constructor(json: string) {
    const config = parse(json)
    this.#library = new Library({ ...config, added_tokens: [], pre_tokenizer: mendPreTokenizer(config.pre_tokenizer ?? null) }, {})
    const verbatim = new Map<string, AddedToken>()
    const normalized = new Map<string, AddedToken>()
    for (const token of config.added_tokens ?? []) {
      this.#added.set(token.id, token)
      if (token.normalized ?? !token.special) normalized.set(this.#normalize(token.content), token)
      else verbatim.set(token.content, token)
    }
    this.#verbatim = new AddedTokenSplitter(verbatim)
    this.#normalized = new AddedTokenSplitter(normalized)
  }

  /** No start or end token is added. */
  encode(text: string): Int32Array {
    const ids: number[] = []
    for (const section of this.#verbatim.split(text)) {
      if (typeof section === 'number') ids.push(section)
      else for (const part of this.#normalized.split(this.#normalize(section))) this.#push(ids, part)
    }
    return Int32Array.from(ids)
  }

  /** Ids that the tokenizer does not know are skipped; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Int32Array, skipSpecial: boolean): string {
    const bytes: number[] = []
    for (const id of ids) if (!(skipSpecial && this.#added.get(id)?.special)) bytes.push(...this.#bytes(id))
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))
  }

  /** The bytes of one token, perhaps a part of a character; none for special tokens and for ids that the tokenizer does not know. */
  textBytes(id: number): readonly number[] {
    return this.#added.get(id)?.special ? [] : this.#bytes(id)
  }

  /** The id of an added token by its content. */
  addedId(content: string): number | undefined {
    for (const token of this.#added.values()) if (token.content === content) return token.id
    return undefined
  }

  #bytes(id: number): readonly number[] {
    const known = this.#known.get(id)
    if (known) return known
    const token = this.#added.get(id)?.content ?? this.#library.id_to_token(id)
    const bytes: number[] = []
    if (token !== undefined) pushBytes(bytes, token)
    this.#known.set(id, bytes)
    return bytes
  }

  #normalize(text: string): string {
    return this.#library.normalizer?.normalize(text) ?? text
  }

  #push(ids: number[], part: string | number): void {
    if (typeof part === 'number') {
      ids.push(part)
      return
    }
    const pieces = this.#library.pre_tokenizer?.pre_tokenize(part) ?? [part]
    for (const token of this.#library.model.encode(pieces)) {
      const id = this.#library.token_to_id(token)
      if (id !== undefined) ids.push(id)
    }
  }
}

function parse(json: string): TokenizerJson {
  let config: TokenizerJson & { readonly ggml?: GgmlTokenizer }
  try {
    config = JSON.parse(json) as TokenizerJson
  } catch (error) {
    throw new DimooError('model/corrupt', `tokenizer.json: not JSON (${(error as Error).message})`)
  }
  if (config.ggml) return fromGgml(config.ggml)
  const kinds = `model ${config.model?.type ?? 'none'} with decoder ${config.decoder?.type ?? 'none'}`
  if (config.model?.type === 'BPE' && config.decoder?.type === 'ByteLevel') return config
  throw new DimooError('model/unsupported', `tokenizer.json: expected model BPE with decoder ByteLevel, got ${kinds}`)
}

// The pre-tokenizer with its expressions mended. What the library would treat differently from the original is refused.
function mendPreTokenizer(config: PreTokenizer | null): PreTokenizer | null {
  if (config === null) return null
  if (config.pretokenizers) {
    return { ...config, pretokenizers: config.pretokenizers.map((part) => mendPreTokenizer(part)!) }
  }
  if (config.type === 'Split') {
    if (config.behavior !== 'Isolated' || config.invert) {
      const got = `${config.behavior ?? 'none'}${config.invert ? ', inverted' : ''}`
      throw new DimooError('model/unsupported', `tokenizer.json: expected a Split with behavior Isolated, got ${got}`)
    }
    const { Regex } = config.pattern ?? {}
    return Regex === undefined ? config : { ...config, pattern: { Regex: mendPattern(Regex) } }
  }
  if (config.type === 'ByteLevel' && config.use_regex !== false && !config.add_prefix_space) {
    const split = { type: 'Split', pattern: { Regex: GPT2_PATTERN }, behavior: 'Isolated', invert: false }
    return { type: 'Sequence', pretokenizers: [split, { ...config, use_regex: false }] }
  }
  return config
}

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
function pushBytes(bytes: number[], token: string): void {
  const found = Array.from(token, (char) => BYTE_OF.get(char))
  if (found.includes(undefined)) bytes.push(...new TextEncoder().encode(token))
  else bytes.push(...(found as number[]))
}
