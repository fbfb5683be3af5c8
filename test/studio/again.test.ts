// What was done is done again: repeated from the history with its picture and mask, gone on with in another browser, forked as a tree,
// read out of the file; and what is said of it to those who do not see it.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { connect, type ImageResult, type RemoteRunner } from '../../lib/client/index.js'
import { readParameters } from '../../lib/parameters/read.js'
import { generate, listen, open, slow, stroke, studio, world } from './world.js'

studio('again', () => {
  const made = world()
  const latest = async (runner: RemoteRunner, count: number): Promise<ImageResult> => {
    await expect.poll(async () => (await runner.runs()).filter(({ state }) => state === 'done').length, { timeout: 60_000 }).toBe(count)
    return (await (await runner.attach((await runner.runs())[0]!.id)).result()) as ImageResult
  }
  const toHistory = async (page: Page): Promise<void> => {
    await page.getByRole('link', { name: 'History' }).click()
    await page.getByLabel('Search').waitFor()
  }

  test('a picture, an inpaint and a question are repeated to the same bits, whatever stands in the form; the file tells all of it', async () => {
    const { url } = await listen(made.model)
    const runner = connect(url)
    const page = await open(made.browser, url)
    const prompt = 'a red circle'
    await generate(page, prompt, { Seed: '5' })
    const first = await latest(runner, 1)
    await page.getByText('Finished after').waitFor()
    await page.getByRole('button', { name: 'Use as input' }).click()
    await page.getByLabel('Task').selectOption('inpaint')
    await page.getByRole('button', { name: 'Rectangle' }).click()
    await stroke(page, page.getByRole('application'), [0.05, 0.05], [0.95, 0.4])
    await page.getByText('32 of 64 cells are drawn anew.', { exact: true }).waitFor()
    await generate(page, 'a blue square', { Seed: '6', Steps: '7' })
    const second = await latest(runner, 2)
    // Another time, and another form.
    await page.reload()
    await page.getByLabel('Task').selectOption('generate')
    await generate(page, 'something else', { Steps: '2', Temperature: '0.9', Guidance: '3', Seed: '1', 'Width in pixels': '72' })
    await latest(runner, 3)
    await toHistory(page)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download a blue square' }).click()
    const saved = await (await download).path()
    expect(await readParameters(readFileSync(saved))).toMatchObject({
      task: 'inpaint',
      prompt: 'a blue square',
      seed: '6',
      steps: 7,
      model: expect.anything() as unknown,
    })
    const item = page.getByRole('listitem').filter({ has: page.getByRole('button', { name: `Repeat ${prompt}` }) })
    await item.getByText('Parameters').click()
    await expect.poll(() => item.locator('pre').innerText()).toContain('"seed": "5"')
    await page.getByRole('button', { name: `Repeat ${prompt}` }).click()
    await page.getByRole('button', { name: 'Generate' }).click()
    expect((await latest(runner, 4)).tokens).toEqual(first.tokens)
    await toHistory(page)
    await page.getByRole('button', { name: 'Repeat a blue square' }).click()
    await page.getByText('32 of 64 cells are drawn anew.', { exact: true }).waitFor()
    const given = page.getByRole('img', { name: 'The given picture' })
    expect(await given.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(64)
    await page.getByRole('button', { name: 'Generate' }).click()
    const again = await latest(runner, 5)
    expect(again.tokens).toEqual(second.tokens)
    expect(again.parameters).toEqual(second.parameters)
    // A question too.
    await page.getByRole('link', { name: 'Ask and chat' }).click()
    await page.getByLabel('Pictures', { exact: true }).setInputFiles(saved)
    await page.getByLabel('Question', { exact: true }).fill('What color is the square?')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await expect.poll(async () => (await runner.runs())[0]).toMatchObject({ task: 'ask', state: 'done' })
    await page.getByRole('status').filter({ hasText: 'Answer:' }).waitFor({ state: 'attached' })
    await page.reload()
    await toHistory(page)
    await page.getByRole('button', { name: 'Repeat What color is the square?' }).click()
    await page.locator('.given img').waitFor()
    expect(await page.getByLabel('Question', { exact: true }).inputValue()).toBe('What color is the square?')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await expect.poll(async () => (await runner.runs()).filter(({ task, state }) => task === 'ask' && state === 'done').length).toBe(2)
    await expect.poll(() => page.getByRole('link', { name: /^Runs/ }).innerText()).toBe('Runs')
  })

  test('a saved run goes on in another browser, before another server with the same model, to the same picture', async () => {
    const [here, there] = [await listen(made.model), await listen(made.model)]
    const page = await open(made.browser, here.url)
    await generate(page, 'a red circle', { ...slow, Steps: '144' })
    await page.getByText(/^Step \d{2}/).waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('Paused at step').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save the run' }).click()
    const saved = await download
    expect(saved.suggestedFilename()).toBe('a-red-circle.dimoo-run')
    const bytes = readFileSync(await saved.path())
    await page.getByRole('button', { name: 'Go on' }).click()
    const first = await latest(connect(here.url), 1)
    const other = await open(made.browser, there.url)
    await other
      .getByLabel('Saved run')
      .first()
      .setInputFiles({ name: saved.suggestedFilename(), mimeType: 'application/octet-stream', buffer: bytes })
    await other.getByText('Finished after').waitFor()
    expect((await latest(connect(there.url), 1)).tokens).toEqual(first.tokens)
    // One of a conversation goes on where conversations are.
    const ask = made.model.chat({ messages: [{ role: 'user', content: 'What color is the circle?' }], steps: 32, length: 64 })
    await ask[Symbol.asyncIterator]().next()
    await ask.pause()
    const text = Buffer.from(await ask.snapshot())
    ask.abort()
    await ask.result().catch(() => undefined)
    await other.getByLabel('Saved run').first().setInputFiles({ name: 'ask.dimoo-run', mimeType: 'application/octet-stream', buffer: text })
    await other.getByText('(a run that was saved)').waitFor()
    await other.getByRole('status').filter({ hasText: 'Answer:' }).waitFor({ state: 'attached' })
  })

  test('forks of forks, with other prompts from steps that are looked at, stand as a tree; pinned cells stay in mid-run', async () => {
    const { url } = await listen(made.model)
    const runner = connect(url)
    const page = await open(made.browser, url)
    const said: string[] = []
    await page.exposeFunction('hear', (words: string) => said.push(words))
    await page.evaluate(() => {
      const status = document.querySelector('p.unseen[role=status]')!
      const { hear } = globalThis as unknown as { hear: (words: string | null) => void }
      const tell = (): void => hear(status.textContent)
      new MutationObserver(tell).observe(status, { childList: true, characterData: true, subtree: true })
    })
    await generate(page, 'a red circle', { ...slow, Seed: '5' })
    await page.getByText('Finished after').waitFor()
    // What a screen reader says on the way.
    expect(said).toContain('“a red circle”: 50 percent.')
    expect(said.at(-1)).toBe('“a red circle” is finished.')
    for (const [prompt, step] of [
      ['a blue square', 20],
      ['a green triangle', 40],
    ] as const) {
      await page.getByRole('slider', { name: 'Step' }).fill(String(step))
      await page.getByText(new RegExp(`^${step + 1} / `)).waitFor()
      await page.getByRole('button', { name: 'Fork…' }).click()
      await page.getByLabel('Prompt of the fork').fill(prompt)
      await page.getByRole('button', { name: 'Start the fork' }).click()
      await page.getByRole('img', { name: prompt, exact: true }).waitFor()
    }
    const tree = page.getByRole('region', { name: 'Runs on this page' })
    const child = tree.locator('ul ul > li').filter({ hasText: 'a blue square' }).first()
    await child.getByText('from step 21, done').waitFor()
    const grandchild = child.locator('ul > li')
    expect(await grandchild.innerText()).toMatch(/a green triangle\s+from step 41, done/)
    const [third, , parent] = await runner.runs()
    const [of, from] = [await (await runner.attach(third!.id)).result(), await (await runner.attach(parent!.id)).result()]
    expect('images' in of && of.images).toMatchObject([{ parameters: { prompt: 'a green triangle', startStep: 40 } }])
    expect('tokens' in of && 'tokens' in from && of.tokens).not.toEqual('tokens' in from && from.tokens)
    await page.getByRole('button', { name: 'Side by side (3)' }).click()
    expect(await page.getByRole('list', { name: 'This run and its forks' }).getByRole('application').count()).toBe(3)
    await page.getByRole('button', { name: 'Side by side (3)' }).click()
    // Held: what is pinned is not sent back.
    await generate(page, 'a blue square', { ...slow, Steps: '240', Seed: '9' })
    await page.getByText(/^Step (?:1[5-9]|2\d)\d/).waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('Paused at step').waitFor()
    const picture = page.getByRole('application')
    await page.getByRole('button', { name: 'Pin', exact: true }).click()
    await stroke(page, picture, [0.02, 0.3], [0.98, 0.3])
    const pinned = Number(/\d+/.exec(await page.getByRole('button', { name: /^Unpin/ }).innerText())![0])
    await page.getByRole('button', { name: 'Mark', exact: true }).click()
    await stroke(page, picture, [0.02, 0.3], [0.98, 0.3])
    expect(pinned).toBeGreaterThan(0)
    expect(await page.getByRole('button', { name: /^Send/ }).count()).toBe(0)
    await stroke(page, picture, [0.02, 0.5], [0.98, 0.5], [0.98, 0.7], [0.02, 0.7], [0.02, 0.9], [0.98, 0.9])
    const back = page.getByRole('button', { name: /^Send/ })
    const free = Number(/\d+/.exec(await back.innerText())![0])
    await back.click()
    await back.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByRole('img', { name: 'a blue square', exact: true }).waitFor()
    expect((await latest(runner, 4)).remasked).toMatchObject([{ cells: free }])
  })
})
