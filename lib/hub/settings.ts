// Where the hub is and where its files are kept: the variables that Python's huggingface_hub reads, with its defaults. Options win.
//   HF_ENDPOINT              a mirror, with a path where it has one (https://huggingface.co)
//   HF_HUB_CACHE, HF_HOME    the cache (HF_HOME/hub; ~/.cache/huggingface/hub), XDG_CACHE_HOME in place of ~/.cache
//   HF_TOKEN, HF_TOKEN_PATH  an access token, or a file that holds one (HF_HOME/token); HF_HUB_DISABLE_IMPLICIT_TOKEN=1: not from there
//   HF_HUB_OFFLINE=1         nothing is asked of the hub; what is in the cache is used
//   HF_HUB_DOWNLOAD_TIMEOUT  seconds without a byte after which a transfer is begun anew (10)
//   HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, in capitals or not
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'

/** Which hub is asked, and how. */
export interface HubOptions {
  /** The hub or a mirror. Default: `HF_ENDPOINT`, or https://huggingface.co. */
  readonly endpoint?: string
  /** The cache's folder. Default: `HF_HUB_CACHE`, or `HF_HOME`/hub, or ~/.cache/huggingface/hub. */
  readonly cache?: string
  /** Default: `HF_TOKEN`, or the file that logging in wrote. */
  readonly token?: string
  /** Ask nothing of the hub. Default: `HF_HUB_OFFLINE`. */
  readonly offline?: boolean
}

export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly cache: string
  readonly token: string | undefined
  readonly offline: boolean
  /** Longest wait for a connection, for an answer, and for the next byte of one. */
  readonly stallMs: number
  /** Proxies' addresses; undefined: none. */
  readonly proxies: { readonly http: string | undefined; readonly https: string | undefined; readonly except: string | undefined }
}

export type Environment = Readonly<Record<string, string | undefined>>

const HUB = 'https://huggingface.co'
const STALL_SECONDS = 10

export function hubSettings(options: HubOptions = {}, env: Environment = process.env): HubSettings {
  const home = expand(env['HF_HOME'] ?? path.join(env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'huggingface'), env)
  const cache = options.cache ?? filled(env['HF_HUB_CACHE']) ?? filled(env['HUGGINGFACE_HUB_CACHE'])
  const seconds = Number(env['HF_HUB_DOWNLOAD_TIMEOUT'])
  return {
    endpoint: checkEndpoint(options.endpoint ?? filled(env['HF_ENDPOINT']) ?? HUB),
    cache: path.resolve(cache === undefined ? path.join(home, 'hub') : expand(cache, env)),
    token: filled(options.token) ?? findToken(home, env),
    offline: options.offline ?? (isTrue(env['HF_HUB_OFFLINE']) || isTrue(env['TRANSFORMERS_OFFLINE'])),
    stallMs: (seconds > 0 ? seconds : STALL_SECONDS) * 1000,
    proxies: {
      http: proxy('http', env),
      https: proxy('https', env),
      except: filled(env['no_proxy']) ?? filled(env['NO_PROXY']),
    },
  }
}

function checkEndpoint(endpoint: string): string {
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw invalid(`HF_ENDPOINT must be a URL like https://huggingface.co, got ${show(endpoint)}`)
  }
  return endpoint.replace(/\/+$/, '')
}

function findToken(home: string, env: Environment): string | undefined {
  const given = filled(env['HF_TOKEN']) ?? filled(env['HUGGING_FACE_HUB_TOKEN'])
  if (given !== undefined || isTrue(env['HF_HUB_DISABLE_IMPLICIT_TOKEN'])) return given?.trim()
  try {
    return filled(readFileSync(expand(env['HF_TOKEN_PATH'] ?? path.join(home, 'token'), env), 'utf8').trim())
  } catch {
    return undefined // nobody has logged in
  }
}

function proxy(kind: 'http' | 'https', env: Environment): string | undefined {
  const named = (name: string): string | undefined => filled(env[name]) ?? filled(env[name.toUpperCase()])
  const found = named(`${kind}_proxy`) ?? named('all_proxy')
  if (found === undefined) return undefined
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(found) ? found : `http://${found}`
  if (!URL.canParse(address)) throw invalid(`${kind}_proxy must be a URL, got ${show(found)}`)
  return address
}

function filled(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text
}

function isTrue(text: string | undefined): boolean {
  return ['1', 'on', 'yes', 'true'].includes((text ?? '').toLowerCase())
}

/** `~` and `$NAME`, as in a shell. */
function expand(text: string, env: Environment): string {
  const named = text.replace(/\$(\w+)|\$\{(\w+)\}/g, (whole, a?: string, b?: string) => env[a ?? b ?? ''] ?? whole)
  return named.replace(/^~(?=$|[\\/])/, homedir())
}
