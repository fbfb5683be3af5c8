// Tasks and fields as data: checks, types, flags, help, schemas and docs all come from the same descriptors. A made-up field shows up in all.
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { addFlags, flagsOf, readFlags } from '../../lib/cli/flags.js'
import { checkOptions } from '../../lib/fields/check.js'
import * as declaration from '../../lib/fields/declaration.js'
import { integer, isLocal, type Field, type Fields } from '../../lib/fields/field.js'
import { rootSchema } from '../../lib/fields/json-schema.js'
import { LOAD_FIELDS } from '../../lib/model/options.js'
import { OPTIONS as modelOptions } from '../../lib/model/options.js'
import { OPTIONS as serverOptions } from '../../lib/server/options.js'
import { DESCRIPTORS, OPTIONS as runOptions, requestSchema } from '../../lib/requests/index.js'
import { TASKS } from '../../lib/requests/names.js'
import { resultSchema } from '../../lib/run/descriptors.js'
import { allTypes } from '../../scripts/generate.mjs'

type Schema = { readonly properties: Record<string, { readonly description?: string }>; readonly required?: string[] } & Record<
  string,
  unknown
>

test('the written types are those of the descriptors (npm run generate)', async () => {
  const written = await allTypes({ descriptors: DESCRIPTORS, runOptions, modelOptions, serverOptions }, declaration)
  expect(Object.keys(written)).toHaveLength(TASKS.length + 6)
  for (const [file, text] of Object.entries(written)) expect(readFileSync(file, 'utf8')).toBe(text)
})

describe.each(TASKS)('%s', (task) => {
  const { fields, required, summary, argument } = DESCRIPTORS[task]

  test('is described: every field has a sentence, every required one is a field', () => {
    const sentences = (of: Fields): string[] =>
      Object.values(of).flatMap((field) => [field.summary, ...(field.kind === 'group' ? sentences(field.fields) : [])])
    for (const sentence of [summary, ...sentences(fields)]) expect(sentence).toMatch(/[.)]"?$/)
    for (const name of [...required, ...(argument ? [argument.field] : [])]) expect(Object.keys(fields)).toContain(name)
  })

  test('has a schema: an object with properties, each with its description, nothing else at the root', () => {
    const schema = requestSchema(task) as unknown as Schema
    expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object', additionalProperties: false })
    expect(schema).not.toHaveProperty('anyOf')
    expect(Object.keys(schema.properties)).toEqual(Object.keys(fields))
    expect(schema.required).toEqual(required)
    for (const { description } of Object.values(schema.properties)) expect(description).toMatch(/\S/)
  })

  test('has a schema of its result', () => {
    const schema = resultSchema(task) as unknown as Schema
    expect(Object.keys(schema.properties)).toEqual(
      expect.arrayContaining(['seed', 'timings', 'usage', 'warnings', DESCRIPTORS[task].result === 'image' ? 'images' : 'text']),
    )
  })

  test("has flags: every field but the command's argument, --size and what only the API knows", () => {
    const reached = new Set(flagsOf(fields).map(({ path }) => path[0]))
    const silent = ['width', 'height', 'start', 'messages', ...(argument ? [] : ['prompt'])]
    for (const name of Object.keys(fields)) expect([name, reached.has(name)]).toEqual([name, !silent.includes(name)])
    const names = flagsOf(fields).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })
})

test('what is no task has no schema', () => {
  expect(() => requestSchema('draw' as 'edit')).toThrow(/task must be one of 'generate', .*, got 'draw'/)
  expect(() => resultSchema('text-to-image' as 'edit')).toThrow(/got 'text-to-image'/)
})

test('flags of loading: nested options have both names', () => {
  const names = flagsOf(LOAD_FIELDS).map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['device', 'on-device-unavailable', 'memory-max-host-bytes', 'memory-panel-bytes']))
  expect(names.some((name) => name.startsWith('scheduler') || name === 'signal')).toBe(false)
})

describe('a made-up field', () => {
  const glow: Field = integer(2, 9, { summary: 'How much everything glows.', unit: 'lumens', default: { value: 4 } })
  const generate = DESCRIPTORS.generate
  const changed = { ...DESCRIPTORS, generate: { ...generate, fields: { ...generate.fields, deepGlow: glow } } }
  const { fields, required } = changed.generate

  test('is checked', () => {
    const check = (deepGlow: unknown): void => checkOptions('generate', { prompt: 'x', deepGlow }, { fields, required })
    expect(() => check(3)).not.toThrow()
    expect(() => check(10)).toThrow('generate: deepGlow must be an integer from 2 to 9, got 10')
    expect(() => checkOptions('generate', { prompt: 'x', depGlow: 3 }, { fields })).toThrow(
      /unknown option 'depGlow' \(did you mean 'deepGlow'\?\)/,
    )
  })

  test('is a member of the request in TypeScript, with its range, unit and default', async () => {
    const text = Object.values(await allTypes({ descriptors: changed, runOptions, modelOptions, serverOptions }, declaration)).join('')
    expect(text).toContain('/** How much everything glows. 2 to 9. In lumens. Default: 4. */\n  readonly deepGlow?: number')
  })

  test('is a flag with help, and its value is read', () => {
    const command = addFlags(new Command('generate'), fields).exitOverride()
    expect(command.helpInformation()).toMatch(/--deep-glow <n>\s+how much everything glows \(default: 4\)/)
    command.parse(['--deep-glow', '7'], { from: 'user' })
    expect(readFlags(command.opts(), fields)).toEqual({ deepGlow: 7 })
  })

  test('is a property of the JSON Schema', () => {
    const { properties } = rootSchema('GenerateRequest', 'x', { fields, required }) as unknown as Schema
    expect(properties['deepGlow']).toEqual({
      type: 'integer',
      minimum: 2,
      maximum: 9,
      default: 4,
      description: 'How much everything glows. In lumens.',
    })
  })
})

test('nothing that lives in one process is in a schema or a flag', () => {
  const walk = (fields: Fields): Field[] =>
    Object.values(fields).flatMap((field) => [field, ...(field.kind === 'group' ? walk(field.fields) : [])])
  expect(TASKS.flatMap((task) => walk(DESCRIPTORS[task].fields)).filter(isLocal)).toEqual([])
})
