// Expressions that split texts into words, as the tokenizers of our models' families have them. Of these it is known that they take linear
// time, and where any text may be cut without changing what they find; of others nothing is.

// LLaDA's own, from the Ling ("bailing") family.
export const LLADA =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"
const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
export const LLAMA3 = `${CONTRACTIONS}|\\p{N}{1,3}|${REST}`
export const QWEN2 = `${CONTRACTIONS}|\\p{N}|${REST}`
/** Which ByteLevel carries built in. */
export const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/** What llama.cpp does where its converter did not know the tokenizer: several expressions, one after the other. */
export const LLAMA_CPP_DEFAULT: readonly string[] = ['[\\p{P}\\$\\+<=>\\^~\\|]+', GPT2, '\\p{N}+', '[0-9][0-9][0-9]']

const SLICEABLE: readonly string[] = [LLADA, LLAMA3, QWEN2, GPT2]

/** Whether it takes linear time for all that is known. */
export function isLinear(pattern: string): boolean {
  return SLICEABLE.includes(pattern) || LLAMA_CPP_DEFAULT.includes(pattern)
}

export function isSliceable(pattern: string): boolean {
  return SLICEABLE.includes(pattern)
}

// What none of the sliceable ones takes into one piece: white space (but line breaks) after anything else; anything but letters and digits after one of those.
// None looks beyond such a place either.
const BETWEEN = /(?<=\P{White_Space})(?=[^\P{White_Space}\r\n])|(?<=[\p{L}\p{N}])(?=[^\p{L}\p{N}])/gu

/** A text in slices of about `length` code units, each of which the sliceable expressions split as they would within the whole. */
export function* slices(text: string, length: number): Generator<string> {
  let from = 0
  while (text.length - from > length) {
    BETWEEN.lastIndex = from + length
    const to = BETWEEN.exec(text)?.index
    if (to === undefined) break
    yield text.slice(from, to)
    from = to
  }
  if (from < text.length) yield text.slice(from)
}
