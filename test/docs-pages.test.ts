// The pages for users do what they say: every code block runs, in its page's order; every picture that a page shows comes of it; every
// environment variable that the code reads is told, and no other.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, pagesWithCode, picturesOf, runPage } from '../scripts/docs-pages.mjs'

const root = path.resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

test.each(pagesWithCode())('%s', { timeout: 240_000 }, async (page) => {
  const lost = await runPage(page, (folder) => picturesOf(page).filter((name) => !existsSync(path.join(folder, name))))
  expect(lost).toEqual([])
})

test('a block that is not run says why; nothing else is left out', () => {
  const pages = pagesWithCode()
  expect(pages.length).toBeGreaterThan(15)
  const left = pages.flatMap((page) =>
    blocksOf(page).filter(({ language, lines }) => ['js', 'sh'].includes(language) && lines.length === 0),
  )
  expect(left.map(({ why }) => why)).toEqual([
    '16.7 GB from the hub',
    'needs the released model',
    'needs the released model',
    'writes 0.7 GB',
  ])
})

test('pictures that pages show are there, and no others', () => {
  const pages = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))
  const shown = pages.flatMap((page) => [...read(`docs/${page}`).matchAll(/images\/([\w-]+\.\w+)/g)].map(([, name]) => name!))
  expect([...new Set(shown)].sort()).toEqual(readdirSync(path.join(root, 'docs/images')).sort())
})

test('every page is two clicks from the README, and every question has its answer a click from there', () => {
  const linksOf = (page: string): string[] =>
    [...read(page).matchAll(/\]\(([\w./-]+\.md)(?:#[\w-]+)?\)/g)].map(([, target]) =>
      path.normalize(path.join(path.dirname(page), target!)),
    )
  const first = linksOf('README.md')
  const near = new Set([...first, ...first.flatMap(linksOf)])
  const pages = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))
  expect(pages.map((name) => `docs/${name}`).filter((page) => !near.has(page))).toEqual([])
  const questions = read('docs/faq.md')
    .split(/^\*\*(?=\d+\. )/m)
    .slice(1)
  expect(questions.map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
  expect(questions.filter((text) => !/\]\([\w./#-]+\)/.test(text))).toEqual([])
})

const doors: Readonly<Record<string, () => Promise<object>>> = {
  'lumina-dimoo': () => import('../lib/index.js'),
  server: () => import('../lib/server/index.js'),
  client: () => import('../lib/client/index.js'),
  pool: () => import('../lib/pool/index.js'),
  queue: () => import('../lib/queue/index.js'),
}
test.each(Object.keys(doors))('every exported name of %s is listed', async (door) => {
  const names = Object.keys(await doors[door]!())
  expect(names.length).toBeGreaterThan(0)
  expect(names.filter((name) => !read('docs/README.md').includes(`\`${name}\``))).toEqual([])
})

test('every environment variable is told', () => {
  const sources = ['lib', 'csrc', 'cuda'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name))),
  )
  const text = [...sources, 'scripts/build.cjs'].map(read).join('\n')
  const asked = [...text.matchAll(/(?:env(?:ironment)?\[['"]|env\.|getenv\(")([A-Z][A-Z_]+)\b/g)].map(([, name]) => name!)
  const named = new Set(read('docs/environment.md').match(/\b[A-Z][A-Z_]{2,}\b/g))
  expect(asked.length).toBeGreaterThan(15)
  expect(asked.filter((name) => !named.has(name))).toEqual([])
})
