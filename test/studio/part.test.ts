// Taking part in a run: held, marked and sent back, pinned, forked at a step, saved as a file and gone on with; retouched when it is over.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { connect } from '../../lib/client/index.js'
import { ScriptedRunner } from '../server/scripted.js'
import { generate, listen, open, slow, stroke, studio, world } from './world.js'

studio('a person takes part', () => {
  const made = world()

  test('pause, mark, send back, pin, fork, save and open: the run goes another way where one says so', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    const prompt = 'a large yellow star on a black background'
    // Large and long: a person has to be quick enough to hold it half-way.
    await generate(page, prompt, { ...slow, Steps: '240', 'Width in pixels': '128', 'Height in pixels': '128' })
    await page.getByText(/^Step (?:[2-9]\d|\d{3})/).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('application').focus()
    await page.keyboard.press('p')
    await page.getByText('Paused at step').waitFor()
    const picture = page.getByRole('application')
    // A cell says what is known of it.
    await page.keyboard.press('ArrowRight')
    await page.getByText('Column 2, row 1').waitFor()
    // Some go back to the mask.
    await page.getByRole('button', { name: 'Mark', exact: true }).click()
    await stroke(page, picture, [0.03, 0.5], [0.97, 0.5], [0.97, 0.3], [0.03, 0.3])
    const back = page.getByRole('button', { name: /^Send \d+ cells? back$/ })
    const count = Number(/\d+/.exec(await back.innerText())![0])
    await back.click()
    await back.waitFor({ state: 'detached' })
    // It is saved, and goes on elsewhere to the same picture.
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save the run' }).click()
    const file = await (await download).path()
    // Another way from here.
    await page.getByLabel('Confidence').check()
    await page.getByRole('button', { name: 'Fork…' }).click()
    await page.getByLabel('Prompt of the fork').fill('a small red circle')
    await page.getByLabel('Seed of the fork').fill('9')
    await page.getByRole('button', { name: 'Start the fork' }).click()
    await page.getByRole('img', { name: 'a small red circle' }).waitFor()
    await page.getByRole('button', { name: 'Side by side (2)' }).click()
    await expect.poll(() => page.getByRole('list', { name: 'This run and its forks' }).getByRole('application').count()).toBe(2)
    await page.getByRole('button', { name: 'Side by side (2)' }).click()
    // The first one goes on where it was held.
    await page.getByRole('button', { name: /yellow star.*paused/ }).click()
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByRole('img', { name: prompt, exact: true }).waitFor()
    const runs = await connect(url).runs()
    const first = await (await connect(url).attach(runs.at(-1)!.id)).result()
    expect('remasked' in first && first.remasked).toMatchObject([{ image: 0, cells: count }])
    await page
      .getByLabel('Saved run')
      .setInputFiles({ name: 'saved.dimoo-run', mimeType: 'application/octet-stream', buffer: readFileSync(file) })
    await expect.poll(async () => (await connect(url).runs()).length).toBe(runs.length + 1)
    await page.getByText('Finished after').waitFor()
    const again = await (await connect(url).attach((await connect(url).runs())[0]!.id)).result()
    expect('tokens' in again && again.tokens).toEqual('tokens' in first && first.tokens)
  })

  test('a run of another task is forked too: its picture and its mask come along', async () => {
    const { url } = await listen(made.model)
    const runner = connect(url)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle', { Steps: '6', Seed: '3' })
    await page.getByRole('button', { name: 'Use as input' }).click()
    for (const [task, prompt] of [
      ['edit', 'Change the red circle to blue.'],
      ['inpaint', 'a blue square'],
    ] as const) {
      await page.getByLabel('Task').selectOption(task)
      if (task === 'inpaint') {
        await page.getByRole('button', { name: 'Mask', exact: true }).click()
        await page.getByRole('button', { name: 'Rectangle' }).click()
        await stroke(page, page.getByRole('application'), [0.05, 0.05], [0.95, 0.4])
      }
      await generate(page, prompt, { Seed: '5' })
      await page.getByText('Finished after 6 of 6 steps').waitFor()
      await page.getByRole('slider', { name: 'Step' }).fill('2')
      await page.getByText('3 / 6').waitFor()
      await page.getByRole('button', { name: 'Fork…' }).click()
      await page.getByLabel('Seed of the fork').fill('9')
      await page.getByRole('button', { name: 'Start the fork' }).click()
      await page
        .getByText(/from step 3, done/)
        .nth(task === 'edit' ? 0 : 1)
        .waitFor()
      const [fork, parent] = await runner.runs()
      expect([fork!.task, parent!.task]).toEqual([task, task])
      const [of, from] = [await (await runner.attach(fork!.id)).result(), await (await runner.attach(parent!.id)).result()]
      expect('images' in of && of.images).toMatchObject([{ seed: '9', parameters: { startStep: 2, steps: 6, prompt } }])
      if (task === 'inpaint' && 'tokens' in of && 'tokens' in from)
        // What is not in the mask stays as it was given.
        expect([...of.tokens].slice(32)).toEqual([...from.tokens].slice(32))
    }
  })

  test('pinned cells stay in a fork, marked cells of a finished picture are drawn again', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle', { Steps: '8', Seed: '3' })
    await page.getByRole('img', { name: 'a red circle', exact: true }).waitFor()
    const picture = page.getByRole('application')
    await page.getByRole('button', { name: 'Pin', exact: true }).click()
    await stroke(page, picture, [0.06, 0.06], [0.3, 0.06])
    await page.getByRole('button', { name: 'Unpin 3' }).waitFor()
    await page.getByRole('button', { name: 'Mark', exact: true }).click()
    await stroke(page, picture, [0.06, 0.06], [0.56, 0.06])
    const runner = connect(url)
    const latest = async (): Promise<{ tokens: Int32Array }> =>
      (await (await runner.attach((await runner.runs())[0]!.id)).result()) as { tokens: Int32Array }
    const before = await latest()
    await page.getByRole('button', { name: 'Fork…' }).click()
    await page.getByText('5 of them go back to the mask, 3 stay as they are').waitFor()
    await page.getByLabel('Seed of the fork').fill('12')
    await page.getByRole('button', { name: 'Start the fork' }).click()
    await page.getByText(/from step 8, done/).waitFor()
    const fork = await latest()
    expect([...fork.tokens].filter((code, cell) => code !== before.tokens[cell] && !(cell >= 3 && cell < 5))).toEqual([])
    // A retouch of what is finished.
    await stroke(page, picture, [0.06, 0.94], [0.3, 0.94])
    await page.getByRole('button', { name: 'Unpin 3' }).click()
    await page.getByRole('button', { name: 'Draw 3 cells again' }).click()
    await page.getByText('Finished after').waitFor()
    await expect.poll(async () => (await runner.runs())[0]).toMatchObject({ task: 'retouch', state: 'done' })
    const retouched = await latest()
    expect([...retouched.tokens].filter((code, cell) => code !== fork.tokens[cell] && cell < 56)).toEqual([])
    await page.getByLabel('Over the original').check()
    await page.getByRole('img', { name: 'The original' }).waitFor()
  })

  test('a run that takes more steps than were asked for says why, and so do its forks', async () => {
    const runner = new ScriptedRunner()
    const { url } = await listen(runner)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle')
    await expect.poll(() => runner.runs.length).toBe(1)
    runner.last.step(3)
    await page.getByText(/^Step 3 of 8, /).waitFor()
    runner.last.length = 10 // as after a remasking late in the run
    runner.last.step()
    await page.getByText(/^Step 4 of 10 \(8, and 2 more that its masked cells need\), /).waitFor()
    await page.getByRole('button', { name: 'Fork…' }).click()
    await page.getByText('From step 4 of 10 (8, and 2 more that its masked cells need):').waitFor()
    await page.getByRole('button', { name: 'Start the fork' }).click()
    await expect.poll(() => runner.runs.length).toBe(2)
    expect(runner.last.request).toMatchObject({ steps: 10, start: { step: 3 } })
    runner.last.length = 10
    runner.last.skipTo(4)
    runner.last.step()
    await page.getByText(/^Step 5 of 10 \(8, and 2 more/).waitFor()
  })
})
