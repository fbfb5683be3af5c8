// A real browser (Debian's chromium) before a real server with the miniature. What the page says on its console, and whatever breaks its
// content security policy, fails the test.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { chromium, type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, vi } from 'vitest'
import type { Runner } from '../../lib/runner/runner.js'
import { loadModel } from '../../lib/model/load.js'
import type { DimooModel } from '../../lib/model/model.js'
import { createServer } from '../../lib/server/app.js'
import type { ServerOptions } from '../../lib/server/types.js'

const CHROMIUM = process.env['DIMOO_CHROMIUM'] ?? '/usr/bin/chromium'
// Seconds on a machine of one's own, minutes on one that many share.
vi.setConfig({ testTimeout: 300_000 })

const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'

/** Skipped in words where there is no chromium. */
export const studio = existsSync(CHROMIUM) ? describe : describe.skip
if (!existsSync(CHROMIUM)) console.warn(`the studio's tests are skipped: no ${CHROMIUM} (apt-get install chromium, or DIMOO_CHROMIUM)`)

export interface World {
  readonly model: DimooModel
  readonly browser: Browser
}

/** One browser and one model a file. */
export function world(): World {
  const made = {} as { model: DimooModel; browser: Browser }
  beforeAll(async () => {
    expect(existsSync(path.resolve(import.meta.dirname, '../../dist/studio/index.html')), 'npm run prepare builds the studio').toBe(true)
    made.model = await loadModel(undefined, { threads: 1 }) // the browser has the others
    made.browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(' ') })
  })
  afterAll(async () => {
    await made.browser.close()
    await made.model.close()
  })
  return made
}

export async function listen(runner: Runner, options: ServerOptions = {}, port = 0): Promise<{ url: string; close: () => Promise<void> }> {
  const app = createServer(runner, { drainMs: 0, ...options })
  const url = await app.listen({ port, host: '127.0.0.1' })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => (closed ??= app.close())
  onTestFinished(close)
  return { url, close }
}

/** A page of its own. Whatever it complains of fails the test, but for what `expected` matches. */
export async function open(browser: Browser, url: string, options: BrowserContextOptions = {}, expected?: RegExp): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(100_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  onTestFinished(async () => {
    await context.close()
    expect(complaints.filter((text) => expected === undefined || !expected.test(text))).toEqual([])
  })
  await page.goto(url)
  return page
}

/** Fills the prompt, and presses Generate. */
export async function generate(page: Page, prompt: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
  await page.getByRole('textbox').first().fill(prompt)
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).first().fill(value)
  await page.getByRole('button', { name: 'Generate' }).click()
}

/** RGB of an image as it was loaded, or of a canvas. */
export async function pixelsOf(image: Locator): Promise<number[]> {
  return image.evaluate(async (element) => {
    const picture = element as HTMLImageElement | HTMLCanvasElement
    if ('decode' in picture) await picture.decode()
    const { width, height } = 'decode' in picture ? { width: picture.naturalWidth, height: picture.naturalHeight } : picture
    const context = new OffscreenCanvas(width, height).getContext('2d')!
    context.drawImage(picture, 0, 0)
    return [...context.getImageData(0, 0, width, height).data].filter((_, i) => i % 4 !== 3)
  })
}

/** Red, green and blue of each pixel. */
export function inThrees(values: readonly number[]): number[][] {
  return Array.from({ length: values.length / 3 }, (_, i) => values.slice(3 * i, 3 * i + 3))
}

/** A run of some seconds on a quick machine too, for a person to be quick enough: 576 cells, a few a step. */
export const slow = { Steps: '96', 'Width in pixels': '192', 'Height in pixels': '192', Seed: '4' } as const

/** Drags over an element, between shares of its sides. */
export async function stroke(page: Page, element: Locator, ...points: readonly (readonly [number, number])[]): Promise<void> {
  await element.scrollIntoViewIfNeeded()
  await page.evaluate(() => scrollTo(0, 0))
  const box = (await element.boundingBox())!
  const at = ([x, y]: readonly [number, number]): [number, number] => [box.x + x * box.width, box.y + y * box.height]
  await page.mouse.move(...at(points[0]!))
  await page.mouse.down()
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 8 })
  await page.mouse.up()
}
