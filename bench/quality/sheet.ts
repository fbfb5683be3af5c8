// A sheet to look at: a row a kind; each case shows what was given, what came back (framed green where it is right, red where not), and the
// words. Pixels of the embedded model's pictures become squares of `scale` a side. Text is set by sharp's SVG renderer, so a sans-serif font
// must be installed.
import sharp from 'sharp'
import type { OverlayOptions } from 'sharp'
import { given } from './ask.js'
import type { Judged } from './measure.js'
import type { Picture } from './world/draw.js'

const gap = 8
const lineHeight = 13
const textLines = 4
const titleWidth = 84
const [ink, right, wrong] = ['#222', '#1a9850', '#d73027']

interface Placed {
  readonly left: number
  readonly top: number
  readonly picture: Picture
  readonly frame?: string
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

function text(left: number, top: number, line: string, color = ink, weight = 'normal'): string {
  return `<text x="${left}" y="${top}" font-family="sans-serif" font-size="10.5" font-weight="${weight}" fill="${color}">${escaped(line)}</text>`
}

/** Words in at most so many lines of at most so many letters; what does not fit is cut. */
function wrap(words: string, letters: number, most: number): string[] {
  const lines: string[] = ['']
  for (const word of words.split(' ')) {
    const last = lines.at(-1)!
    if (last === '' || last.length + word.length < letters) lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
    else lines.push(word)
  }
  return lines.length > most ? [...lines.slice(0, most - 1), `${lines[most - 1]!} ...`] : lines
}

const picturesOf = ({ one, answer }: Judged): Picture[] => [...given(one), ...(answer.picture ? [answer.picture] : [])]
const widthOf = (judged: Judged, side: number): number => Math.max(1, picturesOf(judged).length) * (side + gap) + gap

/** What a case says in black: its words, its view or its map; and what was answered in its verdict's colour. */
function linesOf(judged: Judged, side: number): (readonly [string, string])[] {
  const { one, answer, marks } = judged
  const letters = Math.floor((widthOf(judged, side) - gap) / 5.6)
  const asked = one.task === 'view' ? `view from: ${one.view}` : one.task === 'predict' ? `map: ${one.map}` : one.prompt
  const lines = (words: string, color: string, most: number): (readonly [string, string])[] =>
    wrap(words, letters, most).map((line) => [line, color])
  if (answer.text === undefined) return lines(asked, ink, textLines)
  const said = marks.right === 1 ? answer.text : `${answer.text || '(nothing)'}, not ${one.answers?.[0] ?? ''}`
  return [...lines(asked, ink, 2), ...lines(said, colorOf(judged), 2)]
}

const colorOf = ({ marks }: Judged): string => (marks.right === 1 ? right : wrong)

function tile(judged: Judged, left: number, top: number, side: number): { pictures: Placed[]; svg: string } {
  const pictures = picturesOf(judged).map((picture, i): Placed => {
    const made = picture === judged.answer.picture
    return { picture, left: left + gap / 2 + i * (side + gap), top, ...(made && { frame: colorOf(judged) }) }
  })
  const svg = linesOf(judged, side).map(([line, color], i) => text(left + gap / 2, top + side + (i + 1) * lineHeight, line, color))
  return { pictures, svg: svg.join('') }
}

/** The picture at its place, its longer side `side` pixels, pixels staying squares. */
async function toLayer({ picture, left, top }: Placed, side: number): Promise<OverlayOptions> {
  const { data, width, height, channels } = picture
  const scale = side / Math.max(width, height)
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)]
  const kernel = scale >= 1 ? 'nearest' : 'lanczos3'
  const input = await sharp(data, { raw: { width, height, channels } }).resize(w, h, { kernel }).png().toBuffer()
  return { input, left: Math.round(left), top: Math.round(top) }
}

function frameOf({ left, top, frame, picture: { width, height } }: Placed, side: number): string {
  if (frame === undefined) return ''
  const scale = side / Math.max(width, height)
  const [w, h] = [Math.round(width * scale) + 4, Math.round(height * scale) + 4]
  return `<rect x="${left - 2}" y="${top - 2}" width="${w}" height="${h}" fill="none" stroke="${frame}" stroke-width="2"/>`
}

export interface SheetRow {
  readonly title: string
  readonly tiles: readonly Judged[]
}

/** `scale`: pixels of the sheet for one of a picture of 64; larger pictures take no more room. */
export async function drawSheet(rows: readonly SheetRow[], scale = 2): Promise<Buffer> {
  const side = 64 * scale
  const rowHeight = side + textLines * lineHeight + 2 * gap
  const placed: Placed[] = []
  let svg = ''
  let width = 0
  for (const [i, { title, tiles }] of rows.entries()) {
    const top = gap + i * rowHeight
    svg += title
      .split(': ')
      .map((line, n) => text(gap, top + (n + 1) * lineHeight, line, ink, n === 0 ? 'bold' : 'normal'))
      .join('')
    let left = titleWidth
    for (const judged of tiles) {
      const { pictures, svg: words } = tile(judged, left, top, side)
      placed.push(...pictures)
      svg += words
      left += widthOf(judged, side)
    }
    width = Math.max(width, left)
  }
  svg += placed.map((one) => frameOf(one, side)).join('')
  const height = gap + rows.length * rowHeight
  const overlay = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${svg}</svg>`)
  const canvas = sharp({ create: { width, height, channels: 3, background: 'white' } })
  const layers = [...(await Promise.all(placed.map((one) => toLayer(one, side)))), { input: overlay, left: 0, top: 0 }]
  return canvas.composite(layers).png({ palette: true, colours: 128 }).toBuffer()
}

/** A row a kind. */
export function sheetRows(judged: readonly Judged[]): SheetRow[] {
  const titles = [...new Set(judged.map(({ one }) => `${one.task}: ${one.kind}`))]
  return titles.map((title) => ({ title, tiles: judged.filter(({ one }) => `${one.task}: ${one.kind}` === title) }))
}
