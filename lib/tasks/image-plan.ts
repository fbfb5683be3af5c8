// The last step of every picture task: a resolved request, its branches and its cells become the native request.
import type { ImageParameters } from '../parameters/parameters.js'
import type { Branches } from '../prompt/layout.js'
import { candidates, type ResolvedImage } from '../requests/image.js'
import { defined, seedsFrom } from '../requests/sampling.js'
import type { RunOptions } from '../run/options.js'
import { runFields, type Composite, type ImagePlan, type TaskModel } from './context.js'

export interface ImageParts {
  readonly task: ImagePlan['task']
  readonly resolved: ResolvedImage
  readonly branches: Branches
  readonly rows: number
  readonly columns: number
  /** rows x columns codes, -1 where masked; default all masked. */
  readonly cells?: Int32Array
  readonly composite?: Composite | undefined
  /** What only this task knows, for the parameters. */
  readonly options?: Readonly<Record<string, string | number | undefined>>
}

export function imagePlan(parts: ImageParts, options: RunOptions, model: TaskModel): ImagePlan {
  const { task, resolved, branches, rows, columns, composite } = parts
  const { steps, guidance, temperature, schedule, cache } = resolved
  const { cells = new Int32Array(rows * columns).fill(-1) } = parts
  return {
    task,
    request: {
      kind: 'image',
      prefixes: branches.prefixes,
      suffixes: branches.suffixes,
      guidance: branches.guidance,
      ...(guidance.floor > 0 && { floor: guidance.floor }),
      rows,
      columns,
      cells,
      seeds: seedsFrom(resolved.seed, candidates(resolved)),
      steps,
      temperature,
      schedule,
      ...(cache && { cache }),
      ...runFields(options),
    },
    promptTokens: branches.promptTokens,
    n: resolved.n,
    judged: resolved.bestOf !== undefined,
    parameters: toParameters(parts, model),
    ...(composite && { composite }),
  }
}

function toParameters({ task, resolved, rows, columns, options }: ImageParts, model: TaskModel): Omit<ImageParameters, 'seed'> {
  const { prompt, steps, guidance, temperature, schedule, cache, imageArea } = resolved
  const { name, weights, sha256, precision, scale } = model.info
  const own = defined(options ?? {})
  return {
    version: 1,
    task,
    prompt,
    width: columns * scale,
    height: rows * scale,
    steps,
    guidance: guidance.text,
    ...(guidance.image > 0 && { guidanceImage: guidance.image }),
    ...(guidance.floor > 0 && { guidanceFloor: guidance.floor }),
    temperature,
    schedule: typeof schedule === 'string' ? schedule : [...schedule],
    ...(cache && { cache }),
    ...(imageArea !== undefined && { imageArea }),
    ...(Object.keys(own).length > 0 && { options: own as Record<string, string | number> }),
    precision,
    model: { name, weights, sha256 },
  }
}
