// From a conversation to a request: one turn about pictures is `ask`, everything else `chat`. What OpenAI's API knows and we cannot do is
// ignored with a warning, unless the answer would not be what its asker can use.
import { nearest } from '../../base/nearest.js'
import { quote, show } from '../../base/show.js'
import { isLocal, type Fields } from '../../fields/field.js'
import type { ModelInfo } from '../../native/info.js'
import { defined, TEXT_DEFAULTS } from '../../requests/defaults.js'
import { checkRequest, DESCRIPTORS } from '../../requests/index.js'
import type { RunOptions, TaskRequests } from '../../requests/types/index.js'
import { checkAsked } from '../limits.js'
import type { Limits } from '../options.js'
import { badRequest } from '../problem.js'
import { fromJson } from '../../wire/from-json.js'
import { inTurns, type Turn } from './content.js'
import { BESIDE, snake } from './fields.js'

export interface TextRequest {
  readonly task: 'ask' | 'chat'
  readonly request: TaskRequests['ask'] | TaskRequests['chat']
  readonly options: RunOptions
  readonly stops: readonly string[]
}

/** Fields of ours beside a conversation, by every name that they have there. */
const OWN: Fields = Object.fromEntries(
  Object.entries({ ...DESCRIPTORS.ask.fields, ...BESIDE })
    .filter(([name, field]) => !isLocal(field) && !['prompt', 'images', 'temperature'].includes(name))
    .flatMap(([name, field]) => [...new Set([name, snake(name)])].map((one) => [one, field])),
)
const OWN_NAMES = new Map(
  Object.keys({ ...DESCRIPTORS.ask.fields, ...BESIDE }).flatMap((name) => [
    [name, name],
    [snake(name), name],
  ]),
)
const { temperature: TEMPERATURE } = DESCRIPTORS.ask.fields
const READ = Object.entries({ ...OWN, temperature: TEMPERATURE! })

/** What a route of conversations takes beside the conversation. */
export interface TextRoute {
  readonly where: string
  readonly lengthNames: readonly string[]
  /** Read by the route itself. */
  readonly handled: readonly string[]
  readonly ignored: readonly string[]
}

/** Values of ignored fields that ask for nothing else than what is done anyway. */
const HARMLESS: Readonly<Record<string, (value: unknown) => boolean>> = {
  frequency_penalty: (value) => value === 0,
  presence_penalty: (value) => value === 0,
  repetition_penalty: (value) => value === 1,
  top_p: (value) => value === 1,
  logprobs: (value) => value === false,
  store: (value) => value === false,
  background: (value) => value === false,
  tools: (value) => Array.isArray(value) && value.length === 0,
  tool_choice: (value) => value === 'auto' || value === 'none',
  parallel_tool_calls: () => true,
  service_tier: (value) => value === 'auto' || value === 'default',
  modalities: (value) => Array.isArray(value) && value.every((one) => one === 'text'),
  truncation: (value) => value === 'disabled',
  include: (value) => Array.isArray(value) && value.length === 0,
}

/** Throws 400 for what nobody knows; what is ignored goes into `warnings`. Null counts as not given. */
export function checkNames(body: Readonly<Record<string, unknown>>, route: TextRoute, warnings: string[]): void {
  const known = [...route.handled, ...route.lengthNames, 'temperature', 'stop', ...route.ignored, ...Object.keys(OWN)]
  for (const name of Object.keys(body)) {
    if (known.includes(name)) continue
    const meant = nearest(name, known)
    throw badRequest(
      `${route.where}: unknown field '${quote(name, 60)}'${meant === undefined ? '' : ` (did you mean '${meant}'?)`}`,
      quote(name, 60),
    )
  }
  const left = route.ignored.filter((name) => body[name] !== undefined && body[name] !== null && HARMLESS[name]?.(body[name]) !== true)
  if (left.length > 0) warnings.push(`ignored: ${left.join(', ')}`)
}

/** Throws `request/invalid`. */
export function textRequest(
  turns: readonly Turn[],
  body: Readonly<Record<string, unknown>>,
  { where, lengthNames }: TextRoute,
  info: ModelInfo,
  limits: Limits,
): TextRequest {
  const options: Record<string, unknown> = {}
  const fields: Record<string, unknown> = {}
  for (const [name, field] of READ) {
    const value = body[name]
    if (value === undefined || value === null) continue
    const read = fromJson(value, field, name)
    checkAsked(where, name, read, field, limits)
    const own = OWN_NAMES.get(name)!
    ;(own in BESIDE ? options : fields)[own] = read
  }
  const lengthName = lengthNames.find((name) => body[name] !== undefined && body[name] !== null)
  const most = lengthName === undefined ? undefined : body[lengthName]
  if (most !== undefined && fields['length'] === undefined) Object.assign(fields, lengthOf(most, where, lengthName!, info, limits.maxCells))
  const request = conversation(inTurns(turns), fields)
  checkRequest(request.task, request.request)
  return { ...request, options, stops: stopsOf(body['stop'], where) }
}

function conversation(turns: readonly Turn[], fields: object): Pick<TextRequest, 'task' | 'request'> {
  const pictures = turns.flatMap((turn) => turn.pictures)
  const [only] = turns
  if (pictures.length > 0 && turns.length === 1 && only!.role === 'user')
    return { task: 'ask', request: { ...fields, prompt: only!.text, images: pictures } }
  const messages = turns.map(({ role, text }) => ({ role, content: text }))
  return { task: 'chat', request: { ...fields, messages, ...(pictures.length > 0 && { images: pictures }) } }
}

// A limit is no wish for so many tokens: each one that is reserved costs time, whether it is used or not.
function lengthOf(most: unknown, where: string, name: string, info: ModelInfo, maxCells: number): object {
  if (!Number.isSafeInteger(most) || (most as number) < 1)
    throw badRequest(`${where}: ${name} must be an integer of at least 1, got ${show(most)}`, name)
  const { length, block } = { ...TEXT_DEFAULTS, ...defined(info.defaults.text ?? {}) }
  const tokens = Math.min(most as number, length, maxCells)
  return tokens <= block ? { length: tokens } : { length: Math.floor(tokens / block) * block }
}

function stopsOf(stop: unknown, where: string): readonly string[] {
  if (stop === undefined || stop === null) return []
  const stops = Array.isArray(stop) ? (stop as unknown[]) : [stop]
  if (stops.length <= 16 && stops.every((one) => typeof one === 'string' && one !== '' && one.length <= 256)) return stops as string[]
  throw badRequest(`${where}: stop must be a text or up to 16 of them, each of 1 to 256 characters, got ${show(stop)}`, 'stop')
}
