// llama.cpp's tokenizer keys (`tokenizer.ggml.*` of a GGUF file) as the tokenizer.json they were made from: byte-level BPE only.
// A pre-tokenizer is known there by a name; the expressions here are the ones of the tokenizer.json that the name stands for.
import { DimooError } from '../base/errors.js'
import type { AddedToken } from './added-tokens.js'
import { GPT2, LLADA, LLAMA3, LLAMA_CPP_DEFAULT, QWEN2 } from './known-patterns.js'

/** `{"ggml": ...}` of NativeModel.tokenizerJson(). Read from a file, so nothing is certain. */
export interface GgmlTokenizer {
  readonly model?: unknown
  readonly pre?: unknown
  readonly tokens?: unknown
  /** llama.cpp's kinds of token, below; absent: all normal. */
  readonly token_type?: unknown
  /** Two tokens with a space between. */
  readonly merges?: unknown
}

/** As a tokenizer.json has it. */
export interface TokenizerJson {
  readonly added_tokens: readonly AddedToken[]
  readonly normalizer: null
  readonly pre_tokenizer: object
  readonly post_processor: null
  readonly decoder: { readonly type: 'ByteLevel' }
  readonly model: {
    readonly type: 'BPE'
    readonly vocab: Readonly<Record<string, number>>
    readonly merges: readonly (readonly [string, string])[]
    readonly ignore_merges: boolean
  }
}

const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4
const UNUSED = 5

interface PreTokenizer {
  readonly split: readonly string[]
  /** A piece that is a token as a whole is taken as it is. */
  readonly ignoreMerges?: boolean
}

const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map(
  Object.entries({
    'llada-moe': { split: [LLADA] },
    bailingmoe: { split: [LLADA] },
    bailingmoe2: { split: [LLADA] },
    'llama-bpe': { split: [LLAMA3], ignoreMerges: true },
    llama3: { split: [LLAMA3], ignoreMerges: true },
    'llama-v3': { split: [LLAMA3], ignoreMerges: true },
    'smaug-bpe': { split: [LLAMA3] },
    qwen2: { split: [QWEN2] },
    'gpt-2': { split: [GPT2] },
    default: { split: LLAMA_CPP_DEFAULT },
  }),
)

/** Throws `model/unsupported` for another kind of tokenizer or an unknown pre-tokenizer, `model/corrupt` for lists that are none. */
export function fromGgml({ model, pre, tokens, token_type, merges }: GgmlTokenizer): TokenizerJson {
  if (model !== 'gpt2') throw unsupported('tokenizer.ggml.model: expected gpt2', model)
  const splitting = typeof pre === 'string' ? PRE_TOKENIZERS.get(pre) : undefined
  if (!splitting) throw unsupported(`tokenizer.ggml.pre: expected one of ${[...PRE_TOKENIZERS.keys()].join(', ')}`, pre)
  const texts = list(tokens, 'tokens', isText)
  const kinds = token_type === undefined ? [] : list(token_type, 'token_type', isNumber)
  if (token_type !== undefined && kinds.length !== texts.length) {
    throw corrupt(`tokenizer.ggml.token_type: expected ${texts.length} values, got ${kinds.length}`)
  }
  const added: AddedToken[] = []
  const vocab: [string, number][] = []
  texts.forEach((content, id) => {
    const kind = kinds[id]
    if (kind === CONTROL || kind === UNKNOWN || kind === USER_DEFINED) {
      added.push({ id, content, normalized: false, special: kind !== USER_DEFINED })
    } else if (kind !== UNUSED) vocab.push([content, id])
  })
  // A merge to a token that is not used never happens.
  const known = new Set(vocab.map(([token]) => token))
  return {
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: preTokenizer(splitting),
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(vocab), // defines '__proto__' too as a key of its own
      merges: list(merges, 'merges', isText)
        .map(pair)
        .filter(([left, right]) => [left, right, left + right].every((token) => known.has(token))),
      ignore_merges: splitting.ignoreMerges ?? false,
    },
  }
}

function preTokenizer({ split }: PreTokenizer): object {
  const splits = split.map((Regex) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }))
  return {
    type: 'Sequence',
    pretokenizers: [...splits, { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }],
  }
}

// No token is empty, so the space that parts them is not the first character.
function pair(merge: string): readonly [string, string] {
  const space = merge.indexOf(' ', 1)
  if (space < 0 || space === merge.length - 1) throw corrupt(`tokenizer.ggml.merges: expected two tokens, got ${JSON.stringify(merge)}`)
  return [merge.slice(0, space), merge.slice(space + 1)]
}

function list<T>(value: unknown, name: string, holds: (item: unknown) => item is T): readonly T[] {
  if (Array.isArray(value) && value.every(holds)) return value
  throw corrupt(`tokenizer.ggml.${name}: expected a list of ${holds === (isText as unknown) ? 'strings' : 'numbers'}, got none`)
}

function isText(item: unknown): item is string {
  return typeof item === 'string'
}

function isNumber(item: unknown): item is number {
  return typeof item === 'number'
}

function corrupt(message: string): DimooError {
  return new DimooError('model/corrupt', message)
}

function unsupported(expected: string, got: unknown): DimooError {
  return new DimooError('model/unsupported', `${expected}, got ${typeof got === 'string' ? got : 'none'}`)
}
