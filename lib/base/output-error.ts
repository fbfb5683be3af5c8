// Why a file of the cache could not be written.
import { DimooError } from './errors.js'

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  EFBIG: 'the file system allows no file of this size',
}

/** Errors of ours pass. What was fetched so far stays, for the next try. */
export function outputError(error: unknown, path: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (DimooError.is(error) || code === undefined) return error
  return new DimooError('output/failed', `${path}: ${WORDS[code] ?? message}`, { cause: error })
}
