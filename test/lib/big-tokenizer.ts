// A tokenizer.json of any size, grown from a small one by merging random pairs of its tokens. Deterministic.

interface Config {
  model: { vocab: Record<string, number>; merges: [string, string][] }
  added_tokens: { id: number }[]
}

/** JSON text with `size` entries, added tokens included. */
export function bigTokenizer(base: string, size: number): string {
  const config = JSON.parse(base) as Config
  const { vocab, merges } = config.model
  const tokens = Object.keys(vocab)
  let state = 1
  const pick = (): string => {
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return tokens[(state >> 8) % tokens.length]!
  }
  while (tokens.length < size - config.added_tokens.length) {
    const [left, right] = [pick(), pick()]
    const token = left + right
    if (token.length > 12 || Object.hasOwn(vocab, token)) continue
    vocab[token] = tokens.length
    tokens.push(token)
    merges.push([left, right])
  }
  config.added_tokens.forEach((token, i) => (token.id = tokens.length + i))
  return JSON.stringify(config)
}
