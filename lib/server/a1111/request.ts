// What clients of AUTOMATIC1111's web UI send as a request of ours. They send dozens of fields of a Stable Diffusion; what has no meaning
// here is left out, and said in a warning where it would change the picture.
import { isObject } from '../../base/realm.js'
import { show } from '../../base/show.js'
import { integer, number, text, type Fields } from '../../fields/field.js'
import type { ImageInput } from '../../fields/values.js'
import { fromJson } from '../../wire/from-json.js'
import { checkRequest } from '../../requests/index.js'
import type { TaskRequests } from '../../requests/types/index.js'
import { sizeOf } from '../openai/size.js'
import { checkAsked } from '../limits.js'
import type { Served } from '../models.js'
import type { Settings } from '../options.js'
import { badRequest } from '../problem.js'
import { ignoredFields, SCHEDULES } from './ignored.js'
import { ourMask } from './mask.js'

export interface Drawing {
  readonly task: 'generate' | 'edit' | 'inpaint'
  readonly request: TaskRequests['generate'] | TaskRequests['edit'] | TaskRequests['inpaint']
  readonly warnings: readonly string[]
}

const FIELDS: Fields = {
  prompt: text({ summary: '' }),
  steps: integer(1, 4096, { summary: '' }),
  cfg_scale: number(0, 100, { summary: '' }),
  width: integer(1, 65_536, { summary: '' }),
  height: integer(1, 65_536, { summary: '' }),
  batch_size: integer(1, 64, { summary: '' }),
  n_iter: integer(1, 64, { summary: '' }),
  inpainting_mask_invert: integer(0, 1, { summary: '' }),
}

interface Sent {
  readonly prompt?: string
  readonly steps?: number
  readonly cfg_scale?: number
  readonly width?: number
  readonly height?: number
  readonly batch_size?: number
  readonly n_iter?: number
  readonly inpainting_mask_invert?: number
}

/** Throws `request/invalid`. */
export async function drawingOf(body: unknown, route: 'txt2img' | 'img2img', served: Served, settings: Settings): Promise<Drawing> {
  if (!isObject(body)) throw badRequest(`body: expected an object of fields, got ${show(body)}`)
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null && value !== undefined))
  for (const [name, field] of Object.entries(FIELDS)) {
    if (given[name] === undefined) continue
    checkAsked(route, name, given[name], field, settings)
  }

  const { prompt = '', steps, cfg_scale: guidance, width, height, batch_size: batch = 1, n_iter: rounds = 1 } = given as Sent
  const { inpainting_mask_invert: invert } = given as Sent
  const images = picturesOf(given['init_images'], route)
  const file = given['mask'] === undefined || given['mask'] === '' ? undefined : pictureOf('mask', given['mask'])
  const task = route === 'txt2img' ? 'generate' : file === undefined ? 'edit' : 'inpaint'
  const warnings = ignoredFields(given, { task, model: served.name })
  const common = {
    prompt,
    n: batch * rounds,
    ...seedOf(given['seed']),
    ...(steps !== undefined && { steps }),
    ...(guidance !== undefined && { guidance }),
    ...scheduleOf(given['scheduler']),
  }
  const { warning, ...sides } =
    route === 'img2img' || width === undefined || height === undefined
      ? {}
      : sizeOf(`${width}x${height}`, await served.info(), settings.maxCells)
  if (warning !== undefined) warnings.push(warning)
  const request = { ...common, ...sides, ...(images[0] !== undefined && { image: images[0] }), ...(file !== undefined && { mask: file }) }
  checkRequest(task, request)
  if (file === undefined) return { task, request, warnings }
  return { task, request: { ...request, mask: await ourMask(file, { invert: invert === 1, maxPixels: settings.maxPixels }) }, warnings }
}

const scheduleOf = (name: unknown): { readonly schedule?: (typeof SCHEDULES)[number] } => {
  const schedule = SCHEDULES.find((one) => typeof name === 'string' && one === name.toLowerCase())
  return schedule === undefined ? {} : { schedule }
}

// -1: any, of 32 bits: these clients read seeds as numbers, and must get the same picture for the one that they were told.
function seedOf(seed: unknown): { readonly seed: number } {
  if (seed === undefined || seed === -1) return { seed: globalThis.crypto.getRandomValues(new Uint32Array(1))[0]! }
  if (Number.isSafeInteger(seed) && (seed as number) >= 0) return { seed: seed as number }
  throw badRequest(`seed must be -1 or a whole number from 0, got ${show(seed)}`, 'seed')
}

function picturesOf(images: unknown, route: string): ImageInput[] {
  if (route === 'txt2img') return []
  if (!Array.isArray(images) || images.length !== 1) throw badRequest(`init_images must be one picture, got ${show(images)}`, 'init_images')
  return [pictureOf('init_images', images[0])]
}

// Base64, with or without what makes it a data: URL.
function pictureOf(name: string, value: unknown): ImageInput {
  if (typeof value !== 'string') throw badRequest(`${name} must be base64, got ${show(value)}`, name)
  const bytes = fromJson(/^data:/i.test(value) ? value : `data:image/png;base64,${value}`, { kind: 'picture', summary: '' }, name)
  if (bytes instanceof Uint8Array) return bytes
  throw badRequest(`${name} must be base64, got ${show(value)}`, name)
}
