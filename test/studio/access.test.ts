// Everybody can use it: no violation of WCAG 2.2 AA that axe-core finds, in both themes; the order of tabs; a phone's width.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { generate, listen, open, studio, world } from './world.js'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa']
const VIEWS = ['create', 'ask', 'runs', 'history', 'server', 'help']

interface Found {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly { readonly target: unknown; readonly failureSummary?: string }[]
  }[]
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const { violations: found } = await page.evaluate<Found, string[]>(
    (values) =>
      (globalThis as unknown as { axe: { run: (at: Document, how: object) => Promise<Found> } }).axe.run(document, {
        runOnly: { type: 'tag', values },
      }),
    TAGS,
  )
  return found.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${String(target)}: ${failureSummary ?? ''}`))
}

studio('the studio is for everybody', () => {
  const made = world()

  test('axe-core finds nothing in any view, in both themes, nor in the key dialog', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url)
    await generate(page, 'a red circle', { Steps: '4' })
    await page.getByRole('img', { name: 'a red circle', exact: true }).waitFor()
    await page.getByText('Advanced').click()
    await page.getByRole('button', { name: 'Mark', exact: true }).click()
    await page.getByLabel('Confidence').check()
    await page.getByRole('button', { name: 'Fork…' }).click()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      for (const view of VIEWS) {
        await page.goto(`${url}#${view}`)
        await page.getByRole('main').locator('h2, textarea, input').first().waitFor()
        expect(await violations(page), `${view}, ${colorScheme}`).toEqual([])
      }
    }
    await page.goto(`${url}#create`)
    await page.getByRole('button', { name: 'Use as input' }).click()
    await page.getByLabel('Task').selectOption('inpaint')
    await page.getByRole('button', { name: 'Lasso' }).waitFor()
    expect(await violations(page), 'mask').toEqual([])
    const locked = await listen(made.model, { apiKeys: [{ name: 'me', key: 'k'.repeat(20) }] })
    const door = await open(made.browser, locked.url, {}, /Failed to load resource/)
    await door.getByLabel('API key', { exact: true }).waitFor()
    expect(await violations(door), 'key').toEqual([])
  })

  test('tabs go from the skip link over views and form to the picture; nothing is wider than a phone', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url, { viewport: { width: 360, height: 740 } })
    await generate(page, 'a_very_long_word_without_any_space_that_would_widen_a_page_which_does_not_break_it', { Steps: '4' })
    await page.getByText('Finished after').waitFor()
    const reached: string[] = []
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
    await page.goto(`${url}?#create`)
    await page.getByRole('button', { name: 'Generate' }).waitFor()
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab')
      reached.push(
        await page.evaluate(() => {
          const at = document.activeElement as HTMLElement
          return at.getAttribute('aria-label') ?? (at.id || at.innerText.split('\n')[0]!)
        }),
      )
      if (reached.at(-1) === 'Generate') break
    }
    const order = ['Skip to the content', 'Create', 'Help', 'prompt', 'task', 'Size preset', 'seed', 'Generate']
    expect(reached.filter((name) => order.includes(name))).toEqual(order)
    for (const view of VIEWS) {
      await page.goto(`${url}#${view}`)
      await page.getByRole('main').locator('h2, textarea, input').first().waitFor()
      expect(await page.evaluate(() => document.scrollingElement!.scrollWidth), view).toBeLessThanOrEqual(360)
    }
  })

  test('on a screen of 4K type and targets grow, the picture takes the height, and what belongs to it is seen with it', async () => {
    const { url } = await listen(made.model)
    const page = await open(made.browser, url, { viewport: { width: 3840, height: 2160 } })
    await generate(page, 'a red circle', { Steps: '4' })
    await page.getByText('Finished after').waitFor()
    const picture = (await page.getByRole('img', { name: 'a red circle', exact: true }).boundingBox())!
    expect(picture.height).toBeGreaterThan(1400)
    const below = (await page.getByRole('button', { name: 'Use as input' }).boundingBox())!
    expect(below.y + below.height).toBeLessThan(2160)
    for (const view of VIEWS) {
      await page.goto(`${url}#${view}`)
      await page.getByRole('main').locator('h2, textarea, input').first().waitFor()
      const small = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>('button, a, p, label, dd, td, select, input[type=text], input[type=number]')]
          .filter((element) => element.checkVisibility() && !element.closest('.unseen, .skip'))
          .filter(
            (element) =>
              Number.parseFloat(getComputedStyle(element).fontSize) < 20 || (element.matches('button') && element.offsetHeight < 48),
          )
          .map((element) => element.outerHTML),
      )
      expect(small, view).toEqual([])
      // Lines of text that one can read: at most about a hundred letters.
      const long = await page.evaluate(
        () =>
          [...document.querySelectorAll<HTMLElement>('.help p, .turns p')].filter(
            (element) => element.offsetWidth > 60 * Number.parseFloat(getComputedStyle(element).fontSize),
          ).length,
      )
      expect(long, view).toBe(0)
      expect(await page.evaluate(() => document.scrollingElement!.scrollWidth), view).toBeLessThanOrEqual(3840)
    }
  })
})
