// Finds added tokens such as <IMAGE> literally in text, as the Rust library does: leftmost, then longest; `single_word` ones
// only between non-word characters; `lstrip` and `rstrip` ones take the white space beside them.
// Ours because @huggingface/tokenizers ignores single_word and strips by JavaScript's idea of white space.

/** One entry of tokenizer.json's `added_tokens`. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly single_word?: boolean
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  readonly normalized?: boolean
  readonly special?: boolean
}

/** Plain text, or the id of an added token. */
export type Section = string | number

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]'
const STARTS_WITH_WORD = new RegExp(`^${WORD}`, 'u')
const ENDS_WITH_WORD = new RegExp(`${WORD}$`, 'u')
const SPACE_AT_START = /^\p{White_Space}*/u
const SPACE = /\p{White_Space}/u

/** Splits texts by a fixed set of added tokens. */
export class AddedTokenSplitter {
  readonly #tokens: ReadonlyMap<string, AddedToken>
  readonly #pattern: RegExp | undefined

  /** Keys are what is looked for: the content, or what the normaliser makes of it. */
  constructor(tokens: ReadonlyMap<string, AddedToken>) {
    this.#tokens = tokens
    // Alternatives are tried in order, so longer ones first is "leftmost, then longest".
    const contents = [...tokens.keys()].filter((content) => content !== '').sort((a, b) => b.length - a.length)
    this.#pattern = contents.length > 0 ? new RegExp(contents.map(escape).join('|'), 'g') : undefined
  }

  split(text: string): Section[] {
    if (!this.#pattern) return text === '' ? [] : [text]
    const sections: Section[] = []
    let done = 0
    for (const match of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(match[0])!
      let start = match.index
      let stop = start + match[0].length
      if (token.single_word && !standsAlone(text, start, stop)) continue
      if (token.lstrip) while (start > done && SPACE.test(text[start - 1]!)) start--
      if (token.rstrip) stop += SPACE_AT_START.exec(text.slice(stop))![0].length
      if (start > done) sections.push(text.slice(done, start))
      sections.push(token.id)
      done = stop
    }
    if (done < text.length) sections.push(text.slice(done))
    return sections
  }
}

function standsAlone(text: string, start: number, stop: number): boolean {
  // Two code units hold any one character on either side.
  return !ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) && !STARTS_WITH_WORD.test(text.slice(stop, stop + 2))
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
