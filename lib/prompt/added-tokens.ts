// Finds added tokens such as <IMAGE> literally in text, as the Rust library does: leftmost, then longest; `single_word` ones
// only between non-word characters; `lstrip` and `rstrip` ones take the white space beside them. None in the caller's own text.
// Ours because @huggingface/tokenizers ignores single_word, strips by JavaScript's idea of white space, and knows no text that is only text.
import { cut, type PromptText } from './prompt-text.js'

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

/** Text without added tokens, or the id of one. */
export type Section = PromptText | number

// By code units: a step takes the same time however many tokens there are.
interface Node {
  readonly next: Map<number, Node>
  token?: AddedToken
}

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]'
const STARTS_WITH_WORD = new RegExp(`^${WORD}`, 'u')
const ENDS_WITH_WORD = new RegExp(`${WORD}$`, 'u')
const SPACE_AT_START = /^\p{White_Space}*/u
const SPACE = /\p{White_Space}/u

/** Splits texts by a fixed set of added tokens. */
export class AddedTokenSplitter {
  readonly #root: Node = { next: new Map() }

  /** Keys are what is looked for: the content, or what the normaliser makes of it. */
  constructor(tokens: ReadonlyMap<string, AddedToken>) {
    for (const [content, token] of tokens) if (content !== '') this.#add(content, token)
  }

  get isEmpty(): boolean {
    return this.#root.next.size === 0
  }

  split(whole: PromptText): Section[] {
    const { text, plain } = whole
    const sections: Section[] = []
    let done = 0
    let at = this.isEmpty ? text.length : 0
    let stretch = 0 // the next of the caller's
    while (at < text.length) {
      const [from, to] = plain[stretch] ?? [text.length, text.length]
      if (at >= from) {
        at = to
        stretch++
        continue
      }
      const [token, length] = this.#longest(text, at, from)
      const found = at
      at += length
      if (!token) continue
      if (token.single_word && !standsAlone(text, found, at)) continue
      let start = found
      if (token.lstrip) while (start > done && SPACE.test(text[start - 1]!)) start--
      if (token.rstrip) at += SPACE_AT_START.exec(text.slice(at))![0].length
      if (start > done) sections.push(cut(whole, done, start))
      sections.push(token.id)
      done = at
    }
    if (done < text.length) sections.push(done === 0 ? whole : cut(whole, done, text.length))
    return sections
  }

  #add(content: string, token: AddedToken): void {
    let node = this.#root
    for (let i = 0; i < content.length; i++) {
      const unit = content.charCodeAt(i)
      let next = node.next.get(unit)
      if (!next) node.next.set(unit, (next = { next: new Map() }))
      node = next
    }
    node.token = token
  }

  /** The token that begins at `start` and its length, or one unit without a token. */
  #longest(text: string, start: number, end: number): readonly [AddedToken | undefined, number] {
    let node: Node | undefined = this.#root
    let [best, length]: [AddedToken | undefined, number] = [undefined, 1]
    for (let at = start; at < end && (node = node.next.get(text.charCodeAt(at))); at++) {
      if (node.token) [best, length] = [node.token, at + 1 - start]
    }
    return [best, length]
  }
}

function standsAlone(text: string, start: number, stop: number): boolean {
  // Two code units hold any one character on either side.
  return !ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) && !STARTS_WITH_WORD.test(text.slice(stop, stop + 2))
}
