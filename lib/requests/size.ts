// Picture sizes: both sides on the model's grid, an aspect ratio in place of a side, and the limit on cells.
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { integer, text, type Fields } from '../fields/field.js'
import type { GenerateRequest } from './types/index.js'

/** Cells of one picture; 4096 x 4096 pixels at 16 pixels a cell. */
export const MAX_CELLS = 65_536
const MAX_SIDE = 1 << 20

const SIDE_SUMMARY = "a multiple of the model's cell (16 pixels for the released model)."

export const SIZE_FIELDS: Fields = {
  width: integer(1, MAX_SIDE, {
    summary: `Width of the picture, ${SIDE_SUMMARY}`,
    unit: 'pixels',
    default: { checkpoint: 'image.width', else: 1024 },
    flag: { form: 'none' },
  }),
  height: integer(1, MAX_SIDE, {
    summary: `Height of the picture, ${SIDE_SUMMARY}`,
    unit: 'pixels',
    default: { checkpoint: 'image.height', else: 1024 },
    flag: { form: 'none' },
  }),
  aspectRatio: text({
    summary: 'In place of a side: "16:9" keeps the default area, or follows the one side that is given.',
    pattern: '\\d+(\\.\\d+)?:\\d+(\\.\\d+)?',
    rule: "two numbers such as '16:9'",
    flag: { value: 'w:h', help: 'width:height, at about the default area' },
  }),
}

export interface Sides {
  readonly width: number
  readonly height: number
}

type SizeRequest = Pick<GenerateRequest, 'width' | 'height' | 'aspectRatio'>

/** Throws `request/invalid` for sides off the grid and for too many cells. */
export function resolveSize(request: SizeRequest, defaults: Sides, scale: number): Sides {
  const { width = defaults.width, height = defaults.height } = withAspect(request, defaults, scale)
  for (const [name, side] of Object.entries({ width, height })) {
    if (side % scale !== 0) throw invalid(`generate: ${name} must be a multiple of ${scale}, got ${side}`)
  }
  const cells = (width / scale) * (height / scale)
  if (cells > MAX_CELLS) {
    throw invalid(`generate: width x height must be at most ${MAX_CELLS} cells of ${scale} x ${scale} pixels, got ${cells}`)
  }
  return { width, height }
}

function withAspect(request: SizeRequest, defaults: Sides, scale: number): Partial<Sides> {
  const { width, height, aspectRatio } = request
  if (aspectRatio === undefined) return request
  if (width !== undefined && height !== undefined) {
    throw invalid(`generate: aspectRatio must not be given with both width and height, got ${show(aspectRatio)}`)
  }
  const [across, down] = aspectRatio.split(':').map(Number) as [number, number]
  const ratio = across / down
  if (!(ratio >= 1 / 64 && ratio <= 64)) throw invalid(`generate: aspectRatio must be between 1:64 and 64:1, got ${show(aspectRatio)}`)
  const snap = (side: number): number => Math.max(1, Math.round(side / scale)) * scale
  if (width !== undefined) return { width, height: snap(width / ratio) }
  if (height !== undefined) return { width: snap(height * ratio), height }
  const area = defaults.width * defaults.height
  return { width: snap(Math.sqrt(area * ratio)), height: snap(Math.sqrt(area / ratio)) }
}
