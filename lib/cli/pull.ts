// `dimoo pull`, `dimoo list`, `dimoo remove`: models from the Hub, in the cache that Python's huggingface_hub uses too.
import { Command } from 'commander'
import { PULL_FIELDS, type PullOptions } from '../hub/pull.js'
import { listPulled, pull, removePulled } from '../model/hub.js'
import type { CachedModel, PullReport } from '../hub/index.js'
import { listConverted, removeConverted, type ConvertedFile } from '../model/weights.js'
import { writeJson, printable, type Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import { bytesText, makeJobReporter } from './job-report.js'
import { transferText } from './transfer.js'
import { verified, verifyLines } from './verify.js'

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
    .option('--no-verify', 'do not look the model over at the end')
    .option('--json', 'print one JSON event per line')
    .addHelpText('after', PULL_EXAMPLES)
    .action(async (model: string, { json = false, verify, ...flags }: { json?: boolean; verify: boolean }) => {
      const reporter = makeJobReporter(context, json, transferText)
      const options = readFlags<PullOptions>({ ...flags }, PULL_FIELDS)
      const report = await pull(model, { ...options, signal: context.signal, onProgress: reporter.progress })
      const { files, bytes, fetchedBytes, seconds, refused, offline, path } = report
      const fetched = fetchedBytes > 0 ? `, ${bytesText(fetchedBytes)} fetched in ${seconds.toFixed(1)} s` : ', all there already'
      reporter.clear()
      // Every byte has just been compared with its hash. What else there is to say of it is no reason to fail: it is there, in whole.
      const looked = verify && isModel(report) ? await verified(path, { hashes: false }, context, json) : undefined
      reporter.done({ event: 'result', ...report, ...(looked && { verify: looked }) }, [
        `${files.length} files, ${bytesText(bytes)}${fetched}`,
        ...(offline ? ['the hub was not asked or did not answer; this is what the cache holds'] : []),
        ...(refused.length > 0 ? [`left out, because loading one would run code: ${refused.map(printable).join(', ')}`] : []),
        ...(looked ? verifyLines(looked, named(model)) : [path]),
      ])
    })
}

/** Whether what came can be loaded: a GGUF file, or a folder with its configuration and weights. */
function isModel({ path, files }: PullReport): boolean {
  const names = files.map((file) => file.path)
  return path.endsWith('.gguf') || (names.includes('config.json') && names.some((name) => name.endsWith('.safetensors')))
}

/** As other commands take it. */
function named(model: string): string {
  return model.startsWith('hf:') || model.includes('://') ? model : `hf:${model}`
}

export function listCommand({ stdout }: Context): Command {
  return new Command('list')
    .description('Shows the models in the cache.')
    .option('--cache <folder>', 'folder of the cache (default: HF_HUB_CACHE, or HF_HOME/hub)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', ENVIRONMENT)
    .action(async ({ cache, json }: { cache?: string; json?: boolean }) => {
      const models = await listPulled(cache === undefined ? {} : { cache })
      const converted = await listConverted()
      if (json) for (const model of [...models, ...converted]) writeJson(stdout, model)
      else stdout.write(models.length + converted.length === 0 ? 'no models in the cache\n' : table(models) + convertedTable(converted))
    })
}

export function removeCommand({ stdout }: Context): Command {
  return new Command('remove')
    .description('Takes a model out of the cache.')
    .argument('<model>', 'owner/repo, owner/repo@revision for one revision, or the name of a converted file')
    .option('--cache <folder>', 'folder of the cache (default: HF_HUB_CACHE, or HF_HOME/hub)')
    .option('--json', 'print one JSON object')
    .action(async (model: string, { cache, json }: { cache?: string; json?: boolean }) => {
      const converted = await removeConverted(model)
      if (converted.length > 0) {
        const freedBytes = converted.reduce((sum, { bytes }) => sum + bytes, 0)
        if (json) writeJson(stdout, { converted: converted.map(({ path }) => path), freedBytes })
        else stdout.write(`${model}: ${bytesText(freedBytes)} freed\n`)
        return
      }
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

function convertedTable(files: readonly ConvertedFile[]): string {
  return files
    .map(({ name, bytes, path }) => `${printable(name)}  ${bytesText(bytes)}, converted by a load\n  ${printable(path)}\n`)
    .join('')
}
