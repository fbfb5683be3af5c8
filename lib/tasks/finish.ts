// From a native outcome to the public result. Composing and judging take more work; everything else is at once.
import type { NativeOutcome } from '../native/binding.js'
import type { RawImage } from '../image/raw.js'
import { toGenerated, toTimings, toUsage, type ImageResult, type TextResult } from '../run/result.js'
import type { Ending } from '../run/parts.js'
import { compose } from './compose.js'
import type { ImagePlan, TaskModel, TextPlan } from './context.js'
import { judge, type Judgement } from './judge.js'
import { mapMaybe } from './prompt-ids.js'
import { judgeByRedrawing } from './redraw.js'

export function finishImages(plan: ImagePlan, ending: Ending, model: TaskModel): ImageResult | Promise<ImageResult> {
  return plan.judged || plan.composite ? finishSlowly(plan, ending, model) : assemble(plan, ending, chosenFirst(plan), undefined)
}

async function finishSlowly(plan: ImagePlan, ending: Ending, model: TaskModel): Promise<ImageResult> {
  const { rows, columns, priority, tenant } = plan.request
  const images = ending.outcome.images.map(({ tokens }) => ({ rows, columns, codes: tokens }))
  const ask = (): Promise<Judgement> =>
    model.info.defaults.judge?.by === 'redraw'
      ? judgeByRedrawing(images, plan.request, model, ending.signal)
      : judge(images, plan.parameters.prompt, model, { priority, tenant }, ending.signal)
  const judged = plan.judged ? await ask() : undefined
  const chosen = judged ? best(judged.scores, plan.n) : chosenFirst(plan)
  const composed = plan.composite
    ? await Promise.all(chosen.map((i) => compose(plan, ending.outcome.images[i]!, plan.composite!, ending.signal)))
    : undefined
  return assemble(plan, ending, chosen, judged, composed)
}

function chosenFirst({ n }: ImagePlan): number[] {
  return Array.from({ length: n }, (_, i) => i)
}

// Best first; among equals the earlier seed.
function best(scores: readonly number[], n: number): number[] {
  return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, n)
}

function assemble(
  plan: ImagePlan,
  { outcome, prefillMs }: Ending,
  chosen: readonly number[],
  judged: Judgement | undefined,
  composed?: readonly RawImage[],
): ImageResult {
  const { seeds, cells } = plan.request
  const images = chosen.map((i, place) => {
    const { tokens, ...native } = outcome.images[i]!
    const image = composed?.[place] ?? toRaw(native)
    const parameters = { ...plan.parameters, seed: String(seeds[i]!) }
    return toGenerated({ seed: seeds[i]!, image, tokens, parameters, score: judged?.scores[i] })
  })
  const masked = cells.reduce((count, cell) => count + (cell === -1 ? 1 : 0), 0)
  const usage = toUsage(outcome, plan.promptTokens, masked * seeds.length)
  const { forwardPasses = 0, forwardTokens = 0 } = judged ?? {}
  return {
    ...images[0]!,
    images,
    timings: toTimings(outcome, prefillMs),
    usage: { ...usage, forwardPasses: usage.forwardPasses + forwardPasses, forwardTokens: usage.forwardTokens + forwardTokens },
    remasked: outcome.remasked,
  }
}

function toRaw({ pixels, width, height }: Omit<NativeOutcome['images'][0], 'tokens'>): RawImage {
  return { data: pixels, width, height, channels: 3 }
}

/** The text of the answer without its special tokens; at once where it is short. */
export function finishText(plan: TextPlan, { outcome, prefillMs }: Ending, model: TaskModel): TextResult | Promise<TextResult> {
  const { answer = new Int32Array(0), finish = 'length' } = outcome
  // The original's last slice takes the closing marker for granted, which an early stop has already cut off
  // (docs/model.md#where-the-original-differs).
  const lost = plan.request.compat === 'reference' && finish === 'stop'
  const ids = lost ? answer.subarray(0, -1) : answer
  return mapMaybe(model.coder().decode(ids, true), (text) => ({
    text,
    finishReason: finish,
    seed: plan.request.seeds[0]!,
    timings: toTimings(outcome, prefillMs),
    usage: toUsage(outcome, plan.promptTokens, answer.length),
  }))
}
