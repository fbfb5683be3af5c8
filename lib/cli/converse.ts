// The conversation of `dimoo chat`: a line is a message or a /command, every answer joins the history. Ctrl-C stops an answer or clears
// the line, twice on an empty line it leaves; Ctrl-D leaves. What is typed during an answer is not echoed into it and comes next.
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { DimooError } from '../base/errors.js'
import { quote } from '../base/show.js'
import type { DimooModel } from '../model/model.js'
import type { ChatMessage } from '../requests/types/index.js'
import { answer } from './answer.js'
import { obey, type Talk } from './chat-commands.js'
import { printable, type Context } from './context.js'

const interrupted = (): DOMException => new DOMException('interrupted', 'AbortError')

/** What the keys and the answers tell each other. */
interface State {
  answering?: AbortController | undefined
  /** Lines that were typed during an answer. */
  ahead: number
  /** A Ctrl-C on an empty line came last. */
  leaving: boolean
  ended: boolean
}

export async function converse(model: DimooModel, options: object, system: readonly ChatMessage[], context: Context): Promise<void> {
  const { stdout, stderr, signal } = context
  const screen = stdout.isTTY ? stdout : stderr
  const state: State = { ahead: 0, leaving: false, ended: false }
  const lines = keyboard(state, screen, context)
  const close = (): void => lines.close()
  signal.addEventListener('abort', close, { once: true })
  const talk: Talk = { system, messages: [...system], images: [], canSee: (await model.info()).codebookSize > 0 }
  if (!context.quiet) screen.write(await greeting(model))
  lines.prompt()
  for await (const line of lines) {
    if (state.ended) break
    if (state.ahead > 0) {
      state.ahead--
      screen.write(`${line}\n`)
    }
    const content = line.trim()
    if (/^\/[a-z]+(\s|$)/.test(content)) {
      const told = await obey(content, talk)
      if (told === undefined) lines.close()
      else screen.write(told)
    } else if (content !== '') {
      state.answering = new AbortController()
      await reply(model, options, talk, line, { ...context, signal: AbortSignal.any([state.answering.signal, signal]) })
      state.answering = undefined
    }
    if (isOpen(state)) lines.prompt()
  }
  signal.removeEventListener('abort', close)
  screen.write('\n')
  signal.throwIfAborted()
}

const isOpen = ({ ended }: State): boolean => !ended

async function greeting(model: DimooModel): Promise<string> {
  const { name, weights, embedded } = await model.info()
  const what = embedded ? 'the embedded miniature: it knows plain shapes, not conversation' : `${printable(quote(name))}, ${weights}`
  return `${what}, on ${model.device.id}\n/help lists the commands; Ctrl-C stops an answer, twice it leaves; Ctrl-D leaves\n`
}

function keyboard(state: State, screen: Context['stdout'], { stdin }: Context): Interface {
  const echo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!state.answering) screen.write(chunk)
      done()
    },
  })
  const output = Object.assign(echo, { columns: screen.columns ?? 80 })
  const lines = createInterface({ input: stdin, output, prompt: '> ', terminal: true })
  lines.on('line', () => {
    state.leaving = false
    state.ahead += state.answering ? 1 : 0
  })
  lines.on('SIGINT', () => {
    if (state.answering) state.answering.abort(interrupted())
    else if (lines.line !== '') clear(lines)
    else if (state.leaving) lines.close()
    else {
      state.leaving = true
      screen.write('\n(Ctrl-C once more leaves)\n')
      lines.prompt()
    }
  })
  lines.on('close', () => {
    state.ended = true
    state.answering?.abort(interrupted())
  })
  return lines
}

function clear(lines: Interface): void {
  lines.write(null, { ctrl: true, name: 'e' })
  lines.write(null, { ctrl: true, name: 'u' })
}

/** Adds a message and its answer to the history; neither where there is no answer: it was stopped, or refused in one line. */
async function reply(model: DimooModel, options: object, { messages, images }: Talk, content: string, context: Context): Promise<void> {
  const asked: ChatMessage = { role: 'user', content }
  const { signal } = context
  try {
    const run =
      images.length > 0
        ? model.ask({ ...options, prompt: content, images }, { signal })
        : model.chat({ ...options, messages: [...messages, asked] }, { signal })
    const { text } = await answer(run, context, false)
    messages.push(asked, { role: 'assistant', content: text })
  } catch (error) {
    if (DimooError.is(error)) context.stderr.write(`dimoo: ${error.message} (${error.code})\n`)
    else if (!signal.aborted) throw error
  }
}
