// zod schemas and the checks of fields are made of the same descriptors: they take and refuse the same requests. (What pixels must be is told
// where they are read.)
import { expect, test } from 'vitest'
import { DESCRIPTORS } from '../../lib/requests/index.js'
import { TASKS } from '../../lib/requests/names.js'
import { RUN_FIELDS } from '../../lib/requests/run-options.js'
import { zodObject } from '../../lib/server/zod.js'
import { messageFromJson } from '../../lib/wire/messages.js'
import { z } from 'zod'

const RAW = { data: Buffer.alloc(48).toString('base64'), width: 4, height: 4, channels: 3 }
const URL = 'data:image/png;base64,iVBORw0KGgo='
const GOOD = {
  generate: { prompt: 'a' },
  edit: { prompt: 'a', image: RAW },
  inpaint: { prompt: 'a', image: RAW, mask: { left: 0, top: 0, width: 1, height: 1 } },
  outpaint: { prompt: 'a', image: RAW, extend: { left: 8 } },
  retouch: { from: RAW, region: [0, 1] },
  control: { prompt: 'a', image: RAW, control: 'canny' },
  predict: { image: RAW, map: 'depth' },
  subject: { prompt: 'a', image: RAW },
  style: { image: RAW, style: RAW },
  view: { image: RAW, view: 'left' },
  ask: { prompt: 'a', images: [RAW] },
  chat: { messages: [{ role: 'user', content: 'a' }] },
}
const VALUES: readonly unknown[] = [
  0,
  1,
  -1,
  3,
  64,
  1.5,
  5000,
  1e9,
  true,
  false,
  null,
  '',
  'x',
  'cosine',
  'linear',
  'native',
  'depth',
  'canny',
  '16:9',
  '7',
  '18446744073709551615',
  '18446744073709551616',
  'prefix',
  URL,
  'data:,x',
  '/etc/passwd',
  'http://example.com/a.png',
  RAW,
  [],
  [0],
  [1, 2.5],
  [-1],
  [RAW],
  [URL],
  ['x'],
  {},
  { ratio: 0.5 },
  { ratio: { width: 0.5, height: 1 } },
  { left: 0, top: 0, width: 1, height: 1 },
  [{ left: 0, top: 0, width: 1, height: 1 }],
  { left: 8 },
  { text: 2 },
  { text: 101 },
  { text: 1, image: 2 },
  { floor: 0.5 },
  { feather: 3 },
  { tokens: [1, -1], step: 0 },
  { tokens: [1, -1], step: 0, pinned: [0] },
  { tokens: 'x', step: 0 },
  [{ role: 'user', content: 'a' }],
  [{ role: 'nobody', content: 'a' }],
  [{ role: 'user' }],
  { quality: 'full', every: 2 },
  { every: 0 },
  'latest',
  'a'.repeat(300_000),
]

const takes = (json: object): boolean => {
  try {
    messageFromJson({ version: 1, kind: 'request', options: {}, ...json })
    return true
  } catch {
    return false
  }
}

test.each(TASKS)('%s: every field takes and refuses the same', (task) => {
  const { fields, required } = DESCRIPTORS[task]
  const schema = zodObject(fields, required)
  expect(schema.safeParse(GOOD[task]).success).toBe(true)
  let refused = 0
  const differ: string[] = []
  for (const name of [...Object.keys(fields), 'stranger', '__proto__']) {
    for (const value of VALUES) {
      const request = { ...GOOD[task], ...(JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`) as object) }
      const expected = takes({ task, request })
      if (!expected) refused++
      if (schema.safeParse(request).success !== expected) differ.push(`${name} = ${JSON.stringify(value).slice(0, 80)}: ${expected}`)
    }
    const { [name as 'prompt']: _, ...without } = GOOD[task] as Record<string, unknown>
    expect(schema.safeParse(without).success, `${task} without ${name}`).toBe(takes({ task, request: without }))
  }
  expect(differ).toEqual([])
  expect(refused).toBeGreaterThan(100)
})

test('options of runs take and refuse the same', () => {
  const schema = zodObject(RUN_FIELDS)
  for (const name of Object.keys(RUN_FIELDS)) {
    for (const value of VALUES) {
      const options = { [name]: value }
      expect(schema.safeParse(options).success, `${name} = ${JSON.stringify(value).slice(0, 80)}`).toBe(
        takes({ task: 'generate', request: GOOD.generate, options }),
      )
    }
  }
})

test('schemas are written as JSON Schema, every field with its sentence', () => {
  for (const task of TASKS) {
    const { fields, required } = DESCRIPTORS[task]
    const json = z.toJSONSchema(zodObject(fields, required), { io: 'input' }) as {
      properties: Record<string, { description?: string }>
      required: string[]
      additionalProperties: boolean
    }
    expect(Object.keys(json.properties)).toEqual(Object.keys(fields))
    for (const [name, { description }] of Object.entries(json.properties)) expect(description, name).toContain(fields[name]!.summary)
    expect(json.required).toEqual(required)
    expect(json.additionalProperties).toBe(false)
  }
})
