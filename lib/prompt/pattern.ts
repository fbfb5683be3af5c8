// Mends a tokenizer's regular expression (Oniguruma's dialect) before @huggingface/tokenizers translates it to JavaScript's.
// That library drops possessiveness and atomic groups, and folds case in ASCII only; here `X++` becomes the equivalent
// lookahead with a back reference, and inside `(?i:...)` s also means U+017F and k also U+212A, as Oniguruma has it.

const ESCAPE = /\\(?:[pPxu]\{[^}]*\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[\s\S])/y
const GROUP = /\((?:\?(?:<[=!]|<[A-Za-z_]\w*>|i:|[:=!>]))?/y
const QUANTIFIER = /[*+?]|\{\d*(?:,\d*)?\}/y
const LONG_S = '\u017f'
const KELVIN = '\u212a'

interface Group {
  readonly start: number
  readonly fold: boolean
  /** What closes it. */
  readonly end: string
}

/** The same expression in the part of the dialect that the library keeps. */
export function mendPattern(source: string): string {
  const mender = new Mender(source)
  while (mender.step()) continue
  return mender.out
}

class Mender {
  out = ''
  readonly #source: string
  #at = 0
  #atom = 0 // where the last atom starts in `out`
  #fold = false
  #names = 0
  readonly #groups: Group[] = []

  constructor(source: string) {
    this.#source = source
  }

  /** Takes one atom, quantifier or bracket; false at the end. */
  step(): boolean {
    const char = this.#source[this.#at]
    if (char === undefined) return false
    const quantifier = this.out === '' ? '' : this.#take(QUANTIFIER)
    if (quantifier !== '') this.#quantify(quantifier)
    else if (char === '(') this.#open(this.#take(GROUP))
    else if (char === ')') this.#close()
    else this.#atomOf(char)
    return true
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const text = pattern.exec(this.#source)?.[0] ?? ''
    this.#at += text.length
    return text
  }

  #quantify(quantifier: string): void {
    const next = this.#source[this.#at]
    if (next === '+' && !quantifier.startsWith('{')) {
      this.out = this.out.slice(0, this.#atom) + atomic(this.#names++, this.out.slice(this.#atom) + quantifier)
      this.#at++
    } else if (next === '?') {
      this.out += `${quantifier}?`
      this.#at++
    } else {
      this.out += quantifier
    }
  }

  #open(prefix: string): void {
    const isAtomic = prefix === '(?>'
    const name = isAtomic ? this.#names++ : 0
    this.#groups.push({ start: this.out.length, fold: this.#fold, end: isAtomic ? `))\\k<p${name}>` : ')' })
    this.#fold ||= prefix === '(?i:'
    this.out += isAtomic ? `(?=(?<p${name}>` : prefix
  }

  #close(): void {
    const group = this.#groups.pop()
    this.out += group?.end ?? ')'
    this.#atom = group?.start ?? 0
    this.#fold = group?.fold ?? false
    this.#at++
  }

  #atomOf(char: string): void {
    this.#atom = this.out.length
    const at = this.#at
    const plain = (): string => String.fromCodePoint(this.#source.codePointAt(at)!)
    const text = char === '\\' ? this.#take(ESCAPE) : char === '[' ? takeClass(this.#source, at) : plain()
    this.out += this.#fold ? foldAtom(text) : text
    this.#at = at + Math.max(1, text.length)
  }
}

function atomic(index: number, text: string): string {
  return `(?=(?<p${index}>${text}))\\k<p${index}>`
}

// A character class with the classes nested in it.
function takeClass(source: string, start: number): string {
  let i = start + (source[start + 1] === '^' ? 2 : 1)
  if (source[i] === ']') i++
  for (; i < source.length && source[i] !== ']'; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === '[') i += takeClass(source, i).length - 1
  }
  return source.slice(start, i + 1)
}

function foldAtom(text: string): string {
  if (text.startsWith('\\')) return text
  const plain = text.replace(/\\(?:[pP]\{[^}]*\}|[\s\S])/g, '')
  const extra = (/[sS]|a-z|A-Z/.test(plain) ? LONG_S : '') + (/[kK]|a-z|A-Z/.test(plain) ? KELVIN : '')
  if (extra === '') return text
  return text.startsWith('[') ? `${text.slice(0, -1)}${extra}]` : `[${text}${extra}]`
}
