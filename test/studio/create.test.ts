// The studio draws a picture before one's eyes: the page as it is served, its form, the live picture, the timeline, and one's part in it.
import { gzipSync } from 'node:zlib'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { connect } from '../../lib/client/index.js'
import type { ImageStep } from '../../lib/run/steps.js'
import { generate, inThrees, listen, open, pixelsOf, studio, world } from './world.js'

studio('the studio', () => {
  const made = world()

  test('is one page of under 120 kB gzipped, served with its types and a strict policy, unless it is left out', async () => {
    const folder = path.resolve(import.meta.dirname, '../../dist/studio')
    const files = (readdirSync(folder, { recursive: true }) as string[]).map((name) => path.join(folder, name))
    const bytes = files.filter((file) => statSync(file).isFile()).map((file) => gzipSync(readFileSync(file)).length)
    expect(bytes.reduce((sum, one) => sum + one)).toBeLessThan(120_000)
    const { url } = await listen(made.model)
    const page = await fetch(url)
    const html = await page.text()
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'")
    const again = await fetch(url, { headers: { 'if-none-match': page.headers.get('etag')! } })
    expect(again.status).toBe(304)
    const assets = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, place]) => place!)
    expect(assets.length).toBeGreaterThan(1)
    for (const place of assets) {
      const asset = await fetch(`${url}${place}`)
      expect([asset.status, asset.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable'])
    }
    // Nothing comes from elsewhere.
    expect(html.replaceAll("xmlns='http://www.w3.org/2000/svg'", '')).not.toMatch(/https?:/)
    const without = await listen(made.model, { studio: false })
    expect((await fetch(without.url)).status).toBe(404)
  })

  test('a picture comes into being: cells decided step by step, a timeline, an image with its prompt', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    const prompt = 'a large yellow star on a black background'
    await generate(page, prompt, { Steps: '12', Seed: '7' })
    await page.getByRole('application').waitFor()
    const picture = page.getByRole('img', { name: prompt })
    await picture.waitFor()
    expect(await page.getByRole('button', { name: /generate/i }).count()).toBe(1)
    const again = made.model.generate({ prompt, steps: 12, seed: 7 })
    const steps: ImageStep[] = []
    for await (const step of again) steps.push(step)
    const own = await again.result()
    const drawn = await pixelsOf(picture)
    expect(Uint8Array.from(drawn)).toEqual(own.image.data)
    // Every step can be looked at again.
    await page.getByRole('slider', { name: 'Step' }).fill('3')
    await page.getByText('4 / 12').waitFor()
    expect(await picture.count()).toBe(0)
    const [draft, cells] = [page.locator('.stage-picture canvas').nth(0), page.locator('.stage-picture canvas').nth(1)]
    const { tokens, masked } = steps[3]!
    const held = await steps[3]!.decode({ quality: 'draft' })
    await expect.poll(async () => Uint8Array.from(await pixelsOf(draft))).toEqual(held.data)
    await page.getByLabel('Masked cells').selectOption('grey')
    const grey = async (): Promise<boolean[]> => inThrees(await pixelsOf(cells)).map(([red]) => red === 0x83)
    await expect.poll(grey).toEqual(Array.from(tokens, (code) => code === -1))
    expect([masked > 0, masked < tokens.length]).toEqual([true, true])
    await page.getByLabel('Masked cells').selectOption('held')
    await page.getByLabel('Confidence').check()
    await expect
      .poll(async () => inThrees(await pixelsOf(cells)).filter((pixel) => pixel.some((one) => one > 0)).length)
      .toBe(tokens.length - masked)
    await page.getByLabel('Confidence').uncheck()
    await page.getByRole('button', { name: 'Newest' }).click()
    await picture.waitFor()
  })

  test('a preset says what it sets; what is filled in stands above it; a fork has its numbers', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await page.getByRole('radio', { name: 'Best' }).check()
    await page.getByText('Sets steps 24, best of 4; a field that is filled in stands above it.').waitFor()
    await page.getByRole('radio', { name: 'Fast' }).check()
    await page.getByText('Sets steps 8;').waitFor()
    expect(await page.getByLabel('Steps', { exact: true }).first().getAttribute('placeholder')).toBe('8')
    await generate(page, 'a red circle')
    await page.getByText('Finished after 8 of 8 steps').waitFor()
    await page.getByRole('radio', { name: 'Best' }).check()
    await generate(page, 'a blue square', { Steps: '5', Seed: '2' })
    await page.getByText('Finished after 5 of 5 steps').waitFor()
    await page.getByRole('group', { name: 'Pictures of this run' }).getByRole('button').nth(0).waitFor()
    await page.getByRole('slider', { name: 'Step' }).fill('2')
    await page.getByRole('button', { name: 'Fork…' }).click()
    await page.getByRole('button', { name: 'Start the fork' }).click()
    await page.getByText(/from step 3, done/).waitFor()
    const [fork] = await connect(url).runs()
    const result = await (await connect(url).attach(fork!.id)).result()
    expect('images' in result && result.images).toMatchObject([{ parameters: { steps: 5, startStep: 2 } }])
  })
})
