// `dimoo ask`: a question about pictures. The answer's settled text streams to stdout; a terminal sees the rest dimmed behind it.
import { Command } from 'commander'
import { checkRequest, DESCRIPTORS } from '../requests/index.js'
import type { AskRequest } from '../requests/types.js'
import { answer } from './answer.js'
import type { Context } from './context.js'
import { addFlags, checkGiven, readFlags } from './flags.js'
import { addModelFlags, withModel, type ModelFlags } from './model.js'
import { makeReporter, silentLoading } from './progress.js'
import { outputLost } from './stdout.js'

const { summary, argument, fields, required, commands } = DESCRIPTORS.ask

export function command(context: Context): Command {
  const made = new Command('ask').description(summary).argument('<question>', argument!.words)
  const { prompt: _, ...flagged } = fields
  addFlags(made, flagged)
  return addModelFlags(made)
    .addHelpText('after', `\nExamples:\n${commands.map((example) => `  ${example}`).join('\n')}`)
    .action((prompt: string, flags: ModelFlags) => ask(prompt, flags, context))
}

async function ask(prompt: string, flags: ModelFlags, context: Context): Promise<void> {
  const request = { ...readFlags<object>({ ...flags }, fields), prompt } as AskRequest
  checkGiven('ask', request, fields, required)
  checkRequest('ask', request)
  const json = flags.json ?? false
  const reporter = json ? makeReporter(context, true) : silentLoading
  await withModel(flags, context, reporter, async (model) => {
    const signal = AbortSignal.any([context.signal, outputLost(context.stdout)])
    await answer(model.ask(request, { signal }), context, json)
  })
}
