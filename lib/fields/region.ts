// A region for who cannot wait until a file is read: both kinds of steps, here and of another machine.
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { isMade, type MaskInput, type RawImage } from './values.js'

/** The region, or the pixels of an earlier result. Throws `request/invalid` for a path. */
export function regionAtHand(region: MaskInput): Exclude<MaskInput, string> | RawImage {
  const ready = isMade(region) ? region.image : region
  if (typeof ready !== 'string') return ready
  throw invalid(
    `remask: region must be rectangles, a mask of pixels or an Uint32Array of cells, got ${show(ready)} (run.remask reads files)`,
  )
}
