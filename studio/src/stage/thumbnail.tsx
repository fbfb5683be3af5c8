// A run, small: its last frame a few times a second, or its picture.
import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { LiveRun } from '../runs/live-run.js'
import { paintCells, paintDraft } from './paint.js'
import { Painter } from './painter.js'

const OPTIONS = { everyMs: 250, bitmap: { resizeWidth: 64 } } as const
const UNMARKED = { marked: new Set<number>(), pinned: new Set<number>() }

export function Thumbnail({ run }: { readonly run: LiveRun }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const painter = useRef<Painter>(undefined)
  const end = (): void => {
    painter.current?.end()
    painter.current = undefined
  }
  useEffect(() => end, [])
  useSignalEffect(() => {
    const frame = run.frames.value[0]?.at(-1)
    if (run.pictures.value.length > 0) end()
    if (run.pictures.value.length > 0 || !frame) return
    const paint = (draft: ImageBitmap | undefined): void => {
      const context = canvas.current?.getContext('2d')
      if (!context) return
      if (draft) paintDraft(context, frame, draft, 'held')
      else paintCells(context, frame, true, false, UNMARKED)
    }
    painter.current ??= new Painter(OPTIONS)
    painter.current.want({ draft: frame.draft, paint })
  })
  const picture = run.pictures.value[0]
  if (picture) return <img class="thumbnail" src={picture.url} alt="" />
  return <canvas ref={canvas} class="thumbnail" width={1} height={1} aria-hidden="true" />
}
