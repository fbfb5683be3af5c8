// A conversation, as the page holds it: questions, the runs that answer them, and what is set for the next one.
import { computed, signal } from '@preact/signals'
import type { TaskName } from 'lumina-dimoo/client'
import type { Given } from '../pictures/picture.js'
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

/** About pictures it is a question of its own; without any a conversation goes on. */
export const askTask = computed((): TaskName => (asked.value.length > 0 ? 'ask' : 'chat'))
const OWN: readonly string[] = ['prompt', 'images', 'messages']
export const askFields = computed(() => fieldsOf(schemas.value?.tasks[askTask.value].request).filter(({ name }) => !OWN.includes(name)))

export function send(): void {
  const words = question.value.trim()
  if (words === '') return
  const pictures = asked.value
  const names = askFields.value.map(({ name }) => name)
  const values = Object.fromEntries(Object.entries(askValues.value).filter(([name]) => names.includes(name)))
  const request = pictures.length > 0 ? { ...values, prompt: words, images: pictures } : { ...values, messages: messagesWith(words) }
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
  const before = turns.value.filter(({ run, pictures }) => run.answer.value && pictures.length === 0)
  return [
    ...(system.value.trim() === '' ? [] : [{ role: 'system', content: system.value.trim() } as const]),
    ...before.flatMap(({ question: content, run }) => [
      { role: 'user', content } as const,
      { role: 'assistant', content: run.answer.value!.text } as const,
    ]),
    { role: 'user', content: words },
  ]
}
