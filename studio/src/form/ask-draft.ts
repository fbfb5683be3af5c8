// A conversation, as the page holds it: questions, the runs that answer them, and what is set for the next one.
import { computed, signal } from '@preact/signals'
import type { TaskName } from 'lumina-dimoo/client'
import { isGiven, type Given } from '../pictures/picture.js'
import { start } from '../runs/runs.js'
import type { LiveRun } from '../runs/live-run.js'
import { fieldsOf } from '../schema/schema.js'
import { schemas } from '../server/connection.js'

export interface Turn {
  readonly question: string
  readonly pictures: readonly Given[]
  readonly run: LiveRun
}

export const turns = signal<readonly Turn[]>([])
export const question = signal('')
export const asked = signal<readonly Given[]>([])
export const system = signal('')
export const askValues = signal<Readonly<Record<string, unknown>>>({})

/** Whether the next question goes on from the answers before it. */
export const goesOn = signal(true)
const before = computed(() => (goesOn.value ? turns.value.filter(({ run }) => run.answer.value) : []))

/** A first question about pictures, or one that stands for itself; everything else is a conversation, about pictures or not. */
export const askTask = computed((): TaskName => (asked.value.length > 0 && before.value.length === 0 ? 'ask' : 'chat'))
const OWN: readonly string[] = ['prompt', 'images', 'messages', 'preset']
export const askFields = computed(() => fieldsOf(schemas.value?.tasks[askTask.value].request).filter(({ name }) => !OWN.includes(name)))

export function putAsk(name: string, value: unknown): void {
  const { [name]: _, ...rest } = askValues.value
  askValues.value = value === undefined ? rest : { ...rest, [name]: value }
}

/** The question of a run that was kept, with its pictures and settings; it stands for itself. */
export function fillInQuestion({ prompt, messages, images, ...rest }: Readonly<Record<string, unknown>>): void {
  const said = Array.isArray(messages) ? (messages as readonly Message[]) : []
  question.value = typeof prompt === 'string' ? prompt : (said.at(-1)?.content ?? '')
  system.value = said[0]?.role === 'system' ? said[0].content : ''
  asked.value = Array.isArray(images) ? images.filter(isGiven) : []
  askValues.value = rest
  goesOn.value = false
}

export function send(): void {
  const words = question.value.trim()
  if (words === '') throw new Error('Write a question first.')
  const pictures = asked.value
  const names = ['preset', ...askFields.value.map(({ name }) => name)]
  const values = Object.fromEntries(Object.entries(askValues.value).filter(([name]) => names.includes(name)))
  const seen = pictures.length > 0 && { images: pictures }
  const request = { ...values, ...seen, ...(askTask.value === 'ask' ? { prompt: words } : { messages: messagesWith(words) }) }
  const run = start({ task: askTask.value, request })
  turns.value = [...turns.value, { question: words, pictures, run }]
  question.value = ''
}

interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

// Questions that were answered, in turns, and this one.
function messagesWith(words: string): Message[] {
  return [
    ...(system.value.trim() === '' ? [] : [{ role: 'system', content: system.value.trim() } as const]),
    ...before.value.flatMap(({ question: content, run }) => [
      { role: 'user', content } as const,
      { role: 'assistant', content: run.answer.value!.text } as const,
    ]),
    { role: 'user', content: words },
  ]
}
