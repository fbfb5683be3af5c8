// One command line in this process, with streams of its own; `Screen` is the part of a terminal that our commands use.
import { PassThrough } from 'node:stream'
import type { Context } from '../../lib/cli/context.js'

export interface Streams {
  readonly tty?: boolean
  readonly columns?: number
  readonly signal?: AbortSignal
  /** Without one, stdin is empty and no terminal. */
  readonly stdin?: Context['stdin']
  /** Gets what is written, as it is written. */
  readonly onOut?: (text: string) => void
}

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Streams that a terminal or a pipe would be, and what was written to them. */
export function streams({ tty = false, columns = 60, signal = new AbortController().signal, stdin, onOut }: Streams = {}) {
  const texts: [string, string] = ['', '']
  const stream = (i: 0 | 1) => {
    const made = new PassThrough()
    made.on('data', (data: Buffer) => {
      texts[i] += data.toString()
      if (i === 0) onOut?.(data.toString())
    })
    return Object.assign(made, { isTTY: tty, columns })
  }
  const context: Context = { stdin: stdin ?? new PassThrough().end(), stdout: stream(0), stderr: stream(1), signal }
  return { context, texts }
}

export async function dimoo(args: readonly string[], options?: Streams): Promise<Outcome> {
  const { run } = await import('../../lib/cli/program.js')
  const { context, texts } = streams(options)
  const code = await run(args, context)
  return { code, out: texts[0], err: texts[1] }
}

/** Lines of a terminal with everything that has scrolled away; a full line wraps with the next character. */
export class Screen {
  readonly #columns: number
  readonly #height: number
  #lines: string[][] = [[]]
  #row = 0
  #column = 0
  #saved = [0, 0] as [fromBottom: number, column: number]
  /** The longest text that was ever shown dimmed. */
  dimmed = ''

  constructor(columns: number, height: number) {
    this.#columns = columns
    this.#height = height
  }

  get text(): string[] {
    return this.#lines.map((line) => line.join('').trimEnd())
  }

  write(text: string): void {
    let dim: string | undefined
    // eslint-disable-next-line no-control-regex
    for (const [part] of text.matchAll(/\x1b[78]|\x1b\[[\d;]*[a-zA-Z]|[^]/gu)) {
      if (part === '\x1b[2m') dim = ''
      else if (part.length === 1 || !part.startsWith('\x1b')) this.#put(part)
      else this.#control(part)
      if (dim !== undefined && !part.startsWith('\x1b')) dim += part
      if (dim !== undefined && dim.length > this.dimmed.length) this.dimmed = dim
    }
  }

  // A saved place is one of the window's: when lines scroll, it does not move with its text.
  #control(code: string): void {
    const top = Math.max(0, this.#lines.length - this.#height)
    if (code === '\x1b7') this.#saved = [this.#row - top, this.#column]
    else if (code === '\x1b8') [this.#row, this.#column] = [this.#saved[0] + top, this.#saved[1]]
    else if (code === '\x1b[J') {
      this.#lines.fill([], this.#row + 1)
      this.#lines[this.#row] = this.#lines[this.#row]!.slice(0, this.#column)
    } else if (!code.endsWith('m')) throw new Error(`no such control: ${JSON.stringify(code)}`)
  }

  #put(char: string): void {
    const width = /[\u3041-\ua4cf\uac00-\ud7a3]/.test(char) ? 2 : 1
    if (char === '\n' || this.#column + width > this.#columns) {
      this.#row++
      this.#column = 0
      if (this.#row === this.#lines.length) this.#lines.push([])
      else this.#lines[this.#row] ??= []
    }
    if (char === '\n') return
    const line = this.#lines[this.#row]!
    while (line.length < this.#column) line.push(' ')
    line.splice(this.#column, width, char, ...Array<string>(width - 1).fill(''))
    this.#column += width
  }
}
