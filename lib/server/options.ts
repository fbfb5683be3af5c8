// What can be said about a server, as data: checks, flags, environment variables and the table of docs/serving.md come from here.
import { invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { accepts, checkOptions } from '../fields/check.js'
import { boolean, choice, group, integer, list, local, number, text, type Fields } from '../fields/field.js'
import { LONGEST_TIMER_MS } from '../requests/run-options.js'
import type { ServerOptions } from './types.js'

const MIB = 2 ** 20
const bytes = (summary: string, value: number, help: string): Fields[string] =>
  integer(1, 4096 * MIB, { summary, unit: 'bytes', default: { value }, flag: { value: 'bytes', form: 'bytes', help } })
const milliseconds = (summary: string, value: number): Fields[string] =>
  number(0, LONGEST_TIMER_MS, { summary, unit: 'milliseconds', default: { value } })

const SECRET = text({ summary: 'The secret.', pattern: '[\\x21-\\x7e]{16,512}', rule: '16 to 512 printable characters without spaces' })
const API_KEY = group(
  {
    name: text({ summary: 'In logs and metrics.', pattern: '[A-Za-z0-9_.-]{1,64}', rule: "1 to 64 letters, digits, '-', '_' and '.'" }),
    key: SECRET,
    rate: integer(1, 1_000_000, { summary: 'Requests a minute that make runs.', default: { words: 'no limit' } }),
    concurrency: integer(1, 1_000_000, { summary: 'Runs at once, waiting ones included.', default: { words: 'no limit' } }),
  },
  { type: 'ApiKey', required: ['name', 'key'], summary: 'One key that lets its bearer in.' },
)

export const SERVER_FIELDS: Fields = {
  apiKeys: list(API_KEY, {
    max: 10_000,
    summary: 'Who may come in. Without any, everybody who reaches the server.',
    flag: { form: 'none' },
  }),
  insecure: boolean({ summary: 'Listen on other addresses than loopback without any key.', default: { value: false } }),
  maxQueue: integer(1, 1_000_000, {
    summary: 'Pictures and answers that wait beyond what is decoded at a time; more are answered 429 with the estimated wait.',
    default: { value: 256 },
    flag: { help: 'pictures and answers that may wait' },
  }),
  maxSteps: integer(1, 4096, { summary: 'Most decoding steps of a run.', default: { value: 1024 } }),
  maxCells: integer(1, 65_536, {
    summary: 'Most cells of a picture, given ones included, and most tokens of an answer.',
    default: { value: 4096 },
    flag: { help: 'most cells of a picture, most tokens of an answer' },
  }),
  maxImages: integer(1, 64, { summary: 'Most pictures of a run (`n`, `bestOf`), and most given pictures.', default: { value: 16 } }),
  maxPromptBytes: integer(1, 256 * 1024, {
    summary: 'Most bytes of UTF-8 of all texts of a request.',
    unit: 'bytes',
    default: { value: 32_768 },
  }),
  maxPixels: integer(1, 64_000_000, { summary: 'Most pixels of a given picture, told from its header.', default: { value: 32_000_000 } }),
  maxBodyBytes: bytes('Most bytes of a request, all parts together.', 64 * MIB, 'most bytes of a request, e.g. 64MiB'),
  maxFileBytes: bytes('Most bytes of one file in it.', 50 * MIB, 'most bytes of one file in it, e.g. 50MiB'),
  maxUploadBytes: bytes(
    'Most bytes of all requests that are being read or wait; more is answered 429.',
    1024 * MIB,
    'most bytes of all waiting requests, e.g. 1GiB',
  ),
  maxResultBytes: bytes('Most bytes of results and events that are kept for their clients.', 256 * MIB, 'most bytes of kept results'),
  resultTtlMs: milliseconds(
    'How long results are kept: those of detached runs from their end, others a tenth of it, and graceMs at least, from when their client was here last. Then 410 says that they are gone.',
    600_000,
  ),
  graceMs: milliseconds('How long a run goes on after its last listener has left, so that it can come back.', 15_000),
  heartbeatMs: number(100, LONGEST_TIMER_MS, {
    summary: 'Between signs of life on an idle stream.',
    unit: 'milliseconds',
    default: { value: 15_000 },
  }),
  stallMs: number(100, LONGEST_TIMER_MS, {
    summary: 'How long a stream waits for a client that takes nothing before it is cut.',
    unit: 'milliseconds',
    default: { value: 60_000 },
  }),
  drainMs: milliseconds('How long a server that ends lets its runs go on before it aborts them.', 30_000),
  corsOrigins: list(
    text({ summary: 'An origin, or *.', pattern: '\\*|https?://[^\\s/]+', rule: "an origin such as 'https://example.com', or '*'" }),
    {
      max: 1000,
      summary: 'Pages of other origins that may call.',
      default: { words: 'none' },
      flag: { value: 'origin', help: 'let pages of this origin call; may be given several times' },
    },
  ),
  allowedHosts: list(text({ summary: 'A host name.', pattern: '[A-Za-z0-9.:\\[\\]_-]{1,255}' }), {
    max: 1000,
    summary: 'Host names under which a server without keys on loopback is asked, beside localhost (against DNS rebinding).',
    default: { words: 'none' },
    flag: { value: 'host', help: 'a host name under which a server without keys may be asked; may be given several times' },
  }),
  trustProxy: boolean({
    summary: 'Believe X-Forwarded-* of whoever connects: only behind a proxy of your own.',
    default: { value: false },
  }),
  strictModelNames: boolean({
    summary: 'Refuse models that are not here; without, the default model serves any name.',
    default: { value: false },
  }),
  a1111: boolean({ summary: "Serve AUTOMATIC1111's routes under /sdapi/v1 too.", default: { value: false } }),
  studio: boolean({ summary: 'Serve the page at / where it was built.', default: { value: true }, flag: { form: 'none' } }),
  logLevel: choice(['silent', 'error', 'warn', 'info', 'debug'], {
    summary: 'How much is logged.',
    default: { words: 'silent; info for dimoo serve' },
  }),
  logger: local('logger', 'A pino logger to use in place of one of its own.'),
}

/** For the generator of lib/server/types.ts. */
export const OPTIONS = [{ type: 'ServerOptions', summary: 'What can be said about a server.', fields: SERVER_FIELDS }] as const

/** Every option with its default. */
export type Settings = Required<Omit<ServerOptions, 'logger'>> & Pick<ServerOptions, 'logger'>

/** What a request may ask for. */
export type Limits = Pick<Settings, 'maxSteps' | 'maxCells' | 'maxImages' | 'maxPromptBytes' | 'maxPixels'>

/** Throws `request/invalid`. */
export function settingsOf(options: ServerOptions): Settings {
  checkSecrets(options)
  checkOptions('createServer', options, { fields: SERVER_FIELDS })
  const known = Object.entries(SERVER_FIELDS).flatMap(([name, field]) =>
    field.default && 'value' in field.default ? [[name, field.default.value] as const] : [],
  )
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return {
    ...Object.fromEntries(known),
    apiKeys: [],
    corsOrigins: [],
    allowedHosts: [],
    logLevel: 'silent',
    ...Object.fromEntries(given),
  } as unknown as Settings
}

// Before the check of all options, whose messages show what they found.
function checkSecrets({ apiKeys }: ServerOptions): void {
  if (!Array.isArray(apiKeys)) return
  const wrong = apiKeys.findIndex((one: unknown) => !isObject(one) || !accepts(one['key'], SECRET))
  if (wrong >= 0) throw invalid(`createServer: apiKeys[${wrong}].key must be ${SECRET.rule!}, got something else`)
}
