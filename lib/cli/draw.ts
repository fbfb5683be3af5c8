// A run of pictures on the command line: shown as it fills in, written when it is done, complete or not at all.
import path from 'node:path'
import type { Command } from 'commander'
import { invalid } from '../base/errors.js'
import { encodeAnimation, MOST_SCALE } from '../image/encode.js'
import { enlarge } from '../image/enlarge.js'
import type { RawImage } from '../fields/values.js'
import type { DimooModel } from '../model/model.js'
import type { RunOptions } from '../requests/types/index.js'
import type { ImageResult } from '../run/results.js'
import type { ImageStep } from '../run/steps.js'
import type { ImageRun } from '../run/types.js'
import { note, type Context } from './context.js'
import { checkReplaceable, replaceFile } from '../base/replace-file.js'
import { checkPattern, formatOf, outputNames, STDOUT } from './output.js'
import type { Reporter } from './progress.js'
import { halfBlocks } from './show.js'

/** How long a frame of `--animate` stays, and the last one, in milliseconds. */
const FRAME_MS = 120
const LAST_FRAME_MS = 2000

export interface DrawFlags {
  readonly output?: string
  readonly show?: boolean
  readonly animate?: string
  readonly scale?: number
  readonly json?: boolean
}

export function addDrawFlags(command: Command): Command {
  return command
    .option(
      '-o, --output <file>',
      'picture file: .png, .jpg, .jpeg or .webp, in its name {seed}, {index}, {prompt}; - writes a PNG to standard output (default: dimoo-<seed>.png)',
    )
    .option('--show', 'draw the picture in the terminal as it fills in')
    .option('--animate <file>', 'write the decoding of the first picture as an animated .webp')
    .option('--scale <n>', 'write every pixel as a square of so many a side, for small pictures (default: 1)', scaleOf)
}

function scaleOf(text: string): number {
  const scale = /^\d+$/.test(text) ? Number(text) : 0
  if (scale < 1 || scale > MOST_SCALE) throw invalid(`--scale must be a whole number from 1 to ${MOST_SCALE}, got '${text}'`)
  return scale
}

/** Says before the work starts what could not be written. `pictures`: how many there will be. */
export async function checkOutputs({ output, animate, json }: DrawFlags, pictures: number, { stdout }: Context): Promise<void> {
  if (output === STDOUT) {
    if (pictures > 1) throw invalid(`--output -: expected one picture for standard output, got ${pictures}`)
    if (json) throw invalid('--output - and --json both write to standard output: expected one of them, got both')
    if (stdout.isTTY) throw invalid('--output -: expected a file or a pipe as standard output, got a terminal')
  } else if (output !== undefined) {
    formatOf(output)
    checkPattern(output)
  }
  if (animate !== undefined && !/\.webp$/i.test(animate)) throw invalid(`--animate must end in .webp, got '${animate}'`)
  if (output !== undefined && animate !== undefined && path.resolve(output) === path.resolve(animate)) {
    throw invalid(`--output and --animate must name two files, got '${output}' twice`)
  }
  await Promise.all([output === undefined || output === STDOUT ? '.png' : output, animate ?? '.webp'].map(checkReplaceable))
}

type Start = (options: RunOptions) => ImageRun

export async function draw(start: Start, model: DimooModel, flags: DrawFlags, context: Context, reporter: Reporter): Promise<void> {
  const { signal } = context
  const run = start({ signal, delivery: flags.animate === undefined ? 'latest' : 'all' })
  const frames: RawImage[] = []
  for await (const step of run) {
    if (flags.animate !== undefined && step.image === 0) frames.push(await step.decode({ masked: 'grey' }))
    reporter.step(step, flags.show && step.image === 0 ? await picture(step, context) : undefined)
  }
  const result = await run.result()
  const files = await writePictures(result, { output: 'dimoo-{seed}.png', ...flags }, context)
  if (flags.animate !== undefined) {
    frames.push(result.image)
    const delays = frames.map((_, i) => (i === frames.length - 1 ? LAST_FRAME_MS : FRAME_MS))
    const shown = frames.map((frame) => enlarge(frame, flags.scale ?? 1))
    await replaceFile(flags.animate, await encodeAnimation(shown, delays))
    files.push(flags.animate)
  }
  const said = summary(result, files, flags.scale)
  reporter.done(event(result, files, model), flags.output === STDOUT ? said.slice(1) : said)
  for (const warning of result.warnings) note(context, warning)
}

function picture(step: ImageStep, { stderr, quiet }: Context): Promise<string[]> | undefined {
  if (!stderr.isTTY || quiet) return undefined
  return step.decode({ masked: 'grey' }).then((image) => halfBlocks(image, Math.min(stderr.columns || 80, 120), 40))
}

/**
 * Each picture is written, whatever becomes of the others; then the first trouble is told. `index`: the prompt's number, where there are
 * many. Resolves to the files' names.
 */
export async function writePictures(
  result: ImageResult,
  { output, scale = 1 }: DrawFlags & { readonly output: string },
  { signal, stdout }: Context,
  index?: number,
): Promise<string[]> {
  const naming = {
    prompt: result.images[0]!.parameters.prompt,
    seeds: result.images.map(({ seed }) => seed),
    ...(index !== undefined && { index }),
  }
  const names = output === STDOUT ? [STDOUT] : outputNames(output, naming)
  const troubles: unknown[] = []
  for (const [i, image] of result.images.entries()) {
    signal.throwIfAborted()
    const bytes = await image.encode(formatOf(output), { scale })
    if (output === STDOUT) stdout.write(bytes)
    else await replaceFile(names[i]!, bytes).catch((error: unknown) => troubles.push(error))
  }
  if (troubles.length > 0) throw troubles[0]
  return names
}

/** A line for every file. */
export function summary(result: ImageResult, files: readonly string[], scale = 1): string[] {
  const [width, height] = [result.image.width, result.image.height].map((side) => side * scale)
  const seconds = (result.timings.totalMs / 1000).toFixed(2)
  return files.map((file, i) => {
    const image = result.images[i]
    const score = image?.score === undefined ? '' : `, score ${image.score.toFixed(2)}`
    return image ? `${file}: ${width}x${height}, seed ${image.seed}${score}, ${seconds} s` : `${file}: ${result.usage.steps} steps`
  })
}

/** The last line of `--json`. */
export function event(result: ImageResult, files: readonly string[], model: DimooModel): object {
  const images = result.images.map(({ seed, parameters, score }, i) => ({
    file: files[i],
    seed,
    parameters,
    ...(score !== undefined && { score }),
  }))
  const { timings, usage, warnings } = result
  return { event: 'result', files, images, timings, usage, warnings, device: model.device.id }
}
