// The draft of a frame as a bitmap, decoded off the page's thread. Whoever looks at frames has a decoder: it holds the last bitmap, and
// frees it when another one takes its place.
export class Decoder {
  readonly #options: ImageBitmapOptions
  #bytes: Uint8Array | undefined
  #bitmap: ImageBitmap | undefined
  #ended = false

  constructor(options: ImageBitmapOptions = {}) {
    this.#options = options
  }

  /** Undefined where there is none, or none that can be read. Good until the next one is asked for. */
  async bitmapOf(draft: Uint8Array | undefined): Promise<ImageBitmap | undefined> {
    if (draft === this.#bytes) return this.#bitmap
    const bitmap = draft && (await decoded(draft, this.#options))
    this.#bitmap?.close()
    if (this.#ended) bitmap?.close()
    else [this.#bytes, this.#bitmap] = [draft, bitmap]
    return this.#bitmap
  }

  end(): void {
    this.#ended = true
    this.#bitmap?.close()
    this.#bytes = this.#bitmap = undefined
  }
}

async function decoded(draft: Uint8Array, options: ImageBitmapOptions): Promise<ImageBitmap | undefined> {
  try {
    return await createImageBitmap(new Blob([draft as Uint8Array<ArrayBuffer>]), options)
  } catch {
    return undefined
  }
}
