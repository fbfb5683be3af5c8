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
import { checkTypes, HARMLESS } from './known.js'

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
/** Of those that a route leaves to `textRequest`. */
export const TEXT_NAMES = [...READ.map(([name]) => name), 'stop']

/** What a route of conversations takes beside the conversation. */
export interface TextRoute {
  readonly where: string
  readonly lengthNames: readonly string[]
  /** Read by the route itself. */
  readonly handled: readonly string[]
  readonly ignored: readonly string[]
}

/** Throws 400 for what nobody knows, and for what has another type at OpenAI; what is ignored goes into `warnings`. Null counts as not given. */
export function checkNames(body: Readonly<Record<string, unknown>>, route: TextRoute, warnings: string[]): void {
  const known = [...route.handled, ...route.lengthNames, ...TEXT_NAMES, ...route.ignored]
  for (const name of Object.keys(body)) {
    if (known.includes(name)) continue
    const meant = nearest(name, known)
    throw badRequest(
      `${route.where}: unknown field '${quote(name, 60)}'${meant === undefined ? '' : ` (did you mean '${meant}'?)`}`,
      quote(name, 60),
    )
  }
  checkTypes(route.where, body)
  mostTokens(body, route)
  const left = route.ignored.filter((name) => body[name] !== undefined && body[name] !== null && HARMLESS[name]?.(body[name]) !== true)
  if (left.length > 0) warnings.push(`ignored: ${left.join(', ')}`)
}

/** Throws `request/invalid`. */
export function textRequest(
  turns: readonly Turn[],
  body: Readonly<Record<string, unknown>>,
  route: TextRoute,
  info: ModelInfo,
  limits: Limits,
): TextRequest {
  const { where } = route
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
  const most = mostTokens(body, route)
  if (most !== undefined) Object.assign(fields, lengthOf(most, fields, info, limits.maxCells))
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

/** The smallest of the limits that are given. Throws 400. */
function mostTokens(body: Readonly<Record<string, unknown>>, { where, lengthNames }: TextRoute): number | undefined {
  const given = lengthNames.filter((name) => body[name] !== undefined && body[name] !== null)
  for (const name of given) {
    if (!Number.isSafeInteger(body[name]) || (body[name] as number) < 1)
      throw badRequest(`${where}: ${name} must be an integer of at least 1, got ${show(body[name])}`, name)
  }
  return given.length === 0 ? undefined : Math.min(...given.map((name) => body[name] as number))
}

// A limit is no wish for so many tokens: each one that is reserved costs time, whether it is used or not. Whole blocks within the limit, or
// one that is smaller.
function lengthOf(most: number, asked: Asked, info: ModelInfo, maxCells: number): Asked {
  const defaults = { ...TEXT_DEFAULTS, ...defined(info.defaults.text ?? {}) }
  const { length, block = defaults.block } = asked
  if (length !== undefined && length <= most) return {}
  const tokens = Math.min(most, length ?? defaults.length, maxCells)
  if (tokens >= block) return { length: Math.floor(tokens / block) * block }
  return { length: tokens, ...(asked.block !== undefined && { block: tokens }) }
}

interface Asked {
  readonly length?: number
  readonly block?: number
}

function stopsOf(stop: unknown, where: string): readonly string[] {
  if (stop === undefined || stop === null) return []
  const stops = Array.isArray(stop) ? (stop as unknown[]) : [stop]
  if (stops.length <= 16 && stops.every((one) => typeof one === 'string' && one !== '' && one.length <= 256)) return stops as string[]
  throw badRequest(`${where}: stop must be a text or up to 16 of them, each of 1 to 256 characters, got ${show(stop)}`, 'stop')
}
