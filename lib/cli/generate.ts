// `dimoo generate`: flags to a request, a run to a picture file. Every field of the request and of loading is a flag.
import path from 'node:path'
import { Command } from 'commander'
import { invalid } from '../errors.js'
import { encodeAnimation } from '../image/encode.js'
import type { RawImage } from '../image/raw.js'
import { LOAD_FIELDS, loadModel, type LoadOptions } from '../load.js'
import type { DimooModel } from '../model.js'
import { checkTextToImage, TEXT_TO_IMAGE_FIELDS, type TextToImageRequest } from '../requests/text-to-image.js'
import type { ImageResult } from '../result.js'
import type { ImageStep } from '../step.js'
import { printable, type Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import { difference, likeOf, toRequest } from './like.js'
import { checkWritable, formatOf, outputNames, writeOutput } from './output.js'
import { makeReporter, type Reporter } from './progress.js'
import { halfBlocks } from './show.js'
import { parseSize, SIZE_HELP } from './size.js'

const EXAMPLES = `
An empty prompt ("") is allowed: the picture is then whatever the model likes, as without a prompt.
Without --model the miniature inside the package draws (64x64, plain shapes); see dimoo doctor.

Examples:
  dimoo generate "a large yellow star on a black background" -o star.png
  dimoo generate "a harbour in the early light" --model lumina.gguf --size 1024x768 --steps 32 --seed 7
  dimoo generate "a red circle" --n 4 -o circle.webp        writes circle-1.webp ... circle-4.webp
  dimoo generate "a red circle" --show                      draws it in the terminal as it fills in
  dimoo generate "a red circle" --animate how.webp          the decoding as an animated picture
  dimoo generate --like star.png -o again.png               repeats a picture from what is written in it
  dimoo generate "a red circle" --json                      one JSON event per line, the last one the result`

/** How long a frame of `--animate` stays, and the last one, in milliseconds. */
const FRAME_MS = 120
const LAST_FRAME_MS = 2000

interface Flags {
  readonly output?: string
  readonly model?: string
  readonly like?: string
  readonly size?: string
  readonly show?: boolean
  readonly animate?: string
  readonly json?: boolean
}

export function command(context: Context): Command {
  const made = new Command('generate')
    .description('Draws pictures from a text.')
    .argument('[prompt]', 'what to draw; may be left out with --like')
    .option('-o, --output <file>', 'picture file: .png, .jpg, .jpeg or .webp (default: dimoo-<seed>.png)')
    .option('--model <path>', 'a .gguf file or a folder as published (default: the miniature inside the package)')
    .option('--size <WxH>', SIZE_HELP)
  addFlags(made, TEXT_TO_IMAGE_FIELDS)
  addFlags(made, LOAD_FIELDS)
  return made
    .option('--like <picture>', 'take every parameter that is not given from a picture made before')
    .option('--show', 'draw the picture in the terminal as it fills in')
    .option('--animate <file>', 'write the decoding of the first picture as an animated .webp')
    .option('--json', 'print one JSON event per line')
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
  const options: LoadOptions = {
    ...(like && { precision: like.precision }),
    ...readFlags<LoadOptions>({ ...flags }, LOAD_FIELDS),
    signal: context.signal,
    onProgress: (progress) => reporter.loading(progress),
  }
  const model = await loadModel(flags.model, options)
  try {
    const warning = like && difference(like, model.info)
    if (warning) context.stderr.write(`dimoo: ${printable(warning)}\n`)
    await draw(model, request, flags, context, reporter)
  } finally {
    await model.close()
  }
}

async function checkOutputs({ output, animate }: Flags): Promise<void> {
  if (output !== undefined) formatOf(output)
  if (animate !== undefined && !/\.webp$/i.test(animate)) throw invalid(`--animate must end in .webp, got '${animate}'`)
  if (output !== undefined && animate !== undefined && path.resolve(output) === path.resolve(animate)) {
    throw invalid(`--output and --animate must name two files, got '${output}' twice`)
  }
  await Promise.all([output ?? '.png', animate ?? '.webp'].map(checkWritable))
}

async function draw(model: DimooModel, request: TextToImageRequest, flags: Flags, context: Context, reporter: Reporter): Promise<void> {
  const { signal } = context
  const run = model.generate(request, { signal, delivery: flags.animate === undefined ? 'latest' : 'all' })
  const frames: RawImage[] = []
  for await (const step of run) {
    if (flags.animate !== undefined && step.index === 0) frames.push(await step.decode({ masked: 'grey' }))
    reporter.step(step, flags.show && step.index === 0 ? await picture(step, context) : undefined)
  }
  const result = await run.result()
  const files = await write(result, flags, signal)
  if (flags.animate !== undefined) {
    frames.push(result.image)
    const delays = frames.map((_, i) => (i === frames.length - 1 ? LAST_FRAME_MS : FRAME_MS))
    await writeOutput(flags.animate, await encodeAnimation(frames, delays))
    files.push(flags.animate)
  }
  if (flags.show && !context.stderr.isTTY) context.stderr.write(`${(await halfBlocks(result.image, 80, 40)).join('\n')}\n`)
  reporter.done(event(result, files, model), summary(result, files))
}

function picture(step: ImageStep, { stderr }: Context): Promise<string[]> | undefined {
  if (!stderr.isTTY) return undefined
  return step.decode({ masked: 'grey' }).then((image) => halfBlocks(image, Math.min(stderr.columns || 80, 120), 40))
}

async function write(result: ImageResult, flags: Flags, signal: AbortSignal): Promise<string[]> {
  const output = flags.output ?? `dimoo-${result.seed}.png`
  const names = outputNames(output, result.images.length)
  for (const [i, image] of result.images.entries()) {
    signal.throwIfAborted()
    await writeOutput(names[i]!, await image.encode(formatOf(output)))
  }
  return names
}

function summary(result: ImageResult, files: readonly string[]): string[] {
  const { width, height } = result.image
  const seconds = (result.timings.totalMs / 1000).toFixed(2)
  return files.map((file, i) => {
    const image = result.images[i]
    return image ? `${file}: ${width}x${height}, seed ${image.seed}, ${seconds} s` : `${file}: ${result.usage.steps} steps`
  })
}

function event(result: ImageResult, files: readonly string[], model: DimooModel): object {
  const images = result.images.map((image, i) => ({ file: files[i], seed: image.seed, parameters: image.parameters }))
  const { timings, usage } = result
  return { event: 'result', files, images, timings, usage, device: model.device.id }
}
