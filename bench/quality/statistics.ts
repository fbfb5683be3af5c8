// Sampling errors of shares, and how well scores rank.

/** Standard error of a share, with one right and one wrong case added so that 0 and 1 have one too. */
export function standardError(share: number, cases: number): number {
  const smoothed = (share * cases + 1) / (cases + 2)
  return Math.sqrt((smoothed * (1 - smoothed)) / cases)
}

/**
 * How many of `cases` must be right where `share` of `judged` were: one standard error below that share, fewer come by chance once in a
 * hundred times.
 */
export function fewest(share: number, judged: number, cases: number): number {
  const likely = (share * judged + 1) / (judged + 2) - standardError(share, judged)
  let [term, sum] = [(1 - likely) ** cases, 0] // of the binomial distribution, from none right upwards
  for (let right = 0; ; right++) {
    sum += term
    if (sum > 0.01) return right
    term *= ((cases - right) / (right + 1)) * (likely / (1 - likely))
  }
}

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** How well scores rank right over wrong: the share of pairs (one right, one wrong) in which the right one scores higher; ties half. */
export function rankingArea(right: readonly number[], wrong: readonly number[]): number {
  let sum = 0
  for (const good of right) for (const bad of wrong) sum += good > bad ? 1 : good === bad ? 0.5 : 0
  return right.length * wrong.length === 0 ? NaN : sum / (right.length * wrong.length)
}
