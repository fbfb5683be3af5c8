// A file that appears under its name when it is complete and not before: written beside it, then renamed over what was there, whose mode
// and owner it keeps. Where that cannot be (a file that is mounted by itself, a folder that takes no new names, an owner that only the
// file itself can keep) the file is written in place. What was to be written is never lost: at worst it stays beside the target, or in
// the folder for temporary files.
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, chmod, chown, lstat, open, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DimooError } from './errors.js'
import { outputWords } from './output-error.js'
import { quote } from './show.js'

/** Says before the work starts that its output could not be written. Throws `output/failed`. */
export async function checkReplaceable(file: string): Promise<void> {
  const target = await targetOf(file)
  const there = await stat(target).catch(() => undefined)
  if (there && !there.isFile()) throw failure(file, there.isDirectory() ? 'there is a folder of this name' : 'it is no plain file')
  const problem = await unwritable(path.dirname(target))
  if (problem !== undefined && !(there && (await unwritable(target)) === undefined)) throw failure(file, outputWords(problem), problem)
}

/** Writes the file. Throws `output/failed`; `details.kept` then says where the bytes are. */
export async function replaceFile(file: string, bytes: Uint8Array): Promise<void> {
  const target = await targetOf(file)
  const there = await stat(target).catch(() => undefined)
  const part = path.join(path.dirname(target), `.dimoo-${randomBytes(8).toString('hex')}`)
  try {
    await writeFile(part, bytes, { flag: 'wx' })
    const inherited = !there || (await inherit(part, there))
    if (!inherited && (await unwritable(target)) === undefined) throw new Error('only the file itself can keep its owner')
    await rename(part, target)
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined)
    // Where no file is there is nothing that could be written into.
    if (!there) throw await keep(file, target, bytes, error)
    await writeInPlace(target, bytes).catch(async (second: unknown) => {
      throw await keep(file, target, bytes, second)
    })
  }
}

// A link stays a link: what it names is written, whether it is there yet or not.
async function targetOf(file: string): Promise<string> {
  const found = await realpath(file).catch(() => undefined)
  if (found !== undefined) return found
  const link = await lstat(file).catch(() => undefined)
  return link?.isSymbolicLink() ? path.resolve(path.dirname(file), await readlink(file)) : path.resolve(file)
}

async function unwritable(at: string): Promise<Error | undefined> {
  return access(at, constants.W_OK).then(
    () => undefined,
    (error: unknown) => error as Error,
  )
}

/** Gives a new file the owner and the mode of the one that it takes the place of; false where the system does not allow that. */
async function inherit(part: string, { uid, gid, mode }: { uid: number; gid: number; mode: number }): Promise<boolean> {
  if (process.platform === 'win32') return true
  const own = await stat(part)
  if (own.uid !== uid || own.gid !== gid) {
    const changed = await chown(part, uid, gid).then(
      () => true,
      () => false,
    )
    if (!changed) return false
  }
  await chmod(part, mode & 0o7777)
  return true
}

async function writeInPlace(target: string, bytes: Uint8Array): Promise<void> {
  const file = await open(target, 'r+')
  try {
    await file.truncate(0)
    await file.writeFile(bytes)
  } finally {
    await file.close()
  }
}

// What was drawn is worth more than the place where it was to be.
async function keep(file: string, target: string, bytes: Uint8Array, error: unknown): Promise<DimooError> {
  const { name, ext, dir } = path.parse(target)
  const other = `${name.slice(0, 100)}-${randomBytes(4).toString('hex')}${ext}`
  for (const folder of [dir, tmpdir()]) {
    const kept = path.join(folder, other)
    const written = await writeFile(kept, bytes, { flag: 'wx' }).then(
      () => true,
      () => false,
    )
    if (written) return failure(file, `${outputWords(error)}; it is in ${quote(kept)}`, error, { kept })
    await rm(kept, { force: true }).catch(() => undefined)
  }
  return failure(file, outputWords(error), error)
}

function failure(file: string, why: string, cause?: unknown, details?: { readonly kept: string }): DimooError {
  const message = `output: cannot write ${quote(file)} (${why})`
  return new DimooError('output/failed', message, { ...(cause !== undefined && { cause }), ...(details && { details }) })
}
