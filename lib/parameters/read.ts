// The parameters inside a picture's file: a PNG's text chunk, XMP in every format.
import type { RawImage } from '../fields/values.js'
import { fileBytes, nameOf, type FileInput } from '../image/bytes.js'
import { readPngText } from '../image/png-text.js'
import { unreadable } from '../image/read.js'
import { sharp } from '../image/sharp.js'
import { readXmp } from '../image/xmp.js'
import { parseParameters, PARAMETERS_KEY, type ImageParameters } from './parameters.js'

/**
 * The parameters that this package wrote into a picture's file; undefined where there are none.
 *
 * @param input The file: a path, a `file:` or `data:` URL, a Blob, a stream, or its bytes.
 * @throws `image/invalid` for what is no picture, or holds damaged parameters.
 * @example
 * const { prompt, seed } = (await readParameters('out.png')) ?? {}
 */
export async function readParameters(input: Exclude<FileInput, RawImage>): Promise<ImageParameters | undefined> {
  const what = nameOf(undefined, input)
  const bytes = await fileBytes(input, what)
  const found = readPngText(bytes, PARAMETERS_KEY)
  if (found !== undefined) return parseParameters(found)
  const { xmp } = await (await sharp())(bytes, { limitInputPixels: false }).metadata().catch(unreadable(what))
  const text = xmp && readXmp(xmp.toString('utf8'), PARAMETERS_KEY)
  return text === undefined ? undefined : parseParameters(text)
}
