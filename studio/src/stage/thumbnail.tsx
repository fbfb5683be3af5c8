// A run, small: its last frame, or its picture.
import { useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { LiveRun } from '../runs/live-run.js'
import { awaitDrafts, draftOf } from './drafts.js'
import { paint } from './paint.js'

const NOTHING = { marked: new Set<number>(), pinned: new Set<number>(), cursor: undefined }
const LOOK = { masked: 'held', confidence: false, grid: false } as const

export function Thumbnail({ run }: { readonly run: LiveRun }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useSignalEffect(() => {
    const frame = run.frames.value[0]?.at(-1)
    awaitDrafts()
    if (run.pictures.value.length > 0 || !frame) return
    const request = requestAnimationFrame(() => {
      const element = canvas.current
      if (element) paint(element.getContext('2d')!, frame, draftOf(frame), LOOK, NOTHING, false)
    })
    return () => cancelAnimationFrame(request)
  })
  const picture = run.pictures.value[0]
  if (picture) return <img class="thumbnail" src={picture.url} alt="" />
  return <canvas ref={canvas} class="thumbnail" width={64} height={64} aria-hidden="true" />
}
