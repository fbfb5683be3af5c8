// What people do without thinking: press twice, write pages into a field, close the wrong thing, delete what still runs, forbid storage.
import { expect, test } from 'vitest'
import { connect } from '../../lib/client/index.js'
import { ScriptedRunner } from '../server/scripted.js'
import { generate, listen, open, slow, studio, world } from './world.js'

const NETWORK = /Failed to load resource|net::ERR/

studio('a person who does not think', () => {
  const made = world()
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
