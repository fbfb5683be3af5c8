// Drafts of frames as bitmaps, decoded off the page's thread, a few kept: one looks at one frame at a time.
import { signal } from '@preact/signals'
import type { Frame } from '../runs/frames.js'

const KEPT = 12
const bitmaps = new Map<Uint8Array, ImageBitmap>()
const asked = new Set<Uint8Array>()
/** Goes up when a draft is ready. */
export const draftsReady = signal(0)

/** Makes an effect run again when a draft is ready. */
export const awaitDrafts = (): number => draftsReady.value

/** Undefined until it is decoded; whoever asks within an effect is told again when it is. */
export function draftOf({ draft }: Frame): ImageBitmap | undefined {
  if (!draft) return undefined
  const known = bitmaps.get(draft)
  if (!known && !asked.has(draft)) void decode(draft)
  return known
}

async function decode(draft: Uint8Array): Promise<void> {
  asked.add(draft)
  try {
    bitmaps.set(draft, await createImageBitmap(new Blob([draft as Uint8Array<ArrayBuffer>])))
    for (const [oldest, bitmap] of bitmaps) {
      if (bitmaps.size <= KEPT) break
      bitmaps.delete(oldest)
      bitmap.close()
    }
    draftsReady.value++
  } catch {
    // A draft that cannot be read leaves its cells grey.
  } finally {
    asked.delete(draft)
  }
}
