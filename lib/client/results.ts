// Results that came from a server, with the comfort of local ones: pictures are encoded there, with their parameters inside.
import { toJson, type Json } from '../base/json.js'
import type { RawImage } from '../fields/values.js'
import type { EncodeOptions, ImageFormat } from '../image/encode.js'
import type { ImageParameters } from '../parameters/parameters.js'
import type { GeneratedImage, ImageResult, Remasked, TextResult, Timings, Usage } from '../run/results.js'

/** Picture `index` of the run as a file. */
export type Encode = (index: number, format: ImageFormat, quality: number | undefined) => Promise<Uint8Array>

type Sent = Pick<ImageResult, 'images' | 'timings' | 'usage' | 'warnings' | 'remasked'>

/** A result in a wire message. */
export function resultFrom(sent: object, encode: Encode): ImageResult | TextResult {
  return 'images' in sent ? new RemotePictures(sent as Sent, encode) : (sent as TextResult)
}

class RemotePicture implements GeneratedImage {
  declare readonly seed: string
  declare readonly image: RawImage
  declare readonly tokens: Int32Array
  declare readonly score?: number
  declare readonly parameters: ImageParameters
  readonly #encode: Encode
  readonly #index: number

  constructor(sent: GeneratedImage, encode: Encode, index: number) {
    const { seed, image, tokens, score, parameters } = sent
    Object.assign(this, { seed, image, tokens, ...(score !== undefined && { score }), parameters })
    this.#encode = encode
    this.#index = index
  }

  encode(format: ImageFormat, options: Pick<EncodeOptions, 'quality'> = {}): Promise<Uint8Array> {
    return this.#encode(this.#index, format, options.quality)
  }

  toJSON(): Json {
    return toJson(this)
  }
}

class RemotePictures extends RemotePicture implements ImageResult {
  readonly images: readonly GeneratedImage[]
  readonly timings: Timings
  readonly usage: Usage
  readonly warnings: readonly string[]
  readonly remasked: readonly Remasked[]

  constructor({ images, timings, usage, warnings, remasked }: Sent, encode: Encode) {
    super(images[0]!, encode, 0)
    this.images = images.map((image, i) => new RemotePicture(image, encode, i))
    this.timings = timings
    this.usage = usage
    this.warnings = warnings
    this.remasked = remasked
  }
}
