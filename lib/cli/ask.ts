// `dimoo ask`: a question about pictures. The answer's settled text streams to stdout; a terminal sees the rest dimmed behind it.
import { Command } from 'commander'
import { checkRequest, REQUEST_FIELDS, REQUIRED_FIELDS, type TaskRequests } from '../requests/index.js'
import { answer } from './answer.js'
import type { Context } from './context.js'
import { addFlags, checkGiven, readFlags } from './flags.js'
import { addModelFlags, withModel, type ModelFlags } from './model.js'
import { makeReporter, silentLoading } from './progress.js'

const EXAMPLES = `
Examples:
  dimoo ask "What color is the circle?" --image circle.png
  dimoo ask "What has changed?" --image before.png --image after.png --model lumina.gguf
  dimoo ask "Please describe this image." --image in.png --reuse prefix --threshold 0.9    faster, approximate
  dimoo ask "How many objects are there?" --image in.png --json                            the last line holds the text`

export function command(context: Context): Command {
  const made = new Command('ask').description('Answers a question about pictures.').argument('<question>', 'the question')
  addFlags(made, REQUEST_FIELDS.understand)
  return addModelFlags(made)
    .addHelpText('after', EXAMPLES)
    .action((prompt: string, flags: ModelFlags) => ask(prompt, flags, context))
}

async function ask(prompt: string, flags: ModelFlags, context: Context): Promise<void> {
  const request = { ...readFlags<object>({ ...flags }, REQUEST_FIELDS.understand), prompt } as TaskRequests['understand']
  checkGiven('ask', request, REQUEST_FIELDS.understand, REQUIRED_FIELDS.understand)
  checkRequest('understand', request)
  const json = flags.json ?? false
  const reporter = json ? makeReporter(context, true) : silentLoading
  await withModel(flags, context, reporter, async (model) => {
    await answer(model.ask(request, { signal: context.signal }), context, json)
  })
}
