// The sheets of a live picture: three canvases over each other, painted anew when the run, its marks or the way of looking change.
import { useComputed, useSignal, useSignalEffect, type Signal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { LiveRun } from '../runs/live-run.js'
import { maskedLook, showConfidence, showGrid } from './look.js'
import { paintCells, paintDraft, paintLines } from './paint.js'
import { Painter } from './painter.js'

export interface Sheets {
  readonly draft: RefObject<HTMLCanvasElement | null>
  readonly cells: RefObject<HTMLCanvasElement | null>
  /** The uppermost, which the pointer touches. */
  readonly lines: RefObject<HTMLCanvasElement | null>
}

/** Pixels a side that lines are drawn with, at most. */
const LONGEST = 2048

export function useSheets(run: LiveRun, cursor: Signal<number | undefined>): Sheets {
  const [draft, cells, lines] = [useRef<HTMLCanvasElement>(null), useRef<HTMLCanvasElement>(null), useRef<HTMLCanvasElement>(null)]
  const size = useSignal({ width: 1, height: 1 })
  const painter = useRef<Painter>(undefined)
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => (size.value = sharp(entry!.contentRect)))
    observer.observe(lines.current!)
    return () => {
      observer.disconnect()
      painter.current?.end()
      painter.current = undefined
    }
  }, [])
  useSignalEffect(() => {
    const frame = run.frame.value
    if (!frame) return
    const [masked, confidence, over] = [maskedLook.value, showConfidence.value, showsEnd(run)]
    const marks = { marked: run.marked.value, pinned: run.pinned.value }
    const paint = (bitmap: ImageBitmap | undefined): void => {
      // Taken off the page: its effects end a little later.
      if (!draft.current || !cells.current) return
      paintDraft(context(draft.current), frame, bitmap, masked)
      paintCells(context(cells.current), frame, !over && (masked === 'grey' || !bitmap), confidence, marks)
    }
    painter.current ??= new Painter()
    painter.current.want({ draft: over ? undefined : frame.draft, paint })
  })
  const [width, height] = [useComputed(() => run.frame.value?.grid.width), useComputed(() => run.frame.value?.grid.height)]
  useSignalEffect(() => {
    const grid = { width: width.value ?? 1, height: height.value ?? 1 }
    const [shows, at, pixels] = [showGrid.value, cursor.value, size.value]
    if (lines.current) paintLines(context(lines.current), grid, shows, at, pixels)
  })
  return { draft, cells, lines }
}

const context = (canvas: HTMLCanvasElement): CanvasRenderingContext2D => canvas.getContext('2d')!

/** The newest step of a finished run is its picture. */
export function showsEnd(run: LiveRun): boolean {
  const frames = run.frames.value[run.shown.value]
  const at = run.at.value
  return run.picture.value !== undefined && (at === undefined || at >= (frames?.at(-1)?.step ?? 0))
}

// As many pixels as the screen shows.
function sharp({ width, height }: DOMRectReadOnly): { width: number; height: number } {
  const scale = Math.min(devicePixelRatio, LONGEST / Math.max(width, height, 1))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
