// What hands do: pictures dropped and pasted, the mask zoomed, panned and taken back, cells under the pointer, the timeline during a run;
// and what is said to those who do not see it.
import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { generate, inThrees, listen, open, pixelsOf, slow, stroke, studio, world } from './world.js'

studio('by hand', () => {
  const made = world()
  const circle = async (): Promise<string> => {
    const result = await made.model.generate({ prompt: 'a red circle', steps: 4, seed: 1 }).result()
    return Buffer.from(await result.encode('png')).toString('base64')
  }
  /** As a browser tells a page that files are dropped or pasted. */
  const hand = (page: Page, at: string, kind: 'drop' | 'paste', name: string, base64: string): Promise<void> =>
    page
      .locator(at)
      .first()
      .evaluate(
        (element, { kind: how, name: called, base64: text }) => {
          const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
          const data = new DataTransfer()
          data.items.add(new File([bytes], called, { type: 'image/png' }))
          const options = { bubbles: true, cancelable: true }
          element.dispatchEvent(
            how === 'drop'
              ? new DragEvent('drop', { ...options, dataTransfer: data })
              : new ClipboardEvent('paste', { ...options, clipboardData: data }),
          )
        },
        { kind, name, base64 },
      )

  test('pictures are dropped on the form or pasted anywhere; the mask is zoomed, panned, and taken back fifty strokes', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await page.getByLabel('Task').selectOption('inpaint')
    await hand(page, '.picture-field', 'drop', 'dropped.png', await circle())
    await page.getByRole('img', { name: 'dropped.png' }).waitFor()
    await hand(page, 'body', 'paste', 'pasted.png', await circle())
    await page.getByRole('img', { name: 'pasted.png' }).waitFor()
    await hand(page, '.picture-field', 'drop', 'no picture.png', Buffer.from('words').toString('base64'))
    await page.getByText('no picture.png is no picture that this browser reads.').waitFor()
    await page.getByRole('img', { name: 'pasted.png' }).waitFor()
    const mask = page.getByRole('application')
    const count = (cells: number): Promise<void> => page.getByText(`${cells} of 64 cells are drawn anew.`, { exact: true }).waitFor()
    await mask.focus()
    for (let i = 0; i < 52; i++) {
      await page.keyboard.press(i % 8 === 7 ? 'ArrowDown' : i % 16 < 8 ? 'ArrowRight' : 'ArrowLeft')
      await page.keyboard.press('Space')
    }
    const all = Number(/^\d+/.exec(await page.getByText(/of 64 cells are drawn anew/).innerText())![0])
    expect(all).toBeGreaterThan(40)
    const undo = page.getByRole('button', { name: 'Undo' })
    let back = 0
    for (; await undo.isEnabled(); back++) await undo.click()
    expect(back).toBe(50)
    await count(2)
    // Four times as large, and moved by the hand.
    await page.getByLabel('Zoom').fill('4')
    const scroller = page.locator('.mask-scroller')
    const width = await scroller.evaluate((element) => [element.clientWidth, element.scrollWidth])
    expect(width[1]! / width[0]!).toBeCloseTo(4, 1)
    // Nearer to what was in the middle.
    const middle = await scroller.evaluate((element) => [
      (element.scrollLeft + element.clientWidth / 2) / element.scrollWidth,
      (element.scrollTop + element.clientHeight / 2) / element.scrollHeight,
    ])
    expect(middle.map((share) => share.toFixed(2))).toEqual(['0.50', '0.50'])
    const left = await scroller.evaluate((element) => element.scrollLeft)
    await page.getByRole('button', { name: 'Pan' }).click()
    await stroke(page, scroller, [0.8, 0.5], [0.2, 0.5])
    expect((await scroller.evaluate((element) => element.scrollLeft)) - left).toBeGreaterThan(50)
    await count(2)
  })

  test('a run that goes on is looked back at; a cell says its code, how sure the model was and the step; blurred and grey', async () => {
    const GRID = 24 // cells a side
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle', { ...slow, Steps: '240' })
    await page.getByText(/^Step (?:[5-9]\d|\d{3})/).waitFor()
    await page.getByRole('slider', { name: 'Step' }).fill('14')
    await page.getByText('15 / 240').waitFor()
    await page.getByRole('button', { name: 'Newest' }).click()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText(/^Paused at step/).waitFor()
    // A screen reader hears of it.
    await page.getByRole('status').filter({ hasText: '“a red circle” is paused.' }).waitFor({ state: 'attached' })
    await page.getByRole('slider', { name: 'Step' }).fill('14')
    await page.getByText('15 / 240').waitFor()
    const picture = page.getByRole('application')
    const cells = page.locator('.stage-picture canvas').nth(1)
    await page.getByLabel('Masked cells').selectOption('grey')
    const masked = async (): Promise<boolean[]> => inThrees(await pixelsOf(cells)).map(([red]) => red === 0x83)
    await expect.poll(async () => (await masked()).length).toBe(GRID * GRID)
    const [free, held] = [(await masked()).indexOf(false), (await masked()).indexOf(true)]
    const { width, height } = (await picture.boundingBox())!
    const over = (cell: number): Promise<void> =>
      picture.hover({ position: { x: (((cell % GRID) + 0.5) * width) / GRID, y: ((Math.floor(cell / GRID) + 0.5) * height) / GRID } })
    const card = page.locator('.cell-card')
    await over(free)
    await expect.poll(() => card.innerText()).toMatch(/^Column \d+, row \d+: code \d+, \d+ % sure, decided in step (?:[1-9]|1[0-5])$/)
    await over(held)
    await expect.poll(() => card.innerText()).toMatch(/^Column \d+, row \d+: masked, now guessed \d+$/)
    // Blurred where it is masked, as it was elsewhere.
    const draft = page.locator('.stage-picture canvas').nth(0)
    const sharp = await pixelsOf(draft)
    await page.getByLabel('Masked cells').selectOption('blurred')
    await expect.poll(async () => (await pixelsOf(draft)).some((one, i) => one !== sharp[i])).toBe(true)
    const blurred = await pixelsOf(draft)
    const side = Math.sqrt(sharp.length / 3)
    const cellOf = (i: number): number =>
      Math.floor(Math.floor(i / 3 / side) / (side / GRID)) * GRID + Math.floor((Math.floor(i / 3) % side) / (side / GRID))
    const grey = await (async () => {
      await page.getByLabel('Masked cells').selectOption('grey')
      await expect.poll(async () => (await masked()).length).toBe(GRID * GRID)
      return masked()
    })()
    expect(blurred.every((one, i) => grey[cellOf(i)] || one === sharp[i])).toBe(true)
    await page.getByRole('button', { name: 'Cancel' }).click()
  })

  test('words that may still change are dimmed; a theme stays; nothing moves for who wants it still', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, `${url}#ask`)
    await page.evaluate(() => {
      const seen = ((globalThis as unknown as { seen: string[] }).seen = [] as string[])
      new MutationObserver(() => {
        const unsettled = document.querySelector('.answer .unsettled')
        if (unsettled?.textContent) seen.push(`${getComputedStyle(unsettled).opacity} ${unsettled.textContent}`)
      }).observe(document.body, { subtree: true, childList: true, characterData: true })
    })
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from(await circle(), 'base64') })
    await page.getByLabel('Question', { exact: true }).fill('What color is the circle?')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await page.locator('.answer .unsettled').waitFor({ state: 'detached' })
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.every((one) => Number(one.split(' ')[0]) < 0.6)).toBe(true)
    await page.getByLabel('Theme').selectOption('dark')
    const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const dark = await ground()
    await page.reload()
    await page.getByLabel('Theme').waitFor()
    expect([await page.getByLabel('Theme').inputValue(), await ground()]).toEqual(['dark', dark])
    await page.getByLabel('Theme').selectOption('light')
    expect(await ground()).not.toBe(dark)
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
  })
})
