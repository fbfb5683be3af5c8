// The commands that make pictures from pictures: one way from flags to a run, a table of what differs.
import { Command } from 'commander'
import { invalid } from '../base/errors.js'
import { checkRequest, REQUEST_FIELDS, REQUIRED_FIELDS, type TaskRequests } from '../requests/index.js'
import type { Fields } from '../fields/validate.js'
import type { Context } from './context.js'
import { addDrawFlags, checkOutputs, draw, type DrawFlags } from './draw.js'
import { addFlags, checkGiven, readFlags } from './flags.js'
import { addModelFlags, withModel, type ModelFlags } from './model.js'
import { makeReporter } from './progress.js'

export type PictureTask = Exclude<keyof TaskRequests, 'text-to-image' | 'understand' | 'chat'>

interface Words {
  readonly description: string
  /** What the argument is; absent: the task takes no text. */
  readonly prompt?: string
  readonly optional?: boolean
  readonly examples: readonly string[]
  /** Further names of flags, as the other tasks call them: flag to field. */
  readonly aliases?: Readonly<Record<string, string>>
}

export const PICTURE_COMMANDS: Readonly<Record<PictureTask, Words>> = {
  edit: {
    description: 'Changes a picture as a text says.',
    prompt: 'what to change',
    examples: [
      'dimoo edit "Change the red circle to blue." --image in.png -o out.png',
      'dimoo edit "Remove the star." --image in.png --guidance-image 1',
    ],
  },
  inpaint: {
    description: 'Draws a part of a picture anew.',
    prompt: 'what the whole picture is to show',
    examples: [
      'dimoo inpaint "a red circle" --image in.png --mask mask.png -o out.png        white (or transparent) is drawn anew',
      'dimoo inpaint "a red circle" --image in.png --region 8,8,32,32 --region 40,0,24,24 --composite-feather 4',
      'dimoo inpaint "a red circle" --image in.png --mask-ratio 0.5x0.5',
    ],
    aliases: { region: 'mask' },
  },
  outpaint: {
    description: 'Draws what lies around a picture.',
    prompt: 'what the whole picture is to show',
    examples: [
      'dimoo outpaint "a red circle" --image in.png --extend-left 32 --extend-right 32 -o out.png',
      'dimoo outpaint "a red circle" --image in.png --extend-ratio 0.5x1',
    ],
  },
  control: {
    description: 'Draws a picture from a text and a map: edges, depth or a pose.',
    prompt: 'what to draw',
    examples: [
      'dimoo control "a red circle" --image edges.png --control canny -o out.png',
      'dimoo control "a red circle" --image photo.jpg --control canny --source photo       the edges are drawn from the photo first',
    ],
  },
  predict: { description: 'Reads a map from a picture.', examples: ['dimoo predict --image in.png --map depth -o depth.png'] },
  subject: {
    description: 'Draws the subject of a picture in another scene.',
    prompt: 'the scene',
    examples: ['dimoo subject "the dog on a beach" --image dog.png -o out.png'],
  },
  style: {
    description: 'Draws a picture in the style of another.',
    examples: ['dimoo style --image content.png --style reference.png -o out.png'],
  },
  view: {
    description: 'Draws another view of what a front view shows.',
    examples: ['dimoo view --image front.png --view left -o left.png'],
  },
  retouch: {
    description: 'Decodes a region of a picture again; nothing else changes.',
    prompt: 'what the whole picture is to show (default: nothing said)',
    optional: true,
    examples: ['dimoo retouch "a red circle" --from in.png --region 16,16,32,32 -o out.png'],
    aliases: { image: 'from', mask: 'region' },
  },
}

type Flags = DrawFlags & ModelFlags & Readonly<Record<string, unknown>>

export function pictureCommand(task: PictureTask): (context: Context) => Command {
  return (context) => {
    const { description, prompt, optional, examples } = PICTURE_COMMANDS[task]
    const made = new Command(task).description(description)
    if (prompt !== undefined) made.argument(optional ? '[prompt]' : '<prompt>', prompt)
    addDrawFlags(made)
    addFlags(made, REQUEST_FIELDS[task])
    addFlags(made, aliasFields(task))
    const body = (text: string | undefined, flags: Flags): Promise<void> => make(task, text, flags, context)
    return addModelFlags(made)
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
      .action((...args: unknown[]) =>
        prompt === undefined ? body(undefined, args[0] as Flags) : body(args[0] as string | undefined, args[1] as Flags),
      )
  }
}

async function make(task: PictureTask, prompt: string | undefined, flags: Flags, context: Context): Promise<void> {
  const request = {
    ...readFlags<object>(withAlias(task, flags), REQUEST_FIELDS[task]),
    ...(prompt !== undefined && { prompt }),
  } as TaskRequests[PictureTask]
  const required = REQUIRED_FIELDS[task].filter((name) => name !== 'prompt')
  checkGiven(task, request, REQUEST_FIELDS[task], required)
  checkRequest(task, request)
  await checkOutputs(flags)
  const reporter = makeReporter(context, flags.json ?? false)
  await withModel(flags, context, reporter, (model) =>
    draw((options) => model.run(task, request, options), model, flags, context, reporter),
  )
}

function withAlias(task: PictureTask, flags: Flags): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = { ...flags }
  for (const [flag, field] of Object.entries(PICTURE_COMMANDS[task].aliases ?? {})) {
    if (flags[flag] === undefined) continue
    if (flags[field] !== undefined) throw invalid(`--${flag} is --${field}: expected one of them, got both`)
    found[field] = flags[flag]
  }
  return found
}

// The flag reads as its field does, but for the options below it, which have their own flags.
function aliasFields(task: PictureTask): Fields {
  const aliases = Object.entries(PICTURE_COMMANDS[task].aliases ?? {})
  return Object.fromEntries(
    aliases.map(([flag, field]) => {
      const { check, value = 'file', parse, join } = REQUEST_FIELDS[task][field]!
      return [flag, { check, value, help: `the same as --${field}`, ...(parse && { parse }), ...(join && { join }) }]
    }),
  )
}
