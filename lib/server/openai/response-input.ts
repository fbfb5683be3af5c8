// What `/v1/responses` takes as a conversation, and its one tool, the drawing of pictures.
import { nearest } from '../../base/nearest.js'
import { isObject } from '../../base/realm.js'
import { quote, show } from '../../base/show.js'
import { checkField } from '../../fields/check.js'
import type { ModelInfo } from '../../native/info.js'
import type { Settings } from '../options.js'
import { badRequest } from '../problem.js'
import { turnOf, type Turn } from './content.js'
import { BESIDE, IGNORED, namesOf, OPENAI_IMAGE_FIELDS } from './fields.js'
import { pictureOf } from './images-body.js'
import { imagesRequest, type ImagesRequest } from './images-request.js'

/** Turns of `instructions` and `input`; pictures that the tool drew before are an assistant's. */
export function inputTurns({ instructions, input }: Readonly<Record<string, unknown>>): Turn[] {
  const turns: Turn[] = []
  if (instructions !== undefined && instructions !== null) turns.push(turnOf({ role: 'system', content: instructions }, 'instructions'))
  if (typeof input === 'string') return [...turns, turnOf({ role: 'user', content: input }, 'input')]
  if (!Array.isArray(input) || input.length === 0 || input.length > 4096)
    throw badRequest(`input: expected text or 1 to 4096 items, got ${show(input)}`, 'input')
  return [...turns, ...input.flatMap((item: unknown, i) => itemTurns(item, `input[${i}]`))]
}

function itemTurns(item: unknown, where: string): Turn[] {
  if (!isObject(item)) throw badRequest(`${where}: expected an item, got ${show(item)}`, where)
  const { type = 'message', result } = item
  if (type === 'message') return [turnOf(item, where)]
  if (type === 'reasoning') return []
  if (type !== 'image_generation_call')
    throw badRequest(`${where}.type: expected message or image_generation_call, got ${show(type)}`, `${where}.type`)
  if (typeof result !== 'string') return []
  return [{ role: 'assistant', text: '', pictures: [pictureOf(`${where}.result`, `data:image/png;base64,${result}`)] }]
}

export type Tool = Readonly<Record<string, unknown>>

const TOOL_NAMES = [
  'type',
  'model',
  'action',
  'input_image_mask',
  'size',
  'quality',
  'output_format',
  'output_compression',
  'partial_images',
]

/** The drawing tool, where it is there and may be used. Other tools are for a warning. */
export function imageTool({ tools, tool_choice: choice }: Readonly<Record<string, unknown>>, warnings: string[]): Tool | undefined {
  if (tools === undefined || tools === null) return undefined
  if (!Array.isArray(tools) || tools.length > 128 || !tools.every(isObject))
    throw badRequest(`tools: expected up to 128 tools, got ${show(tools)}`, 'tools')
  const others = tools.filter(({ type }) => type !== 'image_generation').map(({ type }) => show(type))
  if (others.length > 0) warnings.push(`ignored: tools ${[...new Set(others)].slice(0, 8).join(', ')}`)
  const wanted = isObject(choice) ? choice['type'] : choice
  if (wanted === 'none') return undefined
  const tool = tools.find(({ type }) => type === 'image_generation')
  if (!tool && (wanted === 'required' || isObject(choice)))
    throw badRequest('tool_choice: the model has no tool but image_generation', 'tool_choice')
  return tool
}

/** A picture from the last words of the conversation, of the pictures that came with them, or the last ones that were drawn. */
export function toolRequest(
  turns: readonly Turn[],
  tool: Tool,
  body: Readonly<Record<string, unknown>>,
  info: ModelInfo,
  settings: Settings,
): ImagesRequest {
  const last = turns.findLast(({ role }) => role === 'user')
  if (!last || last.text === '') throw badRequest('input: image_generation needs a text of the user, got none', 'input')
  const drawn = turns.findLast(({ role, pictures }) => role === 'assistant' && pictures.length > 0)?.pictures.slice(-1) ?? []
  const action = tool['action'] ?? 'auto'
  if (!['auto', 'generate', 'edit'].includes(action as string))
    throw badRequest(`tools: action must be auto, generate or edit, got ${show(action)}`, 'tools')
  const pictures = action === 'generate' ? [] : last.pictures.length > 0 ? last.pictures : drawn
  const mask =
    tool['input_image_mask'] === undefined || tool['input_image_mask'] === null
      ? undefined
      : pictureOf('tools.input_image_mask', tool['input_image_mask'])
  if (mask !== undefined && pictures.length === 0)
    throw badRequest('tools: input_image_mask needs a picture in the last message, got none', 'tools')
  const task = pictures.length === 0 && action !== 'edit' ? 'generate' : mask === undefined ? 'edit' : 'inpaint'
  const fields = new Map<string, unknown>([['prompt', last.text]])
  const known = [...TOOL_NAMES, ...IGNORED]
  for (const [name, value] of Object.entries(tool)) {
    if (!known.includes(name)) {
      const meant = nearest(name, known)
      throw badRequest(`tools: unknown field '${quote(name, 60)}'${meant === undefined ? '' : ` (did you mean '${meant}'?)`}`, 'tools')
    }
    if (value === null || ['type', 'model', 'action', 'input_image_mask'].includes(name)) continue
    if (!IGNORED.includes(name)) checkField('tools', name, value, OPENAI_IMAGE_FIELDS[name]!)
    fields.set(name, value)
  }
  for (const name of namesOf(task).keys())
    if (name !== 'prompt' && body[name] !== undefined && body[name] !== null) fields.set(name, body[name])
  return imagesRequest({ task, fields, pictures: pictures, ...(mask && { mask }) }, info, settings)
}

/** Fields of ours that a picture may take at the top level. */
export const PICTURE_NAMES = [
  ...new Set([...namesOf('generate').keys(), ...namesOf('edit').keys(), ...namesOf('inpaint').keys(), ...Object.keys(BESIDE)]),
].filter((name) => name !== 'prompt')
