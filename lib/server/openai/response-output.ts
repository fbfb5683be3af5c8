// The two kinds of output of `/v1/responses`: a message whose text is told as it settles, and pictures of the tool
// `image_generation`.
import { randomUUID } from 'node:crypto'
import type { ImageResult, TextResult } from '../../run/results.js'
import { resultOf, type Asked } from './asked.js'
import { drawSteps } from './draw-steps.js'
import type { ImagesRequest } from './images-request.js'
import { encoded, encodedPartial } from './output.js'
import type { Made, ResponseWriter } from './response-writer.js'
import { cut, sendSettled, Settled } from './settled.js'

const idOf = (kind: string): string => `${kind}_${randomUUID().replaceAll('-', '')}`

export async function writeText(
  asked: Asked,
  stops: readonly string[],
  writer: ResponseWriter,
  warnings: readonly string[],
): Promise<Made> {
  const id = idOf('msg')
  const place = { item_id: id, output_index: 0, content_index: 0 }
  const part = (text: string): object => ({ type: 'output_text', text, annotations: [], logprobs: [] })
  const message = (status: string, content: readonly object[]): Record<string, unknown> => ({
    id,
    type: 'message',
    role: 'assistant',
    status,
    content,
  })
  const tell = (delta: string): Promise<void> => writer.emit('response.output_text.delta', { ...place, delta, logprobs: [] })
  const settled = new Settled(stops)
  const begun = Promise.resolve()
    .then(() => writer.begin())
    .then(() => writer.add(message('in_progress', [])))
    .then(() => writer.emit('response.content_part.added', { ...place, part: part('') }))
  const sent = sendSettled(asked.run, settled, (piece) => begun.then(() => tell(piece)))
  await begun
  const result = await resultOf<TextResult>(asked)
  await sent()
  const rest = settled.next(result.text, true)
  if (rest !== '') await tell(rest)
  const { text, stopped } = cut(result.text, stops)
  await writer.emit('response.output_text.done', { ...place, text, logprobs: [] })
  await writer.emit('response.content_part.done', { ...place, part: part(text) })
  await writer.done(message('completed', [part(text)]))
  return writer.end(usageOf(result), stopped || result.finishReason === 'stop', [...warnings, ...result.warnings])
}

/** An item each picture: all are decoded together. */
export async function writePictures(asked: Asked, wish: ImagesRequest, writer: ResponseWriter, warnings: readonly string[]): Promise<Made> {
  const { n = 1 } = wish.request as { readonly n?: number }
  const ids = Array.from({ length: n }, () => idOf('ig'))
  const about = { background: 'opaque', output_format: wish.output.format, quality: wish.output.effort }
  const item = (index: number, status: string, result: string | null): Record<string, unknown> => ({
    id: ids[index],
    type: 'image_generation_call',
    status,
    result,
  })
  const tell = (index: number, what: string, more: object = {}): Promise<void> =>
    writer.emit(`response.image_generation_call.${what}`, { item_id: ids[index], output_index: index, ...more })
  const begin = async (): Promise<void> => {
    await writer.begin()
    for (const index of ids.keys()) {
      await writer.add(item(index, 'in_progress', null))
      await tell(index, 'in_progress')
      await tell(index, 'generating')
    }
  }
  const begun = Promise.resolve().then(begin)
  const drawn = drawSteps(asked.run, { count: wish.partials, pictures: n }, async ({ image, index, picture }) => {
    const partial = { partial_image_index: index, partial_image_b64: await encodedPartial(picture, wish.output) }
    await begun
    await tell(image, 'partial_image', { ...partial, ...about })
  })
  await begun
  const result = await resultOf<ImageResult>(asked)
  await drawn()
  const late = new Set(result.warnings)
  for (const [index, picture] of result.images.entries()) {
    const { width, height } = picture.image
    const made = await encoded(picture, wish.output, [], late)
    await tell(index, 'completed')
    await writer.done({ ...item(index, 'completed', made), ...about, size: `${width}x${height}`, seed: picture.seed })
  }
  return writer.end(usageOf(result), true, [...warnings, ...late])
}

function usageOf({ usage: { inputTokens, outputTokens } }: ImageResult | TextResult): object {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  }
}
