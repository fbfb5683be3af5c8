// Width and height on the model's grid, by preset or freely.
import { info } from '../server/connection.js'
import { put, sizeNow, values } from './draft.js'

const RATIOS: readonly (readonly [string, number])[] = [
  ['Square', 1],
  ['4:3', 4 / 3],
  ['3:2', 3 / 2],
  ['16:9', 16 / 9],
  ['3:4', 3 / 4],
  ['2:3', 2 / 3],
  ['9:16', 9 / 16],
]

export function SizeField() {
  const scale = info.value?.scale ?? 16
  const { width: wide = 1024, height: high = 1024 } = info.value?.defaults.image ?? {}
  const presets = RATIOS.map(([words, ratio]) => ({ words, ...sideOf(ratio, wide * high, scale) }))
  const { width, height } = sizeNow.value
  const free = values.value['width'] !== undefined || values.value['height'] !== undefined
  const chosen = free ? presets.findIndex((one) => one.width === width && one.height === height) : -1
  const off = [width, height].some((side) => side % scale !== 0)
  return (
    <fieldset class="field size">
      <legend>Size</legend>
      <div class="row">
        <select
          aria-label="Size preset"
          value={free ? (chosen < 0 ? 'free' : String(chosen)) : ''}
          onChange={(event) => {
            const preset = presets[Number(event.currentTarget.value)]
            const none = event.currentTarget.value === ''
            put('width', none ? undefined : (preset?.width ?? width))
            put('height', none ? undefined : (preset?.height ?? height))
          }}
        >
          <option value="">{`default: ${wide} × ${high}`}</option>
          {presets.map((one, i) => (
            <option key={one.words} value={String(i)}>
              {`${one.words}: ${one.width} × ${one.height}`}
            </option>
          ))}
          <option value="free">free</option>
        </select>
        <input
          aria-label="Width in pixels"
          type="number"
          min={scale}
          step={scale}
          value={width}
          onInput={(event) => side('width', event)}
        />
        <span aria-hidden="true">×</span>
        <input
          aria-label="Height in pixels"
          type="number"
          min={scale}
          step={scale}
          value={height}
          onInput={(event) => side('height', event)}
        />
      </div>
      <p class="hint">
        {off
          ? `Sides must be multiples of ${scale}: the nearest are ${nearest(width, scale)} × ${nearest(height, scale)}.`
          : `${width / scale} × ${height / scale} cells of ${scale} pixels.`}
      </p>
    </fieldset>
  )
}

function side(name: 'width' | 'height', { currentTarget }: { readonly currentTarget: HTMLInputElement }): void {
  put(name, Number.isNaN(currentTarget.valueAsNumber) ? undefined : currentTarget.valueAsNumber)
}

const nearest = (side: number, scale: number): number => Math.max(scale, Math.round(side / scale) * scale)

function sideOf(ratio: number, area: number, scale: number): { width: number; height: number } {
  return { width: nearest(Math.sqrt(area * ratio), scale), height: nearest(Math.sqrt(area / ratio), scale) }
}
