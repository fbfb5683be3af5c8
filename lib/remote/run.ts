// A run elsewhere as its caller sees it: lib/run's own classes over `FarRun`, so that iterating, waiting, leaving, aborting, deadlines and
// events are those of a run here.
import { invalid } from '../base/errors.js'
import { checkField, checkOptions } from '../fields/check.js'
import { integer, region as regionField } from '../fields/field.js'
import type { MaskInput } from '../fields/values.js'
import { isTextTask, type TaskName } from '../requests/names.js'
import { PREVIEW_FIELDS } from '../requests/run-options.js'
import type { PreviewOptions, RunOptions } from '../requests/types/index.js'
import { numberEvent } from '../run/event-numbers.js'
import { DecodedStep } from '../run/image-step.js'
import type { Decoder, Prepared } from '../run/parts.js'
import { Pictures, type ImageResult, type TextResult } from '../run/results.js'
import { checkStep, ImageDecodingRun, TextDecodingRun, type Draw } from '../run/runs.js'
import type { ImageStep, TextStep } from '../run/steps.js'
import type { StepData } from '../run/types.js'
import { isOver } from '../run/states.js'
import { travellingRegion } from '../runner/materialise.js'
import type { Data } from '../wire/messages.js'
import type { CarriedOutcome, CarriedStep, FarRun } from './far-run.js'
import type { Drawn } from './far.js'

export type RemoteRun = RemoteImageRun | TextDecodingRun

/** A run that is ready to be decoded elsewhere. */
export interface Departure {
  /** Starts it there. */
  readonly depart: (wake: () => void) => FarRun
  /** Pixels per cell side. */
  readonly scale: number
  /** It goes on though nobody here holds it any more. Default false. */
  readonly outlives?: boolean
}

export interface RemoteParts {
  readonly task: TaskName
  readonly options: RunOptions
  readonly maxQueueMs?: number | undefined
  /** Everything that comes before. Stops when `signal` is aborted. */
  readonly prepare: (signal: AbortSignal) => Promise<Departure>
  /** Draws a step there. */
  readonly draw: (step: StepData, options: PreviewOptions) => Promise<Drawn>
  /** Masks again there; resolves once that can no longer be lost. Called once the run is on its way. */
  readonly remask: (region: MaskInput, image: number, order?: string) => Promise<void>
}

export function remoteRun(parts: RemoteParts): RemoteRun {
  const { task, options, maxQueueMs, prepare } = parts
  const base = { task, options, maxQueueMs }
  if (isTextTask(task)) {
    return new TextDecodingRun({
      ...base,
      prepare: async (signal) => {
        const departure = await prepare(signal)
        return {
          ...common(departure),
          toStep: (step) => numbered((step as CarriedStep).carried as TextStep, step as CarriedStep),
          toResult: ({ outcome }) => textOf(outcome),
        }
      },
    })
  }
  const draw = checkedDraw(parts.draw)
  const prepared = async (signal: AbortSignal): Promise<Prepared<ImageStep, ImageResult>> => {
    const departure = await prepare(signal)
    return {
      ...common(departure),
      toStep: (found, remask) => {
        const { carried } = found as CarriedStep
        const { grid, preview } = carried as Data<ImageStep>
        const step = numbered(new DecodedStep(found, grid, { draw, remask, scale: departure.scale }), found as CarriedStep)
        return preview === undefined ? step : Object.assign(step, { preview })
      },
      toResult: ({ outcome }) => picturesOf(outcome),
    }
  }
  return new RemoteImageRun({ ...base, prepare: prepared }, draw, parts.remask)
}

function numbered<Step extends object>(step: Step, { event }: CarriedStep): Step {
  if (event !== undefined) numberEvent(step, event)
  return step
}

function common({
  depart,
  scale,
  outlives = false,
}: Departure): Pick<Prepared<never, never>, 'scale' | 'warnings' | 'start' | 'toSnapshot'> {
  return {
    scale,
    warnings: [],
    start: (wake) => (outlives ? depart(wake) : handle(depart(wake))),
    toSnapshot: async ({ state }) => state,
  }
}

// A run that nobody holds any more is collected, and then stops, as one of the addon does. The port holds `FarRun` itself.
const collected = new FinalizationRegistry<FarRun>((far) => far.cancel())

function handle(far: FarRun): Decoder {
  const made: Decoder = {
    next: () => far.next(),
    outcome: () => far.outcome(),
    state: () => far.state(),
    cancel: () => far.cancel(),
    remask: (image, cells) => far.remask(image, cells),
    snapshot: () => far.snapshot(),
    pause: () => far.pause(),
    continue: () => far.continue(),
  }
  collected.register(made, far)
  return made
}

const textOf = ({ carried }: CarriedOutcome): TextResult => carried as TextResult
const picturesOf = ({ carried }: CarriedOutcome): ImageResult => new Pictures(carried as ConstructorParameters<typeof Pictures>[0])

function checkedDraw(draw: RemoteParts['draw']): Draw {
  return async (step, options) => {
    checkOptions('decode', options, { fields: PREVIEW_FIELDS })
    checkStep(step)
    return draw(step, options)
  }
}

const REGION = regionField({ summary: 'What is masked again.' })
const IMAGE = integer(0, 63, { summary: 'Which picture.' })

export class RemoteImageRun extends ImageDecodingRun {
  readonly #remask: RemoteParts['remask']

  constructor(parts: ConstructorParameters<typeof ImageDecodingRun>[0], draw: Draw, remask: RemoteParts['remask']) {
    super(parts, draw)
    this.#remask = remask
  }

  /** @internal `order`: its name, where whoever keeps the run knows them (`KeptRun`). */
  override async remask(region: MaskInput, { image = 0, order }: { readonly image?: number; readonly order?: string } = {}): Promise<void> {
    checkField('remask', 'region', region, REGION)
    checkField('remask', 'image', image, IMAGE)
    // Under a name it may have been followed before the end: whoever keeps the run knows.
    const mayBeKnown = (): boolean => order !== undefined && isOver(this.state)
    if (!mayBeKnown()) {
      await this.prepared('remask').catch((error: unknown) => {
        if (!mayBeKnown()) throw error
      })
    }
    if (order === undefined && isOver(this.state)) throw invalid(`remask: expected a run that goes on, got one that is ${this.state}`)
    await this.#remask(await travellingRegion(region), image, order)
  }
}
