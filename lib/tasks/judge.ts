// Best of n: the model itself says of every candidate whether it shows what was asked for, by single passes without decoding; candidates
// are shown as their codes. Either a question, scored P(yes) / (P(yes) + P(no)) at the first token of its answer; or, where the checkpoint
// names an answer (small models describe better than they affirm), the geometric mean of the probabilities of that answer's tokens; or,
// where the checkpoint says so, by redrawing (redraw.ts).
import type { NativeOutcome, NativeTextRequest } from '../native/binding.js'
import { outcomesOf } from '../native/outcome.js'
import { answerBranches, imageTokens, type CodedImage } from '../prompt/layout.js'
import { join, said, words, type PromptText } from '../prompt/prompt-text.js'
import { askPrompt } from '../prompt/templates.js'
import { defined, TEXT_DEFAULTS } from '../requests/defaults.js'
import { endIds, type TaskModel } from './engine-request.js'

const QUESTION = 'Does this image show the following? {prompt} Answer yes or no.'
const YES = ['yes', 'Yes', ' yes', ' Yes']
const NO = ['no', 'No', ' no', ' No']

/** Passes that are asked for at a time. */
export const TOGETHER = 8

export interface Judgement {
  /** One per candidate, 0 to 1. */
  readonly scores: readonly number[]
  readonly forwardPasses: number
  readonly forwardTokens: number
}

/** How pictures are judged: one question, and what is looked for in the answers to it. */
interface Method {
  readonly question: Int32Array
  /** What each pass is given of the answer, and the ids whose probabilities it is to tell. */
  readonly passes: readonly { readonly given: Int32Array; readonly ids: Int32Array }[]
  /** From the probabilities of all passes to a score. */
  readonly score: (probabilities: readonly Float64Array[]) => number
}

/** `run`: priority and tag of the run that is judged. */
export async function judge(
  candidates: readonly CodedImage[],
  prompt: PromptText,
  model: TaskModel,
  run: Pick<NativeTextRequest, 'priority' | 'tag'>,
  signal: AbortSignal,
): Promise<Judgement> {
  const { question, passes, score } = await methodOf(prompt, model, signal)
  const probes = candidates.flatMap((image) => passes.map(({ given, ids }) => probe(question, image, given, ids, model)))
  const outcomes: NativeOutcome[] = []
  for (let at = 0; at < probes.length; at += TOGETHER) {
    const some = probes.slice(at, at + TOGETHER).map((request) => ({ ...request, ...run }))
    const starts = some.map((request) => (wake: () => void) => model.native().run(request, wake))
    outcomes.push(...(await outcomesOf(starts, signal)))
  }
  const told = outcomes.map(({ probabilities = new Float64Array(0) }) => probabilities)
  return {
    scores: candidates.map((_, i) => score(told.slice(i * passes.length, (i + 1) * passes.length))),
    forwardPasses: outcomes.reduce((sum, outcome) => sum + outcome.forwardPasses, 0),
    forwardTokens: outcomes.reduce((sum, outcome) => sum + outcome.forwardTokens, 0),
  }
}

async function methodOf(prompt: PromptText, model: TaskModel, signal: AbortSignal): Promise<Method> {
  const { question: asked = QUESTION, answer } = model.info.defaults.judge ?? {}
  const question = await model.coder().encode(askPrompt(fill(asked, prompt)), signal)
  if (answer === undefined) {
    const { ids, yes } = await answerIds(model, signal)
    return { question, passes: [{ given: new Int32Array(0), ids }], score: ([first]) => share(first!, yes) }
  }
  // The end of the answer counts too: nothing more is to be seen.
  const ids = Int32Array.from([...(await model.coder().encode(fill(answer, prompt), signal)), model.info.tokens.answerEnd])
  const passes = Array.from(ids, (id, i) => ({ given: ids.subarray(0, i), ids: Int32Array.of(id) }))
  return { question, passes, score: geometricMean }
}

// Every `{prompt}` in the checkpoint's words.
function fill(template: string, prompt: PromptText): PromptText {
  return join(template.split('{prompt}').flatMap((own, i) => (i === 0 ? [words(own)] : [prompt, words(own)])))
}

function geometricMean(probabilities: readonly Float64Array[]): number {
  const logs = probabilities.map(([probability = 0]) => Math.log(Math.max(probability, 1e-12)))
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length)
}

/** The first tokens of yes and no in the ways that they may be written; `yes` says which of the ids are a yes. */
async function answerIds(
  { coder }: TaskModel,
  signal: AbortSignal,
): Promise<{ readonly ids: Int32Array; readonly yes: ReadonlySet<number> }> {
  const first = (words: readonly string[]): Promise<Set<number>> =>
    Promise.all(words.map(async (word) => coder().encode(said(word), signal))).then(
      (all) => new Set(all.flatMap((ids) => [...ids.subarray(0, 1)])),
    )
  const [yes, no] = [await first(YES), await first(NO)]
  // A token that begins both, such as a blank, says nothing.
  const both = new Set([...yes].filter((id) => no.has(id)))
  const ids = [...yes, ...no].filter((id) => !both.has(id))
  return { ids: Int32Array.from(ids), yes: new Set(ids.flatMap((id, i) => (yes.has(id) ? i : []))) }
}

function share(probabilities: Float64Array, yes: ReadonlySet<number>): number {
  let [affirmed, all] = [0, 0]
  probabilities.forEach((probability, i) => {
    all += probability
    if (yes.has(i)) affirmed += probability
  })
  return all > 0 ? affirmed / all : 0.5
}

// One pass: the picture and the question, what is given of the answer, and masks up to the usual length.
function probe(question: Int32Array, image: CodedImage, given: Int32Array, ids: Int32Array, model: TaskModel): NativeTextRequest {
  const defaults = { ...TEXT_DEFAULTS, ...defined(model.info.defaults.text ?? {}) }
  const length = Math.max(defaults.length - given.length, 1)
  const { prefixes, suffixes, guidance } = answerBranches(question, [imageTokens(image, model.info)], 0, model.info)
  return {
    kind: 'text',
    prefixes: prefixes.map((prefix) => Int32Array.from([...prefix, ...given])),
    suffixes,
    guidance,
    seeds: BigUint64Array.of(0n),
    steps: 1,
    temperature: 0,
    priority: 0,
    tag: '',
    delivery: 'none',
    buffer: 1,
    length,
    block: length,
    remasking: 'confidence',
    reuse: 'none',
    ends: endIds(model),
    compat: 'none',
    probe: ids,
  }
}
