// docs/fields.md: every field of every request and option with its type, range and default, from the interfaces that `npm run generate` writes.
const INTERFACE = /\/\*\*\n([\s\S]*?) \*\/\nexport interface (\w+) \{\n([\s\S]*?)\n\}/g
const MEMBER = /^ {2}\/\*\* (.*) \*\/\n {2}readonly (\w+)(\??): (.*)$/gm

const HEAD = `# Every field

What a request and each kind of options may hold, with ranges and defaults. Written by \`npm run generate\` from the descriptors that also check requests; the command's flags are the same names in kebab-case (\`--help\`).
"The checkpoint's" defaults stand in \`(await model.info()).defaults\`. A name that is not here, a wrong type or a value out of range is \`request/invalid\`, with the field, what was expected and what was found.
`

/** Interfaces of a file: { name, summary, members: { name, required, type, text } }. */
export function interfacesOf(text) {
  return [...text.matchAll(INTERFACE)].map(([, doc, name, body]) => ({
    name,
    summary: /^ \* (.*)/.exec(doc)[1],
    members: [...body.matchAll(MEMBER)].map(([, text, name, optional, type]) => ({ name, required: optional === '', type, text })),
  }))
}

const cell = (text) => text.replaceAll('|', '\\|')
const fieldName = ({ name, required }) => (required ? `**\`${name}\`**` : `\`${name}\``)
const typeCell = (type) => `\`${cell(type.replaceAll('readonly ', ''))}\``
const anchor = (text) =>
  text
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-')

function table({ members }) {
  const rows = members.map((member) => `| ${fieldName(member)} | ${typeCell(member.type)} | ${cell(member.text)} |`)
  return ['| field | type | |', '| --- | --- | --- |', ...rows].join('\n')
}

/** Fields that several tasks have alike are one row. `tasks`: request's name by task. */
function requestTable(tasks, byName) {
  const rows = new Map()
  for (const [task, type] of Object.entries(tasks)) {
    for (const member of byName.get(type).members) {
      const key = JSON.stringify(member)
      rows.set(key, { member, tasks: [...(rows.get(key)?.tasks ?? []), task] })
    }
  }
  const sorted = [...rows.values()].sort((a, b) => b.tasks.length - a.tasks.length || a.tasks[0].localeCompare(b.tasks[0]))
  const all = Object.keys(tasks).length
  return [
    '| field | tasks | type | |',
    '| --- | --- | --- | --- |',
    ...sorted.map(({ member, tasks }) => {
      const names = tasks.length === all ? 'all' : tasks.map((task) => `\`${task}\``).join(', ')
      return `| ${fieldName(member)} | ${names} | ${typeCell(member.type)} | ${cell(member.text)} |`
    }),
  ].join('\n')
}

/** `texts`: the written files by what they are of; `tasks`: the name of the request by task. */
export function fieldsPage({ requests, model, server }, tasks) {
  const found = interfacesOf(requests)
  const byName = new Map(found.map((one) => [one.name, one]))
  const isRequest = new Set(Object.values(tasks))
  const sections = [
    ['Requests', `Bold: must be there.\n\n${requestTable(tasks, byName)}`],
    ...found
      .filter(({ name }) => name !== 'TaskRequests' && !isRequest.has(name))
      .map((one) => [one.name, `${one.summary}\n\n${table(one)}`]),
    ...[...interfacesOf(model), ...interfacesOf(server)].map((one) => [one.name, `${one.summary}\n\n${table(one)}`]),
  ]
  const contents = sections.map(([title]) => `[${title}](#${anchor(title)})`).join(' · ')
  return [HEAD, contents, ...sections.map(([title, text]) => `\n## ${title}\n\n${text}`), ''].join('\n')
}
