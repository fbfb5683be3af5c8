// What `/v1/responses` takes as a conversation, and its one tool, the drawing of pictures.
import { nearest } from '../../base/nearest.js'
import { isObject } from '../../base/realm.js'
import { quote, show } from '../../base/show.js'
import { checkField } from '../../fields/check.js'
import { choice, type Fields } from '../../fields/field.js'
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

/** Films are not among the pictures of a response. */
const FILMS = 'films of the decoding are drawn at images/generations and images/edits'
const FILM_NAMES = ['frame_count', 'frame_duration_ms']
const TOOL_FIELDS: Fields = {
  ...OPENAI_IMAGE_FIELDS,
  output_format: choice(['png', 'jpeg', 'jpg', 'webp'], { summary: 'The kind of file.', rule: `png, jpeg or webp here (${FILMS})` }),
}

/** The drawing tool, where it is there and may be used. Other tools are for a warning. */
export function imageTool(body: Readonly<Record<string, unknown>>, warnings: string[]): Tool | undefined {
  const { tools: given, tool_choice: wish } = body
  const tools: unknown = given ?? []
  if (!Array.isArray(tools) || tools.length > 128 || !tools.every(isObject))
    throw badRequest(`tools: expected up to 128 tools, got ${show(tools)}`, 'tools')
  const others = tools.filter(({ type }) => type !== 'image_generation').map(({ type }) => show(type))
  if (others.length > 0) warnings.push(`ignored: tools ${[...new Set(others)].slice(0, 8).join(', ')}`)
  const tool = tools.find(({ type }) => type === 'image_generation')
  const wanted = wantedOf(wish)
  if (wanted === 'none' || (wanted === 'auto' && !tool)) return undefined
  if (tool) return tool
  throw badRequest(
    `responses: tool_choice must be auto or none where tools lacks image_generation, the one that there is, got ${show(wish)}`,
    'tool_choice',
  )
}

/** What `tool_choice` says of the one tool. Throws 400 where it names another. */
function wantedOf(wish: unknown): 'none' | 'auto' | 'required' {
  if (wish === undefined || wish === null) return 'auto'
  if (wish === 'none' || wish === 'auto' || wish === 'required') return wish
  const { type, mode, tools: allowed } = isObject(wish) ? wish : {}
  if (type === 'image_generation') return 'required'
  if (type === 'allowed_tools' && Array.isArray(allowed) && (mode === 'auto' || mode === 'required')) {
    if (allowed.some((one) => isObject(one) && one['type'] === 'image_generation')) return mode
    if (mode === 'auto') return 'none'
  }
  throw badRequest(
    `responses: tool_choice must be auto, none, required or the tool image_generation, got ${show(isObject(wish) ? type : wish)}`,
    'tool_choice',
  )
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
      if (FILM_NAMES.includes(name)) throw badRequest(`tools: ${name} is not of image_generation: ${FILMS}`, 'tools')
      const meant = nearest(name, known)
      throw badRequest(`tools: unknown field '${quote(name, 60)}'${meant === undefined ? '' : ` (did you mean '${meant}'?)`}`, 'tools')
    }
    if (value === null || ['type', 'model', 'action', 'input_image_mask'].includes(name)) continue
    if (!IGNORED.includes(name)) checkField('tools', name, value, TOOL_FIELDS[name]!)
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
