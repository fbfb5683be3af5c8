// An answer on the command line: settled text as it is fixed; on a terminal the still-masked rest of the line dimmed behind it; or one
// JSON event a step, the last one the result.
import type { TextResult } from '../result.js'
import type { Run } from '../run-options.js'
import type { TextStep } from '../text-step.js'
import { printable, writeJson, type Context } from './context.js'

/** Shows a run to its end and returns its result. */
export async function answer(run: Run<TextStep, TextResult>, context: Context, json: boolean): Promise<TextResult> {
  if (json) return asEvents(run, context)
  const screen = context.stdout.isTTY ? new Terminal(context.stdout.columns || 80, context.stdout) : new Plain(context.stdout)
  try {
    for await (const { settled, text } of run) screen.show(settled, text)
    const result = await run.result()
    screen.end(result.text)
    return result
  } catch (error) {
    screen.end('')
    throw error
  }
}

async function asEvents(run: Run<TextStep, TextResult>, { stdout }: Context): Promise<TextResult> {
  for await (const { step, steps, block, blocks, masked, skipped, elapsedMs, settled, text } of run) {
    writeJson(stdout, { event: 'step', step, steps, block, blocks, masked, skipped, elapsedMs, settled, text })
  }
  const result = await run.result()
  writeJson(stdout, { event: 'result', ...result })
  return result
}

/** A stream that is no terminal gets settled text only, and a line end. */
class Plain {
  protected written = ''
  constructor(protected readonly out: NodeJS.WritableStream) {}

  show(settled: string, text?: string): void
  show(settled: string): void {
    this.out.write(clean(settled.slice(this.written.length)))
    this.written = settled
  }

  end(text: string): void {
    if (text.length > this.written.length) this.show(text)
    this.out.write('\n')
  }
}

const SAVE = '\x1b7'
const RESTORE = '\x1b8\x1b[J'
const DIM = '\x1b[2m'
const PLAIN = '\x1b[0m'

/** Redraws what follows the settled text, as far as the line goes: a line that scrolled could not be taken back. */
class Terminal extends Plain {
  #column = 0
  #saved = false

  constructor(
    private readonly columns: number,
    out: NodeJS.WritableStream,
  ) {
    super(out)
  }

  override show(settled: string, text = settled): void {
    const more = clean(settled.slice(this.written.length))
    this.#restore()
    this.out.write(more)
    this.written = settled
    const lines = more.split('\n')
    this.#column = ((lines.length > 1 ? 0 : this.#column) + width(lines.at(-1)!)) % this.columns
    const rest = fitting(clean(text.slice(settled.length)).replaceAll('\n', ' '), this.columns - this.#column - 1)
    this.out.write(`${SAVE}${DIM}${rest}${PLAIN}`)
    this.#saved = true
  }

  override end(text: string): void {
    this.#restore()
    if (text.length > this.written.length) this.out.write(clean(text.slice(this.written.length)))
    this.out.write('\n')
  }

  #restore(): void {
    if (this.#saved) this.out.write(RESTORE)
    this.#saved = false
  }
}

/** Text of a model must not steer a terminal: only line ends and tabs pass. */
function clean(text: string): string {
  return text
    .split(/([\n\t])/)
    .map((part) => (part === '\n' || part === '\t' ? part : printable(part)))
    .join('')
}

// Columns of a terminal: characters of East Asian scripts and emoji take two.
function width(text: string): number {
  return Array.from(text).reduce((sum, char) => sum + (char.codePointAt(0)! >= 0x1100 && !/[\u2000-\u2bff]/.test(char) ? 2 : 1), 0)
}

/** As much of a text's beginning as `columns` hold. */
function fitting(text: string, columns: number): string {
  let used = 0
  return Array.from(text)
    .filter((char) => (used += width(char)) <= columns)
    .join('')
}
