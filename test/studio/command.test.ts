// `dimoo studio` opens the page in the user's browser; `dimoo serve` shows it unless it is told not to.
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { generate, open, studio, world } from './world.js'

const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js')

function start(args: readonly string[], folder: string): { readonly said: () => string } {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, PATH: `${folder}${path.delimiter}${process.env['PATH'] ?? ''}` },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (text += String(chunk)))
  return { said: () => text }
}

studio('the command', () => {
  const made = world()

  test.runIf(process.platform === 'linux')('dimoo studio opens the page that it serves; serve --no-studio has none', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-open-'))
    const opened = path.join(folder, 'opened')
    writeFileSync(path.join(folder, 'xdg-open'), `#!/bin/sh\nprintf '%s' "$1" > ${opened}.part && mv ${opened}.part ${opened}\n`)
    chmodSync(path.join(folder, 'xdg-open'), 0o755)
    start(['studio', '--threads', '1'], folder)
    await expect.poll(() => existsSync(opened), { timeout: 60_000 }).toBe(true)
    const url = readFileSync(opened, 'utf8')
    expect(url).toMatch(/^http:\/\/(127\.0\.0\.1|localhost):\d+\/?$/)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle', { Steps: '2' })
    await page.getByRole('img', { name: 'a red circle', exact: true }).waitFor()
    const serving = start(['serve', '--port', '0', '--no-studio', '--threads', '1'], folder)
    await expect.poll(() => /serving \S+ at (http:[^\s"]+)/.exec(serving.said())?.[1], { timeout: 60_000 }).toBeDefined()
    const bare = /serving \S+ at (http:[^\s"]+)/.exec(serving.said())![1]!
    expect((await fetch(bare)).status).toBe(404)
    expect((await fetch(`${bare}/v1/info`)).status).toBe(200)
  })
})
