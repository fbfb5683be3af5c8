// Tools of the mask.
import type { Signal } from '@preact/signals'
import { useRef, useState } from 'preact/hooks'
import { download } from '../parts/download.js'
import type { Size } from '../pictures/picture.js'
import { shown } from '../schema/schema.js'
import { canRedo, canUndo, cells, change, clear, grid, invert, redo, undo } from './mask.js'
import { cellsOfMask, maskFile } from './mask-files.js'

export type Tool = 'brush' | 'eraser' | 'rectangle' | 'lasso' | 'hand'

const TOOLS: readonly (readonly [Tool, string])[] = [
  ['brush', 'Brush'],
  ['eraser', 'Eraser'],
  ['rectangle', 'Rectangle'],
  ['lasso', 'Lasso'],
  ['hand', 'Pan'],
]

interface Props {
  readonly tool: Signal<Tool>
  readonly brush: Signal<number>
  readonly zoom: Signal<number>
  readonly size: Size
}

export function MaskTools({ tool, brush, zoom, size }: Props) {
  const file = useRef<HTMLInputElement>(null)
  const [problem, complain] = useState('')
  const load = async (chosen: File): Promise<void> => {
    try {
      change(await cellsOfMask(chosen, grid.value))
      complain('')
    } catch {
      complain(`${shown(chosen.name)} is no picture that this browser reads. A mask is a picture whose white parts are drawn anew.`)
    }
  }
  return (
    <>
      <div class="toolbar" role="group" aria-label="Mask tool">
        {TOOLS.map(([one, words]) => (
          <button key={one} type="button" aria-pressed={tool.value === one} onClick={() => (tool.value = one)}>
            {words}
          </button>
        ))}
      </div>
      <div class="toolbar" role="group" aria-label="Mask">
        <label>
          Size
          <input
            type="range"
            min={1}
            max={Math.max(2, Math.min(grid.value.width, grid.value.height))}
            value={brush.value}
            aria-valuetext={`${brush.value} cells`}
            onInput={(event) => (brush.value = event.currentTarget.valueAsNumber)}
          />
        </label>
        <label>
          Zoom
          <input
            type="range"
            min={1}
            max={8}
            step={0.5}
            value={zoom.value}
            aria-valuetext={`${zoom.value} times`}
            onInput={(event) => (zoom.value = event.currentTarget.valueAsNumber)}
          />
        </label>
        <button type="button" disabled={!canUndo.value} onClick={undo}>
          Undo
        </button>
        <button type="button" disabled={!canRedo.value} onClick={redo}>
          Redo
        </button>
        <button type="button" onClick={invert}>
          Invert
        </button>
        <button type="button" disabled={cells.value.size === 0} onClick={clear}>
          Clear
        </button>
        <button type="button" onClick={() => file.current!.click()}>
          Load…
        </button>
        <button
          type="button"
          disabled={cells.value.size === 0}
          onClick={() => void maskFile(cells.value, grid.value, size).then((made) => download(made, 'mask.png'))}
        >
          Save
        </button>
        <input
          ref={file}
          type="file"
          accept="image/*"
          aria-label="Mask file"
          class="unseen"
          tabIndex={-1}
          onChange={(event) => {
            const [chosen] = event.currentTarget.files ?? []
            event.currentTarget.value = ''
            if (chosen) void load(chosen)
          }}
        />
      </div>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  )
}
