// An answer on the command line: settled text as it is fixed; on a terminal the still-masked rest of the line dimmed behind it; or one
// JSON event a step, the last one the result.
import type { TextResult } from '../run/results.js'
import type { TextRun } from '../run/types.js'
import { note, printable, writeJson, type Context } from './context.js'
import { advance, charWidth } from './width.js'

/** Shows a run to its end and returns its result. `hint` is added where there is no text in it. */
export async function answer(run: TextRun, context: Context, json: boolean, hint = ''): Promise<TextResult> {
  if (json) return asEvents(run, context)
  const screen = context.stdout.isTTY ? new Terminal(context.stdout.columns || 80, context.stdout) : new Plain(context.stdout)
  try {
    for await (const { settled, text } of run) screen.show(settled, text)
    const result = await run.result()
    screen.end(result.text)
    if (result.text.trim() === '') note(context, `the answer is empty: ${emptiness(result)}${hint}`)
    for (const warning of result.warnings) note(context, warning)
    return result
  } catch (error) {
    screen.stop()
    throw error
  }
}

function emptiness({ finishReason, usage }: TextResult): string {
  if (finishReason === 'stop') return 'the model ended it before the first word (finish: stop)'
  return `the ${usage.outputTokens} tokens that were reserved for it hold no text (finish: length)`
}

async function asEvents(run: TextRun, { stdout }: Context): Promise<TextResult> {
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
    this.add(settled)
  }

  /** The whole answer, which may go on after the last step. */
  end(text: string): void {
    this.add(text)
    this.out.write('\n')
  }

  /** No answer will come: what is there stays, as a line. */
  stop(): void {
    if (this.written !== '') this.out.write('\n')
  }

  /** Writes what is new in a text that only grows; returns it. */
  protected add(text: string): string {
    const more = clean(text.slice(this.written.length))
    if (more !== '') this.out.write(more)
    if (text.length > this.written.length) this.written = text
    return more
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
    this.#restore()
    this.#column = advance(this.#column, this.add(settled), this.columns)
    const rest = fitting(clean(text.slice(settled.length)).replace(/[\n\t]/g, ' '), this.columns - this.#column - 1)
    if (rest === '') return
    this.out.write(`${SAVE}${DIM}${rest}${PLAIN}`)
    this.#saved = true
  }

  override end(text: string): void {
    this.#restore()
    super.end(text)
  }

  override stop(): void {
    this.#restore()
    super.stop()
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

/** As much of a text's beginning as `columns` hold. */
function fitting(text: string, columns: number): string {
  const chars = Array.from(text)
  let used = 0
  const end = chars.findIndex((char) => (used += charWidth(char)) > columns)
  return chars.slice(0, end < 0 ? chars.length : end).join('')
}
