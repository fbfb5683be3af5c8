// The given picture with what an outpaint adds around it, before it is drawn.
import { values } from '../form/draft.js'
import { urlOf, type Given, type Size } from '../pictures/picture.js'
import { info } from '../server/connection.js'
import { borderOf } from './border.js'

interface Props {
  readonly picture: Given
  readonly size: Size
}

export function BorderPreview({ picture, size }: Props) {
  const scale = info.value?.scale ?? 16
  const { whole, picture: place, kept, cells } = borderOf(size, values.value['extend'], scale)
  const cropped = values.value['imageArea'] !== undefined && values.value['imageArea'] !== 'native'
  const at = (box: typeof place): Record<string, string> => ({
    left: `${(box.left / whole.width) * 100}%`,
    top: `${(box.top / whole.height) * 100}%`,
    width: `${(box.width / whole.width) * 100}%`,
    height: `${(box.height / whole.height) * 100}%`,
  })
  return (
    <div class="border-preview">
      <div
        class="border-sheet"
        style={{
          '--ratio': String(whole.width / whole.height),
          '--across': String(whole.width / scale),
          '--down': String(whole.height / scale),
          aspectRatio: `${whole.width} / ${whole.height}`,
        }}
      >
        <img src={urlOf(picture)} alt="The given picture" style={at(place)} />
        <div class="kept" style={at(kept)} aria-hidden="true" />
      </div>
      <p class="hint" role="status">
        {cells === 0
          ? 'Nothing is added yet: say under Extend how many pixels each side grows.'
          : `${place.width} × ${place.height} becomes ${whole.width} × ${whole.height} pixels: ${cells} cells are drawn.`}
        {cropped && ' The picture is cropped to its area first.'}
      </p>
    </div>
  )
}
