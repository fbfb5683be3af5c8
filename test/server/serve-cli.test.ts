// `dimoo serve` as a process: flags and their variables, the end by a signal.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { asker } from './world.js'

const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js')

interface Serving {
  readonly child: ChildProcess
  readonly stderr: () => string
  readonly stdout: () => string
  readonly exit: Promise<number | null>
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Serving {
  const child = spawn(process.execPath, [main, 'serve', ...args], { env: { ...process.env, ...env } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (err += String(chunk)))
  return { child, stderr: () => err, stdout: () => out, exit: new Promise((resolve) => child.on('exit', (code) => resolve(code))) }
}

async function listening(serving: Serving): Promise<string> {
  for (;;) {
    const url = /serving \S+ at (http:\S+)/.exec(serving.stderr())?.[1]
    if (url !== undefined) return url
    if (serving.child.exitCode !== null) throw new Error(serving.stderr())
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('serves the miniature; a signal lets runs end, and nothing of a prompt is logged', async () => {
  const serving = start(['--port', '0'])
  const ask = asker(await listening(serving))
  const request = { prompt: 'a red circle, whispered', seed: 7, steps: 24 }
  const { events } = (await (await ask('/v1/runs', { json: { task: 'generate', request } })).json()) as { events: string }
  const following = await ask(events)
  serving.child.kill('SIGTERM')
  expect(await following.text()).toMatch(/event: done\n/)
  expect(await serving.exit).toBe(0)
  expect(serving.stdout()).toMatch(/"route":"\/v1\/runs","status":202/)
  expect(serving.stdout() + serving.stderr()).not.toMatch(/whispered/)
})

test('a second signal ends at once', async () => {
  const serving = start(['--port', '0', '--drain-ms', '600000'])
  const ask = asker(await listening(serving))
  await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x', steps: 1000 }, detach: true } })
  serving.child.kill('SIGTERM')
  while (!/ending/.test(serving.stderr())) await new Promise((resolve) => setTimeout(resolve, 20))
  serving.child.kill('SIGTERM')
  expect(await serving.exit).toBe(130)
})

test('flags are variables too; keys let in; what is wrong is said before the model is loaded', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-keys-'))
  const keys = path.join(folder, 'keys.txt')
  writeFileSync(keys, '# mine\nme 0123456789abcdef rate=60\n')
  const serving = start([], {
    DIMOO_PORT: '0',
    DIMOO_HOST: '0.0.0.0',
    DIMOO_API_KEY_FILE: keys,
    DIMOO_STUDIO: 'false',
    DIMOO_MAX_STEPS: '8',
  })
  const ask = asker((await listening(serving)).replace('0.0.0.0', '127.0.0.1'))
  expect((await ask('/v1/info')).status).toBe(401)
  const headers = { authorization: 'Bearer 0123456789abcdef' }
  expect((await ask('/v1/info', { headers })).status).toBe(200)
  const refused = await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x', steps: 9 } }, headers })
  expect(await refused.json()).toMatchObject({ error: { message: 'generate: steps must be at most 8 here, got 9', param: 'steps' } })

  writeFileSync(keys, 'me short\n')
  const none = path.join(folder, 'none.txt')
  writeFileSync(none, '# nobody yet\n')
  for (const [args, env, message] of [
    [['--host', '0.0.0.0'], {}, /host must be loopback .* got '0\.0\.0\.0'.*--insecure/],
    [[], { DIMOO_PORT: 'http' }, /port must be an integer from 0 to 65535, got 'http'/],
    [[], { DIMOO_INSECURE: 'maybe' }, /DIMOO_INSECURE: expected true or false, got 'maybe'/],
    [['--api-key-file', '/nowhere/keys'], {}, /--api-key-file: '\/nowhere\/keys' cannot be read \(ENOENT\)/],
    [['--api-key-file', none], {}, /api keys: expected at least one line "name key", got none/],
    [['--api-key-file', keys], {}, /apiKeys\[0\]\.key must be 16 to 512 printable characters/],
    [['--max-queue', '0'], {}, /maxQueue must be .*, got 0/],
  ] as const) {
    const wrong = start([...args], env)
    expect(await wrong.exit, String(message)).toBe(2)
    expect(wrong.stderr()).toMatch(message)
    expect(wrong.stderr()).not.toMatch(/short/)
  }
  const { port } = new URL(await listening(serving))
  const taken = start(['--port', port])
  expect(await taken.exit).toBe(2)
  expect(taken.stderr()).toMatch(new RegExp(`port ${port} of 127.0.0.1 is taken`))
})
