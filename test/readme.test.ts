// The README's example and commands do what they say.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

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
  expect(readFileSync(path.join(folder, 'circle.png')).subarray(1, 4).toString()).toBe('PNG')
})

test('the tasks run on its picture', async () => {
  const [, code] = /<!-- tasks -->\n```js\n([\s\S]*?)```/.exec(readme)!
  writeFileSync(path.join(folder, 'tasks.mjs'), code!)
  const { stdout } = await exec(process.execPath, ['tasks.mjs'], { cwd: folder })
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^\w+ \d+$/)
  expect(readFileSync(path.join(folder, 'again.png')).subarray(1, 4).toString()).toBe('PNG')
})

test('the commands run', { timeout: 300_000 }, async () => {
  const [, block] = /## Command line\n\n```sh\n([\s\S]*?)```/.exec(readme)!
  const lines = block!.trim().split('\n')
  expect(lines.length).toBeGreaterThan(3)
  for (const line of lines) {
    const command = line.replace(/#.*$/, '').replace('npx dimoo', `${process.execPath} ${root}/dist/cli/main.js`)
    await exec('sh', ['-c', command], { cwd: folder })
  }
  for (const name of ['out-1.png', 'out-4.png', 'out.png', 'out.webp']) expect(existsSync(path.join(folder, name)), name).toBe(true)
})
