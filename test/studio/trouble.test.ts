// What goes wrong is said in a sentence, and ends when its cause does: no key, a wrong one, a full queue, a server that is started again,
// a network that is cut, a model without pictures.
import { expect, test } from 'vitest'
import { QueueFullError } from '../../lib/base/errors.js'
import type { ModelInfo } from '../../lib/native/info.js'
import { INFO, ScriptedRunner } from '../server/scripted.js'
import { cable } from '../server/world.js'
import { generate, listen, open, slow, studio, world } from './world.js'

/** What a browser says of answers that are errors, whatever the page does about them. */
const NETWORK = /Failed to load resource|net::ERR/

studio('trouble', () => {
  const made = world()

  test('a key is asked for once; a wrong one is said', async () => {
    const key = 'k'.repeat(20)
    const { url } = await listen(made.model, { apiKeys: [{ name: 'me', key }] })
    const page = await open(made.browser, url, {}, NETWORK)
    await page.getByLabel('API key', { exact: true }).fill('x'.repeat(20))
    await page.getByRole('button', { name: 'Use this key' }).click()
    await page.getByText('This key is not known to the server.').waitFor()
    await page.getByLabel('API key', { exact: true }).fill(key)
    await page.getByRole('button', { name: 'Use this key' }).click()
    await generate(page, 'a red circle', { Steps: '4' })
    await page.getByRole('img', { name: 'a red circle', exact: true }).waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Generate' }).waitFor()
    await expect.poll(() => page.getByRole('button', { name: 'Generate' }).isEnabled(), { timeout: 30_000 }).toBe(true)
    expect(await page.getByLabel('API key').count()).toBe(0)
  })

  test('a full queue says when to come again; a model without pictures draws none', async () => {
    const runner = new ScriptedRunner()
    runner.refuse = new QueueFullError('queue: 1 run waits, and at most 1 may', 5000)
    const { url } = await listen(runner)
    const page = await open(made.browser, url, {}, NETWORK)
    await generate(page, 'a red circle')
    await page.getByText('The queue of the server is full. Try again in about 5 s.').first().waitFor()
    runner.refuse = undefined
    await page.getByRole('button', { name: 'Generate' }).click()
    await expect.poll(() => runner.runs.length, { timeout: 30_000 }).toBe(1)
    class TextOnly extends ScriptedRunner {
      override async info(): Promise<ModelInfo> {
        return { ...INFO, codebookSize: 0 }
      }
    }
    const text = await listen(new TextOnly())
    const other = await open(made.browser, text.url)
    await other.getByText('This model answers in text only').waitFor()
    expect(await other.getByRole('button', { name: 'Generate' }).isDisabled()).toBe(true)
  })

  test('a server that is started again: said, and over when it is there', async () => {
    const first = await listen(made.model)
    const page = await open(made.browser, first.url, {}, NETWORK)
    await generate(page, 'a red circle', slow)
    await page.getByText(/^Step \d/).waitFor()
    await first.close()
    await page.getByText('It is asked again every two seconds').waitFor()
    await listen(made.model, {}, Number(new URL(first.url).port))
    await page.getByText('It is asked again every two seconds').waitFor({ state: 'detached' })
    await page
      .getByText(/Start it again/)
      .first()
      .waitFor()
    await generate(page, 'a blue square', { Steps: '4' })
    await page.getByRole('img', { name: 'a blue square', exact: true }).waitFor()
  })

  test('a network that is cut for ten seconds: the run is followed again where it broke', async () => {
    const { url } = await listen(made.model)
    const between = await cable(url)
    const page = await open(made.browser, between.url, {}, NETWORK)
    // Large: not all of it may be on its way before the cut.
    await generate(page, 'a red circle', slow)
    await page.getByText(/^Step \d/).waitFor()
    between.refuse(true)
    between.cut()
    const since = performance.now()
    await page.getByText('It is asked again every two seconds').waitFor()
    // For ten seconds, in which the sentence stays and nothing of the run is lost.
    await page.waitForTimeout(Math.max(0, 10_000 - (performance.now() - since)))
    await page.getByText('It is asked again every two seconds').waitFor()
    await page.getByText(/^Step \d/).waitFor()
    between.refuse(false)
    await page.getByText('It is asked again every two seconds').waitFor({ state: 'detached' })
    await page.getByRole('img', { name: 'a red circle', exact: true }).waitFor()
    await page.getByRole('slider', { name: 'Step' }).fill('2')
    await page.getByText('3 / 96').waitFor()
  })
})
