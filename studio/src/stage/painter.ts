// Paints what was wanted last: once a frame of the screen at most, one draft at a time, and never before the draft is decoded. What is on
// the canvas stays until then, so that nothing flickers; what comes faster than it can be shown is passed over.
import { Decoder } from './drafts.js'

export interface Wanted {
  /** The bytes of a picture, where it needs one. */
  readonly draft: Uint8Array | undefined
  readonly paint: (bitmap: ImageBitmap | undefined) => void
}

export interface PainterOptions {
  /** At least so many milliseconds lie between two paintings. */
  readonly everyMs?: number
  readonly bitmap?: ImageBitmapOptions
}

export class Painter {
  readonly #decoder: Decoder
  readonly #everyMs: number
  #wanted: Wanted | undefined
  #busy = false
  #ended = false
  #frame = 0

  constructor({ everyMs = 0, bitmap }: PainterOptions = {}) {
    this.#everyMs = everyMs
    this.#decoder = new Decoder(bitmap)
  }

  want(wanted: Wanted): void {
    this.#wanted = wanted
    if (!this.#busy) void this.#work()
  }

  end(): void {
    this.#ended = true
    this.#wanted = undefined
    this.#decoder.end()
    cancelAnimationFrame(this.#frame)
  }

  async #work(): Promise<void> {
    this.#busy = true
    for (let wanted = this.#wanted; wanted; wanted = this.#wanted) {
      const bitmap = await this.#decoder.bitmapOf(wanted.draft)
      if (!this.#ended) await this.#nextFrame()
      if (this.#ended) return
      // Marks and looks may have changed meanwhile; of another draft it is the next turn.
      const newest = this.#wanted!
      const shown = newest.draft === wanted.draft ? newest : wanted
      if (shown === newest) this.#wanted = undefined
      shown.paint(bitmap)
      if (this.#everyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#everyMs))
    }
    this.#busy = false
  }

  // A page that nobody sees has no frames: what waits for one must not outlive its picture.
  #nextFrame(): Promise<unknown> {
    return new Promise((resolve) => {
      this.#frame = requestAnimationFrame(resolve)
    })
  }
}
