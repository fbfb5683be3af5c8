// OpenAI's `size` as sides on this model's grid. Clients hard-code sizes of other people's models: what is beyond this one's limits keeps
// its ratio at the default area, what lies off the grid goes to the next size on it, and both are told.
import type { ModelInfo } from '../../native/info.js'
import { resolveSize, type Sides } from '../../requests/size.js'
import { show } from '../../base/show.js'
import { defaultSides, within } from '../lowered.js'
import { badRequest } from '../problem.js'

export interface Size extends Partial<Sides> {
  readonly warning?: string
}

/** 'auto' and nothing: the default. Throws `request/invalid`. */
export function sizeOf(size: string | undefined, info: ModelInfo, maxCells: number): Size {
  if (size === undefined || size === 'auto') return {}
  const [, across, down] = /^([1-9]\d{0,5})x([1-9]\d{0,5})$/i.exec(size) ?? []
  if (down === undefined) throw badRequest(`images: size must be 'auto' or WIDTHxHEIGHT such as '1024x1024', got ${show(size)}`, 'size')
  const asked = { width: Number(across), height: Number(down) }
  const made = fits(asked, info, maxCells) ? onGrid(asked, info.scale) : sameRatio(asked, info, maxCells)
  if (made.width === asked.width && made.height === asked.height) return made
  return { ...made, warning: `size ${size} is not one of this model; ${made.width}x${made.height} was drawn` }
}

// A row of cells ends with a token of its own.
function fits({ width, height }: Sides, { scale, hyper }: ModelInfo, maxCells: number): boolean {
  const [across, down] = [Math.ceil(width / scale), Math.ceil(height / scale)]
  return across * down <= maxCells && (across + 1) * down <= hyper.contextLength
}

function onGrid({ width, height }: Sides, scale: number): Sides {
  const snap = (side: number): number => Math.max(1, Math.round(side / scale)) * scale
  return { width: snap(width), height: snap(height) }
}

function sameRatio({ width, height }: Sides, info: ModelInfo, maxCells: number): Sides {
  const ratio = Math.min(64, Math.max(1 / 64, width / height))
  return within(resolveSize({ aspectRatio: `${ratio.toFixed(6)}:1` }, defaultSides(info, maxCells), info.scale), info.scale, maxCells)
}
