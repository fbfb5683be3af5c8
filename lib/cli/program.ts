// The command line: finds the command's module, runs it, turns the outcome into an exit code (0 done, 1 failed, 2 bad usage,
// 130 interrupted). Loads nothing but the command that was asked for.
import type { Command, CommanderError } from 'commander'
import { DimooError } from '../base/errors.js'
import { quote } from '../base/show.js'
import { INTERRUPTED, printable, writeJson, type Context } from './context.js'
import { withoutStrayValues } from './flags.js'
import { allWritten, outputLost } from './stdout.js'
import type { ImageTask } from '../requests/names.js'
import { packageVersion } from '../base/version.js'

interface CommandModule {
  command(context: Context): Command
}

const task = (name: ImageTask) => (): Promise<CommandModule> =>
  import('./task-command.js').then(({ taskCommand }) => ({ command: taskCommand(name) }))

const COMMANDS: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<CommandModule> }>> = {
  generate: { summary: 'draw pictures from a text', load: task('generate') },
  edit: { summary: 'change a picture as a text says', load: task('edit') },
  inpaint: { summary: 'draw a part of a picture anew', load: task('inpaint') },
  outpaint: { summary: 'draw what lies around a picture', load: task('outpaint') },
  retouch: { summary: 'decode a region of a picture again', load: task('retouch') },
  control: { summary: 'draw from a text and a map of edges, depth or a pose', load: task('control') },
  predict: { summary: 'read a map from a picture', load: task('predict') },
  subject: { summary: 'draw the subject of a picture in another scene', load: task('subject') },
  style: { summary: 'draw a picture in the style of another', load: task('style') },
  view: { summary: 'draw another view of what a front view shows', load: task('view') },
  ask: { summary: 'answer a question about pictures', load: () => import('./ask.js') },
  chat: { summary: 'converse in text', load: () => import('./chat.js') },
  serve: { summary: 'serve a model over HTTP', load: async () => ({ command: (await import('./serve.js')).serveCommand }) },
  worker: { summary: 'decode what is in a queue in Redis', load: () => import('./worker.js') },
  studio: { summary: 'draw in the browser', load: async () => ({ command: (await import('./serve.js')).studioCommand }) },
  convert: { summary: 'write a checkpoint as one GGUF file', load: () => import('./convert.js') },
  export: { summary: 'write a checkpoint as a Hugging Face folder', load: () => import('./export.js') },
  pull: { summary: 'fetch a model from the Hugging Face Hub', load: async () => ({ command: (await import('./pull.js')).pullCommand }) },
  list: { summary: 'show the models in the cache', load: async () => ({ command: (await import('./pull.js')).listCommand }) },
  remove: { summary: 'take a model out of the cache', load: async () => ({ command: (await import('./pull.js')).removeCommand }) },
  verify: { summary: 'look a checkpoint over: whole, sound, what it costs here', load: () => import('./verify.js') },
  inspect: { summary: 'show what a checkpoint or a picture holds', load: () => import('./inspect.js') },
  synth: { summary: 'write a random model for benches and tests', load: () => import('./synth.js') },
  bench: { summary: 'measure how fast a checkpoint runs here', load: () => import('./bench.js') },
  doctor: { summary: 'show what works on this machine, and why the rest does not', load: () => import('./doctor.js') },
  build: { summary: 'build the addon from source, where no binary fits', load: () => import('./build.js') },
}

const EXAMPLES = `
Examples:
  dimoo generate "a large yellow star on a black background" -o star.png
  dimoo pull Alpha-VLLM/Lumina-DiMOO
  dimoo convert hf:Alpha-VLLM/Lumina-DiMOO -o lumina.gguf --type q8_0
  dimoo generate "a harbour in the early light" --model lumina.gguf --size 1024x768
  dimoo edit "Make the background black." --image star.png -o night.png
  dimoo ask "What color is the star?" --image star.png
  dimoo serve
  dimoo doctor

Exit codes: 0 done, 1 failed, 2 bad usage, 130 interrupted.`

/** Builds the program; only the command that `argv` names is real, the others stand in its help. */
export async function program(argv: readonly string[], context: Context): Promise<Command> {
  const { Command } = await import('commander')
  const root = new Command('dimoo')
    .description('Runs Lumina-DiMOO, a discrete-diffusion multimodal model.')
    .version(packageVersion(), '-V, --version')
    .addHelpText('after', EXAMPLES)
  const wanted = argv.filter((arg) => arg !== 'help').find((arg) => !arg.startsWith('-'))
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    root.addCommand(
      name === wanted ? quietable((await load()).command(context), context).summary(summary) : new Command(name).summary(summary),
    )
  }
  for (const command of [root, ...root.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: (text, write) => write(`dimoo: ${oneLine(text)}\n`),
    })
  }
  return root
}

function quietable(command: Command, context: Context): Command {
  return command.option('-q, --quiet', 'say nothing but results and errors').hook('preAction', (_, action) => {
    context.quiet = action.opts<{ quiet?: boolean }>().quiet ?? false
  })
}

/** Runs one command line (without node and script) and returns its exit code. */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  outputLost(context.stdout)
  context.stderr.on('error', () => undefined) // there is nowhere left to say so
  const code = await outcome(argv, context)
  try {
    await allWritten(context.stdout)
    return code
  } catch (error) {
    if (code === 0) report(error, argv, context)
    return code || 1
  }
}

async function outcome(argv: readonly string[], context: Context): Promise<number> {
  try {
    if (argv.length === 1 && /^(-V|--version)$/.test(argv[0]!)) {
      context.stdout.write(`${packageVersion()}\n`) // what scripts ask first and often: nothing else is loaded for it
      return 0
    }
    if (argv.length === 0) throw new DimooError('request/invalid', 'expected a command; see dimoo --help')
    const root = await program(argv, context)
    const args = root.commands.reduce<readonly string[]>(withoutStrayValues, argv)
    await root.parseAsync([...args], { from: 'user' })
    return context.failed ? 1 : 0
  } catch (error) {
    if (error instanceof (await import('commander')).CommanderError) return usageError(error, argv, context)
    if (context.signal.aborted && !DimooError.is(error)) {
      context.stderr.write('dimoo: interrupted\n')
      return INTERRUPTED
    }
    report(error, argv, context)
    return DimooError.is(error, 'request/invalid') ? 2 : 1
  }
}

// Help and versions end the same way, with nothing wrong.
function usageError({ exitCode, message }: CommanderError, argv: readonly string[], { stdout }: Context): number {
  if (exitCode === 0) return 0
  if (asksJson(argv)) writeJson(stdout, { event: 'error', code: 'request/invalid', message: oneLine(message) })
  return 2
}

/** What commander says, which puts its suggestion on a line of its own and holds words of the command line. */
function oneLine(text: string): string {
  return quote(
    text
      .replace(/^error: /, '')
      .trim()
      .replaceAll('\n', ' '),
    400,
  )
}

// After `--` everything is text.
function asksJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json')
}

function report(error: unknown, argv: readonly string[], { stdout, stderr }: Context): void {
  const { message = String(error), stack } = error as Partial<Error>
  const code = DimooError.is(error) ? error.code : 'internal'
  if (asksJson(argv)) writeJson(stdout, { event: 'error', code, message })
  stderr.write(`dimoo: ${printable(message)} (${code})\n`)
  if (process.env['DIMOO_DEBUG'] && stack) stderr.write(`${stack}\n`)
}
