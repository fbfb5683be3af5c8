// How fast `pull` is: 1 GB over loopback, verified by SHA-256 and written to the cache, against `curl | sha256sum` of the same file from the
// same server (which writes nothing). A server in a process of its own answers as the Hub does: revision, tree, a redirect, ranges.
//   node bench/hub.mjs [gigabytes 1] [repetitions 5]
// Prints one JSON object: seconds of each, in turns, and the ratio of medians (above 1: pull is faster).
import { createHash, randomFillSync } from 'node:crypto'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './driver.mjs'

const COMMIT = '1'.repeat(40)
const script = fileURLToPath(import.meta.url)

if (process.argv[2] === '--serve') await serve(Number(process.argv[3]))
else await measure(Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 5))

async function serve(bytes) {
  const block = randomFillSync(Buffer.alloc(16 * 1024 * 1024))
  const hash = createHash('sha256')
  for (let at = 0; at < bytes; at += block.length) hash.update(block.subarray(0, Math.min(block.length, bytes - at)))
  const sha256 = hash.digest('hex')
  const json = (response, value) => response.end(JSON.stringify(value))
  const tree = [{ type: 'file', path: 'x.gguf', size: bytes, oid: '2'.repeat(40), lfs: { oid: sha256, size: bytes } }]
  const server = createServer((request, response) => {
    const { url, headers } = request
    if (url.includes('/revision/')) return json(response, { sha: COMMIT })
    if (url.includes('/tree/')) return json(response, tree)
    if (url.includes('/resolve/')) {
      response.writeHead(302, { location: `http://${headers.host}/blob`, 'x-linked-etag': `"${sha256}"`, 'x-linked-size': bytes })
      return response.end()
    }
    const [, from = 0, to = bytes - 1] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? []
    response.writeHead(headers.range ? 206 : 200, {
      'content-length': Number(to) - Number(from) + 1,
      ...(headers.range && { 'content-range': `bytes ${from}-${to}/${bytes}` }),
    })
    void send(response, block, Number(from), Number(to) + 1)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log(server.address().port)
}

async function send(response, block, from, to) {
  for (let at = from; at < to;) {
    const start = at % block.length
    const chunk = block.subarray(start, Math.min(start + 1024 * 1024, block.length, start + to - at))
    if (!response.write(chunk)) await once(response, 'drain')
    at += chunk.length
  }
  response.end()
}

async function measure(gigabytes, repetitions) {
  const bytes = Math.round(gigabytes * 1e9)
  const server = spawn(process.execPath, [script, '--serve', String(bytes)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = await once(server.stdout, 'data')
  const endpoint = `http://127.0.0.1:${String(port).trim()}`
  const seconds = { curl: [], pull: [] }
  try {
    for (let i = 0; i < repetitions; i++) {
      const start = performance.now()
      execFileSync('bash', ['-c', `set -o pipefail; curl -sSL ${endpoint}/o/r/resolve/main/x.gguf | sha256sum`], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      seconds.curl.push((performance.now() - start) / 1000)
      const cache = mkdtempSync(path.join(os.tmpdir(), 'dimoo-bench-'))
      seconds.pull.push(pulled(endpoint, cache))
      rmSync(cache, { recursive: true })
    }
  } finally {
    server.kill()
  }
  const [curl, pull] = [median(seconds.curl), median(seconds.pull)]
  console.log(
    JSON.stringify({
      bytes,
      processor: os.cpus()[0].model,
      threads: os.availableParallelism(),
      load: os.loadavg()[0],
      curlSeconds: curl,
      pullSeconds: pull,
      ratio: curl / pull,
      seconds,
    }),
  )
}

/** In a process of its own, as the other; its start is not counted in either. */
function pulled(endpoint, cache) {
  const code = `
    import { pull } from ${JSON.stringify(new URL('../dist/hub/index.js', import.meta.url).href)}
    const start = performance.now()
    await pull('o/r', ${JSON.stringify({ endpoint, cache })})
    console.log((performance.now() - start) / 1000)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }))
}
