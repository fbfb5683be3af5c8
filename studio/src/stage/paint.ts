// Paints one frame of a picture onto sheets that lie over each other, each as large as what it shows: the draft at its own pixels, cells at
// one pixel each, lines at those of the screen. The browser makes them as large as they are seen, off the page's thread.
import type { Frame } from '../runs/frames.js'

export type MaskedLook = 'held' | 'blurred' | 'grey'

export interface Marks {
  readonly marked: ReadonlySet<number>
  readonly pinned: ReadonlySet<number>
}

export interface Size {
  readonly width: number
  readonly height: number
}

type Context = CanvasRenderingContext2D

/** The draft; masked cells are blurred where they are to be. Empty without one. */
export function paintDraft(context: Context, frame: Frame, draft: ImageBitmap | undefined, masked: MaskedLook): void {
  clear(context, draft ?? NOTHING)
  if (draft) context.drawImage(draft, 0, 0)
  if (draft && masked === 'blurred') paintBlurred(context, frame, draft)
}

// Drawn at a pixel a cell and back: blurred to about a cell; then only where the mask is.
function paintBlurred(context: Context, frame: Frame, draft: ImageBitmap): void {
  const { width, height } = context.canvas
  const small = sheet('blur', frame.grid)
  small.drawImage(draft, 0, 0, frame.grid.width, frame.grid.height)
  const large = sheet('blurred', context.canvas)
  large.globalCompositeOperation = 'copy'
  large.imageSmoothingEnabled = false
  large.drawImage(
    cellsOf(frame, (cell) => (frame.tokens[cell] === -1 ? 0xff000000 : 0)),
    0,
    0,
    width,
    height,
  )
  large.globalCompositeOperation = 'source-in'
  large.imageSmoothingEnabled = true
  large.drawImage(small.canvas, 0, 0, width, height)
  context.drawImage(large.canvas, 0, 0)
}

/** What is said of cells by their colour, one above the other. */
export function paintCells(context: Context, frame: Frame, grey: boolean, confidence: boolean, { marked, pinned }: Marks): void {
  const layers: Colour[] = []
  if (grey) layers.push((cell) => (frame.tokens[cell] === -1 ? GREY : 0))
  if (confidence) layers.push((cell) => sureness(frame.confidence[cell]!))
  if (marked.size > 0) layers.push((cell) => (marked.has(cell) ? MARKED : 0))
  if (pinned.size > 0) layers.push((cell) => (pinned.has(cell) ? PINNED : 0))
  clear(context, layers.length === 0 ? NOTHING : frame.grid)
  for (const layer of layers) context.drawImage(cellsOf(frame, layer), 0, 0)
}

/** The grid, and the cell that one looks at. */
export function paintLines(context: Context, grid: Size, showsGrid: boolean, cursor: number | undefined, size: Size): void {
  clear(context, showsGrid || cursor !== undefined ? size : NOTHING)
  if (showsGrid) paintGrid(context, grid)
  if (cursor !== undefined) paintCursor(context, grid, cursor)
}

/** Colours as 0xAABBGGRR, as pixels lie in memory. */
type Colour = (cell: number) => number

const GREY = 0xff8a8583
const MARKED = 0xb01f6bff
const PINNED = 0xa0c88a1a

function cellsOf(frame: Frame, colour: Colour): OffscreenCanvas {
  const { width, height } = frame.grid
  const context = sheet('cells', frame.grid)
  const pixels = context.createImageData(width, height)
  const words = new Uint32Array(pixels.data.buffer)
  for (let cell = 0; cell < words.length; cell++) words[cell] = colour(cell)
  context.putImageData(pixels, 0, 0)
  return context.canvas
}

const sheets = new Map<string, OffscreenCanvasRenderingContext2D>()

function sheet(name: string, size: Size): OffscreenCanvasRenderingContext2D {
  const known = sheets.get(name) ?? new OffscreenCanvas(size.width, size.height).getContext('2d')!
  resize(known, size)
  sheets.set(name, known)
  return known
}

// A canvas that is given a size loses what is on it, and takes memory anew.
function resize({ canvas }: Context | OffscreenCanvasRenderingContext2D, { width, height }: Size): void {
  if (canvas.width !== width) canvas.width = width
  if (canvas.height !== height) canvas.height = height
}

/** What an empty sheet has for its size: it costs nothing then. */
const NOTHING: Size = { width: 1, height: 1 }

function clear(context: Context, size: Size): void {
  resize(context, size)
  if (size !== NOTHING) context.clearRect(0, 0, size.width, size.height)
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

function paintGrid(context: Context, grid: Size): void {
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

function paintCursor(context: Context, grid: Size, cell: number): void {
  const [wide, high] = [context.canvas.width / grid.width, context.canvas.height / grid.height]
  const [x, y] = [(cell % grid.width) * wide, Math.floor(cell / grid.width) * high]
  context.lineWidth = 4
  context.strokeStyle = '#000'
  context.strokeRect(x, y, wide, high)
  context.lineWidth = 2
  context.strokeStyle = '#fff'
  context.strokeRect(x, y, wide, high)
}
