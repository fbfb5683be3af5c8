// Writes the interfaces of requests and options, and docs/fields.md, from their descriptors (`npm run generate`); a test says when they are stale. Needs dist/.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as prettier from 'prettier'
import { fieldsPage } from './fields-page.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const WRITTEN = 'Written by scripts/generate.mjs from the descriptors of'

/** The files that are written of options, and what stands at their heads. */
const FILES = {
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
const REQUESTS = `${root}lib/requests/types`
const FIELDS_PAGE = `${root}docs/fields.md`

const docs = ({ summary, remarks, example }) => [
  summary,
  ...(remarks ? ['', remarks] : []),
  ...(example ? ['', '@example', ...example.split('\n')] : []),
]
const format = async (file, parts) => prettier.format(parts.join('\n'), { ...(await prettier.resolveConfig(file)), parser: 'typescript' })
const groupsOf = (shapes, { namedGroups }) => new Map(shapes.flatMap(({ fields }) => [...namedGroups(fields)]))
const groupTexts = (groups, { interfaceOf }) => [...groups].map(([name, group]) => interfaceOf(name, [group.about ?? group.summary], group))

/** The text of a file. `shapes`: { type, summary, remarks?, example?, fields, required? }; `declaration`: dist/fields/declaration.js. */
const typesOf = ({ file, head }, shapes, declaration) =>
  format(file, [
    head,
    ...groupTexts(groupsOf(shapes, declaration), declaration),
    ...shapes.map((one) => declaration.interfaceOf(one.type, docs(one), one)),
  ])

/** A line that imports those of the names that a text uses; none where it uses none. */
function importOf(names, from, text) {
  const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(text))
  return used.length > 0 ? [`import type { ${used.toSorted().join(', ')} } from '${from}'`] : []
}

/** The files of lib/requests/types: one of each task, one of what can be said about runs, one of the groups that they share. */
async function requestTypes(tasks, runOptions, declaration) {
  const about = `${WRITTEN} lib/requests: change those.`
  const groups = groupsOf([...tasks, ...runOptions], declaration)
  const write = (name, head, texts, others = []) => {
    const text = texts.join('\n')
    const values = importOf(['ImageInput', 'MaskInput', 'Schedule'], '../../fields/values.js', text)
    const imports = [...values, ...importOf(others, './groups.js', text)]
    return [name, [`// ${head} ${about}`, ...imports, '', text]]
  }
  const texts = (shapes) => shapes.map((one) => declaration.interfaceOf(one.type, docs(one), one))
  const files = [
    write('groups', 'What several requests hold alike.', groupTexts(groups, declaration)),
    ...tasks.map((task) => write(task.name, `What a caller may ask of ${task.name}.`, texts([task]), [...groups.keys()])),
    write('run', 'What can be said about a run.', texts(runOptions), [...groups.keys()]),
  ]
  const map = `/** What each task takes. */\nexport interface TaskRequests {\n${tasks.map(({ name, type }) => `  readonly ${name}: ${type}\n`).join('')}}\n`
  const index = [
    `// What a caller may ask of each task, and say about a run. ${about}`,
    ...tasks.map(({ name, type }) => `import type { ${type} } from './${name}.js'`),
    '',
    ...files.map(([name]) => `export type * from './${name}.js'`),
    '',
    map,
  ]
  const all = [...files, ['index', index]].map(([name, parts]) => [`${REQUESTS}/${name}.ts`, parts])
  return Object.fromEntries(await Promise.all(all.map(async ([file, parts]) => [file, await format(file, parts)])))
}

/** All texts, by file. `of`: descriptors of tasks, options of runs, of models and of servers. */
export async function allTypes({ descriptors, runOptions, modelOptions, serverOptions }, declaration) {
  const tasks = Object.values(descriptors)
  const requests = await requestTypes(tasks, runOptions, declaration)
  const model = await typesOf(FILES.model, modelOptions, declaration)
  const server = await typesOf(FILES.server, serverOptions, declaration)
  const texts = { requests: Object.values(requests).join('\n'), model, server }
  const page = fieldsPage(texts, Object.fromEntries(tasks.map(({ name, type }) => [name, type])))
  return { ...requests, [FILES.model.file]: model, [FILES.server.file]: server, [FIELDS_PAGE]: page }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { DESCRIPTORS: descriptors, OPTIONS: runOptions } = await import('../dist/requests/index.js')
  const { OPTIONS: modelOptions } = await import('../dist/model/options.js')
  const { OPTIONS: serverOptions } = await import('../dist/server/options.js')
  const made = await allTypes({ descriptors, runOptions, modelOptions, serverOptions }, await import('../dist/fields/declaration.js'))
  for (const [file, text] of Object.entries(made)) writeFileSync(file, text)
}
