// The commands that make pictures from pictures, over the fake addon: flags are the API's fields, what reaches the run, refusals.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DESCRIPTORS } from '../../lib/requests/index.js'
import { IMAGE_TASKS } from '../../lib/requests/names.js'
import { dimoo as cli, type Streams } from './cli-run.js'
import { asked, behaviour, fake, imageRuns, reset, textRuns } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { readParameters } = await import('../../lib/parameters/read.js')

let folder: string
const home = process.cwd()
/** A picture of 4 x 2 cells, of which each has its own red: 1 to 8. */
async function writePicture(name: string, first = 1): Promise<void> {
  const red = (i: number): number => first + Math.floor(i / 32 / 8) * 4 + Math.floor((i % 32) / 8)
  const data = Buffer.from(Array.from({ length: 32 * 16 * 3 }, (_, i) => (i % 3 === 0 ? red(Math.floor(i / 3)) : 0)))
  await sharp(data, { raw: { width: 32, height: 16, channels: 3 } })
    .png()
    .toFile(name)
}
beforeEach(async () => {
  reset()
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-cli-'))
  process.chdir(folder)
  await writePicture('in.png')
})
afterEach(() => {
  process.chdir(home)
  rmSync(folder, { recursive: true })
})

/** Splits at spaces; what stands in quotes is one argument. */
const words = (line: string): string[] => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((found) => found[1] ?? found[2]!)
const dimoo = (line: string, options?: Streams) => cli([...words(line), '--device', 'cpu'], options)
const tasks = IMAGE_TASKS

describe('help', () => {
  test.each(tasks)('%s --help has examples, and words for every flag', async (task) => {
    const { code, out } = await dimoo(`${task} --help`)
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`Examples:\n[^]*dimoo ${task}`))
    expect(out.split('\n').filter((line) => /^ {2}--\S+( [<[]\S+)?$/.test(line))).toEqual([])
  })

  test.each(tasks)('the first example of %s runs', async (task) => {
    const example = DESCRIPTORS[task].commands[0]!.replace(/^dimoo /, '').replace(/ {2}.*$/, '')
    const white = sharp({ create: { width: 64, height: 64, channels: 3, background: 'white' } }).png()
    for (const name of example.matchAll(/(?<!-o )\b(\w+\.(png|jpg))/g)) await white.clone().toFile(name[1]!)
    const { code, err } = await dimoo(example)
    expect([code, err]).toEqual([0, ''])
    expect(asked.runs).toHaveLength(1)
  })
})

describe('requests', () => {
  const masked = (run = 0): number[] => [...imageRuns()[run]!.cells.entries()].flatMap(([i, cell]) => (cell === -1 ? [i] : []))

  test('edit: guidance, crop and cache', async () => {
    const line =
      'edit "Make it blue." --image in.png --guidance-text 3 --guidance-image 2 --guidance-floor 0.1 --image-area native --kind add'
    expect((await dimoo(`${line} --cache ratio=0.5,refresh=2 --n 2 --seed 5 -o a.webp`)).code).toBe(0)
    expect(imageRuns()[0]).toMatchObject({
      guidance: [3, 2],
      floor: 0.1,
      rows: 2,
      columns: 4,
      cache: { ratio: 0.5, warmup: 0.3, refresh: 2 },
    })
    expect(readdirSync(folder).sort()).toEqual(['a-1.webp', 'a-2.webp', 'in.png'])
    expect(await readParameters('a-2.webp')).toMatchObject({ task: 'edit', guidanceFloor: 0.1, seed: '6', options: { kind: 'add' } })
  })

  test.each([
    ['--region 8,0,8,8', [1]],
    ['--mask 8,0,8,8', [1]],
    ['--region 8,0,8,8 --region 0,8,8,8', [1, 4]],
    ['--region 8,0,8,8 --region 0,8,8,8 --region 31,15,1,1', [1, 4, 7]],
    ['--mask-ratio 0.5x1', [1, 2, 5, 6]],
    ['--mask mask.png', [1, 2]],
  ])('inpaint %s draws cells %j', async (flags, cells) => {
    const data = Buffer.alloc(32 * 16)
    data.fill(255, 8, 24)
    await sharp(data, { raw: { width: 32, height: 16, channels: 1 } })
      .png()
      .toFile('mask.png')
    expect((await dimoo(`inpaint "a circle" --image in.png ${flags} -o a.png`)).code).toBe(0)
    expect(masked()).toEqual(cells)
    expect(asked.composed).toEqual([])
  })

  test.each([
    ['--composite', 0],
    ['--composite-feather 4', 4],
    ['--composite --composite-feather 4', 4],
    ['--composite-feather 4 --composite', 4],
  ])('%s puts the original back with a seam of %i', async (flags, feather) => {
    expect((await dimoo(`inpaint ${flags} "a circle" --image in.png --region 8,0,8,8 -o a.png`)).code).toBe(0)
    expect(asked.composed).toMatchObject([{ feather }])
  })

  test('outpaint: sides, and the ratio', async () => {
    await dimoo('outpaint "a circle" --image in.png --extend-left 8 --extend-bottom 1 -o a.png')
    expect(imageRuns()[0]).toMatchObject({ rows: 3, columns: 5 })
    await dimoo('outpaint "a circle" --image in.png --extend-ratio 0.5x1 -o a.png')
    expect(masked(1)).toEqual([0, 3, 4, 7])
  })

  test('control: the map itself, or drawn from a photo', async () => {
    await dimoo('control "a circle" --image in.png --control depth --image-area native -o a.png')
    await dimoo('control "a circle" --image in.png --control canny --source photo --image-area native -o a.png')
    const pixels = asked.encoded.map((one) => [...one.pixels.subarray(0, 6)])
    expect(pixels).toEqual([
      [1, 0, 0, 1, 0, 0],
      [255, 255, 255, 0, 0, 0],
    ])
  })

  test('predict, view and style say what they are', async () => {
    await writePicture('style.png', 100)
    await dimoo('predict --image in.png --map depth -o map.png')
    await dimoo('view --image in.png --view left -o view.png')
    await dimoo('style --image in.png --style style.png --image-area native -o styled.png')
    expect(await readParameters('map.png')).toMatchObject({ task: 'predict', options: { map: 'depth' } })
    expect(await readParameters('view.png')).toMatchObject({ task: 'view', options: { view: 'left' } })
    expect(asked.encoded.slice(-2).map(({ pixels }) => pixels[0])).toEqual([1, 100])
  })

  test.each(['--from in.png --region 8,0,8,8', '--image in.png --mask 8,0,8,8'])('retouch %s, with or without a prompt', async (flags) => {
    expect((await dimoo(`retouch ${flags} -o a.png`)).code).toBe(0)
    expect((await dimoo(`retouch "a star" ${flags} -o a.png`)).code).toBe(0)
    expect([masked(0), masked(1)]).toEqual([[1], [1]])
    expect(await readParameters('a.png')).toMatchObject({ task: 'retouch', prompt: 'a star' })
  })

  test('--best-of keeps the best and says how good it is', async () => {
    behaviour.probe = () => [0.75, 0.25]
    const { out } = await dimoo('subject "a dog" --image in.png --best-of 3 -o a.png')
    expect([imageRuns()[0]!.seeds.length, textRuns().length]).toEqual([3, 3])
    expect(out).toMatch(/^a\.png: \d+x\d+, seed \d+, score [01]\.\d\d, /)
  })

  test('a prompt after --cache is the prompt', async () => {
    await dimoo('edit --cache "Make it blue." --image in.png -o a.png')
    await dimoo('edit --cache ratio=0.5 "Make it blue." --image in.png -o a.png')
    expect(imageRuns().map(({ cache }) => cache?.ratio)).toEqual([0.9, 0.5])
  })
})

describe('refusals', () => {
  test.each<[string, number, RegExp]>([
    ['edit --image in.png', 2, /^dimoo: edit: expected a prompt or --prompts, got none \(request\/invalid\)\n$/],
    ['edit make it blue --image in.png', 2, /^dimoo: edit: expected a prompt in quotes, as in dimoo edit "make it blue", got 3 arguments/],
    ['edit "x"', 2, /^dimoo: edit: expected --image <file>, got none \(request\/invalid\)\n$/],
    ['edit "x" --image none.png', 1, /^dimoo: picture: cannot read none\.png .*\(image\/invalid\)\n$/],
    ['edit "x" --image in.png --image-area 33', 2, /imageArea must be 'native' or a multiple of 32 from 32 to 4096, got 33/],
    ['edit "x" --image in.png --sed 3', 2, /^dimoo: unknown option '--sed' \(Did you mean --seed\?\)\n$/],
    ['edit "x" --image in.png --kind paint', 2, /kind must be one of 'add', .*, got 'paint'/],
    ['edit "x" --image in.png -o a.bmp', 2, /output must end in \.png/],
    ['inpaint "x" --image in.png', 2, /expected one of --mask <file\|x,y,w,h>, --mask-ratio <WxH>, got none/],
    ['inpaint "x" --image in.png --region 1,2,3', 2, /^dimoo: --region: expected a picture, or a rectangle x,y,w,h .*, got '1,2,3'/],
    ['inpaint "x" --image in.png --region 30,0,8,8', 2, /must lie inside 32 x 16 pixels, got 8 x 8 at 30, 0/],
    ['inpaint "x" --image in.png --region 1,2,3,4 --mask in.png', 2, /^dimoo: --region is --mask: expected one of them, got both/],
    ['inpaint "x" --image in.png --region 1,2,3,4 --region in.png', 2, /^dimoo: --region: expected one picture or rectangles/],
    ['inpaint "x" --image in.png --mask 1,2,3,4 --mask-ratio 1x1', 2, /^dimoo: --mask-ratio must not be given with --mask /],
    ['inpaint "x" --image in.png --mask-ratio 0.5', 2, /^dimoo: --mask-ratio: expected WxH, .* got '0\.5'/],
    ['outpaint "x" --image in.png', 2, /expected one of --extend-left <pixels>, .*--extend-ratio <WxH>, got none/],
    ['outpaint "x" --image in.png --extend-left 0', 2, /extend must add pixels on at least one side/],
    ['control "x" --image in.png', 2, /expected --control <canny\|hed\|depth\|openpose>, got none/],
    ['control "x" --image in.png --control depth --source photo', 2, /source 'photo' must come with control 'canny', got 'depth'/],
    ['predict --image in.png --map fog', 2, /map must be one of 'canny', .*, got 'fog'/],
    ['predict "x" --image in.png --map depth', 2, /predict: expected no argument, got 1 argument/],
    ['style --image in.png', 2, /expected --style <file>, got none/],
    ['view --image in.png', 2, /expected --view <left\|right\|back\|top\|bottom\|front>, got none/],
    ['retouch "x" --image in.png', 2, /expected --region <file\|x,y,w,h>, got none/],
    ['subject "x" --image in.png --best-of 2 --n 3', 2, /bestOf must be at least n = 3, got 2/],
  ])('dimoo %s ends with %i', async (line, code, message) => {
    const result = await dimoo(line)
    expect([result.code, result.err, result.out]).toEqual([code, expect.stringMatching(message), ''])
    expect([asked.runs, readdirSync(folder)]).toEqual([[], ['in.png']])
  })

  test('the bar of a narrow terminal is one line', async () => {
    const { err } = await dimoo('edit "x" --image in.png -o a.png', { tty: true, columns: 40 })
    // eslint-disable-next-line no-control-regex
    const lines = err.replace(/\x1b\[\d*[A-Z]|\r/g, '').split('\n')
    expect(lines.some((line) => line.includes('] step '))).toBe(true)
    expect(Math.max(...lines.map((line) => line.length))).toBe(39)
  })

  test('with --json bad usage is an event too', async () => {
    const { code, out } = await dimoo('predict --image in.png --mpa depth --json')
    expect([code, JSON.parse(out)]).toEqual([
      2,
      { event: 'error', code: 'request/invalid', message: "unknown option '--mpa' (Did you mean --map?)" },
    ])
  })

  test('an interrupt leaves nothing behind', async () => {
    behaviour.stepMs = 20
    const controller = new AbortController()
    const watch = setInterval(() => asked.stepsMade > 0 && controller.abort(new DOMException('interrupted', 'AbortError')), 5)
    const { code } = await dimoo('edit "x" --image in.png --steps 500 --n 2 -o a.png', { signal: controller.signal })
    clearInterval(watch)
    expect([code, asked.cancelled, readdirSync(folder)]).toEqual([130, 1, ['in.png']])
  })
})
