// What people do without thinking: press twice, drop what is no picture, close the wrong thing, delete what still runs, forbid storage.
import sharp from 'sharp'
import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { loadModel } from '../../lib/model/load.js'
import { connect } from '../../lib/client/index.js'
import { ScriptedRunner } from '../server/scripted.js'
import { generate, listen, open, slow, studio, world } from './world.js'

const NETWORK = /Failed to load resource|net::ERR/

studio('a person who does not think', () => {
  const made = world()
  const png = async (width: number, height: number): Promise<Buffer> =>
    sharp({ create: { width, height, channels: 3, background: '#d02020' } })
      .png()
      .toBuffer()
  const drop = (
    page: Page,
    at: string,
    files: readonly { readonly name: string; readonly type: string; readonly base64: string }[],
  ): Promise<boolean> =>
    page
      .locator(at)
      .first()
      .evaluate((element, all) => {
        const data = new DataTransfer()
        for (const { name, type, base64 } of all)
          data.items.add(new File([Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))], name, { type }))
        // False: the page keeps the browser from leaving for the file.
        return element.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }))
      }, files)

  test('a double click starts one run, two presses start two, whose seeds follow each other', async () => {
    const runner = new ScriptedRunner()
    const { url } = await listen(runner)
    const page = await open(made.browser, url)
    await page.getByRole('textbox').first().fill('a red circle')
    await page.getByLabel('Seed', { exact: true }).fill('41')
    await page.getByLabel('Seed of the next run').selectOption('next')
    const button = page.getByRole('button', { name: 'Generate' })
    await button.dblclick()
    await expect.poll(() => runner.runs.length).toBe(1)
    await button.click({ delay: 700 })
    await expect.poll(() => runner.runs.length).toBe(2)
    await button.press('Enter')
    await expect.poll(() => runner.runs.length).toBe(3)
    expect(runner.runs.map(({ request }) => (request as { readonly seed: string }).seed)).toEqual(['41', '42', '43'])
  })

  test('the second click of a double click hits nothing that moved up meanwhile', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    for (const prompt of ['one', 'two', 'three', 'four']) {
      await generate(page, prompt, { Steps: '2' })
      await page.getByRole('img', { name: prompt, exact: true }).waitFor()
    }
    await page.getByRole('slider', { name: 'Step' }).fill('0')
    await page.getByRole('button', { name: 'Fork…' }).click()
    await page.getByRole('button', { name: 'Start the fork' }).dblclick({ delay: 100 })
    await page.getByText('from step 1, done').waitFor()
    expect((await connect(url).runs()).length).toBe(5)
    await page.getByRole('link', { name: 'History' }).click()
    await page.getByText('5 of 5 runs').waitFor()
    const { x, y, width, height } = (await page.getByRole('button', { name: 'Delete two' }).boundingBox())!
    const click = (clickCount: number): Promise<void> => page.mouse.down({ clickCount }).then(() => page.mouse.up({ clickCount }))
    await page.mouse.move(x + width / 2, y + height / 2)
    await click(1)
    await page.getByText('4 of 4 runs').waitFor()
    await click(2)
    await page.waitForTimeout(300)
    await page.getByText('4 of 4 runs').waitFor()
    // An empty question is no silence.
    await page.getByRole('link', { name: 'Ask and chat' }).click()
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await page.getByText('Write a question first.').waitFor()
  })

  test('very long prompts and those from right to left: shown in a few lines, in their direction, refused in a sentence', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url, { viewport: { width: 390, height: 800 } }, NETWORK)
    const hebrew = 'כוכב צהוב גדול על רקע שחור'
    const prompt = `${hebrew} ${'star '.repeat(300)}`
    await generate(page, prompt, { Steps: '2' })
    await page.getByText('Finished after').waitFor()
    const directionOf = (selector: string): Promise<string> =>
      page
        .locator(selector)
        .first()
        .evaluate((element) => getComputedStyle(element).direction)
    expect([await directionOf('#prompt'), await directionOf('.run-card .words')]).toEqual(['rtl', 'rtl'])
    for (const [view, item] of [
      ['runs', '.queue-item'],
      ['history', '.history-item'],
    ] as const) {
      await page.goto(`${url}#${view}`)
      await page.locator(item).waitFor()
      expect(await directionOf(`${item} p`), view).toBe('rtl')
      expect((await page.locator(`${item} p`).first().boundingBox())!.height, view).toBeLessThan(120)
      expect(await page.evaluate(() => document.scrollingElement!.scrollWidth), view).toBeLessThanOrEqual(390)
    }
    await page.goto(`${url}#create`)
    await generate(page, 'x'.repeat(200_000))
    await page.locator('.problem, .failed').first().waitFor()
    expect((await page.locator('.problem, .failed').first().innerText()).length).toBeLessThan(600)
    await generate(page, 'a blue square', { Steps: '2' })
    await page.getByRole('img', { name: 'a blue square', exact: true }).waitFor()
  })

  test('files that are no pictures are named, a good one among them is taken; dropped beside the form they stay on the page', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url, {}, NETWORK)
    await page.getByLabel('Task').selectOption('inpaint')
    const good = { name: 'good.png', type: 'image/png', base64: (await png(64, 64)).toString('base64') }
    const empty = { name: 'empty.png', type: 'image/png', base64: '' }
    const words = { name: 'words.txt', type: 'text/plain', base64: btoa('words') }
    await drop(page, '.picture-field', [words])
    await page.getByText('words.txt is no picture that this browser reads.').waitFor()
    await drop(page, '.picture-field', [good, empty, words])
    await page.getByText('empty.png, words.txt are no pictures that this browser reads.').waitFor()
    await page.getByRole('img', { name: 'good.png' }).waitFor()
    // Anywhere on the page.
    expect(await drop(page, '.header', [{ ...good, name: 'beside.png' }])).toBe(false)
    await page.getByRole('img', { name: 'beside.png' }).waitFor()
    await page.getByRole('link', { name: 'Server' }).click()
    expect(await drop(page, 'main', [good])).toBe(false)
    await page.getByRole('link', { name: 'Create' }).click()
    // One that is far too large for the model is refused in a sentence, and the page goes on.
    await page.getByLabel('Picture (needed)').setInputFiles({ name: 'huge.png', mimeType: 'image/png', buffer: await png(8000, 6000) })
    await page.getByRole('img', { name: 'huge.png' }).waitFor()
    await page.getByRole('button', { name: 'Rectangle' }).click()
    const mask = (await page.getByRole('application').boundingBox())!
    await page.mouse.move(mask.x + 10, mask.y + 10)
    await page.mouse.down()
    await page.mouse.move(mask.x + 60, mask.y + 60, { steps: 4 })
    await page.mouse.up()
    await generate(page, 'a red circle', { Steps: '2' })
    await page.locator('.problem, .failed').first().waitFor()
    expect(await page.locator('.problem, .failed').first().innerText()).toContain(
      'image must be of at most 32000000 pixels here, got 8000 x 6000.',
    )
  })

  test('what is no snapshot, or one of another model, is refused in a sentence', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url, {}, NETWORK)
    const file = page.getByLabel('Saved run').first()
    for (const [bytes, what] of [
      [Buffer.alloc(0), 'empty'],
      [Buffer.from('words'), '<i>words</i>'],
      [await png(8, 8), 'a picture'],
    ] as const) {
      await file.setInputFiles({ name: what, mimeType: 'application/octet-stream', buffer: bytes })
      await page.locator('.problem').waitFor()
      await page.getByText(`${what} is no run that was saved.`).waitFor()
    }
    const stranger = await loadModel(undefined, { weights: 'q8_0', threads: 1 })
    try {
      const held = stranger.generate({ prompt: 'a blue square', seed: 1 })
      await held[Symbol.asyncIterator]().next()
      await held.pause()
      await file.setInputFiles({ name: 'a.dimoo-run', mimeType: 'application/octet-stream', buffer: Buffer.from(await held.snapshot()) })
      held.abort()
      await page.locator('.state-line .failed').waitFor()
      expect(await page.locator('.state-line .failed').innerText()).toMatch(
        /expected a snapshot of model miniature, got one of miniature \(another checkpoint\)\. Open it where that model is served\.$/,
      )
      expect(await page.getByRole('button', { name: /generate/i }).count()).toBe(1)
    } finally {
      await stranger.close()
    }
    await generate(page, 'a red circle', { Steps: '2' })
    await page.getByText('Finished after').waitFor()
  })

  test('back and forward go through the views, the skip link changes none of them, a reload stays', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle', slow)
    await page.getByText(/^Step \d/).waitFor()
    for (const name of ['History', 'Help', 'Ask and chat']) await page.getByRole('link', { name }).click()
    await page.goBack()
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    await page.goBack()
    await page.getByLabel('Search').waitFor()
    await page.getByRole('link', { name: 'Skip to the content' }).focus()
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement!.id)).toBe('main')
    await page.reload()
    await page.getByLabel('Search').waitFor()
    await page.goForward()
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    await page.goto(`${url}#create`)
    await page.getByRole('button', { name: 'Generate' }).waitFor()
  })

  test('a run that is deleted while it goes on stays deleted, in both tabs', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    const other = await page.context().newPage()
    await other.goto(`${url}#history`)
    await generate(page, 'a red circle', { Steps: '4' })
    await other.getByText('1 of 1 runs').waitFor()
    await generate(page, 'a blue square', slow)
    await page.getByText(/^Step \d/).waitFor()
    await other.getByText('2 of 2 runs').waitFor()
    await other.getByRole('button', { name: 'Delete a blue square' }).click()
    await other.getByText('1 of 1 runs').waitFor()
    await page.getByText('Finished after').waitFor()
    await page.getByRole('link', { name: 'History' }).click()
    await page.getByText('1 of 1 runs').waitFor()
    await page.getByText('a red circle', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Delete a red circle' }).click()
    await other.getByText('0 of 0 runs').waitFor()
  })

  test('without storage the page draws, and the history says that nothing is kept', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, 'about:blank')
    await page.addInitScript(() => {
      const refused = (): never => {
        throw new DOMException('refused', 'SecurityError')
      }
      Object.defineProperty(globalThis, 'localStorage', { get: refused })
      IDBFactory.prototype.open = refused
    })
    await page.goto(url)
    await page.getByLabel('Theme').selectOption('dark')
    await generate(page, 'a red circle', { Steps: '2' })
    await page.getByRole('img', { name: 'a red circle', exact: true }).waitFor()
    await page.getByRole('link', { name: 'History' }).click()
    await page.getByText('This browser keeps no history for this page').waitFor()
  })

  test('what another version of the page left in the browser does no harm', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, 'about:blank')
    await page.addInitScript(() => {
      localStorage.setItem('dimoo.task', 'paint')
      localStorage.setItem('dimoo.draft', '{"prompt":{"a":1},"steps":"many","image":"x","cache":[1]}')
      localStorage.setItem('dimoo.theme', 'pink')
    })
    await page.goto(url)
    await page.getByLabel('Steps', { exact: true }).first().fill('2')
    await generate(page, 'a red circle')
    await page.getByRole('img', { name: 'a red circle', exact: true }).waitFor()
  })

  test('the key dialog stays however often one closes it; Control+Enter starts the fork that is written', async () => {
    const key = 'k'.repeat(20)
    const { url } = await listen(made.model, { apiKeys: [{ name: 'me', key }] })
    const page = await open(made.browser, url, {}, NETWORK)
    await page.getByLabel('API key', { exact: true }).waitFor()
    for (let i = 0; i < 4; i++) await page.keyboard.press('Escape')
    await page.getByLabel('API key', { exact: true }).fill(key)
    await page.getByRole('button', { name: 'Use this key' }).click()
    await generate(page, 'a red circle', { Steps: '6' })
    await page.getByText('Finished after').waitFor()
    await page.getByRole('slider', { name: 'Step' }).fill('2')
    await page.getByRole('button', { name: 'Fork…' }).click()
    await page.getByLabel('Prompt of the fork').fill('a blue square')
    await page.keyboard.press('Control+Enter')
    await page.getByText(/from step 3, done/).waitFor()
    expect((await connect(url, { apiKey: key }).runs()).length).toBe(2)
  })

  test('an order that comes too late changes nothing: the run was over before it was held', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url, {}, NETWORK)
    let late = 0
    await page.route(/\/pause$/, async (route) => {
      await page.getByText('Finished after').waitFor()
      late++
      await route.continue()
    })
    await generate(page, 'a red circle', slow)
    await page.getByText(/^Step \d/).waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    // Meanwhile one looks elsewhere.
    for (const name of ['Help', 'History', 'Create']) await page.getByRole('link', { name }).click()
    await page.getByRole('img', { name: 'a red circle', exact: true }).waitFor()
    await expect.poll(() => late).toBe(1)
    await page.waitForTimeout(300)
    await page.getByText('Finished after').waitFor()
    expect(await page.getByRole('button', { name: 'Go on' }).count()).toBe(0)
  })
})
