// Documents that files point to are in the tree, and so are the headings: `docs/model.md#schedule` in a comment, links between pages.
// Seen failing on planted citations. And what the pages list is what the code has: errors, GGUF keys, prompts, streams of random numbers.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const FOLDERS = ['.ci', 'bench', 'cmake', 'csrc', 'cuda', 'docs', 'lib', 'models', 'scripts', 'test', 'tools']
/** Recorded data, results, and this file, whose examples lead nowhere. */
const LEFT_OUT = /^(test\/golden|bench\/results|test\/docs\.test\.ts)/
const TEXT = /(^|\/)[\w.-]+\.(md|ts|mjs|cjs|js|cc|h|cu|cuh|py|sh|txt|cmake)$|(^|\/)[\w-]+$/

const names = (folder: string): string[] =>
  readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
const top = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
const files = [...top.map(({ name }) => name), ...FOLDERS.flatMap(names)].filter((name) => TEXT.test(name) && !LEFT_OUT.test(name))
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

/** GitHub's anchors of a page. */
function anchorsOf(page: string): Set<string> {
  const headings = page.matchAll(/^#+ +(.+)$/gm)
  return new Set(
    [...headings].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  )
}
const pages = new Map<string, Set<string>>()
function hasAnchor(page: string, anchor: string): boolean {
  if (!pages.has(page)) pages.set(page, anchorsOf(read(page)))
  return pages.get(page)!.has(anchor)
}

/** What a file cites that nobody finds. A page is looked for beside the file and from the root. */
function lost(file: string, text: string): string[] {
  const found: string[] = []
  const cite = (target: string, anchor: string | undefined): void => {
    const places = [path.normalize(path.join(path.dirname(file), target)), path.normalize(target)]
    const page = target === '' ? file : places.find((place) => !place.startsWith('..') && existsSync(path.join(root, place)))
    if (page === undefined) found.push(`${file}: no page ${target}`)
    else if (anchor !== undefined && !hasAnchor(page, anchor)) found.push(`${file}: no heading ${target}#${anchor}`)
  }
  for (const [, target, anchor] of text.matchAll(/(?<![\w/.:-])((?:[\w.-]+\/)*[\w-]+\.md)(?:#([\w-]+))?/g)) cite(target!, anchor)
  if (file.endsWith('.md')) for (const [, anchor] of text.matchAll(/\]\(#([\w-]+)\)/g)) cite('', anchor)
  // Numbers of sections that are in no page.
  for (const [words] of text.matchAll(/golden README|\b[Dd]esign contract|\bcontracts? \d+\b/g)) found.push(`${file}: '${words}'`)
  return found
}

test('every page and heading that a file cites is there', () => {
  expect(files.length).toBeGreaterThan(400)
  expect(files.filter((file) => file.startsWith('docs/')).length).toBeGreaterThan(4)
  expect(files.flatMap((file) => lost(file, read(file)))).toEqual([])
})

test.each([
  ['csrc/base/error.h', '// see design.md', 1],
  ['csrc/base/error.h', '// (golden README section 5)', 1],
  ['csrc/base/error.h', '// contract 2, and contracts 2 and 12', 2],
  ['lib/index.ts', '// docs/model.md#scedule', 1],
  ['lib/index.ts', '// docs/model.md#schedule, docs/contracts.md#errors.', 0],
  ['docs/model.md', '[here](contracts.md#nowhere) and [there](#no-such)', 2],
  ['docs/model.md', '[here](contracts.md#errors), [there](#where-the-original-differs)', 0],
  ['bench/README.md', '[quality](../docs/quality.md), https://example.com/else.md', 0],
])('planted in %s: %s', (file, text, count) => {
  expect(lost(file, text)).toHaveLength(count)
})

/** Every first group of `pattern` in a file, sorted. */
const listed = (file: string, pattern: RegExp): string[] => [...read(file).matchAll(pattern)].map(([, found]) => found!).sort()
/** One section of a page, to the next heading of any level. */
const section = (page: string, heading: string): string => read(page).split(`# ${heading}\n`)[1]!.split(/\n#+ /)[0]!

const codes = (): string[] => /const CODES = \[([^\]]+)\]/.exec(read('lib/base/errors.ts'))![1]!.match(/[a-z]+(\/[a-z-]+)?/g)!

test('the table of errors has every code, and no other', () => {
  const told = [...section('docs/contracts.md', 'Errors').matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
    cell!.match(/[a-z]+(\/[a-z-]+)?/g)!,
  )
  expect(told.sort()).toEqual(codes().sort())
  const native = listed('csrc/base/error.cc', /return "([a-z/-]+)"/g).filter((code) => code !== 'aborted')
  expect(native.length).toBeGreaterThan(10)
  expect(native.filter((code) => !told.includes(code))).toEqual([])
})

test('the table of GGUF keys has every key that is written', () => {
  const written = listed('csrc/model/hyperparameters.cc', /(?:put\(|set_\w+\(key\()"([\w.]+)"/g)
  const roles = listed('csrc/model/hyperparameters.cc', /^ +\{&TokenRoles::\w+, "(\w+)"/gm)
  expect([written.length, roles.length]).toEqual([expect.any(Number), 9])
  expect(written.length).toBeGreaterThan(15)
  const told = section('docs/files.md', 'GGUF')
  const missing = [...written.filter((key) => key !== 'token.'), ...roles.map((role) => `.${role}`)].filter(
    (key) => !told.includes(`${key}\``),
  )
  expect(missing).toEqual([])
})

test('the prompts are told as they are', () => {
  const sentences = listed('lib/prompt/templates.ts', /^ +(?:\w+: )?'([A-Z][^']{20,}\.) ?',?(?: \+)?$/gm)
  expect(sentences.length).toBeGreaterThan(8)
  expect(sentences.filter((sentence) => !read('docs/model.md').includes(sentence))).toEqual([])
})

test('streams of random numbers are told with their numbers', () => {
  const [, streams] = /enum class Stream[^{]*\{ ([^}]+) \}/.exec(read('csrc/base/random.h'))!
  const told = section('docs/contracts.md', 'Random numbers').match(/\b\d (?=sampling|the cut|text|the place of a crop|random remasking)/g)
  expect(told?.map(Number)).toEqual([...streams!.matchAll(/= (\d)/g)].map(([, number]) => Number(number)))
})

/** Files and folders in backticks that are not there; those of the core may be named without `csrc/` and without a suffix. */
function missing(text: string): string[] {
  const rooms = readdirSync(path.join(root, 'csrc')).join('|')
  const named = text.matchAll(new RegExp(`\`((?:csrc|cuda|lib|test|scripts|bench|tools|docs|models|cmake|${rooms})/[\\w./-]*)\``, 'g'))
  const places = (name: string): string[] => ['', 'csrc/'].flatMap((at) => ['', '.cc', '.h', '.cu'].map((suffix) => at + name + suffix))
  return [...named]
    .map(([, name]) => name!)
    .filter((name) => !codes().includes(name) && !places(name).some((place) => existsSync(path.join(root, place))))
}

test('files and folders that the pages name are there', () => {
  const told = files.filter((file) => /^docs\/\w+\.md$/.test(file) || ['README.md', 'CONTRIBUTING.md', 'bench/README.md'].includes(file))
  expect(told.length).toBeGreaterThan(6)
  expect(told.flatMap((file) => missing(read(file)).map((name) => `${file}: ${name}`))).toEqual([])
  expect(missing('`base/random.h` `csrc/base/random` `engine/chairs.h` `lib/no.ts` `test/lib/`')).toEqual(['engine/chairs.h', 'lib/no.ts'])
})

test('every room is in the tables of the architecture', () => {
  const rooms = ['csrc', 'lib'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [`${folder}/${entry.name}`] : [],
    ),
  )
  expect(rooms.length).toBeGreaterThan(20)
  const told = read('docs/architecture.md')
    .match(/^\| `[^|]+/gm)!
    .join()
  expect(rooms.filter((room) => !told.includes(`\`${room}`))).toEqual([])
})
