// What tools/miniature trains and exports loads here and draws and answers. Needs Python with PyTorch (Debian: python3-torch, python3-numpy);
// .ci/run installs it. Its own tests, the world's and the training's, run here too.
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { loadModel } from '../lib/index.js'

const exec = promisify(execFile)
const tools = path.resolve(import.meta.dirname, '../tools')
const python = '/usr/bin/python3'
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-trained-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function hasTorch(): boolean {
  try {
    execFileSync(python, ['-c', 'import torch, numpy'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const trains = hasTorch()
const minutes = 60_000
const name = trains ? 'a miniature trained from nothing' : 'a miniature trained from nothing (skipped: no Python with PyTorch here)'

test.skipIf(!trains)(name, { timeout: 10 * minutes }, async () => {
  const env = { ...process.env, DIMOO_SMOKE: folder, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' }
  const { stderr } = await exec(python, ['-m', 'unittest', 'discover', '-t', '.', 'miniature/tests'], { cwd: tools, env })
  expect(stderr).toMatch(/^Ran \d{2,} tests/m)

  const model = await loadModel(path.join(folder, 'model'))
  try {
    const { images } = await model.generate({ prompt: 'a red circle', steps: 4 }).result()
    const { image } = images[0]!
    expect([image.width, image.height, image.data.length]).toEqual([64, 64, 64 * 64 * 3])
    expect(new Set(image.data).size).toBeGreaterThan(3) // not one plain colour
    const { text } = await model.ask({ prompt: 'How many objects are there?', images: [image] }).result()
    expect(typeof text).toBe('string')
    // The tokenizer's own network, in our engine: a plain picture is one code everywhere.
    const plain = { data: new Uint8Array(64 * 64 * 3).fill(250), width: 64, height: 64, channels: 3 } as const
    expect(new Set((await model.encodeVq(plain)).tokens).size).toBe(1)
  } finally {
    await model.close()
  }
})
