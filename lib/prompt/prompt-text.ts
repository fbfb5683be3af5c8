// A prompt as text that knows which stretches are the caller's. Added tokens such as `</user>` are recognised in the template's own words
// only; the caller's text is text, whatever it looks like, unless the caller says otherwise.

/** From (inclusive) and to (exclusive), in UTF-16 code units. */
export type Span = readonly [from: number, to: number]

export interface PromptText {
  readonly text: string
  /** In order, apart from each other: no added token begins, ends or lies in one of these. */
  readonly plain: readonly Span[]
}

/** Words of a template: added tokens in them are tokens. */
export function words(text: string): PromptText {
  return { text, plain: [] }
}

/** The caller's text: text only. With `special` its added tokens are tokens, as in the original. */
export function said(text: string, special = false): PromptText {
  return { text, plain: special || text === '' ? [] : [[0, text.length]] }
}

/** A template with texts in it. */
export function prompt(strings: TemplateStringsArray, ...values: readonly PromptText[]): PromptText {
  return join(strings.flatMap((own, i) => [words(own), ...values.slice(i, i + 1)]))
}

export function join(parts: readonly PromptText[]): PromptText {
  const plain: Span[] = []
  let at = 0
  for (const part of parts) {
    for (const [from, to] of part.plain) plain.push([at + from, at + to])
    at += part.text.length
  }
  return { text: parts.map((part) => part.text).join(''), plain }
}

/** The stretch from `from` to `to` by itself. */
export function cut({ text, plain }: PromptText, from: number, to: number): PromptText {
  const inside = plain.flatMap(([start, end]): Span[] => {
    const own: Span = [Math.max(start, from) - from, Math.min(end, to) - from]
    return own[0] < own[1] ? [own] : []
  })
  return { text: text.slice(from, to), plain: inside }
}

/** The pieces at the edges of the caller's stretches, each wholly the caller's or wholly the template's. */
export function pieces({ text, plain }: PromptText): PromptText[] {
  const edges = [...new Set([0, ...plain.flat(), text.length])].sort((a, b) => a - b)
  return edges.slice(1).map((to, i) => cut({ text, plain }, edges[i]!, to))
}
