// Best of n: the model itself is asked of every candidate whether it shows what was asked for. The score is P(yes) / (P(yes) + P(no))
// at the first token of the answer; one pass a question, no decoding. Candidates are shown as their codes.
import type { NativeTextRequest } from '../binding.js'
import { outcomeOf } from '../native-run.js'
import { answerBranches, imageTokens, type CodedImage } from '../prompt/layout.js'
import { understandPrompt } from '../prompt/templates.js'
import { defined } from '../requests/sampling.js'
import { TEXT_DEFAULTS } from '../requests/text.js'
import { endIds, type TaskModel } from './context.js'

const QUESTION = 'Does this image show the following? {prompt} Answer yes or no.'
const YES = ['yes', 'Yes', ' yes', ' Yes']
const NO = ['no', 'No', ' no', ' No']

/** Questions that are asked at a time. */
const TOGETHER = 8

export interface Judgement {
  /** One per candidate, 0 to 1. */
  readonly scores: readonly number[]
  readonly forwardPasses: number
  readonly forwardTokens: number
}

/** What is asked about a prompt: one question, or one for each of its parts where the checkpoint says how it is split. */
export function questions(prompt: string, judge: TaskModel['info']['defaults']['judge'] = {}): string[] {
  const { question = QUESTION, split = [] } = judge
  const parts = split.reduce<string[]>((texts, separator) => texts.flatMap((text) => text.split(separator)), [prompt])
  const asked = parts.map((part) => part.trim()).filter((part) => part !== '')
  return (asked.length > 0 ? asked : [prompt]).map((part) => question.replaceAll('{prompt}', () => part))
}

/** `run`: priority and tenant of the run that is judged. */
export async function judge(
  candidates: readonly CodedImage[],
  prompt: string,
  model: TaskModel,
  run: Pick<NativeTextRequest, 'priority' | 'tenant'>,
  signal: AbortSignal,
): Promise<Judgement> {
  const coder = model.coder()
  const asked = await Promise.all(questions(prompt, model.info.defaults.judge).map(async (text) => coder.encode(understandPrompt(text))))
  const answers = await answerIds(model)
  const probes = candidates.flatMap((image, candidate) =>
    asked.map((question) => ({ candidate, request: probe(question, image, answers.ids, model) })),
  )
  const scores = candidates.map(() => 1)
  let [forwardPasses, forwardTokens] = [0, 0]
  for (let at = 0; at < probes.length; at += TOGETHER) {
    const some = probes.slice(at, at + TOGETHER)
    const outcomes = await Promise.all(
      some.map(({ request }) => outcomeOf((wake) => model.native().run({ ...request, ...run }, wake), signal)),
    )
    outcomes.forEach((outcome, i) => {
      // Parts of a prompt are all to be there.
      scores[some[i]!.candidate]! *= share(outcome.probabilities ?? new Float64Array(0), answers.yes)
      forwardPasses += outcome.forwardPasses
      forwardTokens += outcome.forwardTokens
    })
  }
  return { scores, forwardPasses, forwardTokens }
}

/** The first tokens of yes and no in the ways that they may be written; `yes` says which of the ids are a yes. */
async function answerIds({ coder }: TaskModel): Promise<{ readonly ids: Int32Array; readonly yes: ReadonlySet<number> }> {
  const first = (words: readonly string[]): Promise<Set<number>> =>
    Promise.all(words.map(async (word) => coder().encode(word))).then((all) => new Set(all.flatMap((ids) => [...ids.subarray(0, 1)])))
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

function probe(question: Int32Array, image: CodedImage, ids: Int32Array, model: TaskModel): NativeTextRequest {
  const { length } = { ...TEXT_DEFAULTS, ...defined(model.info.defaults.text ?? {}) }
  const { prefixes, suffixes, guidance } = answerBranches(question, [imageTokens(image, model.info)], 0, model.info)
  return {
    kind: 'text',
    prefixes,
    suffixes,
    guidance,
    seeds: BigUint64Array.of(0n),
    steps: 1,
    temperature: 0,
    priority: 0,
    tenant: '',
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
