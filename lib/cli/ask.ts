// `dimoo ask`: a question about pictures. The answer's settled text streams to stdout; a terminal sees the rest dimmed behind it.
import { Command } from 'commander'
import { invalid } from '../base/errors.js'
import { checkRequest, DESCRIPTORS } from '../requests/index.js'
import type { AskRequest } from '../requests/types/index.js'
import { answer } from './answer.js'
import type { Context } from './context.js'
import { addFlags, checkGiven, oneArgument, readFlags } from './flags.js'
import { addModelFlags, emptyHint, withModel } from './model.js'
import { addPlanFlag, showPlan, type PlanFlags } from './plan.js'
import { makeReporter, silentLoading } from './progress.js'
import { withStdin } from './stdin.js'
import { outputLost } from './stdout.js'

const { summary, argument, fields, required, commands } = DESCRIPTORS.ask

export function command(context: Context): Command {
  const made = new Command('ask').description(summary).argument('[question]', argument!.words)
  const { prompt: _, ...flagged } = fields
  addFlags(made, flagged)
  return addPlanFlag(addModelFlags(made))
    .allowExcessArguments(true)
    .addHelpText('after', `\nExamples:\n${commands.map((example) => `  ${example}`).join('\n')}`)
    .action(() => ask(oneArgument(made, 'a question'), made.opts<PlanFlags>(), context))
}

async function ask(prompt: string | undefined, flags: PlanFlags, context: Context): Promise<void> {
  if (prompt === undefined) throw invalid('ask: expected a question, got none')
  const asked = { ...readFlags<object>({ ...flags }, fields), prompt } as AskRequest
  checkGiven('ask', asked, fields, required)
  checkRequest('ask', asked)
  const request = await withStdin(asked, fields, context)
  if (flags.plan) return showPlan('ask', request, flags, context)
  const json = flags.json ?? false
  const reporter = json ? makeReporter(context, true) : silentLoading
  await withModel(flags, context, reporter, async (model) => {
    const signal = AbortSignal.any([context.signal, outputLost(context.stdout)])
    await answer(model.ask(request, { signal }), context, json, await emptyHint(model))
  })
}
