// The mask as one sees it: cells, their grid, the line that is being drawn.
import type { Grid } from '../stage/cells.js'
import type { Cells } from './mask.js'
import type { Point } from './shapes.js'

export interface Seen {
  readonly grid: Grid
  readonly cells: Cells
  readonly cursor: number | undefined
  readonly line: readonly Point[]
}

const LONGEST = 2048

export function paintMask(canvas: HTMLCanvasElement, { grid, cells, cursor, line }: Seen, zoom: number): void {
  const box = canvas.getBoundingClientRect()
  const sharp = Math.min(devicePixelRatio, LONGEST / Math.max(box.width, box.height, 1))
  canvas.width = Math.max(1, Math.round(box.width * sharp))
  canvas.height = Math.max(1, Math.round(box.height * sharp))
  const context = canvas.getContext('2d')!
  const [wide, high] = [canvas.width / grid.width, canvas.height / grid.height]
  const rectangle = (cell: number): [number, number, number, number] => {
    const [x, y] = [cell % grid.width, Math.floor(cell / grid.width)]
    return [Math.round(x * wide), Math.round(y * high), Math.ceil(wide), Math.ceil(high)]
  }
  context.fillStyle = 'rgba(255, 107, 31, 0.65)'
  for (const cell of cells) context.fillRect(...rectangle(cell))
  if (wide > 5) {
    context.strokeStyle = 'rgba(128, 128, 140, 0.4)'
    context.beginPath()
    for (let x = 1; x < grid.width; x++) {
      context.moveTo(Math.round(x * wide) + 0.5, 0)
      context.lineTo(Math.round(x * wide) + 0.5, canvas.height)
    }
    for (let y = 1; y < grid.height; y++) {
      context.moveTo(0, Math.round(y * high) + 0.5)
      context.lineTo(canvas.width, Math.round(y * high) + 0.5)
    }
    context.stroke()
  }
  if (line.length > 1) {
    context.strokeStyle = '#fff'
    context.lineWidth = 2 * Math.max(1, zoom)
    context.beginPath()
    line.forEach(({ x, y }, i) => (i === 0 ? context.moveTo(x * wide, y * high) : context.lineTo(x * wide, y * high)))
    context.closePath()
    context.stroke()
  }
  if (cursor === undefined) return
  context.lineWidth = 4
  context.strokeStyle = '#000'
  context.strokeRect(...rectangle(cursor))
  context.lineWidth = 2
  context.strokeStyle = '#fff'
  context.strokeRect(...rectangle(cursor))
}
