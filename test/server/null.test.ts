// null where a value may be left out: a wrong type as any other, in every field of every native route, however deep.
import { expect, test } from 'vitest'
import type { Field, Fields } from '../../lib/fields/field.js'
import { DESCRIPTORS } from '../../lib/requests/index.js'
import { TASKS } from '../../lib/requests/names.js'
import { PREVIEW_FIELDS, RUN_FIELDS } from '../../lib/requests/run-options.js'
import { ScriptedRunner } from './scripted.js'
import { serve } from './world.js'

type Wrap = (value: unknown) => unknown

/** Bodies with one null each, by where it is. */
function nulls(fields: Fields, wrap: Wrap, where: string): [where: string, body: unknown][] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const place = `${where}.${name}`
    const within: Wrap = (value) => wrap({ [name]: value })
    return [[place, within(null)], ...inside(field, within, place)] as [string, unknown][]
  })
}

function inside(field: Field, wrap: Wrap, where: string): [string, unknown][] {
  if (field.kind === 'group') return nulls(field.fields, wrap, where)
  if (field.kind === 'either') return field.of.flatMap((one) => inside(one, wrap, where))
  if (field.kind !== 'list') return []
  return [[`${where}[]`, wrap([null])], ...inside(field.of, (value) => wrap([value]), `${where}[]`)]
}

const request = { prompt: 'x' }
const step = { grid: { width: 1, height: 1 }, tokens: [0], guess: [0] }
const own = (task: (typeof TASKS)[number]): object => ('prompt' in DESCRIPTORS[task].fields ? request : {})
const BODIES: readonly (readonly [where: string, body: unknown, path?: string, method?: string])[] = [
  ...['version', 'kind', 'task', 'request', 'options', 'snapshot', 'model', 'detach'].map(
    (name) => [name, { task: 'generate', request, [name]: null }] as const,
  ),
  ...['version', 'kind', 'task', 'options', 'model', 'detach'].map(
    (name) => [`snapshot beside ${name}`, { snapshot: 'AAAA', [name]: null }] as const,
  ),
  ...nulls(RUN_FIELDS, (options) => ({ task: 'generate', request, options }), 'options'),
  ...TASKS.flatMap((task) => nulls(DESCRIPTORS[task].fields, (more) => ({ task, request: { ...own(task), ...(more as object) } }), task)),
  ...[null, { region: null }, { region: [null] }, { region: [0], image: null }].map((body) => ['remask', body, '/r/remask'] as const),
  ...[null, { priority: null }].map((body) => ['priority', body, '/r', 'PATCH'] as const),
  ...[null, { step: null }, { step: { ...step, grid: null } }, { step: { ...step, tokens: [null] } }].map(
    (body) => ['decode', body, '/r/decode'] as const,
  ),
  ...Object.keys(PREVIEW_FIELDS).map((name) => [`decode ${name}`, { step, [name]: null }, '/r/decode'] as const),
]

test('null is refused by name', { timeout: 60_000 }, async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  await ask('/v1/runs', { json: { task: 'generate', request, options: { id: 'r' }, detach: true } })
  const wrong: string[] = []
  for (const [where, body, path = '', method = 'POST'] of BODIES) {
    const headers = { 'content-type': 'application/json' }
    const { status } = await ask(`/v1/runs${path}`, { method, body: JSON.stringify(body), headers })
    if (status !== 422) wrong.push(`${where}: ${status}`)
  }
  expect(wrong).toEqual([])
  expect(runner.runs).toHaveLength(1)
  expect(BODIES.length).toBeGreaterThan(300)
})
