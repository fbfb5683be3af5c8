// `--prompts FILE`: many requests, one load. Several decode at a time and share passes; the first in the file go first. Pictures that
// are there already are left alone, so that the same command goes on after a cut. What fails is told at the end, the rest is done.
import { DimooError, invalid } from '../base/errors.js'
import type { DimooModel } from '../model/model.js'
import { readParameters } from '../parameters/read.js'
import type { ImageTask } from '../requests/names.js'
import type { TaskRequests } from '../requests/types/index.js'
import { note, writeJson, type Context } from './context.js'
import { event, summary, writePictures, type DrawFlags } from './draw.js'
import { outputNames } from './output.js'
import { paced } from './pace.js'
import { bar } from './progress.js'
import { where, type Prompt } from './prompts.js'

/** Runs that decode at a time: enough to fill the passes of any device, few enough that the first pictures come early. */
const TOGETHER = 16
/** Where pictures go when nothing is said. */
export const BATCH_OUTPUT = 'dimoo-{index}.png'
/** After these nothing else could be done either. */
const FATAL = ['output/failed', 'device/lost', 'disposed'] as const

/** A line made ready: checked, with its own seed. */
export interface Job {
  readonly prompt: Prompt
  readonly request: TaskRequests[ImageTask] & {
    readonly seed: string
    readonly n?: number
    readonly bestOf?: number
    readonly prompt?: string
  }
}

/** How a batch ended, in numbers of prompts. */
interface Counts {
  done: number
  there: number
  /** Nothing more is begun. */
  over: boolean
  readonly failed: { readonly prompt: Prompt; readonly error: unknown }[]
}

/** The seed of a line that names none: the first one's and n for every line before it. */
export function seedOf(first: string, index: number, n: number): string {
  return String(BigInt.asUintN(64, BigInt(first) + BigInt((index - 1) * n)))
}

/** Throws `request/invalid` where two lines would write the same file. */
export function checkNames(jobs: readonly Job[], output: string, file: string): void {
  const taken = new Map<string, number>()
  for (const job of jobs) {
    for (const name of namesOf(job, output)) {
      const other = taken.get(name)
      if (other !== undefined && other !== job.prompt.line) {
        throw invalid(
          `${where(file, job.prompt.line)}: expected a name of its own (as with {index}), got ${name}, which line ${other} writes`,
        )
      }
      taken.set(name, job.prompt.line)
    }
  }
}

/** The files that a line may write: with `bestOf` any of the seeds may be the best. */
function namesOf({ prompt: { index }, request }: Job, output: string): string[] {
  const { n = 1, bestOf = n, seed, prompt = '' } = request
  const seeds = Array.from({ length: output.includes('{seed}') ? bestOf : n }, (_, i) =>
    String(BigInt.asUintN(64, BigInt(seed) + BigInt(i))),
  )
  return outputNames(output, { index, prompt, seeds })
}

/** Whether a line's pictures are there: made by this task from this prompt and seed. */
async function isThere(task: ImageTask, job: Job, output: string): Promise<boolean> {
  const { n = 1, bestOf = n, seed, prompt = '' } = job.request
  const made = await Promise.all(
    namesOf(job, output).map(async (name) => {
      const found = await readParameters(name).catch(() => undefined)
      if (found?.task !== task || found.prompt !== prompt) return false
      return BigInt.asUintN(64, BigInt(found.seed) - BigInt(seed)) < BigInt(bestOf)
    }),
  )
  return made.filter(Boolean).length >= n
}

/** Draws all of them. Where some failed it says which, and the command's exit code is 1. */
export async function drawAll(
  task: ImageTask,
  jobs: readonly Job[],
  file: string,
  { output = BATCH_OUTPUT, json = false, scale = 1 }: DrawFlags,
  model: DimooModel,
  context: Context,
): Promise<void> {
  const { stdout, signal } = context
  const counts: Counts = { done: 0, there: 0, over: false, failed: [] }
  const shown = new Shown(jobs.length, counts, context, json)
  const waiting = jobs.values()
  const warned = new Set<string>()
  const worker = async (): Promise<void> => {
    for (const job of waiting) {
      if (counts.over || signal.aborted) return
      try {
        if (await isThere(task, job, output)) {
          counts.there++
          continue
        }
        const run = model.run<ImageTask, { readonly signal: AbortSignal }>(task, job.request, { signal })
        for await (const { step, steps } of run) shown.at(job, (step + 1) / steps)
        const result = await run.result()
        const files = await writePictures(result, { output, scale }, context, job.prompt.index)
        counts.done++
        shown.clear()
        if (json) writeJson(stdout, { ...event(result, files, model), index: job.prompt.index, line: job.prompt.line })
        else stdout.write(`${summary(result, files, scale).join('\n')}\n`)
        for (const warning of result.warnings) {
          if (!warned.has(warning)) note(context, `${where(file, job.prompt.line)}: ${warning}`)
          warned.add(warning)
        }
      } catch (error) {
        if (context.signal.aborted) return
        counts.failed.push({ prompt: job.prompt, error })
        counts.over ||= FATAL.some((code) => DimooError.is(error, code))
      } finally {
        shown.at(job, 0)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(TOGETHER, jobs.length) }, worker))
  shown.clear()
  report(counts, jobs.length, file, json, context)
  signal.throwIfAborted()
}

function report({ done, there, failed }: Counts, all: number, file: string, json: boolean, context: Context): void {
  const { stdout, stderr, signal } = context
  for (const { prompt, error } of failed) {
    const { message = String(error) } = error as Partial<Error>
    const code = DimooError.is(error) ? error.code : 'internal'
    if (json) writeJson(stdout, { event: 'error', index: prompt.index, line: prompt.line, code, message })
    else stderr.write(`dimoo: ${where(file, prompt.line)}: ${message} (${code})\n`)
  }
  const left = all - done - there - failed.length
  if (json) writeJson(stdout, { event: 'summary', prompts: all, done, there, failed: failed.length, left })
  const parts = [`${done} drawn`, ...(there > 0 ? [`${there} there already`] : []), `${failed.length} failed`]
  const more = left > 0 ? `, ${left} left; the same command goes on from here` : ''
  note(context, `of ${all} prompts ${parts.join(', ')}${more}`)
  context.failed = failed.length > 0 && !signal.aborted
}

/** How far all of it is: a bar on a terminal, a line a second elsewhere, nothing with `--quiet` and `--json`. */
class Shown {
  readonly #under = new Map<Job, number>()
  readonly #began = performance.now()
  readonly #line: (text: string) => void
  #done = 0

  constructor(
    private readonly all: number,
    private readonly counts: Counts,
    private readonly context: Context,
    private readonly json: boolean,
  ) {
    this.#line = paced((text) => context.stderr.write(`${text}\n`))
  }

  /** `fraction` of a job is done; 0: it is no longer under way. */
  at(job: Job, fraction: number): void {
    if (fraction === 0) this.#under.delete(job)
    else this.#under.set(job, fraction)
    if (this.json || this.context.quiet) return
    const { done, there, failed } = this.counts
    const worked = done + failed.length + [...this.#under.values()].reduce((sum, one) => sum + one, 0)
    this.#done = (worked + there) / this.all
    const seconds = worked === 0 ? 0 : (((performance.now() - this.#began) / 1000) * (this.all - there - worked)) / worked
    const text = `${done + there} of ${this.all} prompts, ${this.#under.size} under way${failed.length > 0 ? `, ${failed.length} failed` : ''}, ${seconds.toFixed(0)} s left`
    const { stderr } = this.context
    if (stderr.isTTY) stderr.write(`\r${bar(this.#done, text, stderr.columns || 80)}\x1b[K`)
    else this.#line(text)
  }

  clear(): void {
    const { stderr, quiet } = this.context
    if (stderr.isTTY && !quiet && !this.json) stderr.write('\r\x1b[K')
  }
}
