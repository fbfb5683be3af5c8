// The bodies of OpenAI's image routes, JSON and forms, as one thing: fields by name, pictures in order, a mask.
import type { FastifyRequest } from 'fastify'
import { nearest } from '../../base/nearest.js'
import { isObject } from '../../base/realm.js'
import { quote, show } from '../../base/show.js'
import { checkField } from '../../fields/check.js'
import type { Field } from '../../fields/field.js'
import type { ImageInput } from '../../fields/values.js'
import type { ImageTask } from '../../requests/names.js'
import { fromJson } from '../../wire/from-json.js'
import { readForm } from '../bodies.js'
import { checkAsked } from '../limits.js'
import type { Settings } from '../options.js'
import { badRequest } from '../problem.js'
import { folded, valuesOf, type Texts } from '../texts.js'
import { bodyFields, IGNORED, TASK_FIELD } from './fields.js'

export interface ImagesBody {
  readonly task: ImageTask
  /** Checked, by the name that the body has for it; null counts as not given. */
  readonly fields: ReadonlyMap<string, unknown>
  readonly pictures: readonly ImageInput[]
  readonly mask?: ImageInput
}

type Found = Pick<ImagesBody, 'pictures' | 'mask'> & { readonly values: ReadonlyMap<string, unknown>; readonly ofForm: boolean }

/** Throws `request/invalid`, or 413 for a form that is too large. */
export async function readImagesBody(request: FastifyRequest, settings: Settings, route: 'generations' | 'edits'): Promise<ImagesBody> {
  const found = request.isMultipart() ? fromForm(await readForm(request, settings)) : ofJson(request.body)
  const { values, pictures, mask, ofForm } = found
  const where = `images/${route}`
  const task = taskOf(where, route, values.get('task'), mask !== undefined)
  const known = bodyFields(task)
  const fields = new Map<string, unknown>()
  for (const [name, value] of values) {
    if (name === 'task' || value === null || value === undefined) continue
    const field = Object.hasOwn(known, name) ? known[name] : undefined
    if (!field || (route === 'generations' && ['image', 'mask'].includes(name))) throw unknown(where, name, Object.keys(known))
    if (ofForm && isNull(value as Texts, field)) continue
    const read = ofForm ? valuesOf(value as Texts, field) : fromJson(value, field, name)
    if (!IGNORED.includes(name)) checkAsked(where, name, read, field, settings)
    fields.set(name, read)
  }
  return { task, fields, pictures, ...(mask !== undefined && { mask }) }
}

// Forms have no null: OpenAI's client asks for the word.
function isNull(texts: Texts, field: Field): boolean {
  if (!Array.isArray(texts) || texts.length !== 1 || texts[0] !== 'null') return false
  return field.kind === 'either' ? !field.of.some(({ kind }) => kind === 'text') : field.kind !== 'text'
}

function taskOf(where: string, route: 'generations' | 'edits', value: unknown, masked: boolean): ImageTask {
  const given: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
  if (given === undefined || given === null) return route === 'generations' ? 'generate' : masked ? 'inpaint' : 'edit'
  checkField(where, 'task', given, TASK_FIELD)
  const task = given as ImageTask
  if ((task === 'generate') === (route === 'generations')) return task
  throw badRequest(
    task === 'generate'
      ? `${where}: task must be one that takes a picture, got 'generate'`
      : `${where}: task '${task}' takes a picture: ask images/edits`,
    'task',
  )
}

function unknown(where: string, name: string, known: readonly string[]): Error {
  const meant = nearest(name, known)
  return badRequest(
    `${where}: unknown field '${quote(name, 60)}'${meant === undefined ? '' : ` (did you mean '${meant}'?)`}`,
    quote(name, 60),
  )
}

const PICTURES = ['image', 'image[]', 'images', 'images[]']

function fromForm({ texts, files }: Awaited<ReturnType<typeof readForm>>): Found {
  const plain = new Map([...texts].filter(([name]) => ![...PICTURES, 'mask'].includes(name)))
  const values = new Map<string, unknown>(folded(plain))
  const pictures: ImageInput[] = PICTURES.flatMap((name) => files.get(name) ?? [])
  for (const name of PICTURES) {
    for (const text of texts.get(name) ?? []) pictures.push(pictureOf(name, text))
  }
  const masks: ImageInput[] = [...(files.get('mask') ?? []), ...(texts.get('mask') ?? []).map((text) => pictureOf('mask', text))]
  if (masks.length > 1) throw badRequest(`images/edits: mask must be one picture, got ${masks.length}`, 'mask')
  for (const name of files.keys()) {
    if ([...PICTURES, 'mask'].includes(name)) continue
    if (Object.hasOwn(bodyFields('inpaint'), name)) throw badRequest(`images/edits: ${name} must be text, got a file`, name)
    throw unknown('images/edits', name, [...PICTURES, 'mask'])
  }
  return { values, pictures, ofForm: true, ...(masks[0] !== undefined && { mask: masks[0] }) }
}

function ofJson(body: unknown): Found {
  if (!isObject(body)) throw badRequest(`body: expected an object of fields, got ${show(body)}`)
  const values = new Map(Object.entries(body))
  const pictures: ImageInput[] = []
  for (const name of ['image', 'images']) {
    const value = values.get(name)
    if (value === undefined || value === null) continue
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) pictures.push(pictureOf(name, one))
    values.delete(name)
  }
  const mask = values.get('mask')
  values.delete('mask')
  return { values, pictures, ofForm: false, ...(mask !== undefined && mask !== null && { mask: pictureOf('mask', mask) }) }
}

/** A data: URL, as text or as OpenAI's `{ image_url }`. */
export function pictureOf(name: string, value: unknown): ImageInput {
  const url = isObject(value) ? (isObject(value['image_url']) ? value['image_url']['url'] : value['image_url']) : value
  if (isObject(value) && 'file_id' in value)
    throw badRequest(`${name}: expected a data: URL or an upload; there are no files by id here`, name)
  if (typeof url !== 'string') throw badRequest(`${name}: expected a data: URL or an upload, got ${show(url ?? value)}`, name)
  if (!/^data:/i.test(url))
    throw badRequest(`${name}: expected a data: URL or an upload; other URLs are not fetched, got ${show(url)}`, name)
  const bytes = fromJson(url, { kind: 'picture', summary: '' }, name)
  if (bytes instanceof Uint8Array) return bytes
  throw badRequest(`${name}: expected a data: URL of base64, got ${show(url)}`, name)
}
