// What names a model on the Hugging Face Hub: `owner/repo`, a file or folder inside it, a revision; written `hf:owner/repo/file@rev`.
// Names end up in URLs and in paths of the cache, so nothing but the Hub's own spelling passes.
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'

export interface Reference {
  /** `owner/repo`. */
  readonly repo: string
  /** A file or a folder of the repository, with slashes. */
  readonly path?: string
  /** A branch, a tag, `refs/pr/1` or a commit. Default 'main'. */
  readonly revision: string
}

const PREFIX = 'hf:'
const NAME = /^[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?$/
const FORM = "'hf:owner/repo', 'hf:owner/repo/file.gguf' or 'hf:owner/repo@revision'"

/** Whether this source is to be fetched: everything that starts with `hf:`. */
export function isReference(source: unknown): source is string {
  return typeof source === 'string' && source.startsWith(PREFIX)
}

/** Throws `request/invalid` for what the Hub could not mean. The prefix may be left out. */
export function parseReference(text: string): Reference {
  const given: unknown = text // callers without types
  if (typeof given !== 'string') throw invalid(`expected ${FORM}, got ${show(given)}`)
  const plain = withoutSite(text)
  const at = plain.lastIndexOf('@')
  const revision = at < 0 ? 'main' : plain.slice(at + 1)
  const [owner = '', name = '', ...rest] = (at < 0 ? plain : plain.slice(0, at)).split('/')
  if (![owner, name].every(isName) || name.endsWith('.git')) throw invalid(`expected ${FORM}, got ${show(text)}`)
  if (!isRevision(revision)) throw invalid(`expected a branch, a tag or a commit after '@', got ${show(text)}`)
  if (rest.length === 0) return { repo: `${owner}/${name}`, revision }
  const path = rest.join('/')
  if (!isSafePath(path)) throw invalid(`expected the path of a file in ${owner}/${name}, got ${show(text)}`)
  return { repo: `${owner}/${name}`, path, revision }
}

/** How a reference is written. */
export function referenceText({ repo, path, revision }: Reference): string {
  return `${PREFIX}${repo}${path === undefined ? '' : `/${path}`}${revision === 'main' ? '' : `@${revision}`}`
}

// What a browser's address line shows is what people paste: https://huggingface.co/owner/repo/blob/main/file.
function withoutSite(text: string): string {
  const [, address] = /^https:\/\/(?:www\.)?huggingface\.co\/([^?#]+?)\/?(?:[?#].*)?$/.exec(text) ?? []
  if (address === undefined) return text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text
  const [owner = '', name = '', kind, revision, ...path] = address.split('/')
  if (kind === undefined) return address
  if (!['tree', 'blob', 'resolve'].includes(kind) || revision === undefined) return text
  return [owner, name, ...path].join('/') + `@${decodeURIComponent(revision)}`
}

function isName(name: string): boolean {
  return NAME.test(name) && !name.includes('..') && !name.includes('--')
}

function isRevision(revision: string): boolean {
  return /^[\w][\w./-]*$/.test(revision) && !revision.split('/').some((part) => part === '' || part.startsWith('.') || part.endsWith('.'))
}

/**
 * Whether a path that a repository lists can be a path below a folder of ours: relative, with slashes, nothing that a system reads as
 * a way out, a drive, a stream or a device.
 */
export function isSafePath(path: string): boolean {
  // eslint-disable-next-line no-control-regex
  if (path === '' || path.length > 1024 || /[\\:*?"<>|\u0000-\u001f\u007f]/.test(path)) return false
  const device = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$/i
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[ .]$/.test(part) && !device.test(part))
}
