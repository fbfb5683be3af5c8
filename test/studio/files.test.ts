// Files and fields that are not what they should be: no pictures, too large ones, no snapshots, numbers out of range. Each is named, and the
// page goes on.
import sharp from 'sharp'
import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { connect } from '../../lib/client/index.js'
import { loadModel } from '../../lib/model/load.js'
import { generate, listen, open, studio, world } from './world.js'

const NETWORK = /Failed to load resource|net::ERR/

studio('files that are wrong', () => {
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

  test('a field that is refused is seen, also under Advanced; too many pictures, and a mask that is none, are said', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    const focused = (): Promise<string> => page.evaluate(() => (document.activeElement as HTMLInputElement).name)
    await generate(page, 'a red circle', { Steps: '0' })
    await expect.poll(focused).toBe('steps')
    expect(await page.locator('details').evaluate((element) => (element as HTMLDetailsElement).open)).toBe(false)
    await page.getByLabel('Steps', { exact: true }).first().fill('2')
    await page.getByText('Advanced').click()
    await page.getByLabel('Deadline (ms)').fill('-1')
    await page.getByText('Advanced').click()
    await page.getByRole('button', { name: 'Generate' }).click()
    await expect.poll(focused).toBe('deadlineMs')
    expect(await page.getByLabel('Deadline (ms)').isVisible()).toBe(true)
    expect((await connect(url).runs()).length).toBe(0)
    await page.getByLabel('Deadline (ms)').fill('')
    const picture = { name: 'good.png', mimeType: 'image/png', buffer: await png(64, 64) }
    await page.getByLabel('Task').selectOption('inpaint')
    await page.getByLabel('Picture (needed)').setInputFiles(picture)
    await page.getByLabel('Mask file').setInputFiles({ name: 'mask.txt', mimeType: 'text/plain', buffer: Buffer.from('x') })
    await page.getByText('mask.txt is no picture that this browser reads.').waitFor()
    const base64 = picture.buffer.toString('base64')
    await drop(page, '.picture-field', [
      { name: 'one.png', type: 'image/png', base64 },
      { name: 'two.png', type: 'image/png', base64 },
    ])
    await page.getByText('One picture is taken here: the last one.').waitFor()
    await page.getByRole('img', { name: 'two.png' }).waitFor()
    await page.goto(`${url}#ask`)
    await page.locator('input[type=file]').setInputFiles(Array.from({ length: 17 }, (_, i) => ({ ...picture, name: `${i}.png` })))
    await page.getByText('At most 16 pictures are taken here: the last ones.').waitFor()
    expect(await page.locator('.given').count()).toBe(16)
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
})
