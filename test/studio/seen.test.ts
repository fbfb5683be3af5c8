// What is seen on the way: the mask in whole cells, a slider that uncovers, the queue's progress, answers that are only ever text; and
// every key that the page of keys lists.
import { expect, test } from 'vitest'
import { QueueFullError } from '../../lib/base/errors.js'
import type { RunOptions, TaskRequests } from '../../lib/requests/types/index.js'
import type { TaskName } from '../../lib/requests/names.js'
import type { RunOf } from '../../lib/runner/runner.js'
import { ScriptedRun, ScriptedRunner } from '../server/scripted.js'
import { generate, inThrees, listen, open, pixelsOf, stroke, studio, world } from './world.js'

const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'

/** Answers what nobody should. */
class Answer extends ScriptedRun {
  override async result(): Promise<never> {
    return {
      text: HOSTILE,
      finishReason: 'stop',
      seed: '1',
      timings: {},
      usage: { inputTokens: 1, outputTokens: 1, steps: 2, forwardPasses: 2, forwardTokens: 2 },
      warnings: [`${HOSTILE} is a warning`],
    } as never
  }

  override async *[Symbol.asyncIterator](): AsyncGenerator<never, void, undefined> {
    yield await Promise.resolve({
      kind: 'text',
      step: 0,
      steps: 2,
      skipped: 0,
      masked: 4,
      elapsedMs: 1,
      pass: 'full',
      rows: 1,
      block: 0,
      blocks: 1,
      text: HOSTILE,
      settled: HOSTILE.slice(0, 20),
      delta: HOSTILE.slice(0, 20),
    } as never)
  }
}

class Talker extends ScriptedRunner {
  override run<Task extends TaskName, const Options extends RunOptions>(
    task: Task,
    request: TaskRequests[Task],
    options?: Options,
  ): RunOf<Task, Options> {
    if (task !== 'chat') return super.run(task, request, options)
    const run = new Answer(task, request, options ?? {}, 'snapshot')
    this.runs.push(run)
    return run as unknown as RunOf<Task, Options>
  }
}

studio('what is seen', () => {
  const made = world()

  test('the mask lies in whole cells on the picture, the original comes from under the slider', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle', { Steps: '4' })
    await page.getByRole('button', { name: 'Use as input' }).click()
    await page.getByLabel('Task').selectOption('inpaint')
    await page.getByRole('button', { name: 'Rectangle' }).click()
    const mask = page.getByRole('application')
    await stroke(page, mask, [0.3, 0.3], [0.4, 0.55])
    await page.getByText('6 of 64 cells are drawn anew.', { exact: true }).waitFor()
    const { width, height } = await mask.evaluate((element) => ({
      width: (element as HTMLCanvasElement).width,
      height: (element as HTMLCanvasElement).height,
    }))
    const pixels = inThrees(await pixelsOf(mask))
    // In the middle of every cell, and near its corners: masked or not as a whole.
    const isOrange = (x: number, y: number): boolean => {
      const [red, , blue] = pixels[Math.floor(y * height) * width + Math.floor(x * width)]!
      return red! > 200 && blue! < 90
    }
    const cells = Array.from({ length: 64 }, (_, cell) =>
      [0.15, 0.5, 0.85].flatMap((dx) => [0.15, 0.5, 0.85].map((dy) => isOrange(((cell % 8) + dx) / 8, (Math.floor(cell / 8) + dy) / 8))),
    )
    expect(cells.every((corners) => new Set(corners).size === 1)).toBe(true)
    expect(cells.flatMap(([first], cell) => (first ? [cell] : []))).toEqual([18, 19, 26, 27, 34, 35])
    await generate(page, 'a blue square', { Steps: '4' })
    await page.getByText('Finished after').waitFor()
    await page.getByLabel('Over the original').check()
    const original = page.getByRole('img', { name: 'The original' })
    const slider = page.getByRole('slider', { name: 'How much of the original is shown' })
    for (const share of [0, 30, 100]) {
      await slider.fill(String(share))
      await expect.poll(() => original.evaluate((element) => getComputedStyle(element).clipPath)).toBe(`inset(0px ${100 - share}% 0px 0px)`)
    }
    const [over, under] = [
      (await original.boundingBox())!,
      (await page.getByRole('img', { name: 'a blue square', exact: true }).boundingBox())!,
    ]
    expect(over.x).toBeCloseTo(under.x, 0)
    expect(Math.abs(over.width - under.width)).toBeLessThan(3)
  })

  test('answers, warnings, refusals and names of models are only ever text', async () => {
    const runner = new Talker()
    const [info, stats] = [await made.model.info(), await made.model.stats()]
    runner.info = async () => ({ ...info, name: `${HOSTILE} model` })
    runner.stats = async () => stats
    const { url } = await listen(runner)
    const page = await open(made.browser, `${url}#ask`, {}, /Failed to load resource/)
    await page.getByText(`${HOSTILE} model`).first().waitFor()
    await page.getByLabel('Question', { exact: true }).fill(HOSTILE)
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await expect.poll(() => page.locator('.answer').innerText()).toContain(HOSTILE)
    expect(await page.locator('.question').innerText()).toBe(HOSTILE)
    await page.getByRole('link', { name: 'Create' }).click()
    runner.refuse = new QueueFullError(`queue: ${HOSTILE}`, 5000)
    await generate(page, HOSTILE)
    await page.getByText('The queue of the server is full.').first().waitFor()
    runner.refuse = undefined
    await page.getByRole('button', { name: 'Generate' }).click()
    await expect.poll(() => runner.runs.length).toBe(2)
    runner.last.step()
    runner.last.fail(new Error(HOSTILE))
    await page.getByRole('link', { name: /^Runs/ }).click()
    await page.getByText(HOSTILE).first().waitFor()
    for (const view of ['History', 'Server', 'Create']) await page.getByRole('link', { name: view }).click()
    expect(await page.title()).toBe('DiMOO studio')
    expect(await page.locator('img[src="x"], main script').count()).toBe(0)
  })

  test('the queue tells how far each run is; every key that is listed does what it says', async () => {
    const runner = new ScriptedRunner()
    const scripted = await listen(runner)
    const queue = await open(made.browser, scripted.url)
    for (const prompt of ['first', 'second']) await generate(queue, prompt)
    await expect.poll(() => runner.runs.length).toBe(2)
    runner.runs[0]!.step(3)
    await queue.keyboard.press('Escape')
    await queue.getByRole('link', { name: /^Runs/ }).click()
    const bar = queue.getByRole('progressbar', { name: 'Progress of first' })
    await expect
      .poll(() => bar.evaluate((element) => [(element as HTMLProgressElement).value, (element as HTMLProgressElement).max]))
      .toEqual([3, 8])
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    const press = (key: string): Promise<void> => page.keyboard.press(key)
    await page.getByRole('button', { name: 'Generate' }).waitFor()
    await press('?')
    const keys = (await page.locator('kbd').allInnerTexts()).map((words) => (words === 'Esc' ? 'Escape' : words))
    expect(keys.toSorted()).toEqual(
      ['Ctrl + Enter', '/', 'p', 'Escape', 'm', 'k', 'r', 'c', 'g', ',', '.', '1', '2', '3', '4', '5', '?'].toSorted(),
    )
    for (const [key, name] of [
      ['2', 'Ask and chat'],
      ['3', 'Runs'],
      ['4', 'History'],
      ['5', 'Server'],
      ['1', 'Create'],
    ] as const) {
      await press(key)
      await expect.poll(() => page.locator('nav a[aria-current=page]').innerText()).toBe(name)
    }
    await press('/')
    await page.keyboard.type('a red circle')
    await page.getByLabel('Steps', { exact: true }).first().fill('240')
    await page.getByLabel('Width in pixels').fill('192')
    await page.getByLabel('Height in pixels').fill('192')
    await press('Control+Enter')
    await page.getByText(/^Step (?:[4-9]\d|\d{3})/).waitFor()
    await page.evaluate(() => (document.activeElement as HTMLElement).blur())
    await press('p')
    // The step under way comes yet.
    const heldAt = async (): Promise<number> => Number(/\d+/.exec(await page.getByText(/^Paused at step/).innerText())![0])
    let held = -1
    for (let before = -2; before !== held;) {
      before = held
      await page.waitForTimeout(500)
      held = await heldAt()
    }
    const at = page.locator('.timeline output')
    await press(',')
    await expect.poll(() => at.innerText()).toBe(`${held - 1} / 240`)
    await press('.')
    await expect.poll(() => at.innerText()).toBe(`${held} / 240`)
    const pressed = (name: string): Promise<string | null> => page.getByRole('button', { name, exact: true }).getAttribute('aria-pressed')
    for (const [key, name] of [
      ['k', 'Pin'],
      ['m', 'Mark'],
      ['Escape', 'Look'],
      ['m', 'Mark'],
    ] as const) {
      await press(key)
      await expect.poll(() => pressed(name), { message: key }).toBe('true')
    }
    await press('g')
    expect(await page.getByLabel('Grid', { exact: true }).isChecked()).toBe(true)
    await press('c')
    expect(await page.getByLabel('Confidence').isChecked()).toBe(true)
    await stroke(page, page.getByRole('application'), [0.03, 0.5], [0.97, 0.5], [0.97, 0.3], [0.03, 0.3])
    const back = page.getByRole('button', { name: /^Send/ })
    await back.waitFor()
    await press('r')
    await back.waitFor({ state: 'detached' })
    await press('p')
    await page.getByText('Finished after').waitFor()
    expect((await made.model.stats()).paused).toBe(0)
  })
})
