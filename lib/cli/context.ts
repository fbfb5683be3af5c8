// What every command gets: where to write, and the signals that end it. Ctrl-C aborts; a second one ends the process at once.
import type { ReadStream, WriteStream } from 'node:tty'
import { flat } from '../base/show.js'

export const INTERRUPTED = 130

export interface Context {
  /** Messages of `chat`, pictures named `-`. */
  readonly stdin: NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY'>>
  /** Results and `--json` events. */
  readonly stdout: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>
  /** Progress, pictures, errors. */
  readonly stderr: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  /** `--quiet`: nothing but results and errors. Set once the command line is read. */
  quiet?: boolean
  /** Set where a part of the work failed and was told, but the rest was done: exit code 1. */
  failed?: boolean
}

/** Says something beside the result. */
export function note({ stderr, quiet }: Context, text: string): void {
  if (!quiet) stderr.write(`dimoo: ${printable(text)}\n`)
}

/** The process's own streams and signals. */
export function processContext(): Context {
  const controller = new AbortController()
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED)
    controller.abort(new DOMException('interrupted', 'AbortError'))
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  process.on('SIGHUP', interrupt)
  return {
    // Opened only by a command that reads it.
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
    signal: controller.signal,
  }
}

/** One JSON object on one line; 64-bit integers as text. */
export function writeJson(stream: NodeJS.WritableStream, value: object): void {
  stream.write(`${JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item))}\n`)
}

/** Text from a file as one line that cannot steer a terminal. */
export const printable = flat
