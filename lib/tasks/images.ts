// The last step of every picture task: a complete request, its branches and its cells become what the engine is told.
import { invalid } from '../base/errors.js'
import type { MaskInput } from '../fields/values.js'
import { readRegion } from '../image/read.js'
import { regionCellsSlowly, type Grid } from '../image/region.js'
import { writeParameters } from '../parameters/parameters.js'
import type { Branches } from '../prompt/layout.js'
import { candidates, type ResolvedImage } from '../requests/image.js'
import type { ImageTask } from '../requests/names.js'
import { seedsFrom } from '../requests/sampling.js'
import type { RunOptions, StartOptions } from '../requests/types/index.js'
import { runFields, type Composite, type ImageEngineRequest, type TaskModel } from './engine-request.js'

export interface ImageParts {
  readonly resolved: ResolvedImage & { readonly task: ImageTask }
  readonly branches: Branches
  /** In cells. */
  readonly grid: Grid
  /** Codes, row by row, -1 where masked; default all masked. */
  readonly cells?: Int32Array
  readonly composite?: Composite | undefined
  /** What only this task knows, for the parameters. */
  readonly own?: Readonly<Record<string, string | number>>
}

/** At once where the run begins with everything masked; a start's pins may have to be read. */
export function imageRequest(parts: ImageParts, options: RunOptions, model: TaskModel): ImageEngineRequest | Promise<ImageEngineRequest> {
  const { start } = parts.resolved
  if (!start) return assembled(parts, options, model, undefined)
  return startOf(start, parts, model).then((found) => assembled(parts, options, model, found))
}

/** Where a run begins that does not begin with everything masked. */
interface Start {
  readonly tokens: Int32Array
  /** Steps that are done. */
  readonly step: number
  readonly pinned: Uint32Array
}

function assembled(parts: ImageParts, options: RunOptions, model: TaskModel, start: Start | undefined): ImageEngineRequest {
  const { resolved, branches, grid, composite, own = {} } = parts
  const { task, steps, temperature, schedule, reuse, guidance } = resolved
  const { cells = new Int32Array(grid.width * grid.height).fill(-1) } = parts
  const { scale } = model.info
  return {
    task,
    native: {
      kind: 'image',
      prefixes: branches.prefixes,
      suffixes: branches.suffixes,
      guidance: branches.guidance,
      ...(guidance.floor > 0 && { floor: guidance.floor }),
      rows: grid.height,
      columns: grid.width,
      cells,
      seeds: seedsFrom(resolved.seed, candidates(resolved)),
      steps,
      temperature,
      schedule,
      ...(reuse.kind === 'mlCache' && { cache: { ratio: reuse.ratio, warmup: reuse.warmup, refresh: reuse.refresh } }),
      ...(start && { start }),
      ...runFields(options),
    },
    promptTokens: branches.promptTokens,
    n: resolved.n,
    judged: resolved.bestOf !== undefined,
    parameters: writeParameters({ task, resolved, width: grid.width * scale, height: grid.height * scale, own }, model.info),
    ...(composite && { composite }),
  }
}

async function startOf({ tokens, step, pinned }: StartOptions, { grid, resolved }: ImageParts, { info }: TaskModel): Promise<Start> {
  const where = `${resolved.task}: start`
  const cells = grid.width * grid.height
  if (tokens.length !== cells)
    throw invalid(`${where}: tokens must be ${grid.width} x ${grid.height} = ${cells} codes, got ${tokens.length}`)
  const bad = tokens.findIndex((code) => code < -1 || code >= info.codebookSize)
  if (bad >= 0) throw invalid(`${where}: tokens must be from -1 to ${info.codebookSize - 1}, got ${tokens[bad]} at ${bad}`)
  if (!tokens.includes(-1)) throw invalid(`${where}: tokens must hold at least one masked cell (-1), got none`)
  const pins = pinned === undefined ? new Uint32Array(0) : await pinnedCells(where, pinned, grid, info.scale)
  const open = pins.find((cell) => tokens[cell] === -1)
  if (open !== undefined) throw invalid(`${where}: pinned must hold settled cells, got cell ${open}, which is masked`)
  return { tokens: Int32Array.from(tokens), step: step + 1, pinned: pins }
}

async function pinnedCells(where: string, pinned: MaskInput, grid: Grid, scale: number): Promise<Uint32Array> {
  const region = await readRegion(pinned, { field: 'start.pinned' })
  return regionCellsSlowly(`${where}: pinned`, region, grid, { width: grid.width * scale, height: grid.height * scale })
}
