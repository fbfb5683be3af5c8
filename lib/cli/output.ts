// Where pictures go: the formats that names ask for, and a name for every picture.
import path from 'node:path'
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import type { ImageFormat } from '../image/encode.js'

const FORMATS: Readonly<Record<string, ImageFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
}

/** Standard output as the place of one PNG. */
export const STDOUT = '-'

/** The format that the extension names. */
export function formatOf(file: string): ImageFormat {
  if (file === STDOUT) return 'png'
  const format = FORMATS[path.extname(file).toLowerCase()]
  if (!format) throw invalid(`output must end in ${Object.keys(FORMATS).join(', ')}, got ${show(file)}`)
  return format
}

const PLACES = ['index', 'image', 'seed', 'prompt'] as const

/** What may stand in a name's braces. */
interface Naming {
  /** Number of the prompt in its file, from 1; without a file, of the picture. */
  readonly index?: number
  readonly prompt: string
  /** Of each picture. */
  readonly seeds: readonly string[]
}

/** Throws `request/invalid` for braces around anything else, and in a folder's name. */
export function checkPattern(file: string): void {
  const shown = PLACES.map((name) => `{${name}}`).join(', ')
  const { dir, base } = path.parse(file)
  if (PLACES.some((name) => dir.includes(`{${name}}`)))
    throw invalid(`output: expected ${shown} in the file's name, got a folder ${show(dir)}`)
  for (const [, place] of base.matchAll(/\{(\w*)\}/g)) {
    if (!(PLACES as readonly string[]).includes(place!)) throw invalid(`output: expected ${shown} in a name, got {${place!}}`)
  }
}

/**
 * `out-{seed}.png` for every picture of a run; a name that is the same for several gets what tells them apart: `out.png` becomes
 * `out-1.png`, `out-2.png`, ...; of a file of prompts `out-<index>.png`, or `out-<index>-<image>.png`.
 */
export function outputNames(file: string, { index, prompt, seeds }: Naming): string[] {
  const { dir, name, ext } = path.parse(file)
  const has = (...places: (typeof PLACES)[number][]): boolean => places.some((place) => name.includes(`{${place}}`))
  const byPrompt = index === undefined || has('index', 'seed', 'prompt') ? '' : '-{index}'
  const byImage = seeds.length === 1 || has('image', 'seed') || (index === undefined && has('index')) ? '' : '-{image}'
  return seeds.map((seed, i) => {
    const facts = { index: String(index ?? i + 1), image: String(i + 1), seed, prompt: slug(prompt) }
    const made = `${name}${byPrompt}${byImage}`.replace(/\{(\w+)\}/g, (_, place: keyof typeof facts) => facts[place])
    return path.join(dir, made + ext)
  })
}

/** Letters and digits of any script; everything else is a dash. */
function slug(text: string): string {
  const words = text.normalize('NFC').match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  return Array.from(words.join('-').toLowerCase()).slice(0, 60).join('').replace(/-$/, '') || 'picture'
}
