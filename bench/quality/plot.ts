// A line plot as SVG text: axes with ticks and units, error bars, a legend beside the lines. Nothing but what it is given.

export interface PlotPoint {
  readonly x: number
  readonly y: number
  readonly error: number
  /** What it is, where the axis does not say. */
  readonly label?: string
}
export interface Series {
  readonly name: string
  readonly color: string
  readonly points: readonly PlotPoint[]
}
export interface Axis {
  readonly label: string
  readonly ticks: readonly number[]
  /** Default: linear. */
  readonly scale?: 'linear' | 'log'
  readonly format?: (value: number) => string
}
export interface Plot {
  readonly title: string
  /** Below the title: what the points are. */
  readonly note: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** Default 'lines': points joined; 'marks': points alone. */
  readonly style?: 'lines' | 'marks'
}

const width = 760
const height = 400
const area = { left: 64, right: 590, top: 62, bottom: 344 }
const ink = '#333'

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const round = (value: number): number => Math.round(value * 10) / 10

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" fill="${ink}" ${more}>${escaped(content)}</text>`
}

/** From a value to pixels, the first and the last tick being the ends. */
function scaleOf({ ticks, scale = 'linear' }: Axis, from: number, to: number): (value: number) => number {
  const at = scale === 'log' ? Math.log2 : (value: number): number => value
  const [low, high] = [at(ticks[0]!), at(ticks.at(-1)!)]
  return (value) => from + ((at(value) - low) / (high - low)) * (to - from)
}

function axes({ x, y }: Plot, toX: (value: number) => number, toY: (value: number) => number): string {
  const { left, right, top, bottom } = area
  const across = x.ticks.map(
    (tick) =>
      `<line x1="${round(toX(tick))}" y1="${bottom}" x2="${round(toX(tick))}" y2="${bottom + 5}" stroke="${ink}"/>` +
      text(toX(tick), bottom + 19, (x.format ?? String)(tick), 'text-anchor="middle"'),
  )
  const up = y.ticks.map(
    (tick) =>
      `<line x1="${left}" y1="${round(toY(tick))}" x2="${right}" y2="${round(toY(tick))}" stroke="#ddd"/>` +
      text(left - 8, toY(tick) + 4, (y.format ?? String)(tick), 'text-anchor="end"'),
  )
  const middle = (top + bottom) / 2
  return [
    ...up,
    ...across,
    `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="${ink}"/>`,
    text((left + right) / 2, bottom + 42, x.label, 'text-anchor="middle"'),
    text(18, middle, y.label, `text-anchor="middle" transform="rotate(-90 18 ${middle})"`),
  ].join('\n')
}

function drawSeries({ points, color }: Series, plot: Plot, toX: (value: number) => number, toY: (value: number) => number): string {
  const path = points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${round(toX(x))} ${round(toY(y))}`).join('')
  const clip = (value: number): number => Math.min(plot.y.ticks.at(-1)!, Math.max(plot.y.ticks[0]!, value))
  const marks = points.map(({ x, y, error }) => {
    const [cx, low, high] = [round(toX(x)), round(toY(clip(y - error))), round(toY(clip(y + error)))]
    const bar = `<path d="M${cx} ${low}V${high}M${cx - 3} ${low}h6M${cx - 3} ${high}h6" stroke="${color}" fill="none"/>`
    return `${bar}<circle cx="${cx}" cy="${round(toY(y))}" r="3.5" fill="${color}"/>`
  })
  const line = (plot.style ?? 'lines') === 'lines' ? `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.6"/>` : ''
  return `${line}${marks.join('')}`
}

/** What points are, upwards above the axis: once for those of all series, moved apart where they lie closer than a line of text. */
function labels({ series }: Plot, toX: (value: number) => number): string {
  const known = new Map<string, number>()
  for (const { x, label } of series.flatMap(({ points }) => points)) if (label !== undefined && !known.has(label)) known.set(label, toX(x))
  let last = -Infinity
  return [...known]
    .sort((a, b) => a[1] - b[1])
    .map(([label, x]) => {
      last = Math.max(x + 3, last + 11)
      return text(last, area.bottom - 6, label, `font-size="10" transform="rotate(-90 ${round(last)} ${area.bottom - 6})"`)
    })
    .join('\n')
}

function legend(series: readonly Series[]): string {
  return series
    .map(({ name, color }, i) => {
      const y = area.top + 8 + i * 22
      const key = `<path d="M${area.right + 14} ${y}h18" stroke="${color}" stroke-width="2"/><circle cx="${area.right + 23}" cy="${y}" r="3.5" fill="${color}"/>`
      return key + text(area.right + 38, y + 4, name)
    })
    .join('\n')
}

export function drawPlot(plot: Plot): string {
  const toX = scaleOf(plot.x, area.left, area.right)
  const toY = scaleOf(plot.y, area.bottom, area.top)
  const lines = plot.series.map((series) => drawSeries(series, plot, toX, toY))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(area.left, 24, plot.title, 'font-size="15" font-weight="bold"'),
    text(area.left, 44, plot.note, 'font-size="11"'),
    axes(plot, toX, toY),
    labels(plot, toX),
    ...lines,
    legend(plot.series),
    '</svg>\n',
  ].join('\n')
}
