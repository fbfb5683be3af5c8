// A forged snapshot must never end the process, block its event loop or take memory beyond what its request could need: it is refused with
// a code, or decoded where it asks for nothing else than a request could. Needs a built package; runs alone: node test/hostile/snapshots.mjs
// [name ...]. Prints a line each, exits with 0 where all is right.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import { fileURLToPath } from 'node:url'
import { loadModel } from '../../dist/index.js'
import { encodeMessage, decodeMessage, messageFromJsonText } from '../../dist/wire/messages.js'
import { open, packValues, random } from './forge.mjs'
import { bombs, forged } from './forged.mjs'

const MOST_MS = 100 // that the event loop is ever held
const MOST_BYTES = 256 * 2 ** 20 // beyond what the process had
const PATIENCE_MS = 60_000
const MUTATIONS = 400
const MOST_DEATHS = 10 // of processes, until it is given up
const CODES = new Set(['request/invalid', 'device/out-of-memory', 'run/deadline'])
const self = fileURLToPath(import.meta.url)

/** Milliseconds that the main thread stood in the queue of a busy machine; 0 where the system does not say. */
function waited() {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

/** What an attack comes to, and the longest that the loop was held meanwhile. */
async function observed(attack) {
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  let held = 0
  let most = before
  let last = [performance.now(), waited()]
  const look = () => {
    const now = [performance.now(), waited()]
    held = Math.max(held, now[0] - last[0] - (now[1] - last[1]))
    most = Math.max(most, process.memoryUsage.rss())
    last = now
  }
  const beat = setInterval(look, 1)
  await new Promise((resolve) => setTimeout(resolve, 5))
  held = 0
  let code = 'done'
  let message = ''
  try {
    await attack()
  } catch (error) {
    code = error?.code ?? String(error)
    message = String(error?.message).slice(0, 120)
  }
  look()
  await new Promise((resolve) => setTimeout(resolve, 5))
  clearInterval(beat)
  return { code, message, heldMs: Math.round(held), grewMB: Math.round((most - before) / 2 ** 20) }
}

const right = ({ code, heldMs, grewMB }) => (code === 'done' || CODES.has(code)) && heldMs <= MOST_MS && grewMB * 2 ** 20 <= MOST_BYTES

const picture = { data: new Uint8Array(64 * 64 * 3).fill(200), width: 64, height: 64, channels: 3 }

/** Snapshots as they should be, taken after the third step. */
async function honest(model) {
  const taken = async (run) => {
    for await (const step of run) if (step.step === 2) return await run.snapshot()
    throw new Error('the run ended before its third step')
  }
  const mask = { left: 8, top: 8, width: 32, height: 32 }
  const small = { prompt: 'a red circle', seed: 5, steps: 8 }
  const messages = [{ role: 'user', content: 'What is red?' }]
  return {
    inpaint: await taken(model.inpaint({ ...small, image: picture, mask, composite: { feather: 2 } }, { delivery: 'all' })),
    generate: await taken(model.generate({ ...small, width: 64, height: 64, cache: true }, { delivery: 'all' })),
    chat: await taken(model.chat({ messages, length: 16, block: 8, steps: 8, seed: 1, reuse: 'prefix' }, { delivery: 'all' })),
  }
}

const resumed = (model, snapshot) => model.resume(snapshot, { deadlineMs: 2000 }).result()

/** Any number, any byte: leaves of the body and bytes of the state changed at random, the digests right. */
function mutated(snapshot, number) {
  const pick = random(number + 1)
  const { header, body } = open(snapshot)
  const ODD = [0, -1, 1, 2, 3, 255, 4096, 4097, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 31), 0.5, 1e308, NaN, Infinity]
  const odd = () => [...ODD, '', 'x', null, true, [], {}, new Uint8Array(3), new Int32Array(2)][pick(ODD.length + 8)]
  const places = []
  const walk = (value) => {
    for (const [name, one] of Object.entries(value)) {
      if (one instanceof Uint8Array || ArrayBuffer.isView(one)) places.push([value, name, one])
      else if (typeof one === 'object' && one !== null) walk(one)
      else places.push([value, name])
    }
  }
  walk(body)
  for (let i = 0; i <= pick(2); i++) {
    const [holder, name, array] = places[pick(places.length)]
    if (!array || pick(6) === 0) holder[name] = odd()
    else if (array.length > 0) new Uint8Array(array.buffer, array.byteOffset, array.byteLength)[pick(array.byteLength)] ^= 1 << pick(8)
  }
  const { steps } = body.request?.native ?? {}
  return packValues(Number.isInteger(steps) && steps > 0 && steps <= 4096 && pick(2) ? { ...header, steps } : header, body)
}

/** Attacks that share a process, by name. */
function attacks(model, snapshots) {
  const all = Object.entries(forged).map(([name, forge]) => [name, () => resumed(model, forge(snapshots))])
  for (const task of Object.keys(snapshots)) {
    all.push([`honest-${task}`, () => resumed(model, snapshots[task])])
    const change = (name, act) => {
      all.push([
        `${name}-${task}`,
        async () => {
          const bytes = Uint8Array.from(snapshots[task])
          const run = model.resume(bytes)
          act(bytes)
          await run.result()
        },
      ])
    }
    change('overwritten', (bytes) => bytes.fill(255))
    change('transferred', (bytes) => void globalThis.structuredClone(bytes, { transfer: [bytes.buffer] }))
    all.push([
      `travelled-${task}`,
      () => {
        const message = decodeMessage(encodeMessage({ kind: 'snapshot', task, snapshot: snapshots[task] }))
        return resumed(model, message.snapshot)
      },
    ])
  }
  const names = Object.keys(snapshots)
  for (let i = 0; i < MUTATIONS; i++) all.push([`mutation-${i}`, () => resumed(model, mutated(snapshots[names[i % names.length]], i))])
  const json = (text) => async () => messageFromJsonText(text)
  all.push(['json-deep', json('['.repeat(5e6))], ['json-deep-closed', json('['.repeat(5e6) + ']'.repeat(5e6))])
  all.push(['json-arrays', json('[' + '[],'.repeat(2e7) + '[]]')], ['json-names', json('{' + '"":1,'.repeat(1e7) + '"":1}')])
  all.push(['json-escapes', json('"' + '\\"'.repeat(2e6) + '"')], ['json-string', json('"' + 'a'.repeat(2e7) + '"')])
  all.push(['json-numbers', json('[' + '1,'.repeat(524_000) + '1]')], ['json-proto', json('{"__proto__":{"kind":"error"}}')])
  return new Map([...all, ...Object.entries(bombs).map(([name, forge]) => [name, () => resumed(model, forge(snapshots))])])
}

async function child(names) {
  const model = await loadModel(undefined, { threads: 2 })
  const snapshots = await honest(model)
  const all = attacks(model, snapshots)
  const must = { honest: 'done', overwritten: 'done', transferred: 'done', travelled: 'done' }
  for (const name of names) {
    // The forgery is made before it is looked at.
    const forge = forged[name] ?? bombs[name]
    const made = forge?.(snapshots)
    const attack = made ? () => resumed(model, made) : all.get(name)
    let seen = await observed(attack)
    // A busy machine may hold a loop up by itself: it counts if it happens every time.
    for (let again = 0; again < 3 && seen.heldMs > MOST_MS; again++) seen = await observed(attack)
    const wanted = must[name.split('-')[0]]
    process.stdout.write(`${JSON.stringify({ name, right: right(seen) && (!wanted || seen.code === wanted), ...seen })}\n`)
  }
  // After all that it works as before.
  await resumed(model, snapshots.inpaint)
  const { running, queued } = await model.stats()
  if (running + queued > 0) throw new Error(`${running} runs under way, ${queued} waiting, after all have ended`)
  await model.close()
}

let deaths = 0

/** The lines of a process that tries these. One that dies or hangs is the fault of the attack without a line; another goes on behind it. */
async function inChild(names, told) {
  const tried = spawn(process.execPath, ['--expose-gc', self, '--child', ...names], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [text, errors] = ['', '']
  let timer
  const patience = () => {
    clearTimeout(timer)
    timer = setTimeout(() => tried.kill('SIGKILL'), PATIENCE_MS)
  }
  patience()
  tried.stderr.on('data', (data) => (errors += data))
  tried.stdout.on('data', (data) => {
    patience()
    text += data
    for (let end; (end = text.indexOf('\n')) >= 0; text = text.slice(end + 1)) told.push(JSON.parse(text.slice(0, end)))
  })
  const how = await new Promise((resolve) => tried.on('close', (code, signal) => resolve(signal ?? code)))
  clearTimeout(timer)
  const heard = new Set(told.map(({ name }) => name))
  const left = names.filter((name) => !heard.has(name))
  if (how === 0 && left.length === 0) return
  deaths++
  const why = errors.split('\n').find((line) => /error|fatal|terminate/i.test(line)) ?? errors.slice(0, 200)
  told.push({ name: left[0] ?? 'afterwards', right: false, code: `ended with ${how}`, message: why })
  if (left.length > 1 && deaths < MOST_DEATHS) await inChild(left.slice(1), told)
}

function namesOf() {
  const some = attacks(undefined, { inpaint: 0, generate: 0, chat: 0 })
  return [...some.keys()]
}

if (process.argv[2] === '--child') await child(process.argv.slice(3))
else {
  const asked = process.argv.slice(2)
  const names = asked.length > 0 ? asked : namesOf()
  const told = []
  await inChild(
    names.filter((name) => !(name in bombs)),
    told,
  )
  for (const name of names.filter((one) => one in bombs)) await inChild([name], told)
  const wrong = told.filter((one) => !one.right)
  for (const one of told)
    if (!one.name.startsWith('mutation-') || !one.right) console.log(one.right ? 'ok   ' : 'WRONG', JSON.stringify(one))
  const codes = {}
  for (const { name, code } of told) if (name.startsWith('mutation-')) codes[code] = (codes[code] ?? 0) + 1
  console.log(`${told.length - wrong.length} of ${told.length} right; mutations: ${JSON.stringify(codes)}`)
  process.exitCode = wrong.length > 0 ? 1 : 0
}
