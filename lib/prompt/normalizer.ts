// What a tokenizer.json does to texts before it splits them, one part after the other, each by @huggingface/tokenizers. How long a text
// becomes is bounded, whatever the parts are.
import { show } from '../base/show.js'
import { library, type Library } from './library.js'
import { corrupt, unsupported, type Part } from './tokenizer-json.js'

/** Characters that one Replace or Prepend may put in a place. */
const MAX_CONTENT = 64
const GROWTH = 16
const SLACK = 1024

const LINEAR = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'Strip', 'StripAccents', 'Prepend']

export class Normalizer {
  /** Whether the time it takes is known to grow with the text's length only. */
  readonly linear: boolean
  /** Whether it leaves texts as they are. */
  readonly idle: boolean
  readonly #stages: readonly Library[]

  /** Throws `model/corrupt` and `model/unsupported`. */
  constructor(parts: readonly Part[]) {
    for (const part of parts) checkPart(part)
    this.linear = parts.every(isLinear)
    this.idle = parts.length === 0
    this.#stages = parts.map((part) => library({ normalizer: part }, `normalizer ${part.type}`))
  }

  /** Throws `model/corrupt` where it makes too much of a text. */
  normalize(text: string): string {
    const most = GROWTH * text.length + SLACK
    let out = text
    for (const stage of this.#stages) {
      out = stage.normalizer!.normalize(out)
      if (out.length > most) throw corrupt(`its normalizer makes ${out.length} characters of ${text.length}, at most ${most} are taken`)
    }
    return out
  }
}

function isLinear({ type, pattern }: Part): boolean {
  return LINEAR.includes(type) || (type === 'Replace' && textOf(pattern, 'String') !== undefined)
}

function checkPart({ type, pattern, content, prepend }: Part): void {
  if (type !== 'Replace' && !LINEAR.includes(type))
    throw unsupported(`expected a normalizer among ${LINEAR.join(', ')}, Replace, got ${show(type)}`)
  if (type === 'Replace') {
    checkContent(content, 'normalizer Replace: content')
    const found = textOf(pattern, 'String') ?? textOf(pattern, 'Regex')
    if (found === undefined || found === '') throw corrupt(`normalizer Replace: pattern must be {String} or {Regex}, got ${show(pattern)}`)
  }
  if (type === 'Prepend') checkContent(prepend, 'normalizer Prepend: prepend')
}

function checkContent(value: unknown, where: string): void {
  if (typeof value !== 'string') throw corrupt(`${where} must be a string, got ${show(value)}`)
  if (value.length > MAX_CONTENT) throw corrupt(`${where} must be at most ${MAX_CONTENT} characters, got ${value.length}`)
}

/** `{String: '...'}` or `{Regex: '...'}`. */
export function textOf(pattern: unknown, kind: 'String' | 'Regex'): string | undefined {
  const found = typeof pattern === 'object' && pattern !== null ? (pattern as Readonly<Record<string, unknown>>)[kind] : undefined
  return typeof found === 'string' ? found : undefined
}
