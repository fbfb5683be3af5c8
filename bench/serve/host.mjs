// Processes beside the server of bench/serve.mjs, watched as it is: `timer` does nothing but keep time, `local` draws without HTTP.
import './probe.mjs'

const [kind] = process.argv.slice(2)

const work = {
  timer: async () => undefined,
  local: async () => {
    const { loadModel } = await import('../../dist/index.js')
    const model = await loadModel(undefined, { threads: 2, device: 'cpu' })
    // As many at once as clients would have, each to a file.
    const draw = async ({ requests, together }) => {
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
    process.on('message', async (message) => message.draw && process.send(await draw(message.draw)))
  },
}

await work[kind]()
process.send({ ready: true })
