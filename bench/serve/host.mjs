// A process that is watched by bench/serve.mjs: `server` serves the miniature, `timer` does nothing but keep time beside it, `local`
// draws without HTTP. Answers each message with what it has used since the last one.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const [kind, options = '{}'] = process.argv.slice(2)
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
let used = process.cpuUsage()

const work = {
  timer: async () => ({ ready: true }),
  server: async () => {
    const { loadModel } = await import('../../dist/index.js')
    const { createServer } = await import('../../dist/server/index.js')
    const app = createServer({ miniature: await loadModel(undefined, { threads: 2, device: 'cpu' }) }, JSON.parse(options))
    return { ready: true, url: await app.listen({ port: 0, host: '127.0.0.1' }) }
  },
  local: async () => {
    const { loadModel } = await import('../../dist/index.js')
    const model = await loadModel(undefined, { threads: 2, device: 'cpu' })
    // As many at once as clients would have, each to a file.
    draw = async ({ requests, together }) => {
      const files = []
      let next = 0
      const worker = async () => {
        while (next < requests.length) {
          const at = next++
          const { images } = await model.generate(requests[at], { delivery: 'none' }).result()
          files[at] = Buffer.from(await images[0].encode('png')).toString('base64')
        }
      }
      await Promise.all(Array.from({ length: together }, worker))
      return { files }
    }
    return { ready: true }
  },
}

let draw
process.send(await work[kind]())
process.on('message', async (message) => {
  if (message.draw) return process.send(await draw(message.draw))
  if (message.gc) globalThis.gc?.()
  const now = process.cpuUsage(used)
  used = process.cpuUsage()
  const report = {
    rss: process.memoryUsage.rss(),
    heap: process.memoryUsage().heapUsed,
    cpuMs: (now.user + now.system) / 1000,
    delayMs: { p50: delay.percentile(50) / 1e6 - 5, p99: delay.percentile(99) / 1e6 - 5, max: delay.max / 1e6 - 5 },
  }
  if (message.reset) delay.reset()
  process.send(report)
})
