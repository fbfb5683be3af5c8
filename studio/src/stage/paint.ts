// Paints one frame of a picture: its draft, what is still masked, and overlays of cells. Overlays are made at one pixel a cell and drawn
// large, so that 4,096 cells cost as much as one picture.
import type { Frame } from '../runs/frames.js'

export type MaskedLook = 'held' | 'blurred' | 'grey'

export interface Look {
  readonly masked: MaskedLook
  readonly confidence: boolean
  readonly grid: boolean
}

export interface Marks {
  readonly marked: ReadonlySet<number>
  readonly pinned: ReadonlySet<number>
  /** The cell under the pointer or the keyboard's. */
  readonly cursor: number | undefined
}

type Context = CanvasRenderingContext2D

/** `over`: the finished picture lies below, only overlays are painted. */
export function paint(context: Context, frame: Frame, draft: ImageBitmap | undefined, look: Look, marks: Marks, over: boolean): void {
  const { width, height } = context.canvas
  context.clearRect(0, 0, width, height)
  if (!over) paintDraft(context, frame, draft, look.masked)
  if (look.confidence) overlay(context, frame, (cell) => sureness(frame.confidence[cell]!))
  if (look.grid) paintGrid(context, frame)
  if (marks.marked.size > 0) overlay(context, frame, (cell) => (marks.marked.has(cell) ? MARKED : 0))
  if (marks.pinned.size > 0) overlay(context, frame, (cell) => (marks.pinned.has(cell) ? PINNED : 0))
  if (marks.cursor !== undefined) paintCursor(context, frame, marks.cursor)
}

function paintDraft(context: Context, frame: Frame, draft: ImageBitmap | undefined, look: MaskedLook): void {
  const { width, height } = context.canvas
  context.imageSmoothingEnabled = true
  context.imageSmoothingQuality = 'high'
  if (draft) context.drawImage(draft, 0, 0, width, height)
  if (look === 'held' && draft) return
  if (look === 'blurred' && draft) paintBlurred(context, frame, draft)
  else overlay(context, frame, (cell) => (frame.tokens[cell] === -1 ? GREY : 0))
}

// Drawn at a pixel a cell and back: blurred to about a cell; then only where the mask is.
function paintBlurred(context: Context, frame: Frame, draft: ImageBitmap): void {
  const { width, height } = frame.grid
  const small = sheet('blur', width, height)
  small.globalCompositeOperation = 'source-over'
  small.imageSmoothingEnabled = true
  small.drawImage(draft, 0, 0, width, height)
  const large = sheet('blurred', context.canvas.width, context.canvas.height)
  large.globalCompositeOperation = 'source-over'
  large.imageSmoothingEnabled = false
  large.clearRect(0, 0, large.canvas.width, large.canvas.height)
  large.drawImage(
    cellsOf(frame, (cell) => (frame.tokens[cell] === -1 ? 0xff000000 : 0)),
    0,
    0,
    large.canvas.width,
    large.canvas.height,
  )
  large.globalCompositeOperation = 'source-in'
  large.imageSmoothingEnabled = true
  large.drawImage(small.canvas, 0, 0, large.canvas.width, large.canvas.height)
  context.drawImage(large.canvas, 0, 0)
}

/** Colours as 0xAABBGGRR, as pixels lie in memory. */
type Colour = (cell: number) => number

const GREY = 0xff8a8583
const MARKED = 0xb01f6bff
const PINNED = 0xa0c88a1a

function overlay(context: Context, frame: Frame, colour: Colour): void {
  context.imageSmoothingEnabled = false
  context.drawImage(cellsOf(frame, colour), 0, 0, context.canvas.width, context.canvas.height)
}

function cellsOf(frame: Frame, colour: Colour): OffscreenCanvas {
  const { width, height } = frame.grid
  const context = sheet('cells', width, height)
  const pixels = context.createImageData(width, height)
  const words = new Uint32Array(pixels.data.buffer)
  for (let cell = 0; cell < words.length; cell++) words[cell] = colour(cell)
  context.putImageData(pixels, 0, 0)
  return context.canvas
}

const sheets = new Map<string, OffscreenCanvasRenderingContext2D>()

function sheet(name: string, width: number, height: number): OffscreenCanvasRenderingContext2D {
  const known = sheets.get(name) ?? new OffscreenCanvas(width, height).getContext('2d')!
  if (known.canvas.width !== width) known.canvas.width = width
  if (known.canvas.height !== height) known.canvas.height = height
  sheets.set(name, known)
  return known
}

/** From unsure (dark blue) over green to sure (yellow), of even lightness steps for every eye. */
const RAMP: readonly (readonly [number, number, number])[] = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
]

export function rampColour(sure: number): readonly [number, number, number] {
  const at = Math.min(Math.max(sure, 0), 1) * (RAMP.length - 1)
  const [low, high] = [RAMP[Math.floor(at)]!, RAMP[Math.ceil(at)]!]
  const share = at - Math.floor(at)
  return [0, 1, 2].map((i) => Math.round(low[i]! + share * (high[i]! - low[i]!))) as unknown as [number, number, number]
}

const TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  const [red, green, blue] = rampColour(i / 255)
  return ((0xb8 << 24) | (blue << 16) | (green << 8) | red) >>> 0
})

const sureness = (sure: number): number => (Number.isNaN(sure) ? 0 : TABLE[Math.round(sure * 255)]!)

function paintGrid(context: Context, { grid }: Frame): void {
  const [wide, high] = [context.canvas.width / grid.width, context.canvas.height / grid.height]
  context.strokeStyle = 'rgba(128, 128, 140, 0.45)'
  context.lineWidth = 1
  context.beginPath()
  for (let x = 1; x < grid.width; x++) {
    context.moveTo(Math.round(x * wide) + 0.5, 0)
    context.lineTo(Math.round(x * wide) + 0.5, context.canvas.height)
  }
  for (let y = 1; y < grid.height; y++) {
    context.moveTo(0, Math.round(y * high) + 0.5)
    context.lineTo(context.canvas.width, Math.round(y * high) + 0.5)
  }
  context.stroke()
}

function paintCursor(context: Context, { grid }: Frame, cell: number): void {
  const [wide, high] = [context.canvas.width / grid.width, context.canvas.height / grid.height]
  const [x, y] = [(cell % grid.width) * wide, Math.floor(cell / grid.width) * high]
  context.lineWidth = 4
  context.strokeStyle = '#000'
  context.strokeRect(x, y, wide, high)
  context.lineWidth = 2
  context.strokeStyle = '#fff'
  context.strokeRect(x, y, wide, high)
}
