// What `POST /v1/runs` takes, in three forms: JSON and CBOR as messages travel (docs/wire.md), and forms, whose texts are read by the
// fields' types and whose files are pictures.
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { invalid } from '../../base/errors.js'
import { nearest } from '../../base/nearest.js'
import { isObject } from '../../base/realm.js'
import { quote, show } from '../../base/show.js'
import { checkField, checkOptions } from '../../fields/check.js'
import { boolean, integer, isLocal, text, type Field, type Fields } from '../../fields/field.js'
import { checkTask, DESCRIPTORS } from '../../requests/index.js'
import { TASKS, type TaskName } from '../../requests/names.js'
import { RESUME_FIELDS, RUN_FIELDS } from '../../requests/run-options.js'
import type { ResumeOptions, RunOptions, TaskRequests } from '../../requests/types/index.js'
import { objectFromJson } from '../../wire/from-json.js'
import { messageFromJson, WIRE_VERSION } from '../../wire/messages.js'
import { readForm, type Form } from '../bodies.js'
import { checkAsked } from '../limits.js'
import type { Limits, Settings } from '../options.js'
import { folded, valuesOf, type Texts } from '../texts.js'
import { isCbor } from '../words.js'
import { zodObject } from '../zod.js'

const MODEL = text({ summary: 'The model, by name.', maxBytes: 256, default: { words: 'the first one' } })
const DETACH = boolean({ summary: 'Goes on without a listener, and is found again by its id.', default: { value: false } })
const BESIDE: Fields = { model: MODEL, detach: DETACH }
/** What stands beside the request of a form, each read by its type. */
const BESIDE_FORM: Fields = { ...BESIDE, version: integer(WIRE_VERSION, WIRE_VERSION, { summary: 'Of the message.' }) }
const NAMES = ['version', 'kind', 'task', 'request', 'options', 'snapshot', ...Object.keys(BESIDE)]

interface Beside {
  readonly model?: string
  readonly detach: boolean
}

export type RunBody = Beside &
  (
    | { readonly task: TaskName; readonly request: TaskRequests[TaskName]; readonly options: RunOptions }
    | { readonly task?: TaskName; readonly snapshot: Uint8Array; readonly options: ResumeOptions }
  )

const head = {
  version: z.literal(WIRE_VERSION).optional(),
  kind: z.enum(['request', 'snapshot']).optional(),
  model: z.string().max(256).optional().describe(MODEL.summary),
  detach: z.boolean().optional().describe(DETACH.summary),
}
const RESUMING: Fields = Object.fromEntries(Object.entries(RESUME_FIELDS).filter(([, field]) => !isLocal(field)))

/** For OpenAPI: one of the tasks, or a snapshot. */
export const RUN_BODY = z.union([
  ...TASKS.map((task) => {
    const { summary, fields, required } = DESCRIPTORS[task]
    const request = zodObject(fields, required)
    return z.strictObject({ ...head, task: z.literal(task), request, options: zodObject(RUN_FIELDS).optional() }).describe(summary)
  }),
  z
    .strictObject({
      ...head,
      task: z.enum(TASKS).optional(),
      snapshot: z.string().describe('Base64.'),
      options: zodObject(RESUME_FIELDS).optional(),
    })
    .describe('Goes on from a snapshot.'),
])

/** For OpenAPI: the same as a form. */
export const RUN_FORM = z
  .looseObject({
    task: z.enum(TASKS).optional(),
    snapshot: z.file().optional().describe('Goes on from it; no task is needed then.'),
    model: head.model,
    detach: head.detach,
  })
  .describe("The task's fields and the run's options each under its own name, pictures as files.")

/** Throws `request/invalid` for anything else. */
export async function readRunBody(request: FastifyRequest, settings: Settings): Promise<RunBody> {
  if (!request.isMultipart()) return runBody(request.body, settings, isCbor(request))
  return runBody(fromForm(await readForm(request, settings)), settings)
}

function runBody(body: unknown, limits: Limits, ofProgram = false): RunBody {
  if (!isObject(body)) throw invalid(`run: expected {task, request, options}, got ${show(body)}`)
  for (const name of Object.keys(body)) {
    if (NAMES.includes(name)) continue
    const meant = nearest(name, NAMES)
    throw invalid(`run: unknown option '${quote(name, 60)}'${meant ? ` (did you mean '${meant}'?)` : ''}; known are ${NAMES.join(', ')}`)
  }
  const { version = WIRE_VERSION, kind, task, request, options = {}, snapshot, model, detach = false } = body
  for (const [name, value] of Object.entries({ model, detach })) if (value !== undefined) checkField('run', name, value, BESIDE[name]!)
  const beside = { detach: detach as boolean, ...(model !== undefined && { model: model as string }) }
  if (snapshot !== undefined || kind === 'snapshot') {
    if (request !== undefined) throw invalid('run: expected a request or a snapshot, got both')
    if (version !== WIRE_VERSION) throw invalid(`run: version must be ${WIRE_VERSION}, got ${show(version)}`)
    if (kind !== undefined && kind !== 'snapshot') throw invalid(`run: kind must be snapshot beside one, got ${show(kind)}`)
    const restored = objectFromJson({ snapshot, options }, { snapshot: { kind: 'bytes', summary: '' } }) as { snapshot: unknown }
    if (!(restored.snapshot instanceof Uint8Array)) throw invalid(`run: snapshot must be bytes, as base64 in JSON, got ${show(snapshot)}`)
    checkOptions('resume', options, { fields: RESUMING })
    if (task !== undefined) checkTask(task)
    return { ...beside, ...(task !== undefined && { task }), snapshot: restored.snapshot, options: options as ResumeOptions }
  }
  checkTask(task)
  if (kind !== undefined && kind !== 'request') throw invalid(`run: kind must be request or snapshot, got ${show(kind)}`)
  if (isObject(request))
    for (const [name, value] of Object.entries(request)) checkAsked(task, name, value, ofProgram ? undefined : countOf(task, name), limits)
  const message = messageFromJson({ version, kind: kind ?? 'request', task, request, options })
  if (message.kind !== 'request') throw invalid('run: expected a request')
  return { ...beside, task: message.task, request: message.request, options: message.options }
}

// Everything else is checked where messages are, and everything of programs, which read what the library says.
const countOf = (task: TaskName, name: string): Field | undefined => {
  const { fields } = DESCRIPTORS[task]
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined
  return field?.kind === 'integer' ? field : undefined
}

// `-F task=edit -F prompt=... -F image=@in.png -F priority=1`: what the task knows goes into the request, the rest to the run.
function fromForm({ texts: given, files }: Form): unknown {
  const texts = folded(given)
  const task = given.get('task')?.[0]
  for (const name of ['request', 'options'])
    if (texts.has(name) || files.has(name))
      throw invalid(`run: ${name} must come field by field in a form, such as -F steps=8 -F priority=5`)
  if (files.has('snapshot'))
    return { snapshot: files.get('snapshot')![0], ...(task !== undefined && { task }), ...ofTexts(texts, RESUME_FIELDS, ['task']) }
  if (texts.has('snapshot')) throw invalid('run: snapshot must be a file of the form, got text')
  checkTask(task)
  const { fields } = DESCRIPTORS[task]
  const request: Record<string, unknown> = {}
  for (const [name, found] of files) {
    const field = name.replace(/\[\]$/, '')
    const isList = fields[field]?.kind === 'list'
    if (!isList && found.length > 1) throw invalid(`${task}: ${field} must be one picture, got ${found.length}`)
    request[field] = isList ? found : found[0]
  }
  const own = new Map([...texts].filter(([name]) => name in fields))
  for (const [name, found] of own) request[name] = valuesOf(found, fields[name]!)
  const rest = new Map([...texts].filter(([name]) => !own.has(name)))
  for (const name of rest.keys()) {
    if (name === 'task' || NAMES.includes(name) || Object.hasOwn(RUN_FIELDS, name)) continue
    const meant = nearest(name, [...Object.keys(fields), ...Object.keys(RUN_FIELDS), ...Object.keys(BESIDE)])
    throw invalid(`${task}: unknown option '${quote(name, 60)}'${meant ? ` (did you mean '${meant}'?)` : ''}`)
  }
  return { task, request, ...ofTexts(rest, RUN_FIELDS, ['task']) }
}

const UNREAD = text({ summary: '' })

function ofTexts(texts: ReadonlyMap<string, Texts>, fields: Fields, done: readonly string[]): object {
  const options: Record<string, unknown> = {}
  const beside: Record<string, unknown> = {}
  for (const [name, found] of texts) {
    if (done.includes(name)) continue
    const place = name in fields ? options : beside
    const field = fields[name] ?? BESIDE_FORM[name]
    place[name] = valuesOf(found, field ?? UNREAD)
  }
  return { ...beside, options }
}
