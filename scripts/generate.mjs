// Writes lib/requests/types.ts from the descriptors of tasks (`npm run generate`); a test says when it is stale. Needs dist/.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as prettier from 'prettier'

const root = fileURLToPath(new URL('..', import.meta.url))
export const TYPES = `${root}lib/requests/types.ts`

const HEAD = `// What a caller may ask of each task, and say about a run. Written by scripts/generate.mjs from the descriptors of lib/requests: change those.
import type { ImageInput, MaskInput, Schedule } from '../fields/values.js'
`

/** The text of the file. `descriptors`: by task; `declaration`: dist/fields/declaration.js. */
export async function typesOf(descriptors, options, { interfaceOf, namedGroups }) {
  const all = Object.values(descriptors)
  const groups = new Map([...all, ...options].flatMap(({ fields }) => [...namedGroups(fields)]))
  const docs = ({ summary, remarks, example }) => [summary, ...(remarks ? ['', remarks] : []), '', '@example', ...example.split('\n')]
  const parts = [
    HEAD,
    ...[...groups].map(([name, group]) => interfaceOf(name, [group.about ?? group.summary], group)),
    ...all.map((one) => interfaceOf(one.type, docs(one), one)),
    ...options.map((one) => interfaceOf(one.type, [one.summary], one)),
    `/** What each task takes. */\nexport interface TaskRequests {\n${all.map(({ name, type }) => `  readonly ${name}: ${type}\n`).join('')}}\n`,
  ]
  return prettier.format(parts.join('\n'), { ...(await prettier.resolveConfig(TYPES)), parser: 'typescript' })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { DESCRIPTORS, OPTIONS } = await import('../dist/requests/index.js')
  const made = await typesOf(DESCRIPTORS, OPTIONS, await import('../dist/fields/declaration.js'))
  if (process.argv.includes('--check')) process.exitCode = readFileSync(TYPES, 'utf8') === made ? 0 : 1
  else writeFileSync(TYPES, made)
}
