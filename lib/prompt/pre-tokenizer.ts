// How a tokenizer.json splits texts into the pieces that byte pairs are merged within, by @huggingface/tokenizers, whose expressions are mended
// first. What it would treat differently from the original is refused.
import { show } from '../base/show.js'
import { GPT2, isLinear, isSliceable, slices } from './known-patterns.js'
import { library, type Library } from './library.js'
import { textOf } from './normalizer.js'
import { mendPattern } from './pattern.js'
import { corrupt, unsupported, type Part } from './tokenizer-json.js'

/** Long enough that a slice is worth its turn, short enough that it takes a few milliseconds. */
const SLICE = 2048

const OTHERS = ['Digits', 'Punctuation', 'Whitespace', 'WhitespaceSplit']

export class PreTokenizer {
  /** Whether the time it takes is known to grow with the text's length only. */
  readonly linear: boolean
  readonly #library: Library | undefined
  /** A text may be split slice by slice. */
  readonly #sliced: boolean

  /** Throws `model/corrupt` and `model/unsupported`. */
  constructor(given: readonly Part[]) {
    const parts = given.flatMap(spelled)
    const expressions = parts.flatMap(({ type, pattern }) => (type === 'Split' ? [textOf(pattern, 'Regex')] : []))
    this.linear = expressions.every((found) => found === undefined || isLinear(found))
    this.#sliced = expressions.length === 1 && isSliceable(expressions[0] ?? '') && parts.slice(1).every(isBytes)
    const mended = parts.map(mend)
    this.#library =
      mended.length === 0 ? undefined : library({ pre_tokenizer: { type: 'Sequence', pretokenizers: mended } }, 'pre_tokenizer')
  }

  /** The pieces, slice by slice. */
  *split(text: string): Generator<readonly string[]> {
    for (const slice of this.#sliced ? slices(text, SLICE) : [text]) yield this.#library?.pre_tokenizer?.pre_tokenize(slice) ?? [slice]
  }
}

// ByteLevel's own expression is spelt out, so that its \s is Unicode's white space: the library's copy uses JavaScript's, which differs in
// U+0085 and U+FEFF.
function spelled(part: Part): Part[] {
  if (part.type !== 'ByteLevel' || part['use_regex'] === false || part['add_prefix_space']) return [part]
  return [
    { type: 'Split', pattern: { Regex: GPT2 }, behavior: 'Isolated', invert: false },
    { ...part, use_regex: false },
  ]
}

function isBytes({ type, use_regex, add_prefix_space }: Part): boolean {
  return type === 'ByteLevel' && use_regex === false && !add_prefix_space
}

function mend(part: Part): Part {
  const { type, behavior, invert, pattern } = part
  if (type === 'ByteLevel' || OTHERS.includes(type)) return part
  if (type !== 'Split') throw unsupported(`expected a pre_tokenizer among Split, ByteLevel, ${OTHERS.join(', ')}, got ${show(type)}`)
  if (behavior !== 'Isolated' || invert) {
    throw unsupported(`expected a Split with behavior Isolated, got ${show(behavior)}${invert ? ', inverted' : ''}`)
  }
  const [expression, literal] = [textOf(pattern, 'Regex'), textOf(pattern, 'String')]
  if (!(expression || literal)) throw corrupt(`pre_tokenizer Split: pattern must be {String} or {Regex}, got ${show(pattern)}`)
  return expression === undefined ? part : { ...part, pattern: { Regex: mendPattern(expression) } }
}
