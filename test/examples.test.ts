// Every example of --help that the embedded miniature can answer is run, with `--seed 7` where it names none, on pictures of the names that it
// gives, and judged from its pixels and words. The README's lines: readme.test.ts.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import sharp from 'sharp'
import { sceneOf } from '../bench/quality/first/scenes.js'
import { draw } from '../bench/quality/world/draw.js'
import type { Picture } from '../bench/quality/world/draw.js'
import { drawMap } from '../bench/quality/world/maps.js'
import type { Background, Color, Shape, Size, Thing } from '../bench/quality/world/scene.js'
import { TASKS } from '../lib/requests/names.js'
import { lineOf, wordsOf, wrongWith } from './examples.js'

const exec = promisify(execFile)
const main = path.resolve(import.meta.dirname, '../dist/cli/main.js')
const folder = mkdtempSync(path.join(os.tmpdir(), 'dimoo-examples-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const thing = (size: Size, color: Color, shape: Shape, x: number, y: number): Thing => ({ size, color, shape, x, y, fill: 'solid' })
const on = (background: Background, ...things: Thing[]): ReturnType<typeof sceneOf> => sceneOf(background, things)
const circle = on('white', thing('large', 'red', 'circle', 24, 32))

/** The pictures that examples are about. */
const pictures: Readonly<Record<string, Picture>> = {
  'circle.png': draw(circle),
  'photo.jpg': draw(circle),
  'edges.png': drawMap('canny', circle),
  'star.png': draw(on('black', thing('large', 'yellow', 'star', 40, 24))),
  'circle-and-star.png': draw(on('white', thing('small', 'red', 'circle', 16, 24), thing('small', 'blue', 'star', 48, 40))),
  'wide.png': { ...draw(circle), data: draw(circle).data.slice(16 * 64 * 3, 48 * 64 * 3), height: 32 },
  'gray.png': draw(on('gray', thing('large', 'blue', 'square', 32, 32))),
}

beforeAll(async () => {
  for (const [name, { data, width, height }] of Object.entries(pictures))
    await sharp(data, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
      .toFormat(name.endsWith('.png') ? 'png' : 'jpeg')
      .toFile(path.join(folder, name))
  const mask = Buffer.alloc(64 * 64)
  for (let y = 8; y < 40; y++) mask.fill(255, y * 64 + 8, y * 64 + 40)
  await sharp(mask, { raw: { width: 64, height: 64, channels: 1 } }).toFile(path.join(folder, 'mask.png'))
})

/** Of --help, without those that need another model, another picture, a list or a shell. */
async function examplesOf(command: readonly string[]): Promise<string[]> {
  const { stdout } = await exec(process.execPath, [main, ...command, '--help'])
  const lines = stdout.slice(stdout.indexOf('Examples:')).match(/^ {2}dimoo .*$/gm) ?? []
  return lines.map((line) => line.trim().replace(/ {4,}.*$/, '')).filter((line) => !/--model|--like|--prompts|hf:| > /.test(line))
}

/** What is wrong with what it made. */
async function tried(line: string): Promise<string> {
  const words = wordsOf(line.replace(/^dimoo /, ''))
  const asked = lineOf(words)
  const answers = asked.task === 'ask' || asked.task === 'chat'
  const seeded = [...words, ...(asked.flags.has('--seed') || answers ? [] : ['--seed', '7'])]
  const output = asked.flags.has('--output') || answers ? [] : ['-o', 'made.png']
  const { stdout } = await exec(process.execPath, [main, ...seeded, ...output], { cwd: folder })
  return wrongWith(lineOf([...seeded, ...output]), folder, stdout)
}

test.each([[], ...TASKS.filter((task) => task !== 'chat').map((task) => [task])])(
  'dimoo %s --help: its examples are right',
  async (...command: string[]) => {
    const lines = (await examplesOf(command)).filter((line) => (TASKS as readonly string[]).includes(line.split(' ')[1]!))
    expect(lines.length).toBeGreaterThan(0)
    const wrong: string[] = []
    for (const line of lines) {
      const words = await tried(line)
      if (words !== '') wrong.push(`${line}: ${words}`)
    }
    expect(wrong).toEqual([])
  },
)
