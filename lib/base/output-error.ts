// Why something could not be written, in words.
import { DimooError } from './errors.js'
import { quote } from './show.js'

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  EFBIG: 'the file system allows no file of this size',
  ENOENT: 'there is no such folder',
  ENOTDIR: 'there is no such folder',
  EISDIR: 'there is a folder of this name',
  ENAMETOOLONG: 'the name is too long',
  EPIPE: 'its reader has gone',
  EIO: 'the device reports an error',
}

/** What the system said, as part of a sentence. */
export function outputWords(error: unknown): string {
  const { code = '', message = String(error) } = error as Partial<NodeJS.ErrnoException>
  return WORDS[code] ?? quote(message)
}

/** Errors of ours pass. What was fetched so far stays, for the next try. */
export function outputError(error: unknown, path: string): unknown {
  if (DimooError.is(error) || (error as NodeJS.ErrnoException).code === undefined) return error
  return new DimooError('output/failed', `${quote(path)}: ${outputWords(error)}`, { cause: error })
}
