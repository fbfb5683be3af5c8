// `dimoo ask` and `dimoo chat` over the fake addon: what is streamed to a pipe, drawn on a terminal and kept of a conversation.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { advance, charWidth } from '../../lib/cli/width.js'
import { words } from '../../lib/prompt/prompt-text.js'
import { Tokenizer } from '../../lib/prompt/tokenizer.js'
import { dimoo as cli, Screen, type Streams } from './cli-run.js'
import { asked, behaviour, fake, reset, textRuns, TOKENS } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))

const tokenizer = new Tokenizer(readFileSync(new URL('../golden/tokenizer/tokenizer.json', import.meta.url), 'utf8'))
const ids = (text: string): number[] => [...tokenizer.encode(words(text))]
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-cli-'))
const picture = path.join(folder, 'in.png')
beforeAll(() => sharp({ create: { width: 32, height: 32, channels: 3, background: 'red' } }).toFile(picture))
beforeEach(reset)
afterAll(() => rmSync(folder, { recursive: true }))

const dimoo = (args: string[], options?: Streams) => cli([...args, '--device', 'cpu'], options)
const ask = (args: string[], options?: Streams) => dimoo(['ask', 'What is it?', '--image', picture, ...args], options)

/** The fake answers with this text, its tokens fixed from the last to the first unless told otherwise. */
function answers(text: string, order?: (count: number) => number[]): string[] {
  behaviour.answer = ids(text)
  const count = behaviour.answer.length + 1 // the end token too
  behaviour.order = order?.(count)
  return ['--length', `${count}`, '--block', `${count}`, '--steps', `${count}`]
}
const backwards = (count: number): number[] => Array.from({ length: count }, (_, i) => count - 1 - i)
/** Fixes every second token first, so that there is text between masks. */
const gaps = (count: number): number[] => [...Array(count).keys()].sort((a, b) => (b % 2) - (a % 2) || a - b)

describe('flags', () => {
  test('reach the request', async () => {
    const flags =
      '--image-area native --length 12 --block 6 --steps 4 --threshold 0.5 --reuse prefix --remasking random --guidance 2 --seed 3'
    expect((await ask(['--image', picture, ...flags.split(' ')])).code).toBe(0)
    expect(textRuns()[0]).toMatchObject({
      length: 12,
      block: 6,
      steps: 4,
      threshold: 0.5,
      reuse: 'prefix',
      remasking: 'random',
      guidance: [2],
    })
    expect([...textRuns()[0]!.prefixes[0]!].filter((id) => id === TOKENS.image_begin)).toHaveLength(2)
  })

  test.each<[string[], number, RegExp]>([
    [['ask'], 2, /^dimoo: ask: expected a question, got none \(request\/invalid\)\n$/],
    [['chat', 'What', 'is', 'red?'], 2, /^dimoo: chat: expected a message in quotes, as in dimoo chat "What is red\?", got 3 arguments/],
    [['ask', 'What?'], 2, /^dimoo: ask: expected --image <file>, got none \(request\/invalid\)\n$/],
    [['ask', 'What?', '--image', 'none.png'], 1, /^dimoo: picture: cannot read none\.png .*\(image\/invalid\)\n$/],
    [['ask', 'What?', '--image', picture, '--length', '10', '--block', '4'], 2, /length must be a multiple of block, got 10 and 4/],
    [['ask', 'What?', '--image', picture, '--cache', 'rato=0.5'], 2, /^dimoo: --cache: 'rato' is unknown \(did you mean ratio\?\)/],
    [['ask', 'What?', '--image', picture, '--threshhold', '1'], 2, /unknown option '--threshhold' \(Did you mean --threshold\?\)/],
    [['chat'], 2, /^dimoo: chat: expected a message, got an empty one \(request\/invalid\)\n$/],
    [['chat', ' '], 2, /expected a message, got an empty one/],
    [['chat', 'Hi', '--steps', '0'], 2, /^dimoo: chat: steps must be an integer from 1 to 4096, got 0/],
  ])('dimoo %j ends with %i', async (args, code, message) => {
    const result = await dimoo(args)
    expect([result.code, result.err, result.out]).toEqual([code, expect.stringMatching(message), ''])
    expect(asked.runs).toEqual([])
  })
})

describe('a pipe', () => {
  test('gets settled text as it is fixed, nothing twice, and a line end', async () => {
    const parts: string[] = []
    const flags = answers('a red circle\nand a star')
    expect(await ask(flags, { onOut: (text) => parts.push(text) })).toEqual({ code: 0, out: 'a red circle\nand a star\n', err: '' })
    expect(parts.length).toBeGreaterThan(4)
  })

  test('gets no masks, however the tokens are fixed', async () => {
    expect((await ask(answers('a red circle', backwards))).out).toBe('a red circle\n')
  })

  test('gets no control characters of a terminal', async () => {
    expect((await ask(answers('a\x1b[31mb'))).out).toBe('a\\u001b[31mb\n')
  })

  test('is told by stderr that an answer is empty', async () => {
    expect(await ask(answers(''))).toEqual({
      code: 0,
      out: '\n',
      err: 'dimoo: the answer is empty: the model ended it before the first word (finish: stop). The embedded miniature knows plain shapes, not conversation; see dimoo doctor\n',
    })
  })

  test('--json: steps, and one last line that holds the text', async () => {
    const { out } = await ask([...answers('a red circle', gaps), '--seed', '18446744073709551615', '--json'])
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; text: string; settled: string })
    expect(events.at(-1)).toMatchObject({ event: 'result', text: 'a red circle', finishReason: 'stop', seed: '18446744073709551615' })
    const steps = events.filter(({ event }) => event === 'step')
    expect(steps.length).toBeGreaterThan(2)
    expect(steps.some(({ text }) => /░.+░/.test(text))).toBe(true)
    expect(steps.every(({ settled }) => 'a red circle'.startsWith(settled))).toBe(true)
    expect(events.slice(0, -1).every(({ event }) => ['load', 'step'].includes(event))).toBe(true)
  })

  test('an interrupt ends with 130 and what was there as a line', async () => {
    behaviour.stepMs = 20
    const controller = new AbortController()
    const onOut = (): void => controller.abort(new DOMException('interrupted', 'AbortError'))
    const { code, out, err } = await ask(answers('a red circle and a star'), { signal: controller.signal, onOut })
    expect([code, err, out]).toEqual([130, 'dimoo: interrupted\n', expect.stringMatching(/^a( red)?( circle)?\n$/)])
  })
})

describe('a terminal', () => {
  const long = 'a red circle to the left of a green star\n\nand   a yellow diamond above two blue squares on a white background'
  test.each([
    ['in order', long, undefined],
    ['backwards', long, backwards],
    ['with gaps', long, gaps],
    ['in wide characters', '一二三四五六七八九十一二三四五六七八九十 a red 一 circle', gaps],
  ])('shows masked text dimmed and ends with the answer alone: %s', async (_, text, order) => {
    for (const columns of [17, 18, 40]) {
      const screen = new Screen(columns, 3)
      const plain = new Screen(columns, 3)
      plain.write(`${text}\n`)
      const flags = answers(text, order)
      const { code } = await ask(flags, { tty: true, columns, onOut: (part) => screen.write(part) })
      expect([code, screen.text]).toEqual([0, plain.text])
      if (order) expect(screen.dimmed).toContain('░')
    }
  })

  test('columns of characters', () => {
    expect(['a', '░', '一', '한', '😀', '\u0301', 'ế', 'т'].map(charWidth)).toEqual([1, 1, 2, 2, 2, 0, 1, 1])
    expect([advance(0, 'abc', 3), advance(3, 'd', 3), advance(0, 'ab一', 3), advance(2, '\n', 3), advance(1, '\t', 20)]).toEqual([
      3, 1, 2, 0, 8,
    ])
  })
})

describe('chat', () => {
  const decoded = (run: number): string => tokenizer.decode(Int32Array.from(textRuns()[run]!.prefixes[0]!), false)
  // eslint-disable-next-line no-control-regex
  const plain = (text: string): string => text.replace(/\x1b7\x1b\[2m[^]*?\x1b8\x1b\[J|\x1b\[[\d;?]*[a-zA-Z]/g, '')
  /** Types as fast as what is expected appears, and says what the screen got. */
  async function converse(keys: readonly (readonly [after: RegExp, keys: string])[], args: string[] = []) {
    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    let out = ''
    const left = [...keys]
    const onOut = (text: string): void => {
      out += text
      if (!left[0]?.[0].test(plain(out))) return
      out = ''
      setImmediate((typed: string) => stdin.write(typed), left.shift()![1])
    }
    const result = await dimoo(['chat', ...args], { stdin, tty: true, onOut })
    expect(left).toEqual([])
    return result
  }

  test('one message, from an argument or stdin', async () => {
    const flags = answers('a star')
    expect(await dimoo(['chat', 'What?', '--system', 'Be short.', ...flags])).toEqual({ code: 0, out: 'a star\n', err: '' })
    const stdin = new PassThrough().end('What?\n')
    expect((await dimoo(['chat', '--system', 'Be short.', ...flags], { stdin })).out).toBe('a star\n')
    expect(decoded(0)).toContain('Be short.')
    expect(decoded(1)).toBe(decoded(0))
  })

  test('a conversation keeps its turns; Ctrl-D ends it', async () => {
    const { code } = await converse(
      [
        [/> /, 'one?\r'],
        [/a star[^]*> /, '\r'], // an empty line is no message
        [/> /, 'two?\r'],
        [/a star[^]*> /, '\x04'],
      ],
      answers('a star'),
    )
    expect([code, textRuns().length]).toEqual([0, 2])
    expect(decoded(1)).toMatch(/one\?[^]*a star[^]*two\?/)
  })

  test('Ctrl-C stops an answer, which is as if it had not been asked; then clears the line; twice it ends', async () => {
    behaviour.stepMs = 20
    const { code } = await converse(
      [
        [/> /, 'one?\r'],
        [/a red/, '\x03'],
        [/> /, 'half'],
        [/half/, '\x03'],
        [/> $/, 'two?\r'],
        [/a red circle[^]*> /, '\x03'],
        [/once more leaves[^]*> /, 'three?\r'], // anything else takes it back
        [/a red circle[^]*> /, '\x03'],
        [/once more leaves[^]*> /, '\x03'],
      ],
      answers('a red circle and a star'),
    )
    expect([code, asked.cancelled, textRuns().length]).toEqual([0, 1, 3])
    expect(decoded(1)).not.toMatch(/one|half/)
  })

  test('what is typed during an answer comes next, and does not show inside it', async () => {
    behaviour.stepMs = 5
    const { out } = await converse(
      [
        [/> /, 'one?\r'],
        [/a red/, 'two?\rthree?\r'],
        [/three\?[^]*star[^]*> /, '\x04'],
      ],
      answers('a red circle and a star'),
    )
    expect(textRuns()).toHaveLength(3)
    expect(decoded(2)).toMatch(/one\?[^]*two\?[^]*three\?/)
    // eslint-disable-next-line no-control-regex
    expect(out.replace(/\x1b(\[[\d;?]*[a-zA-Z]|[78])/g, '').match(/two\?/g)).toHaveLength(1)
    expect(plain(out)).toMatch(/^[^]*a star\n> two\?\n[^]*a star\n> three\?\n[^]*a star\n> \n$/)
  })

  test('is greeted, and obeys /help, /image, /reset and /quit', async () => {
    const { code, out } = await converse(
      [
        [/miniature[^]*cpu\n[^]*\/help[^]*Ctrl-C[^]*> /, '/help\r'],
        [/\/image PATH[^]*\/reset[^]*\/quit[^]*> /, 'one?\r'],
        [/a star[^]*> /, '/imag\r'],
        [/no such command: \/imag \(did you mean \/image\?\)[^]*> /, '/image none.png\r'],
        [/none\.png: there is nothing of this name[^]*> /, `/image '${picture}'\r`],
        [/the next questions are about [^]*in\.png[^]*> /, 'two?\r'],
        [/a star[^]*> /, '/image\r'],
        [/no pictures[^]*> /, 'three?\r'],
        [/a star[^]*> /, '/reset\r'],
        [/forgotten[^]*> /, '/usr/bin is what?\r'],
        [/a star[^]*> /, '/quit\r'],
      ],
      ['--system', 'Be short.', ...answers('a star')],
    )
    expect([code, out.includes('\n> \n')]).toEqual([0, false])
    const pictures = textRuns().map(({ prefixes }) => [...prefixes[0]!].filter((id) => id === TOKENS.image_begin).length)
    expect(pictures).toEqual([0, 1, 0, 0])
    expect(decoded(2)).toMatch(/Be short\.[^]*one\?[^]*two\?[^]*three\?/)
    expect(decoded(3)).toMatch(/Be short\.[^]*\/usr\/bin is what\?/)
    expect(decoded(3)).not.toMatch(/one\?/)
  })

  test('a refused message does not end it; a signal does, with 130', async () => {
    const controller = new AbortController()
    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    behaviour.startError = Object.assign(new Error('run: too much'), { code: 'request/invalid' })
    let prompts = 0
    const onOut = (text: string): void => {
      if (!text.includes('> ')) return
      if (++prompts === 1) setImmediate(() => stdin.write('one?\r'))
      else controller.abort(new DOMException('interrupted', 'AbortError'))
    }
    const { code, err } = await dimoo(['chat'], { stdin, tty: true, onOut, signal: controller.signal })
    expect([code, err]).toEqual([130, 'dimoo: run: too much (request/invalid)\ndimoo: interrupted\n'])
  })
})
