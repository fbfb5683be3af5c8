// `dimoo chat`: a conversation on a terminal, or one message (argument or stdin) and its answer.
import { createInterface } from 'node:readline/promises'
import { text as readAll } from 'node:stream/consumers'
import { Command } from 'commander'
import { DimooError, invalid } from '../errors.js'
import type { DimooModel } from '../model.js'
import type { ChatMessage } from '../prompt/templates.js'
import { checkRequest, REQUEST_FIELDS, type TaskRequests } from '../requests/index.js'
import { answer } from './answer.js'
import type { Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import { addModelFlags, withModel, type ModelFlags } from './model.js'
import { makeReporter, silentLoading } from './progress.js'

const EXAMPLES = `
On a terminal without a message: a conversation. Ctrl-C stops an answer, Ctrl-D ends.

Examples:
  dimoo chat --model lumina.gguf
  dimoo chat "What is a discrete diffusion model?" --model lumina.gguf --system "Answer in one sentence."
  echo "Summarise: ..." | dimoo chat --model lumina.gguf --json`

interface Flags extends ModelFlags {
  readonly system?: string
}

export function command(context: Context): Command {
  const made = new Command('chat')
    .description('Converses in text.')
    .argument('[message]', 'what to say; without one, a conversation or stdin')
  made.option('--system <text>', 'what the model is to be, before the conversation')
  addFlags(made, REQUEST_FIELDS.chat)
  return addModelFlags(made)
    .addHelpText('after', EXAMPLES)
    .action((message: string | undefined, flags: Flags) => chat(message, flags, context))
}

async function chat(message: string | undefined, flags: Flags, context: Context): Promise<void> {
  const options = readFlags<Omit<TaskRequests['chat'], 'messages'>>({ ...flags }, REQUEST_FIELDS.chat)
  const system: ChatMessage[] = flags.system === undefined ? [] : [{ role: 'system', content: flags.system }]
  const json = flags.json ?? false
  const interactive = message === undefined && process.stdin.isTTY && !json
  const said = interactive ? undefined : (message ?? (await readAll(process.stdin)).trim())
  if (said === '') throw invalid('chat: expected a message, got an empty one')
  checkRequest('chat', { ...options, messages: [...system, { role: 'user', content: said ?? 'hello' }] })
  await withModel(flags, context, json ? makeReporter(context, true) : silentLoading, async (model) => {
    if (said === undefined) return converse(model, options, system, context)
    const request = { ...options, messages: [...system, { role: 'user', content: said } as const] }
    await answer(model.chat(request, { signal: context.signal }), context, json)
  })
}

async function converse(model: DimooModel, options: object, system: readonly ChatMessage[], context: Context): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: true })
  const ended = new AbortController()
  let current: AbortController | undefined
  lines.on('SIGINT', () => (current ?? ended).abort(new DOMException('interrupted', 'AbortError')))
  lines.on('close', () => ended.abort(new DOMException('the end', 'AbortError')))
  const messages = [...system]
  try {
    for (;;) {
      const content = await lines.question('> ', { signal: AbortSignal.any([ended.signal, context.signal]) }).catch(() => undefined)
      if (content === undefined) break
      if (content.trim() === '') continue
      current = new AbortController()
      messages.push({ role: 'user', content })
      const run = model.chat({ ...options, messages }, { signal: AbortSignal.any([current.signal, context.signal]) })
      const result = await answer(run, context, false).catch((error: unknown) => excuse(error, context))
      if (result) messages.push({ role: 'assistant', content: result.text })
      else messages.pop() // as if it had not been said
      current = undefined
    }
  } finally {
    lines.close()
    context.stdout.write('\n')
  }
}

// An answer that was stopped or refused does not end the conversation.
function excuse(error: unknown, { stderr }: Context): undefined {
  if (DimooError.is(error)) stderr.write(`dimoo: ${error.message} (${error.code})\n`)
  return undefined
}
