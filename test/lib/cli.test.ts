// The command line over a fake addon: flags are the API's fields, exit codes, files, events, and what a terminal sees.
import { lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { dimoo } from './cli-run.js'
import { asked, behaviour, fake, imageRuns, nativeError, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { readParameters } = await import('../../lib/parameters/read.js')

let folder: string
beforeEach(() => {
  reset()
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true }))
const at = (name: string): string => path.join(folder, name)

const generate = (...args: string[]) => dimoo(['generate', 'a red circle', '--device', 'cpu', ...args])

describe('flags', () => {
  test('every one reaches the request', async () => {
    const { code } = await generate(
      '-o',
      at('a.png'),
      '--size',
      '16x24',
      '--steps',
      '3',
      '--guidance',
      '1.5',
      '--guidance-floor',
      '0.25',
      '--temperature',
      '0',
      '--schedule',
      'linear',
      '--seed',
      '18446744073709551615',
      '--n',
      '2',
      '--threads',
      '2',
      '--precision',
      'f32',
      '--memory-panel-bytes',
      '100',
    )
    expect(code).toBe(0)
    expect(asked.load[0]).toMatchObject({ device: 'cpu', threads: 2, precision: 'f32', panelBytes: 100 })
    expect(asked.runs[0]).toMatchObject({
      columns: 2,
      rows: 3,
      steps: 3,
      guidance: [1.5],
      floor: 0.25,
      temperature: 0,
      schedule: 'linear',
    })
    expect([...asked.runs[0]!.seeds]).toEqual([2n ** 64n - 1n, 0n])
    expect(readdirSync(folder).sort()).toEqual(['a-1.png', 'a-2.png'])
  })

  test.each(['generate', 'convert', 'export', 'inspect', 'synth', 'doctor', 'build'])('%s --help has examples', async (name) => {
    const { code, out } = await dimoo([name, '--help'])
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`Examples:\n[^]*dimoo ${name}`))
    expect((await dimoo(['help', name])).out).toBe(out)
  })
})

describe('exit codes and errors', () => {
  test.each<[string[], number, RegExp]>([
    [['--version'], 0, /^$/],
    [[], 2, /expected a command/],
    [['paint'], 2, /^dimoo: unknown command 'paint'/],
    [['generate', 'x', '--clever'], 2, /^dimoo: unknown option '--clever'/],
    [['generate'], 2, /expected a prompt, --like or --prompts, got none/],
    [['generate', 'a', 'red', 'circle'], 2, /expected a prompt in quotes, as in dimoo generate "a red circle", got 3 arguments/],
    [['generate', 'x', '--steps', '0'], 2, /^dimoo: generate: steps must be an integer from 1 to 4096, got 0 \(request\/invalid\)\n$/],
    [['generate', 'x', '--steps', 'many'], 2, /got 'many'/],
    [['generate', 'x', '--size', '64'], 2, /--size must be WxH/],
    [['generate', 'x', '-o', 'a.gif'], 2, /output must end in \.png/],
    [['generate', 'x', '--scale', '1.5'], 2, /--scale must be a whole number from 1 to 64, got '1.5'/],
    [['generate', 'x', '--animate', 'a.gif'], 2, /--animate must end in \.webp/],
    [['generate', 'x', '-o', '/nowhere/a.png'], 1, /cannot write \/nowhere\/a\.png.*\(output\/failed\)/],
    [['generate', 'x', '--model', 'org/name'], 2, /'hf:org\/name' for the model of that name on the Hub/],
    [['generate', 'x', '--model', 'none.gguf'], 1, /\(model\/not-found\)/],
    [['generate', 'x', '--device', 'cuda'], 1, /\(device\/unavailable\)/],
    [['generate', '--like', 'none.png'], 1, /\(image\/invalid\)/],
    [['convert', 'none'], 2, /required option '-o/],
    [['inspect', 'none.png'], 1, /\(image\/invalid\)/],
    [
      ['inspect', 'nope'],
      1,
      /expected a \.gguf file, a folder with config\.json, or a picture .*, got nothing at nope \(model\/not-found\)/,
    ],
    [
      ['view', '--image', 'a.png', '--view', 'sideways'],
      2,
      /view must be one of 'left', 'right', 'back', 'top', 'bottom', 'front', got 'sideways'/,
    ],
  ])('dimoo %j ends with %i', async (args, code, message) => {
    const result = await dimoo(args)
    expect([result.code, result.err]).toEqual([code, expect.stringMatching(message)])
  })

  test('a failing run: one line, and no file', async () => {
    behaviour.runError = nativeError('device/out-of-memory', 'run: needs 2 bytes, got 1', {
      requiredBytes: 2,
      availableBytes: 1,
    })
    const { code, err, out } = await generate('-o', at('a.png'), '--json')
    expect([code, err]).toEqual([1, 'dimoo: run: needs 2 bytes, got 1 (device/out-of-memory)\n'])
    expect(JSON.parse(out.trim().split('\n').at(-1)!)).toEqual({
      event: 'error',
      code: 'device/out-of-memory',
      message: 'run: needs 2 bytes, got 1',
    })
    expect(readdirSync(folder)).toEqual([])
  })

  test('an interrupt stops the run, leaves nothing, and exits with 130', async () => {
    behaviour.stepMs = 20
    const controller = new AbortController()
    const watch = setInterval(() => asked.stepsMade > 0 && controller.abort(new DOMException('interrupted', 'AbortError')), 5)
    const args = ['generate', 'x', '--device', 'cpu', '--steps', '500', '-o', at('a.png'), '--animate', at('a.webp')]
    const { code, err } = await dimoo(args, { signal: controller.signal })
    clearInterval(watch)
    expect([code, err.trim().split('\n').at(-1)]).toEqual([130, 'dimoo: interrupted'])
    expect(asked.cancelled).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('generate', () => {
  test.each([
    ['a.png', 'png'],
    ['a.jpg', 'jpeg'],
    ['a.JPEG', 'jpeg'],
    ['a.webp', 'webp'],
  ])('%s is a %s with its parameters', async (name, format) => {
    expect((await generate('-o', at(name), '--seed', '7')).code).toBe(0)
    expect(await sharp(at(name)).metadata()).toMatchObject({ format, width: 32, height: 16 })
    expect(await readParameters(at(name))).toMatchObject({
      prompt: 'a red circle',
      seed: '7',
      steps: 4,
      guidance: 2,
      temperature: 1,
      schedule: 'cosine',
    })
  })

  test('--scale writes every pixel as a square, of the animation too', async () => {
    const { code, out } = await generate('-o', at('a.png'), '--seed', '7', '--scale', '4', '--animate', at('a.webp'))
    expect([code, out]).toEqual([0, expect.stringContaining('a.png: 128x64, seed 7')])
    await generate('-o', at('small.png'), '--seed', '7')
    const pixels = async (name: string): Promise<Buffer> => sharp(at(name)).raw().toBuffer()
    const [large, small] = await Promise.all([pixels('a.png'), pixels('small.png')])
    expect(large).toHaveLength(16 * small.length)
    const at4 = (x: number, y: number): number[] => [...large.subarray((y * 128 + x) * 3, (y * 128 + x) * 3 + 3)]
    for (const [x, y] of [
      [0, 0],
      [3, 3],
      [4, 0],
      [127, 63],
      [66, 21],
    ] as const) {
      const from = (Math.floor(y / 4) * 32 + Math.floor(x / 4)) * 3
      expect(at4(x, y)).toEqual([...small.subarray(from, from + 3)])
    }
    expect(await sharp(at('a.webp')).metadata()).toMatchObject({ width: 128, height: 64 })
    expect(await readParameters(at('a.png'))).toMatchObject({ width: 32, height: 16 })
  })

  test('--like repeats a picture; flags and prompt go before', async () => {
    const odd = ['--seed', '18446744073709551614', '--steps', '3', '--guidance-floor', '0.25', '--precision', 'f32']
    await generate('-o', at('a.png'), ...odd)
    await dimoo(['generate', '--like', at('a.png'), '-o', at('b.png'), '--device', 'cpu'])
    await dimoo(['generate', 'blue', '--like', at('a.png'), '-o', at('c.png'), '--device', 'cpu', '--steps', '5'])
    const [one, two, three] = asked.runs
    expect(two).toEqual(one)
    expect(asked.load[1]).toMatchObject({ precision: 'f32' })
    expect(three).toMatchObject({ steps: 5, seeds: one!.seeds })
    expect(await readParameters(at('b.png'))).toEqual(await readParameters(at('a.png')))
  })

  test("--like repeats a schedule of one's own, step by step", async () => {
    const { loadModel } = await import('../../lib/index.js')
    const model = await loadModel(undefined, { device: 'cpu' })
    const schedule = (progress: number): number => (1 - progress) ** 2
    const { images } = await model.generate({ prompt: 'a red circle', steps: 5, seed: 1, schedule }).result()
    writeFileSync(at('own.png'), await images[0]!.encode('png'))
    await model.close()
    expect((await dimoo(['generate', '--like', at('own.png'), '-o', at('b.png'), '--device', 'cpu'])).code).toBe(0)
    const [one, two] = imageRuns()
    expect(two!.schedule).toEqual(one!.schedule)
    expect(one!.schedule).toHaveLength(5)
  })

  test('a link stays a link: the file that it names is replaced', async () => {
    writeFileSync(at('real.png'), 'old')
    symlinkSync('real.png', at('link.png'))
    expect((await generate('-o', at('link.png'))).code).toBe(0)
    expect(lstatSync(at('link.png')).isSymbolicLink()).toBe(true)
    expect(readFileSync(at('real.png')).subarray(1, 4).toString()).toBe('PNG')
    expect(readdirSync(folder).sort()).toEqual(['link.png', 'real.png'])
  })

  test('--animate writes every step, with masked cells grey', async () => {
    const { out } = await generate('--steps', '4', '--animate', at('how.webp'), '-o', at('a.png'))
    expect(out).toContain('how.webp: 4 steps')
    const { data, info } = await sharp(at('how.webp'), { pages: -1 }).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height, (await sharp(at('how.webp')).metadata()).pages]).toEqual([32, 16 * 5, 5])
    const value = (frame: number, x: number, y: number): number => data[((frame * 16 + y) * 32 + x) * 3]!
    for (const [frame, x, y, expected] of [
      [0, 4, 4, 100],
      [0, 28, 12, 127],
      [3, 28, 12, 100],
      [4, 28, 12, 200],
    ] as const) {
      expect(Math.abs(value(frame, x, y) - expected)).toBeLessThan(4)
    }
  })

  test('off a terminal at most a line a second, which adds up all pictures', async () => {
    behaviour.stepMs = 650
    const { out, err } = await generate('-o', at('a.png'), '--seed', '1', '--n', '2')
    expect(err).toMatch(/^step \d\/4 of 2 pictures, \d+ masked, \d\.\d s left\n/)
    expect(err.split('\n').length - 1).toBeLessThan(4)
    expect(out.split('\n')[0]).toMatch(/a-1\.png: 32x16, seed 1, /)
  })

  test('--quiet says where the picture is and nothing else, on a terminal too', async () => {
    for (const tty of [false, true]) {
      const { out, err } = await dimoo(['generate', 'x', '--device', 'cpu', '--quiet', '--show', '-o', at('a.png')], { tty })
      expect([out, err]).toEqual([expect.stringMatching(/^\S+a\.png: 32x16, seed \d+, [\d.]+ s\n$/), ''])
    }
  })

  test('--show into a pipe draws nothing', async () => {
    const { out, err } = await generate('--show', '-o', at('a.png'))
    expect([err, out.includes('\x1b')]).toEqual(['', false])
  })

  test('--json prints events, the last one the result', async () => {
    const { out, err } = await generate('-o', at('a.png'), '--seed', '1', '--n', '2', '--json')
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; images?: object[] })
    expect(events.at(-1)).toMatchObject({ event: 'result', files: [at('a-1.png'), at('a-2.png')], usage: { steps: 4 } })
    expect(events.at(-1)!.images).toMatchObject([{ seed: '1' }, { seed: '2', parameters: { seed: '2' } }])
    expect(events.slice(0, -1).every((one) => ['load', 'step'].includes(one.event))).toBe(true)
    expect(err).toBe('')
  })

  test('a terminal gets a bar and, with --show, the picture in half blocks', async () => {
    const { err } = await dimoo(['generate', 'x', '--device', 'cpu', '-o', at('a.png'), '--show', '--animate', at('a.webp')], { tty: true })
    expect(err).toMatch(/\[#+\.*\] step \d\/4, \d masked, [\d.]+ s left/)
    const block = (value: number): string => `\x1b[38;2;${value};${value};${value}m\x1b[48;2;${value};${value};${value}m▀`
    expect(err.includes(block(100) + block(127)), 'a fixed cell beside a masked one').toBe(true)
    expect(err.match(/▀/g)!.length % (32 * 8)).toBe(0)
  })

  test('more positions than the checkpoint states: the run goes on and says so once', async () => {
    behaviour.info = { hyper: { contextLength: 20 } }
    const { code, err } = await generate('-o', at('a.png'))
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^dimoo: \d+ positions are more than the 20 that the checkpoint was made for[^\n]*\n$/),
    ])
    behaviour.info = { hyper: { contextLength: 200 } }
    expect((await generate('-o', at('a.png'))).err).toBe('')
    behaviour.info = { hyper: { contextLength: 20 } }
    const asked = await dimoo(['chat', 'What?', '--device', 'cpu', '--json'])
    expect(JSON.parse(asked.out.trim().split('\n').at(-1)!)).toMatchObject({ warnings: [expect.stringContaining('more than the 20')] })
  })

  test('without -o the seed names the file', async () => {
    const here = process.cwd()
    process.chdir(folder)
    await generate('--seed', '12')
    process.chdir(here)
    expect(readdirSync(folder)).toEqual(['dimoo-12.png'])
  })
})

test('the terminal picture is scaled to fit', async () => {
  const { halfBlocks } = await import('../../lib/cli/show.js')
  const image = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64, channels: 3 } as const
  const lines = await halfBlocks(image, 20, 40)
  expect([lines.length, lines[0]!.match(/▀/g)!.length]).toEqual([10, 20])
  expect(asked.resized.at(-1)).toEqual([64, 64, 20, 20, 'box'])
})
