// What is known of one cell: its code, how sure the model was of it, and the step that decided it.
import type { Frame } from '../runs/frames.js'

export function CellCard({ frame, cell, pinned }: { readonly frame: Frame; readonly cell: number; readonly pinned: boolean }) {
  const { grid, tokens, guess, confidence, decided } = frame
  const masked = tokens[cell] === -1
  const sure = confidence[cell]!
  const step = decided[cell]!
  return (
    <p class={cell < tokens.length / 2 ? 'cell-card low' : 'cell-card'} role="status">
      Column {(cell % grid.width) + 1}, row {Math.floor(cell / grid.width) + 1}: {masked ? 'masked' : `code ${tokens[cell]!}`}
      {masked && guess[cell] !== -1 && `, now guessed ${guess[cell]!}`}
      {!Number.isNaN(sure) && `, ${Math.round(sure * 100)} % sure`}
      {step >= 0 && `, decided in step ${step + 1}`}
      {pinned && ', pinned'}
    </p>
  )
}
