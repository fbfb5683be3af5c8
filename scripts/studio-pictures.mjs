// Pictures of the studio, by Debian's chromium before a server with the miniature: every view in both themes at five widths, into a folder
// (to look at; of some widths where they are named), or with --readme those that the README shows, into docs/.
//   node scripts/studio-pictures.mjs FOLDER [WIDTH…]
//   node scripts/studio-pictures.mjs --readme
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import sharp from 'sharp'
import { loadModel } from '../dist/index.js'
import { createServer } from '../dist/server/index.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
const VIEWS = ['create', 'ask', 'runs', 'history', 'server', 'help']
const WIDTHS = [360, 390, 1280, 2560, 3840]

const [target, ...others] = process.argv.slice(2)
if (target === undefined || (target.startsWith('-') && target !== '--readme')) {
  console.error('expected a folder, or --readme')
  process.exit(2)
}
const model = await loadModel()
const app = createServer(model, { drainMs: 0 })
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const browser = await chromium.launch({
  executablePath: process.env['DIMOO_CHROMIUM'] ?? '/usr/bin/chromium',
  args: FLAGS.split(' '),
})
try {
  if (target === '--readme') await readme()
  else await everyView(target)
} finally {
  await browser.close()
  await app.close()
  await model.close()
}

async function open(width, height, options = {}) {
  const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(120_000)
  const page = await context.newPage()
  await page.goto(url)
  return page
}

async function generate(page, prompt, fields) {
  await page.getByRole('textbox').first().fill(prompt)
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).first().fill(value)
  await page.getByRole('button', { name: 'Generate' }).click()
}

/** Drags over the picture, between shares of its sides. */
async function drag(page, ...points) {
  const box = await page.getByRole('application').first().boundingBox()
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height]
  await page.mouse.move(...at(points[0]))
  await page.mouse.down()
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 6 })
  await page.mouse.up()
}

async function everyView(folder) {
  mkdirSync(folder, { recursive: true })
  const page = await open(1280, 900)
  await generate(page, 'a large yellow star on a black background', { Steps: '24', Seed: '7' })
  await page.getByText('Finished after').waitFor()
  await page.getByRole('slider', { name: 'Step' }).fill('9')
  await page.getByRole('button', { name: 'Fork…' }).click()
  await page.getByLabel('Prompt of the fork').fill('a large red star on a white background')
  await page.getByRole('button', { name: 'Start the fork' }).click()
  await page.getByText('from step 10, done').waitFor()
  await page.getByLabel('Confidence').check()
  await page.getByRole('link', { name: 'Ask and chat' }).click()
  await page.getByLabel('Question', { exact: true }).fill('There is a red circle. What color is the circle?')
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await page.locator('.answer .unsettled').waitFor({ state: 'detached' })
  for (const width of others.length > 0 ? others.map(Number) : WIDTHS) {
    await page.setViewportSize({ width, height: width === 3840 ? 2160 : Math.max(800, Math.round(width * 0.62)) })
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      for (const view of VIEWS) {
        await page.goto(`${url}#${view}`)
        await page.waitForTimeout(400)
        await page.screenshot({ path: path.join(folder, `${view}-${colorScheme}-${width}.png`), fullPage: true })
      }
      await besides(page, async (name) => {
        await page.waitForTimeout(400)
        await page.screenshot({ path: path.join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true })
      })
    }
  }
}

/** What the views show only when one does something: a mask, a border, runs side by side, two pictures compared. */
async function besides(page, shot) {
  await page.goto(`${url}#create`)
  const side = page.getByRole('button', { name: 'Side by side (2)' })
  await side.click()
  await shot('family')
  await side.click()
  await page.getByRole('button', { name: 'Fork…' }).click()
  await page.getByText('Advanced').click()
  await shot('fork-and-fields')
  await page.getByText('Advanced').click()
  await page.getByRole('button', { name: 'Not now' }).click()
  if (await page.getByRole('button', { name: 'Newest' }).isEnabled()) await page.getByRole('button', { name: 'Newest' }).click()
  await page.getByRole('button', { name: 'Use as input' }).click()
  await page.getByLabel('Task').selectOption('inpaint')
  await page.getByRole('button', { name: 'Mask', exact: true }).click()
  await page.getByRole('button', { name: 'Brush' }).click()
  await page.getByRole('application').first().scrollIntoViewIfNeeded()
  await drag(page, [0.2, 0.3], [0.6, 0.3], [0.6, 0.6])
  await shot('mask')
  await page.getByLabel('Zoom').fill('8')
  await shot('mask-zoomed')
  await page.getByLabel('Zoom').fill('1')
  await page.getByLabel('Task').selectOption('outpaint')
  await page.getByRole('group', { name: 'Extend' }).getByLabel('Left').fill('16')
  await page.getByRole('button', { name: 'Border', exact: true }).click()
  await shot('border')
  await page.getByLabel('Task').selectOption('generate')
  await page.goto(`${url}#history`)
  await page.getByLabel('Compare').nth(1).waitFor()
  for (const box of (await page.getByLabel('Compare').all()).slice(0, 2)) await box.check()
  await shot('comparison')
}

async function readme() {
  if (others[0] !== 'film') await themes()
  await midRun(path.join(root, 'docs/studio/mid-run.webp'))
}

async function themes() {
  const folder = path.join(root, 'docs/studio')
  mkdirSync(folder, { recursive: true })
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(1280, 900, { colorScheme })
    await generate(page, 'a large yellow star on a black background', { Steps: '24', Seed: '7' })
    await page.getByText('Finished after').waitFor()
    await page.getByRole('slider', { name: 'Step' }).fill('14')
    if (colorScheme === 'dark') await page.getByLabel('Confidence').check()
    else await page.getByLabel('Masked cells').selectOption('grey')
    await page.evaluate('document.activeElement.blur(), scrollTo(0, 0)')
    await page.mouse.move(5, 5)
    await page.waitForTimeout(400)
    writeFileSync(
      path.join(folder, `${colorScheme}.webp`),
      await sharp(await page.screenshot())
        .webp({ quality: 82 })
        .toBuffer(),
    )
  }
}

/** Cells of a run that goes on are sent back to the mask, and decided again: its steps, one a picture, with the marks where they were set. */
async function midRun(file) {
  const page = await open(900, 760, { colorScheme: 'dark' })
  // Large company in every pass, so that a hand is quick enough to hold the run.
  const company = model.generate({ prompt: 'a red circle', width: 320, height: 320, steps: 400 })
  company.result().catch(() => undefined)
  await generate(page, 'a large yellow star on a black background', { Steps: '64', Seed: '7' })
  await page.getByLabel('Masked cells').selectOption('grey')
  await page.getByText(/^Step (3[6-9]|4\d)/).waitFor()
  await page.getByRole('application').focus()
  await page.keyboard.press('p')
  const paused = await page.getByText(/^Paused at step/).innerText()
  company.abort()
  const held = Number(/\d+/.exec(paused)[0])
  await page.getByRole('button', { name: 'Mark', exact: true }).click()
  await page.getByLabel('Brush').fill('2')
  await page.evaluate('scrollTo(0, 0)')
  await drag(page, [0.3, 0.35], [0.65, 0.35], [0.65, 0.5])
  await page.evaluate('document.activeElement.blur()') // no cell is looked at
  await page.mouse.move(5, 5)
  const picture = page.locator('.stage-picture')
  const marked = await picture.screenshot()
  await page.getByRole('button', { name: /^Send/ }).click()
  await page.getByRole('button', { name: 'Look', exact: true }).click()
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByText('Finished after').waitFor()
  const slider = page.getByRole('slider', { name: 'Step' })
  const last = Number(await slider.getAttribute('max'))
  const frames = []
  for (let step = 2; step <= last; step += 3) {
    await slider.fill(String(step))
    await page.waitForTimeout(250)
    frames.push(await picture.screenshot())
    if (step < held && step + 3 >= held) frames.push(marked, marked)
  }
  await slider.fill(String(last))
  await page.waitForTimeout(300)
  const end = await picture.screenshot()
  frames.push(end, end, end)
  const pictures = await Promise.all(frames.map((frame) => sharp(frame).resize(320, 320, { fit: 'fill' }).toBuffer()))
  writeFileSync(
    file,
    await sharp(pictures, { join: { animated: true } })
      .webp({ quality: 70, delay: pictures.map(() => 350), loop: 0 })
      .toBuffer(),
  )
}
