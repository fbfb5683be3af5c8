// Sets of cells.
export interface Grid {
  readonly width: number
  readonly height: number
}

/** The cells of a square brush around one; `size` is its side. */
export function cellsAround(cell: number, size: number, { width, height }: Grid): number[] {
  const [x, y] = [cell % width, Math.floor(cell / width)]
  const before = Math.floor((size - 1) / 2)
  const found: number[] = []
  for (let row = y - before; row < y - before + size; row++) {
    for (let column = x - before; column < x - before + size; column++) {
      if (row >= 0 && row < height && column >= 0 && column < width) found.push(row * width + column)
    }
  }
  return found
}

export function withCells(cells: ReadonlySet<number>, changed: readonly number[], adds: boolean): ReadonlySet<number> {
  const next = new Set(cells)
  for (const cell of changed) {
    if (adds) next.add(cell)
    else next.delete(cell)
  }
  return next
}
