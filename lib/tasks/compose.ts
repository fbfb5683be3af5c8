// Original pixels back where nothing was drawn. The arithmetic is the addon's, on its own threads.
import { binding, type NativeOutcome } from '../native/binding.js'
import type { RawImage } from '../fields/values.js'
import { settle } from '../native/job.js'
import type { Composite, ImageEngineRequest } from './engine-request.js'

/** The picture that was drawn, but for the cells whose tokens are still the given ones: cells masked again mid-run stay drawn. */
export async function compose(
  { native }: ImageEngineRequest,
  { tokens, pixels, width, height }: NativeOutcome['images'][0],
  { original, feather }: Composite,
  signal: AbortSignal,
): Promise<RawImage> {
  const { cells, rows, columns } = native
  const drawn = Uint8Array.from(cells, (cell, i) => (cell === -1 || cell !== tokens[i] ? 1 : 0))
  const data = await settle(() => binding().composite(original.data, pixels, width, height, drawn, rows, columns, feather), signal)
  return { data, width, height, channels: 3 }
}
