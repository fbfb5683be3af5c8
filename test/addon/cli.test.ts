// The commands over the real addon and the embedded miniature: every picture command writes what it should, answers are answers, and a
// process of its own reads a message from its stdin.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readParameters } from '../../lib/parameters/read.js'
import { dimoo } from '../lib/cli-run.js'

const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js')
const home = process.cwd()
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-cli-'))
/** Splits at spaces; what stands in quotes is one argument. */
const words = (line: string): string[] => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((found) => found[1] ?? found[2]!)
const pixels = (name: string): Promise<Buffer> => sharp(name).raw().toBuffer()

beforeAll(async () => {
  process.chdir(folder)
  // A red circle in the middle of white, as the miniature's world draws them.
  const circle =
    '<svg width="64" height="64"><rect width="64" height="64" fill="#fafafa"/><circle cx="32" cy="32" r="14" fill="#e21e26"/></svg>'
  await sharp(Buffer.from(circle)).removeAlpha().png().toFile('in.png')
})
afterAll(() => {
  process.chdir(home)
  rmSync(folder, { recursive: true })
})

describe('pictures', () => {
  test.each([
    ['edit', 'edit "Change the red circle to blue." --image in.png', 64, 64],
    ['inpaint', 'inpaint "a blue circle" --image in.png --region 0,0,32,32 --region 32,32,32,32 --composite', 64, 64],
    ['outpaint', 'outpaint "a red circle" --image in.png --extend-left 8 --extend-bottom 15', 72, 80],
    ['retouch', 'retouch "a red circle" --from in.png --region 16,16,32,32 --cache', 64, 64],
    ['control', 'control "a red circle" --image in.png --control canny --source photo', 64, 64],
    ['predict', 'predict --image in.png --map depth', 64, 64],
    ['subject', 'subject "a red circle on a black background" --image in.png', 64, 64],
    ['style', 'style --image in.png --style in.png', 64, 64],
    ['view', 'view --image in.png --view left', 64, 64],
  ])('%s', async (task, line, width, height) => {
    const { code, out } = await dimoo([...words(line), '--steps', '6', '--seed', '3', '-o', `${task}.png`])
    expect([code, out]).toEqual([0, expect.stringMatching(new RegExp(`^${task}\\.png: ${width}x${height}, seed 3, [\\d.]+ s\\n$`))])
    expect(await sharp(`${task}.png`).metadata()).toMatchObject({ format: 'png', width, height })
    expect(await readParameters(`${task}.png`)).toMatchObject({ task, seed: '3', steps: 6, width, height })
  })

  test('inpaint --composite leaves what no region names', async () => {
    const [before, after] = await Promise.all([pixels('in.png'), pixels('inpaint.png')])
    const drawn = (x: number, y: number): boolean => x < 32 === y < 32
    const changed = [...before.keys()]
      .filter((i) => before[i] !== after[i])
      .map((i) => [Math.floor(i / 3) % 64, Math.floor(i / 192)] as const)
    expect(changed.length).toBeGreaterThan(0)
    expect(changed.filter(([x, y]) => !drawn(x, y))).toEqual([])
  })

  test('a depth map of a circle is brighter where the circle is', async () => {
    await dimoo(words('predict --image in.png --map depth --seed 1 -o depth.png'))
    const map = await pixels('depth.png')
    expect(map[(32 * 64 + 32) * 3]! - map[(4 * 64 + 4) * 3]!).toBeGreaterThan(50)
  })

  test('--json tells every step and ends with the file', async () => {
    const { out } = await dimoo(words('edit "Change the red circle to blue." --image in.png --steps 3 -o json.png --json'))
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string })
    expect(events.at(-1)).toMatchObject({ event: 'result', files: ['json.png'], usage: { steps: 3 } })
    expect(events.filter(({ event }) => event === 'step').length).toBeGreaterThan(0)
  })
})

test('a picture goes through pipes, from one command to the next', { timeout: 60_000 }, async () => {
  const line = (args: string): string => `'${process.execPath}' '${main}' ${args} --steps 6 --seed 3`
  const edit = 'edit "Change the red circle to blue."'
  await promisify(execFile)('bash', [
    '-c',
    `set -o pipefail; ${line('generate "a red circle" -q -o -')} | ${line(`${edit} --image - -o -`)} > piped.png`,
  ])
  await dimoo(words('generate "a red circle" --steps 6 --seed 3 -o first.png'))
  await dimoo(words(`${edit} --image first.png --steps 6 --seed 3 -o second.png`))
  expect(readFileSync('piped.png').equals(readFileSync('second.png'))).toBe(true)
})

describe('answers', () => {
  const question = words('ask "What color is the background?" --image in.png') // what the miniature answers best

  test('a question about a picture, and with prefix reuse', async () => {
    expect(await dimoo(question)).toEqual({ code: 0, out: 'white\n', err: '' })
    expect((await dimoo([...question, '--reuse', 'prefix', '--threshold', '0.9'])).out).toBe('white\n')
    const { out } = await dimoo([...question, '--json'])
    expect(JSON.parse(out.trim().split('\n').at(-1)!)).toMatchObject({ event: 'result', text: 'white', finishReason: 'stop' })
  })

  test('chat reads the stdin of its process', async () => {
    const flags = ['chat', '--length', '8', '--block', '8', '--steps', '8', '--json']
    const stdout = await new Promise<string>((resolve, reject) => {
      const child = execFile(process.execPath, [main, ...flags], (error, text) =>
        error ? reject(new Error(error.message)) : resolve(text),
      )
      child.stdin!.end('a red circle\n')
    })
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({ event: 'result', usage: { steps: 8 } })
  })
})

test('nothing but the asked-for files is left', () => {
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
})
