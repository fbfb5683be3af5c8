// `dimoo generate`: flags to a request, a run to a picture file. Every field of the request and of loading is a flag.
import { Command } from 'commander'
import { invalid } from '../base/errors.js'
import { checkTextToImage, TEXT_TO_IMAGE_FIELDS, type TextToImageRequest } from '../requests/text-to-image.js'
import { printable, type Context } from './context.js'
import { addDrawFlags, checkOutputs, draw, type DrawFlags } from './draw.js'
import { addFlags, readFlags } from './flags.js'
import { difference, likeOf, toRequest } from './like.js'
import { addModelFlags, withModel, type ModelFlags } from './model.js'
import { makeReporter } from './progress.js'
import { parseSize, SIZE_HELP } from './size.js'

const EXAMPLES = `
An empty prompt ("") is allowed: the picture is then whatever the model likes, as without a prompt.
Without --model the miniature inside the package draws (64x64, plain shapes); see dimoo doctor.

Examples:
  dimoo generate "a large yellow star on a black background" -o star.png
  dimoo generate "a harbour in the early light" --model lumina.gguf --size 1024x768 --steps 32 --seed 7
  dimoo generate "a red circle" --n 4 -o circle.webp        writes circle-1.webp ... circle-4.webp
  dimoo generate "a red circle" --best-of 8 -o best.png     the best of eight, as the model judges them
  dimoo generate "a red circle" --cache                     ML-Cache: faster, approximate
  dimoo generate "a red circle" --show                      draws it in the terminal as it fills in
  dimoo generate "a red circle" --animate how.webp          the decoding as an animated picture
  dimoo generate --like star.png -o again.png               repeats a picture from what is written in it
  dimoo generate "a red circle" --json                      one JSON event per line, the last one the result`

interface Flags extends DrawFlags, ModelFlags {
  readonly like?: string
  readonly size?: string
}

export function command(context: Context): Command {
  const made = new Command('generate')
    .description('Draws pictures from a text.')
    .argument('[prompt]', 'what to draw; may be left out with --like')
  addDrawFlags(made).option('--size <WxH>', SIZE_HELP)
  addFlags(made, TEXT_TO_IMAGE_FIELDS)
  return addModelFlags(made)
    .option('--like <picture>', 'take every parameter that is not given from a picture made before')
    .addHelpText('after', EXAMPLES)
    .action((prompt: string | undefined, flags: Flags) => generate(prompt, flags, context))
}

async function generate(prompt: string | undefined, flags: Flags, context: Context): Promise<void> {
  const like = flags.like === undefined ? undefined : await likeOf(flags.like)
  const given = {
    ...readFlags<Partial<TextToImageRequest>>({ ...flags }, TEXT_TO_IMAGE_FIELDS),
    ...parseSize(flags.size),
  }
  const text = prompt ?? like?.prompt
  if (text === undefined) throw invalid('generate: expected a prompt or --like, got neither')
  const request: TextToImageRequest = { ...(like && toRequest(like)), ...given, prompt: text }
  checkTextToImage(request)
  await checkOutputs(flags)
  const reporter = makeReporter(context, flags.json ?? false)
  const body: Parameters<typeof withModel>[3] = async (model) => {
    const warning = like && difference(like, model.info)
    if (warning) context.stderr.write(`dimoo: ${printable(warning)}\n`)
    await draw((options) => model.generate(request, options), model, flags, context, reporter)
  }
  await withModel(flags, context, reporter, body, like && { precision: like.precision })
}
