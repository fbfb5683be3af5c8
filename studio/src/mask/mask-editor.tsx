// The mask over its picture: brush, eraser, rectangle and lasso, all snapped to cells before one's eyes; zoom, and panning by scrolling or
// with the hand.
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Given, Size } from '../pictures/picture.js'
import { urlOf } from '../pictures/picture.js'
import { withCells } from '../stage/cells.js'
import { cells, change, grid, redo, undo, type Cells } from './mask.js'
import { MaskTools, type Tool } from './mask-tools.js'
import { paintMask } from './paint-mask.js'
import { alongBrush, inLasso, inRectangle, type Point } from './shapes.js'

interface Props {
  readonly picture: Given
  readonly size: Size
}

export function MaskEditor({ picture, size }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const scroller = useRef<HTMLDivElement>(null)
  const tool = useSignal<Tool>('brush')
  const brush = useSignal(2)
  const zoom = useSignal(1)
  const line = useSignal<readonly Point[]>([])
  const drawn = useSignal<Cells | undefined>(undefined) // the mask as it would be after this stroke
  const cursor = useSignal<number | undefined>(undefined)
  const seen = useComputed(() => drawn.value ?? cells.value)

  useSignalEffect(() => {
    const what = { grid: grid.value, cells: seen.value, cursor: cursor.value, line: tool.value === 'lasso' ? line.value : [] }
    const zoomed = zoom.value
    const request = requestAnimationFrame(() => {
      if (canvas.current) paintMask(canvas.current, what, zoomed)
    })
    return () => cancelAnimationFrame(request)
  })

  // What is in the middle stays there when one comes nearer.
  const middle = useRef({ x: 0.5, y: 0.5 })
  useLayoutEffect(() => {
    const { scrollWidth, scrollHeight, clientWidth, clientHeight } = scroller.current!
    const { x, y } = middle.current
    scroller.current!.scrollTo(x * scrollWidth - clientWidth / 2, y * scrollHeight - clientHeight / 2)
  }, [zoom.value])
  const scrolled = (): void => {
    const { scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight } = scroller.current!
    middle.current = { x: (scrollLeft + clientWidth / 2) / scrollWidth, y: (scrollTop + clientHeight / 2) / scrollHeight }
  }

  const pointAt = (event: PointerEvent): Point => {
    const box = canvas.current!.getBoundingClientRect()
    const { width, height } = grid.value
    return { x: ((event.clientX - box.left) / box.width) * width, y: ((event.clientY - box.top) / box.height) * height }
  }
  const stroke = (points: readonly Point[]): Cells => {
    const from = points.at(-2) ?? points[0]!
    const to = points.at(-1)!
    switch (tool.value) {
      case 'rectangle':
        return withCells(cells.value, inRectangle(points[0]!, to, grid.value), true)
      case 'lasso':
        return withCells(cells.value, inLasso(points, grid.value), true)
      default:
        return withCells(drawn.value ?? cells.value, alongBrush(from, to, brush.value, grid.value), tool.value === 'brush')
    }
  }
  const begin = (event: PointerEvent): void => {
    if (event.button !== 0 && event.button !== 1) return
    canvas.current!.setPointerCapture(event.pointerId)
    if (tool.value === 'hand' || event.button === 1) return
    line.value = [pointAt(event)]
    drawn.value = stroke(line.value)
  }
  const move = (event: PointerEvent): void => {
    const isPan = event.buttons === 4 || (event.buttons === 1 && tool.value === 'hand')
    if (isPan) scroller.current!.scrollBy(-event.movementX, -event.movementY)
    if (isPan || line.value.length === 0) return
    line.value = [...line.value, pointAt(event)]
    drawn.value = stroke(line.value)
  }
  const end = (): void => {
    if (drawn.value) change(drawn.value)
    drawn.value = undefined
    line.value = []
  }
  const key = (event: KeyboardEvent): void => {
    const { width, height } = grid.value
    const at = cursor.value ?? 0
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') (event.shiftKey ? redo : undo)()
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'y') redo()
    else if (way) {
      const x = Math.min(Math.max((at % width) + way[0]!, 0), width - 1)
      const y = Math.min(Math.max(Math.floor(at / width) + way[1]!, 0), height - 1)
      cursor.value = y * width + x
    } else if (event.key === ' ') change(withCells(cells.value, [at], !cells.value.has(at)))
    else return
    event.preventDefault()
  }
  return (
    <div class="mask-editor">
      <MaskTools tool={tool} brush={brush} zoom={zoom} size={size} />
      <div class="mask-scroller" ref={scroller} tabIndex={-1} onScroll={scrolled} style={{ '--ratio': String(size.width / size.height) }}>
        <div class="mask-sheet" style={{ width: `${zoom.value * 100}%`, aspectRatio: `${size.width} / ${size.height}` }}>
          <img src={urlOf(picture)} alt="The given picture" />
          <canvas
            ref={canvas}
            class={`tool-${tool.value}`}
            tabIndex={0}
            role="application"
            aria-roledescription="mask"
            aria-label={`Mask: ${seen.value.size} of ${grid.value.width * grid.value.height} cells are drawn anew. Arrows move, space masks a cell, Control+Z takes back.`}
            onPointerDown={begin}
            onPointerMove={move}
            onPointerUp={end}
            onPointerCancel={end}
            onBlur={() => (cursor.value = undefined)}
            onKeyDown={key}
          />
        </div>
      </div>
      <p class="hint" role="status">
        {seen.value.size} of {grid.value.width * grid.value.height} cells are drawn anew.
      </p>
    </div>
  )
}
