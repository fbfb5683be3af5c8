// Every curl line of docs/serving.md, in its order, against the miniature; and every route has one.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { loadModel } from '../../lib/index.js'
import { serve } from './world.js'

const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/serving.md'), 'utf8')
const lines = [...page.matchAll(/^curl .+$/gm)].map(([line]) => line)

/** The text of a stream of a chat, or of a response. */
function textOf(stdout: string): string {
  if (!stdout.startsWith('data: ')) {
    const { output } = JSON.parse(stdout) as { output: readonly { readonly content: readonly { readonly text: string }[] }[] }
    return output[0]!.content[0]!.text
  }
  const chunks = [...stdout.matchAll(/^data: (\{.+)$/gm)].map(
    ([, json]) => JSON.parse(json!) as { readonly choices: readonly { readonly delta: { readonly content?: string } }[] },
  )
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
}

test('every curl line of the page is answered', { timeout: 300_000 }, async () => {
  expect(lines.length).toBeGreaterThan(30)
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { url } = await serve(model, { a1111: true, studio: false })
  const cwd = mkdtempSync(path.join(tmpdir(), 'dimoo-curl-'))
  const answers: [line: string, told: string, text: string][] = []
  for (const line of lines) {
    const command = line.replace('curl ', 'curl --fail-with-body -sS --noproxy "*" ').replaceAll('http://127.0.0.1:7860', url)
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd, maxBuffer: 64 * 2 ** 20 }).catch((error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string }
      throw new Error(`${line}\n${stdout}\n${stderr}`)
    })
    const [, told] = /There is a (\w+) circle/.exec(line) ?? []
    if (told !== undefined) answers.push([line, told, textOf(stdout)])
  }
  expect(answers.length).toBe(2)
  // What a reader of the page sees first of its texts should be right.
  for (const [line, told, text] of answers) expect([line, text.trim()]).toEqual([line, told])
  expect(readFileSync(path.join(cwd, 'circle.png')).subarray(1, 4).toString()).toBe('PNG')
})

test('every route has a curl line', async () => {
  const { ask } = await serve(await loadModel(), { a1111: true, studio: false })
  const { paths } = (await (await ask('/openapi.json')).json()) as { paths: Record<string, Record<string, unknown>> }
  const known = lines.map((line) => /7860(\/[^\s"?]*)/.exec(line)![1]!)
  const isShown = (route: string): boolean => {
    const pattern = new RegExp(`^${route.replace(/\{\w+\}|\*/g, '[^/]+')}$`)
    return known.some((place) => pattern.test(place))
  }
  // Lists that are empty, and what the list of models shows too.
  const left =
    /^\/sdapi\/v1\/(img2img|samplers|schedulers|options|upscalers|latent-upscale-modes|sd-vae|loras|embeddings)$|^\/v1\/models\/\{model\}$/
  expect(Object.keys(paths).filter((route) => !isShown(route) && !left.test(route))).toEqual([])
})
