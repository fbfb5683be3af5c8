// Writes the interfaces of requests and options, and docs/fields.md, from their descriptors (`npm run generate`); a test says when they are stale. Needs dist/.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as prettier from 'prettier'
import { fieldsPage } from './fields-page.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const WRITTEN = 'Written by scripts/generate.mjs from the descriptors of'

/** The files that are written, and what stands at their heads. */
export const FILES = {
  requests: {
    file: `${root}lib/requests/types.ts`,
    head: `// What a caller may ask of each task, and say about a run. ${WRITTEN} lib/requests: change those.
import type { ImageInput, MaskInput, Schedule } from '../fields/values.js'
`,
  },
  model: {
    file: `${root}lib/model/types.ts`,
    head: `// What can be said about loading, planning and converting. ${WRITTEN} options.ts: change those.
import type { Progress } from '../base/progress.js'
import type { Device } from '../native/info.js'
import type { Logger } from './logger.js'
`,
  },
  server: {
    file: `${root}lib/server/types.ts`,
    head: `// What can be said about a server. ${WRITTEN} options.ts: change those.
import type { FastifyBaseLogger as Logger } from 'fastify'
`,
  },
}

/** The text of a file. `shapes`: { type, summary, remarks?, example?, fields, required? }; `declaration`: dist/fields/declaration.js. */
export async function typesOf({ file, head }, shapes, { interfaceOf, namedGroups }, tail = '') {
  const groups = new Map(shapes.flatMap(({ fields }) => [...namedGroups(fields)]))
  const docs = ({ summary, remarks, example }) => [
    summary,
    ...(remarks ? ['', remarks] : []),
    ...(example ? ['', '@example', ...example.split('\n')] : []),
  ]
  const parts = [
    head,
    ...[...groups].map(([name, group]) => interfaceOf(name, [group.about ?? group.summary], group)),
    ...shapes.map((one) => interfaceOf(one.type, docs(one), one)),
    tail,
  ]
  return prettier.format(parts.join('\n'), { ...(await prettier.resolveConfig(file)), parser: 'typescript' })
}

const FIELDS_PAGE = `${root}docs/fields.md`

/** All texts, by file. `of`: descriptors of tasks, options of runs, of models and of servers. */
export async function allTypes({ descriptors, runOptions, modelOptions, serverOptions }, declaration) {
  const tasks = Object.values(descriptors)
  const map = `/** What each task takes. */\nexport interface TaskRequests {\n${tasks.map(({ name, type }) => `  readonly ${name}: ${type}\n`).join('')}}\n`
  const texts = {
    requests: await typesOf(FILES.requests, [...tasks, ...runOptions], declaration, map),
    model: await typesOf(FILES.model, modelOptions, declaration),
    server: await typesOf(FILES.server, serverOptions, declaration),
  }
  const files = Object.entries(texts).map(([name, text]) => [FILES[name].file, text])
  return Object.fromEntries([...files, [FIELDS_PAGE, fieldsPage(texts, Object.fromEntries(tasks.map(({ name, type }) => [name, type])))]])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { DESCRIPTORS: descriptors, OPTIONS: runOptions } = await import('../dist/requests/index.js')
  const { OPTIONS: modelOptions } = await import('../dist/model/options.js')
  const { OPTIONS: serverOptions } = await import('../dist/server/options.js')
  const made = await allTypes({ descriptors, runOptions, modelOptions, serverOptions }, await import('../dist/fields/declaration.js'))
  for (const [file, text] of Object.entries(made)) writeFileSync(file, text)
}
