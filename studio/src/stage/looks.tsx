// How the picture is looked at.
import { rampColour, type MaskedLook } from './paint.js'
import { maskedLook, showConfidence, showGrid } from './look.js'

const LOOKS: readonly (readonly [MaskedLook, string])[] = [
  ['held', 'their present guess'],
  ['blurred', 'blurred'],
  ['grey', 'grey'],
]

export function Looks() {
  return (
    <div class="toolbar looks" role="group" aria-label="How it is shown">
      <label>
        Masked cells
        <select value={maskedLook.value} onChange={(event) => (maskedLook.value = event.currentTarget.value as MaskedLook)}>
          {LOOKS.map(([look, words]) => (
            <option key={look} value={look}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label>
        <input type="checkbox" checked={showConfidence.value} onChange={(event) => (showConfidence.value = event.currentTarget.checked)} />
        Confidence
      </label>
      <label>
        <input type="checkbox" checked={showGrid.value} onChange={(event) => (showGrid.value = event.currentTarget.checked)} />
        Grid
      </label>
      {showConfidence.value && (
        <span class="legend">
          0 %
          {Array.from({ length: 9 }, (_, i) => (
            <i key={i} style={{ background: `rgb(${rampColour(i / 8).join(' ')})` }} />
          ))}
          100 %
        </span>
      )}
    </div>
  )
}
