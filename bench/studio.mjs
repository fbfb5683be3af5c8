// The studio before a synthetic stream: node bench/studio.mjs [--runs 3] [--cells 64] [--steps 64] [--pause 66] [--memory 200] [--warm 0]
// What the page's main thread does a frame while several runs of 4,096 cells come in, from a trace of chromium (its script, layout and paint,
// and beside them everything that the thread does); and its memory over many runs. Prints one JSON object and writes bench/results/studio.json. Needs Debian's chromium and dist/ (npm run prepare).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { createServer } from '../dist/server/index.js'
import { commit, machine, median, options, root } from './driver.mjs'
import { synthetic } from './studio/synthetic.mjs'
import { framesOf } from './studio/trace.mjs'

const asked = options({ runs: '3', cells: '64', steps: '64', pause: '66', memory: '200', warm: '0', output: 'bench/results/studio.json' })
const [runs, cells, steps, pauseMs, memory, warm] = ['runs', 'cells', 'steps', 'pause', 'memory', 'warm'].map((name) => Number(asked[name]))
const CHROMIUM = process.env['DIMOO_CHROMIUM'] ?? '/usr/bin/chromium'
const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
const CATEGORIES = ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'v8', 'toplevel', '__metadata']
/** Over which a median frame, or growth of memory, is too much. */
const LIMITS = { frameMs: 8, growth: 1.05 }

async function page(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  context.setDefaultTimeout(300_000)
  const opened = await context.newPage()
  opened.on('pageerror', (error) => {
    throw error
  })
  await opened.goto(url)
  await opened.getByRole('button', { name: 'Generate' }).waitFor()
  await opened.locator('button[data-submit]:enabled').waitFor()
  return opened
}

async function served(pace) {
  const runner = await synthetic(pace)
  const app = createServer(runner, { drainMs: 0 })
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), runner, close: () => app.close() }
}

async function press(opened, prompt) {
  await opened.getByRole('textbox').first().fill(prompt)
  await opened.getByRole('button', { name: 'Generate' }).click()
}
const ended = (opened, prompt) => opened.getByRole('button', { name: new RegExp(`^${prompt}\\s*done`) }).waitFor()
/** Asks the server and not the page, whose time it would take. */
async function allEnded(runner, count) {
  while (runner.finished < count) await sleep(20)
  await sleep(500)
}

/** Frames while `runs` runs come in. */
async function frames(browser) {
  const { url, runner, close } = await served({ cells, steps, pauseMs })
  const opened = await page(browser, url)
  await press(opened, 'warm')
  await ended(opened, 'warm')
  await browser.startTracing(opened, { categories: CATEGORIES })
  for (let i = 0; i < runs; i++) await press(opened, `run ${i}`)
  await allEnded(runner, runs + 1)
  const trace = await browser.stopTracing()
  for (let i = 0; i < runs; i++) await ended(opened, `run ${i}`)
  await opened.context().close()
  await close()
  return framesOf(trace.toString())
}

/**
 * The page's memory after each ten runs. A debugger that is attached keeps every answer of the network within the page's process: it tells
 * the page what to do and leaves, and comes back for what the page has noted.
 */
async function growth() {
  const all = warm + memory
  const { url, runner, close } = await served({ cells, steps: 16, pauseMs: 4 })
  const own = await apart()
  const first = await own.enter()
  await first.page.goto(url)
  await first.page.locator('button[data-submit]:enabled').waitFor()
  await first.page.evaluate((count) => {
    const { document, InputEvent } = globalThis
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    globalThis.noted = []
    globalThis.problems = []
    globalThis.addEventListener('unhandledrejection', ({ reason }) => globalThis.problems.push(String(reason)))
    const go = async () => {
      for (let i = 1; i <= count; i++) {
        const prompt = document.querySelector('#prompt')
        prompt.value = `run ${i}.`
        prompt.dispatchEvent(new InputEvent('input', { bubbles: true }))
        await sleep(0)
        document.querySelector('button[data-submit]').click()
        const words = () => document.querySelector('.run-card')?.textContent ?? ''
        while (!words().startsWith(`run ${i}.`) || !words().endsWith('done')) await sleep(20)
        if (i % 10 !== 0) continue
        await sleep(300)
        await globalThis.gc({ type: 'major', execution: 'async' })
        await sleep(100)
        await globalThis.gc({ type: 'major', execution: 'async' })
        globalThis.noted.push({ heap: globalThis.performance.memory.usedJSHeapSize, elements: document.querySelectorAll('*').length })
        await sleep(2000)
      }
    }
    void go()
  }, all)
  const pids = await first.renderers()
  await first.leave()
  const resident = []
  for (let at = 10; at <= all; at += 10) {
    while (runner.finished < at) await sleep(20)
    await sleep(1200)
    resident.push({ runs: at, ofAll: pids.map(residentOf) })
  }
  const last = await own.enter()
  await last.page.waitForFunction((count) => globalThis.noted.length >= count, Math.floor(all / 10))
  const { noted, problems } = await last.page.evaluate(() => ({ noted: globalThis.noted, problems: globalThis.problems }))
  if (problems.length > 0) throw new Error(`the page: ${problems[0]}, and ${problems.length - 1} more`)
  await last.leave()
  await own.close()
  await close()
  // The page's process is the one that has become the largest.
  const sizes = resident.at(-1).ofAll.map(({ privateMiB }) => privateMiB)
  const page = sizes.indexOf(Math.max(...sizes))
  const samples = noted.map(({ heap, elements }, i) => ({
    runs: resident[i].runs,
    ...resident[i].ofAll[page],
    heapMiB: MiB(heap),
    elements,
  }))
  // The page keeps some runs, and a process takes memory in large pieces at first: what comes after that is to be flat.
  const half = warm + memory / 2
  const [before, after] = [samples.filter(({ runs: at }) => at > warm && at <= half), samples.filter(({ runs: at }) => at > half)]
  const ratio = (name) => Number((median(after.map((one) => one[name])) / median(before.map((one) => one[name]))).toFixed(3))
  const names = ['heapMiB', 'privateMiB', 'elements']
  return { samples, ...(before.length > 0 && { growth: Object.fromEntries(names.map((name) => [name, ratio(name)])) }) }
}

const MiB = (bytes) => Number((bytes / 2 ** 20).toFixed(1))

/** A browser of its own, which one can leave and come back to. */
async function apart() {
  const folder = mkdtempSync(path.join(tmpdir(), 'studio-bench-'))
  const more = ['--remote-debugging-port=0', '--js-flags=--expose-gc', '--enable-precise-memory-info']
  const child = spawn(CHROMIUM, [...FLAGS.split(' '), ...more, `--user-data-dir=${folder}`, 'about:blank'])
  let said = ''
  let address
  for await (const piece of child.stderr) {
    said += piece
    address = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
    if (address !== undefined) break
  }
  child.stderr.resume()
  return {
    enter: async () => {
      const browser = await chromium.connectOverCDP(address)
      const system = await browser.newBrowserCDPSession()
      const [context] = browser.contexts()
      context.setDefaultTimeout(300_000)
      return {
        page: context.pages()[0],
        leave: () => browser.close(),
        renderers: () => renderers(system),
      }
    },
    close: async () => {
      const browser = await chromium.connectOverCDP(address)
      const gone = once(child, 'exit')
      await (await browser.newBrowserCDPSession()).send('Browser.close').catch(() => undefined)
      await gone
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function renderers(system) {
  const { processInfo } = await system.send('SystemInfo.getProcessInfo')
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
}

/** Of a process: its own memory, and what it shares, among it decoded pictures that chromium takes back when memory is short. */
function residentOf(pid) {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const [anonymous, shared] = ['RssAnon', 'RssShmem'].map((name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0))
  return { privateMiB: MiB(anonymous * 1024), sharedMiB: MiB(shared * 1024) }
}

const results = { machine: machine(1), commit: commit(), date: new Date().toISOString().slice(0, 10), limits: LIMITS }
results.noisy = results.machine.loadAverageBefore > 2.5 // beside other work: processor time holds about, the clock does not
const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(' ') })
results.chromium = browser.version()
try {
  results.stream = { runs, cells: cells * cells, steps, pauseMs, ...(await frames(browser)) }
  if (memory > 0) results.memory = { warmRuns: warm, runs: memory, cells: cells * cells, steps: 16, ...(await growth()) }
} finally {
  await browser.close()
}
console.log(JSON.stringify(results, null, 1))
writeFileSync(path.resolve(root, asked.output), `${JSON.stringify(results, null, 1)}\n`)
process.exit(0)
