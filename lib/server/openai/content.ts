// Messages of chats and responses as turns of ours: texts and pictures of each, by the one who said it. Two in a row by the same one
// become one, later system messages belong to whoever speaks next.
import { isObject } from '../../base/realm.js'
import { show } from '../../base/show.js'
import type { ImageInput } from '../../fields/values.js'
import { badRequest } from '../problem.js'
import { pictureOf } from './images-body.js'

export interface Turn {
  readonly role: 'system' | 'user' | 'assistant'
  readonly text: string
  readonly pictures: readonly ImageInput[]
}

const ROLES: Readonly<Record<string, Turn['role']>> = { system: 'system', developer: 'system', user: 'user', assistant: 'assistant' }
const TEXTS = ['text', 'input_text', 'output_text', 'refusal']
const MAX_MESSAGES = 4096

/** One message `{ role, content }`. Throws `request/invalid`. */
export function turnOf(message: unknown, where: string): Turn {
  if (!isObject(message)) throw badRequest(`${where}: expected a message, got ${show(message)}`, where)
  const role = typeof message['role'] === 'string' && Object.hasOwn(ROLES, message['role']) ? ROLES[message['role']] : undefined
  if (['tool', 'function'].includes(message['role'] as string))
    throw badRequest(
      `${where}.role: the model calls no tools, and takes no results of them; expected one of ${Object.keys(ROLES).join(', ')}, got ${show(message['role'])}`,
      `${where}.role`,
    )
  if (!role)
    throw badRequest(`${where}.role: expected one of ${Object.keys(ROLES).join(', ')}, got ${show(message['role'])}`, `${where}.role`)
  const { content } = message
  if (content === null || content === undefined) return { role, text: '', pictures: [] }
  if (typeof content === 'string') return { role, text: content, pictures: [] }
  if (!Array.isArray(content)) throw badRequest(`${where}.content: expected text or parts, got ${show(content)}`, `${where}.content`)
  const parts = content.map((part: unknown, i) => partOf(part, `${where}.content[${i}]`))
  const texts = parts.filter((part) => typeof part === 'string')
  return { role, text: texts.join('\n'), pictures: parts.filter((part) => typeof part !== 'string') }
}

function partOf(part: unknown, where: string): string | ImageInput {
  if (!isObject(part)) throw badRequest(`${where}: expected a part, got ${show(part)}`, where)
  const { type, text, refusal } = part
  if (TEXTS.includes(type as string)) {
    const said = text ?? refusal
    if (typeof said === 'string') return said
    throw badRequest(`${where}.text: expected text, got ${show(said)}`, `${where}.text`)
  }
  if (type === 'image_url' || type === 'input_image') return pictureOf(`${where}.image_url`, part)
  throw badRequest(`${where}.type: expected text or a picture, got ${show(type)}`, `${where}.type`)
}

export function turnsOf(messages: unknown, where: string): Turn[] {
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > MAX_MESSAGES)
    throw badRequest(
      `${where}: expected 1 to ${MAX_MESSAGES} messages, got ${Array.isArray(messages) ? messages.length : show(messages)}`,
      where,
    )
  return messages.map((message: unknown, i) => turnOf(message, `${where}[${i}]`))
}

/** In turns: a system message first if any, then user and assistant, the user first. */
export function inTurns(turns: readonly Turn[]): Turn[] {
  const first = turns.findIndex(({ role }) => role !== 'system')
  const head = turns.slice(0, first < 0 ? turns.length : first)
  const made: Turn[] = []
  let held: Turn | undefined
  for (const turn of turns.slice(head.length)) {
    if (turn.role === 'system') {
      held = held ? joined(held, turn) : turn
      continue
    }
    const said = held ? { ...joined(held, turn), role: turn.role } : turn
    held = undefined
    const last = made.at(-1)
    if (last?.role === said.role) made[made.length - 1] = joined(last, said)
    else made.push(said)
  }
  if (made[0]?.role === 'assistant') made.unshift({ role: 'user', text: '', pictures: [] })
  return [...(head.length > 0 ? [head.reduce(joined)] : []), ...made]
}

const joined = (one: Turn, other: Turn): Turn => ({
  role: one.role,
  text: [one.text, other.text].filter((text) => text !== '').join('\n\n'),
  pictures: [...one.pictures, ...other.pictures],
})
