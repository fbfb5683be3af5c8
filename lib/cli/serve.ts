// `dimoo serve` and `dimoo studio`: a model behind HTTP until a signal ends it. The first signal lets runs end (docs/serving.md#the-end),
// a second one ends the process at once.
import { readFile } from 'node:fs/promises'
import { setFlagsFromString } from 'node:v8'
import { Command } from 'commander'
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import { integer, text, type Fields } from '../fields/field.js'
import { parseKeys } from '../server/keys.js'
import type { App } from '../server/instance.js'
import { SERVER_FIELDS } from '../server/options.js'
import type { ServerOptions } from '../server/types.js'
import { printable, writeJson, type Context } from './context.js'
import { readEnvironment } from './environment.js'
import { addFlags, readFlags } from './flags.js'
import { addModelFlags } from './model.js'
import { openBrowser } from './browser.js'
import { makeReporter } from './progress.js'
import { addFleetFlags, withRunner, type FleetFlags } from './fleet.js'

const LISTENING: Fields = {
  port: integer(0, 65_535, { summary: 'Where it listens; 0: any free port.', flag: { help: 'port; 0: any free one' } }),
  host: text({ summary: 'Address that it listens at.', default: { value: '127.0.0.1' }, flag: { value: 'address' } }),
}

/** How much a server's heap may grow over what lives before V8 collects it again, so that its memory stays flat under load (bench/README.md). */
const HEAP_GROWTH_PERCENT = 50

const EXAMPLES = `
Every flag is an environment variable too: --max-queue is DIMOO_MAX_QUEUE.

Examples:
  dimoo serve                                          127.0.0.1:7860, the miniature
  dimoo serve --model lumina.gguf --port 8000 --host 0.0.0.0 --api-key-file keys.txt --max-queue 64
  dimoo serve --model lumina.gguf --members 2          a model in each of two processes
  dimoo serve --redis redis://localhost --store /srv/dimoo
                                                       no model here: dimoo worker decodes, here or elsewhere
  curl -s http://127.0.0.1:7860/v1/images/generations -H 'content-type: application/json' -d '{"prompt": "a red circle"}'`

type Flags = FleetFlags & Readonly<Record<string, unknown>> & { readonly apiKeyFile?: string; readonly studio?: boolean }

export function serveCommand(context: Context): Command {
  const command = new Command('serve')
    .description("Serves a model over HTTP: OpenAI's routes, our own for every task, the studio at /.")
    .option('--no-studio', 'do not serve the studio at /')
  return serving(command.addHelpText('after', EXAMPLES), (flags) => serve({ port: 7860, ...flags }, context, () => undefined))
}

export function studioCommand(context: Context): Command {
  const command = new Command('studio')
    .description('Serves a model on a free port of this machine and opens the studio in the browser.')
    .option('--no-open', 'say where it is, open nothing')
  return serving(command, (flags) =>
    serve({ port: 0, logLevel: 'warn', ...flags }, context, (url) => {
      if (flags['open'] !== false) openBrowser(url)
    }),
  )
}

function serving(command: Command, body: (flags: Flags) => Promise<void>): Command {
  addFlags(command, LISTENING).option('--api-key-file <file>', 'who may come in: a line "name key [rate=N] [concurrency=N]" each')
  addModelFlags(addFleetFlags(addFlags(command, SERVER_FIELDS)))
  return command.action(async () => {
    readEnvironment(command, process.env)
    await body(command.opts<Flags>())
  })
}

async function serve(flags: Flags, context: Context, ready: (url: string) => void): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`)
  const { createServer, checkListening } = await import('../server/app.js')
  const { port, host = '127.0.0.1' } = readFlags<{ port: number; host?: string }>(flags, LISTENING)
  checkOptions('serve', { port, host }, { fields: LISTENING })
  const options: ServerOptions = {
    logLevel: 'info',
    ...readFlags<ServerOptions>(flags, SERVER_FIELDS),
    ...(flags.studio === false && { studio: false }),
    ...(flags.apiKeyFile !== undefined && { apiKeys: parseKeys(await keysIn(flags.apiKeyFile)) }),
  }
  checkListening(host, { apiKeys: [], insecure: false, ...options }) // before minutes of loading
  await withRunner(flags, context, makeReporter(context, flags.json ?? false), async (runners, name) => {
    const app = createServer(runners, options)
    const url = await listen(app, port, host)
    if (flags.json) writeJson(context.stdout, { event: 'listening', url })
    else context.stderr.write(`dimoo: serving ${printable(name)} at ${url}\n`)
    ready(url)
    await ended(context.signal)
    context.stderr.write('dimoo: ending; a second signal ends at once\n')
    await app.drain()
    await app.close()
  })
}

async function keysIn(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw invalid(`--api-key-file: ${show(file)} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  })
}

async function listen(app: App, port: number, host: string): Promise<string> {
  try {
    return await app.listen({ port, host })
  } catch (error) {
    await app.close()
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw invalid(`serve: port ${port} of ${host} is taken; --port 0 takes any free one`)
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw invalid(`serve: cannot listen at ${host}:${port} (${code})`)
    throw DimooError.is(error) ? error : new DimooError('internal', `serve: ${(error as Error).message}`, { cause: error })
  }
}

const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
