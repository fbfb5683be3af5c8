// The conversation of `dimoo chat`: a line is a message, every answer joins the history. Ctrl-C stops an answer, or clears the line, or
// ends; Ctrl-D ends. What is typed during an answer is not echoed into it and comes next.
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { DimooError } from '../base/errors.js'
import type { DimooModel } from '../model/model.js'
import type { ChatMessage } from '../requests/types.js'
import { answer } from './answer.js'
import type { Context } from './context.js'

const interrupted = (): DOMException => new DOMException('interrupted', 'AbortError')

/** What the keys and the answers tell each other. */
interface State {
  answering?: AbortController | undefined
  /** Lines that were typed during an answer. */
  ahead: number
  ended: boolean
}

export async function converse(model: DimooModel, options: object, system: readonly ChatMessage[], context: Context): Promise<void> {
  const { stdout, stderr, signal } = context
  const screen = stdout.isTTY ? stdout : stderr
  const state: State = { ahead: 0, ended: false }
  const lines = keyboard(state, screen, context)
  const close = (): void => lines.close()
  signal.addEventListener('abort', close, { once: true })
  const messages = [...system]
  lines.prompt()
  for await (const content of lines) {
    if (state.ended) break
    if (state.ahead > 0) {
      state.ahead--
      screen.write(`${content}\n`)
    }
    if (content.trim() !== '') {
      state.answering = new AbortController()
      await reply(model, options, messages, content, { ...context, signal: AbortSignal.any([state.answering.signal, signal]) })
      state.answering = undefined
    }
    if (isOpen(state)) lines.prompt()
  }
  signal.removeEventListener('abort', close)
  screen.write('\n')
  signal.throwIfAborted()
}

const isOpen = ({ ended }: State): boolean => !ended

function keyboard(state: State, screen: Context['stdout'], { stdin }: Context): Interface {
  const echo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!state.answering) screen.write(chunk)
      done()
    },
  })
  const output = Object.assign(echo, { columns: screen.columns ?? 80 })
  const lines = createInterface({ input: stdin, output, prompt: '> ', terminal: true })
  lines.on('line', () => (state.ahead += state.answering ? 1 : 0))
  lines.on('SIGINT', () => (state.answering ? state.answering.abort(interrupted()) : clearOrClose(lines)))
  lines.on('close', () => {
    state.ended = true
    state.answering?.abort(interrupted())
  })
  return lines
}

function clearOrClose(lines: Interface): void {
  if (lines.line === '') {
    lines.close()
    return
  }
  lines.write(null, { ctrl: true, name: 'e' })
  lines.write(null, { ctrl: true, name: 'u' })
}

/** Adds a message and its answer to the history; neither where there is no answer: it was stopped, or refused in one line. */
async function reply(model: DimooModel, options: object, messages: ChatMessage[], content: string, context: Context): Promise<void> {
  const asked: ChatMessage = { role: 'user', content }
  try {
    const { text } = await answer(model.chat({ ...options, messages: [...messages, asked] }, { signal: context.signal }), context, false)
    messages.push(asked, { role: 'assistant', content: text })
  } catch (error) {
    if (DimooError.is(error)) context.stderr.write(`dimoo: ${error.message} (${error.code})\n`)
    else if (!context.signal.aborted) throw error
  }
}
