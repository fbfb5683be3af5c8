// Judges what a line of README or --help made, from its pixels and its words: what the prompt says is there and nothing else, an edit has
// changed what it names alone, an answer is true of the picture. The prompts are those of the miniature's world.
import path from 'node:path'
import sharp from 'sharp'
import { looksLike } from '../bench/quality/judge-scene.js'
import { leastUntouched } from '../bench/quality/judge.js'
import { untouched } from '../bench/quality/judge-pixels.js'
import type { Rectangle } from '../bench/quality/cases.js'
import { sceneOf } from '../bench/quality/first/scenes.js'
import { detect } from '../bench/quality/world/detect.js'
import type { FoundThing, Reading } from '../bench/quality/world/detect.js'
import type { Picture } from '../bench/quality/world/draw.js'
import { drawMap, mapOverlap, rightOverlap } from '../bench/quality/world/maps.js'
import type { MapKind } from '../bench/quality/world/maps.js'
import { known, numbers, relationOf } from '../bench/quality/world/scene.js'
import type { Background, Color, Look, Shape, Thing } from '../bench/quality/world/scene.js'

const { colors, shapes } = known[8]
const [color, shape] = [colors.join('|'), shapes.join('|')]
const noun = `(${color}) (${shape})`

export async function readPicture(file: string): Promise<Picture> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  return { data: new Uint8Array(data), width: info.width, height: info.height, channels: 3 }
}

/** Pixels that were written as squares are pixels again. */
function small({ data, width, height, channels }: Picture, scale: number): Picture {
  const pixel = (i: number): number[] => {
    const [x, y] = [(i % (width / scale)) * scale, Math.floor(i / (width / scale)) * scale]
    return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)]
  }
  const length = (width * height) / scale ** 2
  return { data: new Uint8Array(Array.from({ length }, (_, i) => pixel(i)).flat()), width: width / scale, height: height / scale, channels }
}

interface Wanted {
  readonly look: Look
  readonly count: number
  readonly size?: string
}
const solid = (color: string, shape: string): Look => ({ color: color as Color, shape: shape as Shape, fill: 'solid' })

/** 'a large yellow star and two red squares on a black background'. */
function wantedOf(prompt: string): { things: Wanted[]; background: string; relation?: string } {
  const background = / on an? (\w+) background$/.exec(prompt)?.[1] ?? 'white'
  const relation = / (above|below|to the left of|to the right of) /.exec(prompt)?.[1]
  const found = prompt.matchAll(new RegExp(`(a|an|one|two|three|four) (?:(small|large) )?${noun}s?(?:es)?\\b`, 'g'))
  const things = [...found].map(([, count, size, color, shape]): Wanted => ({
    look: solid(color!, shape!),
    count: /^an?$/.test(count!) ? 1 : (numbers as readonly string[]).indexOf(count!),
    ...(size && { size }),
  }))
  if (things.length === 0) throw new Error(`expected a prompt of the miniature's world, got '${prompt}'`)
  return { things, background, ...(relation && { relation }) }
}

const told = ({ background, things }: Reading): string =>
  `${things.map((thing) => `${thing.size} ${thing.color} ${thing.shape}`).join(', ')} on ${background}`

/** What is wrong with it: '' if nothing. */
export function shows(reading: Reading, prompt: string): string {
  const { things, background, relation } = wantedOf(prompt)
  const members = things.map(({ look, size }) => reading.things.filter((seen) => looksLike(look, seen) && (!size || seen.size === size)))
  const right =
    reading.background === background &&
    reading.things.length === things.reduce((sum, { count }) => sum + count, 0) &&
    members.every((found, i) => found.length === things[i]!.count) &&
    (!relation || relationOf(members[0]!, members[1]!) === relation)
  return right ? '' : `'${prompt}': ${told(reading)}`
}

/** Things and background as they should be after an instruction. */
function edited(reading: Reading, prompt: string): { background: Background; things: FoundThing[] } {
  const { background, things } = reading
  const ground = /^Make the background (\w+)\.$/.exec(prompt)?.[1]
  if (ground) return { background: ground as Background, things: [...things] }
  const named = new RegExp(`the (?:(${color}) )?(${shape})`).exec(prompt)!
  const meant = (thing: FoundThing): boolean => thing.shape === named[2] && (!named[1] || thing.color === named[1])
  if (prompt.startsWith('Remove')) return { background, things: things.filter((thing) => !meant(thing)) }
  const [, paint] = new RegExp(`to (${color})\\.$`).exec(prompt)!
  return { background, things: things.map((thing) => (meant(thing) ? { ...thing, color: paint as Color } : thing)) }
}

const near = (a: FoundThing, b: FoundThing): boolean => Math.abs(a.x - b.x) <= 4 && Math.abs(a.y - b.y) <= 4
const sameThings = (a: readonly FoundThing[], b: readonly FoundThing[], placed: boolean): boolean =>
  a.length === b.length &&
  a.every((one) => b.some((two) => looksLike(one as Look, two) && (!placed || (near(one, two) && one.size === two.size))))

function answerTo(question: string, reading?: Reading): string {
  const [, spoken] = new RegExp(`There is an? (${color}) (?:${shape}) and`).exec(question) ?? []
  if (spoken) {
    const asked = /What color is the (\w+)\?$/.exec(question)![1]
    return new RegExp(`(${color}) ${asked}`).exec(question)![1]!
  }
  if (/background\?$/.test(question)) return reading!.background
  if (question === 'How many objects are there?') return numbers[reading!.things.length]!
  const [, asked] = /^What color is the (\w+)\?$/.exec(question) ?? []
  if (asked) return reading!.things.find((thing) => thing.shape === asked)!.color
  throw new Error(`expected a question that the pixels answer, got '${question}'`)
}

export interface Line {
  readonly task: string
  readonly prompt: string
  /** Values of each flag, in their order. */
  readonly flags: ReadonlyMap<string, readonly string[]>
}

export function lineOf(words: readonly string[]): Line {
  const flags = new Map<string, string[]>()
  const short: Readonly<Record<string, string>> = { '-o': '--output' }
  for (const [i, word] of words.entries()) {
    const next = words[i + 1]
    if (/^--?[a-z]/.test(word))
      flags.set(short[word] ?? word, [...(flags.get(short[word] ?? word) ?? []), ...(next && !next.startsWith('-') ? [next] : [])])
  }
  const [task, prompt] = words as [string, string | undefined]
  return { task, prompt: prompt?.startsWith('-') ? '' : (prompt ?? ''), flags }
}

function rectangleOf(text: string): Rectangle {
  const [left, top, width, height] = text.split(',').map(Number) as [number, number, number, number]
  return { left, top, width, height }
}

/** The words of a line of a shell without its comment; what stands in double quotes is one. */
export const wordsOf = (line: string): string[] =>
  [...line.replace(/ #.*$/, '').matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)

/** What is wrong with what a line made: '' if nothing. `said`: its stdout, for answers. */
export async function wrongWith({ task, prompt, flags }: Line, folder: string, said: string): Promise<string> {
  const read = async (name: string): Promise<Picture> => readPicture(path.join(folder, name))
  const given = flags.get('--image') ?? flags.get('--from') ?? []
  const before = given[0] === undefined ? undefined : await read(given[0])
  if (task === 'ask' || task === 'chat') {
    const answer = flags.has('--json') ? (JSON.parse(said.trim().split('\n').at(-1)!) as { text: string }).text : said.trim()
    if (prompt === 'Please describe this image.') return shows(detect(before!, 8), answer)
    const right = answerTo(prompt, before && detect(before, 8))
    return answer === right ? '' : `'${prompt}': ${answer}, expected ${right}`
  }
  const output = flags.get('--output')![0]!
  const count = Number(flags.get('--n')?.[0] ?? 1)
  const names = count === 1 ? [output] : Array.from({ length: count }, (_, i) => output.replace('.', `-${i + 1}.`))
  const found = await Promise.all(names.map(async (name) => small(await read(name), Number(flags.get('--scale')?.[0] ?? 1))))
  return (await Promise.all(found.map(judged))).filter((words) => words !== '').join('; ')

  async function judged(picture: Picture): Promise<string> {
    const [old, now] = [before && detect(before, 8), detect(picture, 8)]
    const differs = (what: string): string => `${task} ${prompt}: ${told(now)}, ${what}`
    switch (task) {
      case 'inpaint':
      case 'retouch': {
        const places = flags.get('--region')?.map(rectangleOf)
        const kept = !places || untouched(picture, before!, places) >= leastUntouched
        return kept ? shows(now, prompt) : differs('other places changed')
      }
      case 'edit': {
        const right = edited(old!, prompt)
        return now.background === right.background && sameThings(right.things, now.things, true) ? '' : differs(`from ${told(old!)}`)
      }
      case 'predict': {
        const kind = flags.get('--map')![0] as MapKind
        const drawn = drawMap(kind, sceneOf(old!.background, old!.things as Thing[]))
        return mapOverlap(kind, drawn, picture) >= rightOverlap ? '' : differs(`expected the ${kind} map of ${told(old!)}`)
      }
      case 'style': {
        const style = detect(await read(flags.get('--style')![0]!), 8)
        return now.background === style.background && sameThings(old!.things, now.things, false) ? '' : differs(`of ${told(old!)}`)
      }
      case 'view':
        return now.background === old!.background && sameThings(old!.things, now.things, false) ? '' : differs(`of ${told(old!)}`)
      default:
        return shows(now, prompt)
    }
  }
}
