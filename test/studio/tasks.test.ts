// Every task with pictures: given by file, paste or from a result; masks with all their tools; answers as they settle.
import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { connect } from '../../lib/client/index.js'
import { decodeCbor } from '../../lib/wire/cbor.js'
import { generate, listen, open, stroke, studio, world } from './world.js'

studio('tasks with pictures', () => {
  const made = world()
  const file = async (): Promise<{ name: string; mimeType: string; buffer: Buffer }> => {
    const circle = await made.model.generate({ prompt: 'a red circle', steps: 6, seed: 1 }).result()
    return { name: '<img src=x onerror=alert(1)>.png', mimeType: 'image/png', buffer: Buffer.from(await circle.encode('png')) }
  }
  const steps = (page: Page): Promise<void> => page.getByLabel('Steps', { exact: true }).first().fill('4')
  const finished = async (page: Page, url: string, task: string): Promise<void> => {
    await page.getByText('Finished after').waitFor()
    await expect.poll(async () => (await connect(url).runs())[0], { timeout: 60_000 }).toMatchObject({ task, state: 'done' })
  }

  test('a mask by brush, eraser, rectangle, lasso, inverted, cleared, undone, saved and loaded; inpaint, and the mask survives', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await page.getByLabel('Task').selectOption('inpaint')
    await page.getByRole('textbox').first().fill('a red circle')
    await steps(page)
    await page.getByRole('button', { name: 'Generate' }).click()
    await page.getByText('Give a picture first').waitFor()
    await page.getByLabel('Picture (needed)').setInputFiles(await file())
    const mask = page.getByRole('application')
    const count = (cells: number): Promise<void> => page.getByText(`${cells} of 64 cells are drawn anew.`, { exact: true }).waitFor()
    await count(0)
    await page.getByRole('button', { name: 'Rectangle' }).click()
    await stroke(page, mask, [0.05, 0.05], [0.45, 0.2])
    await count(8)
    await page.getByRole('button', { name: 'Invert' }).click()
    await count(56)
    await page.getByRole('button', { name: 'Undo' }).click()
    await count(8)
    await page.getByRole('button', { name: 'Redo' }).click()
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByRole('button', { name: 'Lasso' }).click()
    await stroke(page, mask, [0.26, 0.26], [0.74, 0.26], [0.74, 0.74], [0.26, 0.74])
    await count(16)
    await page.getByRole('button', { name: 'Eraser' }).click()
    await page.getByLabel('Size').fill('1')
    await stroke(page, mask, [0.3, 0.3], [0.7, 0.3])
    await count(12)
    await page.getByRole('button', { name: 'Brush' }).click()
    await stroke(page, mask, [0.06, 0.94], [0.3, 0.94])
    await count(15)
    // With the keyboard alone.
    await mask.focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Space')
    await count(16)
    await page.keyboard.press('Control+z')
    await count(15)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    const saved = await (await download).path()
    await page.getByRole('button', { name: 'Clear' }).click()
    await count(0)
    await page.getByLabel('Mask file').setInputFiles(saved)
    await count(15)
    // A group that is switched on as it is.
    await page.getByText('Advanced').click()
    await page.getByLabel('Composite on').check()
    const sent = page.waitForRequest((request) => request.method() === 'POST' && request.url() === `${url}/v1/runs`)
    await page.getByRole('button', { name: 'Generate' }).click()
    await finished(page, url, 'inpaint')
    expect(decodeCbor((await sent).postDataBuffer()!)).toMatchObject({ task: 'inpaint', request: { composite: {} } })
    await page.getByLabel('Composite on').uncheck()
    await page.getByLabel('Over the original').check()
    await page.getByRole('slider', { name: 'How much of the original is shown' }).fill('30')
    await page.getByRole('img', { name: 'The original' }).waitFor()
    await page.getByRole('button', { name: 'Mask', exact: true }).click()
    await count(15)
    // The same mask draws another part of the same picture again.
    await page.getByLabel('Task').selectOption('retouch')
    await page.getByRole('button', { name: 'Generate' }).click()
    await finished(page, url, 'retouch')
  })

  test('every other task, from a result; what is missing is said', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle', { Steps: '4' })
    await page.getByRole('button', { name: 'Use as input' }).click()
    const fields: Readonly<Record<string, () => Promise<unknown>>> = {
      edit: async () => page.getByRole('textbox').first().fill('Change the red circle to blue.'),
      outpaint: async () => page.getByRole('group', { name: 'Extend' }).getByLabel('Left').fill('16'),
      control: async () => page.getByLabel('Control', { exact: true }).first().selectOption('canny'),
      predict: async () => page.getByLabel('Map', { exact: true }).first().selectOption('depth'),
      subject: async () => undefined,
      style: async () => page.getByLabel('Picture with the style (needed)').setInputFiles(await file()),
      view: async () => page.getByLabel('View', { exact: true }).first().selectOption('left'),
    }
    const border: Readonly<Record<string, string>> = { outpaint: '64 × 64 becomes 80 × 64 pixels: 16 cells are drawn.' }
    for (const [task, fill] of Object.entries(fields)) {
      await page.getByLabel('Task').selectOption(task)
      await fill()
      if (border[task] !== undefined) {
        await page.getByRole('button', { name: 'Border', exact: true }).click()
        await page.getByText(border[task]).waitFor()
        const [sheet, picture] = [page.locator('.border-sheet'), page.locator('.border-sheet img')]
        const [whole, given] = [(await sheet.boundingBox())!, (await picture.boundingBox())!]
        expect((given.x - whole.x) / whole.width).toBeCloseTo(0.2, 1)
        expect(given.width / given.height).toBeCloseTo(1, 1)
      }
      await page.getByRole('button', { name: 'Generate' }).click()
      await expect.poll(async () => (await connect(url).runs())[0], { timeout: 60_000 }).toMatchObject({ task, state: 'done' })
    }
    // Hostile words are words.
    expect(await page.locator('img[src="x"]').count()).toBe(0)
  })

  test('questions about pictures and conversations, advanced fields from the schema', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, `${url}#ask`)
    const question = page.getByLabel('Question', { exact: true })
    await page.locator('input[type=file]').setInputFiles(await file())
    await question.fill('What color is the circle?')
    await question.press('Enter')
    const own = await made.model.ask({ prompt: 'What color is the circle?', images: [(await file()).buffer] }).result()
    const answer = page.locator('.answer').first()
    await expect.poll(() => answer.innerText(), { timeout: 60_000 }).toContain(own.text === '' ? '(no words)' : own.text)
    // A conversation about the picture: what was said before is part of it, unless one wants no more of that.
    const runner = connect(url)
    const latest = async (): Promise<string> => {
      await expect.poll(async () => (await runner.runs())[0], { timeout: 60_000 }).toMatchObject({ state: 'done' })
      const result = await (await runner.attach((await runner.runs())[0]!.id)).result()
      return 'text' in result ? result.text : ''
    }
    await question.fill('What shape is it?')
    await question.press('Enter')
    await expect.poll(async () => (await runner.runs()).length).toBe(2)
    expect((await runner.runs())[0]).toMatchObject({ task: 'chat' })
    const messages = [
      { role: 'user', content: 'What color is the circle?' },
      { role: 'assistant', content: own.text },
      { role: 'user', content: 'What shape is it?' },
    ] as const
    expect(await latest()).toBe((await made.model.chat({ messages, images: [(await file()).buffer] }).result()).text)
    await page.getByLabel('Go on from the answers above').uncheck()
    await question.fill('What shape is it?')
    await question.press('Enter')
    await expect.poll(async () => (await runner.runs()).length).toBe(3)
    expect((await runner.runs())[0]).toMatchObject({ task: 'ask' })
    expect(await latest()).toBe((await made.model.ask({ prompt: 'What shape is it?', images: [(await file()).buffer] }).result()).text)
    await page.getByRole('button', { name: 'Take pictures 1 away' }).click()
    await page.getByText('Advanced').click()
    await page.getByLabel('System message').fill('You answer briefly.')
    await page.getByLabel('Length', { exact: true }).fill('16')
    await question.fill('<b>hello</b>')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await page.getByText('<b>hello</b>', { exact: true }).waitFor()
    await expect.poll(async () => (await connect(url).runs())[0], { timeout: 60_000 }).toMatchObject({ task: 'chat', state: 'done' })
  })
})
