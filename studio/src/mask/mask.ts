// The mask: cells of the given picture's grid that are drawn anew. One for the page, so that it survives runs and changes of task; fifty
// steps can be taken back.
import { computed, signal } from '@preact/signals'
import type { Grid } from '../stage/cells.js'

const UNDO = 50

export type Cells = ReadonlySet<number>

const NONE: Cells = new Set()

export const grid = signal<Grid>({ width: 0, height: 0 })
export const cells = signal<Cells>(NONE)
const past = signal<readonly Cells[]>([])
const future = signal<readonly Cells[]>([])
export const canUndo = computed(() => past.value.length > 0)
export const canRedo = computed(() => future.value.length > 0)

// Of a run that is repeated: it comes in once the grid of its picture is known.
let awaited: { readonly picture: unknown; readonly cells: Cells } | undefined
/** Whose grid it is. */
let fitted: unknown

/** The mask of a run that is repeated, for its picture, which may still be on its way. */
export function takeUp(next: Iterable<number>, picture: unknown): void {
  awaited = { picture, cells: new Set(next) }
  if (picture === fitted) fitTo(grid.value, picture)
}

/** A mask of another grid means nothing any more. */
export function fitTo(next: Grid, picture: unknown): void {
  fitted = picture
  if (next.width !== grid.value.width || next.height !== grid.value.height) {
    grid.value = next
    cells.value = NONE
    past.value = []
    future.value = []
  }
  if (awaited?.picture === picture) change(new Set([...awaited!.cells].filter((cell) => cell < next.width * next.height)))
  awaited = undefined
}

/** A whole stroke is one change. */
export function change(next: Cells): void {
  if (same(next, cells.value)) return
  past.value = [...past.value, cells.value].slice(-UNDO)
  future.value = []
  cells.value = next
}

export function undo(): void {
  const before = past.value.at(-1)
  if (!before) return
  past.value = past.value.slice(0, -1)
  future.value = [...future.value, cells.value]
  cells.value = before
}

export function redo(): void {
  const after = future.value.at(-1)
  if (!after) return
  future.value = future.value.slice(0, -1)
  past.value = [...past.value, cells.value]
  cells.value = after
}

export function invert(): void {
  const { width, height } = grid.value
  change(new Set(Array.from({ length: width * height }, (_, cell) => cell).filter((cell) => !cells.value.has(cell))))
}

export const clear = (): void => change(NONE)

function same(one: Cells, other: Cells): boolean {
  return one.size === other.size && [...one].every((cell) => other.has(cell))
}
