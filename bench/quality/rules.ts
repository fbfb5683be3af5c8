// What answers get right that look at little or nothing: always the same one, always the first thing that is named, the given picture as it
// came, always as many. A score means something only as far as it lies above the best of these (`ruleOf`).
import type { Ask, Case } from './cases.js'
import { given } from './ask.js'
import { marksOf } from './judge.js'
import type { Answer } from './judge.js'
import { mean } from './statistics.js'
import { draw } from './world/draw.js'
import { known, sizes } from './world/scene.js'
import type { Scene, Size, Thing } from './world/scene.js'

/** Answers a case, or leaves it. */
type Rule = (one: Case) => Answer | undefined

/** The n-th of these words that the prompt says, from the end where n is below 0. */
function said(prompt: string, words: readonly string[], n: number): Answer | undefined {
  const text = prompt.match(new RegExp(`\\b(${words.join('|')})\\b`, 'g'))?.at(n)
  return text === undefined ? undefined : { text }
}

/** A thing of the picture that the question does not name: which one it asks for is not looked at. */
function unnamed({ prompt, scene: { objects } }: Case): Answer | undefined {
  const found = objects.map(({ color, shape }) => `${color} ${shape}`).find((name) => !prompt.includes(name))
  return found === undefined ? undefined : { text: `${/^[aeiou]/.test(found) ? 'an' : 'a'} ${found}` }
}

const answerRules: Readonly<Record<string, Rule>> = {
  'the first color that is named': ({ prompt }) => said(prompt, known[16].colors, 0),
  'the last color that is named': ({ prompt }) => said(prompt, known[16].colors, -1),
  'the first shape that is named': ({ prompt }) => said(prompt, known[16].shapes, 0),
  'a thing that is not named': unnamed,
}

/** The things that are asked for, each `count` times (default: as often as asked), all of one size or by turns, in rows from the left top. */
function laidOut(ask: Ask, scene: Scene, cycle: readonly Size[], count?: number): Answer {
  const { half } = sizes[scene.cell].small
  const looks = ask.groups.flatMap((group) => Array.from({ length: count ?? group.count }, () => group))
  const step = cycle.includes('large') ? 2 * sizes[scene.cell].large.half : 2 * half
  const across = Math.floor(scene.width / step)
  const objects = looks.map(({ color, shape, fill }, i): Thing => {
    const size = cycle[i % cycle.length]!
    const own = sizes[scene.cell][size].half
    return { color, shape, fill, size, x: (i % across) * step + own, y: Math.floor(i / across) * step + own }
  })
  return { picture: draw({ ...scene, background: ask.background, palette: ask.palette, objects, word: null, figure: null, block: null }) }
}

const asked =
  (cycle: readonly Size[], count?: number): Rule =>
  ({ ask, scene }) =>
    ask && ask.groups.length > 0 && !ask.word && !ask.figure ? laidOut(ask, scene, cycle, count) : undefined

/** What is given, grey where it is to be drawn anew. */
function asGiven(one: Case): Answer | undefined {
  const [picture] = given(one)
  if (!picture || !one.region) return picture && { picture }
  const { left, top, width, height } = one.region
  const data = new Uint8Array(picture.data)
  for (let y = top; y < top + height; y++) data.fill(127, (y * picture.width + left) * 3, (y * picture.width + left + width) * 3)
  return { picture: { ...picture, data } }
}

const pictureRules: Readonly<Record<string, Rule>> = {
  'the given picture': asGiven,
  'always two': asked(['small'], 2),
  'always three': asked(['small'], 3),
  'always four': asked(['small'], 4),
}
/** Things side by side in the order of the words, all small; the first one large. Only where the prompt says more than what there is. */
const orderRules: Readonly<Record<string, Rule>> = {
  'small, from left to right': asked(['small']),
  'first a large one': asked(['large', 'small']),
  'first a small one': asked(['small', 'large']),
}

const saysMore = ({ ask }: Case): boolean => Boolean(ask && (ask.relation ?? ask.groups.some(({ size, where }) => size ?? where)))

export interface RuleScore {
  readonly rule: string
  readonly right: number
}

/** The best of the rules on these cases; what it leaves is wrong. */
export function ruleOf(cases: readonly Case[]): RuleScore {
  const answers = [...new Set(cases.flatMap((one) => one.answers ?? []))]
  const constants = answers.map((text): [string, Rule] => [`always "${text}"`, () => ({ text })])
  const rules = cases[0]?.judge === 'answer' ? [...constants, ...Object.entries(answerRules)] : Object.entries(pictureRules)
  const more = cases.some(saysMore) ? Object.entries(orderRules) : []
  const right = (one: Case, answer: Answer | undefined): number => (answer ? marksOf(one, answer).right : 0)
  const scores = [...rules, ...more].map(([rule, answer]) => ({ rule, right: mean(cases.map((one) => right(one, answer(one)))) }))
  return scores.reduce((best, score) => (score.right > best.right ? score : best), { rule: '', right: 0 })
}
