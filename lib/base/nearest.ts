// The known word that somebody meant.

/** The word of `known` that is one or two slips of the keyboard away from `word`; undefined where none is. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const wanted = word.toLowerCase()
  if (wanted.length > 64) return undefined
  const found = known
    .map((one) => ({ one, slips: distance(wanted, one.toLowerCase()) }))
    .filter(({ one, slips }) => slips <= Math.min(2, Math.floor(Math.max(one.length, wanted.length) / 3)))
  return found.sort((a, b) => a.slips - b.slips)[0]?.one
}

// Damerau and Levenshtein's, with neighbours swapped counted as one slip (optimal string alignment).
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, rows[i - 2]![j - 2]! + 1)
      row.push(best)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
