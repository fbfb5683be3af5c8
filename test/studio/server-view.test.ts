// What the page says of its server is what the server says of itself: load, rows a pass, reuse, memory, devices.
import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { connect } from '../../lib/client/index.js'
import type { ModelInfo } from '../../lib/native/info.js'
import type { SchedulerStats } from '../../lib/runner/runner.js'
import { ScriptedRunner } from '../server/scripted.js'
import { generate, listen, open, slow, studio, world } from './world.js'

const fact = (page: Page, name: string): Promise<string> =>
  page
    .locator('.facts > div')
    .filter({ has: page.getByText(name, { exact: true }) })
    .locator('dd')
    .innerText()

studio("the server's view", () => {
  const made = world()

  test('load, rows a pass, reuse, memory and the device are those of the model', async () => {
    const { url } = await listen(made.model)
    const runner = connect(url)
    const page = await open(made.browser, url)
    await page.getByLabel('Cache', { exact: true }).first().selectOption('on')
    await generate(page, 'a red circle', { Steps: '24' })
    await page.getByText('Finished after').waitFor()
    await page.getByLabel('Cache', { exact: true }).first().selectOption({ index: 0 })
    await generate(page, 'a blue square', slow)
    await page.getByText(/^Step \d/).waitFor()
    await page.getByRole('link', { name: 'Server' }).click()
    const [before, device] = [await runner.stats(), (await runner.info()).device]
    await expect.poll(() => fact(page, 'Running')).toBe('1')
    await page.getByRole('link', { name: /^Runs/ }).click()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Go on' }).waitFor()
    // Now nothing moves.
    await expect.poll(async () => (await runner.stats()).paused).toBe(1)
    await page.getByRole('link', { name: 'Server' }).click()
    await expect.poll(() => fact(page, 'Paused')).toBe('1')
    const stats = await runner.stats()
    const { server } = stats as unknown as { readonly server: { readonly waiting: number; readonly maxQueue: number } }
    expect(server.maxQueue).toBeGreaterThan(0)
    expect(stats.forwardPasses).toBeGreaterThan(24)
    expect(stats.reusedRowRatio).toBeGreaterThan(0.01)
    expect(stats.meanRowsPerPass).toBeGreaterThan(64)
    expect(stats.deviceBytesUsed).toBeGreaterThan(1_000_000)
    const seen: Readonly<Record<string, string>> = {
      Running: '0',
      Waiting: '0',
      'Rows a pass': stats.meanRowsPerPass.toFixed(0),
      'Rows spared by reuse': `${(100 * stats.reusedRowRatio).toFixed(1)} %`,
      'Finished, aborted, failed': `${before.completed}, ${before.aborted}, ${before.failed}`,
      Device: `${device.id}: ${device.name}`,
      'Places in the queue': `${server.waiting} of ${server.maxQueue} taken`,
    }
    for (const [name, value] of Object.entries(seen)) await expect.poll(() => fact(page, name), { message: name }).toBe(value)
    expect(Number(/^\d+/.exec(await fact(page, 'Passes'))![0])).toBe(stats.forwardPasses)
    expect(await fact(page, 'Memory of the device')).toBe(`${(device.totalBytes / 1e9).toFixed(device.totalBytes < 1e10 ? 1 : 0)} GB`)
    const megabytes = (stats.deviceBytesUsed / 1e6).toFixed(stats.deviceBytesUsed < 1e7 ? 1 : 0)
    await page.getByText(`Memory: ${megabytes} MB in use by runs`).waitFor()
    const meter = page.locator('meter')
    expect(await meter.evaluate((element) => (element as HTMLMeterElement).value)).toBe(stats.deviceBytesUsed)
    expect(await meter.evaluate((element) => (element as HTMLMeterElement).max)).toBeGreaterThan(1e9)
  })

  test('the members of a pool and the workers of a queue are told one by one', async () => {
    const own: SchedulerStats = { ...(await made.model.stats()), running: 2, queued: 3, meanRowsPerPass: 70, reusedRowRatio: 0.25 }
    const info = await made.model.info()
    class Many extends ScriptedRunner {
      more: object = {}
      override async info(): Promise<ModelInfo> {
        return info
      }
      override async stats(): Promise<SchedulerStats> {
        return { ...own, deviceBytesUsed: 2e6, deviceBytesFree: 8e9, ...this.more }
      }
    }
    const runner = new Many()
    const scheduler = await runner.stats()
    runner.more = {
      members: [
        { member: 0, state: 'ready', device: 'cuda:0', restarts: 0, scheduler },
        { member: 1, state: 'starting', device: 'cuda:1', restarts: 2 },
      ],
    }
    const { url } = await listen(runner)
    const page = await open(made.browser, `${url}#server`)
    const does = '2 running, 3 waiting; 70 rows a pass, 25.0 % spared; 2.0 MB in use, 8.0 GB free'
    await expect.poll(() => fact(page, 'Member 1, cuda:0')).toBe(`ready; ${does}`)
    expect(await fact(page, 'Member 2, cuda:1')).toBe('starting, started again 2 times')
    const worker = { host: '<b>one</b>', pid: 7, info: { device: { id: 'cuda:0' } } }
    runner.more = {
      workers: [
        { ...worker, scheduler },
        { ...worker, host: 'two', unwell: 'Redis is away' },
      ],
    }
    await expect.poll(() => fact(page, '<b>one</b> 7, cuda:0')).toBe(`ready; ${does}`)
    expect(await fact(page, 'two 7, cuda:0')).toBe('Redis is away')
    runner.more = { workers: [] }
    await page.getByText('No worker is there').waitFor()
  })
})
