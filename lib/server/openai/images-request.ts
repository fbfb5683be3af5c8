// From what OpenAI's clients say to a request of a task: names of ours, sizes on the grid, pictures in their places. What cannot be done
// is told in warnings, never in silence.
import type { ModelInfo, Preset, PresetName } from '../../native/info.js'
import { checkRequest, DESCRIPTORS } from '../../requests/index.js'
import type { ImageTask } from '../../requests/names.js'
import { presetOf } from '../../requests/presets.js'
import type { RunOptions, TaskRequests } from '../../requests/types/index.js'
import type { Settings } from '../options.js'
import { badRequest } from '../problem.js'
import { BESIDE, HARMLESS, IGNORED, namesOf, placesOf, QUALITIES, WORDLESS } from './fields.js'
import type { ImagesBody } from './images-body.js'
import { outputOf, type Output } from './output.js'
import { sizeOf } from './size.js'

export interface ImagesRequest {
  readonly task: ImageTask
  readonly request: TaskRequests[ImageTask]
  readonly options: RunOptions
  readonly output: Output
  readonly model: string | undefined
  readonly stream: boolean
  /** Pictures of the decoding that are to be told. */
  readonly partials: number
  readonly warnings: readonly string[]
}

/** Pictures on the way are of steps that a reader behind the model would miss. Nothing is held up. */
const EVERY_STEP: RunOptions = { delivery: 'all', buffer: 4096 }

/** Throws `request/invalid`. */
export function imagesRequest(body: ImagesBody, info: ModelInfo, settings: Pick<Settings, 'maxCells' | 'maxImages'>): ImagesRequest {
  const { task, fields, pictures, mask } = body
  const warnings: string[] = []
  const left = IGNORED.filter((name) => fields.has(name) && !HARMLESS[name]?.includes(fields.get(name)))
  if (left.length > 0) warnings.push(`ignored: ${left.join(', ')}`)
  if (fields.get('response_format') === 'url') warnings.push('response_format: pictures come as b64_json')
  const names = namesOf(task)
  const request: Record<string, unknown> = { ...placed(task, pictures, mask, settings.maxImages) }
  const options: Record<string, unknown> = {}
  for (const [name, value] of fields) {
    if (name === 'prompt' && WORDLESS.includes(task)) {
      if (value !== '') warnings.push(`prompt: ${task} takes none`)
      continue
    }
    const own = names.get(name)
    if (own === undefined || IGNORED.includes(name)) continue
    const place = own in BESIDE ? options : request
    if (own in place) throw badRequest(`images: ${own} must be given once, got it under two names`, name)
    place[own] = value
  }
  const quality = fields.get('quality') as string | undefined
  const preset = quality === undefined ? undefined : presetFor(quality, request['preset'] as PresetName | undefined, warnings)
  if (preset !== undefined)
    Object.assign(
      request,
      { preset },
      fewer(presetOf(task, preset, info.defaults, Object.keys(DESCRIPTORS[task].fields)), request, settings, warnings),
    )
  const size = fields.get('size') as string | undefined
  if (task === 'generate') {
    const { warning, ...sides } = sizeOf(size, info, settings.maxCells)
    if (sides.width !== undefined && ['width', 'height', 'aspectRatio'].some((name) => name in request))
      throw badRequest('images: size must not be given with width, height or aspectRatio', 'size')
    Object.assign(request, sides)
    if (warning !== undefined) warnings.push(warning)
  } else if (size !== undefined && size !== 'auto') warnings.push(`size: the result of ${task} has the size of the given picture`)
  checkRequest(task, request)
  const output = outputOf(fields, warnings)
  const partials = (fields.get('partial_images') as number | undefined) ?? 0
  return {
    task,
    request: request as unknown as TaskRequests[ImageTask],
    options: output.film || partials > 0 ? { ...options, ...EVERY_STEP } : options,
    output,
    model: fields.get('model') as string | undefined,
    stream: fields.get('stream') === true,
    partials,
    warnings,
  }
}

// A preset that is named stands above it.
function presetFor(quality: string, named: PresetName | undefined, warnings: string[]): PresetName | undefined {
  const preset = QUALITIES[quality]
  if (named !== undefined) {
    if (preset !== undefined && preset !== named) warnings.push(`quality: ${quality} gives way to preset ${named}`)
    return undefined
  }
  if (quality === 'xhigh') warnings.push('quality: xhigh is drawn as high')
  return preset
}

// Clients that ask for quality know nothing of how many pictures may be drawn here to choose from.
function fewer(
  { bestOf = 1 }: Preset,
  request: Readonly<Record<string, unknown>>,
  { maxImages }: Pick<Settings, 'maxImages'>,
  warnings: string[],
): { bestOf?: number } {
  if (bestOf <= maxImages || 'bestOf' in request) return {}
  const most = Math.max(maxImages, (request['n'] as number | undefined) ?? 1)
  warnings.push(`quality: the best of ${most} is drawn, not of ${bestOf}`)
  return { bestOf: most }
}

function placed(task: ImageTask, pictures: ImagesBody['pictures'], mask: ImagesBody['mask'], maxImages: number): object {
  const places = placesOf(task)
  if (pictures.length > maxImages)
    throw badRequest(`images: image must be at most ${maxImages} pictures here, got ${pictures.length}`, 'image')
  if (pictures.length > places.pictures.length)
    throw badRequest(
      `images: ${task} takes ${places.pictures.length} picture${places.pictures.length === 1 ? '' : 's'}, got ${pictures.length}`,
      'image',
    )
  if (pictures.length === 0 && places.pictures.length > 0) throw badRequest(`images: ${task} needs a picture as image, got none`, 'image')
  if (pictures.length < places.pictures.length)
    throw badRequest(`images: ${task} needs ${places.pictures.length} pictures as image, got ${pictures.length}`, 'image')
  if (mask !== undefined && places.mask === undefined) throw badRequest(`images: ${task} takes no mask`, 'mask')
  return {
    ...Object.fromEntries(pictures.map((picture, i) => [places.pictures[i]!, picture])),
    ...(mask !== undefined && { [places.mask!]: mask }),
  }
}
