// The README's examples and commands do what they say; what they make is judged from its pixels.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lineOf, readPicture, shows, wordsOf, wrongWith } from './examples.js'
import { detect } from '../bench/quality/world/detect.js'
import { TASKS } from '../lib/requests/names.js'

const exec = promisify(execFile)
const root = path.resolve(import.meta.dirname, '..')
const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-readme-'))
beforeAll(() => {
  mkdirSync(path.join(folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync(root, path.join(folder, 'node_modules/lumina-dimoo'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

test('the example runs and writes its picture', async () => {
  const [, code] = /<!-- example -->\n```js\n([\s\S]*?)```/.exec(readme)!
  expect(code!.trim().split('\n').length).toBeLessThanOrEqual(12)
  writeFileSync(path.join(folder, 'example.mjs'), code!)
  const { stdout } = await exec(process.execPath, ['example.mjs'], { cwd: folder })
  expect(stdout).toMatch(/step \d+ of 24: 0 cells still masked\n$/)
  expect(shows(detect(await readPicture(path.join(folder, 'circle.png')), 8), 'a red circle')).toBe('')
})

test('the tasks run on its picture', async () => {
  const [, code] = /<!-- tasks -->\n```js\n([\s\S]*?)```/.exec(readme)!
  writeFileSync(path.join(folder, 'tasks.mjs'), code!)
  const { stdout } = await exec(process.execPath, ['tasks.mjs'], { cwd: folder })
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^red \d+$/)
  expect(shows(detect(await readPicture(path.join(folder, 'again.png')), 8), 'a blue circle')).toBe('')
})

test('the commands make what they say, with `--seed 7` where a line names none', { timeout: 300_000 }, async () => {
  const [, block] = /## Command line\n\n```sh\n([\s\S]*?)```/.exec(readme)!
  const lines = block!.trim().split('\n')
  expect(lines.length).toBeGreaterThan(3)
  const wrong: string[] = []
  for (const line of lines) {
    const words = wordsOf(line.replace('npx dimoo ', ''))
    const isTask = (TASKS as readonly string[]).includes(words[0]!)
    const drawn = isTask && !['ask', 'chat'].includes(words[0]!)
    const seeded = drawn && !words.includes('--seed') ? [...words, '--seed', '7'] : words
    const { stdout } = await exec(process.execPath, [`${root}/dist/cli/main.js`, ...seeded], { cwd: folder })
    const found = isTask ? await wrongWith(lineOf(seeded), folder, stdout) : ''
    if (found !== '') wrong.push(`${line}: ${found}`)
  }
  expect(wrong).toEqual([])
  for (const name of ['out-1.png', 'out-4.png', 'out.png', 'out.webp']) expect(existsSync(path.join(folder, name)), name).toBe(true)
})
