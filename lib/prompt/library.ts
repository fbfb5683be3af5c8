// The door to @huggingface/tokenizers, of which normalizers and pre-tokenizers are used: one part at a time, so that we stay in between.
import { Tokenizer as LibraryClass } from '@huggingface/tokenizers'
import { corrupt, type Part } from './tokenizer-json.js'

/** What is used of it; its own declarations do not resolve under `nodenext`. */
export interface Library {
  readonly normalizer: { normalize(text: string): string } | null
  readonly pre_tokenizer: { pre_tokenize(text: string): string[] } | null
}

const Maker = LibraryClass as unknown as new (tokenizer: object, config: object) => Library

/** Throws `model/corrupt` naming `what` where the library cannot build it. */
export function library(parts: { readonly normalizer?: Part; readonly pre_tokenizer?: object }, what: string): Library {
  const none = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null }
  try {
    return new Maker({ ...none, ...parts, model: { type: 'BPE', vocab: {}, merges: [] } }, {})
  } catch (error) {
    throw corrupt(`its ${what} cannot be used (${(error as Error).message.slice(0, 200)})`)
  }
}
