// `dimoo chat`: a conversation on a terminal, or one message (argument or stdin) and its answer.
import { text as readAll } from 'node:stream/consumers'
import { Command } from 'commander'
import { invalid } from '../base/errors.js'
import { checkRequest, DESCRIPTORS } from '../requests/index.js'
import type { ChatMessage, ChatRequest } from '../requests/types/index.js'
import { answer } from './answer.js'
import type { Context } from './context.js'
import { converse } from './converse.js'
import { addFlags, oneArgument, readFlags } from './flags.js'
import { addModelFlags, emptyHint, withModel } from './model.js'
import { addPlanFlag, showPlan, type PlanFlags } from './plan.js'
import { makeReporter, silentLoading } from './progress.js'
import { outputLost } from './stdout.js'

const { summary, argument, fields, commands } = DESCRIPTORS.chat
const KEYS =
  '\nOn a terminal without a message: a conversation. Ctrl-C stops an answer, twice it leaves; Ctrl-D leaves; /help, /image PATH, /reset, /quit.\n'

interface Flags extends PlanFlags {
  readonly system?: string
}

export function command(context: Context): Command {
  const made = new Command('chat').description(summary).argument('[message]', argument!.words)
  made.option('--system <text>', 'what the model is to be, before the conversation')
  addFlags(made, fields)
  return addPlanFlag(addModelFlags(made))
    .allowExcessArguments(true)
    .addHelpText('after', `${KEYS}\nExamples:\n${commands.map((example) => `  ${example}`).join('\n')}`)
    .action(() => chat(oneArgument(made, 'a message'), made.opts<Flags>(), context))
}

async function chat(message: string | undefined, flags: Flags, context: Context): Promise<void> {
  const options = readFlags<Omit<ChatRequest, 'messages'>>({ ...flags }, fields)
  const system: ChatMessage[] = flags.system === undefined ? [] : [{ role: 'system', content: flags.system }]
  const json = flags.json ?? false
  // Bad flags are told before stdin is read.
  checkRequest('chat', { ...options, messages: [...system, { role: 'user', content: message ?? '' }] })
  const said = message === undefined && context.stdin.isTTY && !json ? undefined : (message ?? (await readAll(context.stdin)).trim())
  if (said?.trim() === '') throw invalid('chat: expected a message, got an empty one')
  if (flags.plan) {
    if (said === undefined) throw invalid('chat: expected a message with --plan, got none')
    return showPlan('chat', { ...options, messages: [...system, { role: 'user', content: said }] }, flags, context)
  }
  await withModel(flags, context, json ? makeReporter(context, true) : silentLoading, async (model) => {
    if (said === undefined) return converse(model, options, system, context)
    const request = { ...options, messages: [...system, { role: 'user', content: said } as const] }
    const signal = AbortSignal.any([context.signal, outputLost(context.stdout)])
    await answer(model.chat(request, { signal }), context, json, await emptyHint(model))
  })
}
