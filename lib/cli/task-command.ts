// The commands that make pictures: one way from flags to a run, whatever the task; what they are called and take comes from the tasks'
// descriptors.
import { Command } from 'commander'
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { likeDifference, likeRequest, type ImageParameters } from '../parameters/parameters.js'
import { readParameters } from '../parameters/read.js'
import { checkRequest, DESCRIPTORS } from '../requests/index.js'
import type { ImageTask } from '../requests/names.js'
import type { TaskRequests } from '../requests/types/index.js'
import { BATCH_OUTPUT, checkNames, drawAll, seedOf, type Job } from './batch.js'
import { note, type Context } from './context.js'
import { addDrawFlags, checkOutputs, draw, type DrawFlags } from './draw.js'
import { addFlags, checkGiven, oneArgument, readFlags } from './flags.js'
import { addModelFlags, withModel } from './model.js'
import { STDOUT } from './output.js'
import { makeReporter } from './progress.js'
import { addPlanFlag, showPlan, type PlanFlags } from './plan.js'
import { readPrompts, where, type Prompt } from './prompts.js'
import { parseSize, SIZE_HELP } from './size.js'
import { withStdin } from './stdin.js'

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
  'dimoo generate --prompts list.txt -o "out-{seed}.png"     every line of a file, goes on where it was cut',
  'dimoo generate "a red circle" -o - --quiet > circle.png   the picture itself on standard output',
]

interface Own {
  readonly like?: string
  readonly size?: string
  readonly prompts?: string
}
type Flags = DrawFlags & PlanFlags & Own & Readonly<Record<string, unknown>>

export function taskCommand(task: ImageTask): (context: Context) => Command {
  return (context) => {
    const { summary, argument, commands, fields } = DESCRIPTORS[task]
    const made = new Command(task).description(summary)
    if (argument) made.argument('[prompt]', argument.words)
    addDrawFlags(made)
    if (task === 'generate') made.option('--size <WxH>', SIZE_HELP)
    const { prompt: _, ...flagged } = fields
    addFlags(made, flagged)
    addModelFlags(made)
    addPlanFlag(made)
    if (task === 'generate') made.option('--like <picture>', 'take every parameter that is not given from a picture made before')
    made.option('--prompts <file>', 'draw every line: a prompt, or a JSON object of request fields; - is standard input')
    const [words, examples] = task === 'generate' ? [GENERATE_WORDS, [...commands, ...GENERATE_EXAMPLES]] : ['', commands]
    return made
      .allowExcessArguments(true)
      .addHelpText('after', `${words}\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
      .action(async () => {
        const prompt = oneArgument(made, argument ? 'a prompt' : undefined)
        const flags = made.opts<Flags>()
        await (flags.prompts === undefined ? make(task, prompt, flags, context) : makeAll(task, prompt, flags, flags.prompts, context))
      })
  }
}

async function make(task: ImageTask, prompt: string | undefined, flags: Flags, context: Context): Promise<void> {
  const like = flags.like === undefined ? undefined : await likeOf(flags.like)
  const asked = requestOf(task, prompt, flags, like)
  if (!flags.plan) await checkOutputs(flags, picturesOf(asked), context)
  const request = await withStdin(asked, DESCRIPTORS[task].fields, context)
  if (flags.plan) return showPlan(task, request, flags, context, like && { precision: like.precision })
  const reporter = makeReporter(context, flags.json ?? false, decodedOf(asked))
  const body: Parameters<typeof withModel>[3] = async (model) => {
    const difference = like && likeDifference(like, await model.info())
    if (difference) note(context, difference)
    await draw((options) => model.run<ImageTask, typeof options>(task, request, options), model, flags, context, reporter)
  }
  await withModel(flags, context, reporter, body, like && { precision: like.precision })
}

async function makeAll(task: ImageTask, prompt: string | undefined, flags: Flags, file: string, context: Context): Promise<void> {
  for (const name of ['show', 'animate', 'like', 'plan'] as const) {
    if (flags[name] !== undefined) throw invalid(`--${name} must not be given with --prompts`)
  }
  if (prompt !== undefined) throw invalid(`${task}: expected a prompt or --prompts, got both`)
  if (flags.output === STDOUT) throw invalid('--output -: expected one picture for standard output, got a file of prompts')
  const prompts = await readPrompts(file, context)
  const jobs = prompts.map((one) => jobOf(task, flags, file, one))
  await checkOutputs(flags, 1, context)
  checkNames(jobs, flags.output ?? BATCH_OUTPUT, file)
  const reporter = makeReporter(context, flags.json ?? false)
  await withModel(flags, context, reporter, (model) => drawAll(task, jobs, file, flags, model, context), { scheduler: { policy: 'fifo' } })
}

function jobOf(task: ImageTask, flags: Flags, file: string, prompt: Prompt): Job {
  try {
    const request = requestOf(task, undefined, flags, undefined, prompt.request)
    const { seed = 0, n = 1 } = request as { readonly seed?: number | bigint | string; readonly n?: number }
    const own = prompt.request['seed'] === undefined ? seedOf(String(seed), prompt.index, n) : String(seed)
    return { prompt, request: { ...request, seed: own } }
  } catch (error) {
    throw DimooError.is(error) ? new DimooError(error.code, `${where(file, prompt.line)}: ${error.message}`, { cause: error }) : error
  }
}

/** Pictures that a request writes, and those that it decodes together. */
const picturesOf = (request: object): number => (request as { n?: number }).n ?? 1
const decodedOf = (request: object): number => Math.max(picturesOf(request), (request as { bestOf?: number }).bestOf ?? 1)

// A line of a file stands above flags, flags above a picture's own parameters.
function requestOf(
  task: ImageTask,
  prompt: string | undefined,
  flags: Flags,
  like: ImageParameters | undefined,
  line: object = {},
): TaskRequests[ImageTask] {
  const { fields, required, argument } = DESCRIPTORS[task]
  const base = like && likeRequest(like)
  const given = { ...readFlags<object>(flags, fields), ...parseSize(flags.size), ...(prompt !== undefined && { prompt }), ...line }
  if (like && 'preset' in given)
    throw invalid(
      '--preset must not be given with --like: the picture says what a preset would set; --steps, --cache and others stand above it',
    )
  const request = { ...base, ...given } as TaskRequests[ImageTask] & { readonly prompt?: string }
  if (argument && required.includes(argument.field) && request.prompt === undefined) {
    throw invalid(`${task}: expected a prompt${task === 'generate' ? ', --like or --prompts' : ' or --prompts'}, got none`)
  }
  checkGiven(
    task,
    request,
    fields,
    required.filter((name) => name !== argument?.field),
  )
  checkRequest(task, request)
  return request
}

async function likeOf(file: string): Promise<ImageParameters> {
  const found = await readParameters(file)
  if (!found)
    throw invalid(
      `--like: expected a picture with parameters of lumina-dimoo, got ${show(file)} without (tools that convert pictures often drop them)`,
    )
  return found
}
