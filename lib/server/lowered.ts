// Defaults of a model that are beyond this server's limits, lowered to them: what a request asks for itself is refused where it is too much,
// what it leaves open never is. Every change is told.
import type { ModelInfo } from '../native/info.js'
import { defined, IMAGE_DEFAULTS } from '../requests/defaults.js'
import { resolveRequest, type Resolved } from '../requests/index.js'
import type { TaskName } from '../requests/names.js'
import type { Sides } from '../requests/size.js'
import type { TaskRequests } from '../requests/types/index.js'
import type { Limits } from './options.js'

export interface Lowered<Task extends TaskName> {
  readonly request: TaskRequests[Task]
  readonly resolved: Resolved
  /** A sentence each. */
  readonly warnings: readonly string[]
}

type Values = Record<string, unknown>

/** Throws `request/invalid` for what does not go together. */
export function lowered<Task extends TaskName>(task: Task, request: TaskRequests[Task], info: ModelInfo, limits: Limits): Lowered<Task> {
  const own = { ...(request as object) } as Values
  const warnings: string[] = []
  const resolve = (): Resolved => resolveRequest(task, own as never, info)
  const lower = (name: string, most: number, value: number, was: number): void => {
    if (own[name] !== undefined || was <= most || value < 1) return
    own[name] = value
    warnings.push(`${name}: ${value} in place of the default ${was}; at most ${most} here`)
  }
  let resolved = resolve()
  const { maxSteps, maxCells, maxImages } = limits
  if ('length' in resolved) {
    const block = own['block'] === undefined ? Math.min(resolved.block, maxCells) : resolved.block
    const blocks = Math.min(Math.floor(maxCells / block), own['steps'] === undefined ? maxSteps : Infinity)
    lower('length', maxCells, blocks * block, resolved.length)
    resolved = resolve()
  }
  if ('width' in resolved) {
    const { width, height } = within(resolved, info.scale, maxCells)
    if ((width !== resolved.width || height !== resolved.height) && own['width'] === undefined && own['height'] === undefined) {
      warnings.push(`size: ${width}x${height} in place of the default ${resolved.width}x${resolved.height}; at most ${maxCells} cells here`)
      Object.assign(own, { width, height })
      delete own['aspectRatio']
    }
  }
  const area = 'imageArea' in resolved ? resolved.imageArea : undefined
  if (typeof area === 'number' && hasPicture(own)) {
    const side = Math.floor(Math.sqrt(maxCells)) * info.scale
    lower('imageArea', side, side, area)
  }
  if ('bestOf' in resolved) lower('bestOf', maxImages, maxImages, resolved.bestOf ?? 1)
  const blocks = 'length' in resolved ? resolved.length / resolved.block : 1
  lower('steps', maxSteps, Math.floor(maxSteps / blocks) * blocks, resolved.steps)
  return { request: own as unknown as TaskRequests[Task], resolved: warnings.length > 0 ? resolve() : resolved, warnings }
}

/** The model's default size, of so many cells at the most. */
export function defaultSides(info: ModelInfo, maxCells: number): Sides {
  return within({ ...IMAGE_DEFAULTS, ...defined(info.defaults.image ?? {}) }, info.scale, maxCells)
}

/** Sides of the same ratio on the grid, of so many cells at the most. */
export function within({ width, height }: Sides, scale: number, maxCells: number): Sides {
  const over = (width * height) / (maxCells * scale * scale)
  if (over <= 1) return { width, height }
  const cells = (side: number): number => Math.max(1, Math.floor(side / Math.sqrt(over) / scale))
  // A side of one cell leaves the other fewer than its share.
  const [across, down] = [Math.min(cells(width), maxCells), Math.min(cells(height), maxCells)]
  return { width: Math.min(across, Math.floor(maxCells / down)) * scale, height: down * scale }
}

const hasPicture = (request: Values): boolean =>
  request['image'] !== undefined || (Array.isArray(request['images']) && request['images'].length > 0)
