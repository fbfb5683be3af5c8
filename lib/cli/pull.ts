// `dimoo pull`, `dimoo list`, `dimoo remove`: models from the Hub, in the cache that Python's huggingface_hub uses too.
import { Command } from 'commander'
import { PULL_FIELDS, type PullOptions } from '../hub/pull.js'
import { listPulled, pull, removePulled } from '../model/hub.js'
import type { CachedModel } from '../hub/index.js'
import { writeJson, printable, type Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import { bytesText, makeJobReporter } from './job-report.js'
import { transferText } from './transfer.js'

const ENVIRONMENT = `
Variables: HF_HOME and HF_HUB_CACHE say where the cache is, HF_ENDPOINT names a mirror, HF_TOKEN opens private and gated models,
HF_HUB_OFFLINE=1 asks nothing of the hub; HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY.`

const PULL_EXAMPLES = `
Everything but pickles comes, verified; after a cut or a kill the same command goes on where it was.
${ENVIRONMENT}

Examples:
  dimoo pull Alpha-VLLM/Lumina-DiMOO
  dimoo pull owner/repo@v1.0 --file lumina-q8_0.gguf
  dimoo generate "a lighthouse at dusk" --model hf:Alpha-VLLM/Lumina-DiMOO`

export function pullCommand(context: Context): Command {
  const made = new Command('pull')
    .description('Fetches a model from the Hugging Face Hub.')
    .argument('<model>', 'owner/repo, owner/repo@revision, owner/repo/file.gguf')
  return addFlags(made, PULL_FIELDS)
    .option('--json', 'print one JSON event per line')
    .addHelpText('after', PULL_EXAMPLES)
    .action(async (model: string, flags: { json?: boolean }) => {
      const reporter = makeJobReporter(context, flags.json ?? false, transferText)
      const options = readFlags<PullOptions>({ ...flags }, PULL_FIELDS)
      const report = await pull(model, { ...options, signal: context.signal, onProgress: reporter.progress })
      const { files, bytes, fetchedBytes, seconds, refused, offline, path } = report
      const fetched = fetchedBytes > 0 ? `, ${bytesText(fetchedBytes)} fetched in ${seconds.toFixed(1)} s` : ', all there already'
      reporter.done({ event: 'result', ...report }, [
        `${files.length} files, ${bytesText(bytes)}${fetched}`,
        ...(offline ? ['the hub was not asked or did not answer; this is what the cache holds'] : []),
        ...(refused.length > 0 ? [`left out, because loading one would run code: ${refused.map(printable).join(', ')}`] : []),
        path,
      ])
    })
}

export function listCommand({ stdout }: Context): Command {
  return new Command('list')
    .description('Shows the models in the cache.')
    .option('--cache <folder>', 'folder of the cache (default: HF_HUB_CACHE, or HF_HOME/hub)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', ENVIRONMENT)
    .action(async ({ cache, json }: { cache?: string; json?: boolean }) => {
      const models = await listPulled(cache === undefined ? {} : { cache })
      if (json) for (const model of models) writeJson(stdout, model)
      else stdout.write(models.length === 0 ? 'no models in the cache\n' : table(models))
    })
}

export function removeCommand({ stdout }: Context): Command {
  return new Command('remove')
    .description('Takes a model out of the cache.')
    .argument('<model>', 'owner/repo, or owner/repo@revision for one revision')
    .option('--cache <folder>', 'folder of the cache (default: HF_HUB_CACHE, or HF_HOME/hub)')
    .option('--json', 'print one JSON object')
    .action(async (model: string, { cache, json }: { cache?: string; json?: boolean }) => {
      const report = await removePulled(model, cache === undefined ? {} : { cache })
      const { commits, freedBytes } = report
      if (json) writeJson(stdout, report)
      else stdout.write(`${model}: ${commits.length} ${commits.length === 1 ? 'revision' : 'revisions'}, ${bytesText(freedBytes)} freed\n`)
    })
}

function table(models: readonly CachedModel[]): string {
  const rows = models.map(({ repo, refs, commit, files, missing, bytes, models: kinds, path }) => {
    const whole = missing === undefined || missing === 0 ? '' : `, ${missing} more on the hub`
    const head = `${repo}@${refs[0] ?? commit.slice(0, 12)}  ${bytesText(bytes)}, ${files} files${whole}`
    return `${[head, ...(kinds.length > 0 ? [`  ${kinds.join(', ')}`] : []), `  ${path}`].map(printable).join('\n')}\n`
  })
  return rows.join('')
}
