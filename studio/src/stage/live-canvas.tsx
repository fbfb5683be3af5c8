// A picture of a run as it comes into being: its draft, overlays, and marks that the pointer or the keyboard sets. The finished picture is
// an image below the overlays.
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { Frame } from '../runs/frames.js'
import type { LiveRun } from '../runs/live-run.js'
import { CellCard } from './cell-card.js'
import { urlOf } from '../pictures/picture.js'
import { originalOf } from './result-bar.js'
import { brush, compare, hand } from './look.js'
import { showsEnd, useSheets } from './sheets.js'
import { cellsAround, withCells } from './cells.js'

export function LiveCanvas({ run }: { readonly run: LiveRun }) {
  const cursor = useSignal<number | undefined>(undefined)
  const stroke = useRef<{ readonly adds: boolean } | undefined>(undefined)
  const { draft, cells, lines: canvas } = useSheets(run, cursor)

  const frame = run.frame.value
  const { grid = { width: 1, height: 1 } } = frame ?? {}
  const end = showsEnd(run) ? run.picture.value : undefined
  const original = originalOf(run)

  const cellAt = (event: PointerEvent): number => {
    const box = canvas.current!.getBoundingClientRect()
    const x = clamp(Math.floor(((event.clientX - box.left) / box.width) * grid.width), grid.width)
    const y = clamp(Math.floor(((event.clientY - box.top) / box.height) * grid.height), grid.height)
    return y * grid.width + x
  }
  const set = (cell: number, adds: boolean): void => {
    const which = hand.value === 'pin' ? run.pinned : run.marked
    const around = cellsAround(cell, brush.value, grid)
    // Only what is decided can stay, or go back.
    const fitting = around.filter((one) => frame?.tokens[one] !== -1)
    which.value = withCells(which.value, fitting, adds)
  }
  const begin = (event: PointerEvent): void => {
    if (hand.value === 'look' || !frame) return
    const cell = cellAt(event)
    const known = (hand.value === 'pin' ? run.pinned : run.marked).value.has(cell)
    stroke.current = { adds: !known }
    canvas.current!.setPointerCapture(event.pointerId)
    set(cell, !known)
  }
  const move = (event: PointerEvent): void => {
    if (!frame) return
    const cell = cellAt(event)
    cursor.value = cell
    if (stroke.current) set(cell, stroke.current.adds)
  }
  const key = (event: KeyboardEvent): void => {
    const way = ARROWS[event.key]
    const at = cursor.value ?? 0
    if (way) {
      const x = clamp((at % grid.width) + way[0], grid.width)
      const y = clamp(Math.floor(at / grid.width) + way[1], grid.height)
      cursor.value = y * grid.width + x
      event.preventDefault()
    } else if (event.key === ' ' && hand.value !== 'look' && frame) {
      const known = (hand.value === 'pin' ? run.pinned : run.marked).value.has(at)
      set(at, !known)
      event.preventDefault()
    }
  }
  return (
    <div class="stage-picture" style={{ aspectRatio: `${grid.width} / ${grid.height}`, '--ratio': String(grid.width / grid.height) }}>
      {end && <img src={end.url} alt={run.prompt === '' ? 'A picture without a prompt' : run.prompt} />}
      {end && original && compare.value !== undefined && (
        <img class="original" src={urlOf(original)} alt="The original" style={{ clipPath: `inset(0 ${100 - compare.value}% 0 0)` }} />
      )}
      <canvas ref={draft} width={1} height={1} aria-hidden="true" />
      <canvas ref={cells} class="cells" width={1} height={1} aria-hidden="true" />
      <canvas
        ref={canvas}
        width={1}
        height={1}
        class={`hand-${hand.value}`}
        tabIndex={0}
        role="application"
        aria-roledescription="picture of cells"
        aria-label={`${labelOf(run, frame)} Arrows move over the cells${hand.value === 'look' ? '' : ', space marks one'}.`}
        onPointerDown={begin}
        onPointerMove={move}
        onPointerUp={() => (stroke.current = undefined)}
        onPointerCancel={() => (stroke.current = undefined)}
        onPointerLeave={() => {
          if (document.activeElement !== canvas.current) cursor.value = undefined
        }}
        onBlur={() => (cursor.value = undefined)}
        onKeyDown={key}
      />
      {!frame && <p class="waiting">{waitingWords(run)}</p>}
      {frame && cursor.value !== undefined && <CellCard frame={frame} cell={cursor.value} pinned={run.pinned.value.has(cursor.value)} />}
    </div>
  )
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

const clamp = (value: number, below: number): number => Math.min(Math.max(value, 0), below - 1)

function labelOf(run: LiveRun, frame: Frame | undefined): string {
  if (!frame) return waitingWords(run)
  const decided = frame.tokens.length - frame.masked
  return `Step ${frame.step + 1} of ${frame.steps}: ${decided} of ${frame.tokens.length} cells decided.`
}

function waitingWords(run: LiveRun): string {
  if (run.problem.value !== '') return run.problem.value
  return run.state.value === 'queued' ? 'Waiting for its turn…' : 'The first step is on its way…'
}
