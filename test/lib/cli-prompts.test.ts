// `--prompts FILE`: what a line may be, seeds and names, one load, going on after a cut, failures told at the end. And pictures that go
// through pipes.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { dimoo as cli, type Streams } from './cli-run.js'
import { asked, behaviour, fake, imageRuns, reset, textRuns, TOKENS } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { readParameters } = await import('../../lib/parameters/read.js')

let folder: string
const home = process.cwd()
beforeEach(() => {
  reset()
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-prompts-'))
  process.chdir(folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  process.chdir(home)
  rmSync(folder, { recursive: true })
})

const words = (line: string): string[] => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((found) => found[1] ?? found[2]!)
const dimoo = (line: string, options?: Streams) => cli([...words(line), '--device', 'cpu'], options)
const pictures = (): string[] =>
  readdirSync('.')
    .filter((name) => name.endsWith('.png'))
    .sort()
// Lines are drawn side by side: which one begins first is nobody's promise.
const seeds = (): string[] =>
  imageRuns()
    .map(({ seeds: [seed] }) => String(seed))
    .sort()

describe('lines', () => {
  test('a prompt a line: one load, seeds that count up, names by number', async () => {
    writeFileSync('list.txt', '\ufeffa red circle\r\n\r\n  {a|b} cat\nein Haus, "alt"\n')
    const { code, out, err } = await dimoo('generate --prompts list.txt --seed 5 --steps 3')
    expect([code, err]).toEqual([0, 'dimoo: of 3 prompts 3 drawn, 0 failed\n'])
    expect(pictures()).toEqual(['dimoo-1.png', 'dimoo-2.png', 'dimoo-3.png'])
    expect(out.split('\n').filter(Boolean).sort()[2]).toMatch(/^dimoo-3\.png: 32x16, seed 7, [\d.]+ s$/)
    expect([asked.load.length, seeds(), imageRuns()[0]!.steps]).toEqual([1, ['5', '6', '7'], 3])
    const made = await Promise.all(pictures().map((name) => readParameters(name)))
    expect(made.map((one) => one!.prompt)).toEqual(['a red circle', '{a|b} cat', 'ein Haus, "alt"'])
  })

  test('an object a line stands above flags; names by seed and prompt', async () => {
    writeFileSync('list.jsonl', '{"prompt": "Ein rotes Haus!", "seed": "18446744073709551615", "steps": 2}\n{"prompt": "b", "n": 2}\n')
    const { code } = await dimoo('generate --prompts list.jsonl --steps 3 -o "x-{prompt}-{seed}.png"')
    expect([code, pictures()]).toEqual([0, ['x-b-2.png', 'x-b-3.png', 'x-ein-rotes-haus-18446744073709551615.png']])
    expect(new Map(imageRuns().map(({ seeds: [seed], steps }) => [String(seed), steps]))).toEqual(
      new Map([
        ['18446744073709551615', 2],
        ['2', 3],
      ]),
    )
  })

  test('standard input, and edits of several pictures', async () => {
    for (const name of ['a', 'b'])
      await sharp({ create: { width: 32, height: 16, channels: 3, background: 'red' } }).toFile(`${name}.in.webp`)
    const stdin = new PassThrough().end('{"prompt": "Make it blue.", "image": "a.in.webp"}\nMake it green.\n')
    const { code } = await dimoo('edit --prompts - --image b.in.webp --steps 2 -o out.png', { stdin })
    expect([code, pictures(), imageRuns().length]).toEqual([0, ['out-1.png', 'out-2.png'], 2])
  })

  test.each<[string, string, string, RegExp]>([
    ['list.txt', '\n \n', '', /^dimoo: --prompts: expected a prompt a line, got none in list\.txt/],
    ['list.jsonl', '{"prompt": "a"}\nb\n', '', /^dimoo: list\.jsonl, line 2: expected a JSON object such as/],
    ['list.jsonl', '{"prompt": "a", "stepps": 3}\n', '', /^dimoo: list\.jsonl, line 1: generate: unknown option 'stepps' .*'steps'/],
    ['list.jsonl', '{"steps": 3}\n', '', /^dimoo: list\.jsonl, line 1: generate: expected a prompt/],
    [
      'list.jsonl',
      '{"prompt": "a", "seed": 1}\n\n{"prompt": "b", "seed": 1}\n',
      '-o {seed}.png',
      /line 3: .*got 1\.png, which line 1 writes/,
    ],
    ['list.txt', 'a\n', '-o {sed}.png', /^dimoo: output: expected \{index\}, .*, got \{sed\}/],
    ['list.txt', 'a\n', '-o {seed}/a.png', /in the file's name, got a folder/],
    ['list.txt', 'a\n', '-o -', /expected one picture for standard output/],
    ['list.txt', 'a\n', '--show', /^dimoo: --show must not be given with --prompts/],
    ['list.txt', 'a\n', '"a star"', /^dimoo: generate: expected a prompt or --prompts, got both/],
    ['other.txt', 'a\n', '', /^dimoo: --prompts: expected a file of prompts, got nothing at list\.txt/],
  ])('%s holding %j with %s', async (name, text, flags, message) => {
    writeFileSync(name, text)
    const { code, err } = await dimoo(`generate --prompts ${name.replace('other', 'list')} ${flags}`)
    expect([code, err, asked.load]).toEqual([2, expect.stringMatching(message), []])
  })
})

describe('the end', () => {
  test('what fails is told by its line, the rest is drawn, exit code 1', async () => {
    writeFileSync('list.jsonl', '{"prompt": "a"}\n\n{"prompt": "b", "width": 33}\n{"prompt": "c"}\n')
    const { code, err } = await dimoo('generate --prompts list.jsonl')
    expect(err).toMatch(
      /^dimoo: list\.jsonl, line 3: generate: width must be a multiple of 8.*\(request\/invalid\)\ndimoo: of 3 prompts 2 drawn, 1 failed\n$/,
    )
    expect([code, pictures()]).toEqual([1, ['dimoo-1.png', 'dimoo-3.png']])
  })

  test('the same command goes on after a cut, and draws again what was made from another prompt', async () => {
    writeFileSync('list.txt', Array.from({ length: 20 }, (_, i) => `prompt ${i}\n`).join(''))
    behaviour.stepMs = 20
    const controller = new AbortController()
    const onOut = (): void => controller.abort(new DOMException('interrupted', 'AbortError'))
    const cut = await dimoo('generate --prompts list.txt', { signal: controller.signal, onOut })
    const drawn = pictures().length
    expect(cut.code).toBe(130)
    expect(cut.err).toMatch(/of 20 prompts \d+ drawn, 0 failed, \d+ left; the same command goes on from here\ndimoo: interrupted\n$/)
    expect([drawn > 0, drawn < 20]).toEqual([true, true])
    const begun = asked.runs.length
    expect((await dimoo('generate --prompts list.txt')).err).toMatch(
      new RegExp(`of 20 prompts ${20 - drawn} drawn, ${drawn} there already, 0 failed`),
    )
    expect([pictures().length, asked.runs.length - begun]).toEqual([20, 20 - drawn])
    writeFileSync('list.txt', 'another\nprompt 1\n')
    expect((await dimoo('generate --prompts list.txt')).err).toContain('of 2 prompts 1 drawn, 1 there already, 0 failed')
    expect((await readParameters('dimoo-1.png'))!.prompt).toBe('another')
  })

  test('--json: an event a picture with its line, and a summary', async () => {
    writeFileSync('list.jsonl', '\n{"prompt": "a"}\n{"prompt": "b", "width": 33}\n')
    const { code, out } = await dimoo('generate --prompts list.jsonl --json')
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string })
      .filter(({ event }) => event !== 'load')
    expect([code, events]).toMatchObject([
      1,
      [
        { event: 'result', files: ['dimoo-1.png'], index: 1, line: 2 },
        { event: 'error', index: 2, line: 3, code: 'request/invalid' },
        { event: 'summary', prompts: 2, done: 1, there: 0, failed: 1, left: 0 },
      ],
    ])
  })

  test('with bestOf whatever seed was best counts as there', async () => {
    writeFileSync('list.txt', 'a\n')
    behaviour.probe = () => [0.75, 0.25]
    const line = 'generate --prompts list.txt --best-of 3 -o {seed}.png'
    await dimoo(line)
    expect((await dimoo(line)).err).toContain('0 drawn, 1 there already')
  })
})

describe('pipes', () => {
  test('--image - is the picture on standard input, once for every place', async () => {
    const bytes = await sharp({ create: { width: 32, height: 16, channels: 3, background: '#070000' } })
      .png()
      .toBuffer()
    expect((await dimoo('style --image - --style - -o a.png --image-area native', { stdin: new PassThrough().end(bytes) })).code).toBe(0)
    expect(asked.encoded.map(({ pixels }) => pixels[0])).toEqual([7, 7])
    expect((await dimoo('ask "What?" --image - --image -', { stdin: new PassThrough().end(bytes) })).code).toBe(0)
    expect([...textRuns()[0]!.prefixes[0]!].filter((id) => id === TOKENS.image_begin)).toHaveLength(2)
    const { code, err } = await dimoo('edit "x" --image -', { stdin: new PassThrough().end('no picture') })
    expect([code, err]).toEqual([1, expect.stringMatching(/^dimoo: .*\(image\/invalid\)\n$/)])
    const typed = Object.assign(new PassThrough(), { isTTY: true as const })
    expect((await dimoo('edit "x" --image -', { stdin: typed })).err).toMatch(
      /'-' is standard input: expected a file or a pipe there, got a terminal/,
    )
  })

  test.each<[string, boolean, RegExp]>([
    ['--n 2', false, /expected one picture for standard output, got 2/],
    ['--json', false, /both write to standard output/],
    ['', true, /expected a file or a pipe as standard output, got a terminal/],
  ])('-o - %s is refused before the work', async (flags, tty, message) => {
    const { code, err } = await dimoo(`generate x -o - ${flags}`, { tty })
    expect([code, err, asked.load]).toEqual([2, expect.stringMatching(message), []])
  })
})

test('DIMOO_MODEL names the model where a command names none', async () => {
  writeFileSync('mine.gguf', '')
  writeFileSync('other.gguf', '')
  vi.stubEnv('DIMOO_MODEL', 'mine.gguf')
  await dimoo('generate x -o a.png')
  await dimoo('generate x -o a.png --model other.gguf')
  vi.stubEnv('DIMOO_MODEL', '')
  await dimoo('generate x -o a.png')
  const names = asked.load.map(({ source }) => path.basename(String(source)))
  expect(names).toEqual(['mine.gguf', 'other.gguf', 'miniature.gguf'])
  expect(existsSync('a.png') && readFileSync('a.png').length > 0).toBe(true)
})
