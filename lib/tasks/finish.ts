// From a native outcome to the public result. Composing and judging take more work; everything else is at once.
import type { RawImage } from '../fields/values.js'
import type { NativeOutcome } from '../native/binding.js'
import type { PromptText } from '../prompt/prompt-text.js'
import type { Ending } from '../run/parts.js'
import { Pictures, toTimings, toUsage, type ImageResult, type TextResult } from '../run/results.js'
import { compose } from './compose.js'
import type { ImageEngineRequest, TaskModel, TextEngineRequest } from './engine-request.js'
import { judge, type Judgement } from './judge.js'
import { callerText, flatMaybe } from './prompt-ids.js'
import { judgeByRedrawing } from './redraw.js'

export function finishImages(request: ImageEngineRequest, ending: Ending, model: TaskModel): ImageResult | Promise<ImageResult> {
  if (request.judged || request.composite) return finishSlowly(request, ending, model)
  return assemble(request, ending, chosenFirst(request), undefined)
}

async function finishSlowly(request: ImageEngineRequest, ending: Ending, model: TaskModel): Promise<ImageResult> {
  const { native, composite } = request
  const images = ending.outcome.images.map(({ tokens }) => ({ width: native.columns, height: native.rows, codes: tokens }))
  const ask = (): Promise<Judgement> =>
    model.info.defaults.judge?.by === 'redraw'
      ? judgeByRedrawing(images, native, model, ending.signal)
      : judge(images, judgedPrompt(request, model), model, { priority: native.priority, tag: native.tag }, ending.signal)
  const judged = request.judged ? await ask() : undefined
  const chosen = judged ? best(judged.scores, request.n) : chosenFirst(request)
  const composed = composite
    ? await Promise.all(chosen.map((i) => compose(request, ending.outcome.images[i]!, composite, ending.signal)))
    : undefined
  return assemble(request, ending, chosen, judged, composed)
}

function judgedPrompt({ parameters }: ImageEngineRequest, model: TaskModel): PromptText {
  return callerText(parameters.prompt, { specialTokens: parameters.specialTokens ?? false }, model)
}

function chosenFirst({ n }: ImageEngineRequest): number[] {
  return Array.from({ length: n }, (_, i) => i)
}

// Best first; among equals the earlier seed.
function best(scores: readonly number[], n: number): number[] {
  return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, n)
}

function assemble(
  request: ImageEngineRequest,
  { outcome, prefillMs, warnings }: Ending,
  chosen: readonly number[],
  judged: Judgement | undefined,
  composed?: readonly RawImage[],
): ImageResult {
  const { seeds, cells } = request.native
  const images = chosen.map((i, place) => {
    const { tokens, ...native } = outcome.images[i]!
    const seed = String(seeds[i]!)
    const score = judged?.scores[i]
    const parameters = { ...request.parameters, seed }
    return { seed, image: composed?.[place] ?? toRaw(native), tokens, ...(score !== undefined && { score }), parameters }
  })
  const masked = cells.reduce((count, cell) => count + (cell === -1 ? 1 : 0), 0)
  const usage = toUsage(outcome, request.promptTokens, masked * seeds.length)
  const { forwardPasses = 0, forwardTokens = 0 } = judged ?? {}
  return new Pictures({
    images,
    timings: toTimings(outcome, prefillMs),
    usage: { ...usage, forwardPasses: usage.forwardPasses + forwardPasses, forwardTokens: usage.forwardTokens + forwardTokens },
    warnings,
    remasked: outcome.remasked,
  })
}

function toRaw({ pixels, width, height }: Omit<NativeOutcome['images'][0], 'tokens'>): RawImage {
  return { data: pixels, width, height, channels: 3 }
}

/** The text of the answer without its special tokens; at once where it is short. */
export function finishText(request: TextEngineRequest, ending: Ending, model: TaskModel): TextResult | Promise<TextResult> {
  const { outcome, prefillMs, warnings } = ending
  const { answer = new Int32Array(0), finish = 'length' } = outcome
  // The original's last slice takes the closing marker for granted, which an early stop has already cut off
  // (docs/model.md#where-the-original-differs).
  const lost = request.native.compat === 'reference' && finish === 'stop'
  const ids = lost ? answer.subarray(0, -1) : answer
  return flatMaybe(model.coder().decode(ids, true, ending.signal), (text) => ({
    seed: String(request.native.seeds[0]!),
    timings: toTimings(outcome, prefillMs),
    usage: toUsage(outcome, request.promptTokens, answer.length),
    warnings,
    text,
    finishReason: finish,
  }))
}
