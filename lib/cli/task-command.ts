// The commands that make pictures: one way from flags to a run, whatever the task; what they are called and take comes from the tasks'
// descriptors.
import { Command } from 'commander'
import { invalid } from '../base/errors.js'
import { likeDifference, likeRequest, type ImageParameters } from '../parameters/parameters.js'
import { readParameters } from '../parameters/read.js'
import { checkRequest, DESCRIPTORS } from '../requests/index.js'
import type { ImageTask } from '../requests/names.js'
import type { TaskRequests } from '../requests/types.js'
import { printable, type Context } from './context.js'
import { addDrawFlags, checkOutputs, draw, type DrawFlags } from './draw.js'
import { addFlags, checkGiven, readFlags } from './flags.js'
import { addModelFlags, withModel, type ModelFlags } from './model.js'
import { makeReporter } from './progress.js'
import { parseSize, SIZE_HELP } from './size.js'

// What only `generate` has to say beside its examples.
const GENERATE_WORDS = `
An empty prompt ("") is allowed: the picture is then whatever the model likes, as without a prompt.
Without --model the miniature inside the package draws (64x64, plain shapes); see dimoo doctor.
`
const GENERATE_EXAMPLES = [
  'dimoo generate "a harbour in the early light" --model lumina.gguf --size 1024x768 --steps 32 --seed 7',
  'dimoo generate "a red circle" --n 4 -o circle.webp        writes circle-1.webp ... circle-4.webp',
  'dimoo generate "a red circle" --best-of 8 -o best.png     the best of eight, as the model judges them',
  'dimoo generate "a red circle" --cache                     ML-Cache: faster, approximate',
  'dimoo generate "a red circle" --show                      draws it in the terminal as it fills in',
  'dimoo generate "a red circle" --animate how.webp          the decoding as an animated picture',
  'dimoo generate --like star.png -o again.png               repeats a picture from what is written in it',
  'dimoo generate "a red circle" --json                      one JSON event per line, the last one the result',
]

type Flags = DrawFlags & ModelFlags & { readonly like?: string; readonly size?: string } & Readonly<Record<string, unknown>>

export function taskCommand(task: ImageTask): (context: Context) => Command {
  return (context) => {
    const { summary, argument, commands, fields } = DESCRIPTORS[task]
    const made = new Command(task).description(summary)
    if (argument) made.argument(argument.optional ? '[prompt]' : '<prompt>', argument.words)
    addDrawFlags(made)
    if (task === 'generate') made.option('--size <WxH>', SIZE_HELP)
    const { prompt: _, ...flagged } = fields
    addFlags(made, flagged)
    addModelFlags(made)
    if (task === 'generate') made.option('--like <picture>', 'take every parameter that is not given from a picture made before')
    const [words, examples] = task === 'generate' ? [GENERATE_WORDS, [...commands, ...GENERATE_EXAMPLES]] : ['', commands]
    const body = (prompt: string | undefined, flags: Flags): Promise<void> => make(task, prompt, flags, context)
    return made
      .addHelpText('after', `${words}\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
      .action((...args: unknown[]) =>
        argument ? body(args[0] as string | undefined, args[1] as Flags) : body(undefined, args[0] as Flags),
      )
  }
}

async function make(task: ImageTask, prompt: string | undefined, flags: Flags, context: Context): Promise<void> {
  const like = flags.like === undefined ? undefined : await likeOf(flags.like)
  const request = requestOf(task, prompt, flags, like)
  await checkOutputs(flags)
  const reporter = makeReporter(context, flags.json ?? false)
  const body: Parameters<typeof withModel>[3] = async (model) => {
    const difference = like && likeDifference(like, await model.info())
    if (difference) context.stderr.write(`dimoo: ${printable(difference)}\n`)
    await draw((options) => model.run<ImageTask, typeof options>(task, request, options), model, flags, context, reporter)
  }
  await withModel(flags, context, reporter, body, like && { precision: like.precision })
}

function requestOf(task: ImageTask, prompt: string | undefined, flags: Flags, like: ImageParameters | undefined): TaskRequests[ImageTask] {
  const { fields, required, argument } = DESCRIPTORS[task]
  const base = like && likeRequest(like)
  const text = prompt ?? base?.prompt
  if (task === 'generate' && text === undefined) throw invalid('generate: expected a prompt or --like, got neither')
  const request = { ...base, ...readFlags<object>(flags, fields), ...parseSize(flags.size), ...(text !== undefined && { prompt: text }) }
  checkGiven(
    task,
    request,
    fields,
    required.filter((name) => name !== argument?.field),
  )
  checkRequest(task, request)
  return request as TaskRequests[ImageTask]
}

async function likeOf(file: string): Promise<ImageParameters> {
  const found = await readParameters(file)
  if (!found) throw invalid(`--like: expected a picture with parameters of lumina-dimoo, got ${file} without`)
  return found
}
