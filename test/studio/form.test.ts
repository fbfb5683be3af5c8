// The form: every field of the API with its sentence, sizes, seeds, and what a run is then asked for.
import { expect, test } from 'vitest'
import { connect } from '../../lib/client/index.js'
import type { ImageResult } from '../../lib/client/index.js'
import { generate, listen, open, studio, world } from './world.js'

/** Fields with widgets of their own: the prompt, sizes, the seed, presets; `start` is a fork, a region the mask. */
const OWN = ['prompt', 'width', 'height', 'seed', 'preset', 'start', 'region', 'mask']
/** What the page says itself about its runs. */
const OWN_OPTIONS = ['id', 'tag', 'previews', 'delivery', 'buffer']
const TASKS = ['generate', 'edit', 'inpaint', 'outpaint', 'retouch', 'control', 'predict', 'subject', 'style', 'view'] as const

interface Fields {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>
}

studio('the form', () => {
  const made = world()

  test('every field of every task stands in the form, with its sentence', async () => {
    const { url } = await listen(made.model)
    const schemas = await connect(url).schemas()
    const page = await open(made.browser, url)
    const form = page.getByRole('form', { name: 'What is drawn' })
    const sentences = (fields: Fields, except: readonly string[]): [string, string][] =>
      Object.entries(fields.properties!).flatMap(([name, { description = '' }]) => (except.includes(name) ? [] : [[name, description]]))
    await page.getByText('Advanced').click()
    for (const task of TASKS) {
      await page.getByLabel('Task').selectOption(task)
      const request = schemas.tasks[task].request as Fields & { readonly description?: string }
      await form.getByText(request.description!, { exact: true }).waitFor()
      const words = (await form.innerText()).replaceAll(/\s+/g, ' ')
      const all = [...sentences(request, OWN), ...sentences(schemas.options, OWN_OPTIONS)]
      expect(all.length).toBeGreaterThan(6)
      expect(
        all.filter(([, sentence]) => sentence === '' || !words.includes(sentence.replaceAll(/\s+/g, ' '))).map(([name]) => name),
        task,
      ).toEqual([])
    }
  })

  test('sizes by preset and freely, seeds that are locked, next or drawn: the run is what the form says', async () => {
    const { url } = await listen(made.model)
    const runner = connect(url)
    const page = await open(made.browser, url)
    const size = page.getByLabel('Size preset')
    const seed = page.getByLabel('Seed', { exact: true })
    const latest = async (count: number): Promise<ImageResult> => {
      await expect.poll(async () => (await runner.runs()).filter(({ state }) => state === 'done').length, { timeout: 60_000 }).toBe(count)
      return (await (await runner.attach((await runner.runs())[0]!.id)).result()) as ImageResult
    }
    await size.selectOption({ label: '16:9: 88 × 48' })
    await page.getByText('11 × 6 cells of 8 pixels.').waitFor()
    await generate(page, 'a red circle', { Steps: '3', Temperature: '0.7', Guidance: '0', 'Best of': '2', Seed: '41' })
    const first = await latest(1)
    expect(first.parameters).toMatchObject({ width: 88, height: 48, steps: 3, temperature: 0.7, guidance: 0 })
    expect(['41', '42']).toContain(first.seed) // the better one of two
    expect(first.images.every(({ score }) => score !== undefined)).toBe(true)
    // A locked seed stays.
    await page.getByText('Finished after').waitFor()
    expect(await seed.inputValue()).toBe('41')
    // The next one counts on from the one that was used.
    await page.getByLabel('Seed of the next run').selectOption('next')
    await page.getByLabel('Best of', { exact: true }).first().fill('')
    await page.getByLabel('Cache', { exact: true }).first().selectOption('on')
    await page.getByLabel('Height in pixels').fill('50')
    await page.getByText('Sides must be multiples of 8: the nearest are 88 × 48.').waitFor()
    await page.getByLabel('Height in pixels').fill('40')
    expect(await size.inputValue()).toBe('free')
    await page.getByRole('button', { name: 'Generate' }).click()
    const second = await latest(2)
    expect(second.parameters).toMatchObject({ height: 40, seed: '41' })
    expect(second.parameters.cache).toBeTruthy()
    await expect.poll(() => seed.inputValue()).toBe('42')
    // A random one is left to the run.
    await page.getByLabel('Seed of the next run').selectOption('random')
    expect(await seed.inputValue()).toBe('')
    await page.getByRole('button', { name: 'Generate' }).click()
    expect((await latest(3)).seed).not.toBe('42')
    expect(await seed.inputValue()).toBe('')
    await page.getByRole('button', { name: 'Draw one' }).click()
    expect(await seed.inputValue()).toMatch(/^\d+$/)
  })
})
