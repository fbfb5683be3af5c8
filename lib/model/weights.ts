// Weights in another type than the checkpoint has: converted once, into a file of a cache of ours, and found there by every later load.
// The file's name says what it was made of, when, and into what; it appears complete or not at all.
//   DIMOO_CACHE   its folder; by default lumina-dimoo in XDG_CACHE_HOME or ~/.cache (on Windows in LOCALAPPDATA)
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, realpath, rm, stat, statfs, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { DimooError } from '../base/errors.js'
import { withLock } from '../base/lock.js'
import { outputError } from '../base/output-error.js'
import type { Progress } from '../base/progress.js'
import type { WeightType } from '../native/info.js'
import { runJob } from '../native/job.js'
import type { ConvertReport } from './convert.js'
import type { InspectReport } from './inspect.js'
import { mainType, weightBytes } from './sizes.js'

/** Counted up when the converter writes something else for the same source. */
const FORMAT = 1
const EXTENSION = '.gguf'

interface Control {
  readonly threads?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Phases 'preview' and 'convert'. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Where converted weights lie. */
export function convertedFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const given = env['DIMOO_CACHE']
  if (given) return path.resolve(given)
  const local = process.platform === 'win32' ? env['LOCALAPPDATA'] : undefined
  return path.join(local ?? env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'lumina-dimoo')
}

/**
 * The path of the same model with its matrices in `type`: `source` itself where they are already, else a converted file, made now or
 * earlier. Rejects with `model/*`, `output/failed` (with both numbers where there is no room), `signal.reason`.
 */
export async function inType(source: string, type: WeightType, { threads, signal, onProgress }: Control = {}): Promise<string> {
  const report = await runJob<InspectReport>('inspect', { source, verify: false }, { signal })
  if (mainType(report.tensors) === type) return source
  const folder = convertedFolder()
  const file = path.join(folder, `${nameOf(source)}-${type}-${await identity(source, type)}${EXTENSION}`)
  const work = async (): Promise<void> => {
    if (existsSync(file)) return
    await checkSpace(folder, weightBytes(report.tensors, type))
    await runJob<ConvertReport>('convert', { source, output: file, type, threads }, { signal, onProgress })
  }
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw outputError(error, folder)
  })
  if (!existsSync(file)) await withLock(`${file}.lock`, work, { signal, onWait: () => Promise.resolve(existsSync(file)) })
  // When it was used last, for those who make room.
  const now = new Date()
  await utimes(file, now, (await stat(file)).mtime).catch(() => undefined)
  return file
}

export interface ConvertedFile {
  /** As the model's file or folder was called, with the type. */
  readonly name: string
  readonly path: string
  readonly bytes: number
  readonly used: Date
}

/** Everything that loads have converted, largest first. */
export async function listConverted(): Promise<readonly ConvertedFile[]> {
  const folder = convertedFolder()
  const names = await readdir(folder).catch(() => [])
  const files = names.filter((name) => /-[0-9a-f]{16}\.gguf$/.test(name)).map((name) => path.join(folder, name))
  const found = await Promise.all(
    files.map(async (file) => {
      const { size, atime } = await stat(file)
      return { name: path.basename(file).replace(/-[0-9a-f]{16}\.gguf$/, ''), path: file, bytes: size, used: atime }
    }),
  )
  return found.sort((a, b) => b.bytes - a.bytes)
}

/** Takes converted files of that name, or of that path, away. Models that have one open keep it. Returns what was freed; none: no such file. */
export async function removeConverted(nameOrPath: string): Promise<readonly ConvertedFile[]> {
  const gone = (await listConverted()).filter(({ name, path: file }) => name === nameOrPath || file === path.resolve(nameOrPath))
  for (const { path: file } of gone) await rm(file, { force: true })
  return gone
}

/** For people: a hub's snapshot is called by its repository, everything else by its own name. */
function nameOf(source: string): string {
  const parts = source.split(path.sep)
  const at = parts.lastIndexOf('snapshots')
  const repository = at > 0 ? /^models--(.+?)--(.+)$/.exec(parts[at - 1]!)?.[2] : undefined
  const own = path.basename(source).replace(/(?:-00001-of-\d{5})?\.gguf$/, '')
  const name = repository === undefined ? own : [repository, ...parts.slice(at + 2).map((part) => part.replace(/\.gguf$/, ''))].join('-')
  return name.replace(/[^\w.-]/g, '_').slice(0, 100)
}

/** Of the files that a source is made of, as far as the system tells without reading them. */
async function identity(source: string, type: WeightType): Promise<string> {
  const hash = createHash('sha256').update(`${FORMAT} ${type}\n`)
  for (const file of await filesOf(source)) {
    const { size, mtimeMs } = await stat(file)
    hash.update(`${await realpath(file)} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex').slice(0, 16)
}

async function filesOf(source: string): Promise<string[]> {
  if ((await stat(source)).isDirectory()) {
    const names = await readdir(source, { recursive: true })
    return names
      .filter((name) => /\.(?:json|safetensors)$/.test(name))
      .sort()
      .map((name) => path.join(source, name))
  }
  const [, stem, count] = /^(.*)-00001(-of-\d{5}\.gguf)$/.exec(source) ?? []
  if (stem === undefined || count === undefined) return [source]
  const names = await readdir(path.dirname(source))
  const shards = names.filter((name) => name.startsWith(`${path.basename(stem)}-`) && name.endsWith(count))
  return shards.sort().map((name) => path.join(path.dirname(source), name))
}

async function checkSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (needed <= free) return
  throw new DimooError(
    'output/failed',
    `${folder}: expected room for ${Math.ceil(needed)} bytes of converted weights, got ${free} (DIMOO_CACHE names another folder)`,
    {
      details: { requiredBytes: Math.ceil(needed), availableBytes: free },
    },
  )
}
